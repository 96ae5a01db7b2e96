//! Whole programs, run as a user runs them, against the simulated account, moto and the real Lambda Runtime API
//! protocol; and the house rules.

mod harness;
