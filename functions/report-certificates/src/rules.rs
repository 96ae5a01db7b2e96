//! What to look at and what to judge by, made from the `[report-certificates]` section.

use chrono::Duration;
use lamplighter_config::{AddressKind, Endpoint};

/// What to look at and what to judge by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// A certificate that ends within this many days is expiring.
    pub warn_days: u32,
    /// Look at IAM's server certificates.
    pub iam: bool,
    /// Look at ACM.
    pub acm: bool,
    /// Files to look at.
    pub files: Vec<String>,
    /// Where the password of a PKCS#12 file is: glob, then `env:NAME` or `file:/path`; the first that fits.
    pub file_passwords: Vec<(String, String)>,
    /// TLS endpoints to look at.
    pub endpoints: Vec<Endpoint>,
    /// Which of an endpoint's addresses are met.
    pub endpoint_addresses: AddressKind,
    /// How long one address may take.
    pub endpoint_timeout_secs: u32,
}

impl Rules {
    /// How long before its end a certificate with this life is expiring: `warn_days`, or a third of the life where the
    /// whole life is no longer than `warn_days`. Otherwise a certificate of six days would be expiring all its life.
    pub fn window(&self, lifetime: Duration) -> Duration {
        let most = Duration::days(i64::from(self.warn_days));
        if lifetime > most {
            most
        } else {
            Duration::seconds((lifetime.num_seconds() / 3).max(0))
        }
    }
}
