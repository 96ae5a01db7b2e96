//! How much it matters: by the share of the window that is left, by use, and by whether it renews itself.

use chrono::Duration;
use lamplighter_core::Severity;

use crate::merge::Use;

/// How near the end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nearness {
    /// Past it.
    Expired,
    /// Within the last sixth of the window: the last week of 45 days.
    Near,
    /// Within the last third: the last 15 of 45 days.
    Soon,
    /// Within the window.
    Ahead,
}

impl Nearness {
    /// `left` until the end, of a certificate whose window is `window`; `None` outside the window.
    pub(crate) fn of(left: Duration, window: Duration) -> Option<Self> {
        let (left, window) = (left.num_seconds(), window.num_seconds());
        match left {
            _ if left <= 0 => Some(Self::Expired),
            _ if left > window => None,
            _ if left.saturating_mul(6) <= window => Some(Self::Near),
            _ if left.saturating_mul(3) <= window => Some(Self::Soon),
            _ => Some(Self::Ahead),
        }
    }
}

/// Who depends on the certificate, and on whom it can rely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Circumstances {
    pub(crate) in_use: Use,
    /// ACM renews it, and nothing is in the way.
    pub(crate) renews_itself: bool,
    /// It is only ever sent with a leaf.
    pub(crate) is_chain: bool,
    /// Every chain it was served in leads to a trusted root without it.
    pub(crate) is_spare: bool,
}

/// How much an expired or expiring certificate matters.
pub(crate) fn severity(nearness: Nearness, of: Circumstances) -> Severity {
    if of.is_spare || of.in_use == Use::No {
        return Severity::Low;
    }
    if of.renews_itself && nearness != Nearness::Expired {
        // ACM begins weeks ahead; in the last days it ought to have been done.
        return if nearness == Nearness::Near {
            Severity::High
        } else {
            Severity::Low
        };
    }
    let steps = usize::from(of.in_use == Use::Unknown) + usize::from(of.is_chain);
    let worst = match nearness {
        Nearness::Expired | Nearness::Near => 0,
        Nearness::Soon => 1,
        Nearness::Ahead => 2,
    };
    let all = [
        Severity::Critical,
        Severity::High,
        Severity::Medium,
        Severity::Low,
    ];
    all[(worst + steps).min(all.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const USED: Circumstances = Circumstances {
        in_use: Use::Yes,
        renews_itself: false,
        is_chain: false,
        is_spare: false,
    };

    #[test]
    fn nearness_is_a_share_of_the_window_to_the_second() {
        let window = Duration::days(45);
        for (left, expected) in [
            (Duration::seconds(-1), Some(Nearness::Expired)),
            (Duration::zero(), Some(Nearness::Expired)),
            (Duration::seconds(1), Some(Nearness::Near)),
            (Duration::hours(180), Some(Nearness::Near)),
            (
                Duration::hours(180) + Duration::seconds(1),
                Some(Nearness::Soon),
            ),
            (Duration::days(15), Some(Nearness::Soon)),
            (
                Duration::days(15) + Duration::seconds(1),
                Some(Nearness::Ahead),
            ),
            (Duration::days(45), Some(Nearness::Ahead)),
            (Duration::days(45) + Duration::seconds(1), None),
        ] {
            assert_eq!(Nearness::of(left, window), expected, "{left}");
        }
    }

    #[test]
    fn severity_follows_time_use_and_renewal() {
        use Nearness::{Ahead, Expired, Near, Soon};
        let unknown = Circumstances {
            in_use: Use::Unknown,
            ..USED
        };
        let unused = Circumstances {
            in_use: Use::No,
            ..USED
        };
        let renewing = Circumstances {
            renews_itself: true,
            ..USED
        };
        let chain = Circumstances {
            is_chain: true,
            ..USED
        };
        let spare = Circumstances {
            is_spare: true,
            ..chain
        };
        for (of, expected) in [
            (USED, "critical critical high medium"),
            (unknown, "high high medium low"),
            (unused, "low low low low"),
            (renewing, "critical high low low"),
            (chain, "high high medium low"),
            (spare, "low low low low"),
        ] {
            let found: Vec<&str> = [Expired, Near, Soon, Ahead]
                .into_iter()
                .map(|nearness| severity(nearness, of).as_str())
                .collect();
            assert_eq!(found.join(" "), expected, "{of:?}");
        }
    }
}
