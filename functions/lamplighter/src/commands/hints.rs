//! The ways out of what AWS refused or did not answer, told by the words that `lamplighter_aws` explains it with.

use lamplighter_core::{Error, Run, chain};

/// The ways out that a run's errors and failed actions have in common.
pub(super) fn of_run(run: &Run) -> Vec<String> {
    let said = |what: &str| {
        run.errors.iter().any(|row| row.message.contains(what))
            || run.actions.iter().any(|row| {
                row.reason
                    .as_deref()
                    .is_some_and(|reason| reason.contains(what))
            })
    };
    let function = &run.function;
    let mut hints = ways_out(function, said);
    if run.would_refuse.is_some() {
        hints.push(format!(
            "read it with `lamplighter run {function} --dry-run`; raise the limit it names in [{function}] if the plan is right"
        ));
    }
    hints
}

/// The error that ends a run of `function`, with a way out if it names none itself.
pub(super) fn of_error(function: &str, error: Error) -> Error {
    let text = chain(&error);
    let way_out = ways_out(function, |what| text.contains(what))
        .into_iter()
        .next();
    let error = error.context(function);
    match way_out.filter(|_| error.hint_text().is_none()) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn ways_out(function: &str, said: impl Fn(&str) -> bool) -> Vec<String> {
    let mut hints = Vec::new();
    if said("not allowed to call") {
        hints.push(format!(
            "attach `policies/{function}.json` to the role that runs it, or what `lamplighter policy {function}` prints"
        ));
    }
    if said("sts:AssumeRole") {
        hints.push(
            "check the role's trust policy, and `role` and `external_id` in [[aws.accounts]]"
                .to_owned(),
        );
    }
    if said("MessageRejected") {
        hints.push(
            "verify the identity of `[report] from` in SES in this region; while SES is in the sandbox, the recipients too"
                .to_owned(),
        );
    }
    let may_pass = [
        "did not answer in time",
        "was throttled",
        "was cut off",
        "no connection for",
        "could not be sent",
        "on the side of AWS",
    ];
    if may_pass.iter().any(|what| said(what)) {
        hints.push("run it again: what was done stays done, and nothing is done twice".to_owned());
    }
    hints
}
