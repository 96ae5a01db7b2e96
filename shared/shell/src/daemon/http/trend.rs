//! How long the last runs took, as a line.

use chrono::TimeDelta;

use crate::daemon::store::{Durations, RunRow};

/// The drawing's size, in its own units.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 36.0;

/// Room for the line's own width and its last dot.
const MARGIN: f64 = 4.0;

/// A line, and what it says in words.
#[derive(Debug)]
pub(super) struct Trend {
    /// The points of the line: `4,32 120,4 236,20`.
    pub(super) points: String,
    pub(super) last_x: f64,
    pub(super) last_y: f64,
    /// For who does not see it.
    pub(super) label: String,
    pub(super) median: String,
    pub(super) longest: String,
}

impl Trend {
    /// The trend of runs, the newest first. Two are the least that make a line.
    pub(super) fn of(runs: &[RunRow]) -> Option<Self> {
        let took: Vec<f64> = runs
            .iter()
            .rev()
            .filter(|run| run.outcome.is_some_and(Durations::counts))
            .filter_map(|run| {
                Some(
                    (run.finished_at? - run.started_at)
                        .as_seconds_f64()
                        .max(0.0),
                )
            })
            .collect();
        if took.len() < 2 {
            return None;
        }
        let longest = took.iter().copied().fold(0.0, f64::max);
        let step = (WIDTH - 2.0 * MARGIN) / (count(took.len()) - 1.0);
        let place = |index: usize, took: f64| {
            let share = if longest > 0.0 { took / longest } else { 0.0 };
            let x = MARGIN + step * count(index);
            let y = HEIGHT - MARGIN - share * (HEIGHT - 2.0 * MARGIN);
            (rounded(x), rounded(y))
        };
        let places: Vec<(f64, f64)> = took
            .iter()
            .enumerate()
            .map(|(index, took)| place(index, *took))
            .collect();
        let points: Vec<String> = places.iter().map(|(x, y)| format!("{x},{y}")).collect();
        let (last_x, last_y) = places.last().copied().unwrap_or_default();
        let mut sorted = took.clone();
        sorted.sort_by(f64::total_cmp);
        let median = seconds(sorted[sorted.len() / 2]);
        let longest = seconds(longest);
        let last = took.last().copied().unwrap_or_default();
        Some(Self {
            points: points.join(" "),
            last_x,
            last_y,
            label: format!(
                "Durations of the last {} runs: median {median}, longest {longest}, the last one {}.",
                took.len(),
                seconds(last)
            ),
            median,
            longest,
        })
    }
}

fn count(number: usize) -> f64 {
    // There are a few dozen.
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn seconds(secs: f64) -> String {
    if secs < 1.0 {
        return format!("{} ms", (secs * 1_000.0).round());
    }
    span(TimeDelta::milliseconds((secs * 1_000.0).round() as i64))
}

/// `0.4 s`, `12 min`, `3 h`, `2 days`
pub(super) fn span(span: TimeDelta) -> String {
    let secs = span.num_seconds();
    match secs {
        ..10 => format!("{:.1} s", span.as_seconds_f64()),
        10..120 => format!("{secs} s"),
        120..7_200 => format!("{} min", secs / 60),
        7_200..172_800 => format!("{} h", secs / 3_600),
        _ => format!("{} days", secs / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use lamplighter_core::Mode;

    use super::*;
    use crate::daemon::http::page_tests::at;
    use crate::daemon::store::Outcome;

    fn run(millis: i64, outcome: Outcome) -> RunRow {
        let began = at("2026-11-22T06:00:00Z");
        RunRow {
            run_id: "1".to_owned(),
            function: "f".to_owned(),
            trigger: lamplighter_core::Trigger::Schedule,
            slot: Some(began),
            missed: 0,
            mode: Mode::Plan,
            started_at: began,
            finished_at: Some(began + TimeDelta::milliseconds(millis)),
            outcome: Some(outcome),
            detail: None,
            summary: None,
        }
    }

    #[test]
    fn the_line_goes_from_the_oldest_to_the_newest_and_says_so_in_words() {
        let runs = [
            run(500, Outcome::Ok),
            run(9_000, Outcome::Taken),
            run(2_000, Outcome::Failed),
            run(1_000, Outcome::Ok),
        ];
        let trend = Trend::of(&runs).expect("a line");
        assert_eq!(trend.points, "4,18 120,4 236,25");
        assert_eq!(
            trend.label,
            "Durations of the last 3 runs: median 1.0 s, longest 2.0 s, the last one 500 ms."
        );
        assert!(Trend::of(&runs[..1]).is_none());
        let flat = [run(0, Outcome::Ok), run(0, Outcome::Ok)];
        assert_eq!(Trend::of(&flat).expect("a line").points, "4,32 236,32");
    }
}
