//! A bucket of bundles, deployment groups, and the events that S3 and CodeDeploy would send.

use chrono::{DateTime, Duration, Utc};
use lamplighter_local_aws::{
    ComputePlatform, DeployedRevision, Deployment, LocalAws, StoredObject, World,
};
use serde_json::{Value, json};

use crate::harness::{Lamplighter, Ran, serve};

pub const ACCOUNT: &str = "123456789012";
pub const REGION: &str = "eu-west-1";
pub const BUCKET: &str = "releases";
pub const STATE: &str = "acme-state";

pub const CONFIG: &str = r#"
[state]
url = "s3://acme-state/lamp"
[deploy-bundles]
sources = ["s3://releases/apps/"]
[[deploy-bundles.routes]]
bucket = "releases"
key = "apps/{application}/{group}/{bundle}"
"#;

/// The account, and what runs on it.
pub struct Stage {
    pub aws: LocalAws,
    pub config: String,
    pub(super) uploads: std::cell::Cell<u32>,
}

pub fn world() -> World {
    // To the second, as S3 tells times.
    let now = DateTime::from_timestamp(Utc::now().timestamp(), 0).expect("a time of this age");
    World::new(ACCOUNT, now)
        .bucket(ACCOUNT, REGION, BUCKET)
        .versioned(BUCKET)
        .bucket(ACCOUNT, REGION, STATE)
        .verified_identity("ops@example.com")
        .deployment_group(ACCOUNT, REGION, "shop", "live", ComputePlatform::Server)
        .deployment_group(ACCOUNT, REGION, "shop", "test", ComputePlatform::Server)
        .deployment_group(ACCOUNT, REGION, "job", "live", ComputePlatform::Lambda)
}

pub fn stage() -> Stage {
    on(world())
}

pub fn on(world: World) -> Stage {
    Stage {
        aws: serve(world),
        config: CONFIG.to_owned(),
        uploads: std::cell::Cell::new(0),
    }
}

impl Stage {
    /// The same with more of a configuration.
    pub fn with(mut self, config: &str) -> Self {
        self.config.push_str(config);
        self
    }

    /// Uploads, and answers the event that S3 sends for it.
    pub fn upload(&self, key: &str, body: &[u8]) -> Value {
        self.upload_with(key, body, &[])
    }

    /// The same with metadata.
    pub fn upload_with(&self, key: &str, body: &[u8], metadata: &[(&str, &str)]) -> Value {
        let mut object = StoredObject::new(body);
        for (name, value) in metadata {
            object
                .headers
                .push((format!("x-amz-meta-{name}"), (*value).to_owned()));
        }
        let number = self.uploads.get() + 1;
        self.uploads.set(number);
        let stored = self.aws.with(|world| {
            world.put_object(BUCKET, key, object);
            world.object(BUCKET, key).cloned()
        });
        let stored = stored.expect("it was stored");
        let mut encoded = String::new();
        for byte in key.bytes() {
            match byte {
                b' ' => encoded.push('+'),
                b'/' | b'-' | b'.' | b'_' => encoded.push(char::from(byte)),
                byte if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
                byte => encoded.push_str(&format!("%{byte:02X}")),
            }
        }
        let mut about = json!({
            "key": encoded,
            "size": body.len(),
            "eTag": stored.etag.trim_matches('"'),
            "sequencer": format!("0055AED6DCD9{number:04X}"),
        });
        if let Some(version) = &stored.version_id {
            about["versionId"] = json!(version);
        }
        json!({
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": REGION,
            "eventTime": stored.modified_at.to_rfc3339(),
            "eventName": "ObjectCreated:Put",
            "s3": { "bucket": { "name": BUCKET }, "object": about },
        })
    }

    /// Time goes on, so that what comes is newer.
    pub fn later(&self, seconds: i64) {
        self.aws.advance(Duration::seconds(seconds));
    }

    /// `lamplighter run deploy-bundles` with these records, at the account's time.
    pub fn event(&self, records: &[&Value]) -> Ran {
        self.event_with(&json!({ "Records": records }), &[])
    }

    /// The same with any event, and more arguments.
    pub fn event_with(&self, event: &Value, args: &[&str]) -> Ran {
        let command = self.command(args).arg("--event").arg("event.json");
        std::fs::write(command.folder().join("event.json"), event.to_string())
            .expect("the event is written");
        command.run()
    }

    /// A scheduled round.
    pub fn round(&self, args: &[&str]) -> Ran {
        self.command(args).run()
    }

    fn command(&self, args: &[&str]) -> Lamplighter {
        let now = self.aws.now().to_rfc3339();
        let own = ["run", "deploy-bundles", "--format", "json", "--now", &now];
        Lamplighter::new(own)
            .args(args.iter().copied())
            .on(&self.aws)
            .config(&self.config)
    }

    /// The deployments of `shop/live`, the oldest first, each by the key of its bundle.
    pub fn deployed(&self) -> Vec<String> {
        self.deployments("shop", "live")
            .iter()
            .map(|one| {
                one.revision
                    .as_ref()
                    .map(|it| it.key.clone())
                    .unwrap_or_default()
            })
            .collect()
    }

    pub fn deployments(&self, application: &str, group: &str) -> Vec<Deployment> {
        self.aws.with(|world| world.deployments(application, group))
    }

    /// The id of the last deployment of `shop/live`.
    pub fn last(&self) -> String {
        let all = self.deployments("shop", "live");
        all.last().expect("there is one").id.clone()
    }

    /// The last deployment of `shop/live` succeeds; what CodeDeploy tells EventBridge.
    pub fn finish(&self) -> Value {
        let id = self.last();
        self.aws.with(|world| world.finish_deployment(&id))
    }

    /// Somebody deploys something else to `shop/live`, which keeps it busy.
    pub fn occupy(&self) -> String {
        let revision = DeployedRevision {
            bucket: "elsewhere".to_owned(),
            key: "by-hand.zip".to_owned(),
            bundle_type: "zip".to_owned(),
            version: None,
            etag: None,
        };
        self.aws
            .with(|world| world.start_deployment("shop", "live", Some(revision), "user"))
    }

    /// What waits for `shop/live`.
    pub fn waiting(&self) -> Option<Value> {
        self.state("pending/deploy-bundles/123456789012/eu-west-1/shop/live.json")
    }

    /// A document of the state.
    pub fn state(&self, key: &str) -> Option<Value> {
        let key = format!("lamp/{key}");
        let body = self
            .aws
            .with(|world| world.object(STATE, &key).map(|object| object.body.clone()))?;
        Some(serde_json::from_slice(&body).expect("it is JSON"))
    }

    /// The keys of the state under a prefix.
    pub fn state_keys(&self, prefix: &str) -> Vec<String> {
        let prefix = format!("lamp/{prefix}");
        self.aws.with(|world| {
            let keys = world.keys(STATE).into_iter();
            keys.filter(|key| key.starts_with(&prefix))
                .map(str::to_owned)
                .collect()
        })
    }

    /// The calls of an operation that were answered with success.
    pub fn count(&self, name: &str) -> usize {
        let calls = self.aws.calls();
        calls
            .iter()
            .filter(|call| call.name() == name && call.status == 200)
            .count()
    }
}

/// The outcome and the reason of the only record.
pub fn record(run: &Value) -> (String, String) {
    let records = run["records"].as_array().expect("records");
    assert_eq!(records.len(), 1, "{run}");
    let text = |name: &str| records[0][name].as_str().unwrap_or_default().to_owned();
    (text("outcome"), text("reason"))
}

/// Each action with its outcome: `deploy done`.
pub fn actions(run: &Value) -> Vec<String> {
    let actions = run["actions"].as_array().expect("actions").iter();
    actions
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            format!("{} {}", text("action"), text("outcome"))
        })
        .collect()
}

/// The rules of the findings.
pub fn rules(run: &Value) -> Vec<String> {
    let findings = run["findings"].as_array().expect("findings").iter();
    findings
        .map(|finding| finding["rule"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// A zip with these files, not compressed, each holding its own name.
pub fn zip(names: &[&str]) -> Vec<u8> {
    let (mut bytes, mut table) = (Vec::new(), Vec::new());
    for name in names {
        let offset = bytes.len() as u32;
        let size = (name.len() as u32).to_le_bytes();
        let length = (name.len() as u16).to_le_bytes();
        // Version, flags, method, time, date and checksum: nobody in these tests unpacks it.
        let common = [
            &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &size[..],
            &size,
            &length,
            &[0, 0],
        ]
        .concat();
        bytes.extend([b"PK\x03\x04", &common[..], name.as_bytes(), name.as_bytes()].concat());
        table.extend(
            [
                b"PK\x01\x02\x14\x00",
                &common[..],
                &[0; 10],
                &offset.to_le_bytes(),
                name.as_bytes(),
            ]
            .concat(),
        );
    }
    let count = (names.len() as u16).to_le_bytes();
    let (size, offset) = (
        (table.len() as u32).to_le_bytes(),
        (bytes.len() as u32).to_le_bytes(),
    );
    bytes.extend(table);
    bytes.extend(
        [
            b"PK\x05\x06\0\0\0\0",
            &count[..],
            &count,
            &size,
            &offset,
            &[0, 0],
        ]
        .concat(),
    );
    bytes
}

/// A zip that can be deployed; `what` tells it from others.
pub fn bundle(what: &str) -> Vec<u8> {
    zip(&["appspec.yml", what])
}
