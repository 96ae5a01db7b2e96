//! The real loop on a virtual clock: hours beside a function that blocks its thread and one that panics at every run.
//!
//! Everything is real but time and the ledger's disk: planner, dispatcher, keeper, the threads of runs, and a thread
//! that is truly blocked. All functions that there are take part. Time stands still while anything is at work and goes
//! on to the next moment at which something happens, so that a slot that begins late does so because somebody held it
//! up, never because the machine was busy.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use lamplighter_aws::Options;
use lamplighter_config::{Config, Sources};
use lamplighter_core::{Error, Result, Run};

use super::entry;
use crate::clock::Clock;
use crate::connect::{Entry, Pending};
use crate::daemon::dispatcher::Dispatcher;
use crate::daemon::http::Link;
use crate::daemon::keeper::{Inbox, Keeper, News};
use crate::daemon::memory::Memory;
use crate::daemon::planner::{Job, Why};
use crate::daemon::planner_tests::at;
use crate::daemon::store::{Outcome, RunRow, Store};
use crate::daemon::store_tests::host;
use crate::daemon::store_tests::witness::Witness;
use crate::daemon::{Ended, jobs, threads_of_runs};
use crate::round::Invocation;
use crate::settings::Settings;

const BLOCKER: &str = "stop-untagged";

const PANICKER: &str = "audit-security-groups";

/// The others, each with its schedule. More are due at once than there are places.
const OTHERS: [(&str, &str); 6] = [
    ("audit-mfa", "schedule = \"rate(1 minute)\""),
    ("audit-access-keys", "schedule = \"cron(* * * * ? *)\""),
    ("report-certificates", "schedule = \"cron(0/2 * * * ? *)\""),
    ("deploy-bundles", "schedule = \"rate(3 minutes)\""),
    (
        "archive-mail",
        "schedule = \"rate(1 minute)\"\nspread_minutes = 1",
    ),
    ("resize-images", "schedule = \"* * * * *\""),
];

/// In the machine's time. What neither ends nor rests for so long is held up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Until when runs block their threads, by their ids.
static BLOCKED: Mutex<BTreeMap<String, DateTime<Utc>>> = Mutex::new(BTreeMap::new());

/// A run that keeps its thread to itself for so many seconds.
fn block<const SECS: i64>(settings: Arc<Settings>, invocation: Invocation) -> Pending<Result<Run>> {
    Box::pin(async move {
        let until = (settings.clock)() + TimeDelta::seconds(SECS);
        let run_id = invocation.run_id.expect("the ledger's");
        let began = Instant::now();
        BLOCKED.lock().expect("not poisoned").insert(run_id, until);
        while (settings.clock)() < until {
            assert!(began.elapsed() < 2 * PATIENCE, "time stands still");
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(Error::permanent("it has blocked its thread"))
    })
}

/// All functions: the blocker with this body, the one that panics, and others that tell their slot and the time.
fn entries(blocker: fn(Arc<Settings>, Invocation) -> Pending<Result<Run>>) -> Vec<Entry> {
    let misfits = [
        Entry {
            run: blocker,
            ..entry(BLOCKER)
        },
        Entry {
            run: |_, _| Box::pin(async { panic!("a bug in the function") }),
            ..entry(PANICKER)
        },
    ];
    let others = OTHERS.map(|(name, _)| Entry {
        run: |settings, invocation| {
            Box::pin(async move {
                let slot = invocation.envelope.slot().expect("a scheduled run");
                Err(Error::permanent(told(slot, (settings.clock)())))
            })
        },
        ..entry(name)
    });
    misfits.into_iter().chain(others).collect()
}

fn told(slot: DateTime<Utc>, now: DateTime<Utc>) -> String {
    format!("for {slot} at {now}")
}

fn settings(overlap: &str, clock: Clock) -> Settings {
    let mut text = format!(
        "[daemon]\ndrain_secs = 300\n[{PANICKER}]\nschedule = \"rate(1 minute)\"\n\
         [{BLOCKER}]\nschedule = \"rate(1 minute)\"\noverlap = \"{overlap}\"\n"
    );
    for (name, keys) in OTHERS {
        text.push_str(&format!("[{name}]\n{keys}\n"));
    }
    let sources = Sources {
        file: Some(("lamplighter.toml", &text)),
        environment: vec![],
        flags: vec![],
    };
    let config = Config::load(&sources).map_err(|errors| errors.render(false));
    let mut settings = Settings::new(config.expect("a sound configuration"), Options::default());
    settings.clock = clock;
    settings
}

/// Virtual time, which goes on while the keeper waits.
struct Time {
    now: Arc<Mutex<DateTime<Utc>>>,
    news: Receiver<News>,
    ledger: Witness,
    next_pulse: DateTime<Utc>,
    is_unread: Arc<AtomicBool>,
    /// When somebody resumes the one that panics.
    resumed_at: DateTime<Utc>,
    /// When the daemon is told to stop.
    until: Option<DateTime<Utc>>,
}

impl Time {
    fn now(&self) -> DateTime<Utc> {
        *self.now.lock().expect("not poisoned")
    }

    /// The runs that are at work, and when the first of those that block their threads goes on.
    fn look(&self) -> (Vec<RunRow>, Option<DateTime<Utc>>) {
        let now = self.now();
        let blocked = BLOCKED.lock().expect("not poisoned");
        let until = |run: &RunRow| {
            blocked
                .get(&run.run_id)
                .copied()
                .filter(|until| *until > now)
        };
        let (resting, at_work): (Vec<_>, Vec<_>) = self
            .ledger
            .open()
            .into_iter()
            .partition(|run| until(run).is_some());
        (at_work, resting.iter().filter_map(until).min())
    }
}

impl Inbox for Time {
    fn next(&mut self, patience: Duration) -> Result<News, RecvTimeoutError> {
        let deadline = self.now() + TimeDelta::from_std(patience).expect("not that long");
        let began = Instant::now();
        loop {
            let (at_work, first_to_go_on) = self.look();
            if !at_work.is_empty() {
                let news = self.news.recv_timeout(Duration::from_millis(1));
                if news.is_err() && began.elapsed() < PATIENCE {
                    continue;
                }
                if news.is_err() {
                    // Lets those go on that block their threads, so that this ends.
                    *self.now.lock().expect("not poisoned") = DateTime::<Utc>::MAX_UTC;
                    panic!("held up: {at_work:?}");
                }
                return news;
            }
            let next = deadline.min(self.next_pulse);
            let next = first_to_go_on.map_or(next, |first| first.min(next));
            *self.now.lock().expect("not poisoned") = next;
            // What happens at the same moment as the end of a block happens before it: a sleep is never too short.
            if self.until.take_if(|until| *until <= next).is_some() {
                return Ok(News::Stop);
            }
            if next == self.next_pulse {
                self.next_pulse += TimeDelta::seconds(1);
                if next == self.resumed_at {
                    self.ledger.resume(PANICKER);
                }
                return Ok(News::Pulse(Arc::clone(&self.is_unread)));
            }
            if next == deadline {
                return Err(RecvTimeoutError::Timeout);
            }
        }
    }
}

/// What some hours have left behind.
struct Hours {
    ledger: Witness,
    jobs: BTreeMap<String, Job>,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Hours {
    /// Lets the daemon live from half past midnight for so long.
    fn pass(
        time: TimeDelta,
        overlap: &str,
        blocker: fn(Arc<Settings>, Invocation) -> Pending<Result<Run>>,
    ) -> Self {
        // The heart beats between the seconds: a slot that begins in time does so because the keeper woke up for it.
        let from = at("00:30:30.250");
        let until = from + time;
        let now = Arc::new(Mutex::new(from));
        let clock = Arc::clone(&now);
        let settings = settings(
            overlap,
            Arc::new(move || *clock.lock().expect("not poisoned")),
        );
        let entries = entries(blocker);
        let jobs = jobs(&entries, &settings.config).expect("jobs");
        let places = usize::try_from(settings.config.daemon.max_runs).expect("a few");
        let ledger = Witness::of(Memory::default());
        let store = Box::new(ledger.clone());
        let dispatcher = Dispatcher::boot(store, jobs.clone(), places, host(from), from);
        let (sender, news) = channel();
        let time = Time {
            now,
            news,
            ledger: ledger.clone(),
            next_pulse: from + TimeDelta::seconds(1),
            is_unread: Arc::default(),
            resumed_at: from + time / 2,
            until: Some(until),
        };
        let runtime = threads_of_runs(places).expect("threads");
        let handle = runtime.handle().clone();
        let keeper = Keeper::new(
            entries,
            Arc::new(settings),
            Box::new(|| Err("not asked for".to_owned())),
            (sender, Box::new(time)),
            runtime,
            handle,
            Arc::new(Link::new(None)),
        );
        assert_eq!(keeper.keep(dispatcher), Ended::Cleanly);
        let jobs = jobs.into_iter().map(|job| (job.name.clone(), job));
        Self {
            ledger,
            jobs: jobs.collect(),
            from,
            until,
        }
    }

    /// The slots of a function, as its schedule has them.
    fn slots(&self, function: &str) -> Vec<DateTime<Utc>> {
        let job = &self.jobs[function];
        let (from, until) = (self.from - job.offset, self.until - job.offset);
        job.schedule.between(from, until).collect()
    }

    /// Its runs, in the order in which they began.
    fn runs(&self, function: &str) -> Vec<RunRow> {
        let mut ledger = self.ledger.clone();
        let mut runs = ledger.runs(Some(function), usize::MAX).expect("read");
        runs.reverse();
        runs
    }

    /// Checks that every slot of a function was run once, left out for this reason, or waits at the end, and answers how
    /// many were left out.
    fn left_out(&self, function: &str, why: Why) -> u64 {
        let skips = self.ledger.left_out().remove(function).unwrap_or_default();
        assert!(skips.iter().all(|skip| skip.why == why), "{skips:?}");
        let mut ledger = self.ledger.clone();
        let waiting = ledger.jobs().expect("read")[function].known.waiting.clone();
        let runs = self.runs(function);
        for slot in self.slots(function) {
            let times = runs.iter().filter(|run| run.slot == Some(slot)).count()
                + usize::from(waiting.contains_key(&slot))
                + skips
                    .iter()
                    .filter(|skip| (skip.first..=skip.last).contains(&slot))
                    .count();
            assert_eq!(times, 1, "{function} {slot}");
        }
        skips.iter().map(|skip| skip.count).sum()
    }

    /// Checks that every slot of the others was run once, in order, at its own moment and at no other.
    fn check_others(&self) {
        for (name, _) in OTHERS {
            let runs = self.runs(name);
            let ran: Vec<_> = runs.iter().filter_map(|run| run.slot).collect();
            assert_eq!(ran, self.slots(name), "{name}");
            for run in &runs {
                let slot = run.slot.expect("a slot");
                let due = slot + self.jobs[name].offset;
                let told = told(slot, due);
                assert_eq!((run.started_at, run.missed), (due, 0), "late: {run:?}");
                assert_eq!(run.finished_at, Some(due), "{run:?}");
                assert_eq!(run.detail.as_deref(), Some(told.as_str()), "{run:?}");
            }
            assert_eq!(self.ledger.left_out().get(name), None, "{name}");
        }
    }

    /// Checks that the one that panics was paused after three runs, and again after somebody had let it go on.
    fn check_panicker(&self) {
        let mut ledger = self.ledger.clone();
        let runs = self.runs(PANICKER);
        let resumed_at = self.from + (self.until - self.from) / 2;
        let slots = self.slots(PANICKER);
        let (before, after): (Vec<_>, Vec<_>) =
            slots.into_iter().partition(|slot| *slot <= resumed_at);
        let expected: Vec<_> = before[..3].iter().chain(&after[..3]).copied().collect();
        let ran: Vec<_> = runs.iter().map(|run| run.started_at).collect();
        assert_eq!(ran, expected);
        for run in &runs {
            assert_eq!(run.outcome, Some(Outcome::Panicked), "{run:?}");
            assert_eq!(run.detail.as_deref(), Some("a bug in the function"));
        }
        let total = ledger.totals().expect("read").runs[&(PANICKER.to_owned(), Outcome::Panicked)];
        assert_eq!(total, 6);
        let left_out = self.left_out(PANICKER, Why::Paused);
        assert_eq!(left_out as usize, before.len() + after.len() - 6);
        for (name, row) in ledger.jobs().expect("read") {
            let why = row.paused.map(|paused| paused.why);
            let expected = (name == PANICKER).then_some(
                "its runs panicked 3 times in a row; `lamplighter resume audit-security-groups` lets it go on",
            );
            assert_eq!(why.as_deref(), expected, "{name}");
        }
    }
}

#[test]
fn beside_one_that_blocks_for_a_minute_and_one_that_panics_every_other_slot_runs_in_order() {
    let hours = Hours::pass(TimeDelta::hours(6), "skip", block::<60>);
    let slots: usize = OTHERS.iter().map(|(name, _)| hours.slots(name).len()).sum();
    assert_eq!(slots, 4 * 360 + 180 + 120);
    hours.check_others();
    hours.check_panicker();
    // A minute later it is still busy, another minute later it is not.
    assert_eq!(hours.left_out(BLOCKER, Why::Busy), 180);
    for (run, slot) in hours
        .runs(BLOCKER)
        .iter()
        .zip(hours.slots(BLOCKER).iter().step_by(2))
    {
        assert_eq!((run.slot, run.started_at), (Some(*slot), *slot));
        assert_eq!(run.finished_at, Some(*slot + TimeDelta::seconds(60)));
        assert_eq!(run.detail.as_deref(), Some("it has blocked its thread"));
    }
}

#[test]
fn what_blocks_for_longer_than_to_its_next_slot_goes_by_its_own_overlap_policy_and_delays_no_other()
{
    // The minute of each of the first slots that run, how many seconds later that is, and how many of 60 are left out.
    // One may still wait when the hour is over.
    for (overlap, expected, left_out) in [
        ("skip", "31+0 33+0 35+0 37+0 39+0 41+0", 30),
        ("queue-one", "31+0 32+30 33+60 35+30 36+60 38+30", 19),
        // What blocks its thread cannot be ended, so the next slot has to wait; a later one takes its place.
        ("replace", "31+0 32+30 34+0 35+30 37+0 38+30", 19),
        ("allow", "31+0 32+0 33+0 34+0 35+0 36+0", 0),
    ] {
        let hours = Hours::pass(TimeDelta::hours(1), overlap, block::<90>);
        hours.check_others();
        hours.check_panicker();
        let runs = hours.runs(BLOCKER);
        let words = runs.iter().take(6).map(|run| {
            let slot = run.slot.expect("a slot");
            format!(
                "{}+{}",
                slot.minute(),
                (run.started_at - slot).num_seconds()
            )
        });
        assert_eq!(words.collect::<Vec<_>>().join(" "), expected, "{overlap}");
        assert_eq!(hours.left_out(BLOCKER, Why::Busy), left_out, "{overlap}");
        for run in &runs {
            let took = run.finished_at.expect("it ended") - run.started_at;
            assert_eq!(took, TimeDelta::seconds(90), "{overlap}: {run:?}");
        }
    }
}

#[test]
fn four_runs_that_block_their_threads_when_the_daemon_stops_end_by_themselves_and_nothing_else_begins()
 {
    let hours = Hours::pass(TimeDelta::minutes(5), "allow", block::<230>);
    let runs = hours.runs(BLOCKER);
    let in_flight = runs
        .iter()
        .filter(|run| run.finished_at > Some(hours.until));
    assert_eq!(in_flight.count(), 4);
    for run in &runs {
        let took = run
            .finished_at
            .map(|finished_at| finished_at - run.started_at);
        assert_eq!(took, Some(TimeDelta::seconds(230)), "{run:?}");
        assert_eq!(run.detail.as_deref(), Some("it has blocked its thread"));
    }
    let mut ledger = hours.ledger.clone();
    let begun = ledger.runs(None, usize::MAX).expect("read");
    assert!(begun.iter().all(|run| run.started_at <= hours.until));
    let host = ledger.host().expect("read").expect("a host");
    assert_eq!(
        host.stopped_at,
        runs.iter().filter_map(|run| run.finished_at).max()
    );
}
