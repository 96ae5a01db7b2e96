//! EC2: what describes is about everything, what changes is about each thing that the request names.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>

use super::{Asked, Need};

pub(super) fn needs(asked: &Asked<'_>) -> Vec<Need> {
    let form = &asked.request.form;
    let (account, region) = (&asked.caller.account, &asked.caller.region);
    let instance = |id: &str| {
        let found = asked.world.find_instance(account, region, id);
        asked
            .need(asked.arn(&format!("instance/{id}")))
            .tagged(found.map(|found| &found.tags))
    };
    match asked.action {
        "ModifyInstanceAttribute" => form.get("InstanceId").map(instance).into_iter().collect(),
        "StartInstances" | "StopInstances" | "TerminateInstances" => {
            let ids = form.list("InstanceId");
            ids.into_iter().map(instance).collect()
        }
        "CreateTags" | "DeleteTags" => {
            let tags = form.groups("Tag");
            let ids = form.list("ResourceId").into_iter();
            ids.map(|id| {
                let named = tags.iter();
                let named = named.filter_map(|tag| Some((tag.get("Key")?, tag.get("Value"))));
                instance(id).tagging(named)
            })
            .collect()
        }
        "AuthorizeSecurityGroupIngress" | "RevokeSecurityGroupIngress" => {
            let id = form.get("GroupId").unwrap_or_default();
            let group = asked.world.find_security_group(account, region, id);
            // Rules that are named by their ids are no resources of their own here.
            vec![
                asked
                    .need(asked.arn(&format!("security-group/{id}")))
                    .tagged(group.map(|group| &group.tags)),
            ]
        }
        "GetManagedPrefixListEntries" => {
            let id = form.get("PrefixListId").unwrap_or_default();
            let owner = asked.world.owner_of_prefix_list(account, region, id);
            vec![asked.need(format!("arn:aws:ec2:{region}:{owner}:prefix-list/{id}"))]
        }
        _ => vec![asked.need("*")],
    }
}
