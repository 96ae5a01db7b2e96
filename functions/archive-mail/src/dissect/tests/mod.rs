//! Real mails, hostile mails, and the corpora of other projects.

#[path = "../../../../../tests/fuzz/checks/mail.rs"]
mod check;
mod corpora;
mod fixtures;
mod limits;
mod linked;
mod tnef;

use std::path::{Path, PathBuf};

use chrono::Utc;

use super::*;
use crate::dissect;

#[test]
fn what_fuzzing_asks_holds_of_the_fixtures_and_of_what_it_found() {
    for mail in corpora::mails() {
        check::bytes(&std::fs::read(&mail).expect("the fixture can be read"));
    }
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/mail");
    let mut seen = 0;
    for entry in std::fs::read_dir(found).expect("the corpus is there") {
        check::bytes(
            &std::fs::read(entry.expect("the corpus can be read").path()).expect("it can be read"),
        );
        seen += 1;
    }
    assert!(seen >= 50, "only {seen} inputs");
}

/// The folder of the corpora, which stands beside the repository and is no part of it.
fn corpora() -> Option<PathBuf> {
    use std::io::Write;
    let beside = |folder: &Path| folder.join("shared/corpora");
    let found = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(beside)
        .find(|folder| folder.is_dir());
    if found.is_none() {
        // Not `eprintln!`, which the harness keeps to itself when a test passes.
        let skipped =
            "SKIPPED: the mails of other projects: no `shared/corpora` beside the repository";
        writeln!(std::io::stderr(), "{skipped}").ok();
    }
    found
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
