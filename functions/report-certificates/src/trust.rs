//! What a served chain leads to: a root that this machine trusts, by the path that holds longest.
//!
//! The verifying is webpki's, the same that the SDK's TLS relies on. Revocation is not looked at.

use std::cell::RefCell;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use std::time::Duration;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

use crate::certificate::Certificate;
use crate::inventory::Trust;

/// The roots that this machine trusts, and what is known of each.
pub(crate) struct Roots {
    anchors: Vec<TrustAnchor<'static>>,
    /// By the subject's and the key's bytes, which is what an anchor is.
    known: Vec<(Vec<u8>, Vec<u8>, Arc<Certificate>)>,
}

impl Roots {
    /// The machine's own: `SSL_CERT_FILE`, `SSL_CERT_DIR`, else where systems keep them.
    pub(crate) fn of_this_machine() -> Self {
        Self::of(rustls_native_certs::load_native_certs().certs)
    }

    fn of(certificates: Vec<CertificateDer<'static>>) -> Self {
        let mut roots = Self {
            anchors: vec![],
            known: vec![],
        };
        for der in certificates {
            // A root that cannot be read is one that nothing leads to.
            let Ok(anchor) = anchor_from_trusted_cert(&der) else {
                continue;
            };
            if let Ok(certificate) = Certificate::from_der(&der) {
                roots.known.push((
                    anchor.subject.to_vec(),
                    anchor.subject_public_key_info.to_vec(),
                    Arc::new(certificate),
                ));
            }
            roots.anchors.push(anchor.to_owned());
        }
        roots
    }

    /// Where a chain leads at a time; the leaf is its first.
    pub(crate) fn judge(
        &self,
        ders: &[CertificateDer<'static>],
        chain: &[Arc<Certificate>],
        now: DateTime<Utc>,
    ) -> Trust {
        let (Some(leaf_der), Some(leaf)) = (ders.first(), chain.first()) else {
            return Trust::Unknown("it served no certificate".to_owned());
        };
        if self.anchors.is_empty() {
            return Trust::Unknown("this machine has no trusted roots".to_owned());
        }
        if now < leaf.not_before || leaf.not_after <= now {
            return Trust::Unknown("its certificate does not hold at this time".to_owned());
        }
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let entity = match EndEntityCert::try_from(leaf_der) {
            Ok(entity) => entity,
            Err(error) => return Trust::None(words(&error)),
        };
        let best: RefCell<Option<Vec<Arc<Certificate>>>> = RefCell::new(None);
        let verified = entity.verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &self.anchors,
            &ders[1..],
            time,
            KeyUsage::server_auth(),
            None,
            Some(&|path: &webpki::VerifiedPath<'_>| {
                let mut steps: Vec<Arc<Certificate>> = path
                    .intermediate_certificates()
                    .filter_map(|step| {
                        let at = ders.iter().position(|der| *der == step.der())?;
                        chain.get(at).cloned()
                    })
                    .collect();
                steps.extend(self.root(path.anchor()));
                let ends =
                    |steps: &[Arc<Certificate>]| steps.iter().map(|step| step.not_after).min();
                let mut best = best.borrow_mut();
                if best.as_deref().is_none_or(|best| ends(best) < ends(&steps)) {
                    *best = Some(steps);
                }
                // Not this one: so every other path is shown too.
                Err(Error::UnknownIssuer)
            }),
        );
        match (best.into_inner(), verified) {
            (Some(path), _) => Trust::Path(path),
            (None, Err(error)) => Trust::None(words(&error)),
            (None, Ok(_)) => Trust::Unknown("no path was shown".to_owned()),
        }
    }

    fn root(&self, anchor: &TrustAnchor<'_>) -> Option<Arc<Certificate>> {
        let same = self.known.iter().find(|(subject, key, _)| {
            **subject == *anchor.subject && **key == *anchor.subject_public_key_info
        });
        same.map(|(_, _, certificate)| Arc::clone(certificate))
    }
}

fn words(error: &Error) -> String {
    match error {
        Error::UnknownIssuer => {
            "its issuer is not known here, or an intermediate is not sent".to_owned()
        }
        Error::CaUsedAsEndEntity => "it is an authority's certificate, not a server's".to_owned(),
        other => format!("`{other:?}`"),
    }
}
