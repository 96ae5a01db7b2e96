//! The operations that change something.

use serde_json::{Value, json};

use super::{ComputePlatform, DeployedRevision, answer, read, refuse, required, text};
use crate::service::Ask;
use crate::wire::{AwsError, Response};
use crate::world::World;

/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_CreateDeployment.html>
const LONGEST_DESCRIPTION: usize = 256;

pub(super) fn create_deployment(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let (place, group) = world.codedeploy.group(ask, &body)?;
    let platform = group.platform;
    let revision = revision(&body, platform)?;
    let description = text(&body, "description").map(str::to_owned);
    if description
        .as_ref()
        .is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION)
    {
        return Err(refuse(
            "DescriptionTooLongException",
            "The description is too long.",
        ));
    }
    if let Some(config) = text(&body, "deploymentConfigName")
        && !config.starts_with("CodeDeployDefault.")
    {
        let message = format!("No deployment configuration found for name: {config}");
        return Err(refuse("DeploymentConfigDoesNotExistException", message));
    }
    if let Some(behavior) = text(&body, "fileExistsBehavior")
        && !["DISALLOW", "OVERWRITE", "RETAIN"].contains(&behavior)
    {
        let message = format!("Invalid file exists behavior: {behavior}");
        return Err(refuse("InvalidFileExistsBehaviorException", message));
    }
    let mut deployments = world.codedeploy.of_group(&place);
    if let Some(active) = deployments.find(|one| one.is_active()) {
        // The id is only in the text, which AWS has changed before.
        // <https://github.com/CircleCI-Public/aws-ecs-orb/issues/181>
        let message = format!(
            "The Deployment Group '{}' already has an active Deployment '{}'",
            place.group, active.id
        );
        return Err(refuse("DeploymentLimitExceededException", message));
    }
    drop(deployments);
    let id = world.new_deployment(place, Some(revision), description, "user", body);
    Ok(answer(200, &json!({ "deploymentId": id }), ask.request_id))
}

fn revision(body: &Value, platform: ComputePlatform) -> Result<DeployedRevision, AwsError> {
    let invalid = |message: &str| refuse("InvalidRevisionException", message);
    let Some(revision) = body.get("revision") else {
        return Err(refuse(
            "RevisionRequiredException",
            "The revision is required.",
        ));
    };
    let location = revision
        .get("s3Location")
        .filter(|_| text(revision, "revisionType") == Some("S3"))
        .ok_or_else(|| invalid("The revision type is not supported here."))?;
    let part = |key: &str| text(location, key).map(str::to_owned);
    let (Some(bucket), Some(key), Some(bundle_type)) =
        (part("bucket"), part("key"), part("bundleType"))
    else {
        return Err(invalid("The S3 location is not complete."));
    };
    let is_appspec = ["YAML", "JSON"].contains(&bundle_type.as_str());
    let is_archive = ["zip", "tar", "tgz"].contains(&bundle_type.as_str());
    match platform {
        ComputePlatform::Server if is_archive => {}
        ComputePlatform::Lambda | ComputePlatform::Ecs if is_appspec => {}
        _ => {
            return Err(invalid(&format!(
                "The bundle type {bundle_type} does not fit the compute platform {}.",
                platform.as_str()
            )));
        }
    }
    Ok(DeployedRevision {
        bucket,
        key,
        bundle_type,
        version: part("version"),
        etag: part("eTag"),
    })
}

pub(super) fn stop_deployment(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let id = required(&body, "deploymentId", "DeploymentIdRequiredException")?.to_owned();
    let Some((_, one)) = world.codedeploy.deployment(ask.caller, &id) else {
        let message = format!("The deployment {id} could not be found");
        return Err(refuse("DeploymentDoesNotExistException", message));
    };
    if !one.is_active() {
        let message = format!("The deployment {id} is already completed");
        return Err(refuse("DeploymentAlreadyCompletedException", message));
    }
    world.stop_deployment(&id);
    let body = json!({ "status": "Succeeded", "statusMessage": "No more commands will be scheduled for execution in the deployment instances" });
    Ok(answer(200, &body, ask.request_id))
}
