//! The fault matrix of one function and one account: every call of a good run fails in every way, once and for good.
//!
//! After each failure nothing that could not be read is good, nothing is done twice, and nobody loses anything
//! without a warning; the words name the call; and a second run ends where the first one should have.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, Utc};
use lamplighter_local_aws::{Call, Fault, FaultKind, LocalAws, When, World};
use serde_json::Value;

use super::worlds::{ACCOUNT, REGION};
use crate::fault_matrix::{faults, must, operations, struck, told, try_all};
use crate::harness::{Lamplighter, Ran, serve};

/// As many attempts as it takes to see one healed.
const ATTEMPTS: usize = 2;

const USERS: [&str; 7] = ["ann", "bob", "cid", "dan", "eve", "fay", "gus"];
const GROUPS: [&str; 3] = ["sg-0000000a", "sg-0000000b", "sg-0000000c"];

/// Makes an account as it is at a time.
pub type Build = fn(DateTime<Utc>) -> World;

/// One function on one account.
pub struct Scenario {
    pub function: &'static str,
    /// The lines of its section.
    pub section: &'static str,
    pub world: Build,
    /// What a run without faults does: its actions, with their resources' names.
    pub actions: &'static [&'static str],
    /// Who is marked by that, and who must have been told before.
    pub warned: Option<(&'static str, &'static str)>,
    /// Whether only the calls that change something fail: another scenario of the function has the same reads.
    pub changes_only: bool,
    /// How many different operations such a run calls.
    pub operations: usize,
}

/// What a run without any fault finds and does.
struct Reference<'a> {
    scenario: &'a Scenario,
    now: DateTime<Utc>,
    before: BTreeMap<String, String>,
    after: BTreeMap<String, String>,
    run: Value,
    calls: Vec<Call>,
}

impl Scenario {
    fn run(&self, aws: &LocalAws) -> Ran {
        let now = aws.now().to_rfc3339_opts(SecondsFormat::Secs, true);
        let config = format!(
            "[aws]\nregions = [\"{REGION}\"]\nmax_attempts = {ATTEMPTS}\nattempt_timeout_secs = 1\n\
             [report]\nfrom = \"ops@example.com\"\nto = [\"security@example.com\"]\nmail = \"always\"\n\
             [{}]\n{}\n",
            self.function, self.section
        );
        Lamplighter::new(["run", self.function, "--format", "json", "--all"])
            .args(["--now", &now])
            .on(aws)
            .config(&config)
            .run()
    }

    /// Tries every combination, and answers how many there were.
    pub fn check(&self) -> usize {
        let reference = Reference::take(self);
        let operations = operations(&reference.calls);
        let is_meant = |call: &&Call| call.changes || !self.changes_only;
        let faults = faults(reference.calls.iter().filter(is_meant));
        try_all(&faults, |fault| reference.try_fault(fault));
        // A scenario that lost some of its calls would prove less than it says.
        assert_eq!(operations.len(), self.operations, "{operations:?}");
        faults.len()
    }
}

impl<'a> Reference<'a> {
    fn take(scenario: &'a Scenario) -> Self {
        let now = "2026-11-16T10:00:00Z".parse().expect("a time");
        let aws = serve((scenario.world)(now));
        let before = state(&aws);
        let run = scenario.run(&aws).code(0).json();
        let mut done: Vec<String> = rows(&run, "actions")
            .iter()
            .map(|row| {
                assert_eq!(row["outcome"], "done", "{row}");
                format!("{} {}", word(row, "action"), name(row))
            })
            .collect();
        done.sort();
        assert_eq!(done, scenario.actions);
        assert!(
            has_verdict(&run, "pass").len() + has_verdict(&run, "fail").len() > 1,
            "there is something to lose: {run}"
        );
        Self {
            scenario,
            now,
            before,
            after: state(&aws),
            run,
            calls: aws.calls(),
        }
    }

    /// Lets `fault` strike a run, and runs again without it where something may have been left undone.
    fn try_fault(&self, fault: &Fault) -> Result<(), String> {
        let aws = serve((self.scenario.world)(self.now));
        aws.inject(fault.clone());
        let ran = self.scenario.run(&aws);
        aws.clear_faults();
        self.after_the_fault(fault, &aws, &ran)
            .map_err(|what| told(&what, &ran))?;
        if self.scenario.actions.is_empty() {
            // Nothing is remembered and nothing may be changed, so a second run would be the first one once more.
            return must(self.before == state(&aws), || {
                "a plan changed something".to_owned()
            });
        }
        if ran.code == Some(0) && state(&aws) == self.after {
            // It is there already.
            return Ok(());
        }
        let again = self.scenario.run(&aws);
        self.after_the_second_run(fault, &aws, &again)
            .map_err(|what| told(&format!("second run: {what}"), &again))
    }

    fn after_the_fault(&self, fault: &Fault, aws: &LocalAws, ran: &Ran) -> Result<(), String> {
        let struck = struck(aws);
        let usual = self
            .calls
            .iter()
            .filter(|call| call.name() == fault.call)
            .count();
        must(struck > 0, || "the fault never struck".to_owned())?;
        must(struck <= ATTEMPTS * (usual + 1), || {
            format!("{struck} calls instead of {usual}: a fault is not amplified")
        })?;
        self.is_harmless(aws)?;
        let report = ran.report();
        if let Some(run) = &report {
            self.is_not_greener(run)?;
            for row in rows(run, "actions") {
                self.is_true(row, aws)?;
            }
        }
        let text = format!("{}{}", ran.stdout, ran.stderr);
        match ran.code {
            Some(0) => self.is_healed(fault, aws, report.as_ref()),
            Some(1 | 4) => {
                must(text.contains(&format!("`{}`", fault.call)), || {
                    format!("the message does not name `{}`", fault.call)
                })?;
                must(
                    ran.stderr.lines().any(|line| line.starts_with("hint: ")),
                    || "there is no way out".to_owned(),
                )?;
                let outcome = report.as_ref().map(|run| word(run, "outcome"));
                must(outcome.as_deref() != Some("ok"), || {
                    "it failed and its report says that all is well".to_owned()
                })
            }
            _ => Err("an exit code for something else".to_owned()),
        }
    }

    /// A run that ended well saw and did what one without the fault does.
    fn is_healed(&self, fault: &Fault, aws: &LocalAws, run: Option<&Value>) -> Result<(), String> {
        let run = run.ok_or("it ended well without a report")?;
        // Which regions are on is a convenience where they are named: the reads tell. The note says that it was denied.
        if fault.call == "ec2:DescribeRegions" && fault.kind == FaultKind::Denied {
            return must(run["notes"].to_string().contains(&fault.call), || {
                "the note names the call".to_owned()
            });
        }
        must(findings(run) == findings(&self.run), || {
            "it ended well with other findings".to_owned()
        })?;
        must(run["summary"] == self.run["summary"], || {
            format!("other counts: {}", run["summary"])
        })?;
        must(
            fault.when != When::Always && fault.kind != FaultKind::Denied,
            || "such a fault cannot heal".to_owned(),
        )?;
        must(state(aws) == self.after, || {
            format!("it ended well with work undone: {:#?}", state(aws))
        })
    }

    /// What was not read is neither good nor forgotten.
    fn is_not_greener(&self, run: &Value) -> Result<(), String> {
        let good = has_verdict(&self.run, "pass");
        for (rule, resource) in has_verdict(run, "pass") {
            // A key whose id could not be read is told by its user.
            let is_known = good
                .iter()
                .any(|(of, known)| *of == rule && is_part_of(known, &resource));
            must(is_known, || format!("`{rule}` of {resource} passes"))?;
        }
        let count = |run: &Value| run["summary"]["pass"].as_u64().unwrap_or_default();
        must(count(run) <= count(&self.run), || {
            "more of them pass".to_owned()
        })?;
        let is_unread = rows(run, "coverage")
            .iter()
            .any(|row| row["status"] == "unreadable");
        let (bad, mut told) = (has_verdict(&self.run, "fail"), has_verdict(run, "fail"));
        let unknown = has_verdict(run, "unknown");
        told.extend(unknown.iter().cloned());
        for (rule, resource) in bad.difference(&told) {
            // Another rule may stand for it: what cannot be read is not told by the rule that would have judged it.
            let is_unknown = unknown.iter().any(|(_, of)| is_part_of(resource, of));
            must(is_unread || is_unknown, || {
                format!("`{rule}` of {resource} is not told any more")
            })?;
        }
        Ok(())
    }

    /// What must hold whatever happened.
    fn is_harmless(&self, aws: &LocalAws) -> Result<(), String> {
        for (key, now) in state(aws) {
            let (before, after) = (self.before.get(&key), self.after.get(&key));
            let is_known = Some(&now) == before || Some(&now) == after;
            // The action is done and its mark is left, for the next run.
            let is_between = key.ends_with(" tags");
            must(is_known || is_between, || format!("{key} is {now}"))?;
        }
        let calls = aws.calls();
        let effects = calls
            .iter()
            .filter(|call| call.changes && call.fault.is_none() && call.status == 200);
        let mut times: BTreeMap<(String, &[String]), usize> = BTreeMap::new();
        for call in effects.filter(|call| call.service != "ses") {
            *times.entry((call.name(), &call.resources)).or_default() += 1;
        }
        for ((call, of), times) in times {
            // A mark is written again where its answer was lost, or where the warning's run could not read it.
            let most = if call == "iam:UntagUser" { 2 } else { 1 };
            must(times <= most, || format!("{call} of {of:?} {times} times"))?;
        }
        if let Some((user, owner)) = self.scenario.warned {
            let key = format!("{user} tags");
            let is_marked = state(aws).get(&key) != self.before.get(&key);
            let mails = mails_to(aws, owner);
            must(!is_marked || mails > 0, || {
                format!("{user} was marked and nobody was warned")
            })?;
            let first = |name: &str| calls.iter().position(|call| call.name() == name);
            must(
                first("iam:TagUser").is_none() || first("ses:SendEmail") < first("iam:TagUser"),
                || "marked before the mail".to_owned(),
            )?;
        }
        Ok(())
    }

    /// A report that says `done` is right; nothing here gives a reason for a veto.
    fn is_true(&self, row: &Value, aws: &LocalAws) -> Result<(), String> {
        match word(row, "outcome").as_str() {
            "done" => {
                let done = format!("{} {}", word(row, "action"), name(row));
                must(self.scenario.actions.contains(&done.as_str()), || {
                    format!("nobody wanted this: {row}")
                })?;
                let changed = state(aws);
                must(changed != self.before, || format!("it is not done: {row}"))
            }
            "failed" => must(word(row, "reason").contains('`'), || {
                format!("a failure without a call: {row}")
            }),
            "planned" => must(self.scenario.actions.is_empty(), || {
                format!("it was not tried: {row}")
            }),
            other => Err(format!("the outcome `{other}`: {row}")),
        }
    }

    fn after_the_second_run(
        &self,
        fault: &Fault,
        aws: &LocalAws,
        again: &Ran,
    ) -> Result<(), String> {
        must(again.code == Some(0), || "it does not end well".to_owned())?;
        self.is_harmless(aws)?;
        let end = state(aws);
        must(end == self.after, || {
            format!("it did not end where the first should have: {end:#?}")
        })?;
        if let Some((user, owner)) = self.scenario.warned {
            // One more for each lost answer of SES, and one where the mark could not be written.
            let is_lost = fault.after_effect && fault.call == "ses:SendEmail";
            let most = 1 + if is_lost { ATTEMPTS } else { 1 };
            let mails = mails_to(aws, owner);
            must((1..=most).contains(&mails), || {
                format!("{mails} warnings about {user}")
            })?;
        }
        must(mails_to(aws, "security@example.com") > 0, || {
            "no report was delivered".to_owned()
        })
    }
}

/// Whether `resource` is `whole`, or in it.
fn is_part_of(resource: &str, whole: &str) -> bool {
    resource
        .strip_prefix(whole)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn mails_to(aws: &LocalAws, to: &str) -> usize {
    aws.mails().iter().filter(|mail| mail.to == [to]).count()
}

fn rows<'a>(run: &'a Value, list: &str) -> &'a [Value] {
    run[list].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn word(row: &Value, key: &str) -> String {
    row[key].as_str().unwrap_or_default().to_owned()
}

/// The last part of a row's ARN.
fn name(row: &Value) -> String {
    let resource = word(row, "resource");
    resource.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Rule and resource of every finding with this verdict.
fn has_verdict(run: &Value, verdict: &str) -> BTreeSet<(String, String)> {
    rows(run, "findings")
        .iter()
        .filter(|row| row["verdict"] == verdict)
        .map(|row| (word(row, "rule"), word(row, "resource")))
        .collect()
}

/// Every finding but for its evidence, in which times may be.
fn findings(run: &Value) -> BTreeSet<String> {
    let row = |row: &Value| {
        ["verdict", "severity", "rule", "resource", "message"]
            .map(|key| word(row, key))
            .join(" ")
    };
    rows(run, "findings").iter().map(row).collect()
}

/// Whatever an action may change, each by itself.
fn state(aws: &LocalAws) -> BTreeMap<String, String> {
    let mut state = BTreeMap::new();
    aws.with(|world| {
        for name in USERS {
            let Some(user) = world.find_user(ACCOUNT, name) else {
                continue;
            };
            let inline: Vec<&String> = user.inline.keys().collect();
            let keys: Vec<(&str, bool)> = user
                .keys
                .iter()
                .map(|key| (key.id.as_str(), key.is_active))
                .collect();
            state.insert(
                format!("{name} access"),
                format!("{} {inline:?} {keys:?}", user.has_password),
            );
            state.insert(format!("{name} tags"), format!("{:?}", user.tags));
        }
        for id in GROUPS {
            if let Some(group) = world.find_security_group(ACCOUNT, REGION, id) {
                state.insert(id.to_owned(), format!("{:?}", group.rules.keys()));
            }
        }
    });
    state
}
