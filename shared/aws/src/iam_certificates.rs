//! IAM's server certificates: what load balancers and distributions used before ACM, and some still do. Only a reader.

use aws_sdk_iam::Client;
use chrono::{DateTime, Utc};
use lamplighter_core::Result;

use crate::error::{code_of, explain};
use crate::iam::{builder, time};
use crate::read_only::ReadOnly;
use crate::session::AccountSession;

/// The most certificates on one page.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListServerCertificates.html>
const PAGE_SIZE: i32 = 1000;

/// Reads the server certificates of one account.
#[derive(Clone, Debug)]
pub struct Reader {
    client: Client,
}

/// A server certificate, as the list names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCertificate {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Until when it holds.
    pub not_after: Option<DateTime<Utc>>,
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
    pub fn new(account: &AccountSession) -> Self {
        Self {
            client: Client::from_conf(builder(account).interceptor(ReadOnly).build()),
        }
    }

    /// Every server certificate. One `iam:ListServerCertificates` for each 1,000.
    pub async fn certificates(&self) -> Result<Vec<ServerCertificate>> {
        let mut pages = self
            .client
            .list_server_certificates()
            .max_items(PAGE_SIZE)
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| explain("iam:ListServerCertificates", error))?;
            let certificates = page.server_certificate_metadata_list.into_iter();
            found.extend(certificates.map(|metadata| ServerCertificate {
                not_after: metadata.expiration.as_ref().and_then(time),
                arn: metadata.arn,
                name: metadata.server_certificate_name,
            }));
        }
        Ok(found)
    }

    /// A certificate's text. `None` if it is gone.
    pub async fn body(&self, name: &str) -> Result<Option<Body>> {
        match self
            .client
            .get_server_certificate()
            .server_certificate_name(name)
            .send()
            .await
        {
            Ok(answer) => Ok(answer.server_certificate.map(|found| Body {
                certificate: found.certificate_body,
                chain: found.certificate_chain,
            })),
            Err(error) if code_of(&error) == Some("NoSuchEntity") => Ok(None),
            Err(error) => Err(explain("iam:GetServerCertificate", error)),
        }
    }
}
