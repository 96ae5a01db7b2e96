//! Reads `winmail.dat`, Outlook's own form of a mail: [MS-OXTNEF]. It lists the files in it and the text of the mail,
//! which may be there and nowhere else. Embedded mails are opened too, and their files listed with the others.
//! <https://learn.microsoft.com/en-us/openspecs/exchange_server_protocols/ms-oxtnef/>
//!
//! Everything is a range of the given bytes, so that reading allocates next to nothing; there is no index that is not
//! checked, and a stream that breaks off yields what came before.

mod cursor;
mod mapi;
mod rtf;

use std::borrow::Cow;
use std::ops::Range;

use self::cursor::{Cursor, bytes_are_some, utf16, without_zeros};
use self::mapi::{Properties, Value};
use super::{Defect, charset};

/// How much of a stream is read.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// The most files.
    pub(crate) max_items: usize,
    /// How deep embedded mails are opened.
    pub(crate) max_depth: usize,
}

/// How deep embedded mails are usually opened.
pub(crate) const DEPTH: usize = 4;

/// What a stream holds.
#[derive(Debug, Default)]
pub(crate) struct Tnef {
    /// That the bytes begin as TNEF does.
    pub(crate) is_tnef: bool,
    /// The files, in their order; the text of a mail follows its files.
    pub(crate) items: Vec<Item>,
    /// That there are more files than the limit.
    pub(crate) is_cut: bool,
    /// What is wrong with the stream.
    pub(crate) defects: Vec<Defect>,
}

/// One file.
#[derive(Debug)]
pub(crate) struct Item {
    /// The name that the sender gave.
    pub(crate) name: Option<Name>,
    /// The name that a mail's text has.
    pub(crate) fixed_name: Option<&'static str>,
    /// What the sender says it is.
    pub(crate) content_type: Option<String>,
    /// The Content-ID, for images of the text.
    pub(crate) content_id: Option<String>,
    data: Data,
}

#[derive(Debug, Clone)]
enum Data {
    Bytes(Range<usize>),
    CompressedRtf(Range<usize>),
    Utf16(Range<usize>),
}

/// What a file holds.
pub(crate) struct Contents<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    pub(crate) defects: Vec<Defect>,
}

impl Item {
    /// At most how many bytes it holds. `stream` is what it was read from.
    pub(crate) fn size(&self, stream: &[u8]) -> u64 {
        let size = match &self.data {
            Data::Bytes(range) => range.len(),
            Data::CompressedRtf(range) => rtf::size(&stream[range.clone()]),
            // A unit of UTF-16 is at most three bytes of UTF-8.
            Data::Utf16(range) => range.len() / 2 * 3,
        };
        size as u64
    }

    /// What it holds. `stream` is what it was read from.
    pub(crate) fn contents<'a>(&self, stream: &'a [u8]) -> Contents<'a> {
        let (bytes, defects) = match &self.data {
            Data::Bytes(range) => (Cow::Borrowed(&stream[range.clone()]), Vec::new()),
            Data::CompressedRtf(range) => {
                let (bytes, defects) = rtf::decompress(&stream[range.clone()]);
                (Cow::Owned(bytes), defects)
            }
            Data::Utf16(range) => (
                Cow::Owned(utf16(&stream[range.clone()]).into_bytes()),
                Vec::new(),
            ),
        };
        Contents { bytes, defects }
    }
}

/// A text as the stream has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    Unicode(String),
    Bytes {
        bytes: Vec<u8>,
        code_page: Option<u32>,
    },
}

impl Name {
    /// The text, `declared` being the charset of the mail around it.
    pub(crate) fn decode(&self, declared: Option<&str>) -> String {
        match self {
            Self::Unicode(text) => text.clone(),
            Self::Bytes { bytes, code_page } => {
                let label = match code_page {
                    Some(932) => "shift_jis".to_owned(),
                    Some(936) => "gbk".to_owned(),
                    Some(949) => "euc-kr".to_owned(),
                    Some(950) => "big5".to_owned(),
                    Some(65001) => "utf-8".to_owned(),
                    Some(page) => format!("cp{page}"),
                    None => String::new(),
                };
                match charset::decode_charset(&label, bytes) {
                    Some(text) if !bytes.is_ascii() => text,
                    _ => charset::guess(bytes, declared).into_owned(),
                }
            }
        }
    }
}

const SIGNATURE: u32 = 0x223e_9f78;

/// The attributes that are looked at. [MS-OXTNEF], section 2.1.3.3.
mod attribute {
    pub(super) const SUBJECT: u16 = 0x8004;
    pub(super) const BODY: u16 = 0x800c;
    pub(super) const ATTACH_DATA: u16 = 0x800f;
    pub(super) const ATTACH_TITLE: u16 = 0x8010;
    pub(super) const ATTACH_TRANSPORT_NAME: u16 = 0x9001;
    pub(super) const ATTACH_RENDER_DATA: u16 = 0x9002;
    pub(super) const MESSAGE_PROPERTIES: u16 = 0x9003;
    pub(super) const ATTACHMENT_PROPERTIES: u16 = 0x9005;
    pub(super) const CODE_PAGE: u16 = 0x9007;
}

/// Reads a stream.
pub(crate) fn read(stream: &[u8], limits: &Limits) -> Tnef {
    let mut tnef = Tnef::default();
    read_message(stream, 0..stream.len(), limits, 0, &mut tnef);
    tnef
}

/// An attachment while its attributes come in.
#[derive(Debug, Default)]
struct Attachment {
    title: Option<Name>,
    transport_name: Option<Name>,
    long_name: Option<Name>,
    short_name: Option<Name>,
    display_name: Option<Name>,
    content_type: Option<Name>,
    content_id: Option<Name>,
    data: Option<Range<usize>>,
    property_data: Option<Range<usize>>,
    embedded: Option<Range<usize>>,
}

/// The text of a mail, in its forms.
#[derive(Debug, Default)]
struct Text {
    subject: Option<Name>,
    plain: Option<Data>,
    html: Option<Data>,
    rtf: Option<Data>,
}

fn read_message(
    stream: &[u8],
    range: Range<usize>,
    limits: &Limits,
    depth: usize,
    tnef: &mut Tnef,
) {
    let mut cursor = Cursor::new(stream, range);
    if cursor.u32() != Some(SIGNATURE) || cursor.u16().is_none() {
        tnef.defects.push(Defect::new(
            "tnef-signature",
            "what says to be a `winmail.dat` does not begin as one",
        ));
        return;
    }
    tnef.is_tnef = true;
    let mut code_page = None;
    let mut text = Text::default();
    let mut attachment: Option<Attachment> = None;
    while !cursor.is_at_end() {
        let Some((is_attachment, id, data, is_whole)) = next_attribute(&mut cursor, tnef) else {
            break;
        };
        let bytes = &stream[data.clone()];
        let name = || {
            let bytes = bytes
                .split(|&byte| byte == 0)
                .next()
                .unwrap_or_default()
                .to_vec();
            Some(Name::Bytes { bytes, code_page }).filter(|_| bytes_are_some(stream, &data))
        };
        match (is_attachment, id) {
            (false, attribute::CODE_PAGE) => code_page = Cursor::new(stream, data).u32(),
            (false, attribute::SUBJECT) => text.subject = name(),
            (false, attribute::BODY) => text.plain = Some(Data::Bytes(without_zeros(stream, data))),
            (false, attribute::MESSAGE_PROPERTIES) => {
                message_properties(stream, data, code_page, &mut text, &mut tnef.defects);
            }
            (true, attribute::ATTACH_RENDER_DATA) => {
                if let Some(attachment) = attachment.replace(Attachment::default()) {
                    add(attachment, stream, limits, depth, tnef);
                }
            }
            (true, attribute::ATTACH_TITLE) => attachment.get_or_insert_default().title = name(),
            (true, attribute::ATTACH_TRANSPORT_NAME) => {
                attachment.get_or_insert_default().transport_name = name()
            }
            (true, attribute::ATTACH_DATA) => attachment.get_or_insert_default().data = Some(data),
            (true, attribute::ATTACHMENT_PROPERTIES) => {
                let attachment = attachment.get_or_insert_default();
                attachment_properties(stream, data, code_page, attachment, &mut tnef.defects);
            }
            _ => {}
        }
        if !is_whole || tnef.is_cut {
            break;
        }
    }
    if let Some(attachment) = attachment {
        add(attachment, stream, limits, depth, tnef);
    }
    add_text(text, depth, limits, tnef);
}

/// The next attribute: whether it is an attachment's, its id, where its data is, and whether all of it is there.
/// [MS-OXTNEF], section 2.1.3.2.
fn next_attribute(
    cursor: &mut Cursor<'_>,
    tnef: &mut Tnef,
) -> Option<(bool, u16, Range<usize>, bool)> {
    let (level, id, length) = (cursor.u8(), cursor.u32(), cursor.u32());
    let (Some(level @ (1 | 2)), Some(id), Some(length)) = (level, id, length) else {
        note(
            tnef,
            "tnef-garbage",
            "the `winmail.dat` ends in bytes that mean nothing",
        );
        return None;
    };
    let data = cursor.take_at_most(length as usize);
    let is_whole = data.len() == length as usize;
    let checksum = cursor.u16();
    if !is_whole || checksum.is_none() {
        note(
            tnef,
            "tnef-truncated",
            "the `winmail.dat` breaks off; what came before is listed",
        );
    } else {
        let sum = cursor.stream[data.clone()]
            .iter()
            .fold(0_u16, |sum, &byte| sum.wrapping_add(byte.into()));
        if Some(sum) != checksum {
            note(
                tnef,
                "tnef-checksum",
                "a checksum of the `winmail.dat` is wrong",
            );
        }
    }
    Some((
        level == 2,
        (id & 0xffff) as u16,
        data,
        is_whole && checksum.is_some(),
    ))
}

fn note(tnef: &mut Tnef, name: &'static str, sentence: &str) {
    if !tnef.defects.iter().any(|defect| defect.name == name) {
        tnef.defects.push(Defect::new(name, sentence));
    }
}

/// The properties of a message that are looked at. [MS-OXPROPS].
fn message_properties(
    stream: &[u8],
    data: Range<usize>,
    code_page: Option<u32>,
    text: &mut Text,
    defects: &mut Vec<Defect>,
) {
    let mut properties = Properties::new(stream, data);
    for (id, value) in &mut properties {
        match id {
            0x0037 => text.subject = value.name(stream, code_page).or(text.subject.take()),
            // What attBody says is the same.
            0x1000 if text.plain.is_none() => text.plain = value.data(stream),
            0x1009 => text.rtf = value.range().map(Data::CompressedRtf),
            0x1013 => text.html = value.data(stream),
            _ => {}
        }
    }
    defects.extend(properties.defect());
}

/// The properties of an attachment that are looked at. [MS-OXPROPS].
fn attachment_properties(
    stream: &[u8],
    data: Range<usize>,
    code_page: Option<u32>,
    attachment: &mut Attachment,
    defects: &mut Vec<Defect>,
) {
    let mut properties = Properties::new(stream, data);
    for (id, value) in &mut properties {
        match id {
            0x3001 => attachment.display_name = value.name(stream, code_page),
            0x3701 => match value {
                Value::Object {
                    is_message: true,
                    range,
                } => attachment.embedded = Some(range),
                value => attachment.property_data = value.range(),
            },
            0x3704 => attachment.short_name = value.name(stream, code_page),
            0x3707 => attachment.long_name = value.name(stream, code_page),
            0x370c => {
                attachment.transport_name = value
                    .name(stream, code_page)
                    .or(attachment.transport_name.take())
            }
            0x370e => attachment.content_type = value.name(stream, code_page),
            0x3712 => attachment.content_id = value.name(stream, code_page),
            _ => {}
        }
    }
    defects.extend(properties.defect());
}

fn add(attachment: Attachment, stream: &[u8], limits: &Limits, depth: usize, tnef: &mut Tnef) {
    if tnef.is_full(limits) {
        return;
    }
    if let Some(embedded) = &attachment.embedded
        && depth < limits.max_depth
    {
        let (before, is_tnef) = (tnef.items.len(), tnef.is_tnef);
        read_message(stream, embedded.clone(), limits, depth + 1, tnef);
        tnef.is_tnef = is_tnef;
        if tnef.items.len() > before {
            return;
        }
    }
    // The attribute is the file; the property is there in its place, for objects and by some programs.
    let data = attachment.data.filter(|data| !data.is_empty());
    let data = data
        .or(attachment.property_data)
        .or(attachment.embedded)
        .unwrap_or(0..0);
    let name = attachment
        .long_name
        .or(attachment.short_name)
        .or(attachment.transport_name);
    tnef.items.push(Item {
        name: name.or(attachment.title).or(attachment.display_name),
        fixed_name: None,
        content_type: attachment
            .content_type
            .map(|name| name.decode(None).trim().to_ascii_lowercase())
            .filter(|media| media.contains('/')),
        content_id: attachment
            .content_id
            .map(|name| name.decode(None).trim_matches(['<', '>', ' ']).to_owned()),
        data: Data::Bytes(data),
    });
}

fn add_text(text: Text, depth: usize, limits: &Limits, tnef: &mut Tnef) {
    let forms = [
        (text.plain, "message.txt", "text/plain"),
        (text.html, "message.html", "text/html"),
        (text.rtf, "message.rtf", "application/rtf"),
    ];
    for (data, name, media) in forms {
        let Some(data) = data else { continue };
        if matches!(&data, Data::Bytes(range) | Data::Utf16(range) | Data::CompressedRtf(range) if range.is_empty())
            || tnef.is_full(limits)
        {
            continue;
        }
        // The text of an embedded mail is called as that mail is.
        let subject = text.subject.as_ref().filter(|_| depth > 0);
        let extension = name.trim_start_matches("message");
        tnef.items.push(Item {
            name: subject.map(|subject| {
                let subject = subject.decode(None).replace(['/', '\\'], "_");
                Name::Unicode(format!("{subject}{extension}"))
            }),
            fixed_name: Some(name),
            content_type: Some(media.to_owned()),
            content_id: None,
            data,
        });
    }
}

impl Tnef {
    /// Whether one more file would be too many, which is told then.
    fn is_full(&mut self, limits: &Limits) -> bool {
        let is_full = self.items.len() >= limits.max_items;
        if is_full && !self.is_cut {
            self.is_cut = true;
            note(
                self,
                "too-many-parts",
                "the `winmail.dat` holds more files than are looked at",
            );
        }
        is_full
    }
}
