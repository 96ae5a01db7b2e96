//! `lamplighter schedule`, and what `lamplighter check` says of schedules.

use expect_test::expect;

use super::{lamplighter, with};

#[test]
fn a_schedule_is_explained_in_its_zone_and_in_utc() {
    let said = lamplighter([
        "schedule",
        "cron(0 6 ? * MON *)",
        "--next",
        "2",
        "--from",
        "2026-10-20T00:00:00Z",
        "--zone",
        "Europe/Berlin",
    ]);
    expect![[r#"
        cron(0 6 ? * MON *): cron(0 6 ? * MON *) (Europe/Berlin)
          At 06:00 on Monday (Europe/Berlin).
          Mon 2026-10-26 06:00:00 CET   2026-10-26 05:00:00 UTC
          Mon 2026-11-02 06:00:00 CET   2026-11-02 05:00:00 UTC
          clock change in Europe/Berlin: 2026-10-25 02:00 to 03:00 comes twice: no run is affected
            Mon 2026-10-19 06:00:00 CEST   2026-10-19 04:00:00 UTC
            Mon 2026-10-26 06:00:00 CET   2026-10-26 05:00:00 UTC
          clock change in Europe/Berlin: 2027-03-28 02:00 to 03:00 does not exist: no run is affected
            Mon 2027-03-22 06:00:00 CET   2027-03-22 05:00:00 UTC
            Mon 2027-03-29 06:00:00 CEST   2027-03-29 04:00:00 UTC
    "#]]
    .assert_eq(&said.code(0).stdout);
    let said = with(
        "[stop-untagged]\nschedule = \"rate(2 hours)\"\n",
        [
            "schedule",
            "stop-untagged",
            "--next",
            "1",
            "--from",
            "2026-10-20T00:30:00Z",
        ],
    );
    let said = said.code(0).stdout;
    assert!(
        said.contains("rate(2 hours)") && said.contains("2026-10-20 02:00:00 UTC"),
        "{said}"
    );
    let said = with(
        "[stop-untagged]\nschedule = \"cron(30 2 * * ? *)\"\nzone = \"Europe/Berlin\"\nafter_gap = \"run\"\n\
         spread_minutes = 60\n",
        [
            "schedule",
            "stop-untagged",
            "--next",
            "1",
            "--from",
            "2026-10-20T00:00:00Z",
        ],
    );
    expect![[r#"
        stop-untagged: cron(30 2 * * ? *) (Europe/Berlin)
          At 02:30 every day (Europe/Berlin; a run in a gap of the clock comes right after it).
          Tue 2026-10-20 02:30:00 CEST   2026-10-20 00:30:00 UTC
          the daemon starts it 59 min 7 s later each time: its share of `spread_minutes`
          clock change in Europe/Berlin: 2026-10-25 02:00 to 03:00 comes twice: runs once at 02:30, the first time it comes
            Sun 2026-10-25 02:30:00 CEST   2026-10-25 00:30:00 UTC
            Mon 2026-10-26 02:30:00 CET   2026-10-26 01:30:00 UTC
          clock change in Europe/Berlin: 2027-03-28 02:00 to 03:00 does not exist: runs once at 03:00 for 02:30
            Sat 2027-03-27 02:30:00 CET   2027-03-27 01:30:00 UTC
            Sun 2027-03-28 03:00:00 CEST   2027-03-28 01:00:00 UTC
    "#]]
    .assert_eq(&said.code(0).stdout);
    for args in [
        &["schedule", "cron(0 6 * * MON *)"][..],
        &["schedule", "rate(0 hours)"],
        &["schedule", "nonsense"],
        &["schedule", "--zone", "Mars/Olympus"],
        &["schedule", "--next", "0"],
        &["schedule", "--from", "today"],
    ] {
        let ran = lamplighter(args.iter().copied()).code(2);
        assert!(!ran.stderr.is_empty() && ran.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_schedule_is_shown_over_the_next_changes_of_the_clock() {
    let said = |expression, from| {
        let args = ["schedule", expression, "--next", "1", "--from", from];
        let said = lamplighter(args.into_iter().chain(["--zone", "America/New_York"]));
        said.code(0).stdout
    };
    expect![[r#"
        cron(30 2 * * ? *): cron(30 2 * * ? *) (America/New_York)
          At 02:30 every day (America/New_York).
          Sun 2026-11-22 02:30:00 EST   2026-11-22 07:30:00 UTC
          clock change in America/New_York: 2027-03-14 02:00 to 03:00 does not exist: skipped at 02:30
            Sat 2027-03-13 02:30:00 EST   2027-03-13 07:30:00 UTC
            Mon 2027-03-15 02:30:00 EDT   2027-03-15 06:30:00 UTC
          clock change in America/New_York: 2027-11-07 01:00 to 02:00 comes twice: no run is affected
            Sat 2027-11-06 02:30:00 EDT   2027-11-06 06:30:00 UTC
            Sun 2027-11-07 02:30:00 EST   2027-11-07 07:30:00 UTC
          note: sits in a gap: in America/New_York, 2027-03-14 02:00 to 03:00 does not exist; skipped at 02:30
    "#]]
    .assert_eq(&said("cron(30 2 * * ? *)", "2026-11-22T00:00:00Z"));
    expect![[r#"
        cron(0 * * * ? *): cron(0 * * * ? *) (America/New_York)
          Every hour on the hour (America/New_York).
          Mon 2026-10-19 21:00:00 EDT   2026-10-20 01:00:00 UTC
          clock change in America/New_York: 2026-11-01 01:00 to 02:00 comes twice: runs once at 01:00, the first time it comes
            Sun 2026-11-01 01:00:00 EDT   2026-11-01 05:00:00 UTC
            Sun 2026-11-01 02:00:00 EST   2026-11-01 07:00:00 UTC
          clock change in America/New_York: 2027-03-14 02:00 to 03:00 does not exist: skipped at 02:00
            Sun 2027-03-14 01:00:00 EST   2027-03-14 06:00:00 UTC
            Sun 2027-03-14 03:00:00 EDT   2027-03-14 07:00:00 UTC
          note: pauses when the clock goes back: in America/New_York, 2026-11-01 01:00 to 02:00 comes twice and the second time has no runs; the zone UTC has no such pause
    "#]]
    .assert_eq(&said("cron(0 * * * ? *)", "2026-10-20T00:00:00Z"));
    let json = lamplighter([
        "schedule",
        "cron(30 1 * * ? *)",
        "--next",
        "1",
        "--from",
        "2026-10-31T00:00:00Z",
        "--zone",
        "America/New_York",
        "--format",
        "json",
    ]);
    expect![[r#"
        [
          {
            "after_gap": "skip",
            "clock_changes": [
              {
                "after": {
                  "local": "2026-11-02T01:30:00-05:00",
                  "slot": "2026-11-02T06:30:00Z",
                  "starts_at": "2026-11-02T06:30:00Z"
                },
                "at": "2026-11-01T06:00:00Z",
                "before": {
                  "local": "2026-11-01T01:30:00-04:00",
                  "slot": "2026-11-01T05:30:00Z",
                  "starts_at": "2026-11-01T05:30:00Z"
                },
                "effect": "runs once at 01:30, the first time it comes",
                "kind": "overlap",
                "local": "2026-11-01 01:00 to 02:00"
              },
              {
                "after": {
                  "local": "2027-03-15T01:30:00-04:00",
                  "slot": "2027-03-15T05:30:00Z",
                  "starts_at": "2027-03-15T05:30:00Z"
                },
                "at": "2027-03-14T07:00:00Z",
                "before": {
                  "local": "2027-03-14T01:30:00-05:00",
                  "slot": "2027-03-14T06:30:00Z",
                  "starts_at": "2027-03-14T06:30:00Z"
                },
                "effect": null,
                "kind": "gap",
                "local": "2027-03-14 02:00 to 03:00"
              }
            ],
            "description": "At 01:30 every day (America/New_York).",
            "name": "cron(30 1 * * ? *)",
            "next": [
              {
                "local": "2026-10-31T01:30:00-04:00",
                "slot": "2026-10-31T05:30:00Z",
                "starts_at": "2026-10-31T05:30:00Z"
              }
            ],
            "schedule": "cron(30 1 * * ? *)",
            "spread_secs": 0,
            "warnings": [],
            "zone": "America/New_York"
          }
        ]
    "#]]
    .assert_eq(&json.code(0).stdout);
}

#[test]
fn a_check_warns_of_more_schedules_in_one_minute_than_may_run() {
    let sections: String = [
        "stop-untagged",
        "audit-mfa",
        "audit-access-keys",
        "audit-security-groups",
    ]
    .map(|name| format!("[{name}]\nschedule = \"cron(0 6 * * ? *)\"\n"))
    .concat();
    let warnings = |more: &str| {
        let ran = with(&format!("{sections}{more}"), ["check"]).code(0);
        ran.stderr
    };
    assert_eq!(warnings(""), "");
    let crowded = warnings("[daemon]\nmax_runs = 3\n");
    assert!(
        crowded
            .starts_with("warning: 4 schedules start in the same minute 7 times within seven days")
            && crowded.contains("`spread_minutes`"),
        "{crowded}"
    );
    let spread = sections.replace("]\n", "]\nspread_minutes = 60\n");
    let ran = with(&format!("{spread}[daemon]\nmax_runs = 3\n"), ["check"]).code(0);
    assert_eq!(ran.stderr, "", "spread keeps them apart");
    let all: String = lamplighter(["list", "--format", "json"])
        .code(0)
        .json()
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| format!("[{}]\n", row["function"].as_str().expect("a name")))
        .collect();
    let ran = with(&all, ["check"]);
    assert!(!ran.stderr.contains("same minute"), "{}", ran.stderr);
    // And would, if it ran fewer at once than all of the defaults ask for.
    let few = format!("{all}[daemon]\nmax_runs = 4\n");
    let ran = with(&few, ["check"]);
    assert!(ran.stderr.contains("same minute"), "{}", ran.stderr);
}
