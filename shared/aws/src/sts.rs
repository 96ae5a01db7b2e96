//! Who the credentials belong to, and those of another role.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_sdk_sts::Client;
use aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder;
use lamplighter_core::{Error, Result};

use crate::error::explain;
use crate::read_only::ReadOnly;
use crate::session::Caller;

/// `sts:GetCallerIdentity`. Needs no permission, so a failure means that the credentials do not work.
pub(crate) async fn caller(config: &SdkConfig) -> Result<Caller> {
    let client = Client::from_conf(
        aws_sdk_sts::config::Builder::from(config)
            .interceptor(ReadOnly)
            .build(),
    );
    let identity = client.get_caller_identity().send().await.map_err(|error| {
        explain("sts:GetCallerIdentity", error).context("cannot tell which account this is")
    })?;
    let arn = identity.arn().unwrap_or_default().to_owned();
    let account = identity.account().unwrap_or_default().to_owned();
    if account.is_empty() {
        return Err(Error::permanent(
            "cannot tell which account this is: `sts:GetCallerIdentity` named none",
        ));
    }
    let partition = arn
        .split(':')
        .nth(1)
        .filter(|partition| !partition.is_empty())
        .unwrap_or("aws")
        .to_owned();
    Ok(Caller {
        account,
        arn,
        partition,
    })
}

/// An hour is the most that role chaining allows.
const SESSION: Duration = Duration::from_secs(3600);

/// The credentials of a role, assumed anew before they end. The SDK's own `AssumeRoleProvider` brings the loader of
/// profiles and metadata services with it, which a Lambda has no use for.
pub(crate) struct AssumedRole {
    call: AssumeRoleFluentBuilder,
}

/// Shows nothing: the call holds the external id, which is a secret.
impl fmt::Debug for AssumedRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AssumedRole")
            .finish_non_exhaustive()
    }
}

impl AssumedRole {
    /// Those of `role`, assumed with the credentials of `base`. Nothing is called before the first use.
    pub(crate) fn new(
        base: &SdkConfig,
        role: &str,
        external_id: Option<&str>,
        session_name: &str,
    ) -> Self {
        let config = aws_sdk_sts::config::Builder::from(base)
            // Whoever asks keeps the answer. The base's cache is not asked, as in the SDK's provider.
            .identity_cache(IdentityCache::no_cache())
            .build();
        Self {
            call: Client::from_conf(config)
                .assume_role()
                .role_arn(role)
                .role_session_name(session_name)
                .set_external_id(external_id.map(str::to_owned))
                .duration_seconds(SESSION.as_secs() as i32),
        }
    }

    async fn assume(&self) -> provider::Result {
        let answer = self.call.clone().send().await;
        let answer = answer.map_err(CredentialsError::provider_error)?;
        let given = answer
            .credentials
            .ok_or_else(|| CredentialsError::unhandled("`sts:AssumeRole` gave no credentials"))?;
        let end = SystemTime::try_from(given.expiration).map_err(CredentialsError::unhandled)?;
        Ok(Credentials::builder()
            .access_key_id(given.access_key_id)
            .secret_access_key(given.secret_access_key)
            .session_token(given.session_token)
            .expiry(end)
            .provider_name("sts:AssumeRole")
            .build())
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.assume())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_assumes_a_role_does_not_show_the_external_id() {
        let base = SdkConfig::builder()
            .behavior_version(crate::session::behavior())
            .build();
        let role = AssumedRole::new(&base, "arn:aws:iam::1:role/x", Some("hunter2"), "run");
        assert_eq!(format!("{role:?}"), "AssumedRole { .. }");
    }
}
