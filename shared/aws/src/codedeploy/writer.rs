//! Makes deployments.

use aws_config::retry::RetryConfig;
use aws_sdk_codedeploy::Client;
use aws_sdk_codedeploy::types::builders::AutoRollbackConfigurationBuilder;
use aws_sdk_codedeploy::types::{AutoRollbackEvent, FileExistsBehavior};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use lamplighter_core::{Error, Result};

use super::convert::location_of;
use super::{Created, Order, Revision, settings};
use crate::error::{code_of, explain};
use crate::session::Session;

/// Makes deployments. Built only to apply.
#[derive(Clone, Debug)]
pub struct Writer {
    client: Client,
}

impl Writer {
    /// A writer in the caller's account and `region`.
    pub fn new(session: &Session, region: &str) -> Self {
        // CodeDeploy has no token that makes a second request harmless. The SDK would send it again after an answer
        // that was lost, and might deploy twice; who calls looks first whether it was made.
        let builder = settings(session, Some(region)).retry_config(RetryConfig::disabled());
        Self {
            client: Client::from_conf(builder.build()),
        }
    }

    /// Asks once for a deployment. After a transient error it may have been made.
    pub async fn create(
        &self,
        application: &str,
        group: &str,
        revision: &Revision,
        order: &Order,
    ) -> Result<Created> {
        let rollback = order.auto_rollback.as_ref().map(|events| {
            let events = events.iter();
            AutoRollbackConfigurationBuilder::default()
                .enabled(!events.as_slice().is_empty())
                .set_events(Some(
                    events
                        .map(|event| AutoRollbackEvent::from(event.as_str()))
                        .collect(),
                ))
                .build()
        });
        let behavior = order.file_exists_behavior.as_deref();
        let call = self
            .client
            .create_deployment()
            .application_name(application)
            .deployment_group_name(group)
            .revision(location_of(revision))
            .description(&order.description)
            .set_deployment_config_name(order.deployment_config.clone())
            .set_file_exists_behavior(behavior.map(FileExistsBehavior::from))
            .set_auto_rollback_configuration(rollback)
            .set_ignore_application_stop_failures(order.ignore_application_stop_failures)
            .set_update_outdated_instances_only(order.update_outdated_instances_only);
        match call.send().await {
            Ok(answer) => match answer.deployment_id {
                Some(id) => Ok(Created::Deployment(id)),
                None => Err(Error::transient(
                    "`codedeploy:CreateDeployment` answered no id",
                )),
            },
            Err(error) if code_of(&error) == Some("DeploymentLimitExceededException") => {
                let message = error
                    .as_service_error()
                    .and_then(|service| ProvideErrorMetadata::message(service));
                Ok(Created::Busy(message.and_then(id_in)))
            }
            Err(error) => Err(explain("codedeploy:CreateDeployment", error)),
        }
    }
}

/// The id in a message about a busy group. It has no field of its own, and AWS has changed the text around it before.
/// <https://github.com/aws/aws-sdk-java/issues/757>
fn id_in(message: &str) -> Option<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let mut words = message.split(|letter| !is_part(letter));
    let is_id = |word: &&str| word.len() > 5 && word.starts_with("d-");
    // The group's own name may look like one; the deployment is named last.
    words.rfind(is_id).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busy_deployment_is_found_in_every_known_text() {
        for (message, expected) in [
            (
                "The Deployment Group 'x' already has an active Deployment 'd-4IKA9Z3PM'",
                Some("d-4IKA9Z3PM"),
            ),
            (
                "Deployment group x is already deploying deployment 'd-4IKA9Z3PM'.",
                Some("d-4IKA9Z3PM"),
            ),
            (
                "The Deployment Group 'd-group1' already has an active Deployment 'd-4IKA9Z3PM'",
                Some("d-4IKA9Z3PM"),
            ),
            ("too many", None),
            ("", None),
        ] {
            assert_eq!(id_in(message).as_deref(), expected, "{message}");
        }
    }
}
