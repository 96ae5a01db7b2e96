//! Real mails, hostile mails, and the corpora of other projects.

mod corpora;

use std::path::{Path, PathBuf};

use super::*;

/// The folder of the corpora, which stands beside the repository and is no part of it.
fn corpora() -> Option<PathBuf> {
    let beside = |folder: &Path| folder.join("shared/corpora");
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(beside).find(|folder| folder.is_dir());
    if found.is_none() {
        eprintln!("there is no `../shared/corpora` beside the repository: the mails of other projects were not tried");
    }
    found
}
