//! `DescribeSpotInstanceRequests`: the requests that instances of this world come from.

use crate::service::Ask;
use crate::wire::{AwsError, Response};
use crate::world::World;

use super::filter::Filters;
use super::{Instance, Spot, cut, end_dry_run, is_well_formed, page, refuse, result, timestamp};

pub(super) fn describe_spot_instance_requests(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let filters = Filters::read(
        ask,
        &["spot-instance-request-id", "instance-id", "state", "type"],
    )?;
    let page = page(world, ask)?;
    let mut requests: Vec<(&Spot, &Instance)> = world
        .instances(&ask.caller.account, &ask.caller.region)
        .into_iter()
        .filter_map(|instance| Some((instance.spot.as_ref()?, instance)))
        .collect();
    requests.sort_by(|(a, _), (b, _)| a.request_id.cmp(&b.request_id));

    let wanted = ask.request.form.list("SpotInstanceRequestId");
    for id in &wanted {
        if requests.iter().any(|(spot, _)| spot.request_id == *id) {
            continue;
        }
        if !is_well_formed("sir-", id) {
            let message = format!("Invalid id: \"{id}\" (expecting \"sir-...\")");
            return Err(refuse("InvalidSpotInstanceRequestID.Malformed", message));
        }
        let message = format!("The spot instance request ID '{id}' does not exist");
        return Err(refuse("InvalidSpotInstanceRequestID.NotFound", message));
    }
    end_dry_run(ask)?;

    let keyed = requests
        .into_iter()
        .filter(|(spot, _)| wanted.is_empty() || wanted.contains(&spot.request_id.as_str()))
        .map(|request| (request.0.request_id.clone(), request));
    let (shown, token) = cut(world, &page, keyed, |(spot, instance)| {
        filters.pass(|filter| match filter {
            "spot-instance-request-id" => vec![&spot.request_id],
            "instance-id" => vec![&instance.id],
            "state" => vec![state(instance)],
            _ => vec![spot.kind.name()],
        })
    });
    Ok(result("DescribeSpotInstanceRequests", ask, |xml| {
        xml.items("spotInstanceRequestSet", shown, |xml, (spot, instance)| {
            xml.leaf("spotInstanceRequestId", &spot.request_id)
                .leaf("type", spot.kind.name())
                .leaf("state", state(instance))
                .leaf("instanceId", &instance.id)
                .leaf("createTime", timestamp(instance.attached_at));
        });
        xml.maybe("nextToken", token);
    }))
}

fn state(instance: &Instance) -> &'static str {
    if instance.state.is_ending() {
        "closed"
    } else {
        "active"
    }
}
