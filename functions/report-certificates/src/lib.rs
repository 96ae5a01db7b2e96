//! Reports every certificate that expired or soon will, wherever it is kept or served: IAM, ACM, files, TLS endpoints.
//!
//! It changes nothing. A certificate that was seen in several places is one certificate, known by the SHA-256 of its
//! DER, and is in exactly one of three buckets: expired, expiring, valid.
//!
//! | File | Does |
//! | --- | --- |
//! | `rules.rs` | what to look at and what to judge by, from the configuration |
//! | `certificate.rs` | what is kept of a certificate, read from its DER |
//! | `contents.rs` | takes the certificates out of a file's bytes |
//! | `inventory.rs` | what was seen, and where |
//! | `observe.rs` | looks everywhere |
//! | `cloud.rs` | ACM and IAM |
//! | `files.rs` | files of this machine |
//! | `endpoints.rs`, `greet.rs`, `trust.rs` | TLS endpoints: meets them, STARTTLS before that, and what their chains lead to |
//! | `merge.rs` | which sightings are one certificate |
//! | `plan.rs` | decides, purely: about certificates; `served.rs` about endpoints |
//! | `subject.rs`, `words.rs` | a certificate under judgement, in words |
//! | `severity.rs` | how much it matters |
//! | `permissions.rs` | the IAM statements it needs |

mod certificate;
mod cloud;
mod connect;
mod contents;
mod endpoints;
mod files;
mod greet;
mod inventory;
mod merge;
mod observe;
mod permissions;
mod plan;
mod rules;
mod served;
mod severity;
mod subject;
mod trust;
mod words;

pub use certificate::Certificate;
pub use contents::{Contents, read as read_contents};
pub use inventory::{
    Inventory, Managed, Place, Renewal, Role, Served, Sighting, Status, Trust, Uploaded,
};
pub use observe::ReportCertificates;
pub use permissions::permissions;
pub use plan::plan;
pub use rules::Rules;
