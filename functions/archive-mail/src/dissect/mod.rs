//! Takes a mail apart: bytes in, values out. It knows neither AWS nor the clock, and it keeps no contents: what a part
//! holds is decoded again from the raw mail when somebody asks, so that a mail of 40 MB needs little more than itself.
//!
//! The structure is found here and not by `mail-parser`, which has no limit of parts, matches a boundary in the middle
//! of a line, and returns undecoded or shortened contents of bad base64 without saying so. What it does well, the many
//! charsets and the many forms of a date, is its work here too, behind `catch_unwind`.
//!
//! Nothing here fails: what is wrong with a mail is among its [`Defect`]s, and the raw mail is archived before anyway.

mod addresses;
mod base64;
mod charset;
mod contents;
mod decode;
mod fields;
mod headers;
mod linked;
mod names;
mod parameters;
mod parts;
mod protection;
mod tnef;
mod tree;
mod uuencode;
mod words;

#[cfg(test)]
mod tests;

use std::ops::Range;

pub(crate) use self::charset::encode_charset;
pub use self::decode::TransferEncoding;
pub(crate) use self::decode::{TransferEncoding as Encoding, decode_to_vec};
pub(crate) use self::fields::Field;
pub use self::headers::{Address, Headers};
pub use self::linked::{Link, NotLinked, linked};
pub(crate) use self::names::SafeNames;
pub use self::protection::Protection;
pub(crate) use self::tree::Node;

/// How much of a mail is looked at. What is beyond is told as a defect and stays in the raw mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest mail whose parts are looked at.
    pub max_bytes: usize,
    /// The most parts, attachments out of other attachments included.
    pub max_parts: usize,
    /// How deep multiparts may be nested.
    pub max_depth: usize,
    /// How much of one header is read, the mail's or a part's.
    pub max_header_bytes: usize,
    /// How many times larger than the raw mail all its contents may be together.
    pub max_decoded_ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // SES takes mails of up to 40 MB. <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>
            max_bytes: 45 * 1024 * 1024,
            max_parts: 1_000,
            max_depth: 32,
            // Postfix's `header_size_limit` is 100 KiB for one field. <https://www.postfix.org/postconf.5.html>
            max_header_bytes: 256 * 1024,
            max_decoded_ratio: 8,
        }
    }
}

/// What a mail is made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dissected {
    /// The mail's own header, decoded.
    pub headers: Headers,
    /// Every part that is no multipart, in the order of the mail; what a container held follows the container.
    pub parts: Vec<Part>,
    /// What is wrong with the mail as a whole or with its structure.
    pub defects: Vec<Defect>,
    /// That somebody signed or encrypted it, so that a changed copy would be worthless.
    pub protection: Option<Protection>,
    /// That a limit ended the look at it: there may be more in it than is listed.
    pub is_truncated: bool,
    /// The parts of the tree that hold the parts above.
    pub(crate) nodes: Vec<Node>,
}

/// One thing that is wrong with a mail, and does not stop us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// A name to search by, such as `unclosed-multipart`.
    pub name: &'static str,
    /// What is wrong, as a sentence without full stop.
    pub sentence: String,
}

impl Defect {
    pub(crate) fn new(name: &'static str, sentence: impl Into<String>) -> Self {
        Self {
            name,
            sentence: sentence.into(),
        }
    }
}

/// One part of a mail: a body, an attachment, or what was found in one.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its place, as IMAP counts: `1.2` is the second part of the first. RFC 3501, section 6.4.5.
    pub path: String,
    /// `type/subtype`, in lower case.
    pub content_type: String,
    /// The charset as declared.
    pub charset: Option<String>,
    /// What Content-Disposition says.
    pub disposition: Disposition,
    /// The Content-ID, without its angle brackets.
    pub content_id: Option<String>,
    /// A name that is safe everywhere and unique in this mail.
    pub name: String,
    /// The name as the mail has it, decoded; hostile.
    pub original_name: Option<String>,
    /// How many bytes it holds, decoded.
    pub size: u64,
    /// The SHA-256 of what it holds, decoded; lower-case hexadecimal.
    pub sha256: String,
    /// Where its undecoded body is in the raw mail. What was found in another part has that part's.
    pub range: Range<usize>,
    /// How it is encoded there.
    pub encoding: TransferEncoding,
    /// What it is for.
    pub role: Role,
    /// What is wrong with it.
    pub defects: Vec<Defect>,
    pub(crate) source: Source,
}

impl Part {
    /// Whether it is a file to somebody who reads the mail: neither the text nor an image within the text.
    pub fn is_attachment(&self) -> bool {
        !matches!(self.role, Role::Body | Role::InlineImage)
    }
}

/// What Content-Disposition says. RFC 2183; an unknown one is an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Disposition {
    /// To be shown within the text.
    Inline,
    /// To be shown as a file.
    Attachment,
    /// It is not said.
    #[default]
    None,
}

/// What a part is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// The text of the mail, in one of its forms.
    Body,
    /// A file.
    Attachment,
    /// An image that the HTML shows by its Content-ID.
    InlineImage,
    /// Another mail, whole. It is not dissected.
    NestedMail,
    /// A `winmail.dat` of Outlook. What it holds follows it, as parts of their own.
    TnefContainer,
    /// A file out of a `winmail.dat`.
    FromTnef {
        /// The path of the `winmail.dat`.
        container: String,
    },
    /// A uuencoded file out of a text.
    FromText {
        /// The path of the text.
        container: String,
    },
}

/// Where the contents of a part come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// From the raw mail: the node of this number.
    Node(usize),
    /// From the `winmail.dat` that is the part of this number: its item of that number.
    Tnef { container: usize, item: usize },
    /// From the text that is the part of this number: the file that begins at that byte of the decoded text.
    Text { container: usize, start: usize },
}

/// Takes a mail apart. It never fails and never panics: what is wrong is in `defects`.
pub fn dissect(raw: &[u8], limits: &Limits) -> Dissected {
    let mut tree = tree::grow(raw, limits);
    let mut dissected = Dissected {
        defects: std::mem::take(&mut tree.defects),
        is_truncated: tree.is_truncated,
        ..Dissected::default()
    };
    let header = std::mem::take(&mut tree.header);
    dissected.headers = headers::read(
        raw,
        header,
        tree.declared.as_deref(),
        &mut dissected.defects,
    );
    if raw.len() > limits.max_bytes {
        dissected.defects.push(Defect::new(
            "too-large",
            format!(
                "the mail has {} bytes, more than the {} that are looked at",
                raw.len(),
                limits.max_bytes
            ),
        ));
        dissected.is_truncated = true;
        return dissected;
    }
    parts::list(raw, tree, limits, &mut dissected);
    dissected
}
