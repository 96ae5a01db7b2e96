//! EC2: the one place that knows aws-sdk-ec2, which costs minutes to compile.
//!
//! [`Reader`] can only read, [`Writer`] is built only to apply, [`Probe`] can only send `DryRun=true`.

mod security_groups;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::Builder;
use aws_sdk_ec2::config::retry::RetryPartition;
use aws_sdk_ec2::types::Filter;
pub use aws_sdk_ec2::types::{
    Instance, NetworkInterface, SecurityGroup, SecurityGroupRule, SpotInstanceRequest,
    SpotInstanceType, Tag, TagDescription,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use lamplighter_core::{Error, Result};

use crate::error::{code_of, explain};
use crate::read_only::ReadOnly;
use crate::session::Scope;

/// The most instances on one page. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>
const PAGE_SIZE: i32 = 1000;

/// The most values of one filter. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html>
const FILTER_VALUES: usize = 200;

/// The states in which an instance still exists.
const LIVING: [&str; 4] = ["pending", "running", "stopping", "stopped"];

fn builder(scope: &Scope) -> Builder {
    // A retry partition of its own: the SDK's is one per service and region for the whole process, so that one broken
    // account would use up the retries of all others.
    Builder::from(&scope.config).retry_partition(
        RetryPartition::custom(format!("ec2-{}-{}", scope.account, scope.region)).build(),
    )
}

fn filter(name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
    Filter::builder()
        .name(name)
        .set_values(Some(values.into_iter().map(Into::into).collect()))
        .build()
}

/// Reads EC2 in one account and region.
#[derive(Clone, Debug)]
pub struct Reader {
    client: Client,
}

impl Reader {
    /// A client that can only read.
    pub fn new(scope: &Scope) -> Self {
        Self {
            client: Client::from_conf(builder(scope).interceptor(ReadOnly).build()),
        }
    }

    /// Every instance that still exists, one at a time as the pages arrive, so that a page's memory is free before
    /// the next one comes. One `ec2:DescribeInstances` for each 1,000 instances.
    pub async fn instances(&self, mut each: impl FnMut(Instance) + Send) -> Result<()> {
        let mut pages = self
            .client
            .describe_instances()
            .filters(filter("instance-state-name", LIVING))
            .max_results(PAGE_SIZE)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| explain("ec2:DescribeInstances", error))?;
            for reservation in page.reservations.unwrap_or_default() {
                reservation
                    .instances
                    .unwrap_or_default()
                    .into_iter()
                    .for_each(&mut each);
            }
        }
        Ok(())
    }

    /// The instances with these ids that EC2 still knows, in any state. Asked for by filter, not by id: one id that is
    /// gone would fail the whole call.
    pub async fn instances_by_id(&self, ids: &[String]) -> Result<Vec<Instance>> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(FILTER_VALUES) {
            let mut pages = self
                .client
                .describe_instances()
                .filters(filter("instance-id", ids))
                .max_results(PAGE_SIZE)
                .into_paginator()
                .send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| explain("ec2:DescribeInstances", error))?;
                for reservation in page.reservations.unwrap_or_default() {
                    found.extend(reservation.instances.unwrap_or_default());
                }
            }
        }
        Ok(found)
    }

    /// The tags of these resources, read from the tags themselves. `DescribeInstances` may leave tags out for a while.
    pub async fn tags(&self, ids: &[String]) -> Result<Vec<TagDescription>> {
        let mut found = Vec::new();
        for ids in ids.chunks(FILTER_VALUES) {
            let mut pages = self
                .client
                .describe_tags()
                .filters(filter("resource-id", ids))
                .max_results(PAGE_SIZE)
                .into_paginator()
                .send();
            while let Some(page) = pages.next().await {
                found.extend(
                    page.map_err(|error| explain("ec2:DescribeTags", error))?
                        .tags
                        .unwrap_or_default(),
                );
            }
        }
        Ok(found)
    }

    /// The spot requests with these ids that EC2 still knows.
    pub async fn spot_requests(&self, ids: &[String]) -> Result<Vec<SpotInstanceRequest>> {
        let mut found = Vec::new();
        for ids in ids.chunks(FILTER_VALUES) {
            let mut pages = self
                .client
                .describe_spot_instance_requests()
                .filters(filter("spot-instance-request-id", ids))
                .max_results(PAGE_SIZE)
                .into_paginator()
                .send();
            while let Some(page) = pages.next().await {
                let page =
                    page.map_err(|error| explain("ec2:DescribeSpotInstanceRequests", error))?;
                found.extend(page.spot_instance_requests.unwrap_or_default());
            }
        }
        Ok(found)
    }
}

/// Changes EC2 in one account and region. Built only to apply.
#[derive(Clone, Debug)]
pub struct Writer {
    client: Client,
}

impl Writer {
    /// A client that may change things.
    pub fn new(scope: &Scope) -> Self {
        Self {
            client: Client::from_conf(builder(scope).build()),
        }
    }

    /// Stops all of these instances or none: EC2 refuses the whole call for one bad id.
    pub async fn stop(&self, ids: &[String]) -> Result<(), Refusal> {
        let call = self
            .client
            .stop_instances()
            .set_instance_ids(Some(ids.to_vec()));
        call.send()
            .await
            .map(|_| ())
            .map_err(|error| Refusal::of("ec2:StopInstances", error))
    }

    /// Terminates these instances. For one bad id EC2 refuses those of its availability zone and terminates the others.
    pub async fn terminate(&self, ids: &[String]) -> Result<(), Refusal> {
        let call = self
            .client
            .terminate_instances()
            .set_instance_ids(Some(ids.to_vec()));
        call.send()
            .await
            .map(|_| ())
            .map_err(|error| Refusal::of("ec2:TerminateInstances", error))
    }

    /// Writes one tag to one resource.
    pub async fn tag(&self, id: &str, key: &str, value: &str) -> Result<(), Refusal> {
        let tag = Tag::builder().key(key).value(value).build();
        let call = self.client.create_tags().resources(id).tags(tag);
        call.send()
            .await
            .map(|_| ())
            .map_err(|error| Refusal::of("ec2:CreateTags", error))
    }

    /// Takes one tag off one resource, only if it still has this value.
    pub async fn untag(&self, id: &str, key: &str, value: &str) -> Result<(), Refusal> {
        let tag = Tag::builder().key(key).value(value).build();
        let call = self.client.delete_tags().resources(id).tags(tag);
        call.send()
            .await
            .map(|_| ())
            .map_err(|error| Refusal::of("ec2:DeleteTags", error))
    }
}

/// Asks whether a change would be allowed. Every call it can send carries `DryRun=true`.
#[derive(Clone, Debug)]
pub struct Probe {
    client: Client,
}

impl Probe {
    /// A client that only asks.
    pub fn new(scope: &Scope) -> Self {
        Self {
            client: Client::from_conf(builder(scope).build()),
        }
    }

    /// Whether these credentials may stop the instance. `Err` says why it cannot be told.
    pub async fn may_stop(&self, id: &str) -> Result<bool> {
        let call = self.client.stop_instances().dry_run(true).instance_ids(id);
        permission("ec2:StopInstances", call.send().await)
    }

    /// Whether these credentials may terminate the instance.
    pub async fn may_terminate(&self, id: &str) -> Result<bool> {
        let call = self
            .client
            .terminate_instances()
            .dry_run(true)
            .instance_ids(id);
        permission("ec2:TerminateInstances", call.send().await)
    }
}

/// EC2 answers a dry run that would have worked with the error `DryRunOperation` (HTTP 412). It proves the permission
/// only, neither the state nor the protection.
fn permission<T, E>(call: &str, answer: Result<T, SdkError<E, HttpResponse>>) -> Result<bool>
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    match answer {
        Ok(_) => Ok(true),
        Err(error) if code_of(&error) == Some("DryRunOperation") => Ok(true),
        Err(error) if code_of(&error) == Some("UnauthorizedOperation") => Ok(false),
        Err(error) => Err(explain(call, error)),
    }
}

/// Why a change was refused, with what is needed to take the one bad instance out of a batch.
#[derive(Debug)]
pub struct Refusal {
    /// EC2's code, empty where there was no answer.
    pub code: String,
    /// EC2's sentence, empty where there was no answer.
    pub message: String,
    /// The same as an error for the report.
    pub error: Error,
}

impl Refusal {
    fn of<E>(call: &str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let service = error.as_service_error();
        Self {
            code: service
                .and_then(ProvideErrorMetadata::code)
                .unwrap_or_default()
                .to_owned(),
            message: service
                .and_then(ProvideErrorMetadata::message)
                .unwrap_or_default()
                .to_owned(),
            error: explain(call, error),
        }
    }
}
