mod ended;
mod waiting;

use chrono::{DateTime, TimeDelta, Utc};
use expect_test::{Expect, expect};
use lamplighter_aws::codedeploy::{Deployment, FailedTarget, Group, Platform, Revision};
use lamplighter_config::DeploymentOptions;
use lamplighter_core::{Action as _, Decision, Verdict as Judged};
use lamplighter_events::{DeploymentEvent, Sequencer};

use crate::bundle::{Age, Bundle, SCHEMA, Target, Waiting};
use crate::inventory::{Candidate, Ended, Inventory, Queued, QueuedState, Refusal, Seen, What};
use crate::plan::{GROUP_RULE, plan};
use crate::preflight::Verdict;
use crate::rules::{Options, Rules};
use crate::standing::Past;

fn time(text: &str) -> DateTime<Utc> {
    format!("2026-11-22T{text}Z").parse().expect("a time")
}

fn rules() -> Rules {
    Rules {
        routes: vec![],
        use_object_metadata: true,
        groups: vec![],
        pending: TimeDelta::hours(12),
        max_scan_bytes: 1,
        options: DeploymentOptions::default(),
        state: None,
    }
}

fn target(group: &str) -> Target {
    Target {
        account: "123456789012".to_owned(),
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
        application: "shop".to_owned(),
        group: group.to_owned(),
    }
}

/// A bundle under `key` that was written at `at`; its version is its time.
fn bundle(key: &str, at: &str) -> Bundle {
    Bundle {
        revision: Revision {
            bucket: "releases".to_owned(),
            key: key.to_owned(),
            bundle_type: "zip".to_owned(),
            version: Some(format!("v{at}")),
            etag: Some("e".to_owned()),
        },
        size: 1,
        age: Age {
            modified_at: Some(time(at)),
            sequencer: None,
        },
    }
}

fn group(active: Option<&str>) -> Group {
    Group {
        platform: Platform::Server,
        last_attempted: None,
        active: active.map(str::to_owned),
        last_successful: None,
    }
}

/// A deployment of a bundle, made at `at`.
fn past(id: &str, bundle: &Bundle, at: &str, status: &str) -> Past {
    Past {
        deployment: Deployment {
            id: id.to_owned(),
            application: "shop".to_owned(),
            group: "live".to_owned(),
            status: status.to_owned(),
            is_active: !["Succeeded", "Failed", "Stopped"].contains(&status),
            revision: Some(bundle.revision.clone()),
            description: Some(bundle.description()),
            created_at: Some(time(at)),
            error: None,
        },
        age: Some(bundle.age.clone()),
    }
}

struct Look {
    inventory: Inventory,
    now: DateTime<Utc>,
}

fn look() -> Look {
    Look {
        inventory: Inventory::default(),
        now: time("12:00:00"),
    }
}

impl Look {
    fn record(mut self, what: What) -> Self {
        let id = self.inventory.records.len().to_string();
        let subject = match &what {
            What::Bundle(candidate) => candidate.bundle.revision.url(),
            What::Ended(ended) => format!("deployment/{}", ended.event.deployment_id),
            _ => format!("record/{id}"),
        };
        self.inventory.records.push(Seen { id, subject, what });
        self
    }

    fn bundle(self, bundle: Bundle, active: Option<&str>, history: Vec<Past>) -> Self {
        self.bundle_for("live", bundle, active, history)
    }

    fn bundle_for(
        self,
        name: &str,
        bundle: Bundle,
        active: Option<&str>,
        history: Vec<Past>,
    ) -> Self {
        self.record(What::Bundle(Box::new(Candidate {
            bundle,
            target: target(name),
            options: Options::default(),
            verdict: Verdict::Good("appspec.yml".to_owned()),
            group: group(active),
            history,
            previous: None,
        })))
    }

    fn ended(self, status: &str, failed: Vec<FailedTarget>) -> Self {
        let past = past("d-1", &bundle("a", "10:00:00"), "10:01:00", status);
        self.ended_with(Some(past.deployment), failed)
    }

    fn ended_with(self, deployment: Option<Deployment>, failed: Vec<FailedTarget>) -> Self {
        self.record(What::Ended(Box::new(Ended {
            event: DeploymentEvent {
                deployment_id: "d-1".to_owned(),
                application: "shop".to_owned(),
                group: "live".to_owned(),
                state: "FAILURE".to_owned(),
                region: None,
                time: None,
                account: None,
            },
            target: target("live"),
            deployment,
            failed,
        })))
    }

    /// A bundle waits for `live` since `since`.
    fn waiting(self, bundle: Bundle, active: Option<&str>, history: Vec<Past>) -> Self {
        let state = QueuedState::Known {
            group: Box::new(group(active)),
            history,
            previous: None,
        };
        self.waiting_in(bundle, state)
    }

    fn waiting_in(mut self, bundle: Bundle, state: QueuedState) -> Self {
        let waiting = Waiting {
            schema: SCHEMA.to_owned(),
            target: target("live"),
            bundle,
            options: Options::default(),
            behind: Some("d-0".to_owned()),
            since: time("11:00:00"),
        };
        let tag = "tag".to_owned();
        let queued = Queued {
            waiting,
            tag,
            state,
        };
        self.inventory.waiting.insert(target("live"), queued);
        self
    }

    fn at(mut self, now: DateTime<Utc>) -> Self {
        self.now = now;
        self
    }
}

/// The only caller of `plan`.
#[track_caller]
fn check(look: Look, expected: Expect) {
    let plan = plan(&look.inventory, &rules(), look.now);
    assert_eq!(
        plan.records.len(),
        look.inventory.records.len(),
        "every record is decided about exactly once"
    );
    let mut text = String::new();
    for decided in &plan.records {
        let (word, why) = match &decided.decision {
            Decision::Act => ("act", String::new()),
            Decision::Ignore(why) => ("ignore", format!(": {why}")),
            Decision::Reject(why) => ("reject", format!(": {why}")),
            Decision::Retry(why) => ("retry", format!(": {why}")),
        };
        text.push_str(&format!("{word} {}{why}\n", decided.id));
    }
    for action in &plan.actions {
        let record = action.record().unwrap_or("-");
        let group = &action.subject().target.group;
        let (name, why) = (action.name(), action.reason());
        text.push_str(&format!("{record} {name} to {group}: {why}\n"));
    }
    for finding in &plan.findings {
        let verdict = match finding.verdict {
            Judged::Fail => "fail",
            Judged::Pass => "pass",
            Judged::Unknown => "unknown",
            Judged::NotApplicable => "not applicable",
        };
        text.push_str(&format!(
            "{verdict} {}: {}\n",
            finding.rule, finding.message
        ));
    }
    for skip in &plan.skipped {
        text.push_str(&format!("skip {}: {}\n", skip.resource.name(), skip.reason));
    }
    for note in &plan.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    expected.assert_eq(&text);
}

#[test]
fn nothing_is_decided_about_nothing() {
    check(look(), expect![[""]]);
}

#[test]
fn a_new_bundle_for_a_free_group_is_deployed() {
    check(
        look().bundle(bundle("a", "10:00:00"), None, vec![]),
        expect![[r#"
            act 0
            0 deploy to live: s3://releases/a (zip, version v10:00:00): new bundle, with appspec.yml
        "#]],
    );
    let before = past("d-1", &bundle("a", "09:00:00"), "09:01:00", "Succeeded");
    check(
        look().bundle(bundle("a", "10:00:00"), None, vec![before]),
        expect![[r#"
            act 0
            0 deploy to live: s3://releases/a (zip, version v10:00:00): new bundle, with appspec.yml
        "#]],
    );
}

#[test]
fn a_bundle_that_could_not_be_looked_through_is_deployed_with_a_note() {
    let mut look = look().bundle(bundle("a", "10:00:00"), None, vec![]);
    if let What::Bundle(candidate) = &mut look.inventory.records[0].what {
        candidate.verdict = Verdict::Unknown("it is long".to_owned());
        candidate.options.file_exists_behavior = Some("OVERWRITE".to_owned());
    }
    check(
        look,
        expect![[r#"
        act 0
        0 deploy to live: s3://releases/a (zip, version v10:00:00): new bundle (files that exist: overwrite)
        note: `s3://releases/a` could not be looked through: it is long
    "#]],
    );
}

#[test]
fn a_bundle_for_a_busy_group_waits_and_replaces_only_an_older_one() {
    let new = || bundle("a", "10:00:00");
    check(
        look().bundle(new(), Some("d-1"), vec![]),
        expect![[r#"
        act 0
        0 wait-for-group to live: s3://releases/a (zip, version v10:00:00): the group is busy with d-1
    "#]],
    );
    check(
        look().bundle(new(), Some("d-1"), vec![]).waiting(
            bundle("b", "09:59:59"),
            Some("d-1"),
            vec![],
        ),
        expect![[r#"
            act 0
            0 wait-for-group to live: s3://releases/a (zip, version v10:00:00): the group is busy with d-1
        "#]],
    );
    check(
        look().bundle(new(), Some("d-1"), vec![]).waiting(
            bundle("b", "10:00:01"),
            Some("d-1"),
            vec![],
        ),
        expect![[r#"
            ignore 0: a newer one waits for shop/live: s3://releases/b
            skip live: s3://releases/b waits: the group is busy with d-1
        "#]],
    );
    check(
        look()
            .bundle(new(), Some("d-1"), vec![])
            .waiting(new(), Some("d-1"), vec![]),
        expect![[r#"
            ignore 0: it waits for shop/live already
            skip live: s3://releases/a waits: the group is busy with d-1
        "#]],
    );
}

#[test]
fn a_bundle_that_was_deployed_is_not_deployed_again_even_if_that_failed_or_was_rolled_back() {
    let new = || bundle("a", "10:00:00");
    let done = || past("d-1", &new(), "10:01:00", "Failed");
    check(
        look().bundle(new(), None, vec![done()]),
        expect![[r#"
        ignore 0: d-1 has deployed it to shop/live
    "#]],
    );
    let rollback = past("d-2", &bundle("a", "09:00:00"), "10:02:00", "Succeeded");
    check(
        look().bundle(new(), None, vec![rollback, done()]),
        expect![[r#"
            ignore 0: d-1 has deployed it to shop/live
        "#]],
    );
    // Its own deployment keeps the group busy: that is no reason to wait.
    let active = past("d-1", &new(), "10:01:00", "InProgress");
    check(
        look().bundle(new(), Some("d-1"), vec![active]),
        expect![[r#"
            ignore 0: d-1 has deployed it to shop/live
        "#]],
    );
}

#[test]
fn the_same_bytes_written_again_without_versions_are_deployed_again() {
    let unversioned = |at| {
        let mut bundle = bundle("a", at);
        bundle.revision.version = None;
        bundle
    };
    let before = past("d-1", &unversioned("09:00:00"), "09:30:00", "Succeeded");
    check(
        look().bundle(unversioned("10:00:00"), None, vec![before]),
        expect![[r#"
            act 0
            0 deploy to live: s3://releases/a (zip): new bundle, with appspec.yml
        "#]],
    );
    let after = past("d-1", &unversioned("10:00:00"), "10:00:00", "Succeeded");
    check(
        look().bundle(unversioned("10:00:00"), None, vec![after]),
        expect![[r#"
            ignore 0: d-1 has deployed it to shop/live
        "#]],
    );
}

#[test]
fn an_older_bundle_never_goes_over_a_newer_one() {
    let new = || bundle("b", "10:00:00");
    let late = || bundle("a", "09:59:59");
    for status in ["Succeeded", "Failed", "InProgress"] {
        let newer = past("d-1", &new(), "10:01:00", status);
        let active = (status == "InProgress").then_some("d-1");
        let told = look().bundle(late(), active, vec![newer]);
        check(
            told,
            expect!["ignore 0: d-1 has deployed a newer one to shop/live: s3://releases/b\n"],
        );
    }
    // Within one key the sequencer decides, even within a second.
    let with = |sequencer: &str| {
        let mut bundle = bundle("a", "10:00:00");
        bundle.revision.version = Some(sequencer.to_owned());
        bundle.age.sequencer = Sequencer::parse(sequencer);
        bundle
    };
    let newer = past("d-1", &with("06"), "10:01:00", "Succeeded");
    check(
        look().bundle(with("05"), None, vec![newer]),
        expect![[r#"
        ignore 0: d-1 has deployed a newer one to shop/live: s3://releases/a
    "#]],
    );
    // What was deployed by hand from elsewhere has no age, and stops nothing.
    let mut by_hand = past("d-1", &new(), "10:01:00", "Succeeded");
    by_hand.age = None;
    check(
        look().bundle(late(), None, vec![by_hand]),
        expect![[r#"
        act 0
        0 deploy to live: s3://releases/a (zip, version v09:59:59): new bundle, with appspec.yml
    "#]],
    );
}

#[test]
fn of_several_bundles_in_one_delivery_the_newest_of_each_group_is_deployed() {
    let (early, late) = (bundle("a", "09:00:00"), bundle("b", "10:00:00"));
    let three = look()
        .bundle(late.clone(), None, vec![])
        .bundle(early.clone(), None, vec![])
        .bundle(late.clone(), None, vec![])
        .bundle_for("test", early, None, vec![]);
    check(
        three,
        expect![[r#"
        act 0
        ignore 1: a newer one is in the same delivery: s3://releases/b
        ignore 2: the same delivery holds it twice
        act 3
        0 deploy to live: s3://releases/b (zip, version v10:00:00): new bundle, with appspec.yml
        3 deploy to test: s3://releases/a (zip, version v09:00:00): new bundle, with appspec.yml
    "#]],
    );
    // Written in the same second, under two keys: both have their turn.
    let other = Bundle {
        revision: Revision {
            key: "c".to_owned(),
            ..late.revision.clone()
        },
        ..late.clone()
    };
    check(
        look()
            .bundle(late, None, vec![])
            .bundle(other, None, vec![]),
        expect![[r#"
            act 0
            retry 1: another one for shop/live comes first: s3://releases/b
            0 deploy to live: s3://releases/b (zip, version v10:00:00): new bundle, with appspec.yml
        "#]],
    );
}

#[test]
fn what_cannot_be_worked_on_is_refused_ignored_or_tried_again() {
    let refusal = Refusal {
        rule: GROUP_RULE,
        resource: target("live").resource(),
        message: "There is no such group.".to_owned(),
    };
    let look = look()
        .record(What::Refuse(refusal))
        .record(What::Ignore("a test event".to_owned()))
        .record(What::Retry("throttled".to_owned()));
    check(
        look,
        expect![[r#"
        reject 0: There is no such group.
        ignore 1: a test event
        retry 2: throttled
        fail deployment-group-missing: There is no such group.
    "#]],
    );
}

#[test]
fn a_deployment_is_taken_back_by_the_one_before_or_by_stopping_it() {
    let undo = |previous: Option<Revision>| {
        let mut look = look().bundle(bundle("a", "10:00:00"), None, vec![]);
        if let What::Bundle(candidate) = &mut look.inventory.records[0].what {
            candidate.previous = previous;
            candidate.target.application = "the shop's".to_owned();
        }
        let plan = crate::plan::plan(&look.inventory, &rules(), look.now);
        plan.actions[0].undo().expect("there is a way back")
    };
    expect![[r#"aws deploy create-deployment --region eu-west-1 --application-name 'the shop'\''s' --deployment-group-name live --s3-location 'bucket=releases,key=apps/a+b ü.zip,bundleType=zip,version=v09:00:00,eTag=e'"#]].assert_eq(&undo(Some(bundle("apps/a+b ü.zip", "09:00:00").revision)));
    expect![[r#"aws deploy stop-deployment --region eu-west-1 --deployment-id "$(aws deploy get-deployment-group --region eu-west-1 --application-name 'the shop'\''s' --deployment-group-name live --query deploymentGroupInfo.lastAttemptedDeployment.deploymentId --output text)""#]].assert_eq(&undo(None));
    // A comma would be the shorthand's own.
    let hostile = undo(Some(bundle("a,b';$(x)", "09:00:00").revision));
    assert!(
        hostile.contains("stop-deployment") && !hostile.contains("$(x)"),
        "{hostile}"
    );
}
