//! One message, from its parts to RFC 5322 bytes.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};
use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address as AddressHeader;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::MimePart;

use crate::{Address, MailError};

/// SES takes at most 50 recipients per message. <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>
pub const MAX_RECIPIENTS: usize = 50;

/// The longest value of a header that cannot be folded. A line has at most 998 characters without its end.
/// <https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1>
const MAX_UNFOLDED: usize = 900;

/// A message with a plain and an HTML body, ready to be turned into bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The sender. Its domain is also that of the message's id.
    pub from: Address,
    /// The recipients. An address that is named twice gets one message: see [`Message::recipients`].
    pub to: Vec<Address>,
    /// The subject, in any script and of any length.
    pub subject: String,
    /// The plain body.
    pub text: String,
    /// The HTML body.
    pub html: String,
    /// Files that go with it.
    pub attachments: Vec<Attachment>,
    /// What mail programs file it by, such as `stop-untagged.lamplighter.example.com`.
    pub list_id: Option<String>,
    /// What is unique about it, such as the run's id. The domain of `from` is added where it has none. Without it, the
    /// id is made from what the message holds.
    pub message_id: Option<String>,
    /// When it was written.
    pub date: DateTime<Utc>,
}

/// A file that goes with a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The file name, without folders.
    pub name: String,
    /// The media type, such as `text/csv`.
    pub content_type: String,
    /// The contents, which arrive as they are.
    pub bytes: Vec<u8>,
}

impl Message {
    /// The distinct recipients, in order: the envelope of the message as well as its `To`.
    pub fn recipients(&self) -> Vec<&Address> {
        let mut seen = std::collections::BTreeSet::new();
        self.to
            .iter()
            .filter(|address| seen.insert(address.email()))
            .collect()
    }

    /// The message as several, none of which has more than [`MAX_RECIPIENTS`]. Their ids differ.
    #[must_use]
    pub fn split(self) -> Vec<Self> {
        let recipients: Vec<Address> = self.recipients().into_iter().cloned().collect();
        if recipients.len() <= MAX_RECIPIENTS {
            return vec![self];
        }
        recipients
            .chunks(MAX_RECIPIENTS)
            .enumerate()
            .map(|(index, recipients)| Self {
                to: recipients.to_vec(),
                message_id: self.message_id.as_deref().map(|id| numbered(id, index + 1)),
                ..self.clone()
            })
            .collect()
    }

    /// The message as RFC 5322 and MIME have it: `multipart/alternative`, within `multipart/mixed` if there are
    /// attachments. Its lines end in CRLF and have at most 998 characters.
    ///
    /// Nothing is repaired quietly: a header with a control character in it is refused.
    pub fn to_bytes(&self) -> Result<Vec<u8>, MailError> {
        let recipients = self.recipients();
        match recipients.len() {
            0 => return Err(MailError::NoRecipient),
            1..=MAX_RECIPIENTS => {}
            count => return Err(MailError::TooManyRecipients(count)),
        }
        without_controls("subject", &self.subject)?;
        let to: Vec<AddressHeader<'_>> = recipients.into_iter().map(address_header).collect();
        let mut builder = MessageBuilder::new()
            .from(address_header(&self.from))
            .to(AddressHeader::new_list(to))
            .subject(Text::new(self.subject.as_str()))
            .date(Date {
                date: self.date.timestamp(),
            })
            .message_id(MessageId::new(self.id()?));
        if let Some(list_id) = &self.list_id {
            builder = builder.header("List-Id", Raw::new(list_id_header(list_id)?));
        }
        // RFC 3834, and what Exchange looks at: nobody's absence note should answer a report.
        builder = builder
            .header(
                "Auto-Submitted",
                HeaderType::Raw(Raw::new("auto-generated")),
            )
            .header("X-Auto-Response-Suppress", HeaderType::Raw(Raw::new("All")))
            .body(self.body()?);
        let mut bytes = vec![];
        builder.serialize(&mut bytes);
        Ok(bytes)
    }

    fn body(&self) -> Result<MimePart<'_>, MailError> {
        let alternative = MimePart::new(
            multipart("multipart/alternative", self.boundary("alternative")),
            vec![
                MimePart::new("text/plain", canonical(&self.text)),
                MimePart::new("text/html", canonical(&self.html)),
            ],
        );
        if self.attachments.is_empty() {
            return Ok(alternative);
        }
        let mut parts = vec![alternative];
        for attachment in &self.attachments {
            attachment.check()?;
            parts.push(
                MimePart::new(
                    ContentType::new(attachment.content_type.as_str()),
                    attachment.bytes.as_slice(),
                )
                .attachment(attachment.name.as_str()),
            );
        }
        Ok(MimePart::new(
            multipart("multipart/mixed", self.boundary("mixed")),
            parts,
        ))
    }

    /// A line that separates parts and occurs in none of them, so that no tag can forge the end of a part. It is made
    /// from the contents, not from the clock and the host as usual.
    fn boundary(&self, kind: &str) -> String {
        let occurs = |boundary: &str| {
            self.text.contains(boundary)
                || self.html.contains(boundary)
                || self.attachments.iter().any(|attachment| {
                    let mut windows = attachment.bytes.windows(boundary.len());
                    windows.any(|window| window == boundary.as_bytes())
                })
        };
        let mut boundary = format!("=_lamplighter_{kind}");
        let mut number = 0_usize;
        while occurs(&boundary) {
            number += 1;
            boundary = format!("=_lamplighter_{kind}_{number}");
        }
        boundary
    }

    fn id(&self) -> Result<String, MailError> {
        let id = match self.message_id.as_deref() {
            None => {
                let mut hasher = DefaultHasher::new();
                (&self.from, &self.to, &self.subject, &self.text).hash(&mut hasher);
                format!("{}.{:016x}", self.date.timestamp_millis(), hasher.finish())
            }
            Some(id) => id.to_owned(),
        };
        without_controls("message_id", &id)?;
        let (unique, domain) = id.split_once('@').unwrap_or((&id, self.from.domain()));
        for part in [unique, domain] {
            check_dot_atom("message_id", part)?;
        }
        Ok(format!("{unique}@{domain}"))
    }
}

impl Attachment {
    fn check(&self) -> Result<(), MailError> {
        without_controls("attachment name", &self.name)?;
        without_controls("attachment type", &self.content_type)?;
        if self.name.is_empty() || self.name.contains(['/', '\\']) {
            return Err(MailError::Malformed {
                header: "attachment name",
                reason: "is empty or names a folder",
            });
        }
        if self.name.len() > MAX_UNFOLDED {
            return Err(too_long("attachment name"));
        }
        let is_token = |text: &str| {
            (1..=127).contains(&text.len())
                && text.chars().all(|character| {
                    character.is_ascii_alphanumeric() || "!#$&^_.+-".contains(character)
                })
        };
        let is_media_type = self
            .content_type
            .split_once('/')
            .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
        // A part that is itself a message or has parts would have to be encoded otherwise.
        let is_nested = ["multipart/", "message/"]
            .iter()
            .any(|kind| self.content_type.to_ascii_lowercase().starts_with(kind));
        if !is_media_type || is_nested {
            return Err(MailError::Malformed {
                header: "attachment type",
                reason: "is no media type such as `text/csv`",
            });
        }
        Ok(())
    }
}

/// Says how large the parts are, and neither what is in them nor who gets them: `Debug` output ends up in logs.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("recipients", &self.to.len())
            .field("subject_bytes", &self.subject.len())
            .field("text_bytes", &self.text.len())
            .field("html_bytes", &self.html.len())
            .field("attachments", &self.attachments)
            .field("date", &self.date)
            .finish_non_exhaustive()
    }
}

/// Says how large the file is, and not what is in it.
impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment")
            .field("content_type", &self.content_type)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

fn address_header(address: &Address) -> AddressHeader<'_> {
    AddressHeader::new_address(address.name(), address.email())
}

fn multipart(kind: &'static str, boundary: String) -> ContentType<'static> {
    ContentType::new(kind).attribute("boundary", boundary)
}

/// A body with CRLF as its only line end, the canonical form of text whatever its encoding, and without NUL.
/// <https://www.rfc-editor.org/rfc/rfc2045#section-6.8>
fn canonical(body: &str) -> String {
    body.replace("\r\n", "\n")
        .replace('\r', "\n")
        .replace('\n', "\r\n")
        .replace('\0', "\u{fffd}")
}

fn list_id_header(list_id: &str) -> Result<String, MailError> {
    without_controls("list_id", list_id)?;
    let bare = list_id
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .unwrap_or(list_id);
    check_dot_atom("list_id", bare)?;
    Ok(format!("<{bare}>"))
}

/// Checks `a.b-c.d`: the form of both halves of a message's id, and of a list's.
fn check_dot_atom(header: &'static str, text: &str) -> Result<(), MailError> {
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom.chars().all(|character| {
                character.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character)
            })
    };
    if text.len() > MAX_UNFOLDED / 2 {
        return Err(too_long(header));
    }
    if !text.split('.').all(is_atom) {
        return Err(MailError::Malformed {
            header,
            reason: "may hold only ASCII letters, digits, dots between them, and signs such as `-`",
        });
    }
    Ok(())
}

fn too_long(header: &'static str) -> MailError {
    MailError::Malformed {
        header,
        reason: "is too long for one line of a header",
    }
}

fn without_controls(header: &'static str, value: &str) -> Result<(), MailError> {
    match value.chars().find(|character| character.is_control()) {
        None => Ok(()),
        Some(character) => Err(MailError::ControlCharacter {
            header,
            code: u32::from(character),
        }),
    }
}

/// The id of one of several messages: the number goes before the domain.
fn numbered(id: &str, number: usize) -> String {
    match id.split_once('@') {
        Some((unique, domain)) => format!("{unique}.{number}@{domain}"),
        None => format!("{id}.{number}"),
    }
}
