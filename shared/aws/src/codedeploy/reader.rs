//! Reads groups and deployments.

use aws_sdk_codedeploy::Client;
use aws_sdk_codedeploy::types::builders::TimeRangeBuilder;
use aws_sdk_codedeploy::types::{LastDeploymentInfo, TargetFilterName, TargetStatus};
use chrono::{DateTime, Utc};
use lamplighter_core::{Error, Result};

use super::convert::{deployment_of, is_active, target_of};
use super::{Deployment, FailedTarget, Group, Platform, settings};
use crate::error::{code_of, explain};
use crate::read_only::ReadOnly;
use crate::session::Session;

/// The most ids of one call.
/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_BatchGetDeployments.html>
const BATCH: usize = 25;

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
        let id = |last: Option<&LastDeploymentInfo>| {
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
