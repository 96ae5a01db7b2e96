//! Hands the report to its destinations. Delivery is no action: it happens in plan mode too, and never in a dry run.
//!
//! | Module | Does |
//! | --- | --- |
//! | [`news`] | whether a run is worth a report |
//! | [`owners`] | which findings belong to whom |
//! | [`mail`] | the report by mail, to owners and to the security contact |
//! | [`short`] | the report in a few lines, for a chat |
//!
//! Each destination is tried whatever became of the others, and one that failed gets the next report even if nothing
//! has changed until then.

mod mail;
mod news;
mod owners;
mod short;
#[cfg(test)]
mod tests;

use chrono::NaiveDate;
use lamplighter_aws::Session;
use lamplighter_aws::sns::Topic;
use lamplighter_aws::webhook::Webhook;
use lamplighter_core::{Delivery, DeliveryOutcome, Result, Run, chain};
use lamplighter_report::{Format, Options, render, subject};

use crate::settings::Settings;
use news::News;

/// Short texts to a chat.
const WEBHOOK: &str = "webhook";

/// An SNS topic.
const TOPIC: &str = "topic";

/// What became of the report.
pub struct Delivered {
    /// One for each destination.
    pub deliveries: Vec<Delivery>,
    /// The day of the last full report by mail.
    pub digested_on: Option<NaiveDate>,
}

/// Delivers the report of `run` to everybody who wants it. `last` is the last recorded run; `run` knows its delta where
/// there is a state.
pub async fn deliver(
    settings: &Settings,
    session: &Session,
    run: &Run,
    last: Option<&Run>,
) -> Delivered {
    let report = &settings.config.report;
    let mut delivered = mail::deliver(settings, session, run, last).await;
    let news = News::of(run, last);
    if let Some(url) = &report.webhook {
        let row = match news.reason_for(WEBHOOK) {
            Err(why) => suppressed(WEBHOOK, why),
            Ok(()) => {
                let posted = match Webhook::new(url) {
                    Ok(webhook) => webhook.post(&short::text(run)).await,
                    Err(error) => Err(error),
                };
                outcome(WEBHOOK, posted)
            }
        };
        delivered.deliveries.push(row);
    }
    if let Some(arn) = &report.topic {
        let row = match news.reason_for(TOPIC) {
            Err(why) => suppressed(TOPIC, why),
            Ok(()) => {
                let text = render(run, Format::Text, &Options::default());
                let topic = Topic::new(session, arn);
                let published = topic
                    .publish(&subject(run), &text, &run.function, &run.run_id)
                    .await;
                outcome(TOPIC, published)
            }
        };
        delivered.deliveries.push(row);
    }
    delivered
}

/// What became of a delivery that was tried.
fn outcome(destination: &str, tried: Result<()>) -> Delivery {
    let (outcome, reason) = match tried {
        Ok(()) => (DeliveryOutcome::Delivered, None),
        Err(error) => (DeliveryOutcome::Failed, Some(chain(&error))),
    };
    Delivery {
        destination: destination.to_owned(),
        outcome,
        reason,
    }
}

/// A delivery that did not have to happen.
fn suppressed(destination: &str, reason: &str) -> Delivery {
    Delivery {
        destination: destination.to_owned(),
        outcome: DeliveryOutcome::Suppressed,
        reason: Some(reason.to_owned()),
    }
}
