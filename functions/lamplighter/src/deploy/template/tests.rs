//! The template of a few functions, by what must hold of it. Those of events are in `event_tests.rs`.

use serde_json::Value;

use lamplighter_config::Source;

use super::super::events::{Events, Mail};
use super::super::model::{Function, Stack, When};
use super::super::package::Architecture;
use super::super::yaml;
use super::*;

pub(in super::super) fn stack() -> Stack {
    let function = Function {
        name: "stop-untagged".to_owned(),
        changes: "stops instances".to_owned(),
        memory_mb: 256,
        timeout_secs: 900,
        runs_alone: true,
        when: When {
            expression: "cron(0 * * * ? *)".to_owned(),
            zone: "UTC".to_owned(),
            start: None,
        },
        window_minutes: 10,
        grace_secs: 3600,
        event_age_secs: 3600,
        retries: 0,
        statements: vec![json!({
            "Sid": "ReadInstances", "Effect": "Allow", "Action": ["ec2:DescribeInstances"], "Resource": ["*"],
        })],
        silence_secs: Some(2 * 3600 + 1500),
        sha256: Some("ab".repeat(32)),
        events: None,
    };
    let weekly = Function {
        name: "report-certificates".to_owned(),
        runs_alone: false,
        when: When {
            expression: "rate(7 hours)".to_owned(),
            zone: "Europe/Berlin".to_owned(),
            start: Some("2026-01-01T00:00:00Z".to_owned()),
        },
        window_minutes: 0,
        grace_secs: 86_400,
        event_age_secs: 21_600,
        retries: 2,
        statements: vec![json!({
            "Sid": "StateReadAndWrite", "Effect": "Allow", "Action": ["s3:GetObject"],
            "Resource": ["arn:${AWS::Partition}:s3:::bucket/*"],
        })],
        silence_secs: None,
        sha256: None,
        ..function.clone()
    };
    let source = |bucket: &str, prefix: &str| Source {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
    };
    let events = Events {
        sources: vec![source("photos", "in/"), source("photos", "old ${x}/")],
        removals: true,
        deployments: false,
        mail: None,
    };
    let images = Function {
        name: "resize-images".to_owned(),
        runs_alone: false,
        timeout_secs: 300,
        silence_secs: None,
        events: Some(events.clone()),
        ..function.clone()
    };
    let bundles = Function {
        name: "deploy-bundles".to_owned(),
        events: Some(Events {
            sources: vec![source("releases", "apps/")],
            removals: false,
            deployments: true,
            mail: None,
        }),
        ..images.clone()
    };
    let mails = Function {
        name: "archive-mail".to_owned(),
        events: Some(Events {
            sources: vec![],
            removals: false,
            deployments: false,
            mail: Some(Mail {
                source: source("mail", "inbox/"),
                recipients: vec!["example.com".to_owned()],
            }),
        }),
        ..images.clone()
    };
    Stack {
        functions: vec![function, weekly, images, bundles, mails],
        architecture: Architecture::X86_64,
        has_config: true,
        secret_variables: vec!["LAMPLIGHTER_REPORT__WEBHOOK".to_owned()],
    }
}

pub(super) fn properties<'a>(template: &'a Value, id: &str) -> &'a Value {
    let resource = &template["Resources"][id];
    assert!(resource.is_object(), "there is no {id}");
    &resource["Properties"]
}

#[test]
fn triggers_are_on_the_alias_live_only_and_off_at_first() {
    let template = template(&stack());
    assert_eq!(
        template["Parameters"]["TriggersEnabled"]["Default"],
        "false"
    );
    assert_eq!(template["Parameters"]["KeepWarm"]["Default"], "false");
    for id in [
        "StopUntaggedSchedule",
        "ReportCertificatesSchedule",
        "StopUntaggedKeepWarm",
    ] {
        let schedule = properties(&template, id);
        assert_eq!(
            schedule["State"],
            json!({ "Fn::If": ["HasTriggers", "ENABLED", "DISABLED"] })
        );
        let live = format!(
            "{}Live",
            if id.starts_with("Stop") {
                "StopUntagged"
            } else {
                "ReportCertificates"
            }
        );
        assert_eq!(schedule["Target"]["Arn"], json!({ "Ref": live }));
    }
    assert_eq!(
        template["Resources"]["StopUntaggedKeepWarm"]["Condition"],
        "HasKeepWarm"
    );
    assert_eq!(
        properties(&template, "StopUntaggedKeepWarm")["ScheduleExpression"],
        "rate(9 minutes)"
    );
}

#[test]
fn a_schedule_carries_zone_window_grace_and_the_tick_of_the_contract() {
    let template = template(&stack());
    let schedule = properties(&template, "StopUntaggedSchedule");
    assert_eq!(
        schedule["FlexibleTimeWindow"],
        json!({ "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 10 })
    );
    assert_eq!(
        schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"],
        3600
    );
    assert_eq!(
        schedule["Target"]["Input"],
        r#"{"metadata":{"id":"<aws.scheduler.execution-id>","source":"scheduler","trigger":"schedule","slot":"<aws.scheduler.scheduled-time>"},"data":{}}"#
    );
    let schedule = properties(&template, "ReportCertificatesSchedule");
    assert_eq!(schedule["FlexibleTimeWindow"], json!({ "Mode": "OFF" }));
    assert_eq!(schedule["ScheduleExpressionTimezone"], "Europe/Berlin");
    assert_eq!(
        schedule["StartDate"],
        json!({ "Ref": "ReportCertificatesStart" })
    );
}

#[test]
fn only_functions_whose_runs_must_not_overlap_reserve_concurrency() {
    let template = template(&stack());
    assert!(
        properties(&template, "StopUntaggedFunction")["ReservedConcurrentExecutions"].is_object()
    );
    assert!(
        properties(&template, "ReportCertificatesFunction")["ReservedConcurrentExecutions"]
            .is_null()
    );
}

#[test]
fn lambda_keeps_an_event_no_longer_than_it_can() {
    let template = template(&stack());
    let config = properties(&template, "ReportCertificatesAsyncConfig");
    assert_eq!(config["MaximumEventAgeInSeconds"], 21_600);
    assert_eq!(config["MaximumRetryAttempts"], 2);
    assert_eq!(config["Qualifier"], "live");
}

#[test]
fn the_roles_name_exact_services_and_allow_no_wildcard_action() {
    let template = template(&stack());
    let role = properties(&template, "StopUntaggedRole");
    let trust = &role["AssumeRolePolicyDocument"];
    assert_eq!(trust["Version"], "2012-10-17");
    assert_eq!(
        trust["Statement"][0]["Principal"],
        json!({ "Service": "lambda.amazonaws.com" })
    );
    for (index, name) in ["function", "continuation", "lambda-service"]
        .iter()
        .enumerate()
    {
        assert_eq!(role["Policies"][index]["PolicyName"], *name);
    }
    // A run may ask for another invocation of itself, and of nothing else.
    assert_eq!(
        role["Policies"][1]["PolicyDocument"]["Statement"][0]["Resource"],
        json!(["live", "staging"].map(|alias| {
            let arn = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:";
            json!({ "Fn::Sub": format!("{arn}${{AWS::StackName}}-stop-untagged:{alias}") })
        }))
    );
    let scheduler = properties(&template, "SchedulerRole");
    let statement = &scheduler["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(
        statement["Principal"],
        json!({ "Service": "scheduler.amazonaws.com" })
    );
    assert!(statement["Condition"]["StringEquals"]["aws:SourceAccount"].is_object());
    let mut actions = 0;
    each_action(&template, &mut |action| {
        actions += 1;
        assert!(
            action == "sts:AssumeRole" || (action.contains(':') && !action.contains('*')),
            "{action}"
        );
    });
    assert!(actions > 10, "the actions were found");
}

/// Every action of every policy in it.
fn each_action(value: &Value, look: &mut impl FnMut(&str)) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("Action", Value::String(action)) => look(action),
                    ("Action", Value::Array(actions)) => {
                        actions
                            .iter()
                            .filter_map(Value::as_str)
                            .for_each(&mut *look);
                    }
                    _ => each_action(value, look),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| each_action(item, look)),
        _ => {}
    }
}

#[test]
fn silence_is_an_alarm_where_cloudwatch_can_look_back_far_enough() {
    let template = template(&stack());
    let silence = properties(&template, "StopUntaggedAlarmSilence");
    assert_eq!(silence["TreatMissingData"], "breaching");
    let window = silence["Period"].as_u64().expect("a number")
        * silence["EvaluationPeriods"].as_u64().expect("a number");
    assert_eq!(window, 2 * 3600 + 1500);
    assert!(template["Resources"]["ReportCertificatesAlarmSilence"].is_null());
}

#[test]
fn a_run_that_is_in_its_own_way_calls_nobody_and_a_function_that_stays_throttled_does() {
    let template = template(&stack());
    let throttles = properties(&template, "StopUntaggedAlarmThrottles");
    let number = |key: &str| throttles[key].as_u64().expect("a number");
    let (period, periods) = (number("Period"), number("EvaluationPeriods"));
    assert_eq!(
        (number("Threshold"), number("DatapointsToAlarm")),
        (1, periods)
    );
    assert_eq!(throttles["TreatMissingData"], "notBreaching");
    // In how many periods the longest run can be seen, however it lies.
    let longest = 900;
    let seen = (0..period).map(|start| (start + longest - 1) / period + 1);
    assert!(seen.max().expect("a start") < periods);
    // Lambda's last attempts are five minutes apart, and the default of `missed_grace_minutes` is an hour.
    assert!(period >= 2 * 300 && period * (periods + 1) <= 3600);
}

#[test]
fn all_alarms_go_to_one_topic_and_call_nobody_before_the_triggers_are_on() {
    let template = template(&stack());
    let resources = template["Resources"].as_object().expect("resources");
    let alarms: Vec<&Value> = resources
        .values()
        .filter(|resource| resource["Type"] == "AWS::CloudWatch::Alarm")
        .collect();
    // Those that everything has; silence for the first; of events: quarantine for three, and the two queues.
    assert_eq!(alarms.len(), 5 * 8 + 1 + 3 + 2 * 2);
    for alarm in alarms {
        assert_eq!(
            alarm["Properties"]["AlarmActions"],
            json!([{ "Ref": "AlarmTopic" }])
        );
        assert_eq!(
            alarm["Properties"]["ActionsEnabled"],
            json!({ "Ref": "TriggersEnabled" })
        );
    }
}

#[test]
fn the_artifact_s_key_carries_its_checksum() {
    let template = template(&stack());
    let key = |id| &properties(&template, id)["Code"]["S3Key"]["Fn::Sub"];
    // A known package is not left to a parameter, which would keep its old value.
    let known = format!("${{ArtifactPrefix}}stop-untagged/{}.zip", "ab".repeat(32));
    assert_eq!(*key("StopUntaggedFunction"), known);
    assert!(template["Parameters"]["StopUntaggedSha256"].is_null());
    assert_eq!(
        *key("ReportCertificatesFunction"),
        "${ArtifactPrefix}report-certificates/${ReportCertificatesSha256}.zip"
    );
    assert!(template["Parameters"]["ReportCertificatesSha256"].is_object());
    // Another package is another version.
    let version = properties(&template, "StopUntaggedVersion");
    let text = version["Description"]["Fn::Sub"].as_str().expect("a text");
    assert!(text.starts_with(&"ab".repeat(32)), "{text}");
}

#[test]
fn what_makes_another_version_changes_the_function_as_well() {
    let template = template(&stack());
    let version = &properties(&template, "ReportCertificatesVersion")["Description"]["Fn::Sub"];
    let function = properties(&template, "ReportCertificatesFunction").to_string();
    let named: Vec<&str> = version
        .as_str()
        .expect("a text")
        .split("${")
        .skip(1)
        .map(|part| part.split('}').next().expect("a name"))
        .collect();
    assert_eq!(named.len(), 5, "{named:?}");
    for parameter in named {
        let is_there = [
            format!("\"Ref\":\"{parameter}\""),
            format!("${{{parameter}}}"),
        ];
        assert!(
            is_there.iter().any(|text| function.contains(text)),
            "{parameter} is not in {function}"
        );
    }
}

#[test]
fn every_role_is_within_the_boundary_if_there_is_one() {
    let template = template(&stack());
    assert_eq!(template["Parameters"]["PermissionsBoundary"]["Default"], "");
    let resources = template["Resources"].as_object().expect("resources");
    let roles = resources
        .iter()
        .filter(|(_, one)| one["Type"] == "AWS::IAM::Role");
    let mut seen = 0;
    for (id, role) in roles {
        seen += 1;
        assert_eq!(
            role["Properties"]["PermissionsBoundary"]["Fn::If"][1],
            json!({ "Ref": "PermissionsBoundary" }),
            "{id}"
        );
        // What a pipeline may write is named by this ending, and a role with a name of its own would have another.
        assert!(id.ends_with("Role"), "{id}");
        assert!(role["Properties"]["RoleName"].is_null(), "{id}");
    }
    // One for each function, one for Scheduler, one for SES.
    assert_eq!(seen, 5 + 2);
}

#[test]
fn a_secret_is_a_parameter_that_is_not_echoed_and_has_no_value() {
    let template = template(&stack());
    assert_eq!(template["Parameters"]["ReportWebhook"]["NoEcho"], true);
    assert_eq!(template["Parameters"]["ReportWebhook"]["Default"], "");
}

#[test]
fn every_name_that_is_referred_to_is_there() {
    let template = template(&stack());
    let known = |name: &str| {
        let resource = name.split_once('.').map_or(name, |(resource, _)| resource);
        name.starts_with("AWS::")
            || ["Resources", "Parameters"]
                .iter()
                .any(|section| template[section][resource].is_object())
    };
    let mut seen = 0;
    each_reference(&template, &mut |name| {
        seen += 1;
        assert!(known(name), "nothing is called {name}");
    });
    assert!(seen > 100, "the references were found: {seen}");
    assert_eq!(yaml::read(&yaml::write(&template)), Ok(template));
}

fn each_reference(value: &Value, look: &mut impl FnMut(&str)) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("Ref", Value::String(name)) => look(name),
                    ("Fn::GetAtt", Value::Array(parts)) => look(parts[0].as_str().expect("a name")),
                    ("Fn::Sub", Value::String(text)) => {
                        let names = text.split("${").skip(1);
                        // `${!` is a `${` to the letter.
                        for part in names.filter(|part| !part.starts_with('!')) {
                            look(part.split('}').next().expect("a name"));
                        }
                    }
                    _ => each_reference(value, look),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| each_reference(item, look)),
        _ => {}
    }
}
