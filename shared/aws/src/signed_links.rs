//! Links that open for anybody, and the truth about how long.
//!
//! A signed URL says itself when it ends, but it ends before that with the credentials that signed it. So a [`Signer`]
//! takes one set of credentials, signs with these only, and tells when they end.

use std::time::Duration;

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::presigning::PresigningConfig;
use chrono::{DateTime, Utc};
use lamplighter_core::{Error, Result};

use crate::error::explain;
use crate::read_only::ReadOnly;
use crate::session::Session;

/// When credentials end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialsEnd {
    /// Not by themselves: a user's access key.
    Never,
    /// Then.
    At(DateTime<Utc>),
    /// They do, and nobody says when: those of a role, from the environment, as a Lambda has them.
    Unknown,
}

/// Signs links. It sends nothing.
#[derive(Debug, Clone)]
pub struct Signer {
    client: Client,
    end: CredentialsEnd,
}

impl Signer {
    /// A signer with the credentials that `session` has now.
    pub async fn new(session: &Session) -> Result<Self> {
        let cannot = || Error::transient("cannot get the credentials that links are signed with");
        let provider = session.base().credentials_provider().ok_or_else(cannot)?;
        let credentials = provider
            .provide_credentials()
            .await
            .map_err(|error| cannot().caused_by(error))?;
        let end = match (credentials.expiry(), credentials.session_token()) {
            (Some(time), _) => CredentialsEnd::At(time.into()),
            (None, Some(_)) => CredentialsEnd::Unknown,
            (None, None) => CredentialsEnd::Never,
        };
        let config = Builder::from(session.base())
            .force_path_style(true)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .interceptor(ReadOnly)
            .build();
        Ok(Self {
            client: Client::from_conf(config),
            end,
        })
    }

    /// When what it signs ends at the latest.
    pub fn end(&self) -> CredentialsEnd {
        self.end
    }

    /// A link to an object.
    pub async fn link(&self, bucket: &str, key: &str, lifetime: Duration) -> Result<String> {
        let config = PresigningConfig::expires_in(lifetime)
            .map_err(|error| Error::permanent("cannot sign a link").caused_by(error))?;
        let call = self.client.get_object().bucket(bucket).key(key);
        match call.presigned(config).await {
            Ok(request) => Ok(request.uri().to_owned()),
            Err(error) => Err(explain("s3:GetObject", error).context("cannot sign a link")),
        }
    }
}
