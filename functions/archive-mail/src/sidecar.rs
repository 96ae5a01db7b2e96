//! What is known of an archived mail, as JSON beside it: `lamplighter/mail/v1`. With it the archive can be searched
//! without reading a single mail.
//!
//! It says nothing about when it was written: archiving a mail twice gives the same sidecar.

use chrono::{DateTime, Utc};
use lamplighter_events::Verdicts;
use serde::{Deserialize, Serialize};

use crate::action::Archive;
use crate::dissect::{self, Disposition, Dissected, Role};
use crate::mail::Input;

/// The schema of [`Sidecar`]. Adding fields is free; renaming or removing one is a new version.
pub const SCHEMA: &str = "lamplighter/mail/v1";

/// The largest sidecar that is read. One of a mail with a thousand parts has one megabyte.
pub const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// What is known of an archived mail.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sidecar {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The id that SES gave the mail, or one made of its key.
    pub id: String,
    /// When SES received it.
    pub received_at: DateTime<Utc>,
    /// The envelope.
    pub envelope: Envelope,
    /// What SES thinks of it.
    pub verdicts: Verdicts,
    /// What was decided: `keep`, `quarantine`, `stop-rule`, `stop-rule-set`.
    pub treatment: String,
    /// What speaks against it.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Where it came from.
    pub source: Source,
    /// The archived mail.
    pub raw: Stored,
    /// The copy with links, where there is one.
    #[serde(default)]
    pub linked: Option<Stored>,
    /// Why attachments were left in the mail: who signed or encrypted it would notice.
    #[serde(default)]
    pub left_whole: Option<String>,
    /// The headers, decoded.
    pub headers: Headers,
    /// Its parts.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// What is wrong with it.
    #[serde(default)]
    pub defects: Vec<Defect>,
    /// Whether there is more in it than is listed.
    #[serde(default)]
    pub is_truncated: bool,
}

/// The envelope, and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The sender; empty for a bounce.
    pub mail_from: Option<String>,
    /// The sender before forwarders and bounce filters rewrote it, where that can be told. Nobody has checked it.
    #[serde(default)]
    pub original_mail_from: Option<String>,
    /// The recipients.
    pub recipients: Vec<String>,
}

/// Where a mail came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The bucket; absent where the event itself brought the mail.
    pub bucket: Option<String>,
    /// The key.
    pub key: Option<String>,
    /// The version.
    pub version_id: Option<String>,
    /// The eTag.
    pub etag: Option<String>,
}

/// An object of the archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

/// A mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The display name; anybody can write anything there.
    #[serde(default)]
    pub name: Option<String>,
    /// `local@domain` as written.
    pub address: String,
}

/// The headers, decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Headers {
    /// Every address of every From.
    pub from: Vec<Address>,
    /// Who sent it in the name of the above.
    pub sender: Vec<Address>,
    /// Where answers shall go.
    pub reply_to: Vec<Address>,
    /// To whom it says it is.
    pub to: Vec<Address>,
    /// Who gets a copy.
    pub cc: Vec<Address>,
    /// Who gets a hidden copy.
    pub bcc: Vec<Address>,
    /// What it is about.
    pub subject: Option<String>,
    /// When it says that it was written.
    pub date: Option<DateTime<Utc>>,
    /// Message-ID.
    pub message_id: Option<String>,
    /// The mails that it answers.
    pub in_reply_to: Vec<String>,
    /// The thread it is in.
    pub references: Vec<String>,
    /// List-Id.
    pub list_id: Option<String>,
}

/// One part of a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its place, as IMAP counts: `1.2`.
    pub path: String,
    /// `type/subtype`.
    pub content_type: String,
    /// `body`, `attachment`, `inline-image`, `nested-mail`, `tnef`, `from-tnef`, `from-text`.
    pub role: String,
    /// `inline` or `attachment`, if it says so.
    #[serde(default)]
    pub disposition: Option<String>,
    /// A name that is safe, and unique in this mail.
    pub name: String,
    /// The name as the mail has it.
    #[serde(default)]
    pub original_name: Option<String>,
    /// The Content-ID.
    #[serde(default)]
    pub content_id: Option<String>,
    /// Bytes, decoded.
    pub size: u64,
    /// Of what it holds, decoded.
    pub sha256: String,
    /// Its own place in the archive.
    #[serde(default)]
    pub stored: Option<Link>,
    /// What is wrong with it.
    #[serde(default)]
    pub defects: Vec<Defect>,
}

/// An attachment in the archive, and a link to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The key.
    pub key: String,
    /// The link.
    pub url: String,
    /// When the link ends, at the latest; absent: it lasts as long as the object does.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defect {
    /// A name to search by.
    pub name: String,
    /// What is wrong.
    pub sentence: String,
}

impl Sidecar {
    /// Reads a sidecar; the error says why it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let sidecar: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match sidecar.schema == SCHEMA {
            true => Ok(sidecar),
            false => Err(format!(
                "its schema is `{}`, not `{SCHEMA}`",
                sidecar.schema
            )),
        }
    }

    /// What is known before the mail is taken apart: enough to find it again.
    pub fn minimal(mail: &Archive, raw: Stored) -> Self {
        let original = mail
            .mail_from
            .as_deref()
            .map(crate::address::original_sender);
        let source = match &mail.input {
            Input::Object {
                bucket,
                key,
                version_id,
                etag,
                ..
            } => Source {
                bucket: Some(bucket.clone()),
                key: Some(key.clone()),
                version_id: version_id.clone(),
                etag: Some(etag.clone()),
            },
            Input::Event { .. } => Source::default(),
        };
        Self {
            schema: SCHEMA.to_owned(),
            id: mail.id.clone(),
            received_at: mail.received_at,
            envelope: Envelope {
                original_mail_from: original.filter(|one| Some(one) != mail.mail_from.as_ref()),
                mail_from: mail.mail_from.clone(),
                recipients: mail.recipients.clone(),
            },
            verdicts: mail.verdicts.clone(),
            treatment: mail.treatment.clone(),
            reasons: mail.reasons.clone(),
            source,
            raw,
            ..Self::default()
        }
    }

    /// Adds what the mail is made of.
    pub fn describe(&mut self, dissected: &Dissected) {
        self.headers = Headers::of(&dissected.headers);
        self.parts = dissected.parts.iter().map(Part::of).collect();
        self.defects
            .extend(dissected.defects.iter().map(Defect::of));
        self.is_truncated = dissected.is_truncated;
    }
}

impl Headers {
    fn of(headers: &dissect::Headers) -> Self {
        let addresses = |list: &[dissect::Address]| -> Vec<Address> {
            list.iter()
                .map(|one| Address {
                    name: one.name.clone(),
                    address: one.address.clone(),
                })
                .collect()
        };
        Self {
            from: addresses(&headers.from),
            sender: addresses(&headers.sender),
            reply_to: addresses(&headers.reply_to),
            to: addresses(&headers.to),
            cc: addresses(&headers.cc),
            bcc: addresses(&headers.bcc),
            subject: headers.subject.clone(),
            date: headers.date,
            message_id: headers.message_id.clone(),
            in_reply_to: headers.in_reply_to.clone(),
            references: headers.references.clone(),
            list_id: headers.list_id.clone(),
        }
    }

    /// Who it says it is from, on one line.
    pub fn senders(&self) -> String {
        let names: Vec<String> = self.from.iter().map(Address::line).collect();
        names.join(", ")
    }
}

impl Address {
    /// `Ann <ann@example.com>`, or the address alone.
    pub fn line(&self) -> String {
        match &self.name {
            Some(name) if !self.address.is_empty() => format!("{name} <{}>", self.address),
            Some(name) => name.clone(),
            None => self.address.clone(),
        }
    }
}

impl Part {
    fn of(part: &dissect::Part) -> Self {
        let role = match &part.role {
            Role::Body => "body",
            Role::Attachment => "attachment",
            Role::InlineImage => "inline-image",
            Role::NestedMail => "nested-mail",
            Role::TnefContainer => "tnef",
            Role::FromTnef { .. } => "from-tnef",
            Role::FromText { .. } => "from-text",
        };
        let disposition = match part.disposition {
            Disposition::Inline => Some("inline"),
            Disposition::Attachment => Some("attachment"),
            Disposition::None => None,
        };
        Self {
            path: part.path.clone(),
            content_type: part.content_type.clone(),
            role: role.to_owned(),
            disposition: disposition.map(str::to_owned),
            name: part.name.clone(),
            original_name: part.original_name.clone(),
            content_id: part.content_id.clone(),
            size: part.size,
            sha256: part.sha256.clone(),
            stored: None,
            defects: part.defects.iter().map(Defect::of).collect(),
        }
    }

    /// Whether it is a file to somebody who reads the mail.
    pub fn is_attachment(&self) -> bool {
        !matches!(self.role.as_str(), "body" | "inline-image")
    }
}

impl Defect {
    fn of(defect: &dissect::Defect) -> Self {
        Self {
            name: defect.name.to_owned(),
            sentence: defect.sentence.clone(),
        }
    }
}
