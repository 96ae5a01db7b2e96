//! What to judge by, made from the `[deploy-bundles]` section.

use chrono::TimeDelta;
use lamplighter_aws::codedeploy::Order;
use lamplighter_config::{
    BundleRoute, DeployBundles, DeploymentGroup, DeploymentOptions, FileExistsBehavior,
    RollbackEvent, StateUrl,
};
use serde::{Deserialize, Serialize};

/// What to judge by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Which bundle goes where; the first that matches wins.
    pub routes: Vec<BundleRoute>,
    /// Whether an object's metadata may say where it goes.
    pub use_object_metadata: bool,
    /// Where bundles go that neither says, by the beginning of `bucket/key`, the longest first.
    pub groups: Vec<(String, DeploymentGroup)>,
    /// From when on a bundle that waits is reported.
    pub pending: TimeDelta,
    /// How many bytes of a tar are read to find its appspec.
    pub max_scan_bytes: u64,
    /// How deployments are made, unless a route says otherwise.
    pub options: DeploymentOptions,
    /// Where bundles wait.
    pub state: Option<StateUrl>,
}

impl Rules {
    /// The rules of a configuration.
    pub fn new(section: &DeployBundles, state: Option<&StateUrl>) -> Self {
        Self {
            routes: section.routes.clone(),
            use_object_metadata: section.use_object_metadata,
            groups: section.groups.clone(),
            pending: TimeDelta::hours(i64::from(section.pending_hours)),
            max_scan_bytes: u64::from(section.max_scan_mb) * 1024 * 1024,
            options: section.options.clone(),
            state: state.cloned(),
        }
    }
}

/// How one deployment is made, in CodeDeploy's own words. What is absent is as the deployment group says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The deployment configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_config: Option<String>,
    /// `DISALLOW`, `OVERWRITE` or `RETAIN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_exists_behavior: Option<String>,
    /// What makes CodeDeploy roll back; empty: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_rollback: Option<Vec<String>>,
    /// Whether it goes on where the old revision cannot be stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_application_stop_failures: Option<bool>,
    /// Whether only outdated instances get it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_outdated_instances_only: Option<bool>,
}

impl Options {
    /// The order for a deployment with this description.
    pub fn order(&self, description: String) -> Order {
        let own = self.clone();
        Order {
            deployment_config: own.deployment_config,
            file_exists_behavior: own.file_exists_behavior,
            auto_rollback: own.auto_rollback,
            ignore_application_stop_failures: own.ignore_application_stop_failures,
            update_outdated_instances_only: own.update_outdated_instances_only,
            description,
        }
    }

    /// What differs from what the group says, for a person; empty if nothing does.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.deployment_config.clone());
        if let Some(behavior) = &self.file_exists_behavior {
            words.push(format!(
                "files that exist: {}",
                behavior.to_ascii_lowercase()
            ));
        }
        if let Some(events) = &self.auto_rollback {
            words.push(match events.is_empty() {
                true => "no rollback".to_owned(),
                false => format!("rollback on {}", events.join(", ")),
            });
        }
        if self.ignore_application_stop_failures == Some(true) {
            words.push("stop failures ignored".to_owned());
        }
        if self.update_outdated_instances_only == Some(true) {
            words.push("only outdated instances".to_owned());
        }
        words.join("; ")
    }
}

impl From<&DeploymentOptions> for Options {
    fn from(options: &DeploymentOptions) -> Self {
        Self {
            deployment_config: options.deployment_config.clone(),
            file_exists_behavior: options.file_exists_behavior.map(|behavior| {
                match behavior {
                    FileExistsBehavior::Disallow => "DISALLOW",
                    FileExistsBehavior::Overwrite => "OVERWRITE",
                    FileExistsBehavior::Retain => "RETAIN",
                }
                .to_owned()
            }),
            auto_rollback: options.auto_rollback.as_ref().map(|events| {
                let word = |event: &RollbackEvent| match event {
                    RollbackEvent::Failure => "DEPLOYMENT_FAILURE".to_owned(),
                    RollbackEvent::Alarm => "DEPLOYMENT_STOP_ON_ALARM".to_owned(),
                    RollbackEvent::Stop => "DEPLOYMENT_STOP_ON_REQUEST".to_owned(),
                };
                events.iter().map(word).collect()
            }),
            ignore_application_stop_failures: options.ignore_application_stop_failures,
            update_outdated_instances_only: options.update_outdated_instances_only,
        }
    }
}
