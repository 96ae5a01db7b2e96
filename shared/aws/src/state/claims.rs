//! Claims: of all daemons and Lambdas that share a state, one runs a slot.
//!
//! ```text
//! slots/<function>/<slot>.json
//! ```
//!
//! S3 decides by conditional writes. In a folder a lock does, so a folder is for the processes of one machine. A claim
//! whose run failed, or whose holder was never heard of again, may be taken over; one that is done never.

use std::fs::{self, File};
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use chrono::{DateTime, Utc};
use lamplighter_config::StateUrl as Place;
use lamplighter_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::{StateWriter, cannot, join};
use crate::error::{code_of, explain};

/// How often a claim is tried while others write at the same moment.
const ATTEMPTS: u32 = 6;

/// Who runs a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The function.
    pub function: String,
    /// The scheduled time.
    pub slot: DateTime<Utc>,
    /// The run that stands for it.
    pub run_id: String,
    /// Where it runs, for a person.
    pub holder: String,
    /// When it was claimed.
    pub claimed_at: DateTime<Utc>,
    /// From when on a holder that was not heard of again has lost it.
    pub expires_at: DateTime<Utc>,
    /// How far it is.
    pub state: ClaimState,
}

/// How far a claim is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaimState {
    /// Its run goes on, or its holder crashed.
    Running,
    /// Its run came to its end.
    Done,
    /// Its run could not be brought to its end, and another one may try.
    Failed,
}

impl Claim {
    fn key(&self) -> String {
        let slot = self.slot.format("%Y-%m-%dT%H%M%SZ");
        format!("slots/{}/{slot}.json", self.function)
    }

    /// Whether `self` may be put in the place of a claim that is there.
    fn may_replace(&self, there: &Self) -> bool {
        match there.state {
            ClaimState::Done => false,
            ClaimState::Failed => true,
            // The same run: an answer of S3 was lost, and the SDK asked again.
            ClaimState::Running => {
                there.run_id == self.run_id || there.expires_at <= self.claimed_at
            }
        }
    }

    /// Why nothing is left to do.
    fn taken(&self) -> Error {
        let state = match self.state {
            ClaimState::Running => "is running",
            ClaimState::Done => "has run",
            ClaimState::Failed => "was tried",
        };
        Error::new(
            ErrorKind::Taken,
            format!(
                "the slot {} {state} elsewhere: claimed by {} at {}, run {}",
                self.slot.format("%Y-%m-%dT%H:%M:%SZ"),
                self.holder,
                self.claimed_at.format("%Y-%m-%dT%H:%M:%SZ"),
                self.run_id
            ),
        )
    }

    fn bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self)
            .map_err(|error| Error::permanent("cannot write the claim").caused_by(error))
    }

    fn read(key: &str, bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| {
            Error::permanent(format!("cannot read the claim `{key}` in the state"))
                .caused_by(error)
                .hint("remove it there to let the slot run")
        })
    }
}

impl StateWriter {
    /// Claims a slot for a run, or fails with [`ErrorKind::Taken`].
    pub async fn claim(&self, claim: &Claim) -> Result<()> {
        match (&self.place, &self.client) {
            (Place::S3 { bucket, prefix }, Some(client)) => {
                let there = Object {
                    client,
                    bucket,
                    key: join(prefix, &claim.key()),
                };
                there.claim(claim).await
            }
            (Place::File { folder }, _) => {
                let (path, claim) = (Path::new(folder).join(claim.key()), claim.clone());
                on_disk(move || in_folder(&path, &claim, |there| claim.may_replace(there))).await
            }
            (Place::S3 { .. }, None) => Err(Error::permanent("the state has no client")),
        }
    }

    /// Writes how the run of a claim ended, unless the claim has been taken over meanwhile.
    pub async fn settle(&self, claim: &Claim) -> Result<()> {
        let settled = match (&self.place, &self.client) {
            (Place::S3 { bucket, prefix }, Some(client)) => {
                let there = Object {
                    client,
                    bucket,
                    key: join(prefix, &claim.key()),
                };
                match there.get().await? {
                    Some((found, etag)) if found.run_id == claim.run_id => {
                        there.put(claim, Some(&etag)).await.map(|_| ())
                    }
                    _ => Ok(()),
                }
            }
            (Place::File { folder }, _) => {
                let (path, claim) = (Path::new(folder).join(claim.key()), claim.clone());
                on_disk(move || in_folder(&path, &claim, |there| there.run_id == claim.run_id))
                    .await
            }
            (Place::S3 { .. }, None) => Err(Error::permanent("the state has no client")),
        };
        match settled {
            Err(error) if error.kind() == ErrorKind::Taken => Ok(()),
            other => other,
        }
    }
}

/// A claim in S3.
struct Object<'a> {
    client: &'a Client,
    bucket: &'a str,
    key: String,
}

impl Object<'_> {
    async fn claim(&self, claim: &Claim) -> Result<()> {
        let mut etag = None;
        for attempt in 0..ATTEMPTS {
            if self.put(claim, etag.as_deref()).await? {
                return Ok(());
            }
            // Somebody was there before, or writes at this moment.
            tokio::time::sleep(Duration::from_millis(50) * attempt).await;
            etag = match self.get().await? {
                Some((there, _)) if !claim.may_replace(&there) => return Err(there.taken()),
                Some((_, etag)) => Some(etag),
                None => None,
            };
        }
        Err(Error::transient(format!(
            "cannot claim `{}` in the state: others write it all the time",
            self.key
        )))
    }

    /// Writes where nothing is, or over what has this tag. `false`: that is not how it is.
    async fn put(&self, claim: &Claim, etag: Option<&str>) -> Result<bool> {
        let put = self.client.put_object().bucket(self.bucket).key(&self.key);
        let put = match etag {
            Some(etag) => put.if_match(etag),
            None => put.if_none_match("*"),
        };
        let put = put
            .content_type("application/json")
            .body(ByteStream::from(claim.bytes()?));
        match put.send().await {
            Ok(_) => Ok(true),
            // 409: another conditional write is under way. 404: what was to be replaced is gone.
            // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
            Err(error)
                if matches!(
                    code_of(&error),
                    Some("PreconditionFailed" | "ConditionalRequestConflict" | "NoSuchKey")
                ) =>
            {
                Ok(false)
            }
            Err(error) => {
                let error = explain("s3:PutObject", error);
                Err(error.context(format!("cannot claim the slot in `{}`", self.bucket)))
            }
        }
    }

    async fn get(&self) -> Result<Option<(Claim, String)>> {
        let got = self.client.get_object().bucket(self.bucket).key(&self.key);
        match got.send().await {
            Ok(object) => {
                let etag = object.e_tag().unwrap_or_default().to_owned();
                let bytes = object.body.collect().await.map_err(|error| {
                    Error::transient(format!(
                        "the answer to `s3:GetObject` for `{}` was cut off",
                        self.key
                    ))
                    .caused_by(error)
                })?;
                Claim::read(&self.key, &bytes.to_vec()).map(|claim| Some((claim, etag)))
            }
            Err(error) if code_of(&error) == Some("NoSuchKey") => Ok(None),
            Err(error) => {
                let error = explain("s3:GetObject", error);
                Err(error.context(format!("cannot read the claim in `{}`", self.bucket)))
            }
        }
    }
}

/// Puts a claim in its place, under a lock that all processes of this machine take.
fn in_folder(path: &Path, claim: &Claim, may_replace: impl Fn(&Claim) -> bool) -> Result<()> {
    let failed = |error| cannot("write", path, error);
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(failed)?;
    let lock = File::create(folder.join("lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    match fs::read(path) {
        Ok(bytes) => {
            let there = Claim::read(&path.display().to_string(), &bytes)?;
            if !may_replace(&there) {
                return Err(there.taken());
            }
        }
        Err(error) if error.kind() == Io::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let beside: PathBuf = path.with_extension("json.new");
    fs::write(&beside, claim.bytes()?).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}

async fn on_disk(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::permanent("cannot claim the slot").caused_by(error))?
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use chrono::TimeDelta;

    use super::*;

    fn claim(run_id: &str, at: DateTime<Utc>) -> Claim {
        Claim {
            function: "f".to_owned(),
            slot: DateTime::UNIX_EPOCH,
            run_id: run_id.to_owned(),
            holder: "here".to_owned(),
            claimed_at: at,
            expires_at: at + TimeDelta::seconds(90),
            state: ClaimState::Running,
        }
    }

    fn ended(mut claim: Claim, state: ClaimState) -> Claim {
        claim.state = state;
        claim
    }

    #[test]
    fn a_claim_is_taken_over_when_it_failed_or_its_holder_is_lost_and_never_when_it_is_done() {
        let start = DateTime::UNIX_EPOCH;
        let later = |seconds| claim("b", start + TimeDelta::seconds(seconds));
        let first = claim("a", start);
        for (seconds, there, expected) in [
            (0, first.clone(), false),
            (89, first.clone(), false),
            (90, first.clone(), true),
            (0, ended(first.clone(), ClaimState::Failed), true),
            (9_999_999, ended(first.clone(), ClaimState::Done), false),
        ] {
            assert_eq!(
                later(seconds).may_replace(&there),
                expected,
                "{seconds} {there:?}"
            );
        }
        assert!(first.may_replace(&first), "the answer was lost");
    }

    #[test]
    fn of_many_that_claim_a_slot_in_a_folder_at_once_one_gets_it() {
        let folder =
            std::env::temp_dir().join(format!("lamplighter-claims-{}", std::process::id()));
        let path = folder.join("slots/f/slot.json");
        let barrier = Barrier::new(8);
        let won: Vec<bool> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|number| {
                    let (barrier, path) = (&barrier, &path);
                    scope.spawn(move || {
                        let mine = claim(&format!("run-{number}"), DateTime::UNIX_EPOCH);
                        barrier.wait();
                        match in_folder(path, &mine, |there| mine.may_replace(there)) {
                            Ok(()) => true,
                            Err(error) => {
                                assert_eq!(error.kind(), ErrorKind::Taken, "{error}");
                                false
                            }
                        }
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("no panic"))
                .collect()
        });
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
        fs::remove_dir_all(folder).expect("it is removed");
    }
}
