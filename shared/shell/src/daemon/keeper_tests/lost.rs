//! What the loop does when something around a run breaks down, and when the heart stops.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use lamplighter_aws::Options;
use lamplighter_config::{Config, Sources};
use lamplighter_core::Error;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::entry;
use crate::clock::Clock;
use crate::connect::Entry;
use crate::daemon::dispatcher::Dispatcher;
use crate::daemon::http::Link;
use crate::daemon::keeper::{Keeper, News};
use crate::daemon::memory::Memory;
use crate::daemon::store::{Outcome, RunRow, Store};
use crate::daemon::store_tests::host;
use crate::daemon::store_tests::witness::Witness;
use crate::daemon::{Ended, jobs, threads_of_runs};
use crate::settings::Settings;

/// A keeper on its thread, without a heart.
struct Kept {
    ledger: Witness,
    sender: Sender<News>,
    renewals: UnboundedReceiver<()>,
    thread: JoinHandle<Ended>,
    _others: Runtime,
}

impl Kept {
    fn start(entries: Vec<Entry>, sections: &str, clock: Clock) -> Self {
        let sources = Sources {
            file: Some(("lamplighter.toml", sections)),
            environment: vec![],
            flags: vec![],
        };
        let config = Config::load(&sources).map_err(|errors| errors.render(false));
        let mut settings =
            Settings::new(config.expect("a sound configuration"), Options::default());
        settings.clock = Arc::clone(&clock);
        let jobs = jobs(&entries, &settings.config).expect("jobs");
        let ledger = Witness::of(Memory::default());
        let store = Box::new(ledger.clone());
        let now = clock();
        let dispatcher = Dispatcher::boot(store, jobs, 4, host(now), now);
        let (sender, inbox) = channel();
        let (renew, renewals) = unbounded_channel();
        let others = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .expect("a runtime");
        let keeper = Keeper::new(
            entries,
            Arc::new(settings),
            Box::new(|| Err("not asked for".to_owned())),
            (sender.clone(), Box::new(inbox)),
            threads_of_runs(4).expect("threads"),
            others.handle().clone(),
            Arc::new(Link::new(None)),
        )
        .with_heart(renew);
        Self {
            ledger,
            sender,
            renewals,
            thread: std::thread::spawn(move || keeper.keep(dispatcher)),
            _others: others,
        }
    }

    fn stop(self) -> Ended {
        self.sender.send(News::Stop).expect("it listens");
        self.thread.join().expect("no panic")
    }
}

/// Waits for something, for half a minute at most.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "no {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_panic_around_a_run_ends_it_like_one_in_it() {
    // The clock breaks down on the threads of runs: they ask it whether another attempt is in time.
    let breaks = Arc::new(AtomicBool::new(false));
    let is_broken = Arc::clone(&breaks);
    let clock: Clock = Arc::new(move || {
        let is_run = std::thread::current().name() == Some("run");
        assert!(!(is_run && is_broken.load(Ordering::Relaxed)), "no time");
        Utc::now()
    });
    let entries = vec![
        Entry {
            run: |_, _| Box::pin(async { Err(Error::transient("throttled")) }),
            ..entry("audit-mfa")
        },
        Entry {
            run: |_, _| panic!("before its first wait"),
            ..entry("audit-access-keys")
        },
    ];
    let due = (Utc::now() + TimeDelta::seconds(2)).trunc_subsecs(0);
    let at = due.format("at(%Y-%m-%dT%H:%M:%S)");
    let text = format!(
        "[audit-mfa]\nschedule = \"{at}\"\nretries = 2\n[audit-access-keys]\nschedule = \"{at}\"\n"
    );
    breaks.store(true, Ordering::Relaxed);
    let mut kept = Kept::start(entries, &text, clock);
    let mut ended = |name: &str| -> RunRow {
        until("end", || {
            let run = kept.ledger.runs(Some(name), 1).expect("read").pop()?;
            run.outcome.is_some().then_some(run)
        })
    };
    let around = ended("audit-mfa");
    assert_eq!(around.outcome, Some(Outcome::Panicked), "{around:?}");
    let detail = around.detail.expect("a reason");
    assert!(detail.contains("outside of the function"), "{detail}");
    let before = ended("audit-access-keys");
    assert_eq!(before.outcome, Some(Outcome::Panicked), "{before:?}");
    assert_eq!(before.detail.as_deref(), Some("before its first wait"));
    assert_eq!(kept.ledger.open(), [], "nothing runs for ever");
    assert_eq!(kept.stop(), Ended::Cleanly);
}

#[test]
fn without_a_pulse_the_ledger_is_kept_and_the_heart_made_anew_also_when_the_clock_goes_back() {
    let ahead_secs = Arc::new(AtomicI64::new(0));
    let ahead = Arc::clone(&ahead_secs);
    let clock: Clock =
        Arc::new(move || Utc::now() + TimeDelta::seconds(ahead.load(Ordering::Relaxed)));
    let text = "[audit-mfa]\nschedule = \"rate(1 day)\"\n";
    let mut kept = Kept::start(vec![entry("audit-mfa")], text, clock);
    let ledger = Mutex::new(kept.ledger.clone());
    let beat_at = || -> DateTime<Utc> {
        let host = ledger.lock().expect("not poisoned").host();
        host.expect("read").expect("a host").beat_at
    };
    let began = Instant::now();
    until("call for another heart", || kept.renewals.try_recv().ok());
    assert!(began.elapsed() < Duration::from_secs(8), "{began:?}");

    let before = beat_at();
    ahead_secs.store(31, Ordering::Relaxed);
    until("sign of life", || (beat_at() > before).then_some(()));
    // The heart is not silent for long enough to be asked for again, but the clock goes back.
    let pulse = || News::Pulse(Arc::default());
    kept.sender.send(pulse()).expect("it listens");
    while kept.renewals.try_recv().is_ok() {}
    let before = beat_at();
    ahead_secs.store(-3_600, Ordering::Relaxed);
    kept.sender.send(pulse()).expect("it listens");
    let asked = Instant::now();
    until("call for another heart", || kept.renewals.try_recv().ok());
    assert!(asked.elapsed() < Duration::from_secs(2), "at once");
    until("sign of life", || (beat_at() < before).then_some(()));
    assert_eq!(kept.stop(), Ended::Cleanly);
}
