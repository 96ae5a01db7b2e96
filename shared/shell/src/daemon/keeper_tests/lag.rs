//! How late runs begin beside one that blocks its thread, against the same runs without it.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use lamplighter_aws::Options;
use lamplighter_config::{Config, Sources};
use lamplighter_core::Error;
use tokio_util::sync::CancellationToken;

use super::{Folder, entry};
use crate::connect::Entry;
use crate::daemon::sqlite::Sqlite;
use crate::daemon::store::Store;
use crate::daemon::{Orders, run};
use crate::settings::Settings;

/// How long the blocker blocks: over the slots of all others.
const BLOCKED: Duration = Duration::from_secs(5);

/// How much later others may begin beside a blocker.
const MOST_GROWTH: TimeDelta = TimeDelta::milliseconds(250);

/// The machine may be busy with something else; the best of so many tries counts.
const TRIES: usize = 4;

const OTHERS: [&str; 4] = [
    "audit-mfa",
    "audit-access-keys",
    "audit-security-groups",
    "report-certificates",
];

fn entries() -> Vec<Entry> {
    let blocker = Entry {
        run: |_, _| {
            Box::pin(async {
                std::thread::sleep(BLOCKED);
                Err(Error::permanent("it has blocked its thread"))
            })
        },
        ..entry("stop-untagged")
    };
    let others = OTHERS.map(|name| Entry {
        run: |_, _| Box::pin(ready(Err(Error::permanent("that was quick")))),
        ..entry(name)
    });
    [blocker].into_iter().chain(others).collect()
}

/// The latest begin of the others, each a second after the other, the first one a second after the blocker's.
fn lag(is_blocked: bool) -> TimeDelta {
    let folder = Folder::new();
    let first = (Utc::now() + TimeDelta::seconds(2)).trunc_subsecs(0);
    let at = |second: usize| {
        let due = first + TimeDelta::seconds(i64::try_from(second).expect("a few"));
        format!("schedule = \"at({})\"\n", due.format("%Y-%m-%dT%H:%M:%S"))
    };
    let mut text = format!(
        "[daemon]\nstate_dir = \"{}\"\ndrain_secs = 15\n",
        folder.0.display()
    );
    if is_blocked {
        text.push_str(&format!("[stop-untagged]\n{}", at(0)));
    }
    for (place, name) in OTHERS.iter().enumerate() {
        text.push_str(&format!("[{name}]\n{}", at(place + 1)));
    }
    let sources = Sources {
        file: Some(("lamplighter.toml", &text)),
        environment: vec![],
        flags: vec![],
    };
    let config = Config::load(&sources).map_err(|errors| errors.render(false));
    let settings = Settings::new(config.expect("a sound configuration"), Options::default());
    let stop = CancellationToken::new();
    let (_hangup, reload) = tokio::sync::mpsc::channel(1);
    let orders = Orders {
        stop: stop.clone(),
        reload,
        load: Box::new(|| Err("not asked for".to_owned())),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let daemon = runtime.spawn(run(entries(), Arc::new(settings), orders));
    let last = first + TimeDelta::seconds(i64::try_from(OTHERS.len()).expect("a few") + 1);
    let wait = (last - Utc::now()).to_std().unwrap_or_default();
    std::thread::sleep(wait);
    stop.cancel();
    runtime.block_on(daemon).expect("no panic").expect("it ran");
    let mut store = Sqlite::read_only(&folder.0)
        .expect("read")
        .expect("a ledger");
    let late = |name: &&str| -> TimeDelta {
        let run = store.runs(Some(name), 1).expect("read").pop();
        let run = run.expect("it ran");
        let slot: DateTime<Utc> = run.slot.expect("a slot");
        run.started_at - slot
    };
    OTHERS.iter().map(late).max().expect("some")
}

#[test]
fn a_run_that_blocks_its_thread_delays_the_others_by_a_quarter_of_a_second_at_most() {
    let mut seen = vec![];
    for _ in 0..TRIES {
        let (without, with) = (lag(false), lag(true));
        println!("the latest begin: {without} without a blocker, {with} beside one");
        if with - without <= MOST_GROWTH {
            return;
        }
        seen.push((without, with));
    }
    panic!("beside a blocker others begin late: {seen:?}");
}
