//! Who the credentials belong to.

use aws_config::SdkConfig;
use aws_sdk_sts::Client;
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
