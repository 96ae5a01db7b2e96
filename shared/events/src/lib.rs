//! Reads what sets a function off: Lamplighter's own envelope, and the native events of AWS, told apart by looking at
//! the JSON.
//!
//! It makes records of them and deliberately nothing else: it fetches no object and judges nothing.

// The checks are shared with the fuzz target, to which this crate is a stranger.
#[cfg(test)]
extern crate self as lamplighter_events;

mod codedeploy;
mod deliver;
mod envelope;
mod key;
mod look;
mod mail;
mod object;
mod objects;
mod reader;
mod record;
mod s3;
mod samples;
mod ses;
mod shape;
#[cfg(test)]
mod tests;

pub use deliver::{deliver, form};
pub use envelope::{Envelope, Kind};
pub use mail::{MailEvent, Verdict, Verdicts};
pub use object::{ObjectEvent, Sequencer};
pub use objects::{OBJECTS_SCHEMA, objects_event};
pub use record::{Delivery, DeploymentEvent, Form, Happening, QUARANTINE_SCHEMA, Record, Work};
pub use samples::{SAMPLES, Sample, sample};
