//! The operations that only look.

use serde_json::{Map, Value, json};

use super::{
    DeployedRevision, Deployment, DeploymentTarget, answer, read, refuse, required, seconds, text,
};
use crate::service::Ask;
use crate::wire::{AwsError, Response};
use crate::world::World;

/// The most ids of a batch.
/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_BatchGetDeployments.html>
const LARGEST_BATCH: usize = 25;

/// The most entries of a page.
const PAGE: usize = 100;

pub(super) fn get_deployment_group(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let (place, group) = world.codedeploy.group(ask, &body)?;
    let mut info = json!({
        "applicationName": place.application,
        "deploymentGroupName": place.group,
        "deploymentGroupId": "9fd2fbef-2157-40d8-91e7-6845af69e2d2",
        "deploymentConfigName": "CodeDeployDefault.OneAtATime",
        "computePlatform": group.platform.as_str(),
    });
    if let Some(last) = world.codedeploy.of_group(&place).next_back() {
        info["lastAttemptedDeployment"] = brief(last);
        if let Some(revision) = &last.revision {
            info["targetRevision"] = revision_of(revision);
        }
    }
    let mut newest_first = world.codedeploy.of_group(&place).rev();
    if let Some(good) = newest_first.find(|one| one.status == "Succeeded") {
        info["lastSuccessfulDeployment"] = brief(good);
    }
    Ok(answer(
        200,
        &json!({ "deploymentGroupInfo": info }),
        ask.request_id,
    ))
}

fn brief(one: &Deployment) -> Value {
    let mut brief = json!({
        "deploymentId": one.id,
        "status": one.status,
        "createTime": seconds(one.created_at),
    });
    if let Some(end) = one.completed_at {
        brief["endTime"] = seconds(end);
    }
    brief
}

fn revision_of(revision: &DeployedRevision) -> Value {
    let mut location = Map::new();
    for (key, value) in [
        ("bucket", Some(&revision.bucket)),
        ("key", Some(&revision.key)),
        ("bundleType", Some(&revision.bundle_type)),
        ("version", revision.version.as_ref()),
        ("eTag", revision.etag.as_ref()),
    ] {
        if let Some(value) = value {
            location.insert(key.to_owned(), json!(value));
        }
    }
    json!({ "revisionType": "S3", "s3Location": location })
}

fn info(one: &Deployment) -> Value {
    let mut info = json!({
        "applicationName": one.application,
        "deploymentGroupName": one.group,
        "deploymentId": one.id,
        "status": one.status,
        "createTime": seconds(one.created_at),
        "creator": one.creator,
    });
    if let Some(revision) = &one.revision {
        info["revision"] = revision_of(revision);
    }
    if let Some(description) = &one.description {
        info["description"] = json!(description);
    }
    if let Some(end) = one.completed_at {
        info["completeTime"] = seconds(end);
    }
    if let Some((code, message)) = &one.error {
        info["errorInformation"] = json!({ "code": code, "message": message });
    }
    info
}

pub(super) fn get_deployment(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let one = asked(world, ask, &body)?;
    let body = json!({ "deploymentInfo": info(one) });
    Ok(answer(200, &body, ask.request_id))
}

fn asked<'a>(world: &'a World, ask: &Ask<'_>, body: &Value) -> Result<&'a Deployment, AwsError> {
    let id = required(body, "deploymentId", "DeploymentIdRequiredException")?;
    let found = world.codedeploy.deployment(ask.caller, id);
    found.map(|(_, one)| one).ok_or_else(|| {
        let message = format!("The deployment {id} could not be found");
        refuse("DeploymentDoesNotExistException", message)
    })
}

/// The ids of a batch, which must not be too many.
fn batch<'a>(body: &'a Value, key: &str) -> Result<Vec<&'a str>, AwsError> {
    let ids = body.get(key).and_then(Value::as_array);
    let ids: Vec<&str> = ids
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    match ids.len() {
        1..=LARGEST_BATCH => Ok(ids),
        0 => Err(refuse("InvalidInputException", format!("{key} is empty"))),
        _ => Err(refuse(
            "BatchLimitExceededException",
            "The maximum number of names or IDs allowed for this request (25) was exceeded.",
        )),
    }
}

pub(super) fn batch_get_deployments(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let ids = batch(&body, "deploymentIds")?;
    let found = ids
        .iter()
        .filter_map(|id| world.codedeploy.deployment(ask.caller, id));
    let infos: Vec<Value> = found.map(|(_, one)| info(one)).collect();
    let body = json!({ "deploymentsInfo": infos });
    Ok(answer(200, &body, ask.request_id))
}

pub(super) fn list_deployments(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let (place, _) = world.codedeploy.group(ask, &body)?;
    let bound = |key: &str| {
        let range = body.get("createTimeRange")?;
        range.get(key)?.as_f64()
    };
    let (start, end) = (bound("start"), bound("end"));
    let statuses = body.get("includeOnlyStatuses").and_then(Value::as_array);
    // Nothing is said about the order; the newest come first.
    let all = world.codedeploy.of_group(&place).rev();
    let ids: Vec<String> = all
        .filter(|one| {
            let made = one.created_at.timestamp_millis() as f64 / 1000.0;
            start.is_none_or(|start| made >= start) && end.is_none_or(|end| made <= end)
        })
        .filter(|one| statuses.is_none_or(|some| some.contains(&json!(one.status))))
        .map(|one| one.id.clone())
        .collect();
    page(world, ask, &body, "deployments", &ids)
}

pub(super) fn list_targets(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let wanted = body.pointer("/targetFilters/TargetStatus");
    let wanted = wanted.and_then(Value::as_array).cloned();
    let one = asked(world, ask, &body)?;
    let targets = one.targets.iter();
    let ids: Vec<String> = targets
        .filter(|target| {
            let wanted = wanted.as_ref();
            wanted.is_none_or(|some| some.contains(&json!(target.status)))
        })
        .map(|target| target.id.clone())
        .collect();
    page(world, ask, &body, "targetIds", &ids)
}

/// A page of ids; the token is the number of those before it.
fn page(
    world: &World,
    ask: &Ask<'_>,
    body: &Value,
    name: &str,
    ids: &[String],
) -> Result<Response, AwsError> {
    let from = match text(body, "nextToken") {
        None => 0,
        Some(token) => token
            .parse()
            .map_err(|_| refuse("InvalidNextTokenException", "The next token is not valid."))?,
    };
    let size = world.page_of(None, PAGE);
    let page: Vec<&String> = ids.iter().skip(from).take(size).collect();
    let mut body = json!({ name: page });
    if from + page.len() < ids.len() {
        body["nextToken"] = json!((from + page.len()).to_string());
    }
    Ok(answer(200, &body, ask.request_id))
}

pub(super) fn batch_get_targets(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let ids = batch(&body, "targetIds")?;
    let one = asked(world, ask, &body)?;
    let place = (&ask.caller.account, &ask.caller.region);
    let targets = one.targets.iter();
    let targets: Vec<Value> = targets
        .filter(|target| ids.contains(&target.id.as_str()))
        .map(|target| target_info(one, target, place))
        .collect();
    let body = json!({ "deploymentTargets": targets });
    Ok(answer(200, &body, ask.request_id))
}

fn target_info(
    one: &Deployment,
    target: &DeploymentTarget,
    (account, region): (&String, &String),
) -> Value {
    let steps = target.steps.iter().map(|step| {
        let mut event = json!({
            "lifecycleEventName": step.name,
            "status": step.status,
        });
        if let Some(diagnostics) = &step.diagnostics {
            event["diagnostics"] = json!({
                "errorCode": diagnostics.error_code,
                "scriptName": diagnostics.script,
                "message": diagnostics.message,
                "logTail": diagnostics.log_tail,
            });
        }
        event
    });
    json!({
        "deploymentTargetType": "InstanceTarget",
        "instanceTarget": {
            "deploymentId": one.id,
            "targetId": target.id,
            "targetArn": format!("arn:aws:ec2:{region}:{account}:instance/{}", target.id),
            "status": target.status,
            "lifecycleEvents": steps.collect::<Vec<_>>(),
        },
    })
}
