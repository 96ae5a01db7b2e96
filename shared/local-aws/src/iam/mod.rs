//! IAM, in the query protocol of version 2010-05-08: users with what they sign in with, groups, policies, and the
//! credential report with all its states.
//!
//! The policies of these users are kept and never evaluated: whose calls are judged, `policy` says. Passwords have no text. IAM is global: any region in a signature is the
//! same IAM.

mod change;
mod policies;
mod read;
mod report;
mod server_certificates;
#[cfg(test)]
mod tests;
mod user;

pub use user::{IamGroup, IamKey, IamUser, RootUser};

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, SecondsFormat, Utc};

use crate::service::{
    Ask, Operation, QueryProtocol, Refusal, Route, Service, changes, reads, route_query,
};
use crate::wire::{AwsError, Request, Response, Xml};
use crate::world::World;

const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

const OPERATIONS: &[Operation] = &[
    changes("DeleteLoginProfile", change::delete_login_profile),
    changes("DeleteUserPolicy", change::delete_user_policy),
    // It makes a report that only its readers see.
    reads("GenerateCredentialReport", report::generate),
    reads("GetAccessKeyLastUsed", read::get_access_key_last_used),
    reads(
        "GetAccountAuthorizationDetails",
        policies::get_account_authorization_details,
    ),
    reads("GetAccountSummary", read::get_account_summary),
    reads("GetCredentialReport", report::get),
    reads("GetGroupPolicy", policies::get_group_policy),
    reads("GetLoginProfile", read::get_login_profile),
    reads("GetPolicy", policies::get_policy),
    reads("GetPolicyVersion", policies::get_policy_version),
    reads(
        "GetServerCertificate",
        server_certificates::get_server_certificate,
    ),
    reads("GetUser", read::get_user),
    reads("GetUserPolicy", policies::get_user_policy),
    reads("ListAccessKeys", read::list_access_keys),
    reads("ListAccountAliases", read::list_account_aliases),
    reads(
        "ListAttachedGroupPolicies",
        policies::list_attached_group_policies,
    ),
    reads(
        "ListAttachedUserPolicies",
        policies::list_attached_user_policies,
    ),
    reads("ListGroupPolicies", policies::list_group_policies),
    reads("ListGroupsForUser", policies::list_groups_for_user),
    reads("ListMFADevices", read::list_mfa_devices),
    reads(
        "ListServerCertificates",
        server_certificates::list_server_certificates,
    ),
    reads("ListUserPolicies", policies::list_user_policies),
    changes("PutUserPolicy", change::put_user_policy),
    changes("TagUser", change::tag_user),
    changes("UntagUser", change::untag_user),
    changes("UpdateAccessKey", change::update_access_key),
    changes(
        "UploadServerCertificate",
        server_certificates::upload_server_certificate,
    ),
];

/// The parameters that name resources.
const NAMING: &[&str] = &[
    "UserName",
    "AccessKeyId",
    "GroupName",
    "PolicyArn",
    "ServerCertificateName",
];

pub(crate) struct Iam;

/// The IAM of every account.
#[derive(Debug, Default)]
pub(crate) struct IamState {
    accounts: BTreeMap<String, Account>,
}

/// The IAM of one account.
#[derive(Debug, Default)]
struct Account {
    users: BTreeMap<String, IamUser>,
    groups: BTreeMap<String, IamGroup>,
    /// The texts of managed policies, by name.
    policies: BTreeMap<String, String>,
    server_certificates: BTreeMap<String, server_certificates::ServerCertificate>,
    root: RootUser,
    alias: Option<String>,
    report: report::CredentialReport,
}

impl World {
    /// Adds a user. Unless it says otherwise it has existed for a year and can do nothing.
    ///
    /// Panics if the world has no such account: that is a slip of the pen.
    pub fn user(mut self, account: &str, user: IamUser) -> World {
        self.add_user(account, user);
        self
    }

    /// The same in the middle of a test.
    pub fn add_user(&mut self, account: &str, mut user: IamUser) {
        let home = self.home().to_owned();
        self.assert_place(account, &home);
        user.arrive(self.now());
        self.iam_of(account).users.insert(user.name.clone(), user);
    }

    /// Adds a group; users name the groups they are in.
    pub fn group(mut self, account: &str, group: IamGroup) -> World {
        self.iam_of(account)
            .groups
            .insert(group.name.clone(), group);
        self
    }

    /// Adds a managed policy of the account itself: `arn:aws:iam::ACCOUNT:policy/NAME`.
    pub fn managed_policy(mut self, account: &str, name: &str, document: &str) -> World {
        let policies = &mut self.iam_of(account).policies;
        policies.insert(name.to_owned(), document.to_owned());
        self
    }

    /// What the root user of an account has.
    pub fn root_user(mut self, account: &str, root: RootUser) -> World {
        self.iam_of(account).root = root;
        self
    }

    /// The account's alias.
    pub fn account_alias(mut self, account: &str, alias: &str) -> World {
        self.iam_of(account).alias = Some(alias.to_owned());
        self
    }

    /// A report takes so many answers `ReportInProgress` before it is there. None unless said otherwise.
    pub fn credential_report_takes(mut self, answers: usize) -> World {
        let account = self.default_account().to_owned();
        self.iam_of(&account).report.takes = answers;
        self
    }

    /// So many requests to make a report are answered `LimitExceeded`.
    pub fn credential_report_refuses(mut self, answers: usize) -> World {
        let account = self.default_account().to_owned();
        self.iam_of(&account).report.refuses = answers;
        self
    }

    /// Reports have the column `additional_credentials_info` too, which makes 23.
    pub fn credential_report_is_wide(mut self) -> World {
        let account = self.default_account().to_owned();
        self.iam_of(&account).report.is_wide = true;
        self
    }

    /// Makes the report of an account now. What changes afterwards is not in it, until it is four hours old.
    pub fn make_credential_report(&mut self, account: &str) {
        report::make(self, account);
    }

    /// One user.
    pub fn find_user(&self, account: &str, name: &str) -> Option<&IamUser> {
        self.iam.accounts.get(account)?.users.get(name)
    }

    /// The user with this access key.
    pub(crate) fn user_of_key(&self, account: &str, key: &str) -> Option<&IamUser> {
        let users = &self.iam.accounts.get(account)?.users;
        users
            .values()
            .find(|user| user.keys.iter().any(|own| own.id == key))
    }

    /// One user, to edit it.
    pub fn user_mut(&mut self, account: &str, name: &str) -> Option<&mut IamUser> {
        self.iam_of(account).users.get_mut(name)
    }

    /// The root user, to edit it.
    pub fn root_user_mut(&mut self, account: &str) -> &mut RootUser {
        &mut self.iam_of(account).root
    }

    /// Takes a user away as if it had never been.
    pub fn remove_user(&mut self, account: &str, name: &str) -> Option<IamUser> {
        self.iam_of(account).users.remove(name)
    }

    fn iam_of(&mut self, account: &str) -> &mut Account {
        self.iam.accounts.entry(account.to_owned()).or_default()
    }
}

const QUERY: QueryProtocol = QueryProtocol {
    namespace: NAMESPACE,
    version: "2010-05-08",
    denied: "AccessDenied",
    broken: "ServiceFailure",
};

impl Service for Iam {
    fn name(&self) -> &'static str {
        "iam"
    }

    fn route(&self, request: &Request) -> Route {
        route_query(OPERATIONS, NAMING, request)
    }

    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>
    fn refusal(&self, refusal: &Refusal) -> AwsError {
        QUERY.refusal(refusal)
    }

    fn error(&self, error: &AwsError, request_id: &str) -> Response {
        QUERY.write(error, request_id)
    }
}

fn result(action: &str, ask: &Ask<'_>, inside: impl FnOnce(&mut Xml)) -> Response {
    QUERY.result(action, ask, inside)
}

/// The answer of operations that have nothing to say.
fn done(action: &str, ask: &Ask<'_>) -> Response {
    QUERY.done(action, ask)
}

fn gone(what: impl Into<String>) -> AwsError {
    AwsError::new(404, "NoSuchEntity", what)
}

fn no_user(name: &str) -> AwsError {
    gone(format!("The user with name {name} cannot be found."))
}

/// The user that a request names, and the account it is in.
fn asked_user<'a>(world: &'a mut World, ask: &Ask<'_>) -> Result<&'a mut IamUser, AwsError> {
    let name = ask.request.form.get("UserName").unwrap_or_default();
    world
        .user_mut(&ask.caller.account, name)
        .ok_or_else(|| no_user(name))
}

/// A page of a listing.
struct Page {
    size: usize,
    /// The key of the last entry on the page before.
    after: Option<String>,
}

/// Reads `MaxItems` and `Marker`. IAM's pages hold 100 entries unless the request asks for up to 1,000.
fn page(world: &World, ask: &Ask<'_>) -> Result<Page, AwsError> {
    let params = &ask.request.form;
    let invalid = |message: String| AwsError::new(400, "ValidationError", message);
    let asked = match params.get("MaxItems") {
        None => 100,
        Some(text) => match text.parse::<usize>() {
            Ok(size @ 1..=1000) => size,
            _ => {
                return Err(invalid(format!(
                    "1 validation error detected: Value '{text}' at 'maxItems' failed to satisfy constraint: \
                     Member must have value less than or equal to 1000"
                )));
            }
        },
    };
    let after = match params.get("Marker") {
        None => None,
        Some(token) => Some(
            BASE64_URL_SAFE_NO_PAD
                .decode(token)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .and_then(|text| Some(text.strip_prefix("after ")?.to_owned()))
                .ok_or_else(|| invalid(format!("Invalid Marker: {token}")))?,
        ),
    };
    Ok(Page {
        size: world.page_of(Some(asked), 1000),
        after,
    })
}

/// Takes a page out of entries that are sorted by key, and the marker of the next.
fn cut<T>(page: &Page, items: impl IntoIterator<Item = (String, T)>) -> (Vec<T>, Option<String>) {
    let mut rest = items
        .into_iter()
        .filter(|(key, _)| page.after.as_ref().is_none_or(|after| key > after));
    let mut last = None;
    let mut taken = Vec::new();
    for (key, item) in rest.by_ref().take(page.size) {
        last = Some(key);
        taken.push(item);
    }
    let marker = last
        .filter(|_| rest.next().is_some())
        .map(|key| BASE64_URL_SAFE_NO_PAD.encode(format!("after {key}")));
    (taken, marker)
}

/// `<IsTruncated/>` and, where there is more, `<Marker/>`.
fn write_end(xml: &mut Xml, marker: Option<String>) {
    xml.leaf("IsTruncated", marker.is_some())
        .maybe("Marker", marker);
}

/// A list as IAM writes it: `<name><member>…</member></name>`.
fn members<T>(
    xml: &mut Xml,
    name: &str,
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut Xml, T),
) {
    xml.node(name, |xml| {
        for item in items {
            xml.node("member", |xml| each(xml, item));
        }
    });
}

fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A policy's text as IAM writes it: percent-encoded as in RFC 3986.
fn encoded(document: &str) -> String {
    let mut text = String::new();
    for byte in document.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}
