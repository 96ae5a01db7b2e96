//! `DescribeInstanceAttribute` and `ModifyInstanceAttribute`: the two protections.

use crate::service::Ask;
use crate::wire::{AwsError, Response};
use crate::world::World;

use super::{Instance, check_instance_ids, done, end_dry_run, refuse, result};

pub(super) fn describe_instance_attribute(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let instance = find(world, ask)?;
    let attribute = ask.request.form.get("Attribute").unwrap_or_default();
    let value = match attribute {
        "disableApiStop" => instance.is_stop_protected,
        "disableApiTermination" => instance.is_termination_protected,
        other => {
            let message =
                format!("Value ({other}) for parameter attribute is invalid. Unknown attribute.");
            return Err(refuse("InvalidParameterValue", message));
        }
    };
    end_dry_run(ask)?;
    let id = &instance.id;
    Ok(result("DescribeInstanceAttribute", ask, |xml| {
        xml.leaf("instanceId", id).node(attribute, |xml| {
            xml.leaf("value", value);
        });
    }))
}

pub(super) fn modify_instance_attribute(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let params = &ask.request.form;
    let instance = find(world, ask)?;
    // Either `DisableApiStop.Value=true`, or `Attribute=disableApiStop&Value=true`.
    let named = |attribute: &str, parameter: &str| {
        let value = params.get(parameter);
        let value = value.or_else(|| {
            params
                .get("Value")
                .filter(|_| params.get("Attribute") == Some(attribute))
        });
        value.map(|value| value == "true")
    };
    let stop = named("disableApiStop", "DisableApiStop.Value");
    let termination = named("disableApiTermination", "DisableApiTermination.Value");
    if stop.is_none() && termination.is_none() {
        return Err(refuse(
            "InvalidParameterCombination",
            "No attributes specified.",
        ));
    }
    // <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-stop-protection.html>
    if stop == Some(true) && (instance.spot.is_some() || instance.root_device_type != "ebs") {
        let message = format!(
            "The instance '{}' does not support stop protection.",
            instance.id
        );
        return Err(refuse("UnsupportedOperation", message));
    }
    end_dry_run(ask)?;
    instance.is_stop_protected = stop.unwrap_or(instance.is_stop_protected);
    instance.is_termination_protected = termination.unwrap_or(instance.is_termination_protected);
    Ok(done("ModifyInstanceAttribute", ask))
}

fn find<'a>(world: &'a mut World, ask: &Ask<'_>) -> Result<&'a mut Instance, AwsError> {
    let id = ask.request.form.get("InstanceId").unwrap_or_default();
    let instances = world.instances_of(&ask.caller.account, &ask.caller.region);
    check_instance_ids(instances, [id])?;
    Ok(instances.get_mut(id).expect("its id was just checked"))
}
