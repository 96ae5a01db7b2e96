//! What waits for its turn: for each deployment group at most one bundle, the newest.
//!
//! ```text
//! pending/<function>/<account>/<region>/<application>/<group>.json
//! ```
//!
//! Every write says what it replaces, so that of two that come at once the older cannot win by being the later.

use lamplighter_core::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::documents::Found;
use super::{StateReader, StateWriter};

/// The longest part of a path; a file's name may have 255 bytes, and `.json` and `.new` come behind.
const LONGEST_PART: usize = 200;

/// Where something waits, for a deployment group: the key in the state.
pub fn pending_key(
    function: &str,
    account: &str,
    region: &str,
    application: &str,
    group: &str,
) -> String {
    let (application, group) = (part(application), part(group));
    format!("pending/{function}/{account}/{region}/{application}/{group}.json")
}

/// A name as a part of a path: percent-encoded, so that it is one part and never a way up; a very long one is cut and
/// told apart by a digest.
fn part(name: &str) -> String {
    let mut text = String::new();
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => text.push(char::from(byte)),
            b'.' if at > 0 => text.push('.'),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    if text.len() > LONGEST_PART {
        let digest = Sha256::digest(name);
        let digest: String = digest[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        text.truncate(LONGEST_PART - digest.len() - 1);
        text.push('~');
        text.push_str(&digest);
    }
    text
}

impl StateReader {
    /// What waits under a key, with the tag that replaces exactly this.
    pub async fn pending<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Found<T>>> {
        self.document(key).await
    }

    /// The keys of everything that waits for a function in an account, at most `limit`.
    pub async fn pending_keys(
        &self,
        function: &str,
        account: &str,
        limit: usize,
    ) -> Result<Vec<String>> {
        let keys = self
            .keys(&format!("pending/{function}/{account}/"), limit)
            .await?;
        Ok(keys
            .into_iter()
            .filter(|key| key.ends_with(".json"))
            .collect())
    }
}

impl StateWriter {
    /// Lets something wait under a key, where nothing does, or in the place of what has this tag. `false`: that is not
    /// how it is.
    pub async fn put_pending<T>(&self, key: &str, what: &T, replaces: Option<&str>) -> Result<bool>
    where
        T: Serialize + DeserializeOwned + PartialEq + Sync,
    {
        match self.put_if(key, what, replaces).await {
            Ok(Some(_)) => Ok(true),
            // The answer to our own write may have been lost, and the SDK asked again.
            Ok(None) => {
                let there = self.reader().document::<T>(key).await?;
                Ok(there.is_some_and(|there| there.document == *what))
            }
            Err(error) => Err(waiting(error)),
        }
    }

    /// What waits under a key does so no longer, unless it is something else by now.
    pub async fn remove_pending(&self, key: &str, tag: &str) -> Result<bool> {
        self.remove_if(key, tag).await.map_err(waiting)
    }
}

fn waiting(error: Error) -> Error {
    error.context("cannot remember what waits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path_whatever_it_is() {
        for (name, expected) in [
            ("shop", "shop"),
            ("shop-2.live_x", "shop-2.live_x"),
            ("a/b", "a%2Fb"),
            ("..", "%2E."),
            (".", "%2E"),
            ("a b+ü%", "a%20b%2B%C3%BC%25"),
            ("", ""),
        ] {
            assert_eq!(part(name), expected, "{name}");
        }
        let long = part(&"ü".repeat(100));
        assert_eq!(long.len(), LONGEST_PART);
        assert_ne!(long, part(&"ü".repeat(99)), "they are told apart");
        let key = pending_key("f", "1", "eu-west-1", "a/b", "c");
        assert_eq!(key, "pending/f/1/eu-west-1/a%2Fb/c.json");
    }
}
