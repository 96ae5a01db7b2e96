//! Local times and instants: where a zone's clock jumps, and which instant a local time is.
//!
//! The zone tables are compiled in and hold clock changes up to the year 2099; after that a zone keeps its last offset.

use chrono::{
    DateTime, FixedOffset, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc,
};
use chrono_tz::{GapInfo, Tz};

use super::AfterGap;

/// The instant at which a schedule runs for a local time it names.
///
/// A time that comes twice is taken the first time only, and a time that does not exist is skipped, as
/// EventBridge Scheduler does: <https://repost.aws/knowledge-center/eventbridge-scheduler-adjust-dst>.
/// With [`AfterGap::Run`], a time that does not exist is taken at the first instant after the gap.
pub(super) fn instant_of(
    zone: Tz,
    local: NaiveDateTime,
    after_gap: AfterGap,
) -> Option<DateTime<Utc>> {
    match (zone.from_local_datetime(&local), after_gap) {
        (MappedLocalTime::Single(instant), _) => Some(instant.to_utc()),
        (MappedLocalTime::Ambiguous(one, other), _) => Some(one.min(other).to_utc()),
        (MappedLocalTime::None, AfterGap::Skip) => None,
        (MappedLocalTime::None, AfterGap::Run) => Some(GapInfo::new(&local, &zone)?.end?.to_utc()),
    }
}

/// One change of a zone's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) at: DateTime<Utc>,
    before: FixedOffset,
    after: FixedOffset,
}

impl Change {
    /// How far the clock jumps: forwards leaves a gap, backwards an overlap.
    pub(super) fn jump(&self) -> TimeDelta {
        TimeDelta::seconds(i64::from(
            self.after.local_minus_utc() - self.before.local_minus_utc(),
        ))
    }

    /// The local times that are left out or come twice: from the first, up to but without the second.
    pub(super) fn local_times(&self) -> (NaiveDateTime, NaiveDateTime) {
        let before = self.at.with_timezone(&self.before).naive_local();
        let after = self.at.with_timezone(&self.after).naive_local();
        (before.min(after), before.max(after))
    }
}

/// The clock changes in (`from`, `until`], in order.
///
/// The tables cannot be listed from outside, so they are probed. No zone has changed its clock twice
/// within half a day and back again; a probe is a binary search, and a year is 730 of them. Only the
/// years a schedule can name are probed, so that a careless `until` costs milliseconds.
pub(super) fn changes(
    zone: Tz,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> impl Iterator<Item = Change> {
    let stride = TimeDelta::hours(12);
    let until = until.min(super::last_instant());
    let mut at = from.max(super::first_instant());
    std::iter::from_fn(move || {
        while at < until {
            let next = until.min(at.checked_add_signed(stride).unwrap_or(until));
            let (before, after) = (offset(zone, at), offset(zone, next));
            let found = (before != after).then(|| Change {
                at: boundary(zone, at, next),
                before,
                after,
            });
            at = next;
            if found.is_some() {
                return found;
            }
        }
        None
    })
}

/// The first whole second with the later offset, by halving.
fn boundary(zone: Tz, mut early: DateTime<Utc>, mut late: DateTime<Utc>) -> DateTime<Utc> {
    let after = offset(zone, late);
    while late - early > TimeDelta::seconds(1) {
        let middle = early + (late - early) / 2;
        if offset(zone, middle) == after {
            late = middle
        } else {
            early = middle
        }
    }
    DateTime::from_timestamp(late.timestamp(), 0).unwrap_or(late)
}

fn offset(zone: Tz, at: DateTime<Utc>) -> FixedOffset {
    zone.offset_from_utc_datetime(&at.naive_utc()).fix()
}
