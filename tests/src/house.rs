//! House rules: what must hold of every folder, function and dependency, today's and the next one's.
//!
//! Each rule says in its message what is missing and where it belongs, so that whoever adds a function can go by the
//! failures alone.

mod dependencies;
mod features;
mod functions;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::harness::root;

/// What stands at the top of the repository, beside dot-folders and `target`.
const TOP_LEVEL_FOLDERS: [&str; 5] = ["config", "functions", "policies", "shared", "tests"];

/// The program itself, which is no function.
const PROGRAM: &str = "lamplighter";

#[test]
fn the_top_level_folders_are_exactly_five() {
    let folders: BTreeSet<String> = files()
        .iter()
        .filter_map(|path| Some(path.split_once('/')?.0.to_owned()))
        .filter(|folder| !folder.starts_with('.') && folder != "target")
        .collect();
    assert_eq!(folders, TOP_LEVEL_FOLDERS.map(str::to_owned).into());
}

#[test]
fn every_key_of_the_defaults_has_a_comment() {
    let text = read(&root().join("config/default.toml"));
    let bare = uncommented(&text);
    assert!(
        bare.is_empty(),
        "write a comment above these in config/default.toml: {bare:?}"
    );
    // The rule itself can fail.
    let nothing: [&str; 0] = [];
    assert_eq!(uncommented("# why\na = 1\nb = 2\n# why\n[c]\n"), ["b = 2"]);
    assert_eq!(uncommented("# why\na = [\n  1,\n]\n"), nothing);
    assert_eq!(uncommented("# why\na = 1\n\n[c]\n"), ["[c]"]);
}

#[test]
fn a_panic_in_one_run_does_not_end_the_process_of_a_release() {
    let manifest = toml(&root().join("Cargo.toml"));
    assert_eq!(
        manifest["profile"]["release"]["panic"].as_str(),
        Some("unwind"),
        "`panic = \"unwind\"` is written down in [profile.release] of Cargo.toml, so that nobody changes it for size"
    );
}

/// The lines of a configuration that begin a section or a key without a comment right above.
fn uncommented(text: &str) -> Vec<String> {
    let mut bare = Vec::new();
    let mut above = "";
    for line in text.lines() {
        let begins_section = line.starts_with('[');
        let begins_key = line.split_once(" = ").is_some_and(|(key, _)| {
            key.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        });
        if (begins_section || begins_key) && !above.starts_with('#') {
            bare.push(line.to_owned());
        }
        above = line;
    }
    bare
}

/// The functions: the crates in `functions/` beside the program.
pub fn function_names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root().join("functions"))
        .expect("there is a folder functions/")
        .map(|entry| entry.expect("functions/ can be read").path())
        .filter(|path| path.join("Cargo.toml").is_file())
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .filter(|name| name != PROGRAM)
        .collect();
    names.sort();
    assert!(
        names.contains(&"stop-untagged".to_owned()),
        "the functions were not found: {names:?}"
    );
    names
}

/// The files of the repository: what git tracks, so that what a build or an editor left behind does not count.
fn files() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()
        .expect("git runs");
    assert!(listed.status.success(), "`git ls-files` failed");
    let files: Vec<String> = String::from_utf8(listed.stdout)
        .expect("paths are UTF-8")
        .split_terminator('\0')
        .map(str::to_owned)
        .collect();
    assert!(!files.is_empty(), "git tracks no file");
    files
}

/// What cargo knows of the workspace's own packages.
fn packages() -> &'static [Value] {
    static PACKAGES: OnceLock<Vec<Value>> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
        let metadata: Value = serde_json::from_str(&metadata).expect("cargo metadata is JSON");
        metadata["packages"]
            .as_array()
            .expect("there are packages")
            .clone()
    })
}

/// The package with this name.
fn package(name: &str) -> &'static Value {
    packages()
        .iter()
        .find(|package| package["name"] == name)
        .unwrap_or_else(|| panic!("the workspace has no package `{name}`"))
}

/// What a cargo command prints. Without the network: everything is here already, or this test would not run.
fn cargo(args: &[&str]) -> String {
    let ran = Command::new(env!("CARGO"))
        .args(args)
        .args(["--offline", "--locked"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        ran.status.success(),
        "cargo {args:?}: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
    String::from_utf8(ran.stdout).expect("cargo prints UTF-8")
}

fn toml(path: &Path) -> toml::Table {
    read(path)
        .parse()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Rust files below a folder.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}")) {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
