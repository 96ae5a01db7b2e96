//! Logs: text on a terminal, JSON otherwise, to stderr; the same switches everywhere.
//!
//! The level comes from `LAMPLIGHTER_LOG`, else `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG`. No line holds a credential, a
//! mail body or an address; metadata of events is sanitised. What the AWS SDK and its HTTP stack say below a warning
//! is never logged, whatever the level: they write whole requests, with tokens and mails in them.

mod fold;
mod json;
pub mod tail;

use std::io::IsTerminal;

use serde_json::Value;
use tracing::Level;
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How much to log where no variable says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// Only what needs a person: the CLI, whose report says the rest.
    Warnings,
    /// What happens: the daemon and Lambdas.
    Information,
    /// `-v`.
    Debugging,
    /// `-q`.
    Errors,
}

/// Switches logging on. Later calls change nothing.
pub fn init(default: Default) {
    start(default, false);
}

/// Switches logging on for a program that nobody watches: identical lines are folded, so that a loop that is stuck
/// cannot fill the disk.
pub fn init_folding(default: Default) {
    start(default, true);
}

/// Says how often lines were repeated that are counted still. For the end of a program that folds.
pub fn flush() {
    fold::flush();
}

fn start(default: Default, folds: bool) {
    let level = match default {
        Default::Warnings => "warn",
        Default::Information => "info",
        Default::Debugging => "debug",
        Default::Errors => "error",
    };
    let asked = ["LAMPLIGHTER_LOG", "AWS_LAMBDA_LOG_LEVEL", "RUST_LOG"]
        .iter()
        .find_map(|name| {
            std::env::var(name)
                .ok()
                .filter(|value| !value.trim().is_empty())
        });
    let is_explicit = asked.is_some();
    let asked = asked.unwrap_or_else(|| level.to_owned());
    let directives = match asked.trim().to_ascii_lowercase().as_str() {
        "fatal" | "critical" => "error".to_owned(),
        _ => asked,
    };
    // Levels and `target=level`. `EnvFilter` knows spans and fields too, for regular expressions of 200 KB in each Lambda.
    let filter: Targets = directives
        .parse()
        .or_else(|_| level.parse())
        .unwrap_or_default();
    let registry = tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(|metadata| {
            is_harmless(metadata.target(), *metadata.level())
        }))
        .with(folds.then(fold::Fold::start))
        .with(folds.then_some(tail::Keep));
    let stderr = std::io::stderr;
    let done = if stderr().is_terminal() {
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let text = tracing_subscriber::fmt::layer()
            .with_writer(stderr)
            .with_target(false)
            .with_ansi(colour);
        registry.with(text).try_init()
    } else if matches!(default, Default::Warnings | Default::Errors) && !is_explicit {
        // A person whose stderr goes to a file or a pipe: plain lines.
        let text = tracing_subscriber::fmt::layer()
            .with_writer(stderr)
            .with_target(false)
            .with_ansi(false);
        registry.with(text).try_init()
    } else {
        registry.with(json::Lines).try_init()
    };
    // A second initialisation is harmless: the first one stays.
    drop(done);
}

/// Whether a line can hold nothing but what we or a library mean to be read. A library's name is the start of its
/// target. Lambda's runtime says at `info` only which request it is about.
fn is_harmless(target: &str, level: Level) -> bool {
    const TALKATIVE: [&str; 9] = [
        "aws_", "h2", "http", "hyper", "mio", "rustls", "tokio", "tower", "want",
    ];
    if target.starts_with("lambda_runtime") {
        return level <= Level::INFO;
    }
    // It warns of every place that holds no credentials or region, with the whole answer; what came of it we say.
    if target.starts_with("aws_config") {
        return level <= Level::ERROR;
    }
    level <= Level::WARN || !TALKATIVE.iter().any(|name| target.starts_with(name))
}

/// An event's metadata for the logs: one line, bounded, control characters escaped, addresses blanked.
pub fn sanitised(metadata: &Value) -> String {
    const MAX_CHARS: usize = 2000;
    let text: String = match metadata {
        Value::Object(entries) => {
            let clean = entries
                .iter()
                .map(|(key, value)| (key.clone(), clean(value)));
            Value::Object(clean.collect()).to_string()
        }
        other => other.to_string(),
    };
    let text: String = text
        .chars()
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect();
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

fn clean(value: &Value) -> Value {
    match value {
        Value::String(text) if text.contains('@') => Value::String("(address)".to_owned()),
        Value::Array(values) => Value::Array(values.iter().map(clean).collect()),
        Value::Object(entries) => Value::Object(
            entries
                .iter()
                .map(|(key, value)| (key.clone(), clean(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_libraries_write_of_requests_is_never_logged() {
        for target in [
            "aws_smithy_runtime::client::orchestrator",
            "aws_sdk_sts::operation::assume_role",
            "hyper_util::client",
            "rustls::client",
        ] {
            assert!(!is_harmless(target, Level::INFO), "{target}");
            assert!(is_harmless(target, Level::WARN), "{target}");
        }
        assert!(!is_harmless("aws_config::imds::region", Level::WARN));
        assert!(!is_harmless("lambda_runtime::requests", Level::DEBUG));
        assert!(is_harmless("lambda_runtime::layers::trace", Level::INFO));
        assert!(is_harmless("lamplighter_shell::round", Level::TRACE));
        assert!(is_harmless("stop_untagged::apply", Level::TRACE));
    }

    #[test]
    fn metadata_is_one_bounded_line_without_addresses() {
        let line = sanitised(
            &json!({"id": "x\ny\u{1b}[31m", "principal": "ann@example.com", "big": "z".repeat(5000)}),
        );
        assert!(
            !line.contains('\n') && !line.contains('\u{1b}') && !line.contains("ann@example.com"),
            "{line}"
        );
        assert!(line.chars().count() <= 2003);
    }
}
