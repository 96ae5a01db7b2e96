//! Hands the report to its destinations. Delivery is no action: it happens in plan mode too, and never in a dry run.

use std::collections::BTreeSet;

use lamplighter_aws::Session;
use lamplighter_aws::ses::Mailer;
use lamplighter_config::MailPolicy;
use lamplighter_core::{
    ActionOutcome, Delivery, DeliveryOutcome, Error, Result, Run, RunOutcome, chain,
};
use lamplighter_mail::{Address, Message};
use lamplighter_report::{Format, Options, render, subject};

use crate::round::suppressed;
use crate::settings::Settings;

/// Mails the report of `run`, if it is worth a mail. `last` is the last recorded run, if there is a state.
pub async fn deliver(
    settings: &Settings,
    session: &Session,
    run: &Run,
    last: Option<&Run>,
    has_state: bool,
) -> Delivery {
    let config = &settings.config;
    let (policy, to) = config.mail_of(&run.function);
    let Some(from) = config.report.from.as_deref() else {
        return suppressed("`[report] from` is empty");
    };
    if to.is_empty() {
        return suppressed("`to` is empty");
    }
    match policy {
        MailPolicy::Never => return suppressed("`mail = \"never\"`"),
        MailPolicy::Changes if has_state && !has_changed(run, last) => {
            return suppressed("nothing changed since the last run");
        }
        MailPolicy::Changes if !has_state && !has_news(run) => {
            return suppressed("nothing to report");
        }
        MailPolicy::Changes | MailPolicy::Always => {}
    }
    let sent = match compose(run, from, to) {
        Ok(message) => Mailer::new(session).send(&message).await,
        Err(error) => Err(error),
    };
    match sent {
        Ok(()) => Delivery {
            destination: "mail".to_owned(),
            outcome: DeliveryOutcome::Delivered,
            reason: None,
        },
        Err(error) => Delivery {
            destination: "mail".to_owned(),
            outcome: DeliveryOutcome::Failed,
            reason: Some(chain(&error)),
        },
    }
}

/// The report as a message: text and HTML with the same content.
fn compose(run: &Run, from: &str, to: &[String]) -> Result<Message> {
    let address = |text: &str| {
        Address::parse(text)
            .map_err(|error| Error::config("cannot use an address of the report").caused_by(error))
    };
    let options = Options {
        all: false,
        colour: false,
        width: 80,
    };
    Ok(Message {
        from: address(from)?,
        to: to.iter().map(|to| address(to)).collect::<Result<_>>()?,
        subject: subject(run),
        text: render(run, Format::Text, &options),
        html: render(run, Format::Html, &options),
        attachments: vec![],
        list_id: Some(format!("{}.lamplighter", run.function)),
        message_id: Some(run.run_id.clone()),
        date: run.finished_at,
    })
}

/// Whether a run says anything at all.
fn has_news(run: &Run) -> bool {
    run.has_findings() || !run.errors.is_empty() || !run.actions.is_empty()
}

/// Whether a run says anything that the last one did not, or whose mail never left.
fn has_changed(run: &Run, last: Option<&Run>) -> bool {
    let Some(last) = last else {
        return has_news(run);
    };
    let was_lost = last
        .deliveries
        .iter()
        .any(|delivery| delivery.outcome == DeliveryOutcome::Failed);
    let fingerprints = |run: &Run| -> BTreeSet<String> {
        run.problems()
            .map(|finding| finding.fingerprint.clone())
            .collect()
    };
    let errors = |run: &Run| -> BTreeSet<(String, String)> {
        run.errors
            .iter()
            .map(|row| (row.scope.clone(), row.message.clone()))
            .collect()
    };
    // What was tried is news; what is only planned, again and again until somebody applies it, is not.
    let was_tried = run
        .actions
        .iter()
        .any(|row| row.outcome != ActionOutcome::Planned);
    let planned = |run: &Run| -> BTreeSet<(String, String)> {
        let rows = run
            .actions
            .iter()
            .filter(|row| row.outcome == ActionOutcome::Planned);
        rows.map(|row| (row.resource.clone(), row.action.to_string()))
            .collect()
    };
    was_lost
        || was_tried
        || run.outcome != last.outcome
            && (run.outcome != RunOutcome::Ok || last.outcome != RunOutcome::Ok)
        || run.would_refuse.is_some() != last.would_refuse.is_some()
        || fingerprints(run) != fingerprints(last)
        || errors(run) != errors(last)
        || planned(run) != planned(last)
}
