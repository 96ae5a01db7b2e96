//! Reads the instances of every account and region, page by page, and keeps what decides.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use lamplighter_aws::ec2::{self, SpotInstanceType};
use lamplighter_aws::{Scope, Session};
use lamplighter_core::{Coverage, ErrorRow, Function, Observed, Plan, Result, chain};

use crate::action::Action;
use crate::instance::{AUTO_SCALING_GROUP, Instance, Inventory, Place, Spot, State, Tags};
use crate::plan::MARK;
use crate::rules::{Ending, Rules};

/// The function, with the session it reads through.
pub struct StopUntagged {
    session: Arc<Session>,
}

impl StopUntagged {
    /// A function that reads through `session`. Its clients can only read.
    pub fn new(session: Arc<Session>) -> Self {
        Self { session }
    }
}

impl Function for StopUntagged {
    const NAME: &'static str = "stop-untagged";
    type Event = ();
    type Rules = Rules;
    type Inventory = Inventory;
    type Action = Action;

    async fn observe(&self, _event: &(), rules: &Rules) -> Result<Observed<Inventory>> {
        let scopes = self.session.scopes().await;
        let work: Vec<_> = scopes
            .scopes
            .iter()
            .map(|scope| (scope.name(), read(scope, rules, &self.session)))
            .collect();
        let readings = self.session.in_places(work).await;

        let mut observed = Observed {
            inventory: Inventory::default(),
            coverage: scopes.unreadable,
            errors: vec![],
        };
        observed.inventory.notes = scopes.notes;
        observed.inventory.accounts = self
            .session
            .accounts()
            .iter()
            .map(|account| account.id.clone())
            .collect();
        for reading in readings {
            observed.inventory.instances.extend(reading.instances);
            observed.inventory.notes.extend(reading.notes);
            observed.coverage.push(reading.coverage);
            observed.errors.extend(reading.errors);
        }
        Ok(observed)
    }

    fn plan(inventory: &Inventory, rules: &Rules, now: DateTime<Utc>) -> Plan<Action> {
        crate::plan::plan(inventory, rules, now)
    }
}

/// What was read in one region.
struct Reading {
    instances: Vec<Instance>,
    coverage: Coverage,
    errors: Vec<ErrorRow>,
    notes: Vec<String>,
}

async fn read(scope: &Scope, rules: &Rules, session: &Session) -> Reading {
    let reader = ec2::Reader::new(scope);
    let place = Arc::new(place(scope));
    let mut instances = Vec::new();
    let listed = reader
        .instances(|instance| {
            session.progress().saw(1);
            instances.extend(keep(instance, &place, rules));
        })
        .await;
    let mut reading = Reading {
        instances: vec![],
        coverage: Coverage::read(scope.name(), 0),
        errors: vec![],
        notes: vec![],
    };
    if let Err(error) = listed {
        // Half of a region is no basis for a share of it: what was read before the error is left out.
        let error = error.context(format!("cannot list the instances in `{}`", scope.region));
        reading.coverage = Coverage::unreadable(scope.name(), chain(&error));
        return reading;
    }
    if let Err(error) = tell_spot_kinds(&reader, &mut instances).await {
        let error = error.context(format!(
            "cannot tell the kinds of spot requests in `{}`",
            scope.region
        ));
        reading.errors.push(ErrorRow {
            scope: scope.name(),
            message: chain(&error),
        });
    }
    if rules.probe_permissions {
        reading.notes.extend(probe(scope, rules, &instances).await);
    }
    reading.coverage.inspected = instances.len();
    instances.shrink_to_fit();
    reading.instances = instances;
    reading
}

pub(crate) fn place(scope: &Scope) -> Place {
    Place {
        account: scope.account.clone(),
        partition: scope.partition.clone(),
        region: scope.region.clone(),
    }
}

/// Keeps what decides of an instance that EC2 described. `None` where EC2 gave no id.
pub(crate) fn keep(instance: ec2::Instance, place: &Arc<Place>, rules: &Rules) -> Option<Instance> {
    let primary = instance
        .network_interfaces
        .as_deref()
        .unwrap_or_default()
        .iter()
        .filter_map(|interface| interface.attachment());
    let attached_at = primary
        .filter(|attachment| attachment.device_index() == Some(0))
        .filter_map(|attachment| attachment.attach_time())
        .min();
    let exists_since = attached_at
        .or(instance.launch_time.as_ref())
        .and_then(|time| DateTime::from_timestamp(time.secs(), 0));
    let tags: Tags = instance
        .tags
        .unwrap_or_default()
        .into_iter()
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .filter(|(key, _)| {
            matches!(key.as_str(), MARK | AUTO_SCALING_GROUP | "Name")
                || (!key.starts_with("aws:") && rules.speak_of(key))
        })
        .collect();
    let spot_request = instance
        .spot_instance_request_id
        .filter(|id| !id.is_empty());
    let is_spot = spot_request.is_some()
        || instance
            .instance_lifecycle
            .as_ref()
            .is_some_and(|kind| kind.as_str() == "spot");
    let managed_by = instance
        .operator
        .filter(|operator| operator.managed == Some(true))
        .map(|operator| {
            operator
                .principal
                .unwrap_or_else(|| "an AWS service".to_owned())
        });
    Some(Instance {
        id: instance.instance_id?,
        place: Arc::clone(place),
        state: match instance
            .state
            .as_ref()
            .and_then(|state| state.name())
            .map(|name| name.as_str())
        {
            Some("running") => State::Running,
            Some("stopping" | "stopped") => State::Stopped,
            Some("shutting-down" | "terminated") => State::Gone,
            // An unknown state is not a reason to act.
            _ => State::Pending,
        },
        tags,
        exists_since,
        has_instance_store_root: instance
            .root_device_type
            .as_ref()
            .is_some_and(|kind| kind.as_str() == "instance-store"),
        spot: is_spot.then_some(Spot::Unknown),
        spot_request,
        managed_by,
    })
}

/// Finds out which spot instances can be stopped. An error leaves them unknown, which protects them.
pub(crate) async fn tell_spot_kinds(
    reader: &ec2::Reader,
    instances: &mut [Instance],
) -> Result<()> {
    let ids: BTreeSet<String> = instances
        .iter()
        .filter_map(|instance| instance.spot_request.clone())
        .collect();
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = ids.into_iter().collect();
    let requests = reader.spot_requests(&ids).await?;
    let kinds: HashMap<&str, Spot> = requests
        .iter()
        .filter_map(|request| {
            let kind = match request.r#type()? {
                SpotInstanceType::OneTime => Spot::OneTime,
                SpotInstanceType::Persistent => Spot::Persistent,
                _ => Spot::Unknown,
            };
            Some((request.spot_instance_request_id()?, kind))
        })
        .collect();
    for instance in instances {
        if let Some(kind) = instance
            .spot_request
            .as_deref()
            .and_then(|id| kinds.get(id))
        {
            instance.spot = Some(*kind);
        }
    }
    Ok(())
}

/// Asks, with one running instance, whether these credentials may end instances here. A refusal is a warning: the
/// answer may differ from instance to instance where the policy has conditions.
async fn probe(scope: &Scope, rules: &Rules, instances: &[Instance]) -> Option<String> {
    // With a grace the policy need only allow ending marked instances, so only a marked one can be asked about.
    let instance = instances.iter().find(|instance| {
        instance.state == State::Running
            && (rules.grace_hours == 0 || instance.tags.get(MARK).is_some())
    })?;
    let probe = ec2::Probe::new(scope);
    let (call, answer) = match rules.ending {
        Ending::Stop => ("ec2:StopInstances", probe.may_stop(&instance.id).await),
        Ending::Terminate => (
            "ec2:TerminateInstances",
            probe.may_terminate(&instance.id).await,
        ),
    };
    match answer {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "warning: `{call}` would be denied in `{}` (asked with `DryRun` for `{}`)",
            scope.name(),
            instance.id
        )),
        Err(error) => Some(format!(
            "warning: cannot tell whether `{call}` is allowed in `{}`: {}",
            scope.name(),
            chain(&error)
        )),
    }
}
