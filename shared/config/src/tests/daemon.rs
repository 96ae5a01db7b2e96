//! `[daemon]`, and what functions ask of it.

use super::{good, messages};
use crate::AfterGap;

/// What is wrong with a file.
fn bad(file: &str) -> String {
    let said = messages(file, &[], &[]);
    assert_ne!(said, "accepted\n", "{file}");
    said
}

#[test]
fn functions_that_share_something_are_limited_together() {
    let config = good(
        "[[daemon.limits]]\ntag = \"iam\"\nfunctions = [\"audit-mfa\", \"audit-access-keys\"]\nmax_runs = 1\n",
        &[],
        &[],
    );
    let limits = &config.daemon.limits;
    assert_eq!(limits.len(), 1);
    assert_eq!((limits[0].tag.as_str(), limits[0].max_runs), ("iam", 1));
    assert_eq!(limits[0].functions, ["audit-mfa", "audit-access-keys"]);
}

#[test]
fn a_limit_of_nobody_or_of_nothing_is_refused() {
    let limit = |rest: &str| format!("[[daemon.limits]]\ntag = \"iam\"\n{rest}");
    for (text, expected) in [
        (
            limit("functions = [\"audit-mfas\"]\nmax_runs = 1\n"),
            "there is no function",
        ),
        (
            limit("functions = [\"audit-mfa\"]\nmax_runs = 0\n"),
            "max_runs",
        ),
        (limit("functions = [\"audit-mfa\"]\n"), "max_runs"),
        (
            limit("functions = []\nmax_runs = 1\n").repeat(2),
            "has an entry already",
        ),
    ] {
        let errors = bad(&text);
        assert!(errors.contains(expected), "{text}\n{errors}");
    }
}

#[test]
fn a_switch_is_called_by_https_only_and_never_printed() {
    let url = "https://hc-ping.com/very-secret/{function}";
    let config = good(&format!("[daemon]\nping_url = \"{url}\"\n"), &[], &[]);
    let known = config.daemon.ping_url.as_ref().expect("a URL");
    assert_eq!(known.expose(), url);
    let printed = config.print();
    assert!(
        !printed.contains("very-secret") && printed.contains("ping_url"),
        "{printed}"
    );
    for wrong in [
        "http://hc-ping.com/very-secret",
        "hc-ping.com/very-secret",
        "https://a@b/very-secret",
    ] {
        let errors = bad(&format!("[daemon]\nping_url = \"{wrong}\"\n"));
        assert!(
            errors.contains("ping_url") && !errors.contains("very-secret"),
            "{errors}"
        );
    }
}

#[test]
fn a_run_in_a_gap_is_skipped_unless_it_is_asked_for() {
    let of = |text: &str| good(text, &[], &[]).audit_mfa.common.after_gap;
    assert_eq!(of(""), AfterGap::Skip);
    assert_eq!(of("[audit-mfa]\nafter_gap = \"run\"\n"), AfterGap::Run);
    assert!(bad("[audit-mfa]\nafter_gap = \"later\"\n").contains("after_gap"));
}
