//! What is kept of an instance: the facts that decide, well under 1 KB, whatever else EC2 says about it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use lamplighter_core::Resource;

/// The tag that an Auto Scaling group puts on its instances.
pub(crate) const AUTO_SCALING_GROUP: &str = "aws:autoscaling:groupName";

/// Where an instance is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The 12-digit account id.
    pub account: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The region.
    pub region: String,
}

/// The states of an instance, as far as they matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Starting; EC2 cannot stop it yet.
    Pending,
    /// Running.
    Running,
    /// Stopping or stopped.
    Stopped,
    /// Shutting down or terminated.
    Gone,
}

/// What kind of spot request an instance belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot {
    /// Cannot be stopped, only terminated.
    OneTime,
    /// Can be stopped; its request replaces it when it is terminated.
    Persistent,
    /// The request could not be read.
    Unknown,
}

/// One instance, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`.
    pub id: String,
    /// Where it is. Shared by all instances of a region.
    pub place: Arc<Place>,
    /// Its state.
    pub state: State,
    /// The tags that the rules speak of, with their values as they are. Others are not kept.
    pub tags: Tags,
    /// Since when it exists: the attach time of its primary network interface. `LaunchTime` starts anew with every
    /// start. <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-discovery.html>
    pub exists_since: Option<DateTime<Utc>>,
    /// Its root device is an instance store, so it cannot be stopped.
    pub has_instance_store_root: bool,
    /// The spot request's kind, for spot instances.
    pub spot: Option<Spot>,
    /// The spot request's id, until its kind is known.
    pub spot_request: Option<String>,
    /// The service that manages it, such as `eks.amazonaws.com`.
    pub managed_by: Option<String>,
}

impl Instance {
    /// Its resource.
    pub fn resource(&self) -> Resource {
        let Place {
            account,
            partition,
            region,
        } = &*self.place;
        Resource {
            arn: format!(
                "arn:{partition}:ec2:{region}:{account}:instance/{}",
                self.id
            ),
            account: account.clone(),
            region: Some(region.clone()),
        }
    }

    /// The value of a tag. Keys are compared as they are, or without case and surrounding blanks.
    pub fn tag(&self, key: &str, case_sensitive: bool) -> Option<&str> {
        self.tags.find(key, case_sensitive)
    }

    /// The Auto Scaling group it belongs to.
    pub fn auto_scaling_group(&self) -> Option<&str> {
        self.tag(AUTO_SCALING_GROUP, true)
    }
}

/// A resource's tags. A plain list: most instances have few, and there may be tens of thousands of instances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(Vec<(String, String)>);

impl Tags {
    /// The value of a tag by its exact key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_str())
    }

    /// All of them as a JSON object.
    pub fn to_json(&self) -> serde_json::Value {
        let tags = self.0.iter();
        tags.map(|(key, value)| (key.clone(), serde_json::Value::from(value.as_str())))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// Sets a tag.
    pub fn insert(&mut self, key: String, value: String) {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => self.0.push((key, value)),
        }
    }

    /// The value of a tag. The exact key wins; otherwise, where case does not count, the first key that is alike and
    /// has a value.
    pub fn find(&self, key: &str, case_sensitive: bool) -> Option<&str> {
        if let Some(value) = self
            .get(key)
            .filter(|value| case_sensitive || !value.trim().is_empty())
        {
            return Some(value);
        }
        if case_sensitive {
            return None;
        }
        let alike = || {
            self.0
                .iter()
                .filter(|(known, _)| same_key(known, key))
                .map(|(_, value)| value.as_str())
        };
        alike()
            .find(|value| !value.trim().is_empty())
            .or_else(|| alike().next())
    }
}

impl FromIterator<(String, String)> for Tags {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(tags: I) -> Self {
        let mut tags: Vec<_> = tags.into_iter().collect();
        tags.shrink_to_fit();
        Self(tags)
    }
}

/// Whether two tag keys are alike but for case and surrounding blanks.
pub(crate) fn same_key(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The instances of every region that could be read.
    pub instances: Vec<Instance>,
    /// The accounts that were looked at, with or without instances.
    pub accounts: Vec<String>,
    /// What a reader should know about the reading.
    pub notes: Vec<String>,
}
