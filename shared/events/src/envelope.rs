//! The envelope: metadata and data, the same in Lambda, daemon and CLI.

use crate::QUARANTINE_SCHEMA;
use crate::look::{kind_of, parse_time, short, text};
use chrono::{DateTime, Utc};
use lamplighter_core::{Error, Result, Trigger};
use serde_json::{Map, Value, json};

/// What an event is, as far as the envelope tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A scheduled tick, or nothing at all: a round.
    Round,
    /// A ping that keeps a Lambda warm. Answered at once, before any client is made.
    KeepWarm,
    /// A native AWS event, in `data`.
    Native,
}

/// An event with what is known about it. All metadata is optional, and unknown keys are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// What it is.
    pub kind: Kind,
    /// `id`, `time`, `source`, `trigger`, `slot`, `dry_run` and whatever else came.
    pub metadata: Map<String, Value>,
    /// For event functions the native event; empty for rounds.
    pub data: Value,
}

impl Default for Envelope {
    fn default() -> Self {
        Self {
            kind: Kind::Round,
            metadata: Map::new(),
            data: json!({}),
        }
    }
}

impl Envelope {
    /// The envelope of a scheduled tick, as the deployment template writes it and the daemon makes it.
    pub fn tick(id: &str, slot: DateTime<Utc>) -> Self {
        let mut metadata = Map::new();
        metadata.insert("id".to_owned(), json!(id));
        metadata.insert("source".to_owned(), json!("scheduler"));
        metadata.insert("trigger".to_owned(), json!("schedule"));
        metadata.insert("slot".to_owned(), json!(slot));
        Self {
            kind: Kind::Round,
            metadata,
            data: json!({}),
        }
    }

    /// Reads an event from its text. `name` is its file's or its origin's, for the message.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let value = serde_json::from_str(text).map_err(|error| {
            Error::permanent(format!("the event `{name}` is not JSON: {error}"))
                .hint("`lamplighter sample-event schedule` prints one that works")
        })?;
        Self::read(value)
    }

    /// Reads an event: our own envelope if it has `metadata` or `data`, else what AWS sends.
    pub fn read(value: Value) -> Result<Self> {
        let Value::Object(mut event) = value else {
            return Err(Error::permanent(format!(
                "the event is {}, not a JSON object",
                kind_of(&value)
            ))
            .hint("`lamplighter sample-event schedule` prints one that works"));
        };
        if event.get("source").and_then(Value::as_str) == Some("keep-warm") {
            return Ok(Self {
                kind: Kind::KeepWarm,
                ..Self::default()
            });
        }
        let is_own = event.contains_key("metadata") || event.contains_key("data");
        if !is_own && let Some(envelope) = Self::replayed(&event)? {
            return Ok(envelope);
        }
        if is_own {
            let metadata = match event.remove("metadata") {
                None | Some(Value::Null) => Map::new(),
                Some(Value::Object(metadata)) => metadata,
                Some(other) => {
                    return Err(Error::permanent(format!(
                        "the event's `metadata` is {}, not an object",
                        kind_of(&other)
                    )));
                }
            };
            let data = event
                .remove("data")
                .filter(|data| !data.is_null())
                .unwrap_or_else(|| json!({}));
            let is_empty = data.as_object().is_some_and(Map::is_empty);
            let envelope = Self {
                kind: if is_empty { Kind::Round } else { Kind::Native },
                metadata,
                data,
            };
            envelope.check()?;
            return Ok(envelope);
        }
        if event.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self::native(event))
    }

    /// An event that comes once more: the record of an on-failure destination, or a file of the quarantine. What its
    /// own envelope says stays, so a tick keeps its slot and a dry run stays one; what became of it is told in
    /// `replayed`.
    fn replayed(event: &Map<String, Value>) -> Result<Option<Self>> {
        let is_quarantined = event.get("schema").and_then(Value::as_str) == Some(QUARANTINE_SCHEMA);
        let inner = event.get(if is_quarantined {
            "payload"
        } else {
            "requestPayload"
        });
        let Some(inner @ Value::Object(_)) = inner else {
            // Nothing to look into: the reader says what is wrong with it.
            return Ok(is_quarantined.then(|| Self {
                kind: Kind::Native,
                metadata: Map::from_iter([("trigger".to_owned(), json!("replay"))]),
                data: Value::Object(event.clone()),
            }));
        };
        let mut envelope = Self::read(inner.clone())?;
        if envelope.kind == Kind::KeepWarm {
            return Ok(Some(envelope));
        }
        let mut replayed = Map::new();
        let whole = Value::Object(event.clone());
        for (name, place) in [
            ("condition", "/requestContext/condition"),
            ("request_id", "/requestContext/requestId"),
            ("error", "/responsePayload/errorMessage"),
            ("error_type", "/responsePayload/errorType"),
            ("function", "/function"),
            ("reason", "/reason"),
            ("run_id", "/run_id"),
        ] {
            if let Some(text) = text(&whole, place) {
                replayed.insert(name.to_owned(), json!(short(text)));
            }
        }
        envelope
            .metadata
            .insert("trigger".to_owned(), json!("replay"));
        envelope
            .metadata
            .insert("replayed".to_owned(), Value::Object(replayed));
        if envelope.kind == Kind::Native {
            envelope.data = whole;
        }
        Ok(Some(envelope))
    }

    /// An event of AWS's own. A plain EventBridge rule's schedule names its slot in `time`.
    fn native(event: Map<String, Value>) -> Self {
        let mut metadata = Map::new();
        for key in ["id", "time", "source", "account", "region"] {
            if let Some(value) = event.get(key).filter(|value| value.is_string()) {
                metadata.insert(key.to_owned(), value.clone());
            }
        }
        let is_schedule =
            event.get("detail-type").and_then(Value::as_str) == Some("Scheduled Event");
        if is_schedule {
            metadata.insert("trigger".to_owned(), json!("schedule"));
            if let Some(time) = event.get("time").filter(|time| parse_time(time).is_some()) {
                metadata.insert("slot".to_owned(), time.clone());
            }
            return Self {
                kind: Kind::Round,
                metadata,
                data: json!({}),
            };
        }
        metadata.insert("trigger".to_owned(), json!("event"));
        Self {
            kind: Kind::Native,
            metadata,
            data: Value::Object(event),
        }
    }

    /// Refuses metadata that is there but cannot mean what it says. A `dry_run` that is not understood must not
    /// become a real run.
    fn check(&self) -> Result<()> {
        if let Some(dry_run) = self
            .metadata
            .get("dry_run")
            .filter(|value| !value.is_boolean() && !value.is_null())
        {
            return Err(Error::permanent(format!(
                "the event's `metadata.dry_run` is {}, not true or false",
                kind_of(dry_run)
            )));
        }
        if let Some(slot) = self
            .metadata
            .get("slot")
            .filter(|slot| !slot.is_null() && slot.as_str() != Some(""))
        {
            parse_time(slot).ok_or_else(|| {
                Error::permanent(format!(
                    "the event's `metadata.slot` is not an RFC 3339 time: {slot}"
                ))
            })?;
        }
        if let Some(trigger) = self
            .metadata
            .get("trigger")
            .filter(|trigger| !trigger.is_null())
            && trigger_of(trigger).is_none()
        {
            return Err(Error::permanent(format!(
                "the event's `metadata.trigger` is not known: {trigger}"
            ))
            .hint("known are `manual`, `schedule`, `event`, `replay`"));
        }
        Ok(())
    }

    /// Whether the event asks for a dry run. It can lower the mode, never raise it.
    pub fn wants_dry_run(&self) -> bool {
        self.metadata.get("dry_run") == Some(&Value::Bool(true))
    }

    /// The scheduled time it stands for.
    pub fn slot(&self) -> Option<DateTime<Utc>> {
        self.metadata.get("slot").and_then(parse_time)
    }

    /// What set it off, if it says so.
    pub fn trigger(&self) -> Option<Trigger> {
        self.metadata.get("trigger").and_then(trigger_of)
    }
}

fn trigger_of(value: &Value) -> Option<Trigger> {
    serde_json::from_value(value.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(event: Value) -> Envelope {
        Envelope::read(event).expect("the event is readable")
    }

    #[test]
    fn nothing_at_all_is_a_round() {
        assert_eq!(read(json!({})), Envelope::default());
        assert_eq!(
            read(json!({"metadata": null, "data": null})).kind,
            Kind::Round
        );
    }

    #[test]
    fn the_template_s_input_names_slot_and_trigger_and_keeps_unknown_keys() {
        let envelope = read(
            json!({"metadata": {"id": "x", "source": "scheduler", "trigger": "schedule",
            "slot": "2026-11-22T06:00:00Z", "ticket": 7}, "data": {}}),
        );
        assert_eq!(envelope.kind, Kind::Round);
        assert_eq!(envelope.trigger(), Some(Trigger::Schedule));
        assert_eq!(
            envelope.slot().map(|slot| slot.to_rfc3339()),
            Some("2026-11-22T06:00:00+00:00".to_owned())
        );
        assert_eq!(envelope.metadata["ticket"], 7);
    }

    #[test]
    fn a_plain_eventbridge_rule_s_time_is_the_slot() {
        let envelope = read(
            json!({"version": "0", "id": "i", "detail-type": "Scheduled Event", "source": "aws.events",
            "account": "123456789012", "time": "2026-11-22T06:00:00Z", "region": "eu-west-1", "detail": {}}),
        );
        assert_eq!(
            (envelope.kind, envelope.trigger()),
            (Kind::Round, Some(Trigger::Schedule))
        );
        assert!(envelope.slot().is_some());
        assert_eq!(envelope.metadata["account"], "123456789012");
    }

    #[test]
    fn keep_warm_is_told_apart() {
        assert_eq!(read(json!({"source": "keep-warm"})).kind, Kind::KeepWarm);
    }

    #[test]
    fn an_event_can_ask_for_a_dry_run_only_in_plain_words() {
        assert!(read(json!({"metadata": {"dry_run": true}})).wants_dry_run());
        assert!(!read(json!({"metadata": {"dry_run": false}})).wants_dry_run());
        let error = Envelope::read(json!({"metadata": {"dry_run": "true"}}))
            .expect_err("a string is no boolean");
        assert_eq!(
            error.to_string(),
            "the event's `metadata.dry_run` is a string, not true or false"
        );
    }

    #[test]
    fn what_is_not_an_object_or_says_nonsense_is_a_clear_permanent_error() {
        for event in [
            json!([]),
            json!("x"),
            json!(1),
            json!(null),
            json!({"metadata": []}),
            json!({"metadata": {"slot": "yesterday"}}),
            json!({"metadata": {"trigger": "cosmic ray"}}),
        ] {
            let error = Envelope::read(event.clone()).expect_err("refused");
            assert_eq!(
                error.kind(),
                lamplighter_core::ErrorKind::Permanent,
                "{event}"
            );
        }
        assert!(
            Envelope::parse("x.json", "{")
                .expect_err("half")
                .to_string()
                .starts_with("the event `x.json` is not JSON")
        );
    }

    #[test]
    fn an_on_failure_record_is_a_replay_and_says_what_became_of_it() {
        let sample = crate::sample("on-failure").expect("there is this sample");
        let envelope = Envelope::parse("on-failure", sample.text).expect("readable");
        assert_eq!(
            (envelope.kind, envelope.trigger()),
            (Kind::Native, Some(Trigger::Replay))
        );
        assert_eq!(
            envelope.metadata["replayed"],
            json!({
                "condition": "RetriesExhausted",
                "request_id": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
                "error": "`s3:GetObject` did not answer in time",
                "error_type": "Lamplighter.Transient",
            })
        );
    }

    #[test]
    fn a_tick_that_failed_keeps_its_slot_and_a_dry_run_stays_one() {
        let envelope = read(
            json!({"version": "1.0", "requestContext": {"condition": "RetriesExhausted"},
            "requestPayload": {"metadata": {"id": "x", "trigger": "schedule", "dry_run": true,
                "slot": "2026-11-22T06:00:00Z"}, "data": {}}}),
        );
        assert_eq!(
            (envelope.kind, envelope.trigger()),
            (Kind::Round, Some(Trigger::Replay))
        );
        assert!(envelope.wants_dry_run() && envelope.slot().is_some());
        let event = json!({"schema": QUARANTINE_SCHEMA, "function": "f",
            "payload": {"metadata": {"dry_run": "true"}, "data": {}}});
        Envelope::read(event).expect_err("a dry run that is not understood is refused inside, too");
    }

    #[test]
    fn a_file_of_the_quarantine_is_a_replay() {
        for payload in [json!({"Records": []}), json!("text"), json!(null)] {
            let event = json!({"schema": QUARANTINE_SCHEMA, "function": "f", "payload": payload});
            let envelope = read(event.clone());
            assert_eq!(
                (envelope.kind, envelope.trigger()),
                (Kind::Native, Some(Trigger::Replay))
            );
            assert_eq!(envelope.data, event);
        }
    }

    #[test]
    fn a_native_event_stays_as_it_is() {
        let envelope = read(json!({"Records": [{"eventSource": "aws:s3"}]}));
        assert_eq!(envelope.kind, Kind::Native);
        assert_eq!(envelope.data["Records"][0]["eventSource"], "aws:s3");
        assert_eq!(envelope.trigger(), Some(Trigger::Event));
    }
}
