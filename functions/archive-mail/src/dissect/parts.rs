//! Makes the list of parts out of the tree: what each is for, what it is called, how much it holds.

use std::collections::{HashSet, VecDeque};

use sha2::{Digest, Sha256};

use super::names::{extension, split};
use super::tree::Tree;
use super::{
    Defect, Disposition, Dissected, Encoding, Limits, Node, Part, Role, SafeNames, Source, decode,
    headers, parameters, protection, tnef, uuencode,
};

/// Lists the parts of a mail.
pub(crate) fn list(raw: &[u8], tree: Tree, limits: &Limits, dissected: &mut Dissected) {
    dissected.nodes = tree.nodes;
    let shown = shown_ids(raw, &dissected.nodes);
    let mut lister = Lister {
        raw,
        limits,
        shown,
        names: SafeNames::default(),
        budget: limits
            .max_decoded_ratio
            .saturating_mul(raw.len() as u64)
            .max(1024 * 1024),
        declared: tree.declared,
        dissected,
    };
    for node in 0..lister.dissected.nodes.len() {
        lister.node(node);
    }
}

/// The most files out of one part. Each is decoded with all of the part around it.
const MOST_INSIDE: usize = 100;

struct Lister<'a> {
    raw: &'a [u8],
    limits: &'a Limits,
    /// The Content-IDs that the HTML shows.
    shown: HashSet<String>,
    names: SafeNames,
    /// How much may still be decoded.
    budget: u64,
    declared: Option<String>,
    dissected: &'a mut Dissected,
}

impl Lister<'_> {
    fn node(&mut self, number: usize) {
        let node = &self.dissected.nodes[number];
        if self.dissected.protection.is_none() {
            self.dissected.protection = protection::of_node(node, number == 0);
        }
        if node.is_multipart || number == 0 {
            self.dissected.defects.extend(node.defects.iter().cloned());
        }
        if node.is_multipart {
            return;
        }
        let parent = node.parent.map(|parent| &self.dissected.nodes[parent]);
        let body = &self.raw[node.body.clone()];
        let mut defects = if number == 0 {
            Vec::new()
        } else {
            node.defects.clone()
        };
        let role = role(node, parent, self.dissected.parts.is_empty(), &self.shown);
        let (size, sha256, wrong) = measure(node.content.encoding, body);
        defects.extend(wrong);
        let content = &node.content;
        let (original, fallback) = match (&content.name, &role) {
            (None, Role::NestedMail) => {
                let mail = decode_start(content.encoding, body, self.limits.max_header_bytes);
                let subject = headers::subject_of(&mail, self.limits.max_header_bytes);
                // A subject is a sentence, not a path: its slashes do not cut it.
                (
                    None,
                    subject.map(|subject| format!("{}.eml", subject.replace(['/', '\\'], "_"))),
                )
            }
            (Some(name), Role::NestedMail) if split(name).1.is_empty() => {
                (Some(format!("{name}.eml")), None)
            }
            (name, _) => (name.clone(), None),
        };
        let by_path = format!("part-{}.{}", node.path, extension(&content.media));
        let name = self
            .names
            .give(original.as_deref().or(fallback.as_deref()), &by_path);
        let part = Part {
            path: node.path.clone(),
            content_type: content.media.clone(),
            charset: content.charset.clone(),
            disposition: content.disposition,
            content_id: content.id.clone(),
            name,
            original_name: content.name.clone(),
            size,
            sha256,
            range: node.body.clone(),
            encoding: content.encoding,
            role,
            defects,
            source: Source::Node(number),
        };
        let container = self.dissected.parts.len();
        let inner = match part.role {
            Role::TnefContainer => Inner::Tnef,
            Role::Body if part.content_type == "text/plain" => Inner::Text,
            _ => Inner::Nothing,
        };
        self.spend(part.size);
        self.dissected.parts.push(part);
        match inner {
            Inner::Tnef => self.tnef(container),
            Inner::Text => self.text(container),
            Inner::Nothing => {}
        }
    }

    /// Adds what a `winmail.dat` holds.
    fn tnef(&mut self, container: usize) {
        let Some(data) = self.dissected.contents(self.raw, container) else {
            return;
        };
        let limits = tnef::Limits {
            max_items: MOST_INSIDE,
            max_depth: tnef::DEPTH,
        };
        let read = tnef::read(&data, &limits);
        let place = &mut self.dissected.parts[container];
        place.defects.extend(read.defects);
        self.dissected.is_truncated |= read.is_cut;
        let place = &mut self.dissected.parts[container];
        if !read.is_tnef {
            place.role = Role::Attachment;
            return;
        }
        let path = place.path.clone();
        for (item, found) in read.items.iter().enumerate() {
            if !self.has_room(container) || !self.may_spend(container, found.size(&data)) {
                return;
            }
            let contents = found.contents(&data);
            let bytes = contents.bytes.as_ref();
            let mut original = found
                .name
                .as_ref()
                .map(|name| name.decode(self.declared.as_deref()));
            if let Some(name) = &original
                && name.trim().is_empty()
            {
                original = None;
            }
            self.spend(bytes.len() as u64);
            let (size, sha256, _) = measure(Encoding::Identity, bytes);
            let path_of_item = format!("{path}.{}", item + 1);
            let media = found
                .content_type
                .clone()
                .unwrap_or_else(|| "application/octet-stream".to_owned());
            let fallback = match found.fixed_name {
                Some(name) => name.to_owned(),
                None => format!("part-{path_of_item}.{}", extension(&media)),
            };
            let part = Part {
                path: path_of_item,
                name: self.names.give(original.as_deref(), &fallback),
                content_type: media,
                charset: None,
                disposition: Disposition::None,
                content_id: found.content_id.clone(),
                original_name: original,
                size,
                sha256,
                range: self.dissected.parts[container].range.clone(),
                encoding: self.dissected.parts[container].encoding,
                role: Role::FromTnef {
                    container: path.clone(),
                },
                defects: contents.defects,
                source: Source::Tnef { container, item },
            };
            self.dissected.parts.push(part);
        }
    }

    /// Adds the uuencoded files of a text, and looks whether the text is one of PGP.
    fn text(&mut self, container: usize) {
        let Some(text) = self.dissected.contents(self.raw, container) else {
            return;
        };
        if self.dissected.protection.is_none() {
            self.dissected.protection = protection::of_text(&text);
        }
        let path = self.dissected.parts[container].path.clone();
        for (item, found) in uuencode::find(&text, MOST_INSIDE + 1)
            .into_iter()
            .enumerate()
        {
            if item == MOST_INSIDE {
                self.cut(
                    container,
                    "too-many-parts",
                    "it holds more files than are looked at",
                );
                return;
            }
            if !self.has_room(container) {
                return;
            }
            let mut hash = Measure::default();
            let defects = uuencode::decode(&text[found.start..], &mut |bytes| hash.add(bytes));
            if !self.may_spend(container, hash.size) {
                return;
            }
            self.spend(hash.size);
            let original =
                super::charset::guess(&found.name, self.declared.as_deref()).into_owned();
            let path_of_item = format!("{path}.{}", item + 1);
            let (size, sha256) = hash.finish();
            let part = Part {
                name: self
                    .names
                    .give(Some(&original), &format!("part-{path_of_item}.bin")),
                path: path_of_item,
                content_type: "application/octet-stream".to_owned(),
                charset: None,
                disposition: Disposition::None,
                content_id: None,
                original_name: Some(original),
                size,
                sha256,
                range: self.dissected.parts[container].range.clone(),
                encoding: Encoding::Uuencode,
                role: Role::FromText {
                    container: path.clone(),
                },
                defects,
                source: Source::Text {
                    container,
                    start: found.start,
                },
            };
            self.dissected.parts.push(part);
        }
    }

    fn has_room(&mut self, container: usize) -> bool {
        let has_room = self.dissected.parts.len() < self.limits.max_parts.saturating_mul(2);
        if !has_room {
            self.cut(
                container,
                "too-many-parts",
                "it holds more files than are looked at",
            );
        }
        has_room
    }

    fn may_spend(&mut self, container: usize, size: u64) -> bool {
        let may = size <= self.budget;
        if !may {
            self.cut(
                container,
                "too-much-inside",
                "what it holds is out of proportion to the mail, and was not unpacked",
            );
        }
        may
    }

    fn cut(&mut self, container: usize, name: &'static str, sentence: &str) {
        self.dissected.parts[container]
            .defects
            .push(Defect::new(name, sentence));
        self.dissected.is_truncated = true;
    }

    fn spend(&mut self, size: u64) {
        self.budget = self.budget.saturating_sub(size);
    }
}

enum Inner {
    Nothing,
    Tnef,
    Text,
}

/// What a leaf is for.
fn role(node: &Node, parent: Option<&Node>, is_first: bool, shown: &HashSet<String>) -> Role {
    let content = &node.content;
    let name = content.name.as_deref().unwrap_or_default();
    let is_shown = content
        .id
        .as_ref()
        .is_some_and(|id| shown.contains(&id.to_lowercase()));
    match content.media.as_str() {
        "message/rfc822" | "message/global" => Role::NestedMail,
        media if media.starts_with("image/") && is_shown => Role::InlineImage,
        "application/ms-tnef" | "application/vnd.ms-tnef" => Role::TnefContainer,
        _ if name.eq_ignore_ascii_case("winmail.dat") => Role::TnefContainer,
        _ if content.disposition == Disposition::Attachment => Role::Attachment,
        "text/plain" | "text/html" | "text/enriched" | "text/richtext" | "text/x-amp-html" => {
            // Some programs name the text of the mail; with a disposition, or further down, a named text is a file.
            let is_named = !name.is_empty();
            if !is_named || is_first && content.disposition == Disposition::None {
                Role::Body
            } else {
                Role::Attachment
            }
        }
        // A multipart without parts is a text if it is all there is.
        media if media.starts_with("multipart/") && node.parent.is_none() => Role::Body,
        media
            if media.starts_with("text/")
                && parent.is_some_and(|parent| parent.content.media == "multipart/alternative") =>
        {
            Role::Body
        }
        _ => Role::Attachment,
    }
}

#[derive(Default)]
struct Measure {
    size: u64,
    hash: Sha256,
}

impl Measure {
    fn add(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.hash.update(bytes);
    }

    fn finish(self) -> (u64, String) {
        let digits = self
            .hash
            .finalize()
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .collect::<Vec<_>>();
        let digits = digits
            .into_iter()
            .filter_map(|digit| char::from_digit(digit.into(), 16));
        (self.size, digits.collect())
    }
}

/// The size and the hash of what a body holds, without holding it.
fn measure(encoding: Encoding, body: &[u8]) -> (u64, String, Vec<Defect>) {
    let mut measure = Measure::default();
    let defects = decode::decode(encoding, body, &mut |bytes| measure.add(bytes));
    let (size, sha256) = measure.finish();
    (size, sha256, defects)
}

/// The first bytes of what a body holds.
fn decode_start(encoding: Encoding, body: &[u8], most: usize) -> Vec<u8> {
    // Encoded, it is at most four times as long: quoted-printable of nothing but escapes, and soft line ends.
    decode::decode_to_vec(encoding, &body[..body.len().min(most.saturating_mul(4))])
}

/// The Content-IDs that any HTML text of the mail shows, in lower case. RFC 2392.
fn shown_ids(raw: &[u8], nodes: &[Node]) -> HashSet<String> {
    let mut ids = HashSet::new();
    if !nodes.iter().any(|node| node.content.id.is_some()) {
        return ids;
    }
    for node in nodes
        .iter()
        .filter(|node| !node.is_multipart && node.content.media == "text/html")
    {
        let mut scan = VecDeque::new();
        decode::decode(
            node.content.encoding,
            &raw[node.body.clone()],
            &mut |bytes| {
                for &byte in bytes {
                    if scan.len() == LONGEST_ID {
                        look(&mut scan, &mut ids);
                    }
                    scan.push_back(byte);
                    // Only what may begin an address of this kind is kept.
                    while !scan.is_empty() && !may_begin(&mut scan) {
                        scan.pop_front();
                    }
                    if scan.len() > 4 && ends_id(byte) {
                        look(&mut scan, &mut ids);
                    }
                }
            },
        );
        look(&mut scan, &mut ids);
    }
    ids
}

/// As long as a line of a header may be. RFC 5322, section 2.1.1.
const LONGEST_ID: usize = 998;

fn may_begin(scan: &mut VecDeque<u8>) -> bool {
    let scheme = b"cid:";
    scan.iter()
        .zip(scheme)
        .all(|(byte, wanted)| byte.eq_ignore_ascii_case(wanted))
}

fn ends_id(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'>' | b'<' | b')' | b'&' | b';') || byte.is_ascii_whitespace()
}

fn look(scan: &mut VecDeque<u8>, ids: &mut HashSet<String>) {
    let bytes: Vec<u8> = scan.drain(..).collect();
    if bytes.len() > 4 {
        let end = bytes
            .iter()
            .position(|&byte| ends_id(byte))
            .unwrap_or(bytes.len());
        let mut id = Vec::new();
        parameters::percent(&bytes[4..end], &mut id);
        ids.insert(String::from_utf8_lossy(&id).to_lowercase());
    }
}
