//! `stop-untagged`, run by the real program against a simulated account.

mod accounts;
mod clock;
mod crashes;
mod exemptions;
mod levels;
mod limits;
mod marks;
mod mass;
mod plan_files;
pub mod stage;
mod terminate;
mod two_at_once;
mod warnings;
