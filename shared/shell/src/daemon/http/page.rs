//! The pages: this file prepares what they show, the templates show it. Whatever a template prints is escaped, so a
//! value can neither hide text nor become markup.

mod views;

use std::sync::OnceLock;

use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};
use serde::Serialize;

use super::live::{History, Live};
use super::routes::html;
use views::{Card, Moment, QueueLine, Row};

/// The templates. Their names end in `.html`, which switches the escaping on.
const TEMPLATES: [(&str, &str); 5] = [
    ("base.html", include_str!("templates/base.html")),
    ("parts.html", include_str!("templates/parts.html")),
    ("overview.html", include_str!("templates/overview.html")),
    ("job.html", include_str!("templates/job.html")),
    ("error.html", include_str!("templates/error.html")),
];

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = lamplighter_report::html_environment();
        for (name, text) in TEMPLATES {
            environment
                .add_template(name, text)
                .expect("the templates are part of the program, and the tests render them");
        }
        environment
    })
}

fn render(name: &str, view: Value) -> String {
    let rendered = environment()
        .get_template(name)
        .and_then(|template| template.render(view));
    rendered.expect("every member that a template names is in its view, and the tests render them")
}

/// What stands on every page.
#[derive(Serialize)]
struct Head {
    title: String,
    machine: String,
    version: String,
    since: Option<Moment>,
    at: Moment,
    troubles: Vec<String>,
    mood: &'static str,
    sentence: String,
    found: Option<String>,
}

impl Head {
    fn of(live: &Live, cards: &[Card]) -> Self {
        let snapshot = &live.snapshot;
        let running: usize = snapshot
            .functions
            .iter()
            .map(|function| function.running.len())
            .sum();
        let troubles = snapshot.troubles.clone();
        let (mood, sentence) = match (troubles.len(), running) {
            (0, 0) => ("well", "All is well.".to_owned()),
            (0, 1) => ("well", "All is well, one function is running.".to_owned()),
            (0, _) => (
                "well",
                format!("All is well, {running} functions are running."),
            ),
            (1, _) => ("look", "One thing needs somebody to look.".to_owned()),
            (count, _) => ("look", format!("{count} things need somebody to look.")),
        };
        let daemon = snapshot.daemon.as_ref();
        let count = cards.len();
        Self {
            title: match troubles.len() {
                0 => format!("Lamplighter: {count} functions, all well"),
                1 => "Lamplighter: 1 to look at".to_owned(),
                troubles => format!("Lamplighter: {troubles} to look at"),
            },
            machine: daemon.map(|daemon| daemon.host.clone()).unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            since: daemon.map(|daemon| Moment::of(daemon.started_at)),
            at: Moment::of(snapshot.at),
            troubles,
            mood,
            sentence,
            found: found(cards),
        }
    }
}

/// What the last reports found together.
fn found(cards: &[Card]) -> Option<String> {
    let counts = cards.iter().map(Card::findings).filter(|count| *count > 0);
    match (counts.clone().sum::<usize>(), counts.count()) {
        (0, _) => None,
        (1, _) => Some("The last reports have one finding.".to_owned()),
        (all, 1) => Some(format!(
            "The last reports have {all} findings, of one function."
        )),
        (all, of) => Some(format!(
            "The last reports have {all} findings, of {of} functions."
        )),
    }
}

/// All functions.
pub(super) fn overview(live: &Live, can_run: bool) -> String {
    let cards = Card::all(live);
    let head = Head::of(live, &cards);
    let (_, tag) = live.tagged();
    let view = context! {
        head => Value::from(Serde(&head)),
        cards => Value::from(Serde(&cards)),
        can_run,
        tag,
        queues => Value::from(Serde(&QueueLine::all(live))),
    };
    render("overview.html", view)
}

/// What the page of a function says about dry runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct DryRunForm {
    /// Whether there is a token.
    pub(super) is_allowed: bool,
    /// Whether there is a report of one.
    pub(super) has_report: bool,
}

/// One function with its history.
pub(super) fn job(live: &Live, function: &str, history: History, form: DryRunForm) -> String {
    let cards = Card::all(live);
    let head = Head::of(live, &cards);
    let (_, tag) = live.tagged();
    let card = cards.into_iter().find(|card| card.name == function);
    let dry_run = live.dry_runs.get(function).map(|run| {
        context! {
            is_going_on => run.outcome.is_none(),
            outcome => run.outcome.map(|outcome| outcome.as_str()),
            detail => views::detail(run.detail.as_deref(), function),
            began => Value::from(Serde(Moment::of(run.started_at))),
            has_report => form.has_report && run.outcome.is_some(),
        }
    });
    let view = context! {
        head => Value::from(Serde(&head)),
        card => Value::from(Serde(&card)),
        rows => Value::from(Serde(&Row::all(history))),
        can_run => form.is_allowed,
        dry_run,
        tag,
    };
    render("job.html", view)
}

/// A page that says only why there is no other.
pub(super) fn error(status: StatusCode, text: &str) -> Response {
    let title = match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::TOO_MANY_REQUESTS => "Too many attempts",
        StatusCode::METHOD_NOT_ALLOWED => "Read-only",
        StatusCode::CONFLICT => "Not now",
        StatusCode::BAD_REQUEST => "Not understood",
        _ => "Not available",
    };
    let mut response = html(render("error.html", context! { title, text }));
    *response.status_mut() = status;
    response
}

/// A time, for whoever reads a machine's clock.
pub(super) fn utc(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
