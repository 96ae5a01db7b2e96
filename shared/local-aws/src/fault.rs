//! Faults: what goes wrong, at which call.

/// Something that goes wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which calls: `ec2:StopInstances`, `ec2:*` or `*`.
    pub call: String,
    /// What goes wrong.
    pub kind: FaultKind,
    /// Which of these calls.
    pub when: When,
    /// For [`FaultKind::Reset`], [`FaultKind::Stall`] and [`FaultKind::Truncate`]: whether the operation took effect
    /// before its answer was lost. The other kinds refuse the operation, so it never takes effect.
    pub after_effect: bool,
    /// Only calls to this account.
    pub account: Option<String>,
    /// Only calls to this region.
    pub region: Option<String>,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The caller is told to slow down.
    Throttle,
    /// AWS says that it failed: HTTP 500.
    ServerError,
    /// The caller may not do this.
    Denied,
    /// The connection is closed without an answer.
    Reset,
    /// No answer comes, until the client gives up.
    Stall,
    /// Headers and half of the body come, then the connection is closed.
    Truncate,
    /// AWS answers this status and code, and the operation has no effect: `Answer(409, "ConditionalRequestConflict")`.
    Answer(u16, &'static str),
}

/// Which of the calls that match, counted from the moment the fault was injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Every one.
    Always,
    /// Only this one; the first is 1.
    Nth(usize),
    /// Each one up to this one.
    First(usize),
}

impl Fault {
    /// A fault of every such call, in every account and region, before it has effect.
    pub fn new(call: &str, kind: FaultKind) -> Fault {
        Fault {
            call: call.to_owned(),
            kind,
            when: When::Always,
            after_effect: false,
            account: None,
            region: None,
        }
    }

    /// Only the `number`th call; the first is 1.
    pub fn nth(self, number: usize) -> Fault {
        Fault {
            when: When::Nth(number),
            ..self
        }
    }

    /// Only the first `number` calls.
    pub fn first(self, number: usize) -> Fault {
        Fault {
            when: When::First(number),
            ..self
        }
    }

    /// The answer is lost after the operation took effect.
    pub fn after_effect(self) -> Fault {
        Fault {
            after_effect: true,
            ..self
        }
    }

    /// Only calls to this account.
    pub fn in_account(self, account: &str) -> Fault {
        Fault {
            account: Some(account.to_owned()),
            ..self
        }
    }

    /// Only calls to this region.
    pub fn in_region(self, region: &str) -> Fault {
        Fault {
            region: Some(region.to_owned()),
            ..self
        }
    }

    fn matches(&self, service: &str, action: &str, account: &str, region: &str) -> bool {
        let named = match self.call.split_once(':') {
            Some((wanted, "*")) => wanted == service,
            Some((wanted, name)) => wanted == service && name == action,
            None => self.call == "*",
        };
        named
            && self.account.as_deref().is_none_or(|only| only == account)
            && self.region.as_deref().is_none_or(|only| only == region)
    }
}

impl FaultKind {
    /// Whether AWS itself says no; otherwise the answer is lost on its way.
    pub(crate) fn is_refusal(self) -> bool {
        matches!(
            self,
            FaultKind::Throttle
                | FaultKind::ServerError
                | FaultKind::Denied
                | FaultKind::Answer(..)
        )
    }
}

/// The faults that were injected, with the number of calls each has seen.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<(Fault, usize)>);

impl Faults {
    pub(crate) fn inject(&mut self, fault: Fault) {
        self.0.push((fault, 0));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Counts a call and returns the fault that hits it; of several, the one injected first.
    pub(crate) fn strike(
        &mut self,
        service: &str,
        action: &str,
        account: &str,
        region: &str,
    ) -> Option<Fault> {
        let mut hit = None;
        for (fault, seen) in &mut self.0 {
            if fault.matches(service, action, account, region) {
                *seen += 1;
                let strikes = match fault.when {
                    When::Always => true,
                    When::Nth(number) => *seen == number,
                    When::First(number) => *seen <= number,
                };
                if strikes && hit.is_none() {
                    hit = Some(fault.clone());
                }
            }
        }
        hit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_strike_the_calls_they_name() {
        let mut faults = Faults::default();
        faults.inject(Fault::new("ec2:StopInstances", FaultKind::Throttle).nth(2));
        faults.inject(Fault::new("s3:*", FaultKind::Reset).first(1));
        faults.inject(Fault::new("*", FaultKind::Denied).in_region("eu-west-2"));
        let mut strike = |service, action, region| {
            faults
                .strike(service, action, "1", region)
                .map(|fault| fault.kind)
        };
        assert_eq!(strike("ec2", "StopInstances", "eu-west-1"), None);
        assert_eq!(strike("ec2", "StartInstances", "eu-west-1"), None);
        assert_eq!(
            strike("ec2", "StopInstances", "eu-west-1"),
            Some(FaultKind::Throttle)
        );
        assert_eq!(strike("ec2", "StopInstances", "eu-west-1"), None);
        assert_eq!(
            strike("s3", "GetObject", "eu-west-2"),
            Some(FaultKind::Reset)
        );
        assert_eq!(strike("s3", "GetObject", "eu-west-1"), None);
        assert_eq!(
            strike("s3", "GetObject", "eu-west-2"),
            Some(FaultKind::Denied)
        );
    }
}
