//! The same attachments as Python's `email` finds, byte for byte, in the mails of other projects.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use super::*;

/// The parts of every mail, and what Python's `email` makes of it. `None`: it found the same.
fn compare(paths: &[PathBuf]) -> BTreeMap<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dissect/tests/extract.py");
    let script = if script.is_file() { script } else { Path::new(file!()).with_file_name("extract.py") };
    let output = Command::new("python3").arg(script).args(paths).output().expect("python3 is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let mut differences = BTreeMap::new();
    for (path, line) in paths.iter().zip(lines.lines()) {
        let theirs: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        let theirs: Vec<_> = theirs["parts"].as_array().expect("a list").iter().map(|part| {
            let text = |key: &str| part[key].as_str().map(str::to_owned);
            (text("type").unwrap_or_default(), text("name"), text("sha256"))
        }).collect();
        let raw = std::fs::read(path).expect("the mail can be read");
        let dissected = dissect(&raw, &Limits::default());
        let ours: Vec<_> = dissected.parts.iter()
            .filter(|part| !matches!(part.role, Role::FromTnef { .. } | Role::FromText { .. }))
            .map(|part| (part.content_type.clone(), part.original_name.clone(), Some(part.sha256.clone())))
            .collect();
        let is_same = theirs.len() == ours.len() && theirs.iter().zip(&ours).all(|(theirs, ours)| {
            theirs.0 == ours.0 && theirs.1 == ours.1 && (theirs.2.is_none() || theirs.2 == ours.2)
        });
        if !is_same {
            let mut text = String::new();
            for (who, parts) in [("theirs", &theirs), ("ours", &ours)] {
                let _ = writeln!(text, "  {who}:");
                for (media, name, sha256) in parts {
                    let _ = writeln!(text, "    {media} {name:?} {}", sha256.as_deref().map_or("-", |digits| &digits[..8]));
                }
            }
            for defect in dissected.defects.iter().chain(dissected.parts.iter().flat_map(|part| &part.defects)) {
                let _ = writeln!(text, "  {}", defect.name);
            }
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            differences.insert(name, text);
        }
    }
    assert_eq!(lines.lines().count(), paths.len());
    differences
}

#[test]
fn finds_what_python_finds() {
    let Some(corpora) = corpora() else { return };
    let mut paths = Vec::new();
    for folder in ["mimekit/messages", "mimekit/tnef", "mime4j"] {
        for entry in std::fs::read_dir(corpora.join(folder)).expect("the corpus can be read") {
            let path = entry.expect("the corpus can be read").path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            let is_mail = match folder {
                "mime4j" => extension == Some("msg"),
                "mimekit/tnef" => extension == Some("eml"),
                _ => path.is_file(),
            };
            if is_mail { paths.push(path); }
        }
    }
    paths.sort();
    assert!(paths.len() >= 66, "only {} mails", paths.len());
    for (name, text) in compare(&paths) { println!("{name}\n{text}"); }
    println!("{} mails", paths.len());
}
