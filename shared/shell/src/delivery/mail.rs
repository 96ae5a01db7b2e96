//! The report by mail: one message for each owner who is known, and one for the security contact with the rest.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use lamplighter_aws::Session;
use lamplighter_aws::ses::Mailer;
use lamplighter_config::MailPolicy;
use lamplighter_core::{Delivery, DeliveryOutcome, Error, Result, Run, chain};
use lamplighter_mail::{Address, Attachment, Message};
use lamplighter_report::{Mailable, render_for_mail, subject};

use super::news::{News, is_digest_due, next_digest, was_tried};
use super::{Delivered, outcome, owners, suppressed};
use crate::settings::Settings;

/// The mail to the security contact.
const MAIL: &str = "mail";

/// The mails to owners, together.
const OWNERS: &str = "mail to owners";

/// SES takes messages of 40 MB, in which a table is a third longer than it is.
/// <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>
const MOST_TABLE_BYTES: usize = 24_000_000;

/// Mails the report of `run` to whom it concerns, if it is worth a mail.
pub(super) async fn deliver(
    settings: &Settings,
    session: &Session,
    run: &Run,
    last: Option<&Run>,
) -> Delivered {
    let config = &settings.config;
    let (policy, to) = config.mail_of(&run.function);
    let before = last.and_then(|last| last.digested_on);
    let nothing = |reason: &str| Delivered {
        deliveries: vec![suppressed(MAIL, reason)],
        digested_on: before,
    };
    let Some(from) = config.report.from.as_deref() else {
        return nothing("`[report] from` is empty");
    };
    if policy == MailPolicy::Never {
        return nothing("`mail = \"never\"`");
    }
    if to.is_empty() && !config.report.to_owners {
        return nothing("`to` is empty");
    }
    let today = run.started_at.date_naive();
    let day = config.report.digest_day;
    let is_digest = policy == MailPolicy::Changes
        && run.delta.is_some()
        && day.is_some_and(|day| is_digest_due(day, today, before));
    let post = Post {
        mailer: Mailer::new(session),
        from,
        is_wanted: is_digest || policy == MailPolicy::Always,
        heartbeat: day
            .filter(|_| is_digest)
            .map(|day| heartbeat(run, next_digest(day, today))),
    };

    let mut deliveries = Vec::new();
    let mut rest = None;
    let mut last_rest = None;
    if config.report.to_owners {
        let (row, unreached) = post.to_owners(run, last).await;
        deliveries.extend(row);
        rest = Some(owners::rest(run, &unreached));
        last_rest = last.map(|last| owners::rest(last, &BTreeSet::new()));
    }
    let rest = rest.as_ref().unwrap_or(run);
    let news = News::of_part(rest, last_rest.as_ref().or(last), last);
    deliveries.push(match news.reason_for(MAIL) {
        _ if to.is_empty() => suppressed(MAIL, "`to` is empty"),
        Err(why) if !post.is_wanted => suppressed(MAIL, why),
        _ => outcome(MAIL, post.to_contact(rest, to).await),
    });
    let is_sent = |wanted| {
        deliveries
            .iter()
            .any(|row: &Delivery| row.outcome == wanted)
    };
    let is_digested =
        is_digest && is_sent(DeliveryOutcome::Delivered) && !is_sent(DeliveryOutcome::Failed);
    Delivered {
        digested_on: if is_digested { Some(today) } else { before },
        deliveries,
    }
}

/// What a full report says even when there is nothing else to say.
fn heartbeat(run: &Run, next: Option<NaiveDate>) -> String {
    let next = next.map_or_else(String::new, |next| {
        format!(
            "; if none comes on or after {}, something is wrong",
            next.format("%A %Y-%m-%d")
        )
    });
    format!(
        "heartbeat: `{}` runs, and this full report comes every week even when nothing changed{next}",
        run.function
    )
}

/// What all mails of a run have in common.
struct Post<'a> {
    mailer: Mailer,
    from: &'a str,
    /// Whether it is sent even without news.
    is_wanted: bool,
    heartbeat: Option<String>,
}

impl Post<'_> {
    /// Writes to every owner who has news, and answers whose message could not be sent: the security contact hears of
    /// theirs instead.
    async fn to_owners(
        &self,
        run: &Run,
        last: Option<&Run>,
    ) -> (Option<Delivery>, BTreeSet<String>) {
        let was_lost = News::of(run, last).was_lost(OWNERS);
        let all = owners::of_each(run);
        let (mut sent, mut unreached) = (0, BTreeSet::new());
        let mut first_reason = None;
        let count = all.len();
        for (index, owned) in all.into_iter().enumerate() {
            let is_news = match &owned.run.delta {
                Some(delta) => delta.is_news() || was_tried(&owned.run),
                None => true,
            };
            if !is_news && !was_lost && !self.is_wanted {
                continue;
            }
            let id = format!("{}.owner-{}", run.run_id, index + 1);
            let email = owned.address.email();
            let message = self.compose(&owned.run, vec![owned.address], id);
            match self.send(message).await {
                Ok(()) => sent += 1,
                Err(error) => {
                    unreached.insert(email);
                    first_reason.get_or_insert_with(|| chain(&error));
                }
            }
        }
        let row = match (count, first_reason) {
            (0, _) => None,
            (_, Some(reason)) => Some(Delivery {
                destination: OWNERS.to_owned(),
                outcome: DeliveryOutcome::Failed,
                reason: Some(format!(
                    "{} of {} messages could not be sent: {reason}",
                    unreached.len(),
                    unreached.len() + sent
                )),
            }),
            (_, None) if sent == 0 => {
                Some(suppressed(OWNERS, "nothing changed since the last run"))
            }
            (_, None) => Some(outcome(OWNERS, Ok(()))),
        };
        (row, unreached)
    }

    /// Writes to the security contact.
    async fn to_contact(&self, run: &Run, to: &[String]) -> Result<()> {
        let to = to.iter().map(|to| address(to)).collect::<Result<_>>()?;
        self.send(self.compose(run, to, run.run_id.clone())).await
    }

    async fn send(&self, message: Result<Message>) -> Result<()> {
        for message in message?.split() {
            self.mailer.send(&message).await?;
        }
        Ok(())
    }

    /// The report as a message: text and HTML with the same content, and a table of everything.
    fn compose(&self, run: &Run, to: Vec<Address>, id: String) -> Result<Message> {
        // What no report lists is not copied: there may be tens of thousands.
        let mut run = Run {
            findings: owners::listed(run).cloned().collect(),
            ..run.problems_only()
        };
        let mut subject = subject(&run);
        if let Some(heartbeat) = &self.heartbeat {
            run.notes.insert(0, heartbeat.clone());
            subject.push_str(" (weekly report)");
        }
        let Mailable {
            text,
            html,
            csv,
            is_cut,
        } = fitting(&mut run);
        // Where text and HTML speak of the attached table, it is attached.
        let has_rows =
            is_cut || !run.findings.is_empty() || !run.actions.is_empty() || !run.errors.is_empty();
        let table = has_rows.then(|| Attachment {
            name: format!("{}-{}.csv", run.function, run.started_at.format("%Y-%m-%d")),
            content_type: "text/csv".to_owned(),
            bytes: csv.into_bytes(),
        });
        Ok(Message {
            from: address(self.from)?,
            to,
            subject,
            text,
            html,
            attachments: table.into_iter().collect(),
            list_id: Some(format!("{}.lamplighter", run.function)),
            message_id: Some(id),
            date: run.finished_at,
        })
    }
}

/// The report with a table that a mail can carry.
fn fitting(run: &mut Run) -> Mailable {
    let mut mailable = render_for_mail(run);
    if mailable.csv.len() > MOST_TABLE_BYTES {
        run.notes.push(format!(
            "the attached table ends after {} MB: `--format csv` gives the whole of it",
            MOST_TABLE_BYTES / 1_000_000
        ));
        mailable = render_for_mail(run);
        let end = mailable.csv.floor_char_boundary(MOST_TABLE_BYTES);
        let end = mailable.csv[..end].rfind('\n').map_or(end, |at| at + 1);
        mailable.csv.truncate(end);
    }
    mailable
}

fn address(text: &str) -> Result<Address> {
    Address::parse(text)
        .map_err(|error| Error::config("cannot use an address of the report").caused_by(error))
}
