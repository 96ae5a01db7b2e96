//! IAM: users, groups, policies and server certificates by their ARNs, with their paths.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>

use super::{Asked, Need};
use crate::iam::IamUser;

pub(super) fn needs(asked: &Asked<'_>) -> Vec<Need> {
    let form = &asked.request.form;
    let account = &asked.caller.account;
    let global = |rest: &str| format!("arn:aws:iam::{account}:{rest}");
    let param = |name: &str| form.get(name).unwrap_or_default();
    let of_user = |user: Option<&IamUser>, name: &str| {
        let arn = user.map_or_else(|| global(&format!("user/{name}")), |user| user.arn(account));
        asked.need(arn).tagged(user.map(|user| &user.tags))
    };
    let user = || {
        let name = param("UserName");
        of_user(asked.world.find_user(account, name), name)
    };
    let need = match asked.action {
        "DeleteLoginProfile"
        | "DeleteUserPolicy"
        | "GetLoginProfile"
        | "GetUser"
        | "GetUserPolicy"
        | "ListAccessKeys"
        | "ListAttachedUserPolicies"
        | "ListGroupsForUser"
        | "ListMFADevices"
        | "ListUserPolicies"
        | "PutUserPolicy"
        | "UpdateAccessKey" => user(),
        "TagUser" => {
            let tags = form.groups("Tags.member");
            let named = tags.iter();
            user().tagging(named.filter_map(|tag| Some((tag.get("Key")?, tag.get("Value")))))
        }
        "UntagUser" => {
            let names = form.list("TagKeys.member");
            user().tagging(names.into_iter().map(|name| (name, None)))
        }
        // The request names the key only: IAM looks up whose it is.
        "GetAccessKeyLastUsed" => {
            of_user(asked.world.user_of_key(account, param("AccessKeyId")), "*")
        }
        "GetGroupPolicy" | "ListAttachedGroupPolicies" | "ListGroupPolicies" => {
            asked.need(global(&format!("group/{}", param("GroupName"))))
        }
        // AWS's own policies have `aws` in the place of the account.
        "GetPolicy" | "GetPolicyVersion" => asked.need(param("PolicyArn")),
        "GetServerCertificate" | "UploadServerCertificate" => {
            let name = param("ServerCertificateName");
            asked.need(global(&format!("server-certificate/{name}")))
        }
        _ => asked.need("*"),
    };
    vec![need]
}
