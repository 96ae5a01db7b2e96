//! What tests and the demo do with deployments without a request.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{ComputePlatform, Group, GroupKey};
use crate::world::World;

/// A deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// `d-…`.
    pub id: String,
    /// The application's name.
    pub application: String,
    /// The group's name.
    pub group: String,
    /// `Created`, `InProgress`, `Succeeded`, `Failed`, `Stopped`, …
    pub status: String,
    /// What it deploys, if that is in S3.
    pub revision: Option<DeployedRevision>,
    /// Its description.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was over.
    pub completed_at: Option<DateTime<Utc>>,
    /// `user`, `autoscaling`, `codeDeployRollback`, …
    pub creator: String,
    /// The request that made it, for its options.
    pub request: Value,
    /// What it deploys to.
    pub targets: Vec<DeploymentTarget>,
    /// Why it failed: a code and a message.
    pub error: Option<(String, String)>,
}

/// A bundle in S3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeployedRevision {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// `zip`, `tar`, `tgz`, `YAML`, `JSON`.
    pub bundle_type: String,
    /// The version; empty is not the same as absent.
    pub version: Option<String>,
    /// The eTag; empty is not the same as absent.
    pub etag: Option<String>,
}

/// An instance, function or service that is deployed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentTarget {
    /// `i-…`.
    pub id: String,
    /// `Pending`, `InProgress`, `Succeeded`, `Failed`, `Skipped`, …
    pub status: String,
    /// Its lifecycle events, in their order.
    pub steps: Vec<LifecycleStep>,
}

/// A lifecycle event on a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleStep {
    /// `ApplicationStop`, `AfterInstall`, …
    pub name: String,
    /// `Succeeded`, `Failed`, `Skipped`, …
    pub status: String,
    /// What its script said.
    pub diagnostics: Option<Diagnostics>,
}

/// What a script said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    /// `ScriptFailed`, `ScriptMissing`, `ScriptTimedOut`, …
    pub error_code: String,
    /// The script.
    pub script: String,
    /// Why.
    pub message: String,
    /// The end of its output.
    pub log_tail: String,
}

impl Deployment {
    /// Whether it is under way, so that its group takes no other.
    pub fn is_active(&self) -> bool {
        !matches!(self.status.as_str(), "Succeeded" | "Failed" | "Stopped")
    }
}

impl DeploymentTarget {
    /// A target on which a script of a lifecycle event failed.
    pub fn failed(id: &str, event: &str, script: &str, log_tail: &str) -> DeploymentTarget {
        let step = |name: &str, status: &str, diagnostics| LifecycleStep {
            name: name.to_owned(),
            status: status.to_owned(),
            diagnostics,
        };
        let diagnostics = Diagnostics {
            error_code: "ScriptFailed".to_owned(),
            script: script.to_owned(),
            message: format!("Script at specified location: {script} failed with exit code 1"),
            log_tail: log_tail.to_owned(),
        };
        DeploymentTarget {
            id: id.to_owned(),
            status: "Failed".to_owned(),
            steps: vec![
                step("ApplicationStop", "Succeeded", None),
                step(event, "Failed", Some(diagnostics)),
                step("ValidateService", "Skipped", None),
            ],
        }
    }

    /// A target on which all went well.
    pub fn succeeded(id: &str) -> DeploymentTarget {
        DeploymentTarget {
            id: id.to_owned(),
            status: "Succeeded".to_owned(),
            steps: vec![],
        }
    }
}

impl World {
    /// Adds a deployment group, and its application if that is not there yet.
    ///
    /// Panics if the world has no such account or region.
    pub fn deployment_group(
        mut self,
        account: &str,
        region: &str,
        application: &str,
        group: &str,
        platform: ComputePlatform,
    ) -> World {
        self.assert_place(account, region);
        let key = GroupKey {
            account: account.to_owned(),
            region: region.to_owned(),
            application: application.to_owned(),
            group: group.to_owned(),
        };
        self.codedeploy.groups.insert(key, Group { platform });
        self
    }

    /// Every deployment succeeds as soon as it is made, as one of a small Lambda function nearly does: its group is never
    /// seen busy.
    pub fn deployments_end_at_once(mut self) -> World {
        self.codedeploy.ends_at_once = true;
        self
    }

    /// Removes a deployment group; its deployments are still known.
    pub fn remove_deployment_group(&mut self, application: &str, group: &str) {
        let is_other = |key: &GroupKey| key.application != application || key.group != group;
        self.codedeploy.groups.retain(|key, _| is_other(key));
    }

    /// Every deployment of a group, the oldest first.
    pub fn deployments(&self, application: &str, group: &str) -> Vec<Deployment> {
        let all = self.codedeploy.deployments.iter();
        all.filter(|(key, _)| key.application == application && key.group == group)
            .map(|(_, one)| one.clone())
            .collect()
    }

    /// Deploys without a request, as somebody else would, and answers the deployment's id.
    ///
    /// Panics if there is no such group.
    pub fn start_deployment(
        &mut self,
        application: &str,
        group: &str,
        revision: Option<DeployedRevision>,
        creator: &str,
    ) -> String {
        let mut keys = self.codedeploy.groups.keys();
        let place = keys
            .find(|key| key.application == application && key.group == group)
            .cloned()
            .unwrap_or_else(|| panic!("this world has no group `{application}/{group}`"));
        self.new_deployment(place, revision, None, creator, Value::Null)
    }

    pub(super) fn new_deployment(
        &mut self,
        place: GroupKey,
        revision: Option<DeployedRevision>,
        description: Option<String>,
        creator: &str,
        request: Value,
    ) -> String {
        let id = format!("d-{:09X}", 0xA0_0000_0000_u64 + self.next_number());
        let deployment = Deployment {
            id: id.clone(),
            application: place.application.clone(),
            group: place.group.clone(),
            status: "Created".to_owned(),
            revision,
            description,
            created_at: self.now(),
            completed_at: None,
            creator: creator.to_owned(),
            request,
            targets: vec![],
            error: None,
        };
        let entry = (place.clone(), deployment);
        self.codedeploy.deployments.push(entry);
        self.code_deploy_event(&place, &id, "START");
        if self.codedeploy.ends_at_once {
            self.finish_deployment(&id);
        }
        id
    }

    /// A deployment succeeds. Answers what EventBridge is told.
    ///
    /// Panics if there is no such deployment.
    pub fn finish_deployment(&mut self, id: &str) -> Value {
        self.end_deployment(id, "Succeeded", "SUCCESS", None)
    }

    /// A deployment fails on these targets. Answers what EventBridge is told.
    ///
    /// Panics if there is no such deployment.
    pub fn fail_deployment(&mut self, id: &str, targets: Vec<DeploymentTarget>) -> Value {
        let code = "HEALTH_CONSTRAINTS";
        let message = "The overall deployment failed because too many individual instances failed deployment, too few healthy instances are available for deployment, or some instances in your deployment group are experiencing problems.";
        let error = Some((code.to_owned(), message.to_owned()));
        if let Some((_, one)) = self.deployment_mut(id) {
            one.targets = targets;
        }
        self.end_deployment(id, "Failed", "FAILURE", error)
    }

    /// Somebody stops a deployment. Answers what EventBridge is told.
    ///
    /// Panics if there is no such deployment.
    pub fn stop_deployment(&mut self, id: &str) -> Value {
        let message = "The deployment was stopped by the user.".to_owned();
        self.end_deployment(
            id,
            "Stopped",
            "STOP",
            Some(("MANUAL_STOP".to_owned(), message)),
        )
    }

    fn end_deployment(
        &mut self,
        id: &str,
        status: &str,
        state: &str,
        error: Option<(String, String)>,
    ) -> Value {
        let now = self.now();
        let Some((place, one)) = self.deployment_mut(id) else {
            panic!("this world has no deployment `{id}`");
        };
        one.status = status.to_owned();
        one.completed_at = Some(now);
        one.error = error;
        let place = place.clone();
        self.code_deploy_event(&place, id, state)
    }

    fn deployment_mut(&mut self, id: &str) -> Option<&mut (GroupKey, Deployment)> {
        let mut all = self.codedeploy.deployments.iter_mut();
        all.find(|(_, one)| one.id == id)
    }
}
