//! `deploy-bundles`, against the simulated account: from an upload to a deployment, and all that may come between.

mod crashes;
mod faults;
mod lambda;
mod levels;
mod order;
mod outcomes;
mod queue;
mod refusals;
pub mod stage;
mod uploads;
mod waiting;
