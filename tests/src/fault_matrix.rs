//! What every fault matrix does: each call of a good run fails in every way, once and for good, before and after its
//! effect, in many programs at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use lamplighter_local_aws::{Call, Fault, FaultKind, LocalAws, When};

use crate::harness::Ran;

/// The ways in which a call can fail.
const KINDS: [FaultKind; 6] = [
    FaultKind::Throttle,
    FaultKind::ServerError,
    FaultKind::Denied,
    FaultKind::Reset,
    FaultKind::Stall,
    FaultKind::Truncate,
];

/// How many programs run at once. They mostly wait.
const WORKERS: usize = 8;

/// Every fault to try: each operation for good, and each call once; a change also fails after its effect.
pub fn faults<'a>(calls: impl IntoIterator<Item = &'a Call>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for call in calls {
        let number = seen.entry(call.name()).or_default();
        *number += 1;
        for kind in KINDS {
            let for_good = (*number == 1).then_some(When::Always);
            for when in for_good.into_iter().chain([When::Nth(*number)]) {
                let fault = Fault {
                    when,
                    ..Fault::new(&call.name(), kind)
                };
                let is_lost = matches!(
                    kind,
                    FaultKind::Reset | FaultKind::Stall | FaultKind::Truncate
                );
                if call.changes && is_lost {
                    faults.push(fault.clone().after_effect());
                }
                faults.push(fault);
            }
        }
    }
    faults
}

/// What was called, each once.
pub fn operations(calls: &[Call]) -> BTreeSet<String> {
    calls.iter().map(Call::name).collect()
}

/// How many calls the fault has struck.
pub fn struck(aws: &LocalAws) -> usize {
    let calls = aws.calls();
    calls.iter().filter(|call| call.fault.is_some()).count()
}

/// Tries every case, and panics with all that went wrong.
pub fn try_all<T: Debug + Sync>(cases: &[T], try_one: impl Fn(&T) -> Result<(), String> + Sync) {
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(what) = try_one(case) {
                        let failure = format!("=== {case:?}\n{what}\n");
                        failures.lock().expect("no worker panics").push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no worker panics");
    println!("{} combinations", cases.len());
    assert!(
        failures.is_empty(),
        "{} of {} combinations failed\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

/// `Err` with what is wrong, unless `is_so`.
pub fn must(is_so: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(what()) }
}

/// What is wrong, and all that the program said.
pub fn told(what: &str, ran: &Ran) -> String {
    format!(
        "{what}\nexit code {:?}\n--- stdout\n{}\n--- stderr\n{}",
        ran.code, ran.stdout, ran.stderr
    )
}
