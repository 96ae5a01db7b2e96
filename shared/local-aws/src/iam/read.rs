//! Looks at single users, and at the account as a whole.

use crate::service::Ask;
use crate::wire::{AwsError, Response};
use crate::world::World;

use super::{asked_user, cut, gone, members, page, result, timestamp, write_end};

pub(super) fn get_user(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let number = ask.request.form.get("UserName").unwrap_or_default().len();
    let user = asked_user(world, ask)?;
    Ok(result("GetUser", ask, |xml| {
        xml.node("User", |xml| {
            xml.leaf("Path", &user.path)
                .leaf("UserName", &user.name)
                .leaf("UserId", format!("AIDALOCALAWS{number:08}"))
                .leaf("Arn", user.arn(&ask.caller.account))
                .leaf("CreateDate", timestamp(user.created_at))
                .maybe("PasswordLastUsed", user.password_last_used.map(timestamp));
            if !user.tags.is_empty() {
                members(xml, "Tags", &user.tags, |xml, (key, value)| {
                    xml.leaf("Key", key).leaf("Value", value);
                });
            }
        });
    }))
}

pub(super) fn get_login_profile(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let user = asked_user(world, ask)?;
    if !user.has_password {
        return Err(gone(format!(
            "Login Profile for User {} cannot be found.",
            user.name
        )));
    }
    Ok(result("GetLoginProfile", ask, |xml| {
        xml.node("LoginProfile", |xml| {
            xml.leaf("UserName", &user.name)
                .leaf("CreateDate", timestamp(user.created_at))
                .leaf("PasswordResetRequired", false);
        });
    }))
}

pub(super) fn list_mfa_devices(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let page = page(world, ask)?;
    let user = asked_user(world, ask)?;
    let devices = user.mfa_devices.iter();
    let (shown, marker) = cut(&page, devices.map(|serial| (serial.clone(), serial)));
    Ok(result("ListMFADevices", ask, |xml| {
        members(xml, "MFADevices", shown, |xml, serial| {
            xml.leaf("UserName", &user.name)
                .leaf("SerialNumber", serial)
                .leaf("EnableDate", timestamp(user.created_at));
        });
        write_end(xml, marker);
    }))
}

pub(super) fn list_access_keys(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let page = page(world, ask)?;
    let user = asked_user(world, ask)?;
    let keys = user.keys.iter().enumerate();
    let (shown, marker) = cut(&page, keys.map(|(place, key)| (format!("{place:04}"), key)));
    Ok(result("ListAccessKeys", ask, |xml| {
        members(xml, "AccessKeyMetadata", shown, |xml, key| {
            xml.leaf("UserName", &user.name)
                .leaf("AccessKeyId", &key.id)
                .leaf("Status", if key.is_active { "Active" } else { "Inactive" })
                .leaf("CreateDate", timestamp(key.created_at));
        });
        write_end(xml, marker);
    }))
}

pub(super) fn get_access_key_last_used(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let id = ask.request.form.get("AccessKeyId").unwrap_or_default();
    let users = &world.iam_of(&ask.caller.account).users;
    let found = users.values().find_map(|user| {
        let key = user.keys.iter().find(|key| key.id == id)?;
        Some((user, key))
    });
    let Some((user, key)) = found else {
        // A key that does not exist is answered like one of another account.
        let message = format!(
            "User: {} is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key {id}",
            ask.caller.principal
        );
        return Err(AwsError::new(403, "AccessDenied", message));
    };
    Ok(result("GetAccessKeyLastUsed", ask, |xml| {
        xml.leaf("UserName", &user.name)
            .node("AccessKeyLastUsed", |xml| {
                let place = match key.last_used {
                    Some(_) => ("eu-west-1", "s3"),
                    None => ("N/A", "N/A"),
                };
                xml.maybe("LastUsedDate", key.last_used.map(timestamp))
                    .leaf("Region", place.0)
                    .leaf("ServiceName", place.1);
            });
    }))
}

pub(super) fn get_account_summary(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let iam = world.iam_of(&ask.caller.account);
    let root = &iam.root;
    let mut counts = vec![
        ("Users", iam.users.len()),
        ("Groups", iam.groups.len()),
        ("AccountMFAEnabled", usize::from(root.has_mfa)),
        (
            "AccountAccessKeysPresent",
            usize::from(!root.keys.is_empty()),
        ),
    ];
    counts.extend(
        root.has_password
            .map(|has| ("AccountPasswordPresent", usize::from(has))),
    );
    Ok(result("GetAccountSummary", ask, |xml| {
        xml.node("SummaryMap", |xml| {
            for (key, count) in counts {
                xml.node("entry", |xml| {
                    xml.leaf("key", key).leaf("value", count);
                });
            }
        });
    }))
}

pub(super) fn list_account_aliases(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let alias = &world.iam_of(&ask.caller.account).alias;
    Ok(result("ListAccountAliases", ask, |xml| {
        xml.node("AccountAliases", |xml| {
            xml.maybe("member", alias.as_ref());
        });
        write_end(xml, None);
    }))
}
