//! The pages: this file prepares what they show, the templates show it. Whatever a template prints is escaped, so a
//! value can neither hide text nor become markup.

mod views;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};

use super::live::{History, Live};
use super::routes::html;
use views::{Card, JobPage, LastDryRun, Moment, Overview, QueueLine, Row};

fn render(page: &impl Template) -> String {
    page.render()
        .expect("no filter fails, and a String takes everything")
}

/// What stands on every page.
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
    render(&Overview {
        head,
        cards,
        can_run,
        tag,
        queues: QueueLine::all(live),
    })
}

/// What the page of a function says about dry runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct DryRunForm {
    /// Whether there is a token.
    pub(super) is_allowed: bool,
    /// Whether there is a report of one.
    pub(super) has_report: bool,
}

/// One function with its history, if there is such a function.
pub(super) fn job(
    live: &Live,
    function: &str,
    history: History,
    form: DryRunForm,
) -> Option<String> {
    let cards = Card::all(live);
    let head = Head::of(live, &cards);
    let (_, tag) = live.tagged();
    let card = cards.into_iter().find(|card| card.name == function)?;
    let dry_run = live.dry_runs.get(function);
    Some(render(&JobPage {
        head,
        card,
        rows: Row::all(history),
        can_run: form.is_allowed,
        dry_run: dry_run.map(|run| LastDryRun::of(run, function, form.has_report)),
        tag,
    }))
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    title: &'a str,
    text: &'a str,
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
    let mut response = html(render(&ErrorPage { title, text }));
    *response.status_mut() = status;
    response
}

/// A time, for whoever reads a machine's clock.
pub(super) fn utc(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
