//! EC2, in the query protocol of version 2016-11-15.
//!
//! Instances, and beside them what an audit of security groups reads: groups, rules, prefix lists and interfaces, which
//! know nothing of the instances. No volumes, no images beyond one.

mod attributes;
mod change;
mod describe;
mod filter;
mod instance;
mod network;
mod regions;
mod run;
#[cfg(test)]
mod security_group_tests;
mod security_groups;
mod spot;
mod tags;
#[cfg(test)]
mod tests;

pub use instance::{Instance, InstanceState, Spot, SpotKind};
pub use network::{NetworkInterface, PrefixList, RuleSource, SecurityGroup, SecurityGroupRule};

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};

use crate::service::{Ask, Operation, Refusal, Route, Service, changes, reads, route_query};
use crate::wire::{AwsError, Request, Response, Xml};
use crate::world::World;

const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

const OPERATIONS: &[Operation] = &[
    changes(
        "AuthorizeSecurityGroupIngress",
        security_groups::authorize_security_group_ingress,
    ),
    changes("CreateTags", tags::create_tags),
    changes("DeleteTags", tags::delete_tags),
    reads("DescribeImages", run::describe_images),
    reads(
        "DescribeInstanceAttribute",
        attributes::describe_instance_attribute,
    ),
    reads("DescribeInstances", describe::describe_instances),
    reads(
        "DescribeNetworkInterfaces",
        security_groups::describe_network_interfaces,
    ),
    reads("DescribeRegions", regions::describe_regions),
    reads(
        "DescribeSecurityGroupRules",
        security_groups::describe_security_group_rules,
    ),
    reads(
        "DescribeSecurityGroups",
        security_groups::describe_security_groups,
    ),
    reads(
        "DescribeSpotInstanceRequests",
        spot::describe_spot_instance_requests,
    ),
    reads("DescribeTags", tags::describe_tags),
    reads(
        "GetManagedPrefixListEntries",
        security_groups::get_managed_prefix_list_entries,
    ),
    changes(
        "ModifyInstanceAttribute",
        attributes::modify_instance_attribute,
    ),
    changes(
        "RevokeSecurityGroupIngress",
        security_groups::revoke_security_group_ingress,
    ),
    changes("RunInstances", run::run_instances),
    changes("StartInstances", change::start_instances),
    changes("StopInstances", change::stop_instances),
    changes("TerminateInstances", change::terminate_instances),
];

/// The parameters that name resources.
const NAMING: &[&str] = &[
    "GroupId",
    "InstanceId",
    "PrefixListId",
    "ResourceId",
    "SecurityGroupRuleId",
    "SpotInstanceRequestId",
];

/// The instances of one account in one region, by id.
type Instances = BTreeMap<String, Instance>;

pub(crate) struct Ec2;

/// All instances.
#[derive(Debug)]
pub(crate) struct Ec2State {
    /// How long transitional states last.
    pub(crate) settle: Duration,
    /// By account and region.
    places: BTreeMap<(String, String), Instances>,
    /// By account and region.
    networks: BTreeMap<(String, String), network::Network>,
}

impl Default for Ec2State {
    fn default() -> Ec2State {
        Ec2State {
            settle: Duration::seconds(30),
            places: BTreeMap::new(),
            networks: BTreeMap::new(),
        }
    }
}

impl Ec2State {
    /// Lets every transitional state end that has lasted long enough, and forgets what was terminated an hour ago.
    pub(crate) fn settle_until(&mut self, now: DateTime<Utc>) {
        for instances in self.places.values_mut() {
            instances.retain(|_, instance| instance.settle_until(now));
        }
    }
}

impl World {
    /// Adds an instance. Unless it says otherwise it has been running for 30 days.
    ///
    /// Panics if the world has no such account or region: that is a slip of the pen.
    pub fn instance(mut self, account: &str, region: &str, instance: Instance) -> World {
        self.add_instance(account, region, instance);
        self
    }

    /// The same in the middle of a test.
    pub fn add_instance(&mut self, account: &str, region: &str, mut instance: Instance) {
        self.assert_place(account, region);
        instance.arrive(self.now(), self.ec2.settle, region);
        self.instances_of(account, region)
            .insert(instance.id.clone(), instance);
    }

    /// The instances of an account in a region, in the order of their ids.
    pub fn instances(&self, account: &str, region: &str) -> Vec<&Instance> {
        let place = (account.to_owned(), region.to_owned());
        self.ec2
            .places
            .get(&place)
            .into_iter()
            .flat_map(BTreeMap::values)
            .collect()
    }

    /// One instance.
    pub fn find_instance(&self, account: &str, region: &str, id: &str) -> Option<&Instance> {
        self.ec2
            .places
            .get(&(account.to_owned(), region.to_owned()))?
            .get(id)
    }

    /// One instance, to edit it.
    pub fn instance_mut(&mut self, account: &str, region: &str, id: &str) -> Option<&mut Instance> {
        self.instances_of(account, region).get_mut(id)
    }

    /// Lets an instance enter a state now; `stopping` becomes `stopped` in time, and so on. `None` if there is none.
    pub fn set_instance_state(
        &mut self,
        account: &str,
        region: &str,
        id: &str,
        state: InstanceState,
    ) -> Option<()> {
        let (now, settle) = (self.now(), self.ec2.settle);
        self.instance_mut(account, region, id)?
            .enter(state, now, settle);
        Some(())
    }

    /// Takes an instance away as if it had never been.
    pub fn remove_instance(&mut self, account: &str, region: &str, id: &str) -> Option<Instance> {
        self.instances_of(account, region).remove(id)
    }

    fn instances_of(&mut self, account: &str, region: &str) -> &mut Instances {
        self.ec2
            .places
            .entry((account.to_owned(), region.to_owned()))
            .or_default()
    }
}

impl Service for Ec2 {
    fn name(&self) -> &'static str {
        "ec2"
    }

    fn route(&self, request: &Request) -> Route {
        route_query(OPERATIONS, NAMING, request)
    }

    /// <https://docs.aws.amazon.com/ec2/latest/devguide/errors-overview.html>
    fn refusal(&self, refusal: &Refusal) -> AwsError {
        match refusal {
            Refusal::Throttled => {
                AwsError::new(503, "RequestLimitExceeded", "Request limit exceeded.")
            }
            Refusal::Broken => {
                AwsError::new(500, "InternalError", "An internal error has occurred")
            }
            Refusal::Denied { .. } => {
                let message = "You are not authorized to perform this operation.";
                AwsError::new(403, "UnauthorizedOperation", message)
            }
            Refusal::UnknownKey => {
                let message = "AWS was not able to validate the provided access credentials";
                AwsError::new(401, "AuthFailure", message)
            }
            Refusal::ExpiredSession | Refusal::ExpiredLink => {
                AwsError::new(400, "RequestExpired", "Request has expired.")
            }
            Refusal::UnknownAction(action) => {
                let message = format!("The action {action} is not valid for this web service.");
                AwsError::new(400, "InvalidAction", message)
            }
        }
    }

    fn error(&self, error: &AwsError, request_id: &str) -> Response {
        let body = Xml::document("Response", "", |xml| {
            xml.node("Errors", |xml| {
                xml.node("Error", |xml| {
                    xml.leaf("Code", &error.code)
                        .leaf("Message", &error.message);
                });
            });
            xml.leaf("RequestID", request_id);
        });
        Response::xml(error.status, body).header("x-amzn-requestid", request_id)
    }
}

/// `<ActionResponse><requestId/>…</ActionResponse>`
fn result(action: &str, ask: &Ask<'_>, inside: impl FnOnce(&mut Xml)) -> Response {
    let body = Xml::document(&format!("{action}Response"), NAMESPACE, |xml| {
        xml.leaf("requestId", ask.request_id);
        inside(xml);
    });
    Response::xml(200, body).header("x-amzn-requestid", ask.request_id)
}

/// The answer of operations that have nothing to say.
fn done(action: &str, ask: &Ask<'_>) -> Response {
    result(action, ask, |xml| {
        xml.leaf("return", true);
    })
}

fn refuse(code: &str, message: impl Into<String>) -> AwsError {
    AwsError::new(400, code, message)
}

/// Ends a dry run. It comes after ids were looked up and before anything that depends on an instance's state: a dry
/// run asks only for permission, so it succeeds for a protected instance.
fn end_dry_run(ask: &Ask<'_>) -> Result<(), AwsError> {
    if ask.request.form.is_true("DryRun") {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Err(AwsError::new(412, "DryRunOperation", message));
    }
    Ok(())
}

/// Refuses ids that name no instance; AWS names all of them in one message. An id the world knows is always accepted,
/// so that tests may have short ones.
fn check_instance_ids<'a>(
    instances: &Instances,
    ids: impl IntoIterator<Item = &'a str>,
) -> Result<(), AwsError> {
    let unknown: Vec<&str> = ids
        .into_iter()
        .filter(|id| !instances.contains_key(*id))
        .collect();
    if let Some(id) = unknown.iter().find(|id| !is_well_formed("i-", id)) {
        return Err(refuse(
            "InvalidInstanceID.Malformed",
            format!("Invalid id: \"{id}\""),
        ));
    }
    let message = match unknown.as_slice() {
        [] => return Ok(()),
        [id] => format!("The instance ID '{id}' does not exist"),
        ids => format!("The instance IDs '{}' do not exist", ids.join(", ")),
    };
    Err(refuse("InvalidInstanceID.NotFound", message))
}

/// Ids are a prefix and 8 or 17 hexadecimal digits.
fn is_well_formed(prefix: &str, id: &str) -> bool {
    id.strip_prefix(prefix).is_some_and(|digits| {
        matches!(digits.len(), 8 | 17)
            && digits
                .bytes()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// A page of a listing.
struct Page {
    size: usize,
    /// The key of the last item on the page before.
    after: Option<String>,
}

/// Reads `MaxResults` and `NextToken`. EC2's pages hold 5 to 1,000 items.
fn page(world: &World, ask: &Ask<'_>) -> Result<Page, AwsError> {
    let params = &ask.request.form;
    let asked = match params.get("MaxResults") {
        None => None,
        Some(text) => match text.parse::<usize>() {
            Ok(size @ 5..=1000) => Some(size),
            other => {
                let bound = if other.is_ok_and(|size| size > 1000) {
                    "less than 1000"
                } else {
                    "greater than 5"
                };
                return Err(refuse(
                    "InvalidParameterValue",
                    format!(
                        "Value ( {text} ) for parameter maxResults is invalid. Expecting a value {bound}."
                    ),
                ));
            }
        },
    };
    Ok(Page {
        size: world.page_of(asked, 1000),
        after: page_after(ask)?,
    })
}

/// The key that `NextToken` holds.
fn page_after(ask: &Ask<'_>) -> Result<Option<String>, AwsError> {
    match ask.request.form.get("NextToken") {
        None | Some("") => Ok(None),
        Some(token) => read_token(token)
            .map(Some)
            .ok_or_else(|| refuse("InvalidNextToken", "The specified NextToken is not valid.")),
    }
}

/// Takes a page out of items that are sorted by key, filtering before or after the cut as the world says, and the
/// token for the next.
fn cut<T>(
    world: &World,
    page: &Page,
    items: impl IntoIterator<Item = (String, T)>,
    keep: impl Fn(&T) -> bool,
) -> (Vec<T>, Option<String>) {
    let is_sparse = world.cuts_before_filtering();
    let mut rest = items
        .into_iter()
        .filter(|(key, _)| page.after.as_ref().is_none_or(|after| key > after))
        .filter(|(_, item)| is_sparse || keep(item));
    let mut last = None;
    let mut taken = Vec::new();
    for (key, item) in rest.by_ref().take(page.size) {
        last = Some(key);
        taken.push(item);
    }
    let token = last
        .filter(|_| rest.next().is_some())
        .map(|key| write_token(&key));
    taken.retain(|item| keep(item));
    (taken, token)
}

/// A token holds the key of the last item, so that pages stay right while items come and go.
fn write_token(key: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("after {key}"))
}

fn read_token(token: &str) -> Option<String> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    Some(text.strip_prefix("after ")?.to_owned())
}

/// A time as EC2 writes it.
fn timestamp(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}
