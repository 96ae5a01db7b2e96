//! Reads what sets a function off: Lamplighter's own envelope, and the native events of AWS, told apart by looking at
//! the JSON.
//!
//! It makes records of them and deliberately nothing else: it fetches no object and judges nothing.

mod envelope;
mod samples;

pub use envelope::{Envelope, Kind};
pub use samples::{SAMPLES, Sample, sample};
