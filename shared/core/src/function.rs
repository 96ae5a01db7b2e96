//! What a function implements.

use std::future::Future;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::coverage::{Coverage, ErrorRow};
use crate::error::Result;
use crate::finding::Resource;
use crate::plan::Plan;

/// One job: it looks, decides, and says what should be done.
pub trait Function: Send + Sync + 'static {
    /// The verb phrase people type: `stop-untagged`.
    const NAME: &'static str;
    /// What set it off. Scheduled rounds carry nothing.
    type Event: Send + Sync;
    /// What to judge by, from the configuration.
    type Rules: Send + Sync;
    /// What was seen.
    type Inventory: Send + Sync;
    /// One change.
    type Action: Action;

    /// Reads the world, with clients that can only read; says what could not be read. An `Err` means that nothing
    /// can be said at all.
    fn observe(
        &self,
        event: &Self::Event,
        rules: &Self::Rules,
    ) -> impl Future<Output = Result<Observed<Self::Inventory>>> + Send;

    /// Decides. No `self`: it has no client, no clock, no environment.
    fn plan(
        inventory: &Self::Inventory,
        rules: &Self::Rules,
        now: DateTime<Utc>,
    ) -> Plan<Self::Action>;
}

/// What was seen, and what could not be.
#[derive(Debug)]
pub struct Observed<I> {
    /// What was seen.
    pub inventory: I,
    /// Every scope that was looked at, read or not.
    pub coverage: Vec<Coverage>,
    /// What went wrong beside unreadable scopes, which `coverage` names already.
    pub errors: Vec<ErrorRow>,
}

/// One change to one resource. It goes into plan files, so it can be written and read back.
pub trait Action: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The resource it changes.
    fn resource(&self) -> Resource;
    /// A verb phrase such as `stop-instance`.
    fn name(&self) -> &'static str;
    /// What justifies it, in a sentence.
    fn reason(&self) -> String;
    /// What was seen that justifies it; `apply` re-reads this and leaves alone what no longer matches.
    fn precondition(&self) -> Value;
    /// A command that takes it back, where there is one.
    fn undo(&self) -> Option<String>;
    /// What it does in the third person, for a refusal, if it counts against the limits: `stops`. Marks and warnings
    /// do not count.
    fn limited_verb(&self) -> Option<&'static str>;
    /// What is done in its place to a resource that is excepted, if anything: the mark of a warning is taken away.
    /// Otherwise the day after the exception ends would be the day of the deed, without another warning.
    fn pardon(&self, _because: &str) -> Option<Self> {
        None
    }
    /// The record of an event that it belongs to. Several actions may belong to one.
    fn record(&self) -> Option<&str> {
        None
    }
}

/// Built only to apply. One action per resource; several may be joined into one call, and each gets its own outcome.
/// It never widens: it does an action as written, or says why not.
pub trait Apply<A>: Send + Sync {
    /// Does the actions and answers one outcome for each, in the same order. Safe to run twice.
    fn apply(&self, actions: &[A]) -> impl Future<Output = Vec<Outcome>> + Send;
}

/// What became of one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// Left alone, with the reason: protected, or it no longer violates.
    Vetoed(String),
    /// The resource was gone.
    Vanished,
    /// It was tried and failed, with the reason. Trying again may help.
    Failed(String),
    /// It was tried and cannot succeed, with the reason: a broken image, a bundle that is none. Its record goes into
    /// quarantine.
    Rejected(String),
}

/// The action of a function that changes nothing: there is no value of it, and nothing that applies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoAction {}

impl Action for NoAction {
    fn resource(&self) -> Resource {
        match *self {}
    }

    fn name(&self) -> &'static str {
        match *self {}
    }

    fn reason(&self) -> String {
        match *self {}
    }

    fn precondition(&self) -> Value {
        match *self {}
    }

    fn undo(&self) -> Option<String> {
        match *self {}
    }

    fn limited_verb(&self) -> Option<&'static str> {
        match *self {}
    }
}

impl Apply<NoAction> for NoAction {
    async fn apply(&self, _actions: &[NoAction]) -> Vec<Outcome> {
        match *self {}
    }
}
