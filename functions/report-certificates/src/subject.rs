//! One certificate under judgement: its dates, its names and places in words, and the finding with all that is known.

use chrono::{DateTime, Utc};
use lamplighter_core::{Finding, Resource, Severity, Verdict};
use serde_json::{Value, json};

use crate::inventory::{Place, Renewal, Role};
use crate::merge::{Merged, Use};
use crate::rules::Rules;
use crate::words::{names, rfc3339};

/// Evidence names this many places; a root may be in thousands.
const MOST_PLACES: usize = 20;

/// One certificate under judgement.
pub(crate) struct Subject<'a> {
    pub(crate) merged: &'a Merged<'a>,
    pub(crate) is_spare: bool,
    pub(crate) rules: &'a Rules,
    pub(crate) now: DateTime<Utc>,
}

impl Subject<'_> {
    pub(crate) fn not_after(&self) -> Option<DateTime<Utc>> {
        let said = self.merged.certificate.map(|known| known.not_after);
        said.or_else(|| self.merged.managed().find_map(|managed| managed.not_after))
            .or_else(|| {
                self.merged
                    .sightings
                    .iter()
                    .find_map(|sighting| match &sighting.place {
                        Place::Iam(uploaded) => uploaded.not_after,
                        _ => None,
                    })
            })
    }

    pub(crate) fn not_before(&self) -> Option<DateTime<Utc>> {
        let said = self.merged.certificate.map(|known| known.not_before);
        said.or_else(|| self.merged.managed().find_map(|managed| managed.not_before))
    }

    pub(crate) fn renews_itself(&self) -> bool {
        let mut entries = self.merged.managed().peekable();
        entries.peek().is_some()
            && entries.all(|managed| managed.renewal == Renewal::Automatic && !managed.exported)
            // What is also served from elsewhere, or lies in a file, is not renewed there.
            && self.merged.sightings.iter().all(|sighting| matches!(sighting.place, Place::Acm(_) | Place::Endpoint { .. }))
    }

    /// What will become of it: ACM's certificates may renew themselves.
    pub(crate) fn outlook(&self) -> String {
        let Some(managed) = self.merged.managed().next() else {
            return String::new();
        };
        let renewal = match &managed.renewal {
            Renewal::Never(reason) => format!("; ACM does not renew it: {reason}"),
            Renewal::Automatic if managed.exported => {
                "; ACM renews it, but what was exported has to be exported again".to_owned()
            }
            Renewal::Automatic => "; ACM renews it by itself".to_owned(),
            Renewal::Stuck { reason, .. } => format!("; ACM cannot renew it: {reason}"),
            Renewal::Unknown => "; whether ACM renews it could not be read".to_owned(),
        };
        let used = match (managed.in_use, managed.exported) {
            (true, _) => "; in use",
            (false, true) => "; exported, so it may be in use outside AWS",
            (false, false) => "; not in use",
        };
        format!("{used}{renewal}")
    }

    /// The certificate in words.
    pub(crate) fn title(&self) -> String {
        let kind = if self.merged.is_chain() {
            "Chain certificate"
        } else {
            "Certificate"
        };
        let name = match (self.merged.certificate, &self.merged.first().place) {
            (Some(known), _) => known.name(),
            (None, Place::Acm(managed)) => &managed.domain,
            (None, Place::Iam(uploaded)) => &uploaded.name,
            (None, Place::File { path, .. }) => path,
            (None, Place::Endpoint { endpoint, .. }) => endpoint,
        };
        format!("{kind} `{name}`")
    }

    /// Where it is, in words: the first place, and how many more.
    pub(crate) fn places(&self) -> String {
        let first = self.merged.first();
        let place = match (&first.place, first.role) {
            (Place::Acm(managed), Role::Leaf) => format!("in ACM in `{}`", managed.region),
            (Place::Acm(managed), _) => format!(
                "in the chain of `{}` in ACM in `{}`",
                managed.domain, managed.region
            ),
            (Place::Iam(uploaded), Role::Leaf) => {
                format!("server certificate `{}` of IAM", uploaded.name)
            }
            (Place::Iam(uploaded), _) => format!(
                "in the chain of server certificate `{}` of IAM",
                uploaded.name
            ),
            (Place::File { path, .. }, _) => format!("in `{path}`"),
            (Place::Endpoint { endpoint, .. }, Role::Chain) => {
                format!("sent along by `{endpoint}`")
            }
            (Place::Endpoint { endpoint, .. }, _) => format!("served by `{endpoint}`"),
        };
        match self.labels().len() {
            0 | 1 => place,
            2 => format!("{place} and in another place"),
            more => format!("{place} and in {} other places", more - 1),
        }
    }

    pub(crate) fn labels(&self) -> Vec<String> {
        let mut labels: Vec<String> = Vec::new();
        for sighting in &self.merged.sightings {
            let label = sighting.place.label();
            if labels.last() != Some(&label) {
                labels.push(label);
            }
        }
        labels
    }

    pub(crate) fn sha256(&self) -> Value {
        json!(self.merged.certificate.map(|known| known.sha256.as_str()))
    }

    pub(crate) fn resource(&self) -> Resource {
        let first = self.merged.first();
        first.place.resource(first.role, self.merged.certificate)
    }

    /// A finding with all that is known about the certificate.
    pub(crate) fn finding(
        &self,
        rule: &'static str,
        level: Severity,
        verdict: Verdict,
        message: String,
    ) -> Finding {
        let first = self.merged.first();
        let mut labels = self.labels();
        let places = labels.len();
        labels.truncate(MOST_PLACES);
        let mut finding = Finding::new(rule, level, verdict, &self.resource(), message)
            .evidence("sha256", self.sha256())
            .evidence("name", self.title().split('`').nth(1).unwrap_or_default())
            .evidence("not_before", json!(self.not_before().map(rfc3339)))
            .evidence("not_after", json!(self.not_after().map(rfc3339)))
            .evidence("role", first.role.as_str())
            .evidence(
                "in_use",
                match self.merged.in_use() {
                    Use::Yes => json!(true),
                    Use::No => json!(false),
                    Use::Unknown => Value::Null,
                },
            )
            .evidence("sources", json!(labels))
            .evidence("sources_count", places);
        if let Some(known) = self.merged.certificate {
            finding = finding
                .evidence("subject", known.subject.as_str())
                .evidence("issuer", known.issuer.as_str())
                .evidence("serial", known.serial.as_str())
                .evidence("names", json!(names(known)))
                .evidence("key", known.key.as_str())
                .evidence("signature", known.signature.as_str());
        }
        if let Some(managed) = self.merged.managed().next() {
            finding = finding
                .evidence("status", managed.status_word.as_str())
                .evidence("exported", managed.exported)
                .evidence(
                    "renewal",
                    match &managed.renewal {
                        Renewal::Never(_) => "never",
                        Renewal::Automatic => "automatic",
                        Renewal::Stuck { .. } => "stuck",
                        Renewal::Unknown => "unknown",
                    },
                );
            if let Some(origin) = &managed.key_pair_origin {
                finding = finding.evidence("key_pair_origin", origin.as_str());
            }
        }
        finding
    }
}
