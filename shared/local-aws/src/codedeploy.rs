//! CodeDeploy, in the JSON protocol 1.1: applications, deployment groups, and the one deployment that a group takes at a
//! time.
//!
//! Nothing is deployed here: a test says how a deployment goes on ([`World::finish_deployment`],
//! [`World::fail_deployment`]), and EventBridge hears of it as it would from CodeDeploy.

mod api;
mod create;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::service::{Ask, JsonErrors, Operation, Refusal, Route, Service, changes, reads};
use crate::wire::json::{self, JSON_1_1, read, text};
use crate::wire::{AwsError, Request, Response};
use crate::world::World;

pub use api::{DeployedRevision, Deployment, DeploymentTarget, Diagnostics, LifecycleStep};

const OPERATIONS: &[Operation] = &[
    reads("BatchGetDeploymentTargets", read::batch_get_targets),
    reads("BatchGetDeployments", read::batch_get_deployments),
    changes("CreateDeployment", create::create_deployment),
    reads("GetDeployment", read::get_deployment),
    reads("GetDeploymentGroup", read::get_deployment_group),
    reads("ListDeploymentTargets", read::list_targets),
    reads("ListDeployments", read::list_deployments),
    changes("StopDeployment", create::stop_deployment),
];

/// Before the operation's name in `X-Amz-Target`.
const TARGET: &str = "CodeDeploy_20141006.";

pub(crate) struct CodeDeploy;

/// All groups and deployments.
#[derive(Debug, Default)]
pub(crate) struct CodeDeployState {
    groups: BTreeMap<GroupKey, Group>,
    /// In the order in which they were made.
    deployments: Vec<(GroupKey, Deployment)>,
    ends_at_once: bool,
}

/// Where a group is, and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct GroupKey {
    account: String,
    region: String,
    application: String,
    group: String,
}

#[derive(Clone, Debug)]
struct Group {
    platform: ComputePlatform,
}

/// What an application runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComputePlatform {
    /// EC2 instances and machines of one's own.
    Server,
    /// Lambda functions.
    Lambda,
    /// ECS services.
    Ecs,
}

impl ComputePlatform {
    fn as_str(self) -> &'static str {
        match self {
            ComputePlatform::Server => "Server",
            ComputePlatform::Lambda => "Lambda",
            ComputePlatform::Ecs => "ECS",
        }
    }
}

impl CodeDeployState {
    fn deployment(
        &self,
        caller: &crate::auth::Caller,
        id: &str,
    ) -> Option<&(GroupKey, Deployment)> {
        self.deployments.iter().find(|(place, one)| {
            one.id == id && place.account == caller.account && place.region == caller.region
        })
    }

    fn of_group(&self, place: &GroupKey) -> impl DoubleEndedIterator<Item = &Deployment> {
        let place = place.clone();
        let deployments = self.deployments.iter();
        deployments
            .filter(move |(other, _)| *other == place)
            .map(|(_, one)| one)
    }

    /// The group that a request names, which must exist.
    fn group(&self, ask: &Ask<'_>, body: &Value) -> Result<(GroupKey, &Group), AwsError> {
        let application = required(body, "applicationName", "ApplicationNameRequiredException")?;
        let name = required(
            body,
            "deploymentGroupName",
            "DeploymentGroupNameRequiredException",
        )?;
        let key = GroupKey {
            account: ask.caller.account.clone(),
            region: ask.caller.region.clone(),
            application: application.to_owned(),
            group: name.to_owned(),
        };
        let is_of_application = |other: &&GroupKey| {
            (&other.account, &other.region, &other.application)
                == (&key.account, &key.region, &key.application)
        };
        match self.groups.get(&key) {
            Some(group) => Ok((key, group)),
            None if self.groups.keys().any(|other| is_of_application(&other)) => {
                let message = format!("No Deployment Group found for name: {name}");
                Err(refuse("DeploymentGroupDoesNotExistException", message))
            }
            None => {
                let message = format!("No application found for name: {application}");
                Err(refuse("ApplicationDoesNotExistException", message))
            }
        }
    }
}

impl World {
    /// The application and the group that a deployment is of.
    pub(crate) fn group_of_deployment(
        &self,
        caller: &crate::auth::Caller,
        id: &str,
    ) -> Option<(&str, &str)> {
        let (place, _) = self.codedeploy.deployment(caller, id)?;
        Some((&place.application, &place.group))
    }
}

impl Service for CodeDeploy {
    fn name(&self) -> &'static str {
        "codedeploy"
    }

    fn route(&self, request: &Request) -> Route {
        let target = request.header("x-amz-target").unwrap_or_default();
        let action = target.strip_prefix(TARGET).unwrap_or(target);
        let body = read(request);
        let group = match (
            text(&body, "applicationName"),
            text(&body, "deploymentGroupName"),
        ) {
            (Some(application), Some(group)) => Some(format!("{application}/{group}")),
            _ => None,
        };
        Route {
            action: action.to_owned(),
            operation: OPERATIONS.iter().find(|operation| operation.name == action),
            resources: group
                .or(text(&body, "deploymentId").map(str::to_owned))
                .into_iter()
                .collect(),
            dry_run: false,
        }
    }

    /// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/CommonErrors.html>
    fn refusal(&self, refusal: &Refusal) -> AwsError {
        JsonErrors::BY_TARGET.refusal(refusal)
    }

    fn error(&self, error: &AwsError, request_id: &str) -> Response {
        let body = json!({ "__type": error.code, "message": error.message });
        answer(error.status, &body, request_id)
    }
}

fn answer(status: u16, body: &Value, request_id: &str) -> Response {
    json::answer(JSON_1_1, status, body, request_id)
}

fn required<'a>(body: &'a Value, key: &str, code: &str) -> Result<&'a str, AwsError> {
    text(body, key)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| refuse(code, format!("{key} is required")))
}

fn refuse(code: &str, message: impl Into<String>) -> AwsError {
    AwsError::new(400, code, message)
}

/// A time as the protocol writes it: seconds, with a fraction.
fn seconds(time: DateTime<Utc>) -> Value {
    json!(time.timestamp_millis() as f64 / 1000.0)
}

impl World {
    fn code_deploy_event(&mut self, place: &GroupKey, id: &str, state: &str) -> Value {
        let GroupKey {
            account,
            region,
            application,
            group,
        } = place;
        let arn = format!("arn:aws:codedeploy:{region}:{account}");
        let resources = [
            format!("{arn}:application:{application}"),
            format!("{arn}:deploymentgroup:{application}/{group}"),
        ];
        self.put_event(
            account,
            region,
            "aws.codedeploy",
            "CodeDeploy Deployment State-change Notification",
            &resources.each_ref().map(String::as_str),
            json!({
                "instanceGroupId": "9fd2fbef-2157-40d8-91e7-6845af69e2d2",
                "region": region,
                "application": application,
                "deploymentId": id,
                "state": state,
                "deploymentGroup": group,
            }),
        )
    }
}
