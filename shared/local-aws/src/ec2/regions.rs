//! `DescribeRegions`.

use crate::service::Ask;
use crate::wire::{AwsError, Response};
use crate::world::World;

use super::filter::Filters;
use super::{end_dry_run, refuse, result};

pub(super) fn describe_regions(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let filters = Filters::read(ask, &["region-name", "opt-in-status", "endpoint"])?;
    end_dry_run(ask)?;
    let all = world.opt_in_statuses(&ask.caller.account);
    let wanted = ask.request.form.list("RegionName");
    let unknown: Vec<&str> = wanted
        .iter()
        .copied()
        .filter(|name| !all.iter().any(|(known, _)| known == name))
        .collect();
    if !unknown.is_empty() {
        let message = format!("Invalid region names: [{}]", unknown.join(", "));
        return Err(refuse("InvalidParameterValue", message));
    }
    let shows_disabled = ask.request.form.is_true("AllRegions");
    let shown = all.into_iter().filter(|(name, status)| {
        let endpoint = endpoint(name);
        (wanted.is_empty() || wanted.contains(name))
            && (shows_disabled || *status != "not-opted-in")
            && filters.pass(|filter| match filter {
                "region-name" => vec![name],
                "opt-in-status" => vec![status],
                _ => vec![&endpoint],
            })
    });
    Ok(result("DescribeRegions", ask, |xml| {
        xml.items("regionInfo", shown, |xml, (name, status)| {
            xml.leaf("regionName", name)
                .leaf("regionEndpoint", endpoint(name))
                .leaf("optInStatus", status);
        });
    }))
}

fn endpoint(region: &str) -> String {
    format!("ec2.{region}.amazonaws.com")
}
