//! Gets the credential report, through every state it can be in.
//!
//! ```text
//! Generate ── COMPLETE ─────────────────────────> Get ── 200 ──> the report
//!    │  └──── STARTED, INPROGRESS, LimitExceeded ─> Get ── ReportInProgress ──> wait, Get again
//!    └──────────── wait <── ReportNotPresent, ReportExpired ──┘
//! ```
//!
//! Asking for a new one first costs one call and is never wrong: AWS answers COMPLETE while the last one is younger
//! than four hours. Two calls for a report that is there, five for one that takes its time.

use std::time::Duration;

use aws_sdk_iam::error::SdkError;
use aws_sdk_iam::types::ReportStateType;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use lamplighter_core::{Error, Result};
use tokio::time::{Instant, sleep};

use super::credential_report::{self, Report};
use super::{Reader, time};
use crate::error::{code_of, explain};

/// The first wait; each later one is twice as long, up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// The longest wait between two calls.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

impl Reader {
    /// The credential report, not older than AWS makes them. Without it nothing can be said about any user, so every
    /// end but the report itself is an error.
    pub async fn credential_report(&self, longest: Duration) -> Result<Report> {
        let mut patience = Patience {
            until: Instant::now() + longest,
            wait: FIRST_WAIT,
            longest,
        };
        loop {
            let state = match self.client.generate_credential_report().send().await {
                Ok(answer) => match answer.state() {
                    Some(state) => state.as_str().to_owned(),
                    None => ReportStateType::Started.as_str().to_owned(),
                },
                // Too many asked at once. Somebody's report is on its way, or there already.
                Err(error) if is(&error, "LimitExceeded") => "LimitExceeded".to_owned(),
                Err(error) => return Err(explain("iam:GenerateCredentialReport", error)),
            };
            if state != ReportStateType::Complete.as_str() {
                patience.wait(&state).await?;
            }
            loop {
                match self.client.get_credential_report().send().await {
                    Ok(answer) => {
                        let made = answer.generated_time().and_then(time).ok_or_else(|| {
                            Error::permanent("the credential report does not say when it was made")
                        })?;
                        let content = answer.content.unwrap_or_default().into_inner();
                        let text = String::from_utf8(content).map_err(|error| {
                            Error::permanent("the credential report is not UTF-8").caused_by(error)
                        })?;
                        return credential_report::parse(&text, made).map_err(|why| {
                            Error::permanent(format!("cannot read the credential report: {why}"))
                        });
                    }
                    // The SDK's own name for the code is `ReportInProgress`.
                    Err(error) if is(&error, "ReportInProgress") => {
                        patience.wait("ReportInProgress").await?;
                    }
                    Err(error) if is(&error, "ReportNotPresent") => {
                        patience.wait("ReportNotPresent").await?;
                        break;
                    }
                    Err(error) if is(&error, "ReportExpired") => {
                        patience.wait("ReportExpired").await?;
                        break;
                    }
                    Err(error) => return Err(explain("iam:GetCredentialReport", error)),
                }
            }
        }
    }
}

fn is<E: ProvideErrorMetadata>(
    error: &SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>,
    code: &str,
) -> bool {
    code_of(error) == Some(code)
}

/// How much longer to wait.
struct Patience {
    until: Instant,
    wait: Duration,
    longest: Duration,
}

impl Patience {
    /// Waits a little longer than the last time, or gives up.
    async fn wait(&mut self, state: &str) -> Result<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::transient(format!(
                "the credential report was not ready within {} s, its last state was `{state}`",
                self.longest.as_secs()
            ))
            .hint("run it again, or raise `report_timeout_secs`"));
        }
        sleep(self.wait.min(left)).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        Ok(())
    }
}
