//! Writes the linked copy of a mail: large attachments give way to links, everything else stays byte for byte.
//!
//! The copy is made of edits of the raw mail and not composed anew, because no composer writes what another one wrote.
//! A signature of the mail, DKIM's too, does not survive that: the raw mail in the archive is the evidence, and what
//! somebody signed or encrypted is not copied at all.

mod body;
mod external;
mod notice;
mod wrap;

use std::fmt;
use std::ops::Range;

use chrono::{DateTime, Utc};

use super::{Dissected, Part, Protection, Role, Source};

/// Where a part can be had from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The part's number in [`Dissected::parts`].
    pub part: usize,
    /// Where it is.
    pub url: String,
    /// When the address stops working; never, when there is none.
    pub expires: Option<DateTime<Utc>>,
    /// Where somebody who may look into the account finds it.
    pub console_url: Option<String>,
}

/// Why there is no linked copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotLinked {
    /// The mail is signed or encrypted.
    Protected(Protection),
    /// There is nothing to link.
    NoLinks,
    /// A link is for a part that the mail does not have.
    NoSuchPart(usize),
}

impl fmt::Display for NotLinked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protected(Protection::Signed(by)) => {
                write!(f, "the mail is signed with {by}, and was left whole")
            }
            Self::Protected(Protection::Encrypted(by)) => {
                write!(f, "the mail is encrypted with {by}, and was left whole")
            }
            Self::NoLinks => f.write_str("the mail has no attachment to link"),
            Self::NoSuchPart(part) => write!(f, "the mail has no part number {part}"),
        }
    }
}

impl std::error::Error for NotLinked {}

/// Writes the linked copy of a mail. `dissected` is what [`super::dissect`] made of `raw`.
///
/// A linked part that is an attachment of its own gives way to a `message/external-body`, and a `winmail.dat` to one for
/// each of its files, if all of them are linked: taking it away for one would take the others too. A text stays where it
/// is, and so does what was uuencoded in it; the notice names it.
pub fn linked(raw: &[u8], dissected: &Dissected, links: &[Link]) -> Result<Vec<u8>, NotLinked> {
    if let Some(protection) = &dissected.protection {
        return Err(NotLinked::Protected(protection.clone()));
    }
    if links.is_empty() {
        return Err(NotLinked::NoLinks);
    }
    let mut listed = Vec::with_capacity(links.len());
    for link in links {
        let part = dissected
            .parts
            .get(link.part)
            .ok_or(NotLinked::NoSuchPart(link.part))?;
        listed.push((link, part));
    }
    let copy = Copy {
        raw,
        dissected,
        line_end: line_end(raw),
        links: &listed,
    };
    Ok(apply(raw, copy.edits()))
}

/// One change of the raw mail.
struct Edit {
    range: Range<usize>,
    text: Vec<u8>,
}

struct Copy<'a> {
    raw: &'a [u8],
    dissected: &'a Dissected,
    /// How the mail ends its lines.
    line_end: &'static str,
    links: &'a [(&'a Link, &'a Part)],
}

impl Copy<'_> {
    fn edits(&self) -> Vec<Edit> {
        let mut edits = Vec::new();
        let nodes = &self.dissected.nodes;
        let Some(root) = nodes.first() else {
            return edits;
        };
        let texts = self.texts();
        if !root.is_multipart && texts.is_empty() {
            self.wrap(root, &mut edits);
            return edits;
        }
        for (number, node) in nodes.iter().enumerate() {
            let parts = self.stand_ins(number);
            if !parts.is_empty() {
                edits.push(self.replace(node, &parts));
            }
        }
        for part in &texts {
            let Source::Node(node) = part.source else {
                continue;
            };
            self.add_notice(&nodes[node], &mut edits);
        }
        if texts.is_empty() {
            self.add_text(&mut edits);
        }
        edits
    }

    /// The parts that stand for a node: none if it stays.
    fn stand_ins(&self, number: usize) -> Vec<Vec<u8>> {
        let parts = &self.dissected.parts;
        let Some(place) = parts
            .iter()
            .position(|part| part.source == Source::Node(number))
        else {
            return Vec::new();
        };
        let part = &parts[place];
        if part.role == Role::Body {
            return Vec::new();
        }
        let link_of = |place: usize| self.links.iter().find(|(link, _)| link.part == place);
        if let Some((link, _)) = link_of(place) {
            return vec![self.external_part(self.dissected.nodes.get(number), link, part)];
        }
        // A `winmail.dat` gives way to all of its files, if each is linked and none can have been missed.
        if part.role != Role::TnefContainer || !part.defects.is_empty() {
            return Vec::new();
        }
        let files = parts.iter().enumerate().filter(
            |(_, part)| matches!(part.source, Source::Tnef { container, .. } if container == place),
        );
        let links: Option<Vec<_>> = files.map(|(place, _)| link_of(place)).collect();
        let links = links.unwrap_or_default();
        links
            .iter()
            .map(|(link, part)| self.external_part(None, link, part))
            .collect()
    }

    /// The first plain text and the first HTML: where people read the notice.
    fn texts(&self) -> Vec<&Part> {
        let first = |media: &str| {
            let mut parts = self.dissected.parts.iter();
            parts.find(|part| {
                part.role == Role::Body
                    && part.content_type == media
                    && body::can_hold_notice(part.encoding)
            })
        };
        [first("text/plain"), first("text/html")]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// How the first line ends.
fn line_end(raw: &[u8]) -> &'static str {
    let (end, next) = super::fields::line(raw, 0);
    match &raw[end..next] {
        b"\n" => "\n",
        b"\r" => "\r",
        _ => "\r\n",
    }
}

/// Makes the edits, of which none overlaps another.
fn apply(raw: &[u8], mut edits: Vec<Edit>) -> Vec<u8> {
    // What is added at a place comes before what is replaced there: the sort is stable, and an empty range ends first.
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let removed: usize = edits.iter().map(|edit| edit.range.len()).sum();
    let added: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut copy = Vec::with_capacity(raw.len().saturating_sub(removed) + added);
    let mut at = 0;
    for edit in edits {
        let start = edit.range.start.max(at);
        copy.extend_from_slice(&raw[at..start]);
        copy.extend_from_slice(&edit.text);
        at = edit.range.end.max(start);
    }
    copy.extend_from_slice(&raw[at..]);
    copy
}
