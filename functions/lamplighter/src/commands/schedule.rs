//! `lamplighter schedule`: when a schedule runs next.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use lamplighter_core::Error;
use lamplighter_shell::schedule::{AfterGap, Schedule};

use crate::cli::Globals;
use crate::commands::load;
use crate::output;
use crate::{Failure, functions};

pub(super) fn run(
    globals: &Globals,
    what: Option<&str>,
    count: u16,
    from: Option<DateTime<Utc>>,
    zone: Option<&str>,
) -> Result<u8, Failure> {
    let from = from.unwrap_or_else(|| (lamplighter_shell::clock::system())());
    let zone = zone
        .map(|name| {
            name.parse::<Tz>().map_err(|_| {
                Error::config(format!("there is no time zone `{name}`"))
                    .hint("an IANA name such as `Europe/Berlin`")
            })
        })
        .transpose()?;
    let mut wanted: Vec<(String, String, Tz, AfterGap)> = Vec::new();
    let config = load(globals, vec![])?;
    match what {
        Some(what) if functions::find(what).is_err() => {
            let zone = zone.unwrap_or(Tz::UTC);
            wanted.push((what.to_owned(), what.to_owned(), zone, AfterGap::Skip));
        }
        only => {
            for entry in functions::all()
                .iter()
                .filter(|entry| only.is_none_or(|only| only == entry.name))
            {
                if let Some(section) = config.section(entry.name) {
                    wanted.push((
                        entry.name.to_owned(),
                        section.schedule.clone(),
                        zone.unwrap_or(section.zone),
                        match section.after_gap {
                            lamplighter_config::AfterGap::Skip => AfterGap::Skip,
                            lamplighter_config::AfterGap::Run => AfterGap::Run,
                        },
                    ));
                }
            }
        }
    }
    let mut text = String::new();
    for (name, expression, zone, after_gap) in wanted {
        let schedule = Schedule::parse(&expression, zone).map_err(|error| {
            let refused = Error::config(format!("`{expression}`: {error}"));
            match error.hint() {
                Some(hint) => refused.hint(hint),
                None => refused,
            }
        })?;
        let schedule = schedule.with_after_gap(after_gap);
        text.push_str(&describe(&name, &schedule, from, count));
    }
    output::text(&text, globals)?;
    Ok(0)
}

fn describe(name: &str, schedule: &Schedule, from: DateTime<Utc>, count: u16) -> String {
    let mut text = format!(
        "{name}: {} ({})\n  {}\n",
        schedule.expression(),
        schedule.zone(),
        schedule.describe()
    );
    let mut after = from;
    for _ in 0..count {
        let Some(next) = schedule.next(after) else {
            break;
        };
        let local = next.with_timezone(&schedule.zone());
        text.push_str(&format!(
            "  {}   {}\n",
            local.format("%a %Y-%m-%d %H:%M:%S %Z"),
            next.format("%Y-%m-%d %H:%M:%S UTC")
        ));
        after = next;
    }
    for warning in schedule.warnings(from) {
        text.push_str(&format!("  note: {warning}\n"));
    }
    text
}
