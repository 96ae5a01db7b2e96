//! `StartInstances`, `StopInstances`, `TerminateInstances`.
//!
//! Starting and stopping are all or nothing: one instance that cannot be stopped keeps all the others running.
//! Terminating is not. An error names the first instance that stands in the way, in the order of the request.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::service::Ask;
use crate::wire::{AwsError, Response};
use crate::world::World;

use super::{Instance, InstanceState, SpotKind, check_instance_ids, end_dry_run, refuse, result};

pub(super) fn start_instances(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let ids = instance_ids(world, ask)?;
    end_dry_run(ask)?;
    for instance in find(world, ask, &ids) {
        check_start(instance)?;
    }
    Ok(change(
        world,
        ask,
        "StartInstances",
        &ids,
        |instance, now| {
            (instance.state == InstanceState::Stopped).then(|| {
                // Each start is a launch; only the interface remembers the first.
                instance.launched_at = now;
                instance.state_reason.clear();
                InstanceState::Pending
            })
        },
    ))
}

pub(super) fn stop_instances(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let ids = instance_ids(world, ask)?;
    end_dry_run(ask)?;
    let hibernates = ask.request.form.is_true("Hibernate");
    for instance in find(world, ask, &ids) {
        check_stop(instance, hibernates)?;
    }
    Ok(change(
        world,
        ask,
        "StopInstances",
        &ids,
        |instance, now| {
            (instance.state == InstanceState::Running).then(|| {
                instance.state_reason = user_initiated(now);
                InstanceState::Stopping
            })
        },
    ))
}

/// Fails if one instance is protected, and yet terminates those in Availability Zones where none is.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html>
pub(super) fn terminate_instances(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let ids = instance_ids(world, ask)?;
    end_dry_run(ask)?;
    let mut spared_zones = BTreeSet::new();
    let mut first_error = None;
    for instance in find(world, ask, &ids) {
        if let Err(error) = check_termination(instance) {
            spared_zones.insert(instance.availability_zone.clone());
            first_error = first_error.or(Some(error));
        }
    }
    let response = change(world, ask, "TerminateInstances", &ids, |instance, now| {
        let is_spared = spared_zones.contains(&instance.availability_zone);
        (!is_spared && !instance.state.is_ending()).then(|| {
            instance.state_reason = user_initiated(now);
            InstanceState::ShuttingDown
        })
    });
    first_error.map_or(Ok(response), Err)
}

fn check_start(instance: &Instance) -> Result<(), AwsError> {
    let id = &instance.id;
    match instance.state {
        InstanceState::Stopped | InstanceState::Pending | InstanceState::Running => Ok(()),
        _ => Err(refuse(
            "IncorrectInstanceState",
            format!("The instance '{id}' is not in a state from which it can be started."),
        )),
    }
}

fn check_stop(instance: &Instance, hibernates: bool) -> Result<(), AwsError> {
    let id = &instance.id;
    match instance.state {
        // What is stopped already is not refused, whatever protects it.
        InstanceState::Stopped | InstanceState::Stopping => return Ok(()),
        InstanceState::Running => {}
        _ => {
            let message =
                format!("The instance '{id}' is not in a state from which it can be stopped.");
            return Err(refuse("IncorrectInstanceState", message));
        }
    }
    if instance.is_stop_protected {
        let message = format!(
            "The instance '{id}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again."
        );
        return Err(refuse("OperationNotPermitted", message));
    }
    if instance.root_device_type != "ebs" {
        let message = format!(
            "The instance '{id}' does not have an 'ebs' root device type and cannot be stopped."
        );
        return Err(refuse("UnsupportedOperation", message));
    }
    if instance
        .spot
        .as_ref()
        .is_some_and(|spot| spot.kind == SpotKind::OneTime)
    {
        let message = format!(
            "You can't stop the Spot Instance '{id}' because it is associated with a one-time Spot Instance request. \
             You can only stop Spot Instances associated with persistent Spot Instance requests."
        );
        return Err(refuse("UnsupportedOperation", message));
    }
    if instance.operator.is_some() {
        return Err(managed(instance));
    }
    if hibernates {
        let message = format!("The instance '{id}' was not launched with the hibernation option.");
        return Err(refuse("UnsupportedHibernationConfiguration", message));
    }
    Ok(())
}

fn check_termination(instance: &Instance) -> Result<(), AwsError> {
    let id = &instance.id;
    // Terminating twice succeeds twice.
    if instance.state.is_ending() {
        return Ok(());
    }
    // "Stop protection also protects your instance from accidental termination."
    // <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-stop-protection.html>
    let protections = [
        (instance.is_termination_protected, "disableApiTermination"),
        (instance.is_stop_protected, "disableApiStop"),
    ];
    if let Some((_, attribute)) = protections.iter().find(|(is_set, _)| *is_set) {
        let message = format!(
            "The instance '{id}' may not be terminated. Modify its '{attribute}' instance attribute and try again."
        );
        return Err(refuse("OperationNotPermitted", message));
    }
    if instance.operator.is_some() {
        return Err(managed(instance));
    }
    Ok(())
}

/// AWS says that instances a service manages cannot be changed by others, but documents neither code nor words.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/amazon-ec2-managed-instances.html>
fn managed(instance: &Instance) -> AwsError {
    let operator = instance.operator.as_deref().unwrap_or_default();
    let message = format!(
        "The instance '{}' is managed by '{operator}' and may not be modified.",
        instance.id
    );
    refuse("OperationNotPermitted", message)
}

fn instance_ids(world: &mut World, ask: &Ask<'_>) -> Result<Vec<String>, AwsError> {
    let ids = ask.request.form.list("InstanceId");
    if ids.is_empty() {
        return Err(refuse(
            "MissingParameter",
            "The request must contain the parameter InstanceId",
        ));
    }
    let instances = world.instances_of(&ask.caller.account, &ask.caller.region);
    check_instance_ids(instances, ids.iter().copied())?;
    Ok(ids.into_iter().map(str::to_owned).collect())
}

fn find<'a>(
    world: &'a World,
    ask: &'a Ask<'_>,
    ids: &'a [String],
) -> impl Iterator<Item = &'a Instance> {
    let (account, region) = (&ask.caller.account, &ask.caller.region);
    ids.iter()
        .filter_map(move |id| world.find_instance(account, region, id))
}

/// Lets each instance enter the state that `next` gives it, if any, and answers with the states before and after.
fn change(
    world: &mut World,
    ask: &Ask<'_>,
    action: &str,
    ids: &[String],
    next: impl Fn(&mut Instance, DateTime<Utc>) -> Option<InstanceState>,
) -> Response {
    let (now, settle) = (world.now(), world.ec2.settle);
    let instances = world.instances_of(&ask.caller.account, &ask.caller.region);
    let mut changed = Vec::new();
    for id in ids {
        if let Some(instance) = instances.get_mut(id) {
            let before = instance.state;
            if let Some(state) = next(instance, now) {
                instance.enter(state, now, settle);
            }
            changed.push((id, before, instance.state));
        }
    }
    result(action, ask, |xml| {
        xml.items("instancesSet", changed, |xml, (id, before, after)| {
            xml.leaf("instanceId", id);
            for (name, state) in [("currentState", after), ("previousState", before)] {
                xml.node(name, |xml| {
                    xml.leaf("code", state.code()).leaf("name", state.name());
                });
            }
        });
    })
}

fn user_initiated(now: DateTime<Utc>) -> String {
    now.format("User initiated (%Y-%m-%d %H:%M:%S GMT)")
        .to_string()
}
