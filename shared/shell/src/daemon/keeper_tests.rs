//! The real loop with functions that misbehave: one that panics, one that blocks its thread, one that fails in passing.

mod lag;
mod lost;
mod virtual_hours;

use std::future::ready;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chrono::{SubsecRound, TimeDelta, Utc};
use lamplighter_aws::Options;
use lamplighter_config::{Config, Sources};
use lamplighter_core::Error;
use tokio_util::sync::CancellationToken;

use super::sqlite::Sqlite;
use super::store::{Outcome, RunRow, Store};
use super::store_tests::Folder;
use super::{Ended, Orders, run};
use crate::connect::Entry;
use crate::settings::Settings;

/// How long the one that blocks its thread does so.
const BLOCKED: Duration = Duration::from_secs(4);

static ATTEMPTS: AtomicU32 = AtomicU32::new(0);

/// A function that fails, and whose other ways to be called are not used here.
pub(super) fn entry(name: &'static str) -> Entry {
    Entry {
        name,
        trigger: "schedule",
        changes: "nothing",
        rules: &[],
        is_global: true,
        consumes: false,
        run: |_, _| Box::pin(ready(Err(Error::permanent("it always fails")))),
        plan: |_, _| Box::pin(ready(Err(Error::permanent("not planned")))),
        apply: |_, _, _, _| Box::pin(ready(Err(Error::permanent("not applied")))),
        permissions: |_| vec![],
    }
}

fn entries() -> Vec<Entry> {
    vec![
        Entry {
            run: |_, _| Box::pin(async { panic!("a bug in the function") }),
            ..entry("stop-untagged")
        },
        Entry {
            run: |_, _| {
                Box::pin(async {
                    std::thread::sleep(BLOCKED);
                    Err(Error::permanent("it has blocked its thread"))
                })
            },
            ..entry("audit-security-groups")
        },
        Entry {
            run: |_, _| {
                Box::pin(async {
                    ATTEMPTS.fetch_add(1, Ordering::Relaxed);
                    Err(Error::transient("throttled"))
                })
            },
            ..entry("audit-mfa")
        },
        entry("audit-access-keys"),
    ]
}

fn settings(state_dir: &Path, at: &str) -> Settings {
    let sections = entries().into_iter().map(|entry| {
        // One of them is tried again once: after the first wait of 5 s.
        let retries = u32::from(entry.name == "audit-mfa");
        format!(
            "[{}]\nschedule = \"{at}\"\nretries = {retries}\ntimeout_secs = 1\n",
            entry.name
        )
    });
    let text = format!(
        "{}[daemon]\nstate_dir = \"{}\"\ndrain_secs = 15\n",
        sections.collect::<String>(),
        state_dir.display()
    );
    let sources = Sources {
        file: Some(("lamplighter.toml", &text)),
        environment: vec![],
        flags: vec![],
    };
    let config = Config::load(&sources).map_err(|errors| errors.render(false));
    Settings::new(config.expect("a sound configuration"), Options::default())
}

#[test]
fn a_function_that_panics_or_blocks_delays_no_other_and_nothing_is_lost() {
    let folder = Folder::new();
    let due = (Utc::now() + TimeDelta::seconds(3)).trunc_subsecs(0);
    let at = format!("at({})", due.format("%Y-%m-%dT%H:%M:%S"));
    let stop = CancellationToken::new();
    let (_hangup, reload) = tokio::sync::mpsc::channel(1);
    let orders = Orders {
        stop: stop.clone(),
        reload,
        load: Box::new(|| Err("not asked for".to_owned())),
    };
    // One thread: if a run blocked it, the heart would stop.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let settings = Arc::new(settings(&folder.0, &at));
    let daemon = runtime.spawn(run(entries(), settings, orders));

    let ended = |name: &str, patience: Duration| -> RunRow {
        let deadline = Instant::now() + patience;
        loop {
            let store = Sqlite::read_only(&folder.0).expect("read");
            let run = store.and_then(|mut store| store.runs(Some(name), 1).expect("read").pop());
            if let Some(run) = run.filter(|run| run.outcome.is_some()) {
                return run;
            }
            assert!(Instant::now() < deadline, "{name} has not ended");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let patience = Duration::from_secs(30);
    let fast = ended("audit-access-keys", patience);
    assert_eq!(fast.outcome, Some(Outcome::Failed));
    assert_eq!(fast.detail.as_deref(), Some("it always fails"));
    let panicked = ended("stop-untagged", patience);
    assert_eq!(panicked.outcome, Some(Outcome::Panicked));
    assert_eq!(panicked.detail.as_deref(), Some("a bug in the function"));
    let retried = ended("audit-mfa", patience);
    assert_eq!(
        (retried.outcome, ATTEMPTS.load(Ordering::Relaxed)),
        (Some(Outcome::Failed), 2)
    );
    // It cannot be ended while it blocks; then its own answer counts.
    let blocked = ended("audit-security-groups", patience);
    let took = |run: &RunRow| run.finished_at.expect("ended") - run.started_at;
    assert!(took(&blocked) >= TimeDelta::from_std(BLOCKED).expect("short"));
    for run in [&fast, &panicked] {
        assert!(took(run) < TimeDelta::seconds(2), "delayed: {run:?}");
        assert_eq!(run.slot, Some(due));
        assert!(
            run.started_at - due < TimeDelta::seconds(2),
            "late: {run:?}"
        );
    }

    stop.cancel();
    let ended = runtime.block_on(daemon).expect("no panic").expect("it ran");
    assert_eq!(ended, Ended::Cleanly);
    let mut store = Sqlite::read_only(&folder.0)
        .expect("read")
        .expect("a ledger");
    assert!(
        store
            .host()
            .expect("read")
            .expect("a host")
            .stopped_at
            .is_some()
    );
}
