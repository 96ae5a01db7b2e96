//! Looks at groups and policies, one by one or all at once.

use std::collections::BTreeMap;

use crate::service::Ask;
use crate::wire::{AwsError, Response, Xml};
use crate::world::World;

use super::{
    Account, IamGroup, asked_user, cut, encoded, gone, members, page, result, timestamp, write_end,
};

pub(super) fn list_attached_user_policies(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let page = page(world, ask)?;
    let attached = &asked_user(world, ask)?.attached;
    let (shown, marker) = cut(&page, attached.iter().map(|arn| (arn.clone(), arn)));
    Ok(result("ListAttachedUserPolicies", ask, |xml| {
        members(xml, "AttachedPolicies", shown, write_attached);
        write_end(xml, marker);
    }))
}

pub(super) fn list_attached_group_policies(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let page = page(world, ask)?;
    let attached = &asked_group(world, ask)?.attached;
    let (shown, marker) = cut(&page, attached.iter().map(|arn| (arn.clone(), arn)));
    Ok(result("ListAttachedGroupPolicies", ask, |xml| {
        members(xml, "AttachedPolicies", shown, write_attached);
        write_end(xml, marker);
    }))
}

pub(super) fn list_user_policies(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let page = page(world, ask)?;
    let names = asked_user(world, ask)?.inline.keys();
    let (shown, marker) = cut(&page, names.map(|name| (name.clone(), name)));
    Ok(result("ListUserPolicies", ask, |xml| {
        write_names(xml, "PolicyNames", &shown);
        write_end(xml, marker);
    }))
}

pub(super) fn list_group_policies(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let page = page(world, ask)?;
    let names = asked_group(world, ask)?.inline.keys();
    let (shown, marker) = cut(&page, names.map(|name| (name.clone(), name)));
    Ok(result("ListGroupPolicies", ask, |xml| {
        write_names(xml, "PolicyNames", &shown);
        write_end(xml, marker);
    }))
}

pub(super) fn list_groups_for_user(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let account = &ask.caller.account;
    let page = page(world, ask)?;
    let user = asked_user(world, ask)?;
    let groups = user.groups.iter();
    let (shown, marker) = cut(&page, groups.map(|name| (name.clone(), name)));
    Ok(result("ListGroupsForUser", ask, |xml| {
        members(xml, "Groups", shown, |xml, name| {
            xml.leaf("Path", "/")
                .leaf("GroupName", name)
                .leaf("GroupId", "AGPALOCALAWS00000001")
                .leaf("Arn", format!("arn:aws:iam::{account}:group/{name}"))
                .leaf("CreateDate", "2020-01-01T00:00:00Z");
        });
        write_end(xml, marker);
    }))
}

pub(super) fn get_user_policy(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let user = asked_user(world, ask)?;
    let document = inline(&user.inline, "user", ask)?;
    let name = user.name.clone();
    Ok(result("GetUserPolicy", ask, |xml| {
        xml.leaf("UserName", name);
        write_inline(xml, ask, &document);
    }))
}

pub(super) fn get_group_policy(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let group = asked_group(world, ask)?;
    let document = inline(&group.inline, "group", ask)?;
    let name = group.name.clone();
    Ok(result("GetGroupPolicy", ask, |xml| {
        xml.leaf("GroupName", name);
        write_inline(xml, ask, &document);
    }))
}

pub(super) fn get_policy(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let (arn, name, _) = managed(world, ask)?;
    Ok(result("GetPolicy", ask, |xml| {
        xml.node("Policy", |xml| {
            xml.leaf("PolicyName", name)
                .leaf("Arn", arn)
                .leaf("Path", "/")
                .leaf("DefaultVersionId", "v1");
        });
    }))
}

pub(super) fn get_policy_version(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let (_, _, document) = managed(world, ask)?;
    if ask.request.form.get("VersionId") != Some("v1") {
        return Err(gone("This policy version does not exist"));
    }
    Ok(result("GetPolicyVersion", ask, |xml| {
        xml.node("PolicyVersion", |xml| write_version(xml, &document));
    }))
}

/// Users, then groups, then the account's own policies, in pages that may hold some of each.
pub(super) fn get_account_authorization_details(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let page = page(world, ask)?;
    let wanted = ask.request.form.list("Filter.member");
    let wants = |kind: &str| wanted.is_empty() || wanted.contains(&kind);
    let account = ask.caller.account.clone();
    let iam = world.iam_of(&account);
    let mut entries: Vec<(String, Entry)> = Vec::new();
    let kinds: [(&str, &str, Vec<&String>); 3] = [
        ("User", "1", iam.users.keys().collect()),
        ("Group", "2", iam.groups.keys().collect()),
        ("LocalManagedPolicy", "3", iam.policies.keys().collect()),
    ];
    for (kind, order, names) in kinds {
        if wants(kind) {
            let named = names.into_iter();
            entries.extend(named.map(|name| {
                (
                    format!("{order}{name}"),
                    Entry(kind.to_owned(), name.clone()),
                )
            }));
        }
    }
    let (shown, marker) = cut(&page, entries);
    let of = |kind: &str| -> Vec<String> {
        let entries = shown.iter().filter(|entry| entry.0 == kind);
        entries.map(|entry| entry.1.clone()).collect()
    };
    Ok(result("GetAccountAuthorizationDetails", ask, |xml| {
        members(xml, "UserDetailList", of("User"), |xml, name| {
            write_user_detail(xml, iam, &account, &name);
        });
        members(xml, "GroupDetailList", of("Group"), |xml, name| {
            if let Some(group) = iam.groups.get(&name) {
                xml.leaf("GroupName", &group.name)
                    .leaf("Arn", format!("arn:aws:iam::{account}:group/{name}"));
                write_policies(xml, "GroupPolicyList", &group.inline);
                members(
                    xml,
                    "AttachedManagedPolicies",
                    &group.attached,
                    write_attached,
                );
            }
        });
        members(xml, "Policies", of("LocalManagedPolicy"), |xml, name| {
            xml.leaf("PolicyName", &name)
                .leaf("Arn", format!("arn:aws:iam::{account}:policy/{name}"))
                .leaf("DefaultVersionId", "v1");
            members(
                xml,
                "PolicyVersionList",
                iam.policies.get(&name),
                |xml, document| {
                    write_version(xml, document);
                },
            );
        });
        write_end(xml, marker);
    }))
}

/// What kind of thing, and its name.
struct Entry(String, String);

fn write_user_detail(xml: &mut Xml, iam: &Account, account: &str, name: &str) {
    let Some(user) = iam.users.get(name) else {
        return;
    };
    xml.leaf("Path", &user.path)
        .leaf("UserName", &user.name)
        .leaf("Arn", user.arn(account))
        .leaf("CreateDate", timestamp(user.created_at));
    write_policies(xml, "UserPolicyList", &user.inline);
    let groups: Vec<&String> = user.groups.iter().collect();
    write_names(xml, "GroupList", &groups);
    members(
        xml,
        "AttachedManagedPolicies",
        &user.attached,
        write_attached,
    );
    members(xml, "Tags", &user.tags, |xml, (key, value)| {
        xml.leaf("Key", key).leaf("Value", value);
    });
}

fn write_policies(xml: &mut Xml, list: &str, policies: &BTreeMap<String, String>) {
    members(xml, list, policies, |xml, (name, document)| {
        xml.leaf("PolicyName", name)
            .leaf("PolicyDocument", encoded(document));
    });
}

fn write_attached(xml: &mut Xml, arn: &String) {
    let name = arn.rsplit('/').next().unwrap_or_default();
    xml.leaf("PolicyName", name).leaf("PolicyArn", arn);
}

fn write_version(xml: &mut Xml, document: &str) {
    xml.leaf("Document", encoded(document))
        .leaf("VersionId", "v1")
        .leaf("IsDefaultVersion", true);
}

/// `<name><member>text</member></name>`
fn write_names(xml: &mut Xml, list: &str, names: &[&String]) {
    xml.node(list, |xml| {
        for name in names {
            xml.leaf("member", name);
        }
    });
}

fn write_inline(xml: &mut Xml, ask: &Ask<'_>, document: &str) {
    let name = ask.request.form.get("PolicyName").unwrap_or_default();
    xml.leaf("PolicyName", name)
        .leaf("PolicyDocument", encoded(document));
}

fn inline(
    policies: &BTreeMap<String, String>,
    kind: &str,
    ask: &Ask<'_>,
) -> Result<String, AwsError> {
    let name = ask.request.form.get("PolicyName").unwrap_or_default();
    policies.get(name).cloned().ok_or_else(|| {
        gone(format!(
            "The {kind} policy with name {name} cannot be found."
        ))
    })
}

fn asked_group<'a>(world: &'a mut World, ask: &Ask<'_>) -> Result<&'a mut IamGroup, AwsError> {
    let name = ask.request.form.get("GroupName").unwrap_or_default();
    let groups = &mut world.iam_of(&ask.caller.account).groups;
    groups
        .get_mut(name)
        .ok_or_else(|| gone(format!("The group with name {name} cannot be found.")))
}

/// The ARN, the name and the text of the policy that a request names.
fn managed(world: &mut World, ask: &Ask<'_>) -> Result<(String, String, String), AwsError> {
    let arn = ask.request.form.get("PolicyArn").unwrap_or_default();
    let name = arn.rsplit('/').next().unwrap_or_default();
    let document = world.iam_of(&ask.caller.account).policies.get(name);
    match document {
        Some(document) => Ok((arn.to_owned(), name.to_owned(), document.clone())),
        None => Err(gone(format!("Policy {arn} was not found."))),
    }
}
