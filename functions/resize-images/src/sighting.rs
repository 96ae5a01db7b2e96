//! What was seen of the records of an event: the images, and their copies.

use crate::place::{Mark, Origin};
use lamplighter_images::{Header, Refusal};

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// The 12-digit account id.
    pub account: String,
    /// `aws`, `aws-cn` …
    pub partition: String,
    /// What was seen for each record.
    pub sightings: Vec<Sighting>,
}

/// What was seen for one record.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// The record's place in the event.
    pub record: String,
    /// What it is about, for people.
    pub subject: String,
    /// What was seen.
    pub seen: Seen,
}

/// What was seen for one record.
#[derive(Debug, Clone)]
pub enum Seen {
    /// There is nothing to do, with the reason.
    Nothing(String),
    /// It could not be looked at, with the reason. Another attempt may succeed.
    Unread(String),
    /// Nobody can read the record, with the reason.
    Refused(String),
    /// The image is there.
    There(Box<Source>),
    /// There is no image any more. Its copies are still there.
    Gone {
        /// Which image it was.
        bucket: String,
        /// Its key.
        key: String,
        /// The region of its bucket, where the event names it.
        region: Option<String>,
        /// Its copies.
        copies: Vec<Copy>,
    },
}

/// An image that is there.
#[derive(Debug, Clone)]
pub struct Source {
    /// Which object, and which state of it.
    pub origin: Origin,
    /// The region of its bucket, where the event names it.
    pub region: Option<String>,
    /// Its bytes.
    pub size: u64,
    /// Its header, or what is wrong with it. `None`: its first bytes do not tell, or nobody asked.
    pub header: Option<Result<Box<Header>, Refusal>>,
    /// Where its copies belong.
    pub copies: Vec<Copy>,
}

/// The place of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Its width, as configured.
    pub width: u32,
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// What lies there.
    pub found: Option<Mark>,
}
