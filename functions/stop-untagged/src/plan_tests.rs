//! The plans: one case, one sentence, one expected text.

use std::sync::Arc;

use chrono::Weekday;
use chrono_tz::Tz;
use expect_test::{Expect, expect};
use lamplighter_config::{Config, Sources};
use lamplighter_core::Action as _;
use lamplighter_shell::Connect;
use regex_lite::Regex;

use super::*;
use crate::StopUntagged;
use crate::instance::{Place, Tags};
use crate::rules::WorkHours;

const NOW: &str = "2026-11-22T12:00:00Z";

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text)
        .expect("a time")
        .with_timezone(&Utc)
}

/// The shipped defaults.
fn rules() -> Rules {
    let config = Config::load(&Sources::default()).expect("the defaults are sound");
    let mut rules = StopUntagged::rules(&config).expect("the defaults make rules");
    rules.to = vec!["ops@example.com".to_owned()];
    rules
}

/// A running instance that has existed for a year, without tags.
fn instance(id: &str) -> Instance {
    Instance {
        id: id.to_owned(),
        place: Arc::new(Place {
            account: "111122223333".to_owned(),
            partition: "aws".to_owned(),
            region: "eu-west-1".to_owned(),
        }),
        state: State::Running,
        tags: Tags::default(),
        exists_since: Some(time("2025-11-22T12:00:00Z")),
        has_instance_store_root: false,
        spot: None,
        spot_request: None,
        managed_by: None,
    }
}

impl Instance {
    fn tagged(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    fn marked(self, deadline: &str) -> Self {
        self.tagged(MARK, deadline)
    }

    fn complete(self) -> Self {
        self.tagged("cost_center", "4711")
    }
}

/// The only caller of `plan`: judges `instances` by `rules` at noon, and compares actions, skips and findings.
fn check_with(rules: &Rules, instances: impl IntoIterator<Item = Instance>, expected: Expect) {
    check_at(NOW, rules, instances, expected);
}

fn check(instances: impl IntoIterator<Item = Instance>, expected: Expect) {
    check_with(&rules(), instances, expected);
}

fn check_at(
    now: &str,
    rules: &Rules,
    instances: impl IntoIterator<Item = Instance>,
    expected: Expect,
) {
    let inventory = Inventory {
        instances: instances.into_iter().collect(),
        accounts: vec!["111122223333".to_owned()],
        notes: vec![],
    };
    let plan = plan(&inventory, rules, time(now));
    let mut text = String::new();
    for action in &plan.actions {
        let to = match action {
            Action::WarnAndMark { recipients, .. } => format!(" to {}", recipients.join(", ")),
            _ => String::new(),
        };
        text.push_str(&format!(
            "{} {}{to}: {}\n",
            action.name(),
            action.target().id,
            action.reason()
        ));
    }
    for skip in &plan.skipped {
        text.push_str(&format!("skip {}: {}\n", skip.resource.name(), skip.reason));
    }
    for finding in &plan.findings {
        text.push_str(&format!(
            "{} {}\n",
            finding.verdict.as_str(),
            finding.message
        ));
    }
    for population in &plan.populations {
        text.push_str(&format!(
            "{} of {} offend\n",
            population.offending, population.read
        ));
    }
    expected.assert_eq(&text);
}

#[test]
fn an_empty_account_needs_nothing() {
    check(
        [],
        expect![[r#"
        0 of 0 offend
    "#]],
    );
}

#[test]
fn an_instance_with_its_tags_is_left_in_peace() {
    check(
        [instance("i-1").complete()],
        expect![[r#"
        pass Instance `i-1` carries the required tags.
        0 of 1 offend
    "#]],
    );
}

#[test]
fn an_instance_first_seen_without_tags_is_warned_and_not_stopped() {
    check(
        [instance("i-1").tagged("Name", "web")],
        expect![[r#"
        warn-and-mark i-1 to ops@example.com: lacks `cost_center`; may stay 24 h, until 2026-11-23 12:00 UTC, then it is stopped
        fail Instance `i-1` (web) lacks the required tag `cost_center`.
        1 of 1 offend
    "#]],
    );
}

#[test]
fn a_blank_value_is_no_value() {
    check(
        [instance("i-1").tagged("cost_center", " \t ")],
        expect![[r#"
            warn-and-mark i-1 to ops@example.com: lacks `cost_center`; may stay 24 h, until 2026-11-23 12:00 UTC, then it is stopped
            fail Instance `i-1` lacks the required tag `cost_center`.
            1 of 1 offend
        "#]],
    );
}

#[test]
fn a_warned_instance_stays_until_its_deadline() {
    check(
        [instance("i-1").marked("2026-11-22T12:00:01Z")],
        expect![[r#"
            skip i-1: warned, may stay until 2026-11-22 12:00 UTC
            fail Instance `i-1` lacks the required tag `cost_center`.
            1 of 1 offend
        "#]],
    );
}

#[test]
fn at_the_very_second_of_its_deadline_it_is_stopped() {
    check(
        [instance("i-1").marked("2026-11-22T12:00:00Z")],
        expect![[r#"
            stop-instance i-1: lacks `cost_center`; warned, and the time was up at 2026-11-22 12:00 UTC
            fail Instance `i-1` lacks the required tag `cost_center`.
            1 of 1 offend
        "#]],
    );
}

#[test]
fn a_missed_run_catches_up_however_late() {
    check(
        [instance("i-1").marked("2026-01-01T00:00:00Z")],
        expect![[r#"
            stop-instance i-1: lacks `cost_center`; warned, and the time was up at 2026-01-01 00:00 UTC
            fail Instance `i-1` lacks the required tag `cost_center`.
            1 of 1 offend
        "#]],
    );
}

#[test]
fn a_mended_instance_loses_its_mark_even_when_it_is_stopped() {
    let mut stopped = instance("i-2").complete().marked("2026-11-22T00:00:00Z");
    stopped.state = State::Stopped;
    check(
        [
            instance("i-1").complete().marked("2026-11-23T00:00:00Z"),
            stopped,
        ],
        expect![[r#"
            unmark i-1: carries the required tags again
            unmark i-2: carries the required tags again
            pass Instance `i-1` carries the required tags again.
            pass Instance `i-2` carries the required tags again.
            0 of 1 offend
        "#]],
    );
}

#[test]
fn a_mark_that_is_no_deadline_of_ours_protects_and_is_reported() {
    check(
        [
            instance("i-1").marked("never"),
            instance("i-2").marked("2026-11-20 00:00:00"),
            instance("i-3").marked("2026-11-20T00:00:00+01:00"),
            instance("i-4").marked(""),
            instance("i-5").marked("2099-01-01T00:00:00Z"),
            instance("i-6").marked("2020-01-01T00:00:00Z"),
        ],
        expect![[r#"
            skip i-1: protected: its mark `lamplighter:stop-after` holds `never`, which is not a deadline as Lamplighter writes it
            skip i-2: protected: its mark `lamplighter:stop-after` holds `2026-11-20 00:00:00`, which is not a deadline as Lamplighter writes it
            skip i-3: protected: its mark `lamplighter:stop-after` holds `2026-11-20T00:00:00+01:00`, which is not a deadline as Lamplighter writes it
            skip i-4: protected: its mark `lamplighter:stop-after` holds ``, which is not a deadline as Lamplighter writes it
            skip i-5: protected: its mark `lamplighter:stop-after` holds `2099-01-01T00:00:00Z`, later than the grace period of 24 h allows
            skip i-6: protected: its mark `lamplighter:stop-after` holds `2020-01-01T00:00:00Z`, too early for a warning since the instance exists, so it was copied or written by hand
            fail Instance `i-1` lacks the required tag `cost_center`.
            fail Instance `i-2` lacks the required tag `cost_center`.
            fail Instance `i-3` lacks the required tag `cost_center`.
            fail Instance `i-4` lacks the required tag `cost_center`.
            fail Instance `i-5` lacks the required tag `cost_center`.
            fail Instance `i-6` lacks the required tag `cost_center`.
            6 of 6 offend
        "#]],
    );
}

#[test]
fn without_grace_it_is_stopped_at_once_and_a_stranger_s_mark_still_protects() {
    let rules = Rules {
        grace_hours: 0,
        ..rules()
    };
    check_with(
        &rules,
        [instance("i-1"), instance("i-2").marked("never")],
        expect![[r#"
            stop-instance i-1: lacks `cost_center`; no grace period is configured
            skip i-2: protected: its mark `lamplighter:stop-after` holds `never`, which is not a deadline as Lamplighter writes it
            fail Instance `i-1` lacks the required tag `cost_center`.
            fail Instance `i-2` lacks the required tag `cost_center`.
            2 of 2 offend
        "#]],
    );
}

#[test]
fn exempt_tags_hold_for_ever_until_a_day_or_until_a_time() {
    let keep = |id: &str, value: &str| instance(id).tagged("lamplighter:keep-until", value);
    check(
        [
            keep("i-1", ""),
            keep("i-2", "TRUE"),
            keep("i-3", "2026-11-22"),
            keep("i-4", "2026-11-21"),
            keep("i-5", "2026-11-22T12:00:01Z"),
            keep("i-6", "2026-11-22T12:00:00Z"),
            keep("i-7", "next week"),
            keep("i-8", "22-11-2026"),
            keep("i-9", "").marked("2026-11-22T00:00:00Z"),
        ],
        expect![[r#"
            warn-and-mark i-4 to ops@example.com: lacks `cost_center`; may stay 24 h, until 2026-11-23 12:00 UTC, then it is stopped
            warn-and-mark i-6 to ops@example.com: lacks `cost_center`; may stay 24 h, until 2026-11-23 12:00 UTC, then it is stopped
            unmark i-9: is exempt by its tag `lamplighter:keep-until`
            skip i-7: protected: its tag `lamplighter:keep-until` holds `next week`, which is neither empty, `true`, a date nor a time
            skip i-8: protected: its tag `lamplighter:keep-until` holds `22-11-2026`, which is neither empty, `true`, a date nor a time
            not_applicable Instance `i-1` is exempt by its tag `lamplighter:keep-until`.
            not_applicable Instance `i-2` is exempt by its tag `lamplighter:keep-until`.
            not_applicable Instance `i-3` is exempt by its tag `lamplighter:keep-until` until 2026-11-23 00:00 UTC.
            fail Instance `i-4` lacks the required tag `cost_center`.
            not_applicable Instance `i-5` is exempt by its tag `lamplighter:keep-until` until 2026-11-22 12:00 UTC.
            fail Instance `i-6` lacks the required tag `cost_center`.
            fail Instance `i-7` lacks the required tag `cost_center`.
            fail Instance `i-8` lacks the required tag `cost_center`.
            not_applicable Instance `i-9` is exempt by its tag `lamplighter:keep-until`.
            4 of 9 offend
        "#]],
    );
}

#[test]
fn what_cannot_or_must_not_be_stopped_is_left_alone_with_its_reason() {
    let mut pending = instance("i-pending");
    pending.state = State::Pending;
    let mut stopped = instance("i-stopped");
    stopped.state = State::Stopped;
    let mut gone = instance("i-gone");
    gone.state = State::Gone;
    let mut store = instance("i-store");
    store.has_instance_store_root = true;
    let mut managed = instance("i-managed");
    managed.managed_by = Some("eks.amazonaws.com".to_owned());
    let spot = |id: &str, kind| Instance {
        spot: Some(kind),
        ..instance(id)
    };
    let young = |id: &str, since| Instance {
        exists_since: Some(time(since)),
        ..instance(id)
    };
    let mut unknown_age = instance("i-ageless");
    unknown_age.exists_since = None;
    check(
        [
            pending,
            stopped,
            gone,
            store,
            managed,
            spot("i-once", Spot::OneTime),
            spot("i-again", Spot::Persistent),
            spot("i-unknown", Spot::Unknown),
            young("i-young", "2026-11-22T11:00:01Z"),
            young("i-old-enough", "2026-11-22T11:00:00Z"),
            unknown_age,
        ],
        expect![[r#"
            warn-and-mark i-again to ops@example.com: lacks `cost_center`; may stay 24 h, until 2026-11-23 12:00 UTC, then it is stopped
            warn-and-mark i-old-enough to ops@example.com: lacks `cost_center`; may stay 24 h, until 2026-11-23 12:00 UTC, then it is stopped
            skip i-pending: still starting
            skip i-stopped: not running
            skip i-store: its root device is an instance store, which EC2 cannot stop
            skip i-managed: managed by `eks.amazonaws.com`
            skip i-once: one-time spot instance, which EC2 can only terminate
            skip i-unknown: the kind of its spot request could not be read
            skip i-young: younger than 1 h, judged from 2026-11-22 12:00 UTC on
            skip i-ageless: EC2 does not say since when it exists
            not_applicable Instance `i-pending` is not judged: still starting.
            not_applicable Instance `i-stopped` is not judged: not running.
            not_applicable Instance `i-gone` is terminated.
            fail Instance `i-store` lacks the required tag `cost_center`.
            fail Instance `i-managed` lacks the required tag `cost_center`.
            fail Instance `i-once` lacks the required tag `cost_center`.
            fail Instance `i-again` lacks the required tag `cost_center`.
            fail Instance `i-unknown` lacks the required tag `cost_center`.
            not_applicable Instance `i-young` is not judged: younger than 1 h, judged from 2026-11-22 12:00 UTC on.
            fail Instance `i-old-enough` lacks the required tag `cost_center`.
            fail Instance `i-ageless` lacks the required tag `cost_center`.
            8 of 8 offend
        "#]],
    );
}

#[test]
fn terminating_turns_the_spot_kinds_around_and_reaches_instance_stores() {
    let rules = Rules {
        ending: Ending::Terminate,
        grace_hours: 0,
        ..rules()
    };
    let spot = |id: &str, kind| Instance {
        spot: Some(kind),
        ..instance(id)
    };
    let mut store = instance("i-store");
    store.has_instance_store_root = true;
    check_with(
        &rules,
        [
            spot("i-once", Spot::OneTime),
            spot("i-again", Spot::Persistent),
            store,
        ],
        expect![[r#"
            terminate-instance i-once: lacks `cost_center`; no grace period is configured
            terminate-instance i-store: lacks `cost_center`; no grace period is configured
            skip i-again: its persistent spot request would start another one
            fail Instance `i-once` lacks the required tag `cost_center`.
            fail Instance `i-again` lacks the required tag `cost_center`.
            fail Instance `i-store` lacks the required tag `cost_center`.
            3 of 3 offend
        "#]],
    );
}

#[test]
fn the_auto_scaling_group_is_the_offender_not_its_members() {
    let member = |id: &str| instance(id).tagged(AUTO_SCALING_GROUP, "web");
    check(
        [
            member("i-1"),
            member("i-2").tagged("cost_center", "4711"),
            member("i-3"),
        ],
        expect![[r#"
            skip i-1: member of Auto Scaling group `web`
            skip i-3: member of Auto Scaling group `web`
            not_applicable Instance `i-1` is a member of Auto Scaling group `web`, which is reported instead.
            pass Instance `i-2` carries the required tags.
            not_applicable Instance `i-3` is a member of Auto Scaling group `web`, which is reported instead.
            fail Auto Scaling group `web` launches instances without `cost_center`: 2 running.
            2 of 3 offend
        "#]],
    );
}

#[test]
fn the_owner_is_warned_where_a_tag_names_one_and_the_contact_otherwise() {
    let rules = Rules {
        owner_domains: vec!["example.com".to_owned()],
        ..rules()
    };
    check_with(
        &rules,
        [
            instance("i-1").tagged("owner", "ann@example.com"),
            instance("i-2").tagged("owner", "platform team"),
            instance("i-3").tagged("owner", "eve@evil-example.com"),
            instance("i-4").tagged("owner", "Boss <ann@example.com>"),
            instance("i-5").tagged("owner", "ann@example.com\r\nBcc: eve@evil.example"),
        ],
        expect![[r#"
            warn-and-mark i-1 to ann@example.com: lacks `cost_center`; may stay 24 h, until 2026-11-23 12:00 UTC, then it is stopped
            warn-and-mark i-2 to ops@example.com: lacks `cost_center`; may stay 24 h, until 2026-11-23 12:00 UTC, then it is stopped
            warn-and-mark i-3 to ops@example.com: lacks `cost_center`; may stay 24 h, until 2026-11-23 12:00 UTC, then it is stopped
            warn-and-mark i-4 to ops@example.com: lacks `cost_center`; may stay 24 h, until 2026-11-23 12:00 UTC, then it is stopped
            warn-and-mark i-5 to ops@example.com: lacks `cost_center`; may stay 24 h, until 2026-11-23 12:00 UTC, then it is stopped
            fail Instance `i-1` lacks the required tag `cost_center`.
            fail Instance `i-2` lacks the required tag `cost_center`.
            fail Instance `i-3` lacks the required tag `cost_center`.
            fail Instance `i-4` lacks the required tag `cost_center`.
            fail Instance `i-5` lacks the required tag `cost_center`.
            5 of 5 offend
        "#]],
    );
}

#[test]
fn a_value_that_is_not_allowed_is_missing() {
    let pattern = Regex::new("^(?:[0-9]{4})$").expect("a pattern");
    let rules = Rules {
        allowed_values: vec![("cost_center".to_owned(), pattern)],
        ..rules()
    };
    check_with(
        &rules,
        [
            instance("i-1").tagged("cost_center", "47110"),
            instance("i-2").tagged("cost_center", "4711"),
        ],
        expect![[r#"
            warn-and-mark i-1 to ops@example.com: lacks `cost_center`; may stay 24 h, until 2026-11-23 12:00 UTC, then it is stopped
            fail Instance `i-1` lacks the required tag `cost_center`.
            pass Instance `i-2` carries the required tags.
            1 of 2 offend
        "#]],
    );
}

#[test]
fn keys_are_compared_without_case_only_on_request() {
    let instances = || [instance("i-1").tagged("Cost_Center ", "4711")];
    check(
        instances(),
        expect![[r#"
        warn-and-mark i-1 to ops@example.com: lacks `cost_center`; may stay 24 h, until 2026-11-23 12:00 UTC, then it is stopped
        fail Instance `i-1` lacks the required tag `cost_center`.
        1 of 1 offend
    "#]],
    );
    check_with(
        &Rules {
            case_sensitive: false,
            ..rules()
        },
        instances(),
        expect![[r#"
            pass Instance `i-1` carries the required tags.
            0 of 1 offend
        "#]],
    );
}

#[test]
fn instances_are_stopped_only_in_the_work_hours_of_their_zone() {
    let zone = |zone: Tz| Rules {
        work_hours: Some(WorkHours {
            hours: lamplighter_config::WorkHours {
                from_minute: 9 * 60,
                until_minute: 17 * 60,
            },
            zone,
            days: vec![Weekday::Mon, Weekday::Fri],
        }),
        ..rules()
    };
    let late = || [instance("i-1").marked("2026-01-02T00:00:00Z")];
    // Monday 23 November 2026: 08:59:59 in Berlin (UTC+1), then 09:00:00.
    check_at(
        "2026-11-23T07:59:59Z",
        &zone(Tz::Europe__Berlin),
        late(),
        expect![[r#"
            skip i-1: its time is up, waits for the work hours
            fail Instance `i-1` lacks the required tag `cost_center`.
            1 of 1 offend
        "#]],
    );
    check_at(
        "2026-11-23T08:00:00Z",
        &zone(Tz::Europe__Berlin),
        late(),
        expect![[r#"
            stop-instance i-1: lacks `cost_center`; warned, and the time was up at 2026-01-02 00:00 UTC
            fail Instance `i-1` lacks the required tag `cost_center`.
            1 of 1 offend
        "#]],
    );
    // Tuesday is no work day.
    check_at(
        "2026-11-24T10:00:00Z",
        &zone(Tz::Europe__Berlin),
        late(),
        expect![[r#"
            skip i-1: its time is up, waits for the work hours
            fail Instance `i-1` lacks the required tag `cost_center`.
            1 of 1 offend
        "#]],
    );
    // Monday 30 March 2026, the day after Berlin's clocks went forward: 09:00 is 07:00 UTC.
    check_at(
        "2026-03-30T07:00:00Z",
        &zone(Tz::Europe__Berlin),
        late(),
        expect![[r#"
            stop-instance i-1: lacks `cost_center`; warned, and the time was up at 2026-01-02 00:00 UTC
            fail Instance `i-1` lacks the required tag `cost_center`.
            1 of 1 offend
        "#]],
    );
    check_at(
        "2026-03-30T06:59:59Z",
        &zone(Tz::Europe__Berlin),
        late(),
        expect![[r#"
            skip i-1: its time is up, waits for the work hours
            fail Instance `i-1` lacks the required tag `cost_center`.
            1 of 1 offend
        "#]],
    );
}

#[test]
fn the_grace_is_counted_in_hours_that_pass_not_in_hours_on_the_wall() {
    // New York's clocks went back at 06:00 UTC on 1 November 2026; 24 hours are 24 hours.
    check_at(
        "2026-11-01T05:30:00Z",
        &rules(),
        [instance("i-1")],
        expect![[r#"
            warn-and-mark i-1 to ops@example.com: lacks `cost_center`; may stay 24 h, until 2026-11-02 05:30 UTC, then it is stopped
            fail Instance `i-1` lacks the required tag `cost_center`.
            1 of 1 offend
        "#]],
    );
}

#[test]
fn a_mark_reads_back_as_it_was_written() {
    for text in ["2026-11-22T12:00:00Z", "2028-02-29T23:59:59Z"] {
        assert_eq!(mark::parse(text).map(mark::text).as_deref(), Some(text));
    }
    for text in [
        "2026-11-22T12:00:00.5Z",
        "2026-11-22t12:00:00z",
        "2026-11-22",
        " 2026-11-22T12:00:00Z",
        "1795348800",
    ] {
        assert_eq!(mark::parse(text), None, "{text}");
    }
}
