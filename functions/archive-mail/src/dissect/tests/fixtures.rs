//! The mails of `fixtures/mail`: each has beside it what is to be found in it, and is read with both kinds of line ends.
//!
//! `UPDATE_EXPECT=1` writes what is found; read it before you believe it.

use serde_json::{Value, json};

use super::*;

/// Line ends are what this mail is about.
const AS_IT_IS: [&str; 1] = ["022-bare-cr"];

#[test]
fn finds_in_every_fixture_what_is_written_beside_it() {
    let mails = super::corpora::mails();
    assert!(mails.len() >= 37, "only {} fixtures", mails.len());
    for path in mails {
        let raw = std::fs::read(&path).expect("the fixture can be read");
        let found = describe(&raw);
        let beside = path.with_extension("json");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            let text = serde_json::to_string_pretty(&found).expect("a value is JSON") + "\n";
            std::fs::write(&beside, text).expect("the fixtures can be written");
        }
        let wanted =
            std::fs::read_to_string(&beside).expect("what is to be found is beside the mail");
        let wanted: Value = serde_json::from_str(&wanted).expect("it is JSON");
        assert_eq!(found, wanted, "{}", path.display());
        let stem = path.file_stem().expect("a file").to_string_lossy();
        if !AS_IT_IS.contains(&&*stem) {
            let unix = replace(&raw, b"\r\n", b"\n");
            assert_eq!(describe(&unix), wanted, "{} with LF", path.display());
            assert_eq!(
                describe(&replace(&unix, b"\n", b"\r\n")),
                wanted,
                "{} with CRLF",
                path.display()
            );
        }
    }
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(from) {
            out.extend_from_slice(to);
            at += from.len();
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}

/// What is found, without what line ends change: sizes and hashes, which are checked against the contents instead.
fn describe(raw: &[u8]) -> Value {
    let dissected = dissect(raw, &Limits::default());
    let mut parts = Vec::new();
    for (number, part) in dissected.parts.iter().enumerate() {
        let contents = dissected.contents(raw, number).expect("the part is there");
        assert_eq!(contents.len() as u64, part.size, "{}", part.path);
        assert_eq!(sha256(&contents), part.sha256, "{}", part.path);
        assert!(
            part.name.len() <= 255
                && !part.name.contains(['/', '\\'])
                && !part.name.contains(char::is_control)
        );
        let contents = String::from_utf8_lossy(&replace(&contents, b"\r\n", b"\n")).into_owned();
        parts.push(json!({
            "path": part.path,
            "type": part.content_type,
            "charset": part.charset,
            "disposition": format!("{:?}", part.disposition),
            "content_id": part.content_id,
            "name": part.name,
            "original_name": part.original_name,
            "encoding": format!("{:?}", part.encoding),
            "role": format!("{:?}", part.role),
            "defects": names(&part.defects),
            "contents": contents.chars().take(160).collect::<String>(),
        }));
    }
    let headers = &dissected.headers;
    let addresses = |addresses: &[Address]| -> Vec<Value> {
        addresses
            .iter()
            .map(|address| json!([address.name, address.address]))
            .collect()
    };
    let mut fields = serde_json::Map::new();
    for (name, list) in [
        ("from", &headers.from),
        ("sender", &headers.sender),
        ("reply_to", &headers.reply_to),
        ("to", &headers.to),
        ("cc", &headers.cc),
        ("bcc", &headers.bcc),
    ] {
        if !list.is_empty() {
            fields.insert(name.to_owned(), addresses(list).into());
        }
    }
    for (name, text) in [
        ("subject", &headers.subject),
        ("message_id", &headers.message_id),
        ("auto_submitted", &headers.auto_submitted),
        ("precedence", &headers.precedence),
        ("list_id", &headers.list_id),
        ("authentication_results", &headers.authentication_results),
        ("received_spf", &headers.received_spf),
        ("spam_verdict", &headers.spam_verdict),
        ("virus_verdict", &headers.virus_verdict),
        ("date", &headers.date.map(|date| date.to_rfc3339())),
    ] {
        if let Some(text) = text {
            fields.insert(name.to_owned(), text.as_str().into());
        }
    }
    for (name, ids) in [
        ("in_reply_to", &headers.in_reply_to),
        ("references", &headers.references),
    ] {
        if !ids.is_empty() {
            fields.insert(name.to_owned(), ids.clone().into());
        }
    }
    json!({
        "headers": fields,
        "protection": dissected.protection.as_ref().map(|protection| format!("{protection:?}")),
        "defects": names(&dissected.defects),
        "parts": parts,
    })
}

fn names(defects: &[Defect]) -> Vec<&'static str> {
    defects.iter().map(|defect| defect.name).collect()
}
