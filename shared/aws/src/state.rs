//! What Lamplighter remembers between runs: `file:///dir` or `s3://bucket/prefix`.
//!
//! ```text
//! runs/<function>/latest.json          the last recorded run
//! runs/<function>/<time>-<run id>.json every recorded run
//! slots/<function>/<slot>.json         who runs a scheduled time, see [`Claim`]
//! backfill/<function>/<digest>.json    where an interrupted backfill stopped, see [`Cursor`]
//! ledger/<function>/<digest>.json      how far the work on an object or a mail is, see [`Entry`]
//! pending/<function>/…/<group>.json    the bundle that waits for a busy deployment group
//! parts/<function>/<run id>/<n>.json    the parts of a run that is not over
//! quarantine/<function>/<digest>.json  records of events that cannot succeed, see [`Quarantined`]
//! ```

mod claims;
mod cursors;
mod documents;
mod ledger;
mod parts;
mod pending;
mod quarantine;

use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::primitives::ByteStream;
use lamplighter_config::StateUrl as Place;
use lamplighter_core::{Error, Result, Run};

use crate::error::{code_of, explain};
use crate::read_only::ReadOnly;
use crate::session::Session;

pub use claims::{Claim, ClaimState};
pub use cursors::Cursor;
pub use documents::Found;
pub use ledger::{Entry, EntryState, Order};
pub use pending::pending_key;
pub use quarantine::Quarantined;

/// Reads state. All that a dry run has.
#[derive(Debug, Clone)]
pub struct StateReader {
    place: Place,
    client: Option<Client>,
}

impl StateReader {
    /// The state at `url`, or `None` where none is configured.
    pub fn open(place: Option<&Place>, session: &Session) -> Option<Self> {
        let place = place?.clone();
        let client = matches!(place, Place::S3 { .. })
            .then(|| Client::from_conf(s3(session).interceptor(ReadOnly).build()));
        Some(Self { place, client })
    }

    /// The last recorded run of `function`.
    pub async fn latest(&self, function: &str) -> Result<Option<Run>> {
        let key = latest_key(function);
        let Some(bytes) = self.get(&key).await? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            Error::permanent(format!(
                "cannot read the last run of `{function}` from the state"
            ))
            .caused_by(error)
            .hint(format!("remove `{key}` there to start afresh"))
        })
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        match (&self.place, &self.client) {
            (Place::S3 { bucket, prefix }, Some(client)) => {
                match client
                    .get_object()
                    .bucket(bucket)
                    .key(join(prefix, key))
                    .send()
                    .await
                {
                    Ok(object) => {
                        let bytes = object.body.collect().await.map_err(|error| {
                            Error::transient(format!(
                                "the answer to `s3:GetObject` for `{key}` was cut off"
                            ))
                            .caused_by(error)
                        })?;
                        Ok(Some(bytes.to_vec()))
                    }
                    Err(error) if code_of(&error) == Some("NoSuchKey") => Ok(None),
                    Err(error) => Err(explain("s3:GetObject", error)
                        .context(format!("cannot read the state in `{bucket}`"))),
                }
            }
            (Place::File { folder }, _) => match tokio::fs::read(Path::new(folder).join(key)).await
            {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(cannot("read", Path::new(folder), error)),
            },
            (Place::S3 { .. }, None) => Err(Error::permanent("the state has no client")),
        }
    }
}

/// Writes state. Not made in a dry run.
#[derive(Debug, Clone)]
pub struct StateWriter {
    place: Place,
    client: Option<Client>,
}

impl StateWriter {
    /// The state at `url`, or `None` where none is configured.
    pub fn open(place: Option<&Place>, session: &Session) -> Option<Self> {
        let place = place?.clone();
        let client =
            matches!(place, Place::S3 { .. }).then(|| Client::from_conf(s3(session).build()));
        Some(Self { place, client })
    }

    /// Records a run: under its own key, then as the last one.
    pub async fn record(&self, run: &Run) -> Result<()> {
        let (key, bytes) = record_of(run)?;
        self.put(&key, bytes.clone()).await?;
        self.put(&latest_key(&run.function), bytes).await
    }

    /// Records the run of an event under its own key. What an event led to says nothing about the next one, so it is
    /// not what the next run compares with.
    pub async fn record_event(&self, run: &Run) -> Result<()> {
        let (key, bytes) = record_of(run)?;
        self.put(&key, bytes).await
    }

    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<()> {
        match (&self.place, &self.client) {
            (Place::S3 { bucket, prefix }, Some(client)) => {
                let put = client.put_object().bucket(bucket).key(join(prefix, key));
                let put = put
                    .content_type("application/json")
                    .body(ByteStream::from(bytes));
                put.send().await.map(|_| ()).map_err(|error| {
                    explain("s3:PutObject", error)
                        .context(format!("cannot write the state in `{bucket}`"))
                })
            }
            (Place::File { folder }, _) => {
                let path = Path::new(folder).join(key);
                write_whole(&path, &bytes)
                    .await
                    .map_err(|error| cannot("write", &path, error))
            }
            (Place::S3 { .. }, None) => Err(Error::permanent("the state has no client")),
        }
    }
}

/// The key of a run's record, and its text.
fn record_of(run: &Run) -> Result<(String, Vec<u8>)> {
    let bytes = serde_json::to_vec(&run.problems_only())
        .map_err(|error| Error::permanent("cannot write the run").caused_by(error))?;
    let began = run.started_at.format("%Y-%m-%dT%H%M%SZ");
    Ok((
        format!("runs/{}/{began}-{}.json", run.function, run.run_id),
        bytes,
    ))
}

fn s3(session: &Session) -> Builder {
    // Path style: bucket names with dots work over TLS, and so do endpoints that are an address.
    Builder::from(session.base()).force_path_style(true)
}

fn latest_key(function: &str) -> String {
    format!("runs/{function}/latest.json")
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() {
        key.to_owned()
    } else {
        format!("{prefix}/{key}")
    }
}

/// Writes beside the file and renames, so that a reader never sees half of it.
async fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        tokio::fs::create_dir_all(directory).await?;
    }
    let beside = path.with_extension("json.new");
    tokio::fs::write(&beside, bytes).await?;
    tokio::fs::rename(&beside, path).await
}

fn cannot(verb: &str, path: &Path, error: std::io::Error) -> Error {
    Error::permanent(format!("cannot {verb} the state in `{}`", path.display())).caused_by(error)
}
