//! Changes users.

use crate::service::Ask;
use crate::wire::{AwsError, Response};
use crate::world::World;

use super::{asked_user, done, gone};

/// A user has at most 50 tags. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MOST_TAGS: usize = 50;

pub(super) fn tag_user(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let user = asked_user(world, ask)?;
    let mut tags = user.tags.clone();
    for tag in ask.request.form.groups("Tags.member") {
        let (key, value) = (tag.get("Key"), tag.get("Value"));
        let key = key.unwrap_or_default();
        let is_allowed = |letter: char| letter.is_alphanumeric() || " _.:/=+-@".contains(letter);
        if key.is_empty() || key.len() > 128 || !key.chars().all(is_allowed) {
            let message = format!(
                "1 validation error detected: Value '{key}' at 'tags.1.member.key' failed to satisfy constraint"
            );
            return Err(AwsError::new(400, "ValidationError", message));
        }
        tags.insert(key.to_owned(), value.unwrap_or_default().to_owned());
    }
    if tags.len() > MOST_TAGS {
        let message = "The number of tags has reached the maximum limit.";
        return Err(AwsError::new(409, "LimitExceeded", message));
    }
    user.tags = tags;
    Ok(done("TagUser", ask))
}

pub(super) fn untag_user(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let user = asked_user(world, ask)?;
    for key in ask.request.form.list("TagKeys.member") {
        user.tags.remove(key);
    }
    Ok(done("UntagUser", ask))
}

pub(super) fn delete_login_profile(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let user = asked_user(world, ask)?;
    if !user.has_password {
        return Err(gone(format!(
            "Login Profile for User {} cannot be found.",
            user.name
        )));
    }
    if user.is_password_busy {
        let message = format!(
            "Login Profile for User {} cannot be modified while login profile is being created.",
            user.name
        );
        return Err(AwsError::new(409, "EntityTemporarilyUnmodifiable", message));
    }
    user.has_password = false;
    Ok(done("DeleteLoginProfile", ask))
}

pub(super) fn put_user_policy(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let params = &ask.request.form;
    let document = params.get("PolicyDocument").unwrap_or_default();
    let user = asked_user(world, ask)?;
    if serde_json::from_str::<serde_json::Value>(document).is_err() {
        let message = "Syntax errors in policy.";
        return Err(AwsError::new(400, "MalformedPolicyDocument", message));
    }
    let name = params.get("PolicyName").unwrap_or_default();
    user.inline.insert(name.to_owned(), document.to_owned());
    Ok(done("PutUserPolicy", ask))
}

pub(super) fn delete_user_policy(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let name = ask.request.form.get("PolicyName").unwrap_or_default();
    let user = asked_user(world, ask)?;
    if user.inline.remove(name).is_none() {
        return Err(gone(format!(
            "The user policy with name {name} cannot be found."
        )));
    }
    Ok(done("DeleteUserPolicy", ask))
}

pub(super) fn update_access_key(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let now = world.now();
    let params = &ask.request.form;
    let id = params.get("AccessKeyId").unwrap_or_default();
    let is_active = match params.get("Status") {
        Some("Active") => true,
        Some("Inactive") => false,
        other => {
            let message = format!(
                "1 validation error detected: Value '{}' at 'status' failed to satisfy constraint",
                other.unwrap_or_default()
            );
            return Err(AwsError::new(400, "ValidationError", message));
        }
    };
    let user = asked_user(world, ask)?;
    let Some(key) = user.keys.iter_mut().find(|key| key.id == id) else {
        return Err(gone(format!(
            "The Access Key with id {id} cannot be found."
        )));
    };
    key.is_active = is_active;
    key.changed_at = now;
    Ok(done("UpdateAccessKey", ask))
}
