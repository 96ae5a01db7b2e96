//! Time: the grace is absolute hours, whatever the clocks on the wall do; work hours follow the wall of their zone.

use chrono::Duration;
use lamplighter_local_aws::Instance;

use super::stage::{ACCOUNT, MARK, REGION, Stage, at, outcome, rows, world};

/// Moments around the clock changes of 2026 in Europe and America, and two quiet ones.
const WARNED_AT: [&str; 9] = [
    // Europe falls back on 2026-10-25 at 01:00 UTC, leaps on 2026-03-29.
    "2026-10-24T22:30:00Z",
    "2026-10-25T00:30:00Z",
    "2026-10-25T01:30:00Z",
    "2026-03-28T12:00:00Z",
    // America falls back on 2026-11-01 at 06:00 UTC (New York), leaps on 2026-03-08.
    "2026-10-31T12:00:00Z",
    "2026-11-01T05:30:00Z",
    "2026-03-08T06:59:59Z",
    // A leap day, and the turn of a year.
    "2028-02-28T12:00:00Z",
    "2026-12-31T23:59:59Z",
];

#[test]
fn the_grace_is_the_same_number_of_hours_over_every_clock_change_in_every_zone() {
    for warned_at in WARNED_AT {
        let warned = at(warned_at);
        let mut world = world();
        world.set_now(warned);
        let world = world.instance(ACCOUNT, REGION, Instance::new("i-1"));
        // The zones of schedule and work hours have no say in it.
        let stage = Stage::of(world)
            .config("zone = \"America/New_York\"\nwork_hours_zone = \"Europe/Berlin\"");
        stage.round().code(0);
        let deadline = warned + Duration::hours(24);
        assert_eq!(
            stage.mark_of("i-1").map(|mark| at(&mark)),
            Some(deadline),
            "{warned_at}"
        );
        stage.aws.set_now(deadline - Duration::seconds(1));
        assert!(
            !stage.foretold().contains("stop-instance"),
            "{warned_at}: a second too early"
        );
        stage.aws.set_now(deadline);
        stage.round().code(0);
        assert_eq!(stage.state("i-1"), "stopping", "{warned_at}");
    }
}

#[test]
fn the_machine_s_own_zone_changes_nothing() {
    for zone in ["America/New_York", "EST5EDT", "Pacific/Kiritimati"] {
        let stage = Stage::with([Instance::new("i-1")]);
        stage
            .program(["run", "stop-untagged"])
            .env("TZ", zone)
            .run()
            .code(0);
        assert_eq!(
            stage.mark_of("i-1").as_deref(),
            Some("2026-11-17T10:00:00Z"),
            "{zone}"
        );
    }
}

/// Whether an instance that was due long ago is stopped at `now`, under these work hours.
fn is_stopped(now: &str, config: &str) -> bool {
    let mut world = world();
    world.set_now(at(now));
    let stage = Stage::of(world.instance(
        ACCOUNT,
        REGION,
        Instance::new("i-1").tag(MARK, "2026-03-01T00:00:00Z"),
    ));
    let stage = stage.config(config);
    stage.edit("i-1", |instance| {
        instance.attached_at = at("2026-01-01T00:00:00Z")
    });
    let run = stage
        .lamplighter(["run", "stop-untagged", "--dry-run", "--format", "json"])
        .code(0)
        .json();
    let stops = outcome(&run, "i-1") == Some("planned");
    let waits = rows(&run, "skipped")
        .iter()
        .any(|row| row["reason"] == "its time is up, waits for the work hours");
    assert_ne!(
        stops, waits,
        "{now}: it is stopped, or it is said that it waits"
    );
    stops
}

#[test]
fn work_hours_follow_the_wall_clock_of_their_zone() {
    let berlin = "work_hours = \"09:00-17:00\"\nwork_hours_zone = \"Europe/Berlin\"";
    let new_york = "work_hours = \"09:00-17:00\"\nwork_hours_zone = \"America/New_York\"";
    let table = [
        // Summer time: 09:00 is 07:00 UTC. From Monday the 26th on it is 08:00 UTC.
        (berlin, "2026-10-23T06:59:59Z", false),
        (berlin, "2026-10-23T07:00:00Z", true),
        (berlin, "2026-10-23T14:59:59Z", true),
        (berlin, "2026-10-23T15:00:00Z", false),
        (berlin, "2026-10-26T07:59:59Z", false),
        (berlin, "2026-10-26T08:00:00Z", true),
        (berlin, "2026-10-26T15:59:59Z", true),
        (berlin, "2026-10-26T16:00:00Z", false),
        (berlin, "2026-03-27T08:00:00Z", true),
        (berlin, "2026-03-30T06:59:59Z", false),
        (berlin, "2026-03-30T07:00:00Z", true),
        // Saturday and Sunday, at noon.
        (berlin, "2026-10-24T10:00:00Z", false),
        (berlin, "2026-10-25T11:00:00Z", false),
        (new_york, "2026-10-30T12:59:59Z", false),
        (new_york, "2026-10-30T13:00:00Z", true),
        (new_york, "2026-11-02T13:59:59Z", false),
        (new_york, "2026-11-02T14:00:00Z", true),
        (new_york, "2026-03-06T13:59:59Z", false),
        (new_york, "2026-03-09T13:00:00Z", true),
        // Friday evening in New York is Saturday in UTC.
        (
            "work_hours = \"09:00-24:00\"\nwork_hours_zone = \"America/New_York\"",
            "2026-11-07T02:00:00Z",
            true,
        ),
        (
            "work_hours = \"00:00-24:00\"\nwork_days = [\"sat\"]",
            "2026-10-24T00:00:00Z",
            true,
        ),
        (
            "work_hours = \"00:00-24:00\"\nwork_days = [\"sat\"]",
            "2026-10-25T00:00:00Z",
            false,
        ),
        // Without work hours, days have no effect.
        ("work_days = [\"sat\"]", "2026-10-26T03:00:00Z", true),
    ];
    for (config, now, expected) in table {
        assert_eq!(is_stopped(now, config), expected, "{now}\n{config}");
    }
}

#[test]
fn outside_of_work_hours_owners_are_still_warned_and_mended_instances_unmarked() {
    let mut world = world();
    world.set_now(at("2026-11-21T03:00:00Z"));
    let stage = Stage::of(
        world
            .instance(ACCOUNT, REGION, Instance::new("i-new"))
            .instance(
                ACCOUNT,
                REGION,
                Instance::new("i-due").tag(MARK, "2026-11-20T00:00:00Z"),
            )
            .instance(
                ACCOUNT,
                REGION,
                Instance::new("i-mended")
                    .tag("cost_center", "1")
                    .tag(MARK, "2026-11-20T00:00:00Z"),
            ),
    )
    .config("work_hours = \"09:00-17:00\"");
    stage.round().code(0);
    assert_eq!(
        stage.mark_of("i-new").as_deref(),
        Some("2026-11-22T03:00:00Z")
    );
    assert_eq!(
        (stage.mark_of("i-mended"), stage.state("i-due")),
        (None, "running")
    );
    stage.aws.set_now(at("2026-11-23T09:00:00Z"));
    stage.round().code(0);
    assert_eq!(
        (stage.state("i-due"), stage.state("i-new")),
        ("stopping", "stopping"),
        "Monday morning"
    );
}
