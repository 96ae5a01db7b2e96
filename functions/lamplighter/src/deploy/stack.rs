//! What the configuration says is deployed.

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use lamplighter_config::{Common, Config, Missed, Mode, Overlap};
use lamplighter_core::{Error, Result, Statement};
use lamplighter_shell::Entry;
use lamplighter_shell::policy::{Place, statements};
use lamplighter_shell::schedule::Schedule;
use serde_json::{Value, json};

use super::events::Events;
use super::model::{Function, Stack, When};
use super::package::Architecture;
use crate::functions;

/// The shortest time that Scheduler and Lambda keep an event.
const MIN_EVENT_AGE_SECS: u32 = 60;

/// Lambda tries a failed asynchronous invocation at most twice again.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>
const MAX_RETRIES: u32 = 2;

/// The longest that Lambda keeps an asynchronous event. Nothing else brings a mail again.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>
const LONGEST_EVENT_AGE_SECS: u32 = 21_600;

/// An alarm looks back a week at most, and only with periods of an hour or more.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html>
const MAX_SILENCE_SECS: i64 = 7 * 86_400;

/// What a packaged Lambda knows of a process that it is not.
const NO_LAMBDA_SECTION: &str = "daemon";

/// The stack of this configuration, without packages: those are for whoever has them.
pub fn stack(config: &Config, has_config: bool) -> Result<Stack> {
    let functions = deployed(config);
    let functions: Result<Vec<Function>> = functions
        .iter()
        .map(|entry| function(entry, config))
        .collect();
    Ok(Stack {
        functions: functions?,
        architecture: Architecture::X86_64,
        has_config,
        secret_variables: config
            .secret_keys()
            .into_iter()
            .filter(|(section, _)| *section != NO_LAMBDA_SECTION)
            .map(|(section, key)| {
                let upper = |name: &str| name.to_ascii_uppercase().replace('-', "_");
                format!("LAMPLIGHTER_{}__{}", upper(section), upper(key))
            })
            .collect(),
    })
}

/// The functions that have a schedule and are configured. If none is: all that need no configuration, which event
/// functions do.
pub fn deployed(config: &Config) -> Vec<Entry> {
    let scheduled: Vec<Entry> = functions::all()
        .into_iter()
        .filter(|entry| entry.trigger.contains("schedule"))
        .collect();
    let configured: Vec<Entry> = scheduled
        .iter()
        .filter(|entry| config.is_configured(entry.name))
        .copied()
        .collect();
    match configured.is_empty() {
        true => scheduled
            .into_iter()
            .filter(|entry| !entry.consumes)
            .collect(),
        false => configured,
    }
}

/// The schedule of a function's section.
pub fn schedule_of(name: &str, section: &Common) -> Result<Schedule> {
    Schedule::parse(&section.schedule, section.zone).map_err(|error| {
        let refused = Error::config(format!("`schedule` in [{name}]: {error}"));
        match error.hint() {
            Some(hint) => refused.hint(hint),
            None => refused,
        }
    })
}

/// The year that stands for every year, so that no answer depends on the day it is asked for.
pub fn sample_year() -> (DateTime<Utc>, DateTime<Utc>) {
    // 2026-01-01T00:00:00Z, and the last instant before it.
    let from = DateTime::from_timestamp(1_767_225_599, 0).unwrap_or_default();
    (from, from + TimeDelta::days(365))
}

fn function(entry: &Entry, config: &Config) -> Result<Function> {
    let section = config
        .section(entry.name)
        .ok_or_else(|| Error::config(format!("there is no section [{}]", entry.name)))?;
    let schedule = schedule_of(entry.name, section)?;
    let grace_secs = match section.missed {
        Missed::Skip => MIN_EVENT_AGE_SECS,
        Missed::Once | Missed::All => (section.missed_grace_minutes * 60).max(MIN_EVENT_AGE_SECS),
    };
    let lateness = section.spread_minutes * 60 + section.timeout_secs;
    let events = Events::of(entry, config)?;
    let is_invoked_with_events = events.as_ref().is_some_and(|events| events.mail.is_some());
    Ok(Function {
        name: entry.name.to_owned(),
        changes: entry.changes.to_owned(),
        memory_mb: section.memory_mb,
        timeout_secs: section.timeout_secs,
        runs_alone: events.is_none()
            && matches!(section.overlap, Overlap::Skip | Overlap::QueueOne),
        when: when(&schedule),
        window_minutes: section.spread_minutes,
        grace_secs,
        event_age_secs: match is_invoked_with_events {
            true => LONGEST_EVENT_AGE_SECS,
            false => grace_secs.min(LONGEST_EVENT_AGE_SECS),
        },
        retries: match (is_invoked_with_events, section.mode) {
            // Nothing else brings a mail again.
            (true, _) => MAX_RETRIES,
            // As the daemon does: nothing is begun twice that may have changed something. Messages of a queue come
            // again by themselves. What is throttled is not tried yet, and waits for `event_age_secs` all the same.
            (false, Mode::Apply) => 0,
            // A bootstrap ends as an error only after what may pass.
            (false, Mode::Plan) => section.retries.min(MAX_RETRIES),
        },
        statements: own_statements(entry, section, config),
        silence_secs: silence(&schedule, lateness),
        sha256: None,
        events,
    })
}

/// The IAM statements of the Lambda's role. A function that works under another role needs only to assume that one.
fn own_statements(entry: &Entry, section: &Common, config: &Config) -> Vec<Value> {
    let place = Place {
        account: Some("${AWS::AccountId}".to_owned()),
        region: None,
    };
    let own = match &section.role {
        Some(role) => vec![Statement::allow(
            "ReadOwnRole",
            &["sts:AssumeRole"],
            [role.clone()],
        )],
        None => statements(entry, config, &place),
    };
    own.into_iter()
        .map(|mut statement| {
            for resource in &mut statement.resource {
                if let Some(rest) = resource.strip_prefix("arn:aws:") {
                    *resource = format!("arn:${{AWS::Partition}}:{rest}");
                }
            }
            json!(statement)
        })
        .collect()
}

/// What EventBridge Scheduler is told.
///
/// A `rate()` counts from a start that the daemon and the Lambdas must share, or they would not claim the same slots. But
/// Scheduler takes no StartDate that is more than five minutes over ("The StartDate you specify cannot be earlier than 5
/// minutes ago", <https://github.com/getmoto/moto/pull/8172>). So a rate whose ticks a `cron()` in UTC can name becomes that
/// `cron()`, which has the very same ticks; only the others keep the rate and get a StartDate.
fn when(schedule: &Schedule) -> When {
    let as_written = When {
        expression: schedule.expression().to_owned(),
        zone: schedule.zone().name().to_owned(),
        start: None,
    };
    let Some(start) = schedule.start() else {
        return as_written;
    };
    match rate_as_cron(schedule, start) {
        Some(expression) => When {
            expression,
            zone: "UTC".to_owned(),
            start: None,
        },
        None => When {
            start: Some(start.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
            ..as_written
        },
    }
}

/// The `cron()` with the ticks of this rate, for periods that divide an hour or a day.
fn rate_as_cron(schedule: &Schedule, start: DateTime<Utc>) -> Option<String> {
    let minutes = schedule.period_hint(start)?.num_minutes();
    let is_midnight = start.num_seconds_from_midnight() == 0;
    match minutes {
        _ if !is_midnight => None,
        1 => Some("cron(* * * * ? *)".to_owned()),
        2..60 if 60 % minutes == 0 => Some(format!("cron(0/{minutes} * * * ? *)")),
        60 => Some("cron(0 * * * ? *)".to_owned()),
        61..1440 if minutes % 60 == 0 && 24 % (minutes / 60) == 0 => {
            Some(format!("cron(0 0/{} * * ? *)", minutes / 60))
        }
        1440 => Some("cron(0 0 * * ? *)".to_owned()),
        _ => None,
    }
}

/// Twice the longest pause of the schedule, and the time the second run may still take. Nothing for a schedule that does
/// not repeat, or whose two periods are longer than an alarm can look back.
fn silence(schedule: &Schedule, lateness_secs: u32) -> Option<u32> {
    let (from, until) = sample_year();
    let mut longest = TimeDelta::zero();
    let mut last: Option<DateTime<Utc>> = None;
    for run in schedule.between(from, until) {
        if let Some(last) = last {
            longest = longest.max(run - last);
        }
        last = Some(run);
    }
    if longest.is_zero() {
        return None;
    }
    let secs = longest.num_seconds() * 2 + i64::from(lateness_secs);
    // The alarm counts in whole periods.
    let is_in_reach = secs + 3600 <= MAX_SILENCE_SECS;
    u32::try_from(secs).ok().filter(|_| is_in_reach)
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use lamplighter_config::Sources;

    use super::*;

    fn schedule(text: &str) -> Schedule {
        Schedule::parse(text, Tz::UTC).expect("a schedule")
    }

    #[test]
    fn a_rate_becomes_the_cron_with_the_same_ticks() {
        let (from, until) = sample_year();
        for (rate, cron) in [
            ("rate(1 minute)", "cron(* * * * ? *)"),
            ("rate(5 minutes)", "cron(0/5 * * * ? *)"),
            ("rate(30 minutes)", "cron(0/30 * * * ? *)"),
            ("rate(60 minutes)", "cron(0 * * * ? *)"),
            ("rate(1 hour)", "cron(0 * * * ? *)"),
            ("rate(6 hours)", "cron(0 0/6 * * ? *)"),
            ("rate(1 day)", "cron(0 0 * * ? *)"),
        ] {
            let when = when(&Schedule::parse(rate, Tz::Europe__Berlin).expect("a rate"));
            assert_eq!(
                (when.expression.as_str(), when.zone.as_str()),
                (cron, "UTC")
            );
            assert_eq!(when.start, None);
            let same = schedule(cron);
            // A week of the densest ones is enough.
            let until = match rate.contains("minute") {
                true => from + TimeDelta::days(7),
                false => until,
            };
            assert!(
                schedule(rate)
                    .between(from, until)
                    .eq(same.between(from, until)),
                "{rate} and {cron} differ"
            );
        }
    }

    #[test]
    fn a_rate_that_no_cron_can_say_keeps_its_start() {
        for rate in [
            "rate(7 minutes)",
            "rate(7 hours)",
            "rate(90 minutes)",
            "rate(2 days)",
        ] {
            let when = when(&schedule(rate));
            assert_eq!(when.expression, rate);
            assert_eq!(when.start.as_deref(), Some("2026-01-01T00:00:00Z"));
        }
    }

    #[test]
    fn other_schedules_are_told_as_written_in_their_zone() {
        let weekly = Schedule::parse("0 6 * * 1", Tz::Europe__Berlin).expect("a crontab line");
        assert_eq!(
            when(&weekly),
            When {
                expression: "cron(0 6 ? * MON *)".to_owned(),
                zone: "Europe/Berlin".to_owned(),
                start: None
            }
        );
    }

    #[test]
    fn lambda_tries_a_run_again_only_where_it_can_have_changed_nothing_and_a_mail_always() {
        let retries = |function: &str, text: &str| {
            let sources = Sources {
                file: Some(("lamplighter.toml", text)),
                ..Sources::default()
            };
            let config = Config::load(&sources).expect("the configuration is sound");
            let stack = stack(&config, true).expect("a stack");
            let found = stack.functions.iter().find(|one| one.name == function);
            found.expect("it is deployed").retries
        };
        let unwarned = "grace_hours = 0";
        for (mode, asked, expected) in [
            ("plan", 0, 0),
            ("plan", 1, 1),
            ("plan", 185, 2),
            ("apply", 0, 0),
            ("apply", 2, 0),
        ] {
            let text =
                format!("[stop-untagged]\nmode = \"{mode}\"\nretries = {asked}\n{unwarned}\n");
            assert_eq!(retries("stop-untagged", &text), expected, "{text}");
        }
        let queued = "[state]\nurl = \"s3://state\"\n[resize-images]\nretries = 2\nsources = [\"s3://photos/in/\"]\n";
        assert_eq!(retries("resize-images", queued), 0);
        let mail =
            "[archive-mail]\narchive_bucket = \"archive\"\nsources = [\"s3://incoming/a/\"]\n";
        assert_eq!(retries("archive-mail", mail), 2);
    }

    #[test]
    fn silence_is_two_of_the_longest_pauses_and_the_time_of_a_run() {
        assert_eq!(
            silence(&schedule("rate(1 hour)"), 900),
            Some(2 * 3600 + 900)
        );
        // From Friday to Monday.
        assert_eq!(
            silence(&schedule("cron(0 6 ? * MON-FRI *)"), 0),
            Some(2 * 3 * 86_400)
        );
        // Two weeks are longer than an alarm can look back; one run repeats nothing.
        assert_eq!(silence(&schedule("cron(0 6 ? * MON *)"), 0), None);
        assert_eq!(silence(&schedule("at(2026-12-01T06:00:00)"), 0), None);
    }
}
