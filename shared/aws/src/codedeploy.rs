//! CodeDeploy: deployment groups, what was deployed to them, and new deployments.
//!
//! Every call is about groups of the account and region that the adapter was made for.

use std::fmt;

use aws_config::Region;
use aws_config::retry::RetryConfig;
use aws_sdk_codedeploy::Client;
use aws_sdk_codedeploy::config::Builder;
use aws_sdk_codedeploy::types::builders::{
    AutoRollbackConfigurationBuilder, RevisionLocationBuilder, S3LocationBuilder, TimeRangeBuilder,
};
use aws_sdk_codedeploy::types::{
    AutoRollbackEvent, BundleType, DeploymentInfo, DeploymentStatus, DeploymentTarget,
    FileExistsBehavior, LifecycleEvent, LifecycleEventStatus, RevisionLocation,
    RevisionLocationType, TargetFilterName, TargetStatus,
};
use chrono::{DateTime, Utc};
use lamplighter_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::error::{code_of, explain};
use crate::read_only::ReadOnly;
use crate::session::Session;

/// The most ids of one call.
/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_BatchGetDeployments.html>
const BATCH: usize = 25;

/// A bundle in S3, pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// `zip`, `tar`, `tgz`, `YAML` or `JSON`.
    pub bundle_type: String,
    /// The version. Without it the agent takes the newest one at the time when it downloads.
    pub version: Option<String>,
    /// The eTag, without quotes. Without it the agent does not compare.
    pub etag: Option<String>,
}

impl Revision {
    /// Whether both are the same bundle. A version decides; without one, which is how CodeDeploy may have been asked by
    /// somebody else, the eTag.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.bucket, &self.key) == (&other.bucket, &other.key)
            && match (&self.version, &other.version) {
                (Some(ours), Some(theirs)) => ours == theirs,
                _ => self.etag.is_some() && self.etag == other.etag,
            }
    }

    /// `s3://bucket/key`.
    pub fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}

/// What runs the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// EC2 instances and machines of one's own.
    Server,
    /// Lambda functions.
    Lambda,
    /// ECS services.
    Ecs,
    /// One that this program does not know.
    Other,
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Server => "EC2/On-premises",
            Self::Lambda => "Lambda",
            Self::Ecs => "ECS",
            Self::Other => "an unknown platform",
        })
    }
}

/// A deployment group, as far as its next deployment is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What runs the application.
    pub platform: Platform,
    /// The id of its last deployment, whatever became of it.
    pub last_attempted: Option<String>,
    /// The id of the deployment that is under way; it takes no other meanwhile.
    pub active: Option<String>,
    /// The id of its last deployment that succeeded.
    pub last_successful: Option<String>,
}

/// A deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// `d-…`.
    pub id: String,
    /// The application.
    pub application: String,
    /// The group.
    pub group: String,
    /// `Succeeded`, `Failed`, … as CodeDeploy says it.
    pub status: String,
    /// Whether it is under way.
    pub is_active: bool,
    /// What it deploys; `None`: something that is not in S3.
    pub revision: Option<Revision>,
    /// Its description.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// Why it failed: a code and a message.
    pub error: Option<(String, String)>,
}

/// A target on which a deployment failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailedTarget {
    /// `i-…`, a function or a service.
    pub id: String,
    /// The lifecycle event that failed.
    pub event: Option<String>,
    /// `ScriptFailed`, …
    pub code: Option<String>,
    /// The script.
    pub script: Option<String>,
    /// What the agent says.
    pub message: Option<String>,
    /// The end of the script's output.
    pub log_tail: Option<String>,
}

/// A deployment to make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The deployment configuration; `None`: the group's.
    pub deployment_config: Option<String>,
    /// `DISALLOW`, `OVERWRITE` or `RETAIN`.
    pub file_exists_behavior: Option<String>,
    /// What makes CodeDeploy roll back; `None`: as the group says; empty: nothing.
    pub auto_rollback: Option<Vec<String>>,
    /// Whether it goes on where the old revision cannot be stopped.
    pub ignore_application_stop_failures: Option<bool>,
    /// Whether only outdated instances get it.
    pub update_outdated_instances_only: Option<bool>,
    /// For people, and for who looks whether it was made already.
    pub description: String,
}

/// What became of a request for a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was made, with this id.
    Deployment(String),
    /// The group is busy; with the id of the deployment that keeps it so, if the message names one.
    Busy(Option<String>),
}

/// Reads CodeDeploy. Its client refuses to send anything but a read.
#[derive(Clone, Debug)]
pub struct Reader {
    client: Client,
    region: String,
}

impl Reader {
    /// A reader of the caller's account in `region`; in the session's own where none is given.
    pub fn new(session: &Session, region: Option<&str>) -> Self {
        let builder = settings(session, region).interceptor(ReadOnly);
        let own = session.base().region().map(ToString::to_string);
        Self {
            client: Client::from_conf(builder.build()),
            region: region.map(str::to_owned).or(own).unwrap_or_default(),
        }
    }

    /// The region it reads.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// A group; `None`: there is no such application, or no such group of it.
    pub async fn group(&self, application: &str, group: &str) -> Result<Option<Group>> {
        let call = self
            .client
            .get_deployment_group()
            .application_name(application)
            .deployment_group_name(group);
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(error)
                if matches!(
                    code_of(&error),
                    Some(
                        "ApplicationDoesNotExistException" | "DeploymentGroupDoesNotExistException"
                    )
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(explain("codedeploy:GetDeploymentGroup", error)),
        };
        let Some(info) = answer.deployment_group_info else {
            return Err(Error::transient(
                "`codedeploy:GetDeploymentGroup` answered nothing",
            ));
        };
        let last = info.last_attempted_deployment();
        let id = |last: Option<&aws_sdk_codedeploy::types::LastDeploymentInfo>| {
            last.and_then(|last| last.deployment_id())
                .map(str::to_owned)
        };
        Ok(Some(Group {
            platform: match info.compute_platform() {
                // Groups from before there were others have none.
                None => Platform::Server,
                Some(platform) => match platform.as_str() {
                    "Server" => Platform::Server,
                    "Lambda" => Platform::Lambda,
                    "ECS" => Platform::Ecs,
                    _ => Platform::Other,
                },
            },
            active: last
                .filter(|last| is_active(last.status()))
                .and_then(|last| last.deployment_id())
                .map(str::to_owned),
            last_attempted: id(last),
            last_successful: id(info.last_successful_deployment()),
        }))
    }

    /// A deployment; `None` if there is none of this id.
    pub async fn deployment(&self, id: &str) -> Result<Option<Deployment>> {
        match self.client.get_deployment().deployment_id(id).send().await {
            Ok(answer) => Ok(answer.deployment_info().map(deployment_of)),
            Err(error)
                if matches!(
                    code_of(&error),
                    Some("DeploymentDoesNotExistException" | "InvalidDeploymentIdException")
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(explain("codedeploy:GetDeployment", error)),
        }
    }

    /// The deployments of a group that were made at `since` or later, at most `most` of them, in no order.
    pub async fn deployments_since(
        &self,
        application: &str,
        group: &str,
        since: DateTime<Utc>,
        most: usize,
    ) -> Result<Vec<Deployment>> {
        let start = aws_smithy_types::DateTime::from_secs(since.timestamp());
        let mut pages = self
            .client
            .list_deployments()
            .application_name(application)
            .deployment_group_name(group)
            .create_time_range(TimeRangeBuilder::default().start(start).build())
            .into_paginator()
            .send();
        let mut ids = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| explain("codedeploy:ListDeployments", error))?;
            ids.extend(page.deployments.unwrap_or_default());
            if ids.len() >= most {
                ids.truncate(most);
                break;
            }
        }
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(BATCH) {
            let call = self.client.batch_get_deployments();
            let answer = call
                .set_deployment_ids(Some(ids.to_vec()))
                .send()
                .await
                .map_err(|error| explain("codedeploy:BatchGetDeployments", error))?;
            found.extend(answer.deployments_info().iter().map(deployment_of));
        }
        Ok(found)
    }

    /// The targets on which a deployment failed, at most `most` of them.
    pub async fn failed_targets(&self, id: &str, most: usize) -> Result<Vec<FailedTarget>> {
        let mut pages = self
            .client
            .list_deployment_targets()
            .deployment_id(id)
            .target_filters(
                TargetFilterName::TargetStatus,
                vec![TargetStatus::Failed.as_str().to_owned()],
            );
        let mut ids: Vec<String> = Vec::new();
        loop {
            let page = pages
                .clone()
                .send()
                .await
                .map_err(|error| explain("codedeploy:ListDeploymentTargets", error))?;
            ids.extend(page.target_ids.unwrap_or_default());
            match page.next_token {
                Some(token) if ids.len() < most => pages = pages.next_token(token),
                _ => break,
            }
        }
        ids.truncate(most);
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(BATCH) {
            let call = self.client.batch_get_deployment_targets();
            let answer = call
                .deployment_id(id)
                .set_target_ids(Some(ids.to_vec()))
                .send()
                .await
                .map_err(|error| explain("codedeploy:BatchGetDeploymentTargets", error))?;
            found.extend(answer.deployment_targets().iter().filter_map(target_of));
        }
        Ok(found)
    }
}

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
                let message = error.as_service_error().and_then(|service| {
                    aws_smithy_types::error::metadata::ProvideErrorMetadata::message(service)
                });
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

fn settings(session: &Session, region: Option<&str>) -> Builder {
    let builder = Builder::from(session.base());
    match region {
        Some(region) => builder.region(Region::new(region.to_owned())),
        None => builder,
    }
}

fn is_active(status: Option<&DeploymentStatus>) -> bool {
    // A word that is not known yet is none of the three ends.
    status.is_some_and(|status| {
        !matches!(
            status,
            DeploymentStatus::Succeeded | DeploymentStatus::Failed | DeploymentStatus::Stopped
        )
    })
}

fn location_of(revision: &Revision) -> RevisionLocation {
    let location = S3LocationBuilder::default()
        .bucket(&revision.bucket)
        .key(&revision.key)
        .bundle_type(BundleType::from(revision.bundle_type.as_str()))
        .set_version(revision.version.clone())
        .set_e_tag(revision.etag.clone());
    RevisionLocationBuilder::default()
        .revision_type(RevisionLocationType::S3)
        .s3_location(location.build())
        .build()
}

fn revision_of(location: &RevisionLocation) -> Option<Revision> {
    let location = location.s3_location()?;
    // An empty text is how some clients write "none".
    let filled = |text: Option<&str>| {
        let text = text.map(|text| text.trim_matches('"'));
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Some(Revision {
        bucket: location.bucket()?.to_owned(),
        key: location.key()?.to_owned(),
        bundle_type: location
            .bundle_type()
            .map(|kind| kind.as_str().to_owned())
            .unwrap_or_default(),
        version: filled(location.version()),
        etag: filled(location.e_tag()),
    })
}

fn deployment_of(info: &DeploymentInfo) -> Deployment {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let time = info.create_time();
    Deployment {
        id: text(info.deployment_id()),
        application: text(info.application_name()),
        group: text(info.deployment_group_name()),
        status: text(info.status().map(DeploymentStatus::as_str)),
        is_active: is_active(info.status()),
        revision: info.revision().and_then(revision_of),
        description: info.description().map(str::to_owned),
        created_at: time.and_then(|time| DateTime::from_timestamp(time.secs(), 0)),
        error: info.error_information().map(|error| {
            let code = error.code().map(|code| code.as_str().to_owned());
            (code.unwrap_or_default(), text(error.message()))
        }),
    }
}

fn target_of(target: &DeploymentTarget) -> Option<FailedTarget> {
    let (id, events): (Option<&str>, &[LifecycleEvent]) =
        if let Some(one) = target.instance_target() {
            (one.target_id(), one.lifecycle_events())
        } else if let Some(one) = target.lambda_target() {
            (one.target_id(), one.lifecycle_events())
        } else if let Some(one) = target.ecs_target() {
            (one.target_id(), one.lifecycle_events())
        } else {
            let one = target.cloud_formation_target()?;
            (one.target_id(), one.lifecycle_events())
        };
    let failed = events
        .iter()
        .find(|event| event.status() == Some(&LifecycleEventStatus::Failed));
    let diagnostics = failed.and_then(LifecycleEvent::diagnostics);
    let owned = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    Some(FailedTarget {
        id: id?.to_owned(),
        event: owned(failed.and_then(LifecycleEvent::lifecycle_event_name)),
        code: owned(diagnostics.and_then(|one| one.error_code().map(|code| code.as_str()))),
        script: owned(diagnostics.and_then(|one| one.script_name())),
        message: owned(diagnostics.and_then(|one| one.message())),
        log_tail: owned(diagnostics.and_then(|one| one.log_tail())),
    })
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

    fn revision(version: Option<&str>, etag: Option<&str>) -> Revision {
        Revision {
            bucket: "b".to_owned(),
            key: "k".to_owned(),
            bundle_type: "zip".to_owned(),
            version: version.map(str::to_owned),
            etag: etag.map(str::to_owned),
        }
    }

    #[test]
    fn a_bundle_is_the_same_by_its_version_and_without_one_by_its_etag() {
        let one = revision(Some("v1"), Some("e1"));
        assert!(one.is_same(&revision(Some("v1"), None)));
        assert!(!one.is_same(&revision(Some("v2"), Some("e1"))));
        assert!(one.is_same(&revision(None, Some("e1"))));
        assert!(!one.is_same(&revision(None, Some("e2"))));
        assert!(
            !revision(None, None).is_same(&revision(None, None)),
            "nobody can tell"
        );
        let other = Revision {
            key: "l".to_owned(),
            ..one.clone()
        };
        assert!(!one.is_same(&other));
    }
}
