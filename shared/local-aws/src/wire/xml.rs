//! Writes XML, element by element.

use std::fmt::Display;

/// A document under construction.
pub(crate) struct Xml(String);

impl Xml {
    /// A whole document.
    pub(crate) fn document(root: &str, namespace: &str, inside: impl FnOnce(&mut Xml)) -> String {
        let mut xml = Xml("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned());
        let attributes = match namespace {
            "" => String::new(),
            uri => format!(" xmlns=\"{uri}\""),
        };
        xml.0.push_str(&format!("<{root}{attributes}>"));
        inside(&mut xml);
        xml.0.push_str(&format!("</{root}>"));
        xml.0
    }

    /// An element that holds text.
    pub(crate) fn leaf(&mut self, name: &str, text: impl Display) -> &mut Xml {
        let text = text.to_string();
        self.0.push_str(&format!(
            "<{name}>{}</{name}>",
            quick_xml::escape::escape(&text)
        ));
        self
    }

    /// The same, if there is text.
    pub(crate) fn maybe(&mut self, name: &str, text: Option<impl Display>) -> &mut Xml {
        if let Some(text) = text {
            self.leaf(name, text);
        }
        self
    }

    /// An element that holds elements.
    pub(crate) fn node(&mut self, name: &str, inside: impl FnOnce(&mut Xml)) -> &mut Xml {
        self.0.push_str(&format!("<{name}>"));
        inside(self);
        self.0.push_str(&format!("</{name}>"));
        self
    }

    /// A list as EC2 writes it: `<name><item>…</item><item>…</item></name>`.
    pub(crate) fn items<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Xml, T),
    ) -> &mut Xml {
        self.node(name, |xml| {
            for item in items {
                xml.node("item", |xml| each(xml, item));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        let xml = Xml::document("a", "urn:x", |xml| {
            xml.leaf("b", "<&\"")
                .maybe("c", None::<&str>)
                .items("d", [1, 2], |xml, n| {
                    xml.leaf("e", n);
                });
        });
        assert_eq!(
            xml.lines().nth(1),
            Some(
                "<a xmlns=\"urn:x\"><b>&lt;&amp;&quot;</b>\
                 <d><item><e>1</e></item><item><e>2</e></item></d></a>"
            )
        );
    }
}
