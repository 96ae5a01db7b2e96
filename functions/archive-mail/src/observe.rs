//! Finds the mail of each record, reads its headers, and looks whether the archive has it already.
//!
//! Of a mail only its beginning is read here: who it is from, and what SES wrote on top of it. All of it is read once,
//! when it is archived.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use lamplighter_aws::Session;
use lamplighter_aws::s3::{Head, Reader};
use lamplighter_core::{
    Coverage, Error, ErrorKind, ErrorRow, Function, Observed, Plan, Result, chain,
};
use lamplighter_events::{Happening, MailEvent, ObjectEvent, Record, Work};

use crate::action::Action;
use crate::digest;
use crate::dissect::dissect;
use crate::forward;
use crate::layout::id_of_object;
use crate::mail::{Archived, Input, Inventory, Letter, Seen, Sighting};
use crate::plan::{ENCRYPTED, NO_MAIL, UNREADABLE};
use crate::policy::Sender;
use crate::rules::Rules;
use crate::seal::{Seal, header_lines, seal};

/// How much of a mail is read to decide about it. Headers are rarely more than 20 KB.
const HEAD_BYTES: u64 = 256 * 1024;

/// The first object that SES puts into a bucket says only that it can.
const SETUP: &str = "AMAZON_SES_SETUP_NOTIFICATION";

/// The function, with the session it reads through.
pub struct ArchiveMail {
    session: Arc<Session>,
}

impl ArchiveMail {
    /// A function that reads through `session`. Its clients can only read.
    pub fn new(session: Arc<Session>) -> Self {
        Self { session }
    }
}

impl Function for ArchiveMail {
    const NAME: &'static str = "archive-mail";
    type Event = Work;
    type Rules = Rules;
    type Inventory = Inventory;
    type Action = Action;

    async fn observe(&self, event: &Work, rules: &Rules) -> Result<Observed<Inventory>> {
        let caller = self.session.caller();
        let scope = format!("{}/s3", caller.account);
        let mut observed = Observed {
            inventory: Inventory {
                account: caller.account.clone(),
                partition: caller.partition.clone(),
                ..Inventory::default()
            },
            coverage: vec![],
            errors: vec![],
        };
        match event {
            Work::Round => match digest::read(&self.session, rules).await {
                Ok(day) => {
                    let seen = day.as_ref().map_or(0, |day| day.mails);
                    observed.inventory.day = day;
                    observed.coverage.push(Coverage::read(scope, seen));
                }
                Err(error) => observed
                    .coverage
                    .push(Coverage::unreadable(scope, chain(&error))),
            },
            Work::Records(records) => {
                let look = Look {
                    session: &self.session,
                    rules,
                };
                let work = records.iter().map(|record| look.at(record)).collect();
                let mut sightings = self.session.concurrently(work).await;
                for sighting in &sightings {
                    if let Seen::Unread(why) = &sighting.seen {
                        observed.errors.push(ErrorRow {
                            scope: scope.clone(),
                            message: why.clone(),
                        });
                    }
                }
                observed
                    .coverage
                    .push(Coverage::read(scope, sightings.len()));
                observed.inventory.sightings.append(&mut sightings);
            }
        }
        Ok(observed)
    }

    fn plan(inventory: &Inventory, rules: &Rules, now: DateTime<Utc>) -> Plan<Action> {
        crate::plan::plan(inventory, rules, now)
    }
}

/// How records are looked at.
struct Look<'a> {
    session: &'a Session,
    rules: &'a Rules,
}

impl Look<'_> {
    async fn at(&self, record: &Record) -> Sighting {
        let is_decision = matches!(&record.happening, Happening::Mail(mail) if mail.is_decision);
        let seen = match &record.happening {
            Happening::Created(object) => self.object(object).await,
            Happening::Mail(mail) => self.mail(mail).await,
            Happening::Removed(_) => Ok(Seen::Nothing(
                "a mail that is removed stays archived".to_owned(),
            )),
            Happening::Deployment(_) => Ok(Seen::Nothing("it is about a deployment".to_owned())),
            Happening::Nothing(why) => Ok(Seen::Nothing(why.clone())),
            Happening::Unreadable(why) => Ok(Seen::Refused {
                rule: UNREADABLE,
                why: why.clone(),
            }),
        };
        Sighting {
            record: record.id.clone(),
            subject: record.subject(),
            is_decision,
            seen: seen.unwrap_or_else(unread),
        }
    }

    /// A notification of the mail bucket: what is known of the mail is what SES wrote into it.
    async fn object(&self, object: &ObjectEvent) -> Result<Seen> {
        if self.rules.is_own_output(&object.bucket, &object.key) {
            return Ok(Seen::Nothing("it is the archive's own".to_owned()));
        }
        if object.key.ends_with('/') || object.key.rsplit('/').next() == Some(SETUP) {
            return Ok(Seen::Nothing("it is no mail".to_owned()));
        }
        let region = object.region.as_deref();
        let reader = Reader::new(self.session, region);
        let version = object.version_id.as_deref();
        let mut found = reader
            .head(&object.bucket, &object.key, version)
            .await?
            .map(|head| (object.key.clone(), head));
        if found.is_none()
            && let Some(decoded) = &object.decoded_key
        {
            // It is the same object only if its contents are.
            found = reader
                .head(&object.bucket, decoded, version)
                .await?
                .filter(|head| object.etag.as_deref() == Some(head.etag.as_str()))
                .map(|head| (decoded.clone(), head));
        }
        let Some((key, head)) = found else {
            return Ok(Seen::Nothing("the object is gone".to_owned()));
        };
        let input = input(&object.bucket, &key, head.clone(), region);
        if let Some(refused) = self.refuse(&object.bucket, &key, &head) {
            return Ok(refused);
        }
        let Some(beginning) = self.beginning(&reader, &input).await? else {
            return Ok(Seen::Nothing("the object is gone".to_owned()));
        };
        let seal = seal(&header_lines(&beginning));
        // An id of SES is the end of its key. Of anything else two may end alike.
        let id = match &seal.message_id {
            Some(id) if key.rsplit('/').next() == Some(id.as_str()) => id.clone(),
            _ => id_of_object(&object.bucket, &key, &head.etag),
        };
        let when = seal.received_at.or(object.time).or(head.last_modified);
        let letter = self.letter(input, &beginning, id, when, seal);
        self.archived(letter).await
    }

    /// A notification of SES, which knows the envelope and the verdicts.
    async fn mail(&self, mail: &MailEvent) -> Result<Seen> {
        let id = mail.message_id.clone();
        let (input, beginning) = if let Some(content) = &mail.content {
            let most = content.len().min(HEAD_BYTES as usize);
            let input = Input::Event {
                size: content.len() as u64,
                bytes: Some(Arc::new(content.clone())),
            };
            (input, content[..most].to_vec())
        } else {
            let Some((bucket, key, head)) = self.locate(mail).await? else {
                return Ok(Seen::Unread(self.not_found(mail)));
            };
            if let Some(refused) = self.refuse(&bucket, &key, &head) {
                return Ok(refused);
            }
            let input = input(&bucket, &key, head, None);
            let reader = Reader::new(self.session, None);
            let Some(beginning) = self.beginning(&reader, &input).await? else {
                return Ok(Seen::Unread(self.not_found(mail)));
            };
            (input, beginning)
        };
        let seal = seal(&header_lines(&beginning));
        let when = mail.received_at.or(seal.received_at);
        let mut letter = self.letter(input, &beginning, id, when, seal);
        if !mail.recipients.is_empty() {
            letter.recipients.clone_from(&mail.recipients);
        }
        if mail.mail_from.is_some() {
            letter.sender.mail_from.clone_from(&mail.mail_from);
        }
        let (told, read) = (&mail.verdicts, letter.verdicts.clone());
        letter.verdicts.spam = told.spam.clone().or(read.spam);
        letter.verdicts.virus = told.virus.clone().or(read.virus);
        letter.verdicts.spf = told.spf.clone().or(read.spf);
        letter.verdicts.dkim = told.dkim.clone().or(read.dkim);
        letter.verdicts.dmarc = told.dmarc.clone().or(read.dmarc);
        letter.verdicts.dmarc_policy = told.dmarc_policy.clone();
        self.archived(letter).await
    }

    /// The object of a mail: the one that the event names, or the one under its id in a source.
    async fn locate(&self, mail: &MailEvent) -> Result<Option<(String, String, Head)>> {
        let reader = Reader::new(self.session, None);
        let places: Vec<(String, String)> = match &mail.object {
            Some((bucket, key)) => vec![(bucket.clone(), key.clone())],
            None => self
                .rules
                .sources
                .iter()
                .map(|source| {
                    (
                        source.bucket.clone(),
                        format!("{}{}", source.prefix, mail.message_id),
                    )
                })
                .collect(),
        };
        for (bucket, key) in places {
            if let Some(head) = reader.head(&bucket, &key, None).await? {
                return Ok(Some((bucket, key, head)));
            }
        }
        Ok(None)
    }

    /// Why a mail cannot be found. Its object may come a moment later, and its place may be configured by then.
    fn not_found(&self, mail: &MailEvent) -> String {
        match (&mail.object, self.rules.sources.is_empty()) {
            (Some((bucket, key)), _) => format!("there is no object `s3://{bucket}/{key}`"),
            (None, true) => "the event names no object: set `sources` in [archive-mail] to where the S3 action of the receipt rule puts mail".to_owned(),
            (None, false) => {
                let places: Vec<String> = self
                    .rules
                    .sources
                    .iter()
                    .map(|source| format!("`{source}{}`", mail.message_id))
                    .collect();
                format!("there is no object {}: is the S3 action before the Lambda action?", places.join(", "))
            }
        }
    }

    /// What can never be archived as a mail.
    fn refuse(&self, bucket: &str, key: &str, head: &Head) -> Option<Seen> {
        let place = format!("`s3://{bucket}/{key}`");
        // Only the S3 encryption client writes these. <https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-s3.html>
        let is_encrypted = ["x-amz-key-v2", "x-amz-key", "x-amz-cek-alg"]
            .iter()
            .any(|name| head.metadata.contains_key(*name));
        let (rule, why) = if is_encrypted {
            (
                ENCRYPTED,
                format!(
                    "SES encrypted {place} before it put it there, and only the S3 encryption client reads it. In the S3 action of the receipt rule switch message encryption off; the bucket's own encryption does not get in the way"
                ),
            )
        } else if head.size > self.rules.max_bytes {
            (
                NO_MAIL,
                format!(
                    "{place} has {} bytes, more than `max_mail_mb` allows",
                    head.size
                ),
            )
        } else if head.size == 0 {
            (NO_MAIL, format!("{place} is empty"))
        } else {
            return None;
        };
        Some(Seen::Refused { rule, why })
    }

    async fn beginning(&self, reader: &Reader, input: &Input) -> Result<Option<Vec<u8>>> {
        let Input::Object {
            bucket,
            key,
            version_id,
            etag,
            size,
            ..
        } = input
        else {
            return Ok(None);
        };
        let end = HEAD_BYTES.min(*size);
        let version = version_id.as_deref();
        reader.range(bucket, key, version, Some(etag), 0..end).await
    }

    fn letter(
        &self,
        input: Input,
        beginning: &[u8],
        id: String,
        received_at: Option<DateTime<Utc>>,
        seal: Seal,
    ) -> Letter {
        let headers = dissect(header_block(beginning), &self.rules.limits).headers;
        let sender = Sender {
            from: headers
                .from
                .iter()
                .map(|from| match from.address.as_str() {
                    "" => from.name.clone().unwrap_or_default(),
                    address => address.to_owned(),
                })
                .collect(),
            mail_from: seal.mail_from,
            authenticated: seal.authenticated,
        };
        let no_forward = forward::reason_not_to(&headers, sender.mail_from.as_deref());
        Letter {
            input,
            id,
            // Every source of the event has one; without any the time of the run still has the right day, or the next.
            received_at: received_at.unwrap_or_else(|| self.session.opened_at()),
            recipients: seal.recipient.into_iter().collect(),
            verdicts: seal.verdicts,
            sender,
            no_forward,
            archived: Archived::default(),
        }
    }

    /// Looks whether the archive has it already.
    async fn archived(&self, mut letter: Letter) -> Result<Seen> {
        if let Some(bucket) = &self.rules.archive_bucket {
            let reader = Reader::new(self.session, None);
            let place = letter.place(self.rules);
            let sidecar = reader.head(bucket, &place.sidecar(), None).await?;
            letter.archived.is_complete = sidecar.is_some();
            if letter.archived.is_complete && self.rules.forward.is_some() {
                let record = reader.head(bucket, &place.forwarded(), None).await?;
                letter.archived.was_forwarded =
                    record.is_some_and(|record| forward::was_sent(&record.metadata));
            }
        }
        Ok(Seen::Mail(Box::new(letter)))
    }
}

/// The headers alone, with the empty line behind them.
fn header_block(beginning: &[u8]) -> &[u8] {
    let ends = [&b"\r\n\r\n"[..], b"\n\n"];
    let end = ends
        .iter()
        .filter_map(|end| {
            let at = beginning
                .windows(end.len())
                .position(|window| window == *end)?;
            Some(at + end.len())
        })
        .min();
    &beginning[..end.unwrap_or(beginning.len())]
}

fn input(bucket: &str, key: &str, head: Head, region: Option<&str>) -> Input {
    Input::Object {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version_id: head.version_id,
        etag: head.etag,
        size: head.size,
        region: region.map(str::to_owned),
    }
}

/// What could not be read: for ever, or only now. A permission that is missing is given by somebody, and then it works.
fn unread(error: Error) -> Seen {
    match error.kind() {
        ErrorKind::Permanent => Seen::Refused {
            rule: UNREADABLE,
            why: chain(&error),
        },
        ErrorKind::Taken => Seen::Unread(format!("{}, and is looked at again", chain(&error))),
        _ => Seen::Unread(chain(&error)),
    }
}
