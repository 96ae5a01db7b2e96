//! Posts a short text to a webhook, as Slack and what is compatible with it take it: `{"text": "…"}`.
//!
//! The URL is a secret: whoever has it can write to the channel. So nothing here shows it, and no error of the HTTP
//! client is passed on as it is. Redirects are not followed: the text would go to somebody who was not configured.

use std::time::Duration;

use aws_smithy_http_client::default_connector;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use lamplighter_config::Secret;
use lamplighter_core::{Error, Result};
use serde_json::json;

/// How often it is tried: once, and two more times where that may help.
const ATTEMPTS: u32 = 3;

/// How long one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long it waits before the second attempt; twice as long before the third.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// One webhook. Not made in a dry run.
#[derive(Debug)]
pub struct Webhook {
    connector: SharedHttpConnector,
    url: Secret,
}

/// Why an attempt failed, and whether another one may help.
struct Fault {
    reason: String,
    is_passing: bool,
}

impl Webhook {
    /// The webhook at `url`.
    pub fn new(url: &Secret) -> Result<Self> {
        // Timeouts are ours: one for the whole attempt.
        let settings = HttpConnectorSettings::builder().build();
        let connector = default_connector(&settings, None)
            .ok_or_else(|| Error::permanent("there is no HTTP client for the webhook"))?;
        Ok(Self {
            connector,
            url: url.clone(),
        })
    }

    /// Posts `text`. A retry after a lost answer may post it twice: twice is better than not at all.
    pub async fn post(&self, text: &str) -> Result<()> {
        let body = json!({ "text": text }).to_string();
        let mut wait = FIRST_WAIT;
        let mut attempt = 1;
        loop {
            match self.attempt(&body).await {
                Ok(()) => return Ok(()),
                Err(fault) if fault.is_passing && attempt < ATTEMPTS => {
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                    attempt += 1;
                }
                Err(fault) if fault.is_passing => {
                    return Err(Error::transient(format!(
                        "{} until the last attempt",
                        fault.reason
                    )));
                }
                Err(fault) => return Err(Error::permanent(fault.reason)),
            }
        }
    }

    async fn attempt(&self, body: &str) -> Result<(), Fault> {
        let request = self.request(body)?;
        let answer = tokio::time::timeout(ATTEMPT_TIMEOUT, self.connector.call(request)).await;
        let passing = |reason: &str| Fault {
            reason: reason.to_owned(),
            is_passing: true,
        };
        let answer = match answer {
            Err(_) => return Err(passing("the webhook did not answer in time")),
            Ok(Err(error)) if error.is_timeout() => {
                return Err(passing("the webhook did not answer in time"));
            }
            Ok(Err(_)) => return Err(passing("no connection to the webhook")),
            Ok(Ok(answer)) => answer,
        };
        match answer.status().as_u16() {
            200..=299 => Ok(()),
            status @ 300..=399 => Err(Fault {
                reason: format!("the webhook answered {status}, and redirects are not followed"),
                is_passing: false,
            }),
            status @ (408 | 429 | 500..=599) => {
                Err(passing(&format!("the webhook answered {status}")))
            }
            status => Err(Fault {
                reason: format!("the webhook answered {status}"),
                is_passing: false,
            }),
        }
    }

    fn request(&self, body: &str) -> Result<HttpRequest, Fault> {
        let unusable = || Fault {
            reason: "`[report] webhook` is no URL that can be called".to_owned(),
            is_passing: false,
        };
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST").map_err(|_| unusable())?;
        request.set_uri(self.url.expose()).map_err(|_| unusable())?;
        let headers = request.headers_mut();
        headers.insert("content-type", "application/json; charset=utf-8");
        headers.insert("user-agent", "lamplighter");
        Ok(request)
    }
}
