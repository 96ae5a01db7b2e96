//! `DescribeInstances`.

use crate::service::Ask;
use crate::wire::{AwsError, Response, Xml};
use crate::world::World;

use super::filter::Filters;
use super::tags::write_tags;
use super::{Instance, check_instance_ids, cut, end_dry_run, page, refuse, result, timestamp};

/// Of the hundred there are, those that are of use here.
const FILTERS: &[&str] = &[
    "availability-zone",
    "instance-id",
    "instance-lifecycle",
    "instance-state-name",
    "instance-type",
    "operator.managed",
    "operator.principal",
    "reservation-id",
    "root-device-type",
    "spot-instance-request-id",
    "subnet-id",
    "tag-key",
    "tag:",
    "vpc-id",
];

pub(super) fn describe_instances(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let params = &ask.request.form;
    let ids = params.list("InstanceId");
    if !ids.is_empty() && params.get("MaxResults").is_some() {
        let message = "The parameter instancesSet cannot be used with the parameter maxResults";
        return Err(refuse("InvalidParameterCombination", message));
    }
    let filters = Filters::read(ask, FILTERS)?;
    let mut page = page(world, ask)?;
    if !ids.is_empty() {
        // What is asked for by id comes in one piece.
        page.size = usize::MAX;
    }
    let account = &ask.caller.account;
    check_instance_ids(
        world.instances_of(account, &ask.caller.region),
        ids.iter().copied(),
    )?;
    end_dry_run(ask)?;

    let keyed = world
        .instances(account, &ask.caller.region)
        .into_iter()
        .filter(|instance| ids.is_empty() || ids.contains(&instance.id.as_str()))
        .map(|instance| (instance.id.clone(), instance));
    let (shown, token) = cut(world, &page, keyed, |instance| {
        filters.pass(|filter| field(instance, filter))
    });
    // A page counts instances; those of one launch that meet on it share a reservation.
    let reservations = shown.chunk_by(|a, b| a.reservation_id == b.reservation_id);
    Ok(result("DescribeInstances", ask, |xml| {
        xml.items("reservationSet", reservations, |xml, instances| {
            write_reservation(xml, account, instances);
        });
        xml.maybe("nextToken", token);
    }))
}

fn field<'a>(instance: &'a Instance, filter: &str) -> Vec<&'a str> {
    let spot = instance.spot.as_ref();
    let one = |value: &'a str| vec![value];
    let maybe = |value: Option<&'a str>| value.into_iter().collect();
    match filter {
        "availability-zone" => one(&instance.availability_zone),
        "instance-id" => one(&instance.id),
        "instance-lifecycle" => maybe(spot.map(|_| "spot")),
        "instance-state-name" => one(instance.state.name()),
        "instance-type" => one(&instance.instance_type),
        "operator.managed" => one(if instance.operator.is_some() {
            "true"
        } else {
            "false"
        }),
        "operator.principal" => maybe(instance.operator.as_deref()),
        "reservation-id" => one(&instance.reservation_id),
        "root-device-type" => one(&instance.root_device_type),
        "spot-instance-request-id" => maybe(spot.map(|spot| spot.request_id.as_str())),
        "subnet-id" => maybe(instance.subnet_id.as_deref()),
        "tag-key" => instance.tags.keys().map(String::as_str).collect(),
        "vpc-id" => maybe(instance.vpc_id.as_deref()),
        name => {
            let key = name.strip_prefix("tag:").unwrap_or_default();
            maybe(instance.tags.get(key).map(String::as_str))
        }
    }
}

/// `<reservationId/><ownerId/><instancesSet>…`
pub(super) fn write_reservation(xml: &mut Xml, account: &str, instances: &[&Instance]) {
    let reservation = instances
        .first()
        .map_or("", |instance| instance.reservation_id.as_str());
    xml.leaf("reservationId", reservation)
        .leaf("ownerId", account)
        .node("groupSet", |_| {})
        .items("instancesSet", instances, |xml, instance| {
            write_instance(xml, account, instance)
        });
}

fn write_instance(xml: &mut Xml, account: &str, instance: &Instance) {
    let is_ended = instance.state.is_ending();
    xml.leaf("instanceId", &instance.id)
        .leaf("imageId", &instance.image_id)
        .node("instanceState", |xml| {
            xml.leaf("code", instance.state.code())
                .leaf("name", instance.state.name());
        })
        .leaf(
            "privateDnsName",
            if is_ended {
                ""
            } else {
                &instance.private_dns_name
            },
        )
        .leaf("reason", &instance.state_reason)
        .leaf("instanceType", &instance.instance_type)
        .leaf("launchTime", timestamp(instance.launched_at))
        .node("placement", |xml| {
            xml.leaf("availabilityZone", &instance.availability_zone)
                .leaf("tenancy", "default");
        });
    if !instance.state_reason.is_empty() {
        xml.node("stateReason", |xml| {
            xml.leaf("code", "Client.UserInitiatedShutdown").leaf(
                "message",
                "Client.UserInitiatedShutdown: User initiated shutdown",
            );
        });
    }
    xml.maybe("vpcId", instance.vpc_id.as_deref().filter(|_| !is_ended))
        .maybe(
            "subnetId",
            instance.subnet_id.as_deref().filter(|_| !is_ended),
        )
        .leaf("rootDeviceType", &instance.root_device_type)
        .leaf("rootDeviceName", &instance.root_device_name)
        .maybe("instanceLifecycle", instance.spot.as_ref().map(|_| "spot"))
        .maybe(
            "spotInstanceRequestId",
            instance.spot.as_ref().map(|spot| &spot.request_id),
        );
    // An instance without tags has no `tagSet` at all.
    if !instance.tags.is_empty() {
        write_tags(xml, &instance.tags);
    }
    // The interface goes with the instance.
    let interfaces = (!is_ended).then_some(instance);
    xml.items("networkInterfaceSet", interfaces, |xml, instance| {
        let digits = instance.id.trim_start_matches("i-");
        xml.leaf("networkInterfaceId", format!("eni-{digits}"))
            .leaf("ownerId", account)
            .leaf("status", "in-use")
            .node("attachment", |xml| {
                xml.leaf("attachmentId", format!("eni-attach-{digits}"))
                    .leaf("deviceIndex", 0)
                    .leaf("status", "attached")
                    .leaf("attachTime", timestamp(instance.attached_at))
                    .leaf("deleteOnTermination", true)
                    .leaf("networkCardIndex", 0);
            })
            .items("privateIpAddressesSet", [()], |xml, ()| {
                xml.leaf("primary", true)
                    .leaf("privateDnsName", &instance.private_dns_name);
            });
    });
    xml.node("operator", |xml| {
        xml.leaf("managed", instance.operator.is_some())
            .maybe("principal", instance.operator.as_deref());
    });
}
