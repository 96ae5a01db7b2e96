//! The record of one run: `lamplighter/run/v1`, the value that every report format is made from.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::coverage::{Coverage, ErrorRow};
use crate::delta::Delta;
use crate::exception::ExceptionRow;
use crate::finding::{Finding, Verdict};
use crate::part::{Part, Tally};
use crate::record::RecordRow;

/// The schema of [`Run`] as JSON. Adding fields is free; renaming or removing one is a new version.
pub const SCHEMA: &str = "lamplighter/run/v1";

/// How far a run may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Output only: no changing call, no mail, no object, no tag, no state.
    DryRun,
    /// No action is applied; the report is delivered and state is written.
    Plan,
    /// Actions too.
    Apply,
}

impl Mode {
    /// The word as in JSON and the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DryRun => "dry-run",
            Self::Plan => "plan",
            Self::Apply => "apply",
        }
    }
}

/// What set the run off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// A person, by hand.
    Manual,
    /// A schedule: EventBridge, or the daemon's planner.
    Schedule,
    /// An event of S3, SES, CodeDeploy or a queue.
    Event,
    /// A dead letter or an on-failure record, tried again.
    Replay,
}

impl Trigger {
    /// The word as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Schedule => "schedule",
            Self::Event => "event",
            Self::Replay => "replay",
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunOutcome {
    /// Everything could be read, and every action was done, vetoed or vanished.
    Ok,
    /// Something could not be read, or an action or a delivery failed.
    Partial,
    /// The run itself failed.
    Failed,
    /// A limit stopped it before its first change.
    Refused,
}

impl RunOutcome {
    /// The word as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

/// An AWS account: its 12-digit id, and its alias where one could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The 12-digit account id.
    pub id: String,
    /// The IAM account alias, if the account has one and it may be read.
    pub alias: Option<String>,
}

/// What became of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionOutcome {
    /// It would be done in apply mode.
    Planned,
    /// It was done.
    Done,
    /// It was tried and failed.
    Failed,
    /// Left alone: protected, or it no longer violates.
    Vetoed,
    /// The resource was gone.
    Vanished,
}

impl ActionOutcome {
    /// The word as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Vetoed => "vetoed",
            Self::Vanished => "vanished",
        }
    }
}

/// One change, planned or made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionRow {
    /// The resource's ARN.
    pub resource: String,
    /// The 12-digit account id.
    pub account: String,
    /// The region, or `None` where the service is global.
    pub region: Option<String>,
    /// A verb phrase such as `stop-instance`.
    pub action: Cow<'static, str>,
    /// What became of it.
    pub outcome: ActionOutcome,
    /// Why it failed or was left alone, or what justifies it while it is planned.
    pub reason: Option<String>,
    /// A command that takes it back, where there is one.
    pub undo: Option<String>,
}

/// Something left alone, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The resource's ARN.
    pub resource: String,
    /// The 12-digit account id.
    pub account: String,
    /// The region, or `None` where the service is global.
    pub region: Option<String>,
    /// Why it was left alone.
    pub reason: String,
}

/// How many of everything. Counts all verdicts, whatever the report lists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Resources judged, each counted once however many rules it was judged by.
    pub inspected: usize,
    /// Verdicts `pass`.
    pub pass: usize,
    /// Verdicts `fail`.
    pub fail: usize,
    /// Verdicts `not_applicable`.
    pub not_applicable: usize,
    /// Verdicts `unknown`.
    pub unknown: usize,
    /// Actions planned and not applied.
    pub planned: usize,
    /// Actions done.
    pub done: usize,
    /// Actions failed.
    pub failed: usize,
    /// Things left alone.
    pub skipped: usize,
}

/// A number that the next run compares with, such as the share of untagged instances of an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// The 12-digit account id.
    pub account: String,
    /// Its name, with the unit: `offending_percent`.
    pub name: String,
    /// Its value.
    pub value: f64,
}

/// What became of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryOutcome {
    /// It was handed over.
    Delivered,
    /// It was not: see `reason`.
    Failed,
    /// Nothing to say, or told not to.
    Suppressed,
}

/// One destination of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// `mail`, never an address.
    pub destination: String,
    /// What became of it.
    pub outcome: DeliveryOutcome,
    /// Why.
    pub reason: Option<String>,
}

/// One plan with its outcomes: everything a report needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Always [`SCHEMA`].
    pub schema: Cow<'static, str>,
    /// A ULID; also the session name of assumed roles, so that CloudTrail shows the run.
    pub run_id: String,
    /// The function's name.
    pub function: Cow<'static, str>,
    /// How far it was allowed to go.
    pub mode: Mode,
    /// What set it off.
    pub trigger: Trigger,
    /// The scheduled time it stands for.
    pub slot: Option<DateTime<Utc>>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// The caller's account.
    pub account: Account,
    /// How it ended.
    pub outcome: RunOutcome,
    /// In a dry run or plan: why apply would be refused.
    pub would_refuse: Option<String>,
    /// How many of everything.
    pub summary: Summary,
    /// What was looked at.
    pub coverage: Vec<Coverage>,
    /// What was decided, `fail` and `unknown` only unless everything was asked for.
    pub findings: Vec<Finding>,
    /// What was changed, or would be.
    pub actions: Vec<ActionRow>,
    /// What was left alone.
    pub skipped: Vec<Skipped>,
    /// What went wrong.
    pub errors: Vec<ErrorRow>,
    /// Things a reader should know about this run, such as a limit that could not be checked.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Numbers the next run compares with.
    #[serde(default)]
    pub measures: Vec<Measure>,
    /// What became of the report.
    #[serde(default)]
    pub deliveries: Vec<Delivery>,
    /// The event's metadata as it came, unknown keys kept.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// The records of the event that set it off, and what became of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<RecordRow>,
    /// The exceptions of this function's rules, and what became of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<ExceptionRow>,
    /// What is new since the last recorded run; only with a state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<Delta>,
    /// Which part it is, of a run that had no time for everything at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// What it and the parts before it planned and read; handed on with the part, and not recorded.
    #[serde(skip)]
    pub tally: Tally,
    /// The day of the last full report by mail, in UTC; only with a state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digested_on: Option<NaiveDate>,
}

impl Run {
    /// The findings a report lists by default: `fail` and `unknown`.
    pub fn problems(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| matches!(finding.verdict, Verdict::Fail | Verdict::Unknown))
    }

    /// The same run with only the findings that a report lists by default. Does not copy the others: there may be
    /// tens of thousands.
    #[must_use]
    pub fn problems_only(&self) -> Self {
        Self {
            findings: self.problems().cloned().collect(),
            actions: self.actions.clone(),
            skipped: self.skipped.clone(),
            errors: self.errors.clone(),
            notes: self.notes.clone(),
            measures: self.measures.clone(),
            deliveries: self.deliveries.clone(),
            records: self.records.clone(),
            exceptions: self.exceptions.clone(),
            delta: self.delta.clone(),
            ..self.frame()
        }
    }

    /// The same run without what was found and done: who, when and where.
    #[must_use]
    pub fn frame(&self) -> Self {
        Self {
            schema: self.schema.clone(),
            run_id: self.run_id.clone(),
            function: self.function.clone(),
            mode: self.mode,
            trigger: self.trigger,
            slot: self.slot,
            started_at: self.started_at,
            finished_at: self.finished_at,
            account: self.account.clone(),
            outcome: self.outcome,
            would_refuse: self.would_refuse.clone(),
            summary: self.summary.clone(),
            coverage: self.coverage.clone(),
            findings: vec![],
            actions: vec![],
            skipped: vec![],
            errors: vec![],
            notes: vec![],
            measures: vec![],
            deliveries: vec![],
            metadata: self.metadata.clone(),
            records: vec![],
            exceptions: vec![],
            delta: None,
            part: self.part.clone(),
            tally: Tally::default(),
            digested_on: self.digested_on,
        }
    }

    /// Findings worth an exit code: at least one `fail` or `unknown`.
    pub fn has_findings(&self) -> bool {
        self.summary.fail + self.summary.unknown > 0
    }

    /// The exit code of a program that ends with this run.
    pub fn exit_code(&self, fail_on_findings: bool) -> u8 {
        match self.outcome {
            RunOutcome::Failed | RunOutcome::Refused => 1,
            RunOutcome::Partial => 4,
            RunOutcome::Ok if fail_on_findings && self.has_findings() => 3,
            RunOutcome::Ok => 0,
        }
    }

    /// Adds a finding to a run that is made already.
    pub fn add_finding(&mut self, finding: Finding) {
        match finding.verdict {
            Verdict::Pass => self.summary.pass += 1,
            Verdict::Fail => self.summary.fail += 1,
            Verdict::NotApplicable => self.summary.not_applicable += 1,
            Verdict::Unknown => self.summary.unknown += 1,
        }
        self.summary.inspected += 1;
        let place = self
            .findings
            .partition_point(|other| other.rank() <= finding.rank());
        self.findings.insert(place, finding);
    }

    /// Something went wrong beside what was judged and done: the run is partial.
    pub fn went_wrong(&mut self, scope: impl Into<String>, message: impl Into<String>) {
        self.errors.push(ErrorRow {
            scope: scope.into(),
            message: message.into(),
        });
        if self.outcome == RunOutcome::Ok {
            self.outcome = RunOutcome::Partial;
        }
    }

    /// Records that the report could not be delivered. What was done stays done; the run is partial.
    pub fn delivered(&mut self, delivery: Delivery) {
        if delivery.outcome == DeliveryOutcome::Failed {
            self.errors.push(ErrorRow {
                scope: "report".to_owned(),
                message: format!(
                    "the report was not delivered by {}: {}",
                    delivery.destination,
                    delivery.reason.as_deref().unwrap_or("no reason was given")
                ),
            });
            if self.outcome == RunOutcome::Ok {
                self.outcome = RunOutcome::Partial;
            }
        }
        self.deliveries.push(delivery);
    }
}
