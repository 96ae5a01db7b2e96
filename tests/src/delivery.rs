//! Reports that people act on: exceptions, what is new since the last run, mail per owner with a weekly report, and
//! the other destinations; run by the real program against a simulated account.

mod destinations;
mod exceptions;
mod since;
mod stage;
