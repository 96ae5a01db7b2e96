//! Logs: text on a terminal, JSON otherwise, to stderr; the same switches everywhere.
//!
//! The level comes from `LAMPLIGHTER_LOG`, else `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG`. No line holds a credential, a
//! mail body or an address; metadata of events is sanitised.

use std::io::IsTerminal;

use serde_json::Value;
use tracing_subscriber::EnvFilter;
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
    // A bare level is about us: the SDK and its HTTP stack log requests at debug, headers and all.
    let directives = match asked.trim().to_ascii_lowercase().as_str() {
        "trace" | "debug" | "info" | "warn" | "error" | "off" => format!(
            "{asked},aws_smithy_runtime=warn,aws_smithy_runtime_api=warn,aws_config=warn,aws_runtime=warn,aws_sigv4=warn,aws_smithy_http_client=warn,hyper=warn,hyper_util=warn,h2=warn,rustls=warn,tower=warn,tokio_cron_scheduler=warn"
        ),
        "fatal" | "critical" => "error".to_owned(),
        _ => asked,
    };
    let filter = EnvFilter::try_new(&directives).unwrap_or_else(|_| EnvFilter::new(level));
    let registry = tracing_subscriber::registry().with(filter);
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
        let json = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(stderr);
        registry.with(json).try_init()
    };
    // A second initialisation is harmless: the first one stays.
    drop(done);
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
