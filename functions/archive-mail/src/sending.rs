//! Sends a copy of an archived mail on, at least once.
//!
//! No answer of SES can be taken back or asked for again, so before a copy is sent it is written down that somebody is at
//! it, and after that that it was sent. A crash in between sends it a second time, a quarter of an hour later; anything
//! else sends it once.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_aws::Session;
use lamplighter_aws::s3::{Condition, Head, Put, Reader, Writer};
use lamplighter_aws::ses::Mailer;
use lamplighter_core::{Error, ErrorKind, Outcome, Result, chain};
use lamplighter_mail::{Address, Message, Notice, NoticeRow};
use lamplighter_shell::clock::Clock;

use crate::action::Copy;
use crate::apply::outcome_of;
use crate::dissect::{Headers, Limits, dissect};
use crate::forward::{self, CLAIMED, FAILED, SENT, STATE};
use crate::links::Linker;

/// How long a claim holds: longer than a Lambda may run.
const LEASE: TimeDelta = TimeDelta::minutes(16);

/// The metadata that says since when.
const SINCE: &str = "lamplighter-since";

/// The largest object that is read.
const MOST_BYTES: u64 = 128 * 1024 * 1024;

/// Sends copies on.
pub(crate) struct Sender {
    session: Arc<Session>,
    reader: Reader,
    writer: Writer,
    mailer: Mailer,
    limits: Limits,
    clock: Clock,
}

impl Sender {
    pub(crate) fn new(session: &Arc<Session>, clock: Clock, limits: &Limits) -> Self {
        Self {
            session: Arc::clone(session),
            reader: Reader::new(session, None),
            writer: Writer::new(session, None),
            mailer: Mailer::new(session),
            limits: limits.clone(),
            clock,
        }
    }

    /// Sends a copy on, unless that was done.
    pub(crate) async fn send_on(&self, copy: &Copy) -> Outcome {
        match self.try_to_send(copy).await {
            Ok(outcome) => outcome,
            Err(error) => outcome_of(&error),
        }
    }

    async fn try_to_send(&self, copy: &Copy) -> Result<Outcome> {
        let now = (self.clock)();
        let there = self
            .reader
            .head(&copy.bucket, &copy.forwarded_key, None)
            .await?;
        let condition = match there.as_ref().map(|there| standing(there, now)) {
            None => Condition::Absent,
            Some(Standing::Sent) => {
                return Ok(Outcome::Vetoed("it was sent on already".to_owned()));
            }
            Some(Standing::GoingOn) => {
                return Ok(Outcome::Failed("another run is sending it on".to_owned()));
            }
            Some(Standing::Open(etag)) => Condition::Matches(etag),
        };
        let Some(object) = self
            .reader
            .get(&copy.bucket, &copy.raw_key, None, None, MOST_BYTES)
            .await?
        else {
            return Ok(Outcome::Vanished);
        };
        let (bytes, is_notice) = self.compose(copy, object.bytes, now).await?;
        let claim = self.note(copy, CLAIMED, now, condition).await?;
        let sender = Address::parse(&copy.forward.from)
            .map_err(|error| Error::config("`forward_from` in [archive-mail]").caused_by(error))?;
        let recipients = addresses(&copy.forward.to)?;
        let to = recipients.iter().map(Address::email).collect();
        let identity = "forward_from` in `[archive-mail]";
        match self
            .mailer
            .send_raw(&sender.email(), to, bytes, identity)
            .await
        {
            Ok(()) => {
                // Without this the copy is sent again after the lease. That is said, and does not undo the sending.
                if let Err(error) = self.note(copy, SENT, now, Condition::Matches(claim)).await {
                    return Ok(Outcome::Failed(format!(
                        "it was sent on, but that could not be written down: {}",
                        chain(&error)
                    )));
                }
                tracing::info!(is_notice, "a mail was sent on");
                Ok(Outcome::Done)
            }
            Err(error) => {
                // Open again at once. If even that fails, the lease opens it.
                if let Err(note) = self
                    .note(copy, FAILED, now, Condition::Matches(claim))
                    .await
                {
                    tracing::warn!("the claim stays until it ends: {}", chain(&note));
                }
                Err(error)
            }
        }
    }

    /// The copy; where it cannot be sent as it is, a notice with a link.
    async fn compose(
        &self,
        copy: &Copy,
        raw: Vec<u8>,
        now: DateTime<Utc>,
    ) -> Result<(Vec<u8>, bool)> {
        let headers = dissect(&raw, &self.limits).headers;
        match forward::copy(&raw, &headers, &copy.id, &copy.forward) {
            Ok(bytes) => Ok((bytes, false)),
            Err(why) => {
                drop(raw);
                Ok((self.notice(copy, &headers, &why, now).await?, true))
            }
        }
    }

    async fn notice(
        &self,
        copy: &Copy,
        headers: &Headers,
        why: &str,
        now: DateTime<Utc>,
    ) -> Result<Vec<u8>> {
        let linker = Linker::new(&self.session, &copy.links).await?;
        let link = linker.link(&copy.bucket, &copy.raw_key, now).await?;
        let subject = headers.subject.clone().unwrap_or_default();
        let from: Vec<String> = headers
            .from
            .iter()
            .map(|from| from.address.clone())
            .collect();
        let notice = Notice {
            subject: format!("Archived mail: {subject}"),
            intro: format!("A mail came in that was not sent on: {why}."),
            rows: vec![NoticeRow {
                title: subject,
                lines: vec![format!("from {}", from.join(", ")), link.url, link.lifetime],
            }],
            outro: vec!["Sent by archive-mail.".to_owned()],
        };
        let message = Message {
            from: Address::parse(&copy.forward.from).map_err(|error| {
                Error::config("`forward_from` in [archive-mail]").caused_by(error)
            })?,
            to: addresses(&copy.forward.to)?,
            subject: notice.subject(),
            text: notice.text(),
            html: notice.html(),
            attachments: vec![],
            list_id: None,
            message_id: None,
            date: now,
        };
        let bytes = message
            .to_bytes()
            .map_err(|error| Error::permanent("cannot compose the notice").caused_by(error))?;
        // So that the notice, should it come back, is known as well.
        let mut stamped = format!(
            "{}: {}\r\n",
            forward::STAMP,
            copy.id.replace(['\r', '\n'], " ")
        );
        stamped.truncate(900);
        if !stamped.ends_with("\r\n") {
            stamped.push_str("\r\n");
        }
        Ok([stamped.into_bytes(), bytes].concat())
    }

    /// Writes down how far it has come, and answers the record's eTag.
    async fn note(
        &self,
        copy: &Copy,
        state: &str,
        since: DateTime<Utc>,
        condition: Condition,
    ) -> Result<String> {
        let put = Put {
            bucket: &copy.bucket,
            key: &copy.forwarded_key,
            // S3 makes the eTag of the bytes, and two records must not have one.
            bytes: format!("{state} {}\n", since.to_rfc3339())
                .into_bytes()
                .into(),
            content_type: "text/plain",
            cache_control: None,
            content_disposition: None,
            metadata: BTreeMap::from([
                (STATE.to_owned(), state.to_owned()),
                (SINCE.to_owned(), since.to_rfc3339()),
            ]),
            condition,
        };
        match self.writer.put(put).await {
            Ok(written) => Ok(written.etag),
            Err(error) if error.kind() == ErrorKind::Taken => {
                Err(Error::transient("another run is sending it on"))
            }
            Err(error) => Err(error),
        }
    }
}

/// How far sending a copy has come.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Sent,
    GoingOn,
    /// It failed, or whoever was at it is gone. The eTag of the record.
    Open(String),
}

fn standing(there: &Head, now: DateTime<Utc>) -> Standing {
    if forward::was_sent(&there.metadata) {
        return Standing::Sent;
    }
    let since = there
        .metadata
        .get(SINCE)
        .and_then(|since| DateTime::parse_from_rfc3339(since).ok());
    let is_claimed = there
        .metadata
        .get(STATE)
        .is_some_and(|state| state == CLAIMED);
    match since {
        Some(since) if is_claimed && now < since + LEASE => Standing::GoingOn,
        _ => Standing::Open(there.etag.clone()),
    }
}

fn addresses(list: &[String]) -> Result<Vec<Address>> {
    list.iter()
        .map(|text| {
            Address::parse(text)
                .map_err(|error| Error::config("`forward_to` in [archive-mail]").caused_by(error))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_holds_until_its_end_and_a_failure_opens_it() {
        let now: DateTime<Utc> = "2026-11-22T06:00:00Z".parse().expect("a time");
        let head = |state: &str, since: DateTime<Utc>| Head {
            etag: "e".to_owned(),
            metadata: BTreeMap::from([
                (STATE.to_owned(), state.to_owned()),
                (SINCE.to_owned(), since.to_rfc3339()),
            ]),
            ..Head::default()
        };
        let open = Standing::Open("e".to_owned());
        assert_eq!(standing(&head(SENT, now), now), Standing::Sent);
        assert_eq!(standing(&head(CLAIMED, now), now), Standing::GoingOn);
        assert_eq!(standing(&head(CLAIMED, now - LEASE), now), open);
        assert_eq!(standing(&head(FAILED, now), now), open);
        assert_eq!(
            standing(
                &Head {
                    etag: "e".to_owned(),
                    ..Head::default()
                },
                now
            ),
            open
        );
    }
}
