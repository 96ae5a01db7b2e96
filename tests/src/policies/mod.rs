//! The policies that `lamplighter policy` prints are enough, and no more than enough.
//!
//! Each case is a function with a configuration and what it is put through: the real program, by hand and as a Lambda,
//! with a role that has exactly the printed policy, which the simulated account enforces. Three things are asked of
//! every case: nothing is denied; every action and every resource of the policy was needed; and without any one action
//! the run says which one it lacks. The names of actions have a second witness, moto.

mod cases;
mod moto;
mod reference;
mod stage;

use stage::{Case, Performance};

/// What is only a convenience, by statement and action: a run without it says so, and ends as it would have
/// ended.
const CONVENIENCES: [(&str, &str); 2] = [
    // Named regions are read without asking whether they are on.
    ("ReadRegions", "ec2:DescribeRegions"),
    // What succeeded after all stays in quarantine, and in the reports.
    ("StateRemove", "s3:DeleteObject"),
];

/// Puts a function through its case three times over.
fn prove(case: &Case) {
    let policy = case.policy();
    let performances: Vec<Performance> = case
        .plays
        .iter()
        .map(|play| play.perform(case, &policy))
        .collect();
    for performance in &performances {
        performance.must_have_been_allowed(case);
    }
    let mut wrong = Vec::new();
    for statement in policy.statements() {
        for action in &statement.actions {
            let needs_it = |performance: &&Performance| performance.needs(&statement.sid, action);
            let Some(whole) = performances.iter().find(needs_it) else {
                wrong.push(format!("no run needed {action} of {}", statement.sid));
                continue;
            };
            let without = policy.without(&statement.sid, action);
            let lacking = whole.play.perform_anyway(case, &without);
            let is_convenience = CONVENIENCES.contains(&(statement.sid.as_str(), action.as_str()));
            if !lacking.text().contains(action.as_str()) {
                let text = lacking.text();
                wrong.push(format!(
                    "without {action} of {} nobody hears of it:\n{text}",
                    statement.sid
                ));
            } else if (lacking.codes() == whole.codes()) != is_convenience {
                wrong.push(format!(
                    "without {action} of {} it ends in {:?}, with it in {:?}",
                    statement.sid,
                    lacking.codes(),
                    whole.codes()
                ));
            }
        }
        for resource in &statement.resources {
            // The parts of a run that has no time are the same code for all. They take long, so one shows it.
            if resource.contains("/parts/") && case.name != cases::IN_PARTS {
                continue;
            }
            let is_used = |performance: &Performance| {
                performance.uses(&statement.sid, |one| one.is_about(resource))
            };
            if !performances.iter().any(is_used) {
                wrong.push(format!("no run needed {resource} of {}", statement.sid));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}: {} in {} mode:\n{}",
        case.function,
        case.name,
        case.mode,
        wrong.join("\n")
    );
}
