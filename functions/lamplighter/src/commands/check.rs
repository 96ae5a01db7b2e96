//! `lamplighter check`: the configuration, without calling AWS.

use lamplighter_config::AfterGap;
use lamplighter_shell::daemon::planner::offset_of;
use lamplighter_shell::schedule::{Schedule, crowded_minutes};

use crate::cli::Globals;
use crate::commands::load;
use crate::output;
use crate::{Failure, functions};

pub(super) fn run(globals: &Globals, print: bool) -> Result<u8, Failure> {
    let config = load(globals, vec![])?;
    let mut errors: Option<lamplighter_config::Errors> = None;
    let mut warnings = Vec::new();
    let now = (lamplighter_shell::clock::system())();
    let mut schedules = Vec::new();
    for entry in functions::all() {
        let Some(section) = config.section(entry.name) else {
            continue;
        };
        match Schedule::of(section) {
            Ok(schedule) => {
                let found = schedule.warnings(now);
                warnings.extend(
                    found
                        .into_iter()
                        .map(|warning| format!("warning: [{}] schedule: {warning}", entry.name)),
                );
                if config.is_configured(entry.name) {
                    let offset = offset_of(entry.name, section, &schedule);
                    schedules.push((entry.name, schedule, offset));
                }
                if section.after_gap == AfterGap::Run {
                    warnings.push(format!(
                        "warning: [{}] after_gap: only the daemon can run after a gap, EventBridge Scheduler skips",
                        entry.name
                    ));
                }
            }
            Err(error) => {
                let located =
                    config.error_at(entry.name, "schedule", error.to_string(), error.hint());
                match &mut errors {
                    Some(errors) => errors.extend(located),
                    None => errors = Some(located),
                }
            }
        }
    }
    if let Some(errors) = errors {
        return Err(errors.into());
    }
    let places = config.daemon.max_runs;
    let all: Vec<_> = schedules
        .iter()
        .map(|(name, schedule, offset)| (*name, schedule, *offset))
        .collect();
    let crowded = crowded_minutes(&all, now, usize::try_from(places).unwrap_or(usize::MAX));
    warnings.extend(crowded.into_iter().map(|crowd| {
        format!(
            "warning: {crowd}; [daemon] max_runs lets {places} go on at once, the others wait: other times, or \
             `spread_minutes`, keep them apart"
        )
    }));
    for warning in warnings {
        output::note(&warning);
    }
    if print {
        output::text(&config.print(), globals)?;
    } else {
        let configured: Vec<&str> = functions::all()
            .iter()
            .map(|entry| entry.name)
            .filter(|name| config.is_configured(name))
            .collect();
        let functions = if configured.is_empty() {
            "none".to_owned()
        } else {
            configured.join(", ")
        };
        output::text(
            &format!("the configuration is sound; configured functions: {functions}\n"),
            globals,
        )?;
    }
    Ok(0)
}
