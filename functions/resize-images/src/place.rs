//! Where a copy lies, and what it says about itself in its metadata.
//!
//! With that, nothing else has to remember which copies are current: neither a database nor `[state]`.

use std::collections::BTreeMap;

use lamplighter_aws::s3::Head;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use lamplighter_images::{Format, Wish};

/// The eTag of the source that a copy was made from.
const SOURCE_ETAG: &str = "lamplighter-source-etag";
/// Its version, where the bucket has versions.
const SOURCE_VERSION: &str = "lamplighter-source-version";
/// Which object the source is: a digest, for a key may hold what no header can.
const SOURCE: &str = "lamplighter-source";
/// How the copy was made.
const RECIPE: &str = "lamplighter-recipe";
/// Where it was written to. A copy that lies elsewhere was put there by somebody, and is an image like any other.
const WRITTEN_TO: &str = "lamplighter-copy";

/// Counted up when the same settings make other copies than before: then all of them are made again.
const RECIPE_VERSION: u32 = 1;

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
pub const MOST_KEY_BYTES: usize = 1024;

/// Which object, and which state of it, a copy was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The source's bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its eTag.
    pub etag: String,
    /// Its version, where the bucket has versions.
    pub version_id: Option<String>,
}

/// What an object at the place of a copy says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The object's own eTag.
    pub etag: String,
    source: Option<String>,
    source_etag: Option<String>,
    recipe: Option<String>,
}

impl Mark {
    /// Reads it.
    pub fn of(head: &Head) -> Self {
        let text = |name: &str| head.metadata.get(name).cloned();
        Self {
            etag: head.etag.clone(),
            source: text(SOURCE),
            source_etag: text(SOURCE_ETAG),
            recipe: text(RECIPE),
        }
    }

    /// Whether it is a copy of this object, of whatever state of it.
    pub fn is_of(&self, bucket: &str, key: &str) -> bool {
        self.source.as_deref() == Some(digest(bucket, key).as_str())
    }

    /// Whether it is what would be made now.
    pub fn is_current(&self, origin: &Origin, recipe: &str) -> bool {
        self.is_of(&origin.bucket, &origin.key)
            && self.source_etag.as_deref() == Some(origin.etag.as_str())
            && self.recipe.as_deref() == Some(recipe)
    }
}

/// Whether an object was written by this function to where it lies.
pub fn is_copy(bucket: &str, key: &str, head: &Head) -> bool {
    head.metadata.get(WRITTEN_TO) == Some(&digest(bucket, key))
}

/// The metadata of a copy.
pub fn metadata(
    origin: &Origin,
    recipe: &str,
    bucket: &str,
    key: &str,
) -> BTreeMap<String, String> {
    let mut metadata = BTreeMap::from([
        (SOURCE.to_owned(), digest(&origin.bucket, &origin.key)),
        (SOURCE_ETAG.to_owned(), origin.etag.clone()),
        (RECIPE.to_owned(), recipe.to_owned()),
        (WRITTEN_TO.to_owned(), digest(bucket, key)),
    ]);
    if let Some(version) = &origin.version_id {
        metadata.insert(SOURCE_VERSION.to_owned(), version.clone());
    }
    metadata
}

/// How a copy of this width is made, in a word: settings that make the same copy make the same word.
pub fn recipe(wish: &Wish, width: u32) -> String {
    let [red, green, blue] = wish.background;
    let format = wish.format.map_or("same", Format::name).to_lowercase();
    let rights = if wish.keeps_rights { "-rights" } else { "" };
    format!(
        "{RECIPE_VERSION}-{width}-{format}-q{}-{red:02x}{green:02x}{blue:02x}{rights}",
        wish.quality
    )
}

/// The key of a copy: prefix, width, and the source's key, its extension replaced where the type is chosen.
pub fn copy_key(prefix: &str, width: u32, source: &str, format: Option<Format>) -> String {
    let key = match format {
        None => source.to_owned(),
        Some(format) => {
            let extension = match format {
                Format::Jpeg => "jpg",
                Format::Png => "png",
                Format::Webp => "webp",
                Format::Gif => "gif",
            };
            format!("{}.{extension}", without_extension(source))
        }
    };
    format!("{prefix}{width}/{key}")
}

/// A key without its extension: up to five letters and digits behind the last dot of its last part.
fn without_extension(key: &str) -> &str {
    let name = key.rsplit('/').next().unwrap_or(key);
    match name.rsplit_once('.') {
        Some((stem, extension))
            if !stem.is_empty()
                && (1..=5).contains(&extension.len())
                && extension.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            &key[..key.len() - extension.len() - 1]
        }
        _ => key,
    }
}

/// An object's place in 32 letters of US-ASCII.
fn digest(bucket: &str, key: &str) -> String {
    let digest = Sha256::new()
        .chain_update(bucket)
        .chain_update("/")
        .chain_update(key)
        .finalize();
    digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_key_of_its_source_and_the_extension_of_its_type() {
        let key = |source, format| copy_key("resized/", 480, source, format);
        assert_eq!(key("in/a+b ü.jpg", None), "resized/480/in/a+b ü.jpg");
        assert_eq!(
            key("in/a.b.JPEG", Some(Format::Webp)),
            "resized/480/in/a.b.webp"
        );
        assert_eq!(
            key("in.d/photo", Some(Format::Jpeg)),
            "resized/480/in.d/photo.jpg"
        );
        assert_eq!(
            key("in/.hidden", Some(Format::Png)),
            "resized/480/in/.hidden.png"
        );
        assert_eq!(
            key("v1.2 (final)", Some(Format::Png)),
            "resized/480/v1.2 (final).png"
        );
    }

    #[test]
    fn a_copy_knows_its_source_its_recipe_and_its_place() {
        let origin = Origin {
            bucket: "photos".to_owned(),
            key: "in/ü.jpg".to_owned(),
            etag: "e1".to_owned(),
            version_id: Some("v1".to_owned()),
        };
        let head = Head {
            etag: "c1".to_owned(),
            metadata: metadata(&origin, "r", "photos", "resized/480/in/ü.jpg"),
            ..Head::default()
        };
        assert!(head.metadata.values().all(|value| value.is_ascii()));
        let mark = Mark::of(&head);
        assert!(mark.is_current(&origin, "r"));
        assert!(!mark.is_current(&origin, "another"));
        let replaced = Origin {
            etag: "e2".to_owned(),
            ..origin
        };
        assert!(!mark.is_current(&replaced, "r") && mark.is_of("photos", "in/ü.jpg"));
        assert!(!mark.is_of("photos", "in/u.jpg"));
        assert!(is_copy("photos", "resized/480/in/ü.jpg", &head));
        // Somebody copied it to where sources are, metadata and all.
        assert!(!is_copy("photos", "in/small.jpg", &head));
    }
}
