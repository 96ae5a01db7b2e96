//! What to judge by, made from the `[archive-mail]` section.

use lamplighter_config::{ArchiveMail, Correspondent, LinkStyle, Source};
use lamplighter_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::address::{Known, Mailbox};
use crate::dissect::Limits;
use crate::policy::Policy;

/// What to judge by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The bucket of the archive; `None`: not chosen yet.
    pub archive_bucket: Option<String>,
    /// What its keys begin with.
    pub archive_prefix: String,
    /// Where SES's S3 action puts mail.
    pub sources: Vec<Source>,
    /// Whose mail is archived; empty: everybody's.
    pub recipients: Vec<Known>,
    /// What becomes of a mail.
    pub policy: Policy,
    /// Attachments of this size and more are stored on their own.
    pub threshold_bytes: u64,
    /// How they are linked.
    pub links: Links,
    /// A larger object is not taken.
    pub max_bytes: u64,
    /// How much of a mail is looked at.
    pub limits: Limits,
    /// Who gets a copy.
    pub forward: Option<Forward>,
}

/// How stored attachments are linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Links {
    /// The style, by its name in the configuration.
    pub style: String,
    /// What links of the style `url` begin with.
    pub url: Option<String>,
    /// How long a signed one is to live.
    pub days: u32,
}

/// Who gets a copy of each mail that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// The sender of the copies.
    pub from: String,
    /// Who gets them.
    pub to: Vec<String>,
    /// For a larger mail a notice is sent.
    pub max_bytes: u64,
}

/// A megabyte as mail servers count it.
const MB: u64 = 1024 * 1024;

impl Rules {
    /// The rules of a section.
    pub fn of(section: &ArchiveMail) -> Result<Self> {
        let forward = match (&section.forward_from, section.forward_to.is_empty()) {
            (Some(from), false) => Some(Forward {
                from: from.clone(),
                to: section.forward_to.clone(),
                max_bytes: u64::from(section.forward_max_mb) * MB,
            }),
            _ => None,
        };
        let max_bytes = u64::from(section.max_mail_mb) * MB;
        Ok(Self {
            archive_bucket: section.archive_bucket.clone(),
            archive_prefix: section.archive_prefix.clone(),
            sources: section.intake.sources.clone(),
            recipients: known("recipients", &section.recipients)?,
            policy: Policy {
                allow_senders: known("allow_senders", &section.allow_senders)?,
                on_spam: section.on_spam,
                on_virus: section.on_virus,
                on_gray: section.on_gray,
                on_unscanned: section.on_unscanned,
                on_unauthenticated: section.on_unauthenticated,
                on_unknown_sender: section.on_unknown_sender,
            },
            threshold_bytes: u64::from(section.attachment_threshold_bytes),
            links: Links {
                style: section.links.to_string(),
                url: section
                    .link_url
                    .clone()
                    .filter(|_| section.links == LinkStyle::Url),
                days: section.link_days,
            },
            max_bytes,
            limits: Limits {
                max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX),
                max_parts: section.max_parts as usize,
                max_depth: section.max_depth as usize,
                max_header_bytes: section.max_header_kb as usize * 1024,
                max_decoded_ratio: u64::from(section.max_decoded_ratio),
            },
            forward,
        })
    }

    /// Whether an address is in `recipients`.
    pub fn is_listed(&self, address: &str) -> bool {
        let mailbox = Mailbox::parse(address);
        mailbox.is_some_and(|mailbox| self.recipients.iter().any(|known| known.is(&mailbox)))
    }

    /// Whether an object is of the archive itself: writing it must not set anything off.
    pub fn is_own_output(&self, bucket: &str, key: &str) -> bool {
        self.archive_bucket.as_deref() == Some(bucket) && key.starts_with(&self.archive_prefix)
    }
}

/// The entries in the form in which domains are compared.
fn known(key: &str, entries: &[Correspondent]) -> Result<Vec<Known>> {
    let read = |entry: &Correspondent| {
        Known::read(entry).ok_or_else(|| {
            Error::config(format!(
                "`{key}` in [archive-mail]: the domain of `{entry}` cannot exist in DNS"
            ))
        })
    };
    entries.iter().map(read).collect()
}
