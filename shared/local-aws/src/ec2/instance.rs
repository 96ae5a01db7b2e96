//! An instance, as far as Lamplighter can see it.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

/// Terminated instances stay visible "for a short while (typically one hour)".
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html>
const TERMINATED_HOURS: i64 = 1;

/// One instance. Its fields may be read and changed at any time through `LocalAws::with`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// `i-0123456789abcdef0`
    pub id: String,
    /// Tags, AWS's own among them.
    pub tags: BTreeMap<String, String>,
    /// The state. `World::set_instance_state` changes it so that what follows by itself follows.
    pub state: InstanceState,
    /// Why it is in this state, as `StateTransitionReason` tells.
    pub state_reason: String,
    /// When it was last started.
    pub launched_at: DateTime<Utc>,
    /// When its first network interface was attached: when it was launched for the first time.
    pub attached_at: DateTime<Utc>,
    /// The Spot request it comes from.
    pub spot: Option<Spot>,
    /// The service that manages it: `eks.amazonaws.com`.
    pub operator: Option<String>,
    /// `disableApiStop`
    pub is_stop_protected: bool,
    /// `disableApiTermination`
    pub is_termination_protected: bool,
    /// `ebs` or `instance-store`
    pub root_device_type: String,
    /// `/dev/xvda`
    pub root_device_name: String,
    /// `eu-west-1a`
    pub availability_zone: String,
    /// `t3.micro`
    pub instance_type: String,
    /// `ami-…`
    pub image_id: String,
    /// `ip-10-0-0-1.eu-west-1.compute.internal`, empty once terminated.
    pub private_dns_name: String,
    /// The network, if any.
    pub vpc_id: Option<String>,
    /// The subnet, if any.
    pub subnet_id: Option<String>,
    /// The launch it came from.
    pub reservation_id: String,
    /// When a state that does not last ends.
    state_ends_at: Option<DateTime<Utc>>,
}

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// Starts.
    Pending,
    /// Runs.
    Running,
    /// Is being terminated.
    ShuttingDown,
    /// Is gone, and listed a little longer.
    Terminated,
    /// Is being stopped.
    Stopping,
    /// Can be started again.
    Stopped,
}

/// A Spot request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// `sir-…`
    pub request_id: String,
    /// One-time or persistent.
    pub kind: SpotKind,
}

/// What happens when a Spot instance ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpotKind {
    /// Nothing. Such an instance cannot be stopped.
    OneTime,
    /// Another one is launched, which the simulation does not do. Such an instance can be stopped.
    Persistent,
}

impl InstanceState {
    /// AWS's name: `shutting-down`.
    pub fn name(self) -> &'static str {
        match self {
            InstanceState::Pending => "pending",
            InstanceState::Running => "running",
            InstanceState::ShuttingDown => "shutting-down",
            InstanceState::Terminated => "terminated",
            InstanceState::Stopping => "stopping",
            InstanceState::Stopped => "stopped",
        }
    }

    /// AWS's number.
    pub fn code(self) -> u8 {
        match self {
            InstanceState::Pending => 0,
            InstanceState::Running => 16,
            InstanceState::ShuttingDown => 32,
            InstanceState::Terminated => 48,
            InstanceState::Stopping => 64,
            InstanceState::Stopped => 80,
        }
    }

    /// Whether it is on its way out, or gone.
    pub(super) fn is_ending(self) -> bool {
        matches!(
            self,
            InstanceState::ShuttingDown | InstanceState::Terminated
        )
    }

    /// The state that follows by itself.
    fn next(self) -> Option<InstanceState> {
        match self {
            InstanceState::Pending => Some(InstanceState::Running),
            InstanceState::ShuttingDown => Some(InstanceState::Terminated),
            InstanceState::Stopping => Some(InstanceState::Stopped),
            _ => None,
        }
    }
}

impl SpotKind {
    /// AWS's name: `one-time`.
    pub fn name(self) -> &'static str {
        match self {
            SpotKind::OneTime => "one-time",
            SpotKind::Persistent => "persistent",
        }
    }
}

impl Instance {
    /// A running instance without tags.
    pub fn new(id: &str) -> Instance {
        Instance {
            id: id.to_owned(),
            tags: BTreeMap::new(),
            state: InstanceState::Running,
            state_reason: String::new(),
            launched_at: DateTime::UNIX_EPOCH,
            attached_at: DateTime::UNIX_EPOCH,
            spot: None,
            operator: None,
            is_stop_protected: false,
            is_termination_protected: false,
            root_device_type: "ebs".to_owned(),
            root_device_name: "/dev/xvda".to_owned(),
            availability_zone: String::new(),
            instance_type: "t3.micro".to_owned(),
            image_id: "ami-0abcdef1234567890".to_owned(),
            private_dns_name: String::new(),
            vpc_id: None,
            subnet_id: None,
            reservation_id: id.replacen("i-", "r-", 1),
            state_ends_at: None,
        }
    }

    /// Adds a tag.
    pub fn tag(mut self, key: &str, value: &str) -> Instance {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Its state when the world begins.
    pub fn state(mut self, state: InstanceState) -> Instance {
        self.state = state;
        self
    }

    /// When it was last started; otherwise when it was attached.
    pub fn launched_at(mut self, time: DateTime<Utc>) -> Instance {
        self.launched_at = time;
        self
    }

    /// When it was launched for the first time; otherwise when it was last started.
    pub fn attached_at(mut self, time: DateTime<Utc>) -> Instance {
        self.attached_at = time;
        self
    }

    /// It comes from a one-time Spot request.
    pub fn spot_one_time(self) -> Instance {
        self.spot(SpotKind::OneTime)
    }

    /// It comes from a persistent Spot request.
    pub fn spot_persistent(self) -> Instance {
        self.spot(SpotKind::Persistent)
    }

    fn spot(mut self, kind: SpotKind) -> Instance {
        // As AWS's do, `sir-` and eight digits.
        let digits = self.id.trim_start_matches("i-");
        let digits = &digits[digits.len().saturating_sub(8)..];
        self.spot = Some(Spot {
            request_id: format!("sir-{digits:0>8}"),
            kind,
        });
        self
    }

    /// A service manages it.
    pub fn managed_by(mut self, principal: &str) -> Instance {
        self.operator = Some(principal.to_owned());
        self
    }

    /// It may not be stopped by an API call.
    pub fn stop_protected(mut self) -> Instance {
        self.is_stop_protected = true;
        self
    }

    /// It may not be terminated by an API call.
    pub fn termination_protected(mut self) -> Instance {
        self.is_termination_protected = true;
        self
    }

    /// Its root device is not a volume, so it can only run or end.
    pub fn instance_store(mut self) -> Instance {
        self.root_device_type = "instance-store".to_owned();
        self
    }

    /// The name of its root device.
    pub fn root_device(mut self, name: &str) -> Instance {
        self.root_device_name = name.to_owned();
        self
    }

    /// It belongs to an Auto Scaling group, which EC2 shows by a tag.
    pub fn auto_scaling_group(self, name: &str) -> Instance {
        self.tag("aws:autoscaling:groupName", name)
    }

    /// Its Availability Zone; otherwise the first of its region.
    pub fn availability_zone(mut self, zone: &str) -> Instance {
        self.availability_zone = zone.to_owned();
        self
    }

    /// Its type; otherwise `t3.micro`.
    pub fn instance_type(mut self, name: &str) -> Instance {
        self.instance_type = name.to_owned();
        self
    }

    /// Its network and subnet.
    pub fn network(mut self, vpc_id: &str, subnet_id: &str) -> Instance {
        self.vpc_id = Some(vpc_id.to_owned());
        self.subnet_id = Some(subnet_id.to_owned());
        self
    }

    /// Enters a state at `now`; if it is one that does not last, it will end after `settle`.
    pub(super) fn enter(&mut self, state: InstanceState, now: DateTime<Utc>, settle: Duration) {
        self.state = state;
        self.state_ends_at = match state {
            InstanceState::Terminated => Some(now + Duration::hours(TERMINATED_HOURS)),
            _ => state.next().map(|_| now + settle),
        };
    }

    /// Fills what was left open with what depends on the world.
    pub(super) fn arrive(&mut self, now: DateTime<Utc>, settle: Duration, region: &str) {
        let unset = DateTime::UNIX_EPOCH;
        match (self.launched_at == unset, self.attached_at == unset) {
            (true, true) => {
                self.attached_at = now - Duration::days(30);
                self.launched_at = self.attached_at;
            }
            (true, false) => self.launched_at = self.attached_at,
            (false, true) => self.attached_at = self.launched_at,
            (false, false) => {}
        }
        if self.availability_zone.is_empty() {
            self.availability_zone = format!("{region}a");
        }
        if self.private_dns_name.is_empty() {
            let name = self.id.trim_start_matches("i-");
            self.private_dns_name = format!("i-{name}.{region}.compute.internal");
        }
        self.enter(self.state, now, settle);
    }

    /// Whether it still exists after what was to happen by then has happened.
    pub(super) fn settle_until(&mut self, now: DateTime<Utc>) -> bool {
        while let Some(end) = self.state_ends_at.filter(|end| *end <= now) {
            match self.state.next() {
                Some(next) => self.enter(next, end, Duration::zero()),
                None if self.state == InstanceState::Terminated => return false,
                // A test has set the state by hand.
                None => self.state_ends_at = None,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminated_instance_is_listed_for_an_hour() {
        let start = DateTime::UNIX_EPOCH + Duration::days(9999);
        let mut instance = Instance::new("i-1");
        instance.enter(InstanceState::ShuttingDown, start, Duration::seconds(30));
        assert!(instance.settle_until(start + Duration::seconds(29)));
        assert_eq!(instance.state, InstanceState::ShuttingDown);
        assert!(instance.settle_until(start + Duration::seconds(30)));
        assert_eq!(instance.state, InstanceState::Terminated);
        assert!(instance.settle_until(start + Duration::seconds(30 + 3599)));
        assert!(!instance.settle_until(start + Duration::seconds(30 + 3600)));
    }
}
