//! ACM and IAM.
//!
//! Every certificate has its text read once, one call each: the SHA-256 that makes it the same certificate as the one
//! on an endpoint or in a file is of the text, and so are its chain, its names and its signature. What the lists say
//! beside that is enough for a bucket, so a text that may not be read costs the evidence, not the verdict.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use futures::StreamExt;
use futures::stream;
use lamplighter_aws::acm::{
    self, CertificateDetail, CertificateStatus, CertificateSummary, CertificateType, DomainStatus,
    RenewalEligibility, RenewalStatus, time,
};
use lamplighter_aws::{AccountSession, Scope, Session, iam_certificates};
use lamplighter_core::{Coverage, ErrorRow, Result, chain};

use crate::contents;
use crate::inventory::{Managed, Place, Renewal, Role, Sighting, Status, Uploaded};

/// How many certificates of one place are read at once. ACM allows 10 calls in a second.
/// <https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html>
const AT_ONCE: usize = 8;

/// ACM begins to renew at most this many days before the end, so nothing is stuck before that.
/// <https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html>
const RENEWAL_DAYS: i64 = 60;

/// What was read in one place.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) sightings: Vec<Sighting>,
    pub(crate) coverage: Vec<Coverage>,
    pub(crate) errors: Vec<ErrorRow>,
}

impl Reading {
    pub(crate) fn unreadable(scope: String, error: String) -> Self {
        Self {
            coverage: vec![Coverage::unreadable(scope, error)],
            ..Self::default()
        }
    }

    /// Puts an error beside what was read, once, however many certificates it struck.
    fn note_error(&mut self, scope: &str, message: String) {
        let row = ErrorRow {
            scope: scope.to_owned(),
            message,
        };
        if !self.errors.contains(&row) {
            self.errors.push(row);
        }
    }
}

/// Reads ACM in one region.
pub(crate) async fn read_acm(scope: &Scope, warn_days: u32, session: &Session) -> Reading {
    let reader = acm::Reader::new(scope);
    let name = scope.name();
    let summaries = match reader.certificates().await {
        Ok(summaries) => summaries,
        Err(error) => {
            let error = error.context(format!(
                "cannot list the certificates in `{}`",
                scope.region
            ));
            return Reading::unreadable(name, chain(&error));
        }
    };
    session.progress().saw(summaries.len());
    let horizon = session.opened_at() + Duration::days(i64::from(warn_days).max(RENEWAL_DAYS) + 1);
    let count = summaries.len();
    let work = summaries
        .into_iter()
        .map(|summary| read_managed(&reader, scope, summary, horizon));
    let mut reading = Reading::default();
    let mut answers = stream::iter(work).buffered(AT_ONCE);
    while let Some(answer) = answers.next().await {
        reading.sightings.extend(answer.sightings);
        for problem in answer.problems {
            reading.note_error(&name, problem);
        }
    }
    reading.coverage.push(Coverage::read(name, count));
    reading
}

/// What is known of one certificate of ACM.
struct One {
    sightings: Vec<Sighting>,
    problems: Vec<String>,
}

async fn read_managed(
    reader: &acm::Reader,
    scope: &Scope,
    summary: CertificateSummary,
    horizon: DateTime<Utc>,
) -> One {
    let mut problems = Vec::new();
    let arn = summary.certificate_arn().unwrap_or_default().to_owned();
    let mut managed = managed(scope, &summary);
    if needs_details(&summary, horizon) {
        match reader.describe(&arn).await {
            Ok(Some(detail)) => add_details(&mut managed, &detail),
            Ok(None) => {}
            Err(error) => {
                if managed.renewal == Renewal::Automatic {
                    managed.renewal = Renewal::Unknown;
                }
                problems.push(chain(&error.context("cannot tell how renewals stand")));
            }
        }
    }
    let has_text = !matches!(
        managed.status,
        Status::PendingValidation | Status::ValidationTimedOut | Status::Failed
    );
    let body = if has_text {
        reader.body(&arn).await
    } else {
        Ok(None)
    };
    let place = Place::Acm(Arc::new(managed));
    let body = body.map(|body| body.map(|body| (body.certificate, body.chain)));
    let sightings = sightings(&place, body, &mut problems);
    One {
        sightings,
        problems,
    }
}

/// The certificate and its chain, as far as their text could be read.
fn sightings(
    place: &Place,
    body: Result<Option<(String, Option<String>)>>,
    problems: &mut Vec<String>,
) -> Vec<Sighting> {
    let (text, chain_text) = match body {
        Ok(Some((certificate, chain))) => (certificate, chain.unwrap_or_default()),
        Ok(None) => Default::default(),
        Err(error) => {
            problems.push(chain(
                &error.context("cannot read the text of certificates"),
            ));
            Default::default()
        }
    };
    let mut leaf = None;
    let mut found = Vec::new();
    for (text, role) in [(text, Role::Leaf), (chain_text, Role::Chain)] {
        if text.trim().is_empty() {
            continue;
        }
        let read = contents::read(text.as_bytes(), None);
        for problem in read.problems {
            problems.push(format!("cannot read `{}`: {problem}", place.label()));
        }
        for certificate in read.certificates {
            let certificate = Arc::new(certificate);
            // A chain that was pasted behind the certificate is a chain all the same.
            if role == Role::Leaf && leaf.is_none() {
                leaf = Some(certificate);
            } else {
                found.push(Sighting {
                    certificate: Some(certificate),
                    place: place.clone(),
                    role: Role::Chain,
                });
            }
        }
    }
    found.insert(
        0,
        Sighting {
            certificate: leaf,
            place: place.clone(),
            role: Role::Leaf,
        },
    );
    found
}

fn managed(scope: &Scope, summary: &CertificateSummary) -> Managed {
    let status = match summary.status() {
        Some(CertificateStatus::Issued | CertificateStatus::Expired) => Status::Issued,
        Some(CertificateStatus::PendingValidation) => Status::PendingValidation,
        Some(CertificateStatus::ValidationTimedOut) => Status::ValidationTimedOut,
        Some(CertificateStatus::Failed) => Status::Failed,
        Some(CertificateStatus::Revoked) => Status::Revoked,
        Some(CertificateStatus::Inactive) => Status::Inactive,
        _ => Status::Unknown,
    };
    let renewal = match (summary.r#type(), summary.renewal_eligibility()) {
        (Some(CertificateType::Imported), _) => Renewal::Never("it was imported"),
        (_, Some(RenewalEligibility::Eligible)) => Renewal::Automatic,
        _ => Renewal::Never("it is not eligible, as a certificate is that is not in use"),
    };
    let word = |word: Option<&str>| word.map(str::to_owned);
    Managed {
        arn: summary.certificate_arn().unwrap_or_default().to_owned(),
        account: scope.account.clone(),
        region: scope.region.clone(),
        domain: summary.domain_name().unwrap_or_default().to_owned(),
        status,
        status_word: summary
            .status()
            .map_or("(none)", CertificateStatus::as_str)
            .to_owned(),
        failure: None,
        in_use: summary.in_use() == Some(true),
        exported: summary.exported() == Some(true),
        renewal,
        not_before: time(summary.not_before()),
        not_after: time(summary.not_after()),
        key_algorithm: word(summary.key_algorithm().map(acm::KeyAlgorithm::as_str)),
        key_pair_origin: word(
            summary
                .certificate_key_pair_origin()
                .map(acm::CertificateKeyPairOrigin::as_str),
        ),
    }
}

/// Whether the list does not say enough: a renewal may be stuck, or a request has failed or waits.
fn needs_details(summary: &CertificateSummary, horizon: DateTime<Utc>) -> bool {
    let may_be_stuck = summary.renewal_eligibility() == Some(&RenewalEligibility::Eligible)
        && time(summary.not_after()).is_none_or(|not_after| not_after <= horizon);
    may_be_stuck || summary.status() == Some(&CertificateStatus::Failed)
}

fn add_details(managed: &mut Managed, detail: &CertificateDetail) {
    managed.failure = detail
        .failure_reason()
        .map(|reason| reason.as_str().to_owned());
    let Some(renewal) = detail.renewal_summary() else {
        return;
    };
    let unproven = renewal
        .domain_validation_options()
        .iter()
        .filter(|domain| domain.validation_status() != Some(&DomainStatus::Success))
        .map(|domain| domain.domain_name().to_owned());
    let domains: Vec<String> = unproven.collect();
    let reason = renewal
        .renewal_status_reason()
        .map(|reason| format!(" (`{}`)", reason.as_str()))
        .unwrap_or_default();
    managed.renewal = match renewal.renewal_status() {
        RenewalStatus::PendingValidation => Renewal::Stuck {
            reason: format!("it waits for the validation of {}{reason}", named(&domains)),
            domains,
        },
        RenewalStatus::Failed => Renewal::Stuck {
            reason: format!("the renewal failed{reason}"),
            domains,
        },
        _ => return,
    };
}

fn named(domains: &[String]) -> String {
    match domains {
        [] => "its names".to_owned(),
        [one] => format!("`{one}`"),
        [first, rest @ ..] => format!("`{first}` and {} more", rest.len()),
    }
}

/// Reads the server certificates of one account's IAM.
pub(crate) async fn read_iam(account: &AccountSession, session: &Session) -> Reading {
    let name = format!("{}/iam", account.id);
    if let Err(error) = account.confirm().await {
        return Reading::unreadable(name, chain(&error));
    }
    let reader = iam_certificates::Reader::new(account);
    let listed = match reader.certificates().await {
        Ok(listed) => listed,
        Err(error) => {
            let error = error.context("cannot list the server certificates");
            return Reading::unreadable(name, chain(&error));
        }
    };
    session.progress().saw(listed.len());
    let count = listed.len();
    let work = listed.into_iter().map(|listed| {
        let reader = &reader;
        async move {
            let uploaded = Uploaded {
                arn: listed.arn,
                account: account.id.clone(),
                name: listed.name,
                not_after: listed.not_after,
            };
            let body = reader.body(&uploaded.name).await;
            let body = body.map(|body| body.map(|body| (body.certificate, body.chain)));
            let place = Place::Iam(Arc::new(uploaded));
            let mut problems = Vec::new();
            let sightings = sightings(&place, body, &mut problems);
            One {
                sightings,
                problems,
            }
        }
    });
    let mut reading = Reading::default();
    let mut answers = stream::iter(work).buffered(AT_ONCE);
    while let Some(answer) = answers.next().await {
        reading.sightings.extend(answer.sightings);
        for problem in answer.problems {
            reading.note_error(&name, problem);
        }
    }
    reading.coverage.push(Coverage::read(name, count));
    reading
}

/// One certificate is kept once, however many places it was seen in: thousands of chains end in the same root.
pub(crate) fn share(sightings: &mut [Sighting]) {
    let mut known: HashMap<String, Arc<crate::certificate::Certificate>> = HashMap::new();
    for certificate in sightings
        .iter_mut()
        .filter_map(|sighting| sighting.certificate.as_mut())
    {
        let first = known
            .entry(certificate.sha256.clone())
            .or_insert_with(|| Arc::clone(certificate));
        *certificate = Arc::clone(first);
    }
}
