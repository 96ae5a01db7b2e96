//! `audit-security-groups`, run by the real program against a simulated account.

mod levels;
mod reading;
mod revoking;
mod scale;
mod stage;
mod vectors;
