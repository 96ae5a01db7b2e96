//! What fuzzing found worth keeping; and the samples of others, where they lie beside the repository. Those are not
//! ours to commit.

use super::{check, files, read};
use crate::Happening;
use std::fs;
use std::io::Write;
use std::path::Path;

#[test]
fn the_corpus_of_the_fuzz_target_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/event_reader");
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut count = 0;
    for entry in entries {
        let path = entry.expect("an entry").path();
        check::bytes(&fs::read(&path).expect("readable"));
        count += 1;
    }
    assert!(count > 0, "{folder:?} holds a corpus");
}

#[test]
fn the_samples_of_others_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/aws-events");
    if !folder.is_dir() {
        // Not `eprintln!`, which the harness keeps to itself when a test passes.
        let skipped = "SKIPPED: the AWS events of other projects: there is no folder";
        writeln!(std::io::stderr(), "{skipped} {folder:?}").ok();
        return;
    }
    let events = files(&folder, "json");
    assert!(events.len() > 10, "{folder:?} holds events");
    for (path, event) in events {
        let name = path.file_name().expect("a name").to_string_lossy();
        check(&event);
        let records = read(&event).records;
        // Some show an envelope only, with a text in it that is no event.
        let is_empty_envelope = [
            "eventBridgeEvent.json",
            "snsEvent.json",
            "snsSqsEvent.json",
            "snsSqsFifoEvent.json",
            "sqsDlqTriggerEvent.json",
            "sqsEvent.json",
        ]
        .contains(&&*name);
        for record in records {
            assert_eq!(
                matches!(record.happening, Happening::Unreadable(_)),
                is_empty_envelope,
                "{name}: {record:#?}"
            );
            assert!(!matches!(record.happening, Happening::Nothing(_)), "{name}");
        }
    }
}
