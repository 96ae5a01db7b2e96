//! Archives. The raw mail first, byte for byte, before anything reads it; the sidecar last, so that a mail with a
//! sidecar is archived whole. Every step finds out whether it was done already, so that a crash at any point, and every
//! event twice, end in the same archive.
//!
//! One mail is in memory at a time, and one of its attachments.

use std::collections::BTreeMap;
use std::sync::Arc;

use lamplighter_aws::s3::{Condition, Put, Reader, Writer};
use lamplighter_aws::{Session, threads};
use lamplighter_config::Config;
use lamplighter_core::{Apply, Error, ErrorKind, Outcome, Result, chain};
use lamplighter_shell::clock::Clock;
use sha2::{Digest, Sha256};

use crate::action::{Action, Archive};
use crate::dissect::{Dissected, Limits, Link, dissect, linked};
use crate::layout::{self, hex};
use crate::links::Linker;
use crate::mail::Input;
use crate::rules::Rules;
use crate::sending::Sender;
use crate::sidecar::{self, Sidecar, Stored};
use crate::stored;

/// The metadata of a raw mail: what its bytes hash to.
pub(crate) const SHA256: &str = "lamplighter-sha256";

/// Applies. Built only for that.
pub struct Archivist {
    session: Arc<Session>,
    reader: Reader,
    writer: Writer,
    sender: Sender,
    limits: Limits,
    max_bytes: u64,
    clock: Clock,
}

impl Archivist {
    /// An applier on `session`.
    pub fn new(session: Arc<Session>, config: &Config, clock: Clock) -> Result<Self> {
        let rules = Rules::of(&config.archive_mail)?;
        Ok(Self {
            reader: Reader::new(&session, None),
            writer: Writer::new(&session, None),
            sender: Sender::new(&session, Arc::clone(&clock), &rules.limits),
            limits: rules.limits,
            max_bytes: rules.max_bytes,
            session,
            clock,
        })
    }
}

impl Apply<Action> for Archivist {
    async fn apply(&self, actions: &[Action]) -> Vec<Outcome> {
        self.session.progress().expect_actions(actions.len());
        let mut outcomes = Vec::with_capacity(actions.len());
        // The mails that are not in the archive after all: nothing of them is sent on.
        let mut missing: BTreeMap<&str, ()> = BTreeMap::new();
        for action in actions {
            let outcome = match action {
                Action::Archive(mail) => {
                    let outcome = self.archive(mail).await;
                    if !matches!(outcome, Outcome::Done | Outcome::Vetoed(_)) {
                        missing.insert(&mail.raw_key, ());
                    }
                    outcome
                }
                Action::Forward(copy) if missing.contains_key(copy.raw_key.as_str()) => {
                    Outcome::Vetoed("the mail is not archived yet".to_owned())
                }
                Action::Forward(copy) => self.sender.send_on(copy).await,
            };
            self.session.progress().acted(1);
            outcomes.push(outcome);
        }
        outcomes
    }
}

/// What became of writing the raw mail.
enum Kept {
    /// It was written now.
    New,
    /// It was there.
    Already,
    /// Another mail is there.
    Other,
}

impl Archivist {
    async fn archive(&self, mail: &Archive) -> Outcome {
        match self.try_to_archive(mail).await {
            Ok(outcome) => outcome,
            Err(error) => outcome_of(&error),
        }
    }

    async fn try_to_archive(&self, mail: &Archive) -> Result<Outcome> {
        let Some(raw) = self.fetch(mail).await? else {
            return Ok(Outcome::Vanished);
        };
        let sha256 = hex(&Sha256::digest(raw.as_slice()));
        match self.keep(mail, &raw, &sha256).await? {
            Kept::New => {}
            Kept::Already => {
                if self.has(&mail.bucket, &mail.sidecar_key).await? {
                    return Ok(Outcome::Vetoed("it is archived already".to_owned()));
                }
            }
            Kept::Other => {
                return Ok(Outcome::Rejected(format!(
                    "another mail is archived as `s3://{}/{}`: two mails have the id `{}`",
                    mail.bucket, mail.raw_key, mail.id
                )));
            }
        }
        let mut sidecar = Sidecar::minimal(
            mail,
            Stored {
                key: mail.raw_key.clone(),
                size: raw.len() as u64,
                sha256,
            },
        );
        // The raw mail is safe. Whatever happens to the parser now, at least that is known of it.
        match self.take_apart(Arc::clone(&raw)).await {
            Some(dissected) => {
                sidecar.describe(&dissected);
                self.store(mail, &raw, &dissected, &mut sidecar).await?;
            }
            None => sidecar.defects.push(sidecar::Defect {
                name: "parser-failed".to_owned(),
                sentence: "the mail could not be taken apart; it is archived whole".to_owned(),
            }),
        }
        self.finish(mail, &sidecar).await?;
        Ok(Outcome::Done)
    }

    /// The bytes of the mail; `None` if they are gone.
    async fn fetch(&self, mail: &Archive) -> Result<Option<Arc<Vec<u8>>>> {
        match &mail.input {
            Input::Event {
                bytes: Some(bytes), ..
            } => Ok(Some(Arc::clone(bytes))),
            Input::Event { bytes: None, .. } => Err(Error::permanent(
                "the mail came within its event, and a plan file does not hold it",
            )
            .hint("run it with `--event`")),
            Input::Object {
                bucket,
                key,
                version_id,
                etag,
                region,
                ..
            } => {
                let reader = Reader::new(&self.session, region.as_deref());
                let (version, etag) = (version_id.as_deref(), Some(etag.as_str()));
                let object = reader
                    .get(bucket, key, version, etag, self.max_bytes)
                    .await?;
                Ok(object.map(|object| Arc::new(object.bytes)))
            }
        }
    }

    /// Writes the raw mail, unless it is there.
    async fn keep(&self, mail: &Archive, raw: &Arc<Vec<u8>>, sha256: &str) -> Result<Kept> {
        let metadata = BTreeMap::from([(SHA256.to_owned(), sha256.to_owned())]);
        let written = self
            .writer
            .put(Put {
                bucket: &mail.bucket,
                key: &mail.raw_key,
                bytes: Arc::clone(raw).into(),
                content_type: "message/rfc822",
                cache_control: None,
                // No browser shows a stranger's HTML as a page of the archive.
                content_disposition: Some("attachment"),
                metadata,
                condition: Condition::Absent,
            })
            .await;
        match written {
            Ok(_) => return Ok(Kept::New),
            Err(error) if error.kind() == ErrorKind::Taken => {}
            Err(error) => return Err(error),
        }
        let there = self.reader.head(&mail.bucket, &mail.raw_key, None).await?;
        let there = there.ok_or_else(|| moved(&mail.bucket, &mail.raw_key))?;
        let is_same = match there.metadata.get(SHA256) {
            Some(known) => known == sha256,
            // Somebody copied the archive without its metadata.
            None if there.size != raw.len() as u64 => false,
            None => {
                let object = self
                    .reader
                    .get(&mail.bucket, &mail.raw_key, None, None, self.max_bytes)
                    .await?;
                object.is_some_and(|object| object.bytes == **raw)
            }
        };
        Ok(match is_same {
            true => Kept::Already,
            false => Kept::Other,
        })
    }

    /// Takes the mail apart, beside what waits for AWS. `None`: the parser failed.
    async fn take_apart(&self, raw: Arc<Vec<u8>>) -> Option<Dissected> {
        let limits = self.limits.clone();
        match threads::run(move || dissect(&raw, &limits)).await {
            Ok(dissected) => Some(dissected),
            Err(error) => {
                tracing::error!("a mail could not be taken apart: {error}");
                None
            }
        }
    }

    /// Stores what is large in the mail on its own, and writes a copy of the mail with links to it.
    async fn store(
        &self,
        mail: &Archive,
        raw: &Arc<Vec<u8>>,
        dissected: &Dissected,
        sidecar: &mut Sidecar,
    ) -> Result<()> {
        let Some(threshold) = mail.threshold_bytes else {
            return Ok(());
        };
        if let Some(why) = stored::left_whole(dissected) {
            sidecar.left_whole = Some(why);
            return Ok(());
        }
        let chosen = stored::choose(dissected, threshold);
        if chosen.is_empty() {
            return Ok(());
        }
        let linker = Linker::new(&self.session, &mail.links).await?;
        let mut links = Vec::with_capacity(chosen.len());
        for number in chosen {
            let part = &dissected.parts[number];
            let key = layout::attachment(&mail.prefix, &part.sha256, &part.name);
            // An attachment that another mail brought is there already, and is the same: its key says so.
            if !self.has(&mail.bucket, &key).await? {
                let Some(contents) = dissected.contents(raw, number) else {
                    continue;
                };
                self.put_new(Put {
                    bucket: &mail.bucket,
                    key: &key,
                    bytes: contents.into_owned().into(),
                    content_type: stored::safe_type(&part.content_type),
                    cache_control: None,
                    content_disposition: Some(&stored::disposition(&part.name)),
                    metadata: BTreeMap::new(),
                    condition: Condition::Absent,
                })
                .await?;
            }
            let link = linker.link(&mail.bucket, &key, (self.clock)()).await?;
            let stored = sidecar::Link {
                key: key.clone(),
                url: link.url.clone(),
                expires_at: link.expires_at,
            };
            let console_url = link.expires_at.map(|_| linker.console(&mail.bucket, &key));
            links.push(Link {
                part: number,
                url: link.url,
                expires: link.expires_at,
                console_url,
            });
            sidecar.parts[number].stored = Some(stored);
        }
        let linked = match linked(raw, dissected, &links) {
            Ok(linked) => linked,
            Err(why) => {
                sidecar.left_whole = Some(why.to_string());
                return Ok(());
            }
        };
        let copy = Stored {
            key: mail.linked_key.clone(),
            size: linked.len() as u64,
            sha256: hex(&Sha256::digest(&linked)),
        };
        // Without a sidecar nobody has vouched for what is there: a signed link in it may have ended.
        self.writer
            .put(Put {
                bucket: &mail.bucket,
                key: &mail.linked_key,
                bytes: linked.into(),
                content_type: "message/rfc822",
                cache_control: None,
                content_disposition: Some("attachment"),
                metadata: BTreeMap::new(),
                condition: Condition::Always,
            })
            .await?;
        sidecar.linked = Some(copy);
        Ok(())
    }

    /// Writes the sidecar: the mail is archived.
    async fn finish(&self, mail: &Archive, sidecar: &Sidecar) -> Result<()> {
        let mut bytes = serde_json::to_vec_pretty(sidecar)
            .map_err(|error| Error::permanent("cannot write the sidecar").caused_by(error))?;
        bytes.push(b'\n');
        self.put_new(Put {
            bucket: &mail.bucket,
            key: &mail.sidecar_key,
            bytes: bytes.into(),
            content_type: "application/json",
            cache_control: None,
            content_disposition: None,
            metadata: BTreeMap::from([(SHA256.to_owned(), sidecar.raw.sha256.clone())]),
            condition: Condition::Absent,
        })
        .await
    }

    /// Writes what is there once and never changes. Somebody else may have been first; nobody may have been stopped.
    async fn put_new(&self, put: Put<'_>) -> Result<()> {
        let (bucket, key) = (put.bucket, put.key);
        match self.writer.put(put).await {
            Err(error) if error.kind() == ErrorKind::Taken => match self.has(bucket, key).await? {
                true => Ok(()),
                false => Err(moved(bucket, key)),
            },
            written => written.map(|_| ()),
        }
    }

    async fn has(&self, bucket: &str, key: &str) -> Result<bool> {
        Ok(self.reader.head(bucket, key, None).await?.is_some())
    }
}

/// Two writers met, and neither has written yet.
fn moved(bucket: &str, key: &str) -> Error {
    Error::transient(format!(
        "`s3://{bucket}/{key}` is being written by somebody else"
    ))
}

/// What an error means for the mail: never that it is done.
pub(crate) fn outcome_of(error: &Error) -> Outcome {
    match error.kind() {
        ErrorKind::Permanent => Outcome::Rejected(chain(error)),
        _ => Outcome::Failed(chain(error)),
    }
}
