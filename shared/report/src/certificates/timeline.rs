//! The drawing of what ends when: one bar for each certificate, from its beginning to its end.
//!
//! Places along the axis are percentages, so that the drawing is as wide as the page and its letters stay as large as
//! the page's on a phone too. The template draws; this file only measures.

use std::borrow::Cow;

use askama::Template;
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use lamplighter_core::Run;
use unicode_width::UnicodeWidthChar;

use super::{Bucket, Certificate, Group};
use crate::escape::visible;
use crate::words::number;

/// The axis begins this many days before the run.
const DAYS_BEFORE: i64 = 90;
/// The axis ends this many days after the run. Nothing that a public authority signs lives longer.
const DAYS_AFTER: i64 = 400;

/// More valid certificates than this are not drawn; the tables have them.
const MOST_VALID: usize = 30;
/// A drawing of more certificates of one bucket than this is read by nobody.
const MOST_OTHERS: usize = 200;

/// Longer names would run into the time that is left, on a phone.
const MOST_COLUMNS: usize = 32;

/// Where the first row begins, below the axis.
const TOP: usize = 44;
/// The height of a certificate's row: a line of words, and its bar.
const ROW: usize = 32;
/// The height of a bucket's heading.
const HEADING: usize = 28;

/// Everything the drawing shows.
#[derive(Template)]
#[template(path = "timeline.html")]
pub(super) struct Timeline<'a> {
    height: usize,
    description: String,
    today: String,
    months: Vec<Month>,
    headings: Vec<Heading>,
    rows: Vec<Row<'a>>,
}

/// The first day of a month.
struct Month {
    x: String,
    label: String,
    /// The first months of the quarters keep their names on a phone.
    is_quarter: bool,
}

struct Heading {
    y: usize,
    class: &'static str,
    text: String,
}

struct Row<'a> {
    class: &'static str,
    name: Cow<'a, str>,
    left: String,
    text_y: usize,
    bar_y: usize,
    mark_y: usize,
    bar: Option<Bar>,
    mark_x: String,
    mark: &'static str,
}

struct Bar {
    x: String,
    width: String,
}

impl<'a> Timeline<'a> {
    /// The drawing of `groups`.
    pub(super) fn of(run: &Run, groups: &[Group<'a>]) -> Self {
        let axis = Axis {
            now: run.finished_at,
        };
        let mut y = TOP;
        let mut headings = vec![];
        let mut rows = vec![];
        for group in groups {
            let most = match group.bucket {
                Bucket::Valid => MOST_VALID,
                Bucket::Expired | Bucket::Expiring => MOST_OTHERS,
            };
            headings.push(Heading {
                y: y + 18,
                class: group.bucket.as_str(),
                text: heading(group, most),
            });
            y += HEADING;
            for certificate in nearest(group, most) {
                rows.push(row(run, &axis, certificate, y));
                y += ROW;
            }
        }
        let counts: Vec<String> = groups
            .iter()
            .map(|group| format!("{} {}", number(group.all.len()), group.bucket.as_str()))
            .collect();
        Self {
            height: y + 4,
            description: format!(
                "{}. The axis runs from {} to {}; what ends outside of it has an arrow at its edge. The tables below say the same in words.",
                counts.join(", "),
                axis.begin().format("%Y-%m-%d"),
                axis.end().format("%Y-%m-%d"),
            ),
            today: percent(axis.share(run.finished_at)),
            months: axis.months(),
            headings,
            rows,
        }
    }
}

/// At most `most` certificates of a bucket: those that end nearest to today.
fn nearest<'g, 'a>(group: &'g Group<'a>, most: usize) -> &'g [Certificate<'a>] {
    let count = group.all.len();
    match group.bucket {
        Bucket::Expired => &group.all[count.saturating_sub(most)..],
        Bucket::Expiring | Bucket::Valid => &group.all[..count.min(most)],
    }
}

fn heading(group: &Group<'_>, most: usize) -> String {
    let title = group.bucket.title();
    match group.all.len() {
        0 => format!("{title}: none"),
        count if count > most => format!(
            "{title}: {}, of which the {} nearest to today",
            number(count),
            number(most)
        ),
        count => format!("{title}: {}", number(count)),
    }
}

fn row<'a>(run: &Run, axis: &Axis, certificate: &Certificate<'a>, y: usize) -> Row<'a> {
    let end = axis.share(certificate.not_after());
    let begin = certificate
        .not_before()
        .map_or(end, |not_before| axis.share(not_before))
        .clamp(0.0, 100.0);
    let shown_end = end.clamp(0.0, 100.0);
    Row {
        class: certificate.bucket.as_str(),
        name: cut(certificate.name()),
        left: certificate.left(run),
        text_y: y + 13,
        bar_y: y + 20,
        mark_y: y + 23,
        bar: (shown_end > begin).then(|| Bar {
            x: percent(begin),
            width: percent(shown_end - begin),
        }),
        mark_x: percent(shown_end),
        mark: if end < 0.0 {
            "before"
        } else if end > 100.0 {
            "after"
        } else {
            certificate.bucket.as_str()
        },
    }
}

/// The name with its hidden characters shown, and its end left out where it is long.
fn cut(name: &str) -> Cow<'_, str> {
    let name = visible(name);
    let mut columns = 0;
    let end = name.char_indices().find_map(|(index, character)| {
        columns += character.width().unwrap_or_default();
        (columns > MOST_COLUMNS).then_some(index)
    });
    match end {
        Some(end) => Cow::Owned(format!("{}…", &name[..end])),
        None => name,
    }
}

/// The time along the drawing.
struct Axis {
    now: DateTime<Utc>,
}

impl Axis {
    fn begin(&self) -> DateTime<Utc> {
        self.now - TimeDelta::days(DAYS_BEFORE)
    }

    fn end(&self) -> DateTime<Utc> {
        self.now + TimeDelta::days(DAYS_AFTER)
    }

    /// Where a time is, in hundredths of the axis. What is outside of the axis is below 0 or above 100.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a second more or less in thousands of years is not seen"
    )]
    fn share(&self, time: DateTime<Utc>) -> f64 {
        let length = self.end() - self.begin();
        100.0 * (time - self.begin()).num_seconds() as f64 / length.num_seconds() as f64
    }

    /// The first days of the months on it, without those whose names would be cut off at its edges.
    fn months(&self) -> Vec<Month> {
        let begin = self.begin().date_naive();
        let mut first = begin - Days::new(u64::from(begin.day0()));
        let mut months = vec![];
        while let Some(next) = first.checked_add_months(Months::new(1)) {
            first = next;
            let x = self.share(midnight(first));
            if x >= 100.0 {
                break;
            }
            months.push(Month {
                x: percent(x),
                label: if x > 97.0 {
                    String::new()
                } else if first.month() == 1 {
                    first.format("%b %Y").to_string()
                } else {
                    first.format("%b").to_string()
                },
                is_quarter: first.month0().is_multiple_of(3),
            });
        }
        months
    }
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

fn percent(share: f64) -> String {
    format!("{share:.2}%")
}
