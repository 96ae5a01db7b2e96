//! Reads what a delivery is about: the objects, their groups, what was deployed to them, and what waits.
//!
//! A bundle costs one `HeadObject`, a few ranged `GetObject`, `GetDeploymentGroup`, `GetDeployment` and
//! `ListDeployments`; a round costs one listing of the state and the same for each bundle that waits.

mod waiting;

use std::sync::Arc;

use lamplighter_aws::codedeploy::{Group, Platform, Revision};
use lamplighter_aws::state::StateReader;
use lamplighter_aws::{Session, s3};
use lamplighter_core::{Coverage, ErrorKind, Function, Observed, Plan, Resource, Result, chain};
use lamplighter_events::{DeploymentEvent, Happening, ObjectEvent, Record, Work};

use crate::FUNCTION;
use crate::action::Action;
use crate::bundle::{Age, Bundle, Target};
use crate::inventory::{Candidate, Ended, Inventory, Refusal, Seen, What};
use crate::look::{Place, seconds};
use crate::plan::{APPSPEC_RULE, EVENT_RULE, GROUP_RULE, REGION_RULE, ROUTE_RULE, UNUSABLE_RULE};
use crate::preflight::{BundleType, FaultKind, Verdict};
use crate::route::{self, Routed};
use crate::rules::Rules;

/// More targets on which a deployment failed are not named.
const MOST_FAILED: usize = 25;

/// The function, with the session it reads through.
pub struct DeployBundles {
    session: Arc<Session>,
}

impl DeployBundles {
    /// A function that reads through `session`. Its clients can only read.
    pub fn new(session: Arc<Session>) -> Self {
        Self { session }
    }
}

impl Function for DeployBundles {
    const NAME: &'static str = FUNCTION;
    type Event = Work;
    type Rules = Rules;
    type Inventory = Inventory;
    type Action = Action;

    async fn observe(&self, work: &Work, rules: &Rules) -> Result<Observed<Inventory>> {
        let home = Place::new(&self.session, None);
        let look = Look {
            session: &self.session,
            rules,
            account: &self.session.caller().account,
            partition: &self.session.caller().partition,
            state: StateReader::open(rules.state.as_ref(), &self.session),
            home,
        };
        let scope = format!("{}/{}", look.account, look.home.codedeploy.region());
        let mut observed = Observed {
            inventory: Inventory::default(),
            coverage: vec![],
            errors: vec![],
        };
        match work {
            Work::Round => look.round(&scope, &mut observed).await?,
            Work::Records(records) => {
                self.session.progress().expect_scopes(records.len());
                let seen: Vec<_> = records.iter().map(|record| look.record(record)).collect();
                for (seen, note) in self.session.concurrently(seen).await {
                    observed.inventory.records.push(seen);
                    observed.inventory.notes.extend(note);
                }
                look.what_waits(&mut observed.inventory).await;
                observed.coverage.push(Coverage::read(scope, records.len()));
            }
        }
        Ok(observed)
    }

    fn plan(
        inventory: &Inventory,
        rules: &Rules,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Plan<Action> {
        crate::plan::plan(inventory, rules, now)
    }
}

struct Look<'a> {
    session: &'a Session,
    rules: &'a Rules,
    account: &'a str,
    partition: &'a str,
    state: Option<StateReader>,
    home: Place,
}

impl Look<'_> {
    async fn record(&self, record: &Record) -> (Seen, Option<String>) {
        let mut note = None;
        let what = match &record.happening {
            Happening::Created(object) => self.created(object, &mut note).await,
            Happening::Removed(_) => {
                What::Ignore("it was removed: there is nothing to deploy".to_owned())
            }
            Happening::Deployment(event) => self.deployment(event).await,
            Happening::Nothing(why) => What::Ignore(why.clone()),
            Happening::Mail(_) => self.unreadable(record, "is a mail, which nobody deploys"),
            Happening::Unreadable(why) => {
                self.unreadable(record, &format!("cannot be read: {why}"))
            }
        };
        self.session.progress().scope_done();
        let seen = Seen {
            id: record.id.clone(),
            subject: record.subject(),
            what,
        };
        (seen, note)
    }

    fn unreadable(&self, record: &Record, why: &str) -> What {
        What::Refuse(Refusal {
            rule: EVENT_RULE,
            resource: self.resource(&record.subject()),
            message: format!("The event of `{}` {why}.", record.subject()),
        })
    }

    /// The resource of an object, by its URL.
    fn resource(&self, subject: &str) -> Resource {
        let path = subject.strip_prefix("s3://").unwrap_or(subject);
        Resource {
            arn: format!("arn:{}:s3:::{path}", self.partition),
            account: self.account.to_owned(),
            region: None,
        }
    }

    fn refuse(&self, rule: &'static str, url: &str, why: &str) -> What {
        What::Refuse(Refusal {
            rule,
            resource: self.resource(url),
            message: format!("Bundle `{url}` {why}."),
        })
    }

    async fn created(&self, object: &ObjectEvent, note: &mut Option<String>) -> What {
        let url = object.url();
        match self.candidate(object, note).await {
            Ok(what) => what,
            // Somebody wrote or removed it at this moment: the next delivery will see.
            Err(error) if error.kind() == ErrorKind::Permanent => self.refuse(
                UNUSABLE_RULE,
                &url,
                &format!("cannot be read: {}", chain(&error)),
            ),
            Err(error) => What::Retry(chain(&error)),
        }
    }

    async fn candidate(&self, object: &ObjectEvent, note: &mut Option<String>) -> Result<What> {
        let ObjectEvent { bucket, key, .. } = object;
        let url = object.url();
        let place = match route::region(bucket, key, self.rules) {
            Some(region) => Place::new(self.session, Some(region)),
            None => self.home.clone(),
        };
        let region = place.codedeploy.region();
        let other_region = |found: &str| {
            let why = format!(
                "is in {found}, and its deployment group in {region}: the agent cannot fetch it from there; \
                 copy it to a bucket in {region}, or set `region` of its route"
            );
            self.refuse(REGION_RULE, &url, &why)
        };
        if let Some(found) = object.region.as_deref().filter(|found| *found != region) {
            return Ok(other_region(found));
        }
        if object.region.is_none()
            && let Ok(Some(found)) = place.s3.region_of(bucket).await
            && found != region
        {
            return Ok(other_region(&found));
        }
        let Some((key, head)) = find(&place.s3, object).await? else {
            let why = "it is gone: removed since, or replaced where no versions are kept";
            return Ok(What::Ignore(why.to_owned()));
        };
        if let Some(etag) = object.etag.as_deref().filter(|etag| *etag != head.etag) {
            let why = format!(
                "it was overwritten since (eTag {etag} was announced, {} is there): that has an event of its own",
                head.etag
            );
            return Ok(What::Ignore(why));
        }
        let routed = match route::route(bucket, &key, &head.metadata, self.rules) {
            Ok(routed) => routed,
            Err(why) => return Ok(self.refuse(ROUTE_RULE, &url, &why)),
        };
        note.clone_from(&routed.note);
        let Some(kind) = BundleType::of_key(&key) else {
            let why = "has a name that says no bundle type: it ends in none of `.zip`, `.tar`, `.tar.gz`, `.tgz`, `.yaml`, `.yml`, `.json`";
            return Ok(self.refuse(UNUSABLE_RULE, &url, why));
        };
        let bundle = Bundle {
            revision: Revision {
                bucket: bucket.clone(),
                key,
                bundle_type: kind.as_str().to_owned(),
                version: filled(object.version_id.clone().or(head.version_id)),
                etag: filled(Some(head.etag)),
            },
            size: head.size,
            age: Age {
                modified_at: head.last_modified.map(seconds),
                sequencer: object.sequencer.clone(),
            },
        };
        self.weigh(&place, routed, bundle, kind).await
    }

    /// Looks at the group that a bundle goes to, and then into the bundle.
    async fn weigh(
        &self,
        place: &Place,
        routed: Routed,
        bundle: Bundle,
        kind: BundleType,
    ) -> Result<What> {
        let url = bundle.revision.url();
        let target = self.target(place, &routed.application, &routed.group);
        let Some((group, history)) = place.standing(&target, &bundle).await? else {
            return Ok(What::Refuse(Refusal {
                rule: GROUP_RULE,
                resource: target.resource(),
                message: format!(
                    "Bundle `{url}` goes to `{target}`, and there is no such application or deployment group in {}.",
                    target.region
                ),
            }));
        };
        if let Some(why) = misfit(group.platform, kind) {
            return Ok(self.refuse(UNUSABLE_RULE, &url, &why));
        }
        let verdict = place
            .look_into(&bundle, kind, self.rules.max_scan_bytes)
            .await?;
        if let Verdict::Bad(fault) = &verdict {
            let rule = match fault.kind {
                FaultKind::Type => UNUSABLE_RULE,
                FaultKind::Appspec => APPSPEC_RULE,
            };
            return Ok(self.refuse(rule, &url, &fault.message));
        }
        let previous = self.previous(place, &group).await?;
        Ok(What::Bundle(Box::new(Candidate {
            bundle,
            target,
            options: routed.options,
            verdict,
            group,
            history,
            previous,
        })))
    }

    /// What was deployed last with success: to go back to.
    async fn previous(&self, place: &Place, group: &Group) -> Result<Option<Revision>> {
        let Some(id) = &group.last_successful else {
            return Ok(None);
        };
        let deployment = place.codedeploy.deployment(id).await?;
        Ok(deployment.and_then(|deployment| deployment.revision))
    }

    fn target(&self, place: &Place, application: &str, group: &str) -> Target {
        Target {
            account: self.account.to_owned(),
            partition: self.partition.to_owned(),
            region: place.codedeploy.region().to_owned(),
            application: application.to_owned(),
            group: group.to_owned(),
        }
    }

    async fn deployment(&self, event: &DeploymentEvent) -> What {
        if let Some(account) = event.account.as_deref().filter(|it| *it != self.account) {
            return What::Ignore(format!("it is of account {account}"));
        }
        if !event.is_over() {
            return What::Ignore(format!("it is not over: {}", event.state));
        }
        let place = match &event.region {
            Some(region) => Place::new(self.session, Some(region)),
            None => self.home.clone(),
        };
        match self.ended(&place, event).await {
            Ok(ended) => What::Ended(Box::new(ended)),
            Err(error) => What::Retry(chain(&error)),
        }
    }

    async fn ended(&self, place: &Place, event: &DeploymentEvent) -> Result<Ended> {
        let id = &event.deployment_id;
        let deployment = place.codedeploy.deployment(id).await?;
        let failed = match &deployment {
            Some(deployment) if deployment.status == "Failed" => {
                place.codedeploy.failed_targets(id, MOST_FAILED).await?
            }
            _ => vec![],
        };
        Ok(Ended {
            event: event.clone(),
            target: self.target(place, &event.application, &event.group),
            deployment,
            failed,
        })
    }
}

/// The object of an event, and the key under which it is. Some events do not tell whether their key is encoded: then
/// what is there under the other reading is taken if it is what was announced.
async fn find(s3: &s3::Reader, object: &ObjectEvent) -> Result<Option<(String, s3::Head)>> {
    let version = object.version_id.as_deref();
    if let Some(head) = s3.head(&object.bucket, &object.key, version).await? {
        return Ok(Some((object.key.clone(), head)));
    }
    let (Some(key), Some(etag)) = (&object.decoded_key, &object.etag) else {
        return Ok(None);
    };
    let head = s3.head(&object.bucket, key, version).await?;
    Ok(head
        .filter(|head| head.etag == *etag)
        .map(|head| (key.clone(), head)))
}

/// A text that is there; an empty version is not the same as none.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Why a bundle does not fit what its group deploys to.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/application-revisions.html>
fn misfit(platform: Platform, kind: BundleType) -> Option<String> {
    match (platform, kind.is_archive()) {
        (Platform::Server, false) => Some(format!(
            "is a bare {kind}, and {platform} takes an archive with an appspec in it"
        )),
        (Platform::Lambda | Platform::Ecs, true) => Some(format!(
            "is a {kind} archive, and {platform} takes only an appspec by itself, as YAML or JSON"
        )),
        _ => None,
    }
}
