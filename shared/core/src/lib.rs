//! What every Lamplighter function is: it observes, it plans, it applies, and the result is a [`Run`].
//!
//! ```text
//! event ──> observe ──> inventory ──┐
//!                       rules ──────┼──> plan ──> Plan ──> apply ──> Run ──> report
//!                       now ────────┘    pure             writes
//! ```
//!
//! This crate knows neither AWS nor a runtime: it reads no clock, no environment, no file. It deliberately renders
//! nothing and delivers nothing; that is `shared/report` and `shared/shell`.

mod delta;
mod engine;
mod error;
mod exception;
mod function;
mod limits;
pub mod mark;
mod part;
mod plan;
mod plan_file;
mod policy;
mod progress;
mod record;
mod run;

pub use delta::Delta;
pub use engine::{Request, apply_plan, plan_only, run};
pub use error::{Error, ErrorKind, Result, chain};
pub use exception::{Exception, ExceptionRow, ExceptionStatus};
pub use function::{Action, Apply, Function, NoAction, Observed, Outcome};
pub use limits::{Limits, Population, refusal};
pub use mark::MarkRule;
pub use part::{Part, Tally};
pub use plan::{Plan, Skip};
pub use plan_file::{PLAN_SCHEMA, PlanFile, VALID_HOURS as PLAN_VALID_HOURS};
pub use policy::{Statement, policy_document};
pub use progress::Progress;
pub use record::{Decided, Decision, Disposition, RecordOutcome, RecordRow};
pub use run::{
    Account, ActionOutcome, ActionRow, Coverage, CoverageStatus, Delivery, DeliveryOutcome,
    ErrorRow, Finding, Measure, Mode, Resource, Run, RunOutcome, SCHEMA, Severity, Skipped,
    Summary, Trigger, Verdict,
};
