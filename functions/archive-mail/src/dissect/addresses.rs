//! Reads lists of addresses: RFC 5322, sections 3.4 and 4.4, and what is written instead. Whom a mail is from decides
//! about it, so nothing here joins two addresses into one or drops one without a word.

use super::headers::Address;
use super::words;

/// The addresses of one field's unfolded text, and whether there was something in it that is none.
pub(crate) fn parse(text: &str, declared: Option<&str>) -> (Vec<Address>, bool) {
    let mut reader = Reader {
        text,
        at: 0,
        declared,
        addresses: Vec::new(),
        is_odd: false,
        mailbox: Mailbox::default(),
    };
    reader.list();
    (reader.addresses, reader.is_odd)
}

#[derive(Default)]
struct Mailbox {
    /// What stands outside of angle brackets, quotes undone: the name, when there are brackets.
    phrase: String,
    /// The same with its quotes: the address, when there are none.
    bare: String,
    comment: String,
    angle: Option<String>,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    declared: Option<&'a str>,
    addresses: Vec<Address>,
    is_odd: bool,
    mailbox: Mailbox,
}

impl Reader<'_> {
    fn list(&mut self) {
        while let Some(character) = self.next() {
            match character {
                '"' => {
                    let quoted = self.quoted();
                    self.mailbox.phrase.push_str(&quoted);
                    self.mailbox.bare.push('"');
                    self.mailbox
                        .bare
                        .push_str(&quoted.replace('\\', "\\\\").replace('"', "\\\""));
                    self.mailbox.bare.push('"');
                }
                '(' => {
                    let comment = self.comment();
                    self.mailbox.comment = comment;
                }
                '<' => {
                    if self.mailbox.angle.is_some() {
                        // `a <a@x> <b@y>`: both are told, for one of them is what another program reads.
                        self.is_odd = true;
                        self.end();
                    }
                    let angle = self.angle();
                    self.mailbox.angle = Some(angle);
                }
                ',' | ';' => self.end(),
                ':' if self.mailbox.angle.is_none() && !self.mailbox.bare.contains('@') => {
                    // The name of a group: who is in it is what counts.
                    self.mailbox = Mailbox::default();
                }
                '=' => {
                    // An encoded-word may hold commas and brackets, which are part of the name then.
                    let length =
                        words::word_length(&self.text.as_bytes()[self.at - 1..]).unwrap_or(1);
                    let word = &self.text[self.at - 1..self.at - 1 + length];
                    self.mailbox.phrase.push_str(word);
                    self.mailbox.bare.push_str(word);
                    self.at += length - 1;
                }
                character => {
                    self.mailbox.phrase.push(character);
                    self.mailbox.bare.push(character);
                }
            }
        }
        self.end();
    }

    fn next(&mut self) -> Option<char> {
        let character = self.text[self.at..].chars().next()?;
        self.at += character.len_utf8();
        Some(character)
    }

    fn quoted(&mut self) -> String {
        let mut quoted = String::new();
        while let Some(character) = self.next() {
            match character {
                '"' => return quoted,
                '\\' => quoted.extend(self.next()),
                character => quoted.push(character),
            }
        }
        self.is_odd = true;
        quoted
    }

    fn comment(&mut self) -> String {
        let mut comment = String::new();
        let mut depth = 1_usize;
        while let Some(character) = self.next() {
            match character {
                '\\' => comment.extend(self.next()),
                '(' => depth += 1,
                ')' if depth == 1 => return comment,
                ')' => depth -= 1,
                _ => {}
            }
            if character != '\\' {
                comment.push(character);
            }
        }
        self.is_odd = true;
        comment
    }

    /// What stands in angle brackets, without comments, spaces and the route of RFC 822.
    fn angle(&mut self) -> String {
        let mut address = String::new();
        while let Some(character) = self.next() {
            match character {
                '>' => {
                    let route = address
                        .starts_with('@')
                        .then(|| address.find(':'))
                        .flatten();
                    return match route {
                        Some(colon) => address[colon + 1..].to_owned(),
                        None => address,
                    };
                }
                '"' => {
                    let quoted = self.quoted();
                    address.push('"');
                    address.push_str(&quoted.replace('\\', "\\\\").replace('"', "\\\""));
                    address.push('"');
                }
                '(' => {
                    self.comment();
                }
                character if character.is_whitespace() => {}
                character => address.push(character),
            }
        }
        self.is_odd = true;
        address
    }

    fn end(&mut self) {
        let mailbox = std::mem::take(&mut self.mailbox);
        let phrase = mailbox.phrase.trim();
        let (name, address) = match mailbox.angle {
            Some(angle) => {
                let name = if phrase.is_empty() {
                    mailbox.comment.trim()
                } else {
                    phrase
                };
                (name.to_owned(), angle)
            }
            None if phrase.is_empty() => return,
            None if mailbox.bare.contains('@') || !phrase.contains(char::is_whitespace) => {
                let bare = mailbox.bare.trim();
                self.is_odd |= bare.contains(char::is_whitespace) && !bare.contains('"');
                (
                    mailbox.comment.trim().to_owned(),
                    bare.split_whitespace().collect::<Vec<_>>().join(" "),
                )
            }
            None => (phrase.to_owned(), String::new()),
        };
        self.is_odd |= !address.contains('@') || address.matches('@').count() > 1;
        let name = words::text(name.as_bytes(), self.declared);
        let address: String = address
            .chars()
            .filter(|character| !character.is_control())
            .collect();
        self.addresses.push(Address {
            name: (!name.is_empty()).then_some(name),
            address,
        });
    }
}
