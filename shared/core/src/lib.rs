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

mod coverage;
mod delta;
mod engine;
mod error;
mod exception;
mod finding;
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

pub use coverage::{Coverage, CoverageStatus, ErrorRow};
pub use delta::Delta;
pub use engine::{Request, apply_plan, plan_only, run};
pub use error::{Error, ErrorKind, Result, chain};
pub use exception::{Exception, ExceptionRow, ExceptionStatus};
pub use finding::{Finding, Resource, Severity, Verdict};
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
    Account, ActionOutcome, ActionRow, Delivery, DeliveryOutcome, Measure, Mode, Run, RunOutcome,
    SCHEMA, Skipped, Summary, Trigger,
};
