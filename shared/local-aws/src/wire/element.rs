//! Reads the small XML documents of requests: configurations, lists of parts, tags.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// An element with what it holds; attributes and namespaces are left out, since no request needs them.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    children: Vec<Element>,
}

impl Element {
    /// The root of a document; `None` if it is not well formed.
    pub(crate) fn parse(document: &[u8]) -> Option<Element> {
        let text = std::str::from_utf8(document).ok()?;
        let mut reader = Reader::from_str(text);
        // The first one holds the root.
        let mut open = vec![Element::default()];
        loop {
            match reader.read_event().ok()? {
                Event::Start(tag) => open.push(Element::named(tag.local_name().as_ref())),
                Event::Empty(tag) => {
                    let element = Element::named(tag.local_name().as_ref());
                    open.last_mut()?.children.push(element);
                }
                Event::End(_) => {
                    let done = open.pop()?;
                    open.last_mut()?.children.push(done);
                }
                Event::Text(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
                Event::CData(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
                Event::GeneralRef(entity) => match entity.resolve_char_ref().ok()? {
                    Some(letter) => open.last_mut()?.text.push(letter),
                    None => {
                        let text = resolve_predefined_entity(&entity.xml10_content())?;
                        open.last_mut()?.text.push_str(text);
                    }
                },
                Event::Eof if open.len() == 1 => return open.pop()?.children.pop(),
                Event::Eof => return None,
                _ => {}
            }
        }
    }

    /// The children of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// What the first child of this name holds.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        Some(self.child(name)?.text.trim())
    }

    fn named(name: &str) -> Element {
        Element {
            name: name.to_owned(),
            ..Element::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_becomes_its_elements() {
        let root = Element::parse(
            b"<?xml version=\"1.0\"?><a xmlns=\"urn:x\"><b>1 &lt;&#65; 2</b><c/><b>x</b></a>",
        )
        .unwrap();
        assert_eq!(root.name, "a");
        assert_eq!(root.text_of("b"), Some("1 <A 2"));
        assert_eq!(root.all("b").count(), 2);
        assert!(root.child("c").is_some());
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for document in ["", "<a>", "<a></b>", "<a>&unknown;</a>", "text"] {
            assert!(Element::parse(document.as_bytes()).is_none(), "{document}");
        }
    }
}
