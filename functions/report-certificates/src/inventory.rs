//! What was seen: certificates, where each was seen, and what its place says about it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use lamplighter_core::Resource;

use crate::certificate::Certificate;

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Inventory {
    /// One for each certificate and place; the same certificate may have been seen in many.
    pub sightings: Vec<Sighting>,
    /// What each endpoint's chain leads to.
    pub served: Vec<Served>,
    /// What a reader should know about the reading.
    pub notes: Vec<String>,
}

/// One certificate in one place.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// The certificate; `None` where only what ACM says about it is known.
    pub certificate: Option<Arc<Certificate>>,
    /// Where.
    pub place: Place,
    /// What it is there.
    pub role: Role,
}

/// What a certificate is where it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The one that names the server.
    Leaf,
    /// One of a file's.
    Member,
    /// One that was given or sent after the leaf.
    Chain,
}

impl Role {
    /// The word in evidence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leaf => "leaf",
            Self::Member => "member",
            Self::Chain => "chain",
        }
    }
}

/// A place where certificates are.
#[derive(Debug, Clone)]
pub enum Place {
    /// A certificate of ACM.
    Acm(Arc<Managed>),
    /// A server certificate of IAM.
    Iam(Arc<Uploaded>),
    /// A file of this machine.
    File {
        /// The caller's account, for the report's rows.
        account: Arc<str>,
        /// The file's path.
        path: Arc<str>,
    },
    /// A TLS endpoint.
    Endpoint {
        /// The caller's account, for the report's rows.
        account: Arc<str>,
        /// As configured: `host:port`, `smtp+starttls://host:25`.
        endpoint: Arc<str>,
    },
}

/// What ACM says about a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed {
    /// Its ARN.
    pub arn: String,
    /// The account it is in.
    pub account: String,
    /// The region it is in.
    pub region: String,
    /// The first name it is for.
    pub domain: String,
    /// What ACM calls its state.
    pub status: Status,
    /// ACM's word for the state.
    pub status_word: String,
    /// Why it failed, where it did, in ACM's words.
    pub failure: Option<String>,
    /// A load balancer, a distribution or the like uses it.
    pub in_use: bool,
    /// Its private key was exported, so it may be in use anywhere.
    pub exported: bool,
    /// Whether ACM renews it.
    pub renewal: Renewal,
    /// From when it holds.
    pub not_before: Option<DateTime<Utc>>,
    /// Until when it holds.
    pub not_after: Option<DateTime<Utc>>,
    /// ACM's word for its key: `RSA_2048`.
    pub key_algorithm: Option<String>,
    /// Who made its key pair: `AWS_MANAGED`, `CUSTOMER_PROVIDED`, `ACME`.
    pub key_pair_origin: Option<String>,
}

/// The state of a certificate in ACM, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Issued or imported; an expired one was.
    Issued,
    /// Waits for somebody to prove that the names are theirs.
    PendingValidation,
    /// Nobody proved it in 72 hours.
    ValidationTimedOut,
    /// Could not be issued.
    Failed,
    /// Was revoked.
    Revoked,
    /// Of a private CA, and no longer usable.
    Inactive,
    /// A state that this program does not know.
    Unknown,
}

/// Whether ACM renews a certificate by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    /// Never: imported, or not eligible.
    Never(&'static str),
    /// Yes, and it has not begun, goes on, or is done.
    Automatic,
    /// It tries to and cannot.
    Stuck {
        /// What it waits for or what failed.
        reason: String,
        /// The names that are not validated.
        domains: Vec<String>,
    },
    /// Its state could not be read.
    Unknown,
}

/// A server certificate of IAM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// Its ARN.
    pub arn: String,
    /// The account it is in.
    pub account: String,
    /// Its name.
    pub name: String,
    /// Until when it holds, as IAM says.
    pub not_after: Option<DateTime<Utc>>,
}

/// What one endpoint's addresses served; addresses that served the same are one.
#[derive(Debug, Clone)]
pub struct Served {
    /// The caller's account, for the report's rows.
    pub account: Arc<str>,
    /// As configured.
    pub endpoint: Arc<str>,
    /// The host that was asked for.
    pub host: String,
    /// The addresses.
    pub addresses: Vec<String>,
    /// The leaf, then what was sent with it.
    pub chain: Vec<Arc<Certificate>>,
    /// The way from the leaf to a root that this machine trusts; the best one, where there are several.
    pub trust: Trust,
}

/// Whether a chain leads to a trusted root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// By this path, without the leaf; the root is the last.
    Path(Vec<Arc<Certificate>>),
    /// By none, and why.
    None(String),
    /// Nobody can tell, and why: the leaf does not hold at this time, or this machine trusts nobody.
    Unknown(String),
}

impl Place {
    /// The resource that stands for a certificate here.
    pub fn resource(&self, role: Role, certificate: Option<&Certificate>) -> Resource {
        let of = |certificate: Option<&Certificate>| {
            certificate.map_or_else(String::new, |certificate| {
                format!("#sha256={}", &certificate.sha256[..16])
            })
        };
        let (arn, account, region) = match self {
            // The leaf is the ARN's own certificate; what comes with it has none.
            Self::Acm(managed) if role == Role::Leaf => (
                managed.arn.clone(),
                managed.account.as_str(),
                Some(managed.region.as_str()),
            ),
            Self::Acm(managed) => (
                format!("{}{}", managed.arn, of(certificate)),
                managed.account.as_str(),
                Some(managed.region.as_str()),
            ),
            Self::Iam(uploaded) if role == Role::Leaf => {
                (uploaded.arn.clone(), uploaded.account.as_str(), None)
            }
            Self::Iam(uploaded) => (
                format!("{}{}", uploaded.arn, of(certificate)),
                uploaded.account.as_str(),
                None,
            ),
            Self::File { account, path } => (
                format!("file://{path}{}", of(certificate)),
                account.as_ref(),
                None,
            ),
            Self::Endpoint { account, endpoint } => (
                format!("{}{}", endpoint_url(endpoint), of(certificate)),
                account.as_ref(),
                None,
            ),
        };
        Resource {
            arn,
            account: account.to_owned(),
            region: region.map(str::to_owned),
        }
    }

    /// The place in evidence.
    pub fn label(&self) -> String {
        match self {
            Self::Acm(managed) => managed.arn.clone(),
            Self::Iam(uploaded) => uploaded.arn.clone(),
            Self::File { path, .. } => format!("file://{path}"),
            Self::Endpoint { endpoint, .. } => endpoint_url(endpoint),
        }
    }

    /// Which place speaks for a certificate that is in several; the least does.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Acm(_) => 0,
            Self::Iam(_) => 1,
            Self::Endpoint { .. } => 2,
            Self::File { .. } => 3,
        }
    }
}

/// `host:port` as `tls://host:port`; one with a scheme stays as it is.
pub(crate) fn endpoint_url(endpoint: &str) -> String {
    if endpoint.contains("://") {
        endpoint.to_owned()
    } else {
        format!("tls://{endpoint}")
    }
}
