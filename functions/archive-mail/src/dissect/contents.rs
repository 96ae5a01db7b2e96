//! Decodes the contents of a part again, on demand.

use std::borrow::Cow;

use super::{Dissected, Encoding, Source, decode_to_vec, tnef, uuencode};

impl Dissected {
    /// What the part of this number holds, decoded. `raw` is the mail that was dissected. `None`: there is no such part.
    ///
    /// What is not encoded is borrowed; anything else is decoded for this call alone, so that the caller decides how
    /// many attachments are in memory at once.
    pub fn contents<'a>(&self, raw: &'a [u8], part: usize) -> Option<Cow<'a, [u8]>> {
        match &self.parts.get(part)?.source {
            Source::Node(node) => {
                let node = self.nodes.get(*node)?;
                let body = raw.get(node.body.clone())?;
                Some(match node.content.encoding {
                    Encoding::Identity => Cow::Borrowed(body),
                    encoding => Cow::Owned(decode_to_vec(encoding, body)),
                })
            }
            Source::Tnef { container, item } => {
                let data = self.contents(raw, *container)?;
                let limits = tnef::Limits {
                    max_items: item + 1,
                    max_depth: tnef::DEPTH,
                };
                let read = tnef::read(&data, &limits);
                Some(Cow::Owned(
                    read.items.get(*item)?.contents(&data).bytes.into_owned(),
                ))
            }
            Source::Text { container, start } => {
                let text = self.contents(raw, *container)?;
                let mut file = Vec::new();
                uuencode::decode(text.get(*start..)?, &mut |bytes| {
                    file.extend_from_slice(bytes)
                });
                Some(Cow::Owned(file))
            }
        }
    }
}
