//! The alert rules, evaluated by Prometheus' own promtool: what fires, when, and what must not. A machine without promtool
//! gets one for this test; where that is not possible it says so, and fails in CI.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use crate::harness::root;

fn promtool(args: &[&str]) -> Output {
    // The target folder, where the promtool that is installed for this test lies.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    Command::new(root().join("tests/tools/promtool"))
        .args(args)
        .env(
            "CARGO_TARGET_DIR",
            target.expect("it is in the target folder"),
        )
        .current_dir(root().join("tests/src/daemon"))
        .output()
        .expect("there is a shell")
}

fn has_promtool() -> bool {
    let tried = promtool(&["--version"]);
    if tried.status.success() {
        return true;
    }
    let why = String::from_utf8_lossy(&tried.stderr);
    let skipped = format!("SKIPPED: the alert rules: {}", why.trim_end());
    // Nobody reads the log of a CI that is green.
    let is_ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false");
    assert!(!is_ci, "{skipped}");
    // Not `eprintln!`, which the harness keeps to itself when a test passes.
    writeln!(std::io::stderr(), "{skipped}").ok();
    false
}

#[test]
fn alerts_fire_for_what_somebody_must_see_and_not_for_anything_else() {
    if !has_promtool() {
        return;
    }
    let ran = promtool(&["test", "rules", "alerts.yml"]);
    let said = String::from_utf8_lossy(&ran.stdout);
    let failed = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}{failed}");
    assert!(said.contains("SUCCESS"), "{said}{failed}");
}
