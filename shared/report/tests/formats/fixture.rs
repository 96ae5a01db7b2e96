//! Runs to render: one that has everything, hostile tags included, and one that has nothing.

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_core::{
    Account, ActionOutcome, ActionRow, Coverage, Delivery, DeliveryOutcome, ErrorRow, Finding,
    Mode, Resource, Run, RunOutcome, SCHEMA, Severity, Skipped, Summary, Trigger, Verdict,
};

pub(crate) const PROD: &str = "123456789012";
pub(crate) const STAGING: &str = "210987654321";

pub(crate) fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a test's time is RFC 3339")
}

fn instance(account: &str, region: &str, id: &str) -> Resource {
    Resource {
        arn: format!("arn:aws:ec2:{region}:{account}:instance/{id}"),
        account: account.to_owned(),
        region: Some(region.to_owned()),
    }
}

/// A run in which nothing has happened yet.
pub(crate) fn run(function: &'static str, mode: Mode) -> Run {
    let started_at = time("2026-11-22T06:00:00Z");
    Run {
        schema: SCHEMA.into(),
        run_id: "01KAN2W6Q8ZJ5V1X9C4T7M3B0D".to_owned(),
        function: function.into(),
        mode,
        trigger: Trigger::Schedule,
        slot: Some(started_at),
        started_at,
        finished_at: started_at + TimeDelta::milliseconds(2_400),
        account: Account {
            id: PROD.to_owned(),
            alias: Some("acme-prod".to_owned()),
        },
        outcome: RunOutcome::Ok,
        would_refuse: None,
        summary: Summary::default(),
        coverage: vec![],
        findings: vec![],
        actions: vec![],
        skipped: vec![],
        errors: vec![],
        notes: vec![],
        measures: vec![],
        deliveries: vec![],
        metadata: serde_json::Map::new(),
        records: vec![],
        exceptions: vec![],
        delta: None,
        part: None,
        tally: Default::default(),
        digested_on: None,
    }
}

/// A run that found everything in order.
pub(crate) fn quiet() -> Run {
    let mut run = run("stop-untagged", Mode::Plan);
    run.coverage = vec![
        Coverage::read(format!("{PROD}/eu-west-1"), 300),
        Coverage::read(format!("{PROD}/us-east-1"), 112),
    ];
    run.summary = Summary {
        inspected: 412,
        pass: 398,
        not_applicable: 14,
        ..Summary::default()
    };
    run
}

/// A run in apply mode with something of every kind in it, over two accounts and three regions.
pub(crate) fn eventful() -> Run {
    let mut run = run("stop-untagged", Mode::Apply);
    run.outcome = RunOutcome::Partial;
    run.coverage = vec![
        Coverage::read(format!("{PROD}/eu-west-1"), 301),
        Coverage::read(format!("{PROD}/us-east-1"), 96),
        Coverage::unreadable(
            format!("{PROD}/me-south-1"),
            "not allowed to call `ec2:DescribeInstances`",
        ),
        Coverage::read(format!("{STAGING}/eu-west-1"), 15),
    ];
    run.findings = findings();
    run.actions = actions();
    run.skipped = skipped();
    run.errors = vec![
        ErrorRow {
            scope: format!("{PROD}/me-south-1"),
            message: "not allowed to call `ec2:DescribeInstances`".to_owned(),
        },
        ErrorRow {
            scope: format!("{PROD}/us-east-1"),
            message: "cannot read the alarms of 1 instance: the answer of `cloudwatch:DescribeAlarms` was cut off"
                .to_owned(),
        },
    ];
    run.notes = vec![
        "no state is configured, so nothing is compared with the last run and `max_untagged_jump_percent` is not checked"
            .to_owned(),
    ];
    run.deliveries = vec![
        Delivery {
            destination: "mail".to_owned(),
            outcome: DeliveryOutcome::Delivered,
            reason: None,
        },
        Delivery {
            destination: "webhook".to_owned(),
            outcome: DeliveryOutcome::Suppressed,
            reason: Some("nothing has changed since the last run".to_owned()),
        },
    ];
    run.summary = Summary {
        inspected: 412,
        pass: 371,
        fail: 7,
        not_applicable: 2,
        unknown: 1,
        planned: 1,
        done: 2,
        failed: 1,
        skipped: run.skipped.len(),
    };
    run
}

fn findings() -> Vec<Finding> {
    let rule = "missing-required-tags";
    let fail = |severity, resource: &Resource, message: &str| {
        Finding::new(rule, severity, Verdict::Fail, resource, message)
    };
    let first = instance(PROD, "eu-west-1", "i-0a1b2c3d4e5f60001");
    let second = instance(PROD, "us-east-1", "i-0a1b2c3d4e5f60003");
    let third = instance(STAGING, "eu-west-1", "i-0a1b2c3d4e5f60007");
    vec![
        fail(
            Severity::Critical,
            &first,
            "Instance `payments-api` lacks the required tags `cost_center` and `owner`; it is open to the internet and was warned on 2026-11-21 06:00:00 UTC.",
        )
        .evidence("missing", vec!["cost_center", "owner"]),
        fail(
            Severity::High,
            &instance(PROD, "eu-west-1", "i-0a1b2c3d4e5f60002"),
            "Instance `batch-7` lacks the required tag `cost_center`.",
        ),
        fail(Severity::High, &second, "Instance `<script>alert(1)</script>` lacks the required tag `owner`."),
        fail(
            Severity::High,
            &third,
            "Instance `\u{1b}[31mred\u{1b}[0m` has `cost_center` = `=cmd|' /C calc'!A0`, which `^cc-[0-9]{4}$` does not allow.",
        )
        .evidence("cost_center", "=cmd|' /C calc'!A0"),
        fail(
            Severity::Medium,
            &instance(STAGING, "eu-west-1", "i-0a1b2c3d4e5f60008"),
            "Instance `a|b [click](https://evil.example) @everyone` lacks the required tag `owner`.",
        ),
        fail(
            Severity::Low,
            &instance(STAGING, "eu-west-1", "i-0a1b2c3d4e5f60009"),
            "Instance `invoice\u{202e}fdp.exe` lacks the required tag `owner`\nOK: everything is fine.",
        ),
        fail(
            Severity::Info,
            &instance(PROD, "us-east-1", "i-0a1b2c3d4e5f60004"),
            "Instance `東京-ログ` lacks the optional tag `team`.",
        ),
        Finding::new(
            rule,
            Severity::Medium,
            Verdict::Unknown,
            &instance(PROD, "us-east-1", "i-0a1b2c3d4e5f60005"),
            "The tags of this instance could not be read, so it is not judged.",
        ),
        Finding::new(
            rule,
            Severity::Info,
            Verdict::Pass,
            &instance(PROD, "eu-west-1", "i-0a1b2c3d4e5f60010"),
            "All required tags are present.",
        ),
        Finding::new(
            rule,
            Severity::Info,
            Verdict::NotApplicable,
            &instance(PROD, "eu-west-1", "i-0a1b2c3d4e5f60011"),
            "The instance is terminated.",
        ),
    ]
}

fn action(
    resource: &Resource,
    action: &'static str,
    outcome: ActionOutcome,
    reason: &str,
    undo: Option<&str>,
) -> ActionRow {
    ActionRow {
        resource: resource.arn.clone(),
        account: resource.account.clone(),
        region: resource.region.clone(),
        action: action.into(),
        outcome,
        reason: Some(reason.to_owned()),
        undo: undo.map(str::to_owned),
    }
}

fn actions() -> Vec<ActionRow> {
    let at = |region, id| instance(PROD, region, id);
    vec![
        action(
            &at("eu-west-1", "i-0a1b2c3d4e5f60001"),
            "stop-instance",
            ActionOutcome::Done,
            "lacks `cost_center` and `owner`; warned on 2026-11-21 06:00:00 UTC",
            Some("aws ec2 start-instances --region eu-west-1 --instance-ids i-0a1b2c3d4e5f60001"),
        ),
        action(
            &at("eu-west-1", "i-0a1b2c3d4e5f60002"),
            "warn-and-mark",
            ActionOutcome::Done,
            "lacks `cost_center`; may stay until 2026-11-23 06:00:00 UTC",
            Some(
                "aws ec2 delete-tags --region eu-west-1 --resources i-0a1b2c3d4e5f60002 --tags Key=lamplighter:stop-after",
            ),
        ),
        action(
            &at("us-east-1", "i-0a1b2c3d4e5f60003"),
            "stop-instance",
            ActionOutcome::Failed,
            "`IncorrectInstanceState`: the instance is not in a state from which it can be stopped",
            None,
        ),
        action(
            &instance(STAGING, "eu-west-1", "i-0a1b2c3d4e5f60007"),
            "stop-instance",
            ActionOutcome::Planned,
            "the value of `cost_center` is not allowed; warned on 2026-11-21 06:00:00 UTC",
            Some("aws ec2 start-instances --region eu-west-1 --instance-ids i-0a1b2c3d4e5f60007"),
        ),
        action(
            &instance(STAGING, "eu-west-1", "i-0a1b2c3d4e5f60008"),
            "stop-instance",
            ActionOutcome::Vetoed,
            "protected from stopping (`disableApiStop`)",
            None,
        ),
        action(
            &at("us-east-1", "i-0a1b2c3d4e5f60004"),
            "unmark",
            ActionOutcome::Vanished,
            "the resource is gone",
            None,
        ),
    ]
}

fn skipped() -> Vec<Skipped> {
    let skip = |resource: Resource, reason: &str| Skipped {
        resource: resource.arn,
        account: resource.account,
        region: resource.region,
        reason: reason.to_owned(),
    };
    let mut skipped = vec![
        skip(
            instance(PROD, "eu-west-1", "i-0a1b2c3d4e5f60020"),
            "tag `lamplighter:keep-until` says `2026-12-24`",
        ),
        skip(
            instance(PROD, "eu-west-1", "i-0a1b2c3d4e5f60021"),
            "warned, may stay until 2026-11-23 00:00:00 UTC",
        ),
        skip(
            instance(STAGING, "eu-west-1", "i-0a1b2c3d4e5f60022"),
            "warned, may stay until 2026-11-23 00:00:00 UTC",
        ),
    ];
    skipped.extend((0..28).map(|number| {
        skip(
            instance(
                PROD,
                "eu-west-1",
                &format!("i-0a1b2c3d4e5f6{:04}", 100 + number),
            ),
            "member of Auto Scaling group `web`, which would only replace it",
        )
    }));
    skipped
}

/// A run that a limit stopped.
pub(crate) fn refused() -> Run {
    let mut run = run("stop-untagged", Mode::Apply);
    let reason = "the plan stops 41 of 52 running instances in account 123456789012 (79%), the limit is 30% (`max_percent`)";
    run.outcome = RunOutcome::Refused;
    run.would_refuse = Some(reason.to_owned());
    run.errors = vec![ErrorRow {
        scope: "limits".to_owned(),
        message: format!("{reason}; nothing was changed"),
    }];
    run.coverage = vec![Coverage::read(format!("{PROD}/eu-west-1"), 52)];
    run.findings = vec![Finding::new(
        "missing-required-tags",
        Severity::Medium,
        Verdict::Fail,
        &instance(PROD, "eu-west-1", "i-0a1b2c3d4e5f60001"),
        "Instance `payments-api` lacks the required tag `owner`.",
    )];
    run.actions = vec![action(
        &instance(PROD, "eu-west-1", "i-0a1b2c3d4e5f60001"),
        "stop-instance",
        ActionOutcome::Planned,
        "lacks `owner`",
        Some("aws ec2 start-instances --region eu-west-1 --instance-ids i-0a1b2c3d4e5f60001"),
    )];
    run.summary = Summary {
        inspected: 52,
        pass: 11,
        fail: 41,
        planned: 41,
        ..Summary::default()
    };
    run
}

/// A run that could not even begin.
pub(crate) fn failed() -> Run {
    let mut run = run("stop-untagged", Mode::Apply);
    run.outcome = RunOutcome::Failed;
    run.errors = vec![ErrorRow {
        scope: "stop-untagged".to_owned(),
        message: "cannot tell the account: the credentials have expired: `ExpiredToken`".to_owned(),
    }];
    run
}

/// Everything a name may hold to break out of a format: markup, the ends of its sections, characters that XML 1.0
/// forbids, placeholders, links, and text that moves or hides.
pub(crate) const HOSTILE: &str = "a\0\u{1}\u{1b}[2J\u{7f}\u{85}\u{202e}\u{fffe}\u{ffff}\r\n\t]]>--><!--&#0;&amp;&x;\"'</testcase><x>{0}%s[b](http://evil.example)\\\u{1f600}";

/// A run with [`HOSTILE`] text wherever others may put some.
pub(crate) fn hostile() -> Run {
    let mut run = run("stop-untagged", Mode::Plan);
    let resource = Resource {
        arn: format!("arn:aws:ec2:eu-west-1:{PROD}:instance/{HOSTILE}"),
        account: HOSTILE.to_owned(),
        region: Some(HOSTILE.to_owned()),
    };
    for verdict in [
        Verdict::Fail,
        Verdict::Unknown,
        Verdict::Pass,
        Verdict::NotApplicable,
    ] {
        run.findings.push(
            Finding::new(HOSTILE, Severity::High, verdict, &resource, HOSTILE)
                .evidence(HOSTILE, HOSTILE),
        );
    }
    for outcome in [
        ActionOutcome::Planned,
        ActionOutcome::Done,
        ActionOutcome::Failed,
    ] {
        run.actions.push(ActionRow {
            action: HOSTILE.into(),
            ..action(&resource, "", outcome, HOSTILE, Some(HOSTILE))
        });
    }
    run.skipped = vec![Skipped {
        resource: HOSTILE.to_owned(),
        account: HOSTILE.to_owned(),
        region: None,
        reason: HOSTILE.to_owned(),
    }];
    run.coverage = vec![
        Coverage::read(HOSTILE, 4),
        Coverage::unreadable(HOSTILE, HOSTILE),
    ];
    run.errors = vec![ErrorRow {
        scope: format!("{HOSTILE}/other"),
        message: HOSTILE.to_owned(),
    }];
    run.notes = vec![HOSTILE.to_owned()];
    run.account.alias = Some(HOSTILE.to_owned());
    run.outcome = RunOutcome::Partial;
    run.would_refuse = Some(HOSTILE.to_owned());
    run
}

/// A run of 5,000 findings and as many actions.
pub(crate) fn enormous() -> Run {
    let mut run = run("stop-untagged", Mode::Plan);
    for number in 0..5_000 {
        let resource = instance(PROD, "eu-west-1", &format!("i-{number:017x}"));
        run.findings.push(Finding::new(
            "missing-required-tags",
            Severity::Medium,
            Verdict::Fail,
            &resource,
            format!("Instance `worker-{number}` lacks the required tag `owner`."),
        ));
        run.actions.push(action(
            &resource,
            "stop-instance",
            ActionOutcome::Planned,
            "lacks `owner`",
            Some("aws ec2 start-instances --region eu-west-1 --instance-ids i-0"),
        ));
    }
    run.summary.fail = 5_000;
    run.summary.planned = 5_000;
    run
}
