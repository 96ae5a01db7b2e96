//! `DescribeTags`, `CreateTags`, `DeleteTags`, of instances only.

use std::collections::{BTreeMap, BTreeSet};

use crate::service::Ask;
use crate::wire::{AwsError, Params, Response, Xml};
use crate::world::World;

use super::filter::Filters;
use super::{check_instance_ids, cut, done, end_dry_run, page, refuse, result};

/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>; AWS's own do not count.
const MOST_TAGS: usize = 50;
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html>
const MOST_RESOURCES: usize = 1000;

pub(super) fn describe_tags(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let filters = Filters::read(
        ask,
        &[
            "key",
            "resource-id",
            "resource-type",
            "tag:",
            "tag-key",
            "value",
        ],
    )?;
    let page = page(world, ask)?;
    end_dry_run(ask)?;
    let rows = world
        .instances(&ask.caller.account, &ask.caller.region)
        .into_iter()
        .flat_map(|instance| {
            instance
                .tags
                .iter()
                .map(|(key, value)| (&instance.id, key, value))
        })
        .map(|row| (format!("{} {}", row.0, row.1), row));
    let (shown, token) = cut(world, &page, rows, |(id, key, value)| {
        filters.pass(|filter| match filter {
            "key" | "tag-key" => vec![key.as_str()],
            "resource-id" => vec![id.as_str()],
            "resource-type" => vec!["instance"],
            "value" => vec![value.as_str()],
            name if name.strip_prefix("tag:") == Some(key.as_str()) => vec![value.as_str()],
            _ => vec![],
        })
    });
    Ok(result("DescribeTags", ask, |xml| {
        xml.items("tagSet", shown, |xml, (id, key, value)| {
            xml.leaf("resourceId", id)
                .leaf("resourceType", "instance")
                .leaf("key", key)
                .leaf("value", value);
        });
        xml.maybe("nextToken", token);
    }))
}

pub(super) fn create_tags(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let tags = read_tags(&ask.request.form);
    if tags.is_empty() {
        return Err(refuse(
            "MissingParameter",
            "The request must contain the parameter Tag",
        ));
    }
    check_tags(&tags)?;
    let ids = resource_ids(world, ask)?;
    end_dry_run(ask)?;
    let instances = world.instances_of(&ask.caller.account, &ask.caller.region);
    // All resources or none.
    for id in &ids {
        let own = instances
            .get(*id)
            .into_iter()
            .flat_map(|instance| instance.tags.keys());
        let own = own
            .filter(|key| !key.starts_with("aws:"))
            .map(String::as_str);
        let after: BTreeSet<&str> = own
            .chain(tags.iter().map(|(key, _)| key.as_str()))
            .collect();
        if after.len() > MOST_TAGS {
            let message = "The maximum number of Tags for a resource has been reached.";
            return Err(refuse("TagLimitExceeded", message));
        }
    }
    for id in ids {
        if let Some(instance) = instances.get_mut(id) {
            instance.tags.extend(tags.iter().cloned());
        }
    }
    Ok(done("CreateTags", ask))
}

/// Deletes the tags with these keys; where a value is given, only if the tag has it; without any key, all of the
/// user's own. Tags that do not exist are not missed.
pub(super) fn delete_tags(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let given = ask.request.form.groups("Tag");
    if given
        .iter()
        .filter_map(|tag| tag.get("Key"))
        .any(is_reserved)
    {
        return Err(reserved());
    }
    let ids = resource_ids(world, ask)?;
    end_dry_run(ask)?;
    let instances = world.instances_of(&ask.caller.account, &ask.caller.region);
    for id in ids {
        if let Some(instance) = instances.get_mut(id) {
            instance.tags.retain(|key, value| {
                let is_named = given.iter().any(|tag| {
                    tag.get("Key") == Some(key) && tag.get("Value").is_none_or(|only| only == value)
                });
                is_reserved(key) || !(given.is_empty() || is_named)
            });
        }
    }
    Ok(done("DeleteTags", ask))
}

/// `Tag.1.Key=…&Tag.1.Value=…`
pub(super) fn read_tags(params: &Params) -> Vec<(String, String)> {
    let text = |tag: &Params, name| tag.get(name).unwrap_or_default().to_owned();
    params
        .groups("Tag")
        .iter()
        .map(|tag| (text(tag, "Key"), text(tag, "Value")))
        .collect()
}

/// Refuses tags that cannot be set.
pub(super) fn check_tags(tags: &[(String, String)]) -> Result<(), AwsError> {
    let mut keys = BTreeSet::new();
    for (key, value) in tags {
        if is_reserved(key) {
            return Err(reserved());
        }
        if key.is_empty() || key.chars().count() > 128 {
            let message = "Tag key must be between 1 and 128 characters long.";
            return Err(refuse("InvalidParameterValue", message));
        }
        if value.chars().count() > 256 {
            let message = "Tag value exceeds the maximum length of 256 characters.";
            return Err(refuse("InvalidParameterValue", message));
        }
        if !keys.insert(key) {
            let message = format!("Duplicate tag key '{key}' specified.");
            return Err(refuse("InvalidParameterValue", message));
        }
    }
    Ok(())
}

/// `<tagSet><item><key/><value/></item>…</tagSet>`
pub(super) fn write_tags(xml: &mut Xml, tags: &BTreeMap<String, String>) {
    xml.items("tagSet", tags, |xml, (key, value)| {
        xml.leaf("key", key).leaf("value", value);
    });
}

/// The resources of a request, all of which exist.
fn resource_ids<'a>(world: &mut World, ask: &'a Ask<'_>) -> Result<Vec<&'a str>, AwsError> {
    let ids = ask.request.form.list("ResourceId");
    if ids.is_empty() {
        return Err(refuse(
            "MissingParameter",
            "The request must contain the parameter ResourceId",
        ));
    }
    if ids.len() > MOST_RESOURCES {
        let message =
            format!("The maximum number of resources in one request is {MOST_RESOURCES}.");
        return Err(refuse("InvalidParameterValue", message));
    }
    let instances = world.instances_of(&ask.caller.account, &ask.caller.region);
    if let Some(id) = ids.iter().find(|id| !id.starts_with("i-")) {
        return Err(refuse("InvalidID", format!("The ID '{id}' is not valid")));
    }
    check_instance_ids(instances, ids.iter().copied())?;
    Ok(ids)
}

fn is_reserved(key: &str) -> bool {
    key.get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
}

fn reserved() -> AwsError {
    let message = "Tag keys starting with 'aws:' are reserved for internal use";
    refuse("InvalidParameterValue", message)
}
