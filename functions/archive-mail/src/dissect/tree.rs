//! Finds the parts of a mail: RFC 2046, section 5.1, line by line, once over the raw bytes. It follows what Python's
//! `email` does with broken mails, and goes further where an attachment would be lost.

use std::ops::Range;

use super::fields::{self, Block};
use super::parameters::{self, Parameterised};
use super::{Defect, Disposition, Encoding, Limits, words};

/// One node of the tree of parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) path: String,
    pub(crate) parent: Option<usize>,
    /// The fields of its header, without the empty line after them.
    pub(crate) header: Range<usize>,
    /// Its body, without the line end that belongs to the boundary after it. RFC 2046, section 5.1.1.
    pub(crate) body: Range<usize>,
    pub(crate) content: Content,
    pub(crate) is_multipart: bool,
    /// The boundary of a multipart.
    pub(crate) boundary: Option<Vec<u8>>,
    pub(crate) defects: Vec<Defect>,
}

/// What a part's header says about its contents.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Content {
    pub(crate) media: String,
    pub(crate) charset: Option<String>,
    pub(crate) encoding: Encoding,
    pub(crate) disposition: Disposition,
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    /// `smime-type` of RFC 8551, or `protocol` of RFC 1847.
    pub(crate) kind: Option<String>,
}

/// A mail as nodes, each after its parent.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    /// The mail's own header.
    pub(crate) header: Block,
    /// The charset of the first text: a guess for bytes that nobody declared.
    pub(crate) declared: Option<String>,
    pub(crate) defects: Vec<Defect>,
    pub(crate) is_truncated: bool,
}

/// A multipart whose end was not seen yet.
struct Open {
    node: usize,
    boundary: Vec<u8>,
    children: usize,
}

/// Finds the parts of a mail, within the limits.
pub(crate) fn grow(raw: &[u8], limits: &Limits) -> Tree {
    let mut grower = Grower {
        raw,
        limits,
        tree: Tree::default(),
        open: Vec::new(),
        is_in_leaf: false,
    };
    grower.grow();
    grower.settle();
    grower.tree
}

struct Grower<'a> {
    raw: &'a [u8],
    limits: &'a Limits,
    tree: Tree,
    open: Vec<Open>,
    /// That the last node is a leaf whose end was not seen yet.
    is_in_leaf: bool,
}

impl Grower<'_> {
    fn grow(&mut self) {
        let raw = self.raw;
        let mut start = 0;
        loop {
            let mut at = self.begin(start);
            // What the leaf or the preamble before the next boundary reaches to.
            let mut end_of_content = at;
            if self.tree.nodes.len() == 1 && raw.len() > self.limits.max_bytes {
                return;
            }
            let next_part = loop {
                if at >= raw.len() {
                    self.end_leaf(raw.len());
                    self.close(0, raw.len(), true);
                    return;
                }
                let (end, next) = fields::line(raw, at);
                let Some((depth, is_last)) = delimiter(&self.open, &raw[at..end]) else {
                    (end_of_content, at) = (end, next);
                    continue;
                };
                if is_last && self.open[depth].children == 0 {
                    // An end without a beginning: what is before it is no part, and must not get lost.
                    (end_of_content, at) = (end, next);
                    continue;
                }
                self.end_leaf(end_of_content);
                self.close(depth + 1, end_of_content, true);
                if is_last {
                    self.close(depth, end_of_content, false);
                    (end_of_content, at) = (end, next);
                    continue;
                }
                self.open[depth].children += 1;
                break next;
            };
            if self.tree.nodes.len() >= self.limits.max_parts {
                self.tree.defects.push(Defect::new(
                    "too-many-parts",
                    format!(
                        "the mail has more than {} parts; the rest was not looked at",
                        self.limits.max_parts
                    ),
                ));
                self.tree.is_truncated = true;
                self.close(0, raw.len(), false);
                return;
            }
            start = next_part;
        }
    }

    /// Adds the node whose header begins at `start`; answers where its body begins.
    fn begin(&mut self, start: usize) -> usize {
        let open = &self.open;
        let mut block = fields::read(self.raw, start, self.limits.max_header_bytes, |line| {
            line.starts_with(b"--") && delimiter(open, line).is_some()
        });
        let parent = open.last().map(|open| open.node);
        let is_in_digest = parent
            .is_some_and(|parent| self.tree.nodes[parent].content.media == "multipart/digest");
        let mut defects = std::mem::take(&mut block.defects);
        let (content, kind) = content(
            self.raw,
            &block,
            is_in_digest,
            self.tree.declared.as_deref(),
            &mut defects,
        );
        let path = match open.last() {
            None => String::new(),
            Some(open) => {
                let parent = &self.tree.nodes[open.node].path;
                if parent.is_empty() {
                    open.children.to_string()
                } else {
                    format!("{parent}.{}", open.children)
                }
            }
        };
        if self.tree.declared.is_none() && content.media.starts_with("text/") {
            self.tree.declared.clone_from(&content.charset);
        }
        self.tree.is_truncated |= block.is_cut;
        let node = self.tree.nodes.len();
        let body = block.body;
        let mut boundary = None;
        if content.media.starts_with("multipart/") {
            boundary = kind.boundary();
            if boundary.is_none() {
                boundary = guess_boundary(&self.raw[body..], open);
                defects.push(Defect::new(
                    "no-boundary",
                    match boundary {
                        Some(_) => "the multipart names no boundary; its first line that looks like one was taken",
                        None => "the multipart names no boundary, and no line looks like one",
                    },
                ));
            }
            if boundary.is_some() && self.open.len() >= self.limits.max_depth {
                defects.push(Defect::new(
                    "too-deep",
                    format!(
                        "multiparts are nested more than {} deep; this one was kept whole",
                        self.limits.max_depth
                    ),
                ));
                self.tree.is_truncated = true;
                boundary = None;
            }
        }
        self.tree.nodes.push(Node {
            path,
            parent,
            header: block.range.clone(),
            body: body..body,
            content,
            is_multipart: boundary.is_some(),
            boundary: boundary.clone(),
            defects,
        });
        self.is_in_leaf = boundary.is_none();
        if let Some(boundary) = boundary {
            self.open.push(Open {
                node,
                boundary,
                children: 0,
            });
        }
        if node == 0 {
            self.tree.header = block;
        }
        body
    }

    /// If the last node is a leaf without an end, its contents end here.
    fn end_leaf(&mut self, end: usize) {
        if std::mem::take(&mut self.is_in_leaf)
            && let Some(node) = self.tree.nodes.last_mut()
        {
            node.body.end = end.max(node.body.start);
        }
    }

    /// Ends the open multiparts from `depth` inwards.
    fn close(&mut self, depth: usize, end: usize, is_missing: bool) {
        for open in self.open.drain(depth.min(self.open.len())..) {
            let node = &mut self.tree.nodes[open.node];
            node.body.end = end.max(node.body.start);
            if open.children == 0 {
                // No part begins: what is there is one part, and must not get lost.
                node.is_multipart = false;
                node.defects.push(Defect::new(
                    "empty-multipart",
                    "the boundary of the multipart is nowhere in it",
                ));
            } else if is_missing {
                node.defects.push(Defect::new(
                    "unclosed-multipart",
                    "the multipart has no closing boundary",
                ));
            }
        }
    }

    /// Gives the mail itself its path, and looks at line ends.
    fn settle(&mut self) {
        if let Some(root) = self.tree.nodes.first_mut()
            && !root.is_multipart
        {
            root.path = "1".to_owned();
        }
        let header = &self.raw[self.tree.header.range.clone()];
        let is_bare =
            |(at, &byte): (usize, &u8)| byte == b'\r' && header.get(at + 1) != Some(&b'\n');
        if header.iter().enumerate().any(is_bare) {
            self.tree.defects.push(Defect::new(
                "bare-cr",
                "a line of the header ends with a CR alone",
            ));
        }
    }
}

/// The open multipart whose boundary the line is, the innermost first, and whether it is the closing one.
fn delimiter(open: &[Open], line: &[u8]) -> Option<(usize, bool)> {
    let rest = line.strip_prefix(b"--")?;
    for (depth, candidate) in open.iter().enumerate().rev() {
        if let Some(after) = rest.strip_prefix(candidate.boundary.as_slice()) {
            let (after, is_last) = match after.strip_prefix(b"--") {
                Some(after) => (after, true),
                None => (after, false),
            };
            if after.iter().all(u8::is_ascii_whitespace) {
                return Some((depth, is_last));
            }
        }
    }
    None
}

/// The first line that can be a boundary: two dashes, some more characters, and no white space.
fn guess_boundary(body: &[u8], open: &[Open]) -> Option<Vec<u8>> {
    let mut at = 0;
    while at < body.len().min(64 * 1024) {
        let (end, next) = fields::line(body, at);
        let line = body[at..end].trim_ascii_end();
        if line.len() > 4
            && line.starts_with(b"--")
            && !line.contains(&b' ')
            && line.iter().any(u8::is_ascii_alphanumeric)
            && delimiter(open, line).is_none()
        {
            return Some(line[2..].to_vec());
        }
        at = next;
    }
    None
}

/// Reads what a header says about the contents.
fn content(
    raw: &[u8],
    block: &Block,
    is_in_digest: bool,
    declared: Option<&str>,
    defects: &mut Vec<Defect>,
) -> (Content, Parameterised) {
    let value = |name: &str| {
        let field = block
            .fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))?;
        Some(&raw[field.value.clone()])
    };
    let kind = value("Content-Type").map(parameters::parse);
    let disposition = value("Content-Disposition")
        .map(parameters::parse)
        .unwrap_or_default();
    // RFC 2046, section 5.1.5: in a digest, mails need not be said to be mails.
    let default = if is_in_digest {
        "message/rfc822"
    } else {
        "text/plain"
    };
    let media = match &kind {
        None => default.to_owned(),
        Some(kind) if is_media_type(&kind.value) => kind.value.clone(),
        Some(kind) => {
            defects.push(Defect::new("bad-content-type", "the Content-Type is none"));
            // RFC 2045, section 5.2, has text for it. A boundary says more, and so does a file's name.
            if kind.boundary().is_some() && kind.value.starts_with("multipart") {
                "multipart/mixed".to_owned()
            } else if disposition.value == "attachment" || kind.text("name", None).is_some() {
                "application/octet-stream".to_owned()
            } else {
                default.to_owned()
            }
        }
    };
    let kind = kind.unwrap_or_default();
    if kind.is_unclosed || disposition.is_unclosed {
        defects.push(Defect::new(
            "unclosed-quote",
            "a quoted parameter of the header does not end",
        ));
    }
    let encoding = value("Content-Transfer-Encoding").map(|value| words::text(value, None));
    let encoding = encoding.map_or(Encoding::Identity, |encoding| {
        Encoding::of(&encoding).unwrap_or_else(|| {
            defects.push(Defect::new(
                "unknown-encoding",
                "the transfer encoding is unknown; the contents are as they came",
            ));
            Encoding::Identity
        })
    });
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let name = given(disposition.text("filename", declared))
        .or_else(|| given(kind.text("name", declared)))
        .or_else(|| given(disposition.text("name", declared)));
    let id = value("Content-ID").map(|value| words::text(value, None));
    let content = Content {
        media,
        charset: kind.plain("charset"),
        encoding,
        disposition: match disposition.value.as_str() {
            "" => Disposition::None,
            "inline" => Disposition::Inline,
            _ => Disposition::Attachment,
        },
        id: id
            .map(|id| id.trim_matches(['<', '>', ' ']).to_owned())
            .filter(|id| !id.is_empty()),
        name,
        kind: kind.plain("smime-type").or_else(|| kind.plain("protocol")),
    };
    (content, kind)
}

fn is_media_type(value: &str) -> bool {
    let is_token = |token: &str| {
        !token.is_empty()
            && token
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte))
    };
    value.len() <= 255
        && value
            .split_once('/')
            .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}
