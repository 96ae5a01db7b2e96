//! Where things are in the archive. What strangers wrote, an address or an id, becomes part of a key only after it was
//! made harmless, and keys stay far below the 1024 bytes that S3 allows.

use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest, Sha256};

use crate::address::a_labels;

/// The most bytes of a part of a key that is made of what somebody wrote. A domain has 253 at most.
const MOST_BYTES: usize = 128;

/// Where one mail is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The keys of the mail without their endings.
    stem: String,
}

impl Place {
    /// The place of the mail `id`, received at that time for `recipient`, the first of its envelope.
    pub fn new(
        prefix: &str,
        is_quarantined: bool,
        received_at: DateTime<Utc>,
        recipient: Option<&str>,
        id: &str,
    ) -> Self {
        let quarantine = if is_quarantined { QUARANTINE } else { "" };
        let day = day_folder(received_at.date_naive());
        let (local, domain) = match recipient.and_then(|address| address.rsplit_once('@')) {
            Some((local, domain)) => (
                part(&local.to_lowercase()),
                part(&a_labels(domain).unwrap_or_else(|| domain.to_lowercase())),
            ),
            None => ("unknown".to_owned(), "unknown".to_owned()),
        };
        Self {
            stem: format!("{prefix}{quarantine}{day}{domain}/{local}/{}", part(id)),
        }
    }

    /// The mail, byte for byte.
    pub fn raw(&self) -> String {
        format!("{}.eml", self.stem)
    }

    /// What is known of the mail. Written last: with it the mail is archived.
    pub fn sidecar(&self) -> String {
        format!("{}.json", self.stem)
    }

    /// The copy with links in place of attachments.
    pub fn linked(&self) -> String {
        format!("{}.linked.eml", self.stem)
    }

    /// That a copy was sent on, or is about to be.
    pub fn forwarded(&self) -> String {
        format!("{}.forwarded", self.stem)
    }
}

/// The folder of the mail that is not to be trusted, behind the prefix.
pub const QUARANTINE: &str = "quarantine/";

/// The folder of one day, behind the prefix: `2026/11/22/`. Years with more digits are for others to see.
pub fn day_folder(day: NaiveDate) -> String {
    day.format("%Y/%m/%d/").to_string()
}

/// Where an attachment is: once, however many mails bring it. `name` is safe already.
pub fn attachment(prefix: &str, sha256: &str, name: &str) -> String {
    format!("{prefix}attachments/{sha256}/{name}")
}

/// The id of a mail that SES gave none: the end of its key, and what tells two of the same name apart.
pub fn id_of_object(bucket: &str, key: &str, etag: &str) -> String {
    let name = key.trim_end_matches('/').rsplit('/').next().unwrap_or(key);
    let name = name.strip_suffix(".eml").unwrap_or(name);
    let digest = Sha256::new()
        .chain_update(bucket)
        .chain_update("\n")
        .chain_update(key)
        .chain_update("\n")
        .chain_update(etag)
        .finalize();
    format!("{}-{}", cut(name, 64), hex(&digest[..8]))
}

/// A part of a key: letters, digits and a few signs that mean nothing to anybody. What had to be changed gets a
/// checksum of what it was, so that two different names never become one.
fn part(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|letter| match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' | '+' | '=' => letter,
            _ => '_',
        })
        .collect();
    let is_dots = plain.bytes().all(|byte| byte == b'.');
    if plain == text && !is_dots && plain.len() <= MOST_BYTES {
        return plain;
    }
    let sum = hex(&Sha256::digest(text)[..6]);
    let kept = cut(&plain, MOST_BYTES - sum.len() - 1);
    format!("{}~{sum}", if is_dots { "_" } else { kept })
}

/// The beginning of a text, of at most so many bytes.
fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(recipient: Option<&str>, id: &str) -> String {
        let time = "2026-11-22T23:59:59Z".parse().expect("a time");
        Place::new("mail/", false, time, recipient, id).raw()
    }

    #[test]
    fn a_mail_is_found_by_day_recipient_and_id() {
        assert_eq!(
            raw(Some("Invoices+2026@Example.com"), "o3vrnil0e2ic28tr"),
            "mail/2026/11/22/example.com/invoices+2026/o3vrnil0e2ic28tr.eml"
        );
        let time = "2026-01-02T00:00:00Z".parse().expect("a time");
        let place = Place::new("", true, time, Some("a@b.example"), "x");
        assert_eq!(place.sidecar(), "quarantine/2026/01/02/b.example/a/x.json");
        assert_eq!(
            place.linked(),
            "quarantine/2026/01/02/b.example/a/x.linked.eml"
        );
        assert_eq!(raw(None, "x"), "mail/2026/11/22/unknown/unknown/x.eml");
        assert_eq!(
            raw(Some("a@Bücher.example"), "x"),
            "mail/2026/11/22/xn--bcher-kva.example/a/x.eml"
        );
    }

    #[test]
    fn nothing_that_strangers_write_leaves_its_place_in_the_key() {
        for hostile in [
            "../../etc/passwd@x.example",
            "a/b\\c@x.example",
            "..@x.example",
            ".@..",
            "a\r\nb\u{0}@x\u{202e}.example",
            "\"x y\"@[192.0.2.1]",
            "@",
            "a@b/../../c",
            "üñ@x.example",
        ] {
            for id in ["../x", "", "..", "a/b", "\u{202e}gpj"] {
                let key = raw(Some(hostile), id);
                let parts: Vec<&str> = key.split('/').collect();
                assert_eq!(parts.len(), 7, "{key}");
                assert!(
                    parts
                        .iter()
                        .all(|part| !part.is_empty() && *part != "." && *part != ".."),
                    "{key}"
                );
                assert!(key.bytes().all(|byte| byte.is_ascii_graphic()), "{key}");
            }
        }
    }

    #[test]
    fn different_names_never_become_one() {
        let keys = [
            raw(Some("a/b@x.example"), "1"),
            raw(Some("a_b@x.example"), "1"),
            raw(Some("a:b@x.example"), "1"),
            raw(Some("a_b@x.example"), "1/"),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[at + 1..].contains(key), "{key}");
        }
        let etags = ["e1", "e2"].map(|etag| id_of_object("b", "in/mail.eml", etag));
        assert_ne!(etags[0], etags[1]);
        assert!(etags[0].starts_with("mail-"));
        assert_ne!(id_of_object("b", "1/m", "e"), id_of_object("b", "2/m", "e"));
    }

    #[test]
    fn keys_are_far_below_what_s3_allows() {
        let long = "ü".repeat(5000);
        let prefix = "p".repeat(255) + "/";
        let time = "2026-11-22T00:00:00Z".parse().expect("a time");
        let recipient = format!("{long}@{long}");
        let place = Place::new(&prefix, true, time, Some(&recipient), &long);
        assert!(place.linked().len() <= 1024, "{}", place.linked().len());
        assert!(attachment(&prefix, &"0".repeat(64), &"n".repeat(255)).len() <= 1024);
    }
}
