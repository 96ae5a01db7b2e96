//! Posts a short text to a webhook, as Slack and what is compatible with it take it: `{"text": "…"}`.

use std::time::Duration;

use lamplighter_config::Secret;
use lamplighter_core::{Error, Result};
use serde_json::json;

use crate::post::{Poster, connector};

/// One webhook. Not made in a dry run.
#[derive(Debug)]
pub struct Webhook {
    poster: Poster,
    url: Secret,
}

impl Webhook {
    /// The webhook at `url`.
    pub fn new(url: &Secret) -> Result<Self> {
        let connector = connector()
            .ok_or_else(|| Error::permanent("there is no HTTP client for the webhook"))?;
        Ok(Self {
            poster: Poster {
                connector,
                who: "the webhook",
                key: "[report] webhook",
                attempts: 3,
                attempt_timeout: Duration::from_secs(10),
            },
            url: url.clone(),
        })
    }

    /// Posts `text`. A retry after a lost answer may post it twice: twice is better than not at all.
    pub async fn post(&self, text: &str) -> Result<()> {
        let body = json!({ "text": text }).to_string();
        let json = "application/json; charset=utf-8";
        self.poster.post(self.url.expose(), json, &body).await
    }
}
