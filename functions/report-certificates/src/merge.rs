//! Which sightings are one certificate.

use std::collections::BTreeMap;

use crate::certificate::Certificate;
use crate::inventory::{Managed, Place, Role, Sighting};

/// One certificate with everything that was seen of it.
#[derive(Debug)]
pub(crate) struct Merged<'a> {
    /// The certificate; `None` where only what ACM or IAM says about it is known.
    pub(crate) certificate: Option<&'a Certificate>,
    /// The sightings; the first speaks for it.
    pub(crate) sightings: Vec<&'a Sighting>,
}

/// Whether anybody depends on a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Yes,
    /// Nobody can tell: AWS does not say it of IAM's certificates, and a file says nothing.
    Unknown,
    No,
}

impl<'a> Merged<'a> {
    pub(crate) fn first(&self) -> &'a Sighting {
        self.sightings[0]
    }

    /// Its entries in ACM, of which it is the own certificate.
    pub(crate) fn managed(&self) -> impl Iterator<Item = &'a Managed> {
        self.sightings
            .iter()
            .filter_map(|sighting| match &sighting.place {
                Place::Acm(managed) if sighting.role == Role::Leaf => Some(&**managed),
                _ => None,
            })
    }

    /// Whether it is only ever something that is sent with a leaf.
    pub(crate) fn is_chain(&self) -> bool {
        self.sightings
            .iter()
            .all(|sighting| sighting.role == Role::Chain)
    }

    pub(crate) fn is_served(&self) -> bool {
        self.sightings
            .iter()
            .any(|sighting| matches!(sighting.place, Place::Endpoint { .. }))
    }

    pub(crate) fn in_use(&self) -> Use {
        let mut known = Use::No;
        for sighting in &self.sightings {
            match &sighting.place {
                Place::Endpoint { .. } => return Use::Yes,
                // What was exported lives outside AWS, where ACM sees no use.
                Place::Acm(managed) if managed.in_use || managed.exported => return Use::Yes,
                Place::Acm(_) => {}
                Place::Iam(_) | Place::File { .. } => known = Use::Unknown,
            }
        }
        known
    }
}

/// The sightings by certificate, in a stable order. What has no body is one certificate for each place.
pub(crate) fn merge(sightings: &[Sighting]) -> Vec<Merged<'_>> {
    let mut by_identity: BTreeMap<String, Vec<&Sighting>> = BTreeMap::new();
    for sighting in sightings {
        let identity = match &sighting.certificate {
            Some(certificate) => certificate.sha256.clone(),
            None => sighting.place.label(),
        };
        by_identity.entry(identity).or_default().push(sighting);
    }
    by_identity
        .into_values()
        .map(|mut sightings| {
            sightings.sort_by_cached_key(|sighting| {
                (
                    sighting.role == Role::Chain,
                    sighting.place.rank(),
                    sighting.place.label(),
                )
            });
            Merged {
                certificate: sightings[0].certificate.as_deref(),
                sightings,
            }
        })
        .collect()
}
