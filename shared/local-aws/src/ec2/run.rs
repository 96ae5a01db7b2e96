//! `RunInstances`, and the one image to run: not for Lamplighter, but for people who play with the demo.

use crate::service::Ask;
use crate::wire::{AwsError, Response};
use crate::world::World;

use super::describe::write_reservation;
use super::tags::{check_tags, read_tags};
use super::{Instance, InstanceState, end_dry_run, refuse, result};

const IMAGE: &str = "ami-0abcdef1234567890";

pub(super) fn describe_images(_: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    end_dry_run(ask)?;
    Ok(result("DescribeImages", ask, |xml| {
        xml.items("imagesSet", [IMAGE], |xml, image| {
            xml.leaf("imageId", image)
                .leaf("name", "local-aws")
                .leaf("imageState", "available")
                .leaf("rootDeviceType", "ebs")
                .leaf("rootDeviceName", "/dev/xvda");
        });
    }))
}

pub(super) fn run_instances(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let params = &ask.request.form;
    let number = |name| params.get(name).and_then(|text| text.parse::<usize>().ok());
    let (Some(least @ 1..), Some(most)) = (number("MinCount"), number("MaxCount")) else {
        let message = "The request must contain the parameters MinCount and MaxCount";
        return Err(refuse("MissingParameter", message));
    };
    if least > most || most > 1000 {
        let message = "The value for MaxCount must be at least MinCount and at most 1000.";
        return Err(refuse("InvalidParameterValue", message));
    }
    let tags: Vec<(String, String)> = params
        .groups("TagSpecification")
        .iter()
        .filter(|group| group.get("ResourceType") == Some("instance"))
        .flat_map(read_tags)
        .collect();
    check_tags(&tags)?;
    end_dry_run(ask)?;

    let now = world.now();
    let reservation = format!("r-{:017x}", world.next_number());
    let ids: Vec<String> = (0..most)
        .map(|_| format!("i-10ca1{:012x}", world.next_number()))
        .collect();
    let launched: Vec<Instance> = ids
        .iter()
        .map(|id| {
            let mut instance = Instance::new(id)
                .launched_at(now)
                .state(InstanceState::Pending)
                .instance_type(params.get("InstanceType").unwrap_or("t3.micro"))
                .availability_zone(params.get("Placement.AvailabilityZone").unwrap_or_default());
            instance.reservation_id.clone_from(&reservation);
            instance.image_id = params.get("ImageId").unwrap_or(IMAGE).to_owned();
            instance.tags.extend(tags.iter().cloned());
            instance.is_stop_protected = params.is_true("DisableApiStop");
            instance.is_termination_protected = params.is_true("DisableApiTermination");
            match params.get("InstanceMarketOptions.SpotOptions.SpotInstanceType") {
                _ if params.get("InstanceMarketOptions.MarketType") != Some("spot") => instance,
                Some("persistent") => instance.spot_persistent(),
                _ => instance.spot_one_time(),
            }
        })
        .collect();
    let (account, region) = (&ask.caller.account, &ask.caller.region);
    for instance in launched {
        world.add_instance(account, region, instance);
    }
    let launched: Vec<&Instance> = ids
        .iter()
        .filter_map(|id| world.find_instance(account, region, id))
        .collect();
    Ok(result("RunInstances", ask, |xml| {
        write_reservation(xml, account, &launched)
    }))
}
