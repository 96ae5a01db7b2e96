//! A simulated AWS account on 127.0.0.1: the stage on which Lamplighter proves itself.
//!
//! It speaks the real wire protocols (EC2, IAM and STS query, ACM and CodeDeploy JSON 1.1, SESv2 REST-JSON, S3 REST-XML,
//! SQS JSON 1.0), so that programs meet it
//! through the real SDKs. It is exact where programs get hurt: pages, `DryRun`, all-or-nothing batches, protection,
//! error codes and HTTP statuses, states that take time, senders that are not verified.
//!
//! ```no_run
//! # use lamplighter_local_aws::*;
//! # async fn stage(now: chrono::DateTime<chrono::Utc>) -> std::io::Result<()> {
//! let world = World::new("123456789012", now)
//!     .verified_identity("ops@example.com")
//!     .instance("123456789012", "eu-west-1", Instance::new("i-0123456789abcdef0").tag("Owner", "kim"));
//! let aws = LocalAws::start(world).await?;
//! aws.inject(Fault::new("ec2:StopInstances", FaultKind::Throttle).first(2));
//! // … run the program with `aws.environment()`, then look:
//! assert!(aws.calls().iter().all(|call| !call.changes));
//! # Ok(())
//! # }
//! ```
//!
//! It deliberately is not a cloud: it has only the operations Lamplighter calls and answers any other as AWS answers
//! an unknown one. It verifies no signatures, reads no clock (a test sets it) and forgets everything when it ends.
//!
//! # Permissions
//!
//! Unless a test says otherwise everybody may do everything, and a [`Fault`] of kind [`FaultKind::Denied`] stands for one
//! missing permission. [`World::enforced_role`] and [`World::enforced_user`] give a role or user an identity policy, which
//! is evaluated from then on: actions and resources with wildcards, explicit denials first, and the conditions of
//! `policy/conditions.rs`. Each call in the log says what it needed under IAM's own names, and which statements allowed
//! it ([`Call::permissions`]), so that a test can hold the two against each other. What a call needs is written down in
//! `policy/needs/`, after the Service Authorization Reference; an operation that is not there needs a resource `*`.
//!
//! To add a service: write its file beside `sts.rs`, and add one line to `SERVICES` in `service.rs`. What it keeps is
//! one field of [`World`].

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")
)]

mod acm;
mod auth;
mod codedeploy;
mod dispatch;
mod ec2;
mod event_bridge;
mod fault;
mod iam;
mod lambda;
mod log;
mod pem;
mod policy;
mod receiving;
mod s3;
mod server;
mod service;
mod sesv2;
mod sns;
mod sqs;
mod sts;
#[cfg(test)]
mod testing;
mod wire;
mod world;

pub use acm::AcmCertificate;
pub use codedeploy::{
    ComputePlatform, DeployedRevision, Deployment, DeploymentTarget, Diagnostics, LifecycleStep,
};
pub use ec2::{
    Instance, InstanceState, NetworkInterface, PrefixList, RuleSource, SecurityGroup,
    SecurityGroupRule, Spot, SpotKind,
};
pub use fault::{Fault, FaultKind, When};
pub use iam::{IamGroup, IamKey, IamUser, RootUser};
pub use lambda::SelfInvocation;
pub use log::Call;
pub use policy::Permission;
pub use receiving::{MailEnvelope, ReceiptAction, ReceiptRule, ReceivedMail, Verdicts};
pub use s3::{Notification, ObjectVersion, StoredObject, Versioning};
pub use server::LocalAws;
pub use sesv2::{MailContent, SentMail};
pub use sns::Published;
pub use sqs::QueuedMessage;
pub use world::World;
