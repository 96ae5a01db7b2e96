//! The mail's own header, decoded.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::{DateTime, Utc};

use super::fields::Block;
use super::{Defect, Field, addresses, charset, words};

/// A mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Address {
    /// The display name, decoded; anybody can write anything there.
    pub name: Option<String>,
    /// `local@domain` as written; empty when only a name is there.
    pub address: String,
}

/// What the header says. Texts are decoded and have no control characters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers {
    /// Every address of every From field: a mail may have several, and a forged one likes to.
    pub from: Vec<Address>,
    /// Who sent it in the name of the above.
    pub sender: Vec<Address>,
    /// Where answers shall go.
    pub reply_to: Vec<Address>,
    /// To whom it says it is.
    pub to: Vec<Address>,
    /// Who gets a copy.
    pub cc: Vec<Address>,
    /// Who gets a hidden copy; drafts have it.
    pub bcc: Vec<Address>,
    /// What it is about.
    pub subject: Option<String>,
    /// When it says that it was written. Forgeable: the received date is the envelope's.
    pub date: Option<DateTime<Utc>>,
    /// Message-ID, with its angle brackets.
    pub message_id: Option<String>,
    /// The mails that it answers, with their angle brackets.
    pub in_reply_to: Vec<String>,
    /// The thread it is in, with their angle brackets.
    pub references: Vec<String>,
    /// Auto-Submitted. RFC 3834.
    pub auto_submitted: Option<String>,
    /// Precedence, such as `bulk`.
    pub precedence: Option<String>,
    /// List-Id. RFC 2919.
    pub list_id: Option<String>,
    /// The topmost Authentication-Results: the receiver's own; those below are the sender's word.
    pub authentication_results: Option<String>,
    /// The topmost Received-SPF.
    pub received_spf: Option<String>,
    /// The topmost X-SES-Spam-Verdict.
    pub spam_verdict: Option<String>,
    /// The topmost X-SES-Virus-Verdict.
    pub virus_verdict: Option<String>,
    pub(crate) fields: Vec<Field>,
}

impl Headers {
    /// The values of all fields of a name, topmost first, decoded. `raw` is the mail they were read from.
    pub fn all<'a>(&'a self, raw: &'a [u8], name: &'a str) -> impl Iterator<Item = String> + 'a {
        let fields = self
            .fields
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name));
        fields.map(move |field| words::text(raw.get(field.value.clone()).unwrap_or_default(), None))
    }

    /// Whether there is a field of this name.
    pub fn has(&self, name: &str) -> bool {
        self.fields
            .iter()
            .any(|field| field.name.eq_ignore_ascii_case(name))
    }
}

/// Fields that a mail has once. RFC 5322, section 3.6, and RFC 2045.
const SINGLE: [&str; 14] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Subject",
    "Date",
    "Content-Type",
    "Content-Transfer-Encoding",
    "MIME-Version",
];

/// Reads the header of the mail that grew into `tree`.
pub(crate) fn read(
    raw: &[u8],
    block: Block,
    declared: Option<&str>,
    defects: &mut Vec<Defect>,
) -> Headers {
    let mut reader = Reader {
        raw,
        fields: &block.fields,
        declared,
        odd: Vec::new(),
    };
    let mut headers = Headers {
        from: reader.addresses("From"),
        sender: reader.addresses("Sender"),
        reply_to: reader.addresses("Reply-To"),
        to: reader.addresses("To"),
        cc: reader.addresses("Cc"),
        bcc: reader.addresses("Bcc"),
        subject: reader.text("Subject"),
        date: reader.text("Date").as_deref().and_then(date),
        message_id: reader.ids("Message-ID").into_iter().next(),
        in_reply_to: reader.ids("In-Reply-To"),
        references: reader.ids("References"),
        auto_submitted: reader.text("Auto-Submitted"),
        precedence: reader.text("Precedence"),
        list_id: reader.text("List-Id"),
        authentication_results: reader.text("Authentication-Results"),
        received_spf: reader.text("Received-SPF"),
        spam_verdict: reader.text("X-SES-Spam-Verdict"),
        virus_verdict: reader.text("X-SES-Virus-Verdict"),
        fields: Vec::new(),
    };
    for name in reader.odd {
        defects.push(Defect::new(
            "odd-address",
            format!("the field `{name}` holds something that is no address"),
        ));
    }
    for name in SINGLE {
        let count = block
            .fields
            .iter()
            .filter(|field| field.name.eq_ignore_ascii_case(name))
            .count();
        if count > 1 {
            defects.push(Defect::new(
                "repeated-field",
                format!("the field `{name}` is there {count} times"),
            ));
        }
    }
    if headers.from.is_empty() {
        defects.push(Defect::new(
            "no-from",
            "the mail does not say whom it is from",
        ));
    }
    if headers.date.is_none() {
        defects.push(Defect::new(
            "no-date",
            "the mail has no date that can be read",
        ));
    }
    if raw[block.range.clone()].iter().any(|byte| !byte.is_ascii()) {
        defects.push(Defect::new(
            "raw-header-bytes",
            "the header has bytes that are not ASCII",
        ));
    }
    headers.fields = block.fields;
    headers
}

struct Reader<'a> {
    raw: &'a [u8],
    fields: &'a [Field],
    declared: Option<&'a str>,
    odd: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    fn values(&self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (raw, fields) = (self.raw, self.fields);
        let fields = fields
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name));
        fields.map(|field| &raw[field.value.clone()])
    }

    /// The topmost field.
    fn text(&self, name: &'a str) -> Option<String> {
        self.values(name)
            .next()
            .map(|value| words::text(value, self.declared))
    }

    fn ids(&self, name: &'a str) -> Vec<String> {
        let Some(text) = self.text(name) else {
            return Vec::new();
        };
        let mut ids: Vec<String> = Vec::new();
        let mut rest = text.as_str();
        while let Some(start) = rest.find('<') {
            let Some(length) = rest[start..].find('>') else {
                break;
            };
            ids.push(rest[start..=start + length].split_whitespace().collect());
            rest = &rest[start + length + 1..];
        }
        if ids.is_empty() {
            ids.extend(text.split_whitespace().next().map(str::to_owned));
        }
        ids
    }

    fn addresses(&mut self, name: &'static str) -> Vec<Address> {
        let mut all = Vec::new();
        let mut is_odd = false;
        for value in self.values(name).collect::<Vec<_>>() {
            let line = words::unfold(value);
            let (addresses, is_this_odd) =
                addresses::parse(&charset::guess(&line, self.declared), self.declared);
            all.extend(addresses);
            is_odd |= is_this_odd;
        }
        if is_odd {
            self.odd.push(name);
        }
        all
    }
}

/// Reads a date in any of the forms that `mail-parser` knows, or with a year of two digits, which chrono knows.
fn date(text: &str) -> Option<DateTime<Utc>> {
    let parsed = catch_unwind(AssertUnwindSafe(|| {
        mail_parser::DateTime::parse_rfc822(text)
    }))
    .ok()
    .flatten();
    parsed
        .filter(|parsed| parsed.is_valid() && parsed.year > 99)
        .and_then(|parsed| DateTime::from_timestamp(parsed.to_timestamp(), 0))
        .or_else(|| {
            DateTime::parse_from_rfc2822(text)
                .ok()
                .map(|date| date.to_utc())
        })
}

/// The Subject of another mail, to name it by.
pub(crate) fn subject_of(mail: &[u8], max_header_bytes: usize) -> Option<String> {
    let block = super::fields::read(mail, 0, max_header_bytes, |_| false);
    let subject = block
        .fields
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case("subject"))?;
    let subject = words::text(&mail[subject.value.clone()], None);
    (!subject.is_empty()).then_some(subject)
}
