//! Posts to a URL that is a secret: whoever has it can write to the channel, or keep an alarm silent.
//!
//! So nothing here shows it, and no error of the HTTP client is passed on as it is. Redirects are not followed: the
//! text would go to somebody who was not configured.

use std::time::Duration;

use aws_smithy_http_client::default_connector;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use lamplighter_core::{Error, Result};

/// How long it waits before the second attempt; twice as long before the third.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// A client, and how patient it is.
#[derive(Clone, Debug)]
pub(crate) struct Poster {
    pub(crate) connector: SharedHttpConnector,
    /// What is called, for messages: `the webhook`.
    pub(crate) who: &'static str,
    /// The key that holds the URL, for messages.
    pub(crate) key: &'static str,
    /// How often it is tried where that may help.
    pub(crate) attempts: u32,
    /// How long one attempt may take.
    pub(crate) attempt_timeout: Duration,
}

/// Why an attempt failed, and whether another one may help.
struct Fault {
    reason: String,
    is_passing: bool,
}

/// A client with the TLS of the SDK. Timeouts are ours: one for the whole attempt.
pub(crate) fn connector() -> Option<SharedHttpConnector> {
    default_connector(&HttpConnectorSettings::builder().build(), None)
}

impl Poster {
    /// Posts `body`. A retry after a lost answer may post it twice: twice is better than not at all.
    pub(crate) async fn post(
        &self,
        url: &str,
        content_type: &'static str,
        body: &str,
    ) -> Result<()> {
        let mut wait = FIRST_WAIT;
        let mut attempt = 1;
        loop {
            match self.attempt(url, content_type, body).await {
                Ok(()) => return Ok(()),
                Err(fault) if fault.is_passing && attempt < self.attempts => {
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

    async fn attempt(
        &self,
        url: &str,
        content_type: &'static str,
        body: &str,
    ) -> Result<(), Fault> {
        let who = self.who;
        let request = self.request(url, content_type, body)?;
        let answer = tokio::time::timeout(self.attempt_timeout, self.connector.call(request)).await;
        let passing = |reason: String| Fault {
            reason,
            is_passing: true,
        };
        let answer = match answer {
            Err(_) => return Err(passing(format!("{who} did not answer in time"))),
            Ok(Err(error)) if error.is_timeout() => {
                return Err(passing(format!("{who} did not answer in time")));
            }
            Ok(Err(_)) => return Err(passing(format!("no connection to {who}"))),
            Ok(Ok(answer)) => answer,
        };
        match answer.status().as_u16() {
            200..=299 => Ok(()),
            status @ 300..=399 => Err(Fault {
                reason: format!("{who} answered {status}, and redirects are not followed"),
                is_passing: false,
            }),
            status @ (408 | 429 | 500..=599) => Err(passing(format!("{who} answered {status}"))),
            status => Err(Fault {
                reason: format!("{who} answered {status}"),
                is_passing: false,
            }),
        }
    }

    fn request(
        &self,
        url: &str,
        content_type: &'static str,
        body: &str,
    ) -> Result<HttpRequest, Fault> {
        let unusable = || Fault {
            reason: format!("`{}` is no URL that can be called", self.key),
            is_passing: false,
        };
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST").map_err(|_| unusable())?;
        request.set_uri(url).map_err(|_| unusable())?;
        let headers = request.headers_mut();
        headers.insert("content-type", content_type);
        headers.insert("user-agent", "lamplighter");
        Ok(request)
    }
}
