//! Small documents in the state, each under one key: read with a tag, and written on the condition that nobody else has
//! written meanwhile.
//!
//! S3 decides by conditional writes. In a folder a lock does, so a folder is for the processes of one machine; there the
//! tag is a digest of the content.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>

use std::fs::{self, File};
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};

use aws_sdk_s3::primitives::ByteStream;
use lamplighter_config::StateUrl as Place;
use lamplighter_core::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::{StateReader, StateWriter, cannot, join};
use crate::error::{code_of, explain};

/// A document as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    /// What it says.
    pub document: T,
    /// What a write names that replaces exactly this.
    pub tag: String,
}

impl StateReader {
    /// The document under `key`.
    pub(super) async fn document<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Option<Found<T>>> {
        let Some((bytes, tag)) = self.tagged(key).await? else {
            return Ok(None);
        };
        let document = serde_json::from_slice(&bytes).map_err(|error| {
            Error::permanent(format!("cannot read `{key}` in the state"))
                .caused_by(error)
                .hint("it is no document of this program, or of a newer one; remove it there to go on without it")
        })?;
        Ok(Some(Found { document, tag }))
    }

    /// The keys under `prefix`, in their order, at most `limit`. What is being written does not count.
    pub(super) async fn keys(&self, prefix: &str, limit: usize) -> Result<Vec<String>> {
        match (&self.place, &self.client) {
            (
                Place::S3 {
                    bucket,
                    prefix: root,
                },
                Some(client),
            ) => {
                let mut keys = Vec::new();
                let mut after = None;
                let strip = join(root, "");
                while keys.len() < limit {
                    let page = client
                        .list_objects_v2()
                        .bucket(bucket)
                        .prefix(join(root, prefix))
                        .set_start_after(after.take())
                        .send()
                        .await
                        .map_err(|error| {
                            explain("s3:ListBucket", error)
                                .context(format!("cannot list the state in `{bucket}`"))
                        })?;
                    let found = page.contents().iter().filter_map(|object| object.key());
                    keys.extend(
                        found.map(|key| key.strip_prefix(&strip).unwrap_or(key).to_owned()),
                    );
                    after = page
                        .contents()
                        .last()
                        .and_then(|object| object.key())
                        .map(str::to_owned);
                    if page.is_truncated() != Some(true) || after.is_none() {
                        break;
                    }
                }
                keys.truncate(limit);
                Ok(keys)
            }
            (Place::File { folder }, _) => {
                let (folder, prefix) = (PathBuf::from(folder), prefix.to_owned());
                on_disk(move || keys_in_folder(&folder, &prefix, limit)).await
            }
            (Place::S3 { .. }, None) => Err(Error::permanent("the state has no client")),
        }
    }

    async fn tagged(&self, key: &str) -> Result<Option<(Vec<u8>, String)>> {
        let (Place::S3 { bucket, prefix }, Some(client)) = (&self.place, &self.client) else {
            let bytes = self.get(key).await?;
            return Ok(bytes.map(|bytes| {
                let tag = digest(&bytes);
                (bytes, tag)
            }));
        };
        let got = client.get_object().bucket(bucket).key(join(prefix, key));
        match got.send().await {
            Ok(object) => {
                let tag = object.e_tag().unwrap_or_default().to_owned();
                let bytes = object.body.collect().await.map_err(|error| {
                    Error::transient(format!(
                        "the answer to `s3:GetObject` for `{key}` was cut off"
                    ))
                    .caused_by(error)
                })?;
                Ok(Some((bytes.to_vec(), tag)))
            }
            Err(error) if code_of(&error) == Some("NoSuchKey") => Ok(None),
            Err(error) => Err(explain("s3:GetObject", error)
                .context(format!("cannot read the state in `{bucket}`"))),
        }
    }
}

impl StateWriter {
    /// Reads as a [`StateReader`] does.
    pub fn reader(&self) -> StateReader {
        StateReader {
            place: self.place.clone(),
            client: self.client.clone(),
        }
    }

    /// Writes where nothing is, or over what has this tag. Answers the tag of what is there now, or `None`: that is not
    /// how it is.
    pub(super) async fn put_if<T: Serialize + Sync>(
        &self,
        key: &str,
        document: &T,
        replaces: Option<&str>,
    ) -> Result<Option<String>> {
        let bytes = serde_json::to_vec(document)
            .map_err(|error| Error::permanent(format!("cannot write `{key}`")).caused_by(error))?;
        match (&self.place, &self.client) {
            (Place::S3 { bucket, prefix }, Some(client)) => {
                let put = client.put_object().bucket(bucket).key(join(prefix, key));
                let put = match replaces {
                    Some(tag) => put.if_match(tag),
                    None => put.if_none_match("*"),
                };
                let put = put
                    .content_type("application/json")
                    .body(ByteStream::from(bytes));
                match put.send().await {
                    Ok(answer) => Ok(Some(answer.e_tag().unwrap_or_default().to_owned())),
                    // 409: another conditional write is under way. 404: what was to be replaced is gone.
                    Err(error)
                        if matches!(
                            code_of(&error),
                            Some("PreconditionFailed" | "ConditionalRequestConflict" | "NoSuchKey")
                        ) =>
                    {
                        Ok(None)
                    }
                    Err(error) => Err(explain("s3:PutObject", error)
                        .context(format!("cannot write the state in `{bucket}`"))),
                }
            }
            (Place::File { folder }, _) => {
                let path = Path::new(folder).join(key);
                let replaces = replaces.map(str::to_owned);
                on_disk(move || put_in_folder(&path, &bytes, replaces.as_deref())).await
            }
            (Place::S3 { .. }, None) => Err(Error::permanent("the state has no client")),
        }
    }

    /// Removes what has this tag. `false`: something else is there now, or nothing.
    pub(super) async fn remove_if(&self, key: &str, tag: &str) -> Result<bool> {
        match (&self.place, &self.client) {
            (Place::S3 { bucket, prefix }, Some(client)) => {
                let delete = client.delete_object().bucket(bucket).key(join(prefix, key));
                match delete.if_match(tag).send().await {
                    Ok(_) => Ok(true),
                    Err(error)
                        if matches!(
                            code_of(&error),
                            Some("PreconditionFailed" | "ConditionalRequestConflict" | "NoSuchKey")
                        ) =>
                    {
                        Ok(false)
                    }
                    Err(error) => Err(explain("s3:DeleteObject", error)
                        .context(format!("cannot remove from the state in `{bucket}`"))),
                }
            }
            (Place::File { folder }, _) => {
                let (path, tag) = (Path::new(folder).join(key), tag.to_owned());
                on_disk(move || remove_in_folder(&path, &tag)).await
            }
            (Place::S3 { .. }, None) => Err(Error::permanent("the state has no client")),
        }
    }
}

/// `<folder>/<function>/<digest of the subject>.json`: a subject may be longer than a key of S3, and holds anything.
pub(super) fn key_of(folder: &str, function: &str, subject: &str) -> String {
    let digest = digest(subject.as_bytes());
    // 128 bits: subjects are not secret, and nobody gains by two that collide.
    format!("{folder}/{function}/{}.json", &digest[..32])
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Puts a document in its place, under a lock that all processes of this machine take.
fn put_in_folder(path: &Path, bytes: &[u8], replaces: Option<&str>) -> Result<Option<String>> {
    let failed = |error| cannot("write", path, error);
    let _lock = locked(path).map_err(failed)?;
    if tag_of(path).map_err(failed)?.as_deref() != replaces {
        return Ok(None);
    }
    let beside: PathBuf = path.with_extension("json.new");
    fs::write(&beside, bytes).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)?;
    Ok(Some(digest(bytes)))
}

fn remove_in_folder(path: &Path, tag: &str) -> Result<bool> {
    let failed = |error| cannot("write", path, error);
    let _lock = locked(path).map_err(failed)?;
    if tag_of(path).map_err(failed)?.as_deref() != Some(tag) {
        return Ok(false);
    }
    fs::remove_file(path).map_err(failed)?;
    Ok(true)
}

/// The lock on the document's folder. It is given back when the file is closed, whatever becomes of the process.
fn locked(path: &Path) -> std::io::Result<File> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    Ok(lock)
}

fn tag_of(path: &Path) -> std::io::Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(digest(&bytes))),
        Err(error) if error.kind() == Io::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn keys_in_folder(root: &Path, prefix: &str, limit: usize) -> Result<Vec<String>> {
    let mut keys = Vec::new();
    let mut folders = vec![root.join(prefix)];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == Io::NotFound => continue,
            Err(error) => return Err(cannot("list", &folder, error)),
        };
        for entry in entries {
            let path = entry
                .map_err(|error| cannot("list", &folder, error))?
                .path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "json")
                && let Ok(key) = path.strip_prefix(root)
            {
                keys.push(key.to_string_lossy().into_owned());
            }
        }
    }
    keys.sort_unstable();
    keys.truncate(limit);
    Ok(keys)
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    crate::threads::run(work)
        .await
        .map_err(|error| Error::permanent("cannot work on the state").caused_by(error))?
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn a_document_in_a_folder_is_replaced_and_removed_by_who_has_seen_it_and_by_nobody_else() {
        let folder =
            std::env::temp_dir().join(format!("lamplighter-documents-{}", std::process::id()));
        let path = folder.join("ledger/f/x.json");
        let put = |text: &str, tag: Option<&str>| {
            put_in_folder(&path, text.as_bytes(), tag).expect("the folder can be written")
        };
        let first = put("1", None).expect("nothing is there");
        assert_eq!(put("2", None), None, "something is there");
        let second = put("2", Some(&first)).expect("it was seen");
        assert_eq!(put("3", Some(&first)), None, "it was changed meanwhile");
        assert_eq!(
            keys_in_folder(&folder, "ledger/f", 9).expect("it can be listed"),
            ["ledger/f/x.json"]
        );
        assert!(!remove_in_folder(&path, &first).expect("it can be written"));
        assert!(remove_in_folder(&path, &second).expect("it can be written"));
        assert_eq!(put("4", Some(&second)), None, "it is gone");
        fs::remove_dir_all(folder).expect("it is removed");
    }

    #[test]
    fn of_many_that_write_a_document_in_a_folder_at_once_one_does() {
        let folder = std::env::temp_dir().join(format!("lamplighter-race-{}", std::process::id()));
        let path = folder.join("slots/f/slot.json");
        let barrier = Barrier::new(8);
        let won = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|number| {
                    let (barrier, path) = (&barrier, &path);
                    scope.spawn(move || {
                        barrier.wait();
                        let text = format!("run-{number}");
                        put_in_folder(path, text.as_bytes(), None)
                            .expect("the folder can be written")
                            .is_some()
                    })
                })
                .collect();
            let won = threads
                .into_iter()
                .map(|thread| thread.join().expect("no panic"));
            won.filter(|won| *won).count()
        });
        assert_eq!(won, 1);
        fs::remove_dir_all(folder).expect("it is removed");
    }
}
