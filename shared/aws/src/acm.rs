//! ACM: certificates and the state of their renewal. Only a reader: nothing here changes a certificate.

use aws_sdk_acm::Client;
use aws_sdk_acm::config::Builder;
use aws_sdk_acm::config::retry::RetryPartition;
use aws_sdk_acm::types::Filters;
pub use aws_sdk_acm::types::{
    CertificateDetail, CertificateKeyPairOrigin, CertificateStatus, CertificateSummary,
    CertificateType, DomainStatus, KeyAlgorithm, RenewalEligibility, RenewalStatus,
};
use chrono::{DateTime, Utc};
use lamplighter_core::Result;

use crate::error::{code_of, explain};
use crate::read_only::ReadOnly;
use crate::session::Scope;

/// The most certificates on one page.
/// <https://docs.aws.amazon.com/acm/latest/APIReference/API_ListCertificates.html>
const PAGE_SIZE: i32 = 1000;

/// A time of ACM's answers. `None` for one that no calendar has.
pub fn time(time: Option<&aws_smithy_types::DateTime>) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time?.secs(), 0)
}

/// Reads ACM in one account and region.
#[derive(Clone, Debug)]
pub struct Reader {
    client: Client,
}

/// A certificate's text, and that of its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The certificate as PEM.
    pub certificate: String,
    /// What belongs between it and its root, as PEM.
    pub chain: Option<String>,
}

impl Reader {
    /// A client that can only read.
    pub fn new(scope: &Scope) -> Self {
        // A retry partition of its own, as for EC2: one broken account must not use up the retries of all others.
        let partition =
            RetryPartition::custom(format!("acm-{}-{}", scope.account, scope.region)).build();
        Self {
            client: Client::from_conf(
                Builder::from(&scope.config)
                    .retry_partition(partition)
                    .interceptor(ReadOnly)
                    .build(),
            ),
        }
    }

    /// Every certificate, of every key type and key-pair origin: without asking, ACM leaves out all but a few of them.
    /// One `acm:ListCertificates` for each 1,000 certificates.
    pub async fn certificates(&self) -> Result<Vec<CertificateSummary>> {
        let key_types = KeyAlgorithm::values()
            .iter()
            .map(|word| KeyAlgorithm::from(*word));
        let origins = CertificateKeyPairOrigin::values()
            .iter()
            .map(|word| CertificateKeyPairOrigin::from(*word));
        let mut pages = self
            .client
            .list_certificates()
            .includes(
                Filters::builder()
                    .set_key_types(Some(key_types.collect()))
                    .build(),
            )
            .set_certificate_key_pair_origins(Some(origins.collect()))
            .max_items(PAGE_SIZE)
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| explain("acm:ListCertificates", error))?;
            found.extend(page.certificate_summary_list.unwrap_or_default());
        }
        Ok(found)
    }

    /// What ACM knows about one certificate, the state of its renewal too. `None` if it is gone.
    pub async fn describe(&self, arn: &str) -> Result<Option<CertificateDetail>> {
        match self
            .client
            .describe_certificate()
            .certificate_arn(arn)
            .send()
            .await
        {
            Ok(answer) => Ok(answer.certificate),
            Err(error) if code_of(&error) == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(explain("acm:DescribeCertificate", error)),
        }
    }

    /// A certificate's text. `None` if it is gone, or not issued yet.
    pub async fn body(&self, arn: &str) -> Result<Option<Body>> {
        match self
            .client
            .get_certificate()
            .certificate_arn(arn)
            .send()
            .await
        {
            Ok(answer) => Ok(answer.certificate.map(|certificate| Body {
                certificate,
                chain: answer.certificate_chain,
            })),
            Err(error)
                if matches!(
                    code_of(&error),
                    Some("ResourceNotFoundException" | "RequestInProgressException")
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(explain("acm:GetCertificate", error)),
        }
    }
}
