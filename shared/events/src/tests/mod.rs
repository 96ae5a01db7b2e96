//! The reader against its fixtures, against hostile input, and against the samples of others.

#[path = "../../../../tests/fuzz/checks/event_reader.rs"]
mod check;
mod corpus;
mod fixtures;
mod hostile;

use check::check;

use crate::{Delivery, Envelope, Form, Happening, MailEvent, ObjectEvent, Record, deliver};
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Everything a delivery says, one line per record.
fn show(delivery: &Delivery) -> String {
    let mut text = match &delivery.form {
        Form::BatchOperations {
            schema_version,
            invocation_id,
        } => format!("batch operations {schema_version} {invocation_id}\n"),
        form => format!("{form:?}\n"),
    };
    for record in &delivery.records {
        let message = record.message_id.as_deref();
        assert!(
            message.is_none_or(|message| record.id.starts_with(message)),
            "{record:?}"
        );
        let _ = write!(text, "{}", record.id);
        if let Some(message) = message {
            let _ = write!(text, " (message {message})");
        }
        let _ = writeln!(text, " {}", show_happening(record));
    }
    text
}

fn show_happening(record: &Record) -> String {
    match &record.happening {
        Happening::Created(object) => format!("created {}", show_object(object)),
        Happening::Removed(object) => format!("removed {}", show_object(object)),
        Happening::Mail(mail) => show_mail(mail),
        Happening::Deployment(deployment) => format!("{}: {deployment:?}", record.subject()),
        Happening::Nothing(reason) => format!("nothing ({}): {reason}", record.subject()),
        Happening::Unreadable(reason) => format!("unreadable ({}): {reason}", record.subject()),
    }
}

fn show_mail(mail: &MailEvent) -> String {
    let MailEvent {
        message_id,
        received_at,
        mail_from,
        recipients,
        verdicts,
        headers,
        headers_truncated,
        object,
        content,
        is_decision,
    } = mail;
    let content = content.as_deref().map(<[u8]>::escape_ascii);
    let content = content.map(|content| content.to_string());
    format!(
        "mail/{message_id}, decision {is_decision}\n  received {received_at:?}\n  from {mail_from:?}\n  \
         to {recipients:?}\n  {verdicts:?}\n  {headers:?}\n  truncated {headers_truncated}\n  \
         object {object:?}\n  content {content:?}"
    )
}

fn show_object(object: &ObjectEvent) -> String {
    let mut text = format!("{} by {}", object.url(), object.name);
    let optional = [
        ("or", object.decoded_key.clone()),
        ("size", object.size.map(|size| size.to_string())),
        ("etag", object.etag.clone()),
        ("version", object.version_id.clone()),
        (
            "sequencer",
            object.sequencer.as_ref().map(ToString::to_string),
        ),
        ("region", object.region.clone()),
        ("time", object.time.map(|time| time.to_rfc3339())),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            let _ = write!(text, ", {name} {value}");
        }
    }
    text
}

/// The files with this ending in a folder of this crate, in order, with what they hold.
fn files(folder: &Path, ending: &str) -> Vec<(PathBuf, Value)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("readable");
            let value = serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{path:?} is JSON: {error}"));
            (path, value)
        })
        .collect()
}

/// Every fixture and every sample.
fn events() -> Vec<(PathBuf, Value)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut events = files(&here.join("fixtures"), "json");
    assert!(events.len() > 40, "the fixtures are found");
    let samples = files(&here.join("samples"), "json");
    assert_eq!(samples.len(), crate::SAMPLES.len());
    events.extend(samples);
    events
}

fn read(event: &Value) -> Delivery {
    let envelope = Envelope::read(event.clone()).expect("an object");
    deliver(&envelope)
}
