//! Every function on a small stage of its own: an account in which a round has something to do, and for event functions
//! what sets them off.

use chrono::{DateTime, Utc};
use lamplighter_local_aws::{LocalAws, World};
use serde_json::{Value, json};

use crate::harness::{Lamplighter, serve};
use crate::runtime_api::Lambda;
use crate::{archive_mail, audits, deploy_bundles, resize_images};

/// The bucket of the state, in every account.
pub const STATE: &str = "acme-state";

/// A function with what it needs to run.
pub struct Stage {
    pub function: &'static str,
    /// Its section, and those after it.
    section: &'static str,
    /// The account at a time.
    world: fn(DateTime<Utc>) -> World,
    /// What has happened there before a round.
    before: fn(&Played),
    /// What a round does: each action with its outcome.
    pub round: &'static [&'static str],
    /// What sets it off beside the schedule, by name. Each is about another thing for another name of a thing.
    pub events: &'static [(&'static str, MakeEvent)],
    /// Something that comes and can never succeed; what S3 tells of it.
    pub damaged: Option<MakeEvent>,
}

/// Lets something happen to the thing of this name, and answers what AWS tells of it.
pub type MakeEvent = fn(&Played, &str) -> Value;

/// An account that is served.
pub struct Played {
    pub stage: &'static Stage,
    pub aws: LocalAws,
    pub config: String,
}

pub static STAGES: [Stage; 8] = [
    Stage {
        function: "stop-untagged",
        section: "[stop-untagged]\nmode = \"apply\"\nmax_percent = 100\n",
        round: &["warn-and-mark done", "stop-instance done"],
        ..SCHEDULED
    },
    Stage {
        function: "audit-mfa",
        section: "[audit-mfa]\nmode = \"apply\"\nremediate = \"deny-until-mfa\"\nmax_percent = 100\n",
        round: &["warn-and-mark done", "deny-until-mfa done"],
        ..SCHEDULED
    },
    Stage {
        function: "audit-access-keys",
        section: "[audit-access-keys]\nmode = \"apply\"\nremediate = \"deactivate\"\nmax_percent = 100\n",
        round: &["warn-and-mark done", "deactivate-key done"],
        ..SCHEDULED
    },
    Stage {
        function: "audit-security-groups",
        section: "[audit-security-groups]\nmode = \"apply\"\nremediate = \"revoke\"\nmax_percent = 100\n",
        round: &["revoke-rule done", "revoke-rule done"],
        ..SCHEDULED
    },
    Stage {
        function: "report-certificates",
        section: "[report-certificates]\n",
        ..SCHEDULED
    },
    Stage {
        function: "deploy-bundles",
        section: "[deploy-bundles]\nsources = [\"s3://releases/apps/\"]\n[[deploy-bundles.routes]]\n\
                  bucket = \"releases\"\nkey = \"apps/{application}/{group}/{bundle}\"\n",
        world: |now| at(deploy_bundles::stage::world(), now),
        before: a_bundle_waits,
        round: &["deploy done"],
        events: &[("S3", bundle), ("CodeDeploy", deployment_ends)],
        damaged: Some(damaged_bundle),
    },
    Stage {
        function: "archive-mail",
        section: "[archive-mail]\nsources = [\"s3://acme-mail-in/inbox/\"]\narchive_bucket = \"acme-mail-archive\"\n",
        world: |now| {
            let world = archive_mail::stage::world(now);
            with_state(world, archive_mail::stage::ACCOUNT)
        },
        before: something_is_in_quarantine,
        round: &[],
        events: &[("SES", mail_for_lambda), ("S3", mail_in_s3)],
        damaged: Some(damaged_mail),
    },
    Stage {
        function: "resize-images",
        section: "[resize-images]\nsources = [\"s3://acme-photos/in/\"]\nwidths = [64, 100]\n",
        world: |now| {
            let world = at(resize_images::stage::world(), now);
            world.verified_identity("ops@example.com")
        },
        before: something_is_in_quarantine,
        round: &[],
        events: &[("S3", photo)],
        damaged: Some(damaged_photo),
    },
];

/// One account with something to do for each function that only the schedule sets off.
const SCHEDULED: Stage = Stage {
    function: "",
    section: "",
    world: audits::worlds::everything,
    before: |_| (),
    round: &[],
    events: &[],
    damaged: None,
};

/// The stage of a function.
pub fn stage(function: &str) -> &'static Stage {
    let mut stages = STAGES.iter();
    stages
        .find(|stage| stage.function == function)
        .expect("it has a stage")
}

/// Those that events set off.
pub fn event_functions() -> impl Iterator<Item = &'static Stage> {
    STAGES.iter().filter(|stage| !stage.events.is_empty())
}

impl Stage {
    /// The stage at this time.
    pub fn at(&'static self, now: DateTime<Utc>) -> Played {
        self.play(now, &format!("[state]\nurl = \"s3://{STATE}/lamp\"\n"))
    }

    /// The same without a state.
    pub fn without_state(&'static self, now: DateTime<Utc>) -> Played {
        self.play(now, "")
    }

    fn play(&'static self, now: DateTime<Utc>, state: &str) -> Played {
        let reports = "[report]\nfrom = \"ops@example.com\"\nto = [\"security@example.com\"]\nmail = \"always\"\n";
        Played {
            stage: self,
            aws: serve((self.world)(now)),
            config: format!(
                "[aws]\nregions = [\"eu-west-1\"]\n{reports}{state}{}",
                self.section
            ),
        }
    }
}

impl Played {
    /// With something for a round to do.
    pub fn before_a_round(self) -> Self {
        (self.stage.before)(&self);
        self
    }

    /// `lamplighter run FUNCTION --event …`: the run.
    #[track_caller]
    pub fn by_hand(&self, event: &Value) -> Value {
        let args = ["run", self.stage.function, "--format", "json"];
        let program = Lamplighter::new(args).on(&self.aws).config(&self.config);
        let path = program.folder().join("event.json");
        std::fs::write(&path, event.to_string()).expect("the event is written");
        program.arg("--event").arg(path).run().json()
    }

    /// The function's bootstrap in a Lambda environment.
    pub fn lambda(&self) -> Lambda {
        Lambda::start(self.stage.function, &self.aws, &self.config, &[])
    }

    /// What was changed, by the names of the calls and what they name; but for the claims of slots, which a person who
    /// runs an event by hand does not make, and for what is named after a run.
    pub fn changes(&self) -> Vec<String> {
        let calls = self.aws.calls().into_iter();
        let changes = calls.filter(|call| call.changes && call.status < 300);
        let mut changes: Vec<String> = changes
            .map(|call| {
                let named = call.resources.join(" ");
                let named = match named.split_once("/lamp/runs/") {
                    Some((bucket, _)) => format!("{bucket}/lamp/runs/"),
                    None => named,
                };
                format!("{} {named}", call.name())
            })
            .filter(|change| !change.contains("/lamp/slots/"))
            .collect();
        changes.sort();
        changes
    }
}

/// The schedule's event for a slot.
pub fn tick(slot: &str) -> Value {
    json!({
        "metadata": {"id": format!("tick-of-{slot}"), "source": "scheduler", "trigger": "schedule", "slot": slot},
        "data": {}
    })
}

/// What SQS brings: each message has an id and holds one event.
pub fn batch(messages: &[(&str, &Value)]) -> Value {
    let messages = messages.iter().map(|(id, event)| {
        json!({"messageId": id, "receiptHandle": format!("handle-of-{id}"), "body": event.to_string(),
            "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": {}, "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:events", "awsRegion": "eu-west-1"})
    });
    json!({"Records": messages.collect::<Vec<_>>()})
}

/// The time, to the second, as S3 tells times.
pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(Utc::now().timestamp(), 0).expect("a time of this age")
}

fn at(mut world: World, now: DateTime<Utc>) -> World {
    world.set_now(now);
    world
}

fn with_state(world: World, account: &str) -> World {
    world
        .bucket(account, "eu-west-1", STATE)
        .verified_identity("ops@example.com")
}

/// A round of an event function reports it.
fn something_is_in_quarantine(played: &Played) {
    let function = played.stage.function;
    let record = json!({
        "schema": "lamplighter/quarantine/v1", "function": function, "subject": "s3://x/y",
        "reason": "it was damaged", "run_id": "01", "at": played.aws.now(), "payload": {}
    });
    let key = format!("lamp/quarantine/{function}/0123456789abcdef0123456789abcdef.json");
    let body = record.to_string();
    played
        .aws
        .with(|world| world.store_object(STATE, &key, body.as_bytes()));
}

/// A bundle came while somebody else deployed, and now nobody does any more: a round deploys it.
fn a_bundle_waits(played: &Played) {
    let start = |world: &mut World| world.start_deployment("shop", "live", None, "user");
    let other = played.aws.with(start);
    let event = bundle(played, "waiting");
    played.by_hand(&event);
    played.aws.with(|world| world.finish_deployment(&other));
    played.aws.clear_calls();
}

/// S3's notification of an object that is there.
fn notification(played: &Played, bucket: &str, key: &str) -> Value {
    let object = played
        .aws
        .with(|world| world.object(bucket, key).cloned())
        .expect("it is there");
    let mut about = json!({
        "key": key, "size": object.body.len(), "eTag": object.etag.trim_matches('"'),
        "sequencer": "0055AED6DCD90281E5"
    });
    if let Some(version) = &object.version_id {
        about["versionId"] = json!(version);
    }
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-west-1",
        "eventName": "ObjectCreated:Put", "eventTime": object.modified_at.to_rfc3339(),
        "s3": {"bucket": {"name": bucket}, "object": about}
    }]})
}

/// Puts an object there, and answers what S3 tells of it.
pub fn comes(played: &Played, bucket: &str, key: &str, body: &[u8]) -> Value {
    played
        .aws
        .with(|world| world.store_object(bucket, key, body));
    notification(played, bucket, key)
}

fn bundle(played: &Played, name: &str) -> Value {
    // Each in its own group, so that none waits for another.
    let group = if name == "second" { "test" } else { "live" };
    let key = format!("apps/shop/{group}/{name}.zip");
    let body = deploy_bundles::stage::bundle(name);
    comes(played, deploy_bundles::stage::BUCKET, &key, &body)
}

fn damaged_bundle(played: &Played, name: &str) -> Value {
    let key = format!("apps/shop/live/{name}.zip");
    comes(played, deploy_bundles::stage::BUCKET, &key, b"no bundle")
}

/// A deployment of somebody else ends.
fn deployment_ends(played: &Played, name: &str) -> Value {
    let group = if name == "second" { "test" } else { "live" };
    played.aws.with(|world| {
        let id = world.start_deployment("shop", group, None, "user");
        world.finish_deployment(&id)
    })
}

fn received(played: &Played, name: &str) -> lamplighter_local_aws::ReceivedMail {
    let mail = String::from_utf8_lossy(&archive_mail::stage::mail())
        .replace("<1@partner.example>", &format!("<{name}@partner.example>"));
    let envelope = archive_mail::stage::envelope();
    archive_mail::stage::receive(&played.aws, "told", mail.as_bytes(), &envelope)
}

fn mail_for_lambda(played: &Played, name: &str) -> Value {
    received(played, name).lambda_events[0].clone()
}

fn mail_in_s3(played: &Played, name: &str) -> Value {
    let (bucket, key) = received(played, name).objects[0].clone();
    notification(played, &bucket, &key)
}

/// SES stores no empty mail: somebody else put it there.
fn damaged_mail(played: &Played, name: &str) -> Value {
    let key = format!("inbox/{name}");
    comes(played, archive_mail::stage::INBOX, &key, b"")
}

fn photo(played: &Played, name: &str) -> Value {
    let key = format!("in/{name}.jpg");
    let body = resize_images::stage::fixture("plain.jpg");
    comes(played, resize_images::stage::BUCKET, &key, &body)
}

fn damaged_photo(played: &Played, name: &str) -> Value {
    let key = format!("in/{name}.jpg");
    comes(played, resize_images::stage::BUCKET, &key, b"no image")
}
