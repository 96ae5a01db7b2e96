//! Changes users. Built only to apply.

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{StatusType, Tag};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use lamplighter_core::Error;

use super::builder;
use crate::error::{code_of, explain};
use crate::session::AccountSession;

/// Changes IAM in one account.
#[derive(Clone, Debug)]
pub struct Writer {
    client: Client,
}

/// Why a change was refused.
#[derive(Debug)]
pub struct Refusal {
    /// IAM's code, empty where there was no answer.
    pub code: String,
    /// The same as an error for the report.
    pub error: Error,
}

impl Refusal {
    fn of<E>(call: &str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        Self {
            code: code_of(&error).unwrap_or_default().to_owned(),
            error: explain(call, error),
        }
    }

    /// Whether what was to be changed is not there.
    pub fn is_gone(&self) -> bool {
        self.code == "NoSuchEntity"
    }
}

impl Writer {
    /// A client that may change things.
    pub fn new(account: &AccountSession) -> Self {
        Self {
            client: Client::from_conf(builder(account).build()),
        }
    }

    /// Writes one tag to a user.
    pub async fn tag(&self, user: &str, key: &str, value: &str) -> Result<(), Refusal> {
        let refused = |error: aws_sdk_iam::error::BuildError| Refusal {
            code: String::new(),
            error: Error::permanent("cannot write the tag").caused_by(error),
        };
        let tag = Tag::builder()
            .key(key)
            .value(value)
            .build()
            .map_err(refused)?;
        let call = self.client.tag_user().user_name(user).tags(tag).send();
        let answer = call.await.map(|_| ());
        answer.map_err(|error| Refusal::of("iam:TagUser", error))
    }

    /// Takes one tag off a user.
    pub async fn untag(&self, user: &str, key: &str) -> Result<(), Refusal> {
        let call = self.client.untag_user().user_name(user).tag_keys(key);
        let answer = call.send().await.map(|_| ());
        answer.map_err(|error| Refusal::of("iam:UntagUser", error))
    }

    /// Takes a user's password away, and with it the console. `NoSuchEntity` says that there is none.
    pub async fn delete_login_profile(&self, user: &str) -> Result<(), Refusal> {
        let call = self.client.delete_login_profile().user_name(user);
        let answer = call.send().await.map(|_| ());
        answer.map_err(|error| Refusal::of("iam:DeleteLoginProfile", error))
    }

    /// Gives a user an inline policy, or replaces the one of this name.
    pub async fn put_user_policy(
        &self,
        user: &str,
        policy: &str,
        document: &str,
    ) -> Result<(), Refusal> {
        let call = self.client.put_user_policy().user_name(user);
        let call = call.policy_name(policy).policy_document(document);
        let answer = call.send().await.map(|_| ());
        answer.map_err(|error| Refusal::of("iam:PutUserPolicy", error))
    }

    /// Takes an inline policy off a user.
    pub async fn delete_user_policy(&self, user: &str, policy: &str) -> Result<(), Refusal> {
        let call = self.client.delete_user_policy().user_name(user);
        let answer = call.policy_name(policy).send().await.map(|_| ());
        answer.map_err(|error| Refusal::of("iam:DeleteUserPolicy", error))
    }

    /// Switches an access key off. It can be switched on again.
    pub async fn deactivate(&self, user: &str, key: &str) -> Result<(), Refusal> {
        let call = self.client.update_access_key().user_name(user);
        let call = call.access_key_id(key).status(StatusType::Inactive);
        let answer = call.send().await.map(|_| ());
        answer.map_err(|error| Refusal::of("iam:UpdateAccessKey", error))
    }
}
