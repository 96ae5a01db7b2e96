//! The records: what every envelope is turned into, one piece of work each.

use crate::{Envelope, Kind, MailEvent, ObjectEvent};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// What a file of the quarantine says it is. Its `payload` is read like any event.
pub const QUARANTINE_SCHEMA: &str = "lamplighter/quarantine/v1";

/// Everything one delivery of AWS holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Who delivered it.
    pub form: Form,
    /// What it holds, in the order in which it came.
    pub records: Vec<Record>,
}

/// Who delivered it, and so what answer is expected. Only the outermost envelope counts: an on-failure record that
/// holds an SQS event is not answered to SQS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// An asynchronous invocation, or a person: success or an error.
    Plain,
    /// An event source mapping of SQS: the messages that failed.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
    Sqs,
    /// A job of S3 Batch Operations: a result code per task.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html>
    BatchOperations {
        /// `1.0` or `2.0`; the answer repeats it.
        schema_version: String,
        /// The answer repeats it.
        invocation_id: String,
    },
    /// The Lambda action of SES, invoked with `RequestResponse`: a disposition.
    /// <https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-lambda-example-functions.html>
    MailDecision,
    /// Our own list of objects, from a backfill.
    Objects,
}

/// One entry of an event: one piece of work, with an outcome of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its place: `0`, `<SQS message id>/0`, `<task id>`. Unique in the delivery, and the same when the same delivery
    /// is read again.
    pub id: String,
    /// The SQS message that carried it.
    pub message_id: Option<String>,
    /// What it says.
    pub happening: Happening,
    /// The record alone, in a form that the reader reads again to the same happening: for quarantine and replay.
    pub payload: Value,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// An object was written, or is to be treated as if it had been.
    Created(ObjectEvent),
    /// An object, or one version of it, was removed or expired. With versions this does not mean that the key is
    /// gone: removing an older version says the same.
    Removed(ObjectEvent),
    /// SES received a mail.
    Mail(Box<MailEvent>),
    /// A CodeDeploy deployment changed its state.
    Deployment(DeploymentEvent),
    /// Nothing to do, with the reason: test events, folder markers, the set-up notification of SES. Acknowledged.
    Nothing(String),
    /// Nobody can read it, with the reason. Permanent: it would be no more readable next time.
    Unreadable(String),
}

/// A deployment of CodeDeploy changed its state.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-cloudwatch-events.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentEvent {
    /// `d-…`.
    pub deployment_id: String,
    /// The application.
    pub application: String,
    /// The deployment group.
    pub group: String,
    /// As EventBridge says it: `START`, `READY`, `SUCCESS`, `FAILURE`, `STOP`.
    pub state: String,
    /// Where.
    pub region: Option<String>,
    /// When.
    pub time: Option<DateTime<Utc>>,
    /// The account.
    pub account: Option<String>,
}

impl DeploymentEvent {
    /// Whether the deployment is over, so that its group takes another one. A state nobody has heard of counts as
    /// over: looking once too often costs a call, waiting for ever costs a deployment.
    pub fn is_over(&self) -> bool {
        !matches!(self.state.as_str(), "START" | "READY" | "STARTED")
    }
}

/// What an event function is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// A scheduled round: what is pending, and what is in quarantine.
    Round,
    /// The records of one delivery.
    Records(Vec<Record>),
}

impl Work {
    /// The records' work, or a round if the envelope is one.
    pub fn new(envelope: &Envelope, records: Vec<Record>) -> Self {
        match envelope.kind {
            Kind::Round | Kind::KeepWarm => Self::Round,
            Kind::Native => Self::Records(records),
        }
    }

    /// The records; a round has none.
    pub fn records(&self) -> &[Record] {
        match self {
            Self::Round => &[],
            Self::Records(records) => records,
        }
    }
}

impl Record {
    /// What it is about: `s3://bucket/key`, `mail/<id>`, `deployment/<id>/<state>`; for what could not be read the
    /// object the payload names, else `record/<hash of the payload>`. The same when the record is delivered again, and
    /// another one for another record: it is what quarantine goes by.
    pub fn subject(&self) -> String {
        match &self.happening {
            Happening::Created(object) | Happening::Removed(object) => object.url(),
            Happening::Mail(mail) => format!("mail/{}", mail.message_id),
            Happening::Deployment(deployment) => {
                format!(
                    "deployment/{}/{}",
                    deployment.deployment_id, deployment.state
                )
            }
            Happening::Nothing(_) | Happening::Unreadable(_) => {
                named_object(&self.payload).unwrap_or_else(|| hashed(&self.payload))
            }
        }
    }

    /// The object it is about, if it is about one.
    pub fn object(&self) -> Option<&ObjectEvent> {
        match &self.happening {
            Happening::Created(object) | Happening::Removed(object) => Some(object),
            _ => None,
        }
    }
}

/// The object a payload names, with its key as it stands there.
fn named_object(payload: &Value) -> Option<String> {
    let text = |path: &str| payload.pointer(path).and_then(Value::as_str);
    let places = [
        ("/Records/0/s3/bucket/name", "/Records/0/s3/object/key"),
        ("/detail/bucket/name", "/detail/object/key"),
        ("/tasks/0/s3Bucket", "/tasks/0/s3Key"),
        ("/tasks/0/s3BucketArn", "/tasks/0/s3Key"),
        ("/objects/0/bucket", "/objects/0/key"),
    ];
    places.iter().find_map(|(bucket, key)| {
        let bucket = text(bucket)?;
        let bucket = bucket.rsplit(':').next().unwrap_or(bucket);
        Some(format!("s3://{bucket}/{}", text(key)?))
    })
}

/// The beginning of a hash tells the records of one function's quarantine apart.
fn hashed(payload: &Value) -> String {
    let hash = Sha256::digest(payload.to_string());
    let mut subject = "record/".to_owned();
    for byte in hash.iter().take(8) {
        let _ = write!(subject, "{byte:02x}");
    }
    subject
}
