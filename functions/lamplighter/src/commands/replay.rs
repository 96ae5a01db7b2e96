//! `lamplighter replay`: dead letters, on-failure records and what lies in quarantine, through the same handler again.

use std::io::Read;
use std::sync::Arc;

use lamplighter_config::Config;
use lamplighter_core::{Error, Mode, Result, Trigger};
use lamplighter_events::{Envelope, Happening, Record, deliver};
use lamplighter_shell::{Entry, Invocation};
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::commands::{finish, hints, load, options, watched, worst};
use crate::{Failure, functions, output};

pub(super) async fn run(
    globals: &Globals,
    from: &str,
    function: Option<&str>,
    mode: Option<Mode>,
) -> Result<u8, Failure> {
    let named = function.map(functions::find).transpose()?;
    let flags = match (named, mode) {
        (Some(entry), Some(Mode::Apply)) => vec![lamplighter_config::Flag::apply(entry.name)],
        _ => vec![],
    };
    let config = load(globals, flags)?;
    let mut letters = Vec::new();
    for event in events(from, &read(from)?)? {
        let entry = match named {
            Some(entry) => entry,
            None => addressee(&event, &config)?,
        };
        letters.push((entry, event));
    }
    let settings = Arc::new(lamplighter_shell::Settings::new(config, options(globals)));
    let mut code = 0;
    for (number, (entry, event)) in letters.iter().enumerate() {
        if letters.len() > 1 {
            output::note(&format!(
                "{} of {}: {}",
                number + 1,
                letters.len(),
                entry.name
            ));
        }
        let envelope = Envelope::read(event.clone())?;
        let invocation = Invocation::new(mode, Trigger::Replay, envelope);
        let work = (entry.run)(Arc::clone(&settings), invocation);
        let run = watched(&settings.progress, globals.quiet, work)
            .await
            .map_err(|error| hints::of_error(entry.name, error))?;
        code = worst(code, finish(&run, globals)?);
    }
    Ok(code)
}

fn read(from: &str) -> Result<String> {
    if from != "-" {
        return std::fs::read_to_string(from)
            .map_err(|error| Error::config(format!("cannot read `{from}`")).caused_by(error));
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Error::config("cannot read stdin").caused_by(error))?;
    Ok(text)
}

/// The events in a file: one, a list, one a line, or what `aws sqs receive-message` prints.
fn events(from: &str, text: &str) -> Result<Vec<Value>> {
    let mut values = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let value = value.map_err(|error| {
            Error::permanent(format!("`{from}` is not JSON: {error}"))
                .hint("a file holds one event, a list of events, or one event a line")
        })?;
        match value {
            Value::Array(several) => values.extend(several),
            one => values.push(one),
        }
    }
    if values.is_empty() {
        return Err(Error::permanent(format!("there is no event in `{from}`")));
    }
    Ok(values.into_iter().map(of_messages).collect())
}

/// `aws sqs receive-message` prints messages in a shape of its own: `{"Messages": [{"MessageId", "Body"}]}`.
fn of_messages(value: Value) -> Value {
    let Some(messages) = value.get("Messages").and_then(Value::as_array) else {
        return value;
    };
    let records: Vec<Value> = messages
        .iter()
        .map(|message| {
            json!({
                "eventSource": "aws:sqs",
                "messageId": message.get("MessageId"),
                "body": message.get("Body"),
            })
        })
        .collect();
    json!({ "Records": records })
}

/// The function that an event belongs to: named in it, or the one whose sources or kind of event it is.
fn addressee(event: &Value, config: &Config) -> Result<Entry> {
    let text = |path: &str| event.pointer(path).and_then(Value::as_str);
    let named = text("/function").or_else(|| text("/requestContext/functionArn"));
    if let Some(named) = named {
        let found = functions::all()
            .into_iter()
            .find(|entry| entry.consumes && is_named(named, entry.name));
        if let Some(entry) = found {
            return Ok(entry);
        }
    }
    let envelope = Envelope::read(event.clone())?;
    let delivery = deliver(&envelope);
    let mut found: Option<Entry> = None;
    for record in &delivery.records {
        let Some(name) = of_record(record, config) else {
            continue;
        };
        match found {
            Some(entry) if entry.name != name => {
                return Err(Error::config(format!(
                    "the event holds records of `{}` and of `{name}`",
                    entry.name
                ))
                .hint("name the one that is meant with `--function NAME`"));
            }
            _ => found = Some(functions::find(name)?),
        }
    }
    found.ok_or_else(|| {
        let names: Vec<&str> = functions::all()
            .iter()
            .filter(|entry| entry.consumes)
            .map(|entry| entry.name)
            .collect();
        Error::config("nothing tells which function the event belongs to").hint(format!(
            "name it with `--function NAME`: `{}`",
            names.join("`, `")
        ))
    })
}

/// Whether a Lambda's ARN or name is that of a function: `…:function:lamplighter-resize-images:live`.
fn is_named(lambda: &str, function: &str) -> bool {
    let mut parts = lambda.split(':');
    let name = match parts.by_ref().find(|part| *part == "function") {
        Some(_) => parts.next().unwrap_or_default(),
        None => lambda,
    };
    name == function
        || name
            .strip_suffix(function)
            .is_some_and(|rest| rest.ends_with('-'))
}

fn of_record(record: &Record, config: &Config) -> Option<&'static str> {
    match &record.happening {
        Happening::Mail(_) => Some("archive-mail"),
        Happening::Deployment(_) => Some("deploy-bundles"),
        Happening::Created(object) | Happening::Removed(object) => {
            let intakes = config.intakes();
            intakes
                .into_iter()
                .find(|(_, intake)| intake.holds(&object.bucket, &object.key))
                .map(|(name, _)| name)
        }
        Happening::Nothing(_) | Happening::Unreadable(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{events, is_named};

    #[test]
    fn a_file_holds_one_event_a_list_or_one_a_line() {
        let count = |text: &str| events("x", text).map(|events| events.len()).ok();
        assert_eq!(count("{}"), Some(1));
        assert_eq!(count("[{}, {}]"), Some(2));
        assert_eq!(count("{}\n{}\n{}\n"), Some(3));
        assert_eq!(count(""), None);
        assert_eq!(count("{"), None);
    }

    #[test]
    fn what_aws_sqs_receive_message_prints_is_an_event() {
        let printed = r#"{"Messages": [{"MessageId": "m", "ReceiptHandle": "h", "Body": "{}"}]}"#;
        assert_eq!(
            events("x", printed).expect("an event"),
            [json!({"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": "{}"}]})]
        );
    }

    #[test]
    fn a_lambda_s_name_ends_in_that_of_its_function() {
        let arn = "arn:aws:lambda:eu-west-1:111122223333:function:lamplighter-resize-images:live";
        assert!(is_named(arn, "resize-images"));
        assert!(is_named("resize-images", "resize-images"));
        assert!(!is_named(arn, "mages"), "a part of a word");
        assert!(!is_named(arn, "archive-mail"));
    }
}
