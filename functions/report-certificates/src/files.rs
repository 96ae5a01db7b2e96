//! Files of this machine.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use glob::{MatchOptions, Pattern};
use lamplighter_core::Coverage;

use crate::cloud::Reading;
use crate::contents;
use crate::inventory::{Place, Role, Sighting};

/// A larger file is no certificate; a whole trust store has about a quarter of a megabyte.
const MAX_BYTES: u64 = 10_000_000;

/// A star does not reach over a slash, as in a shell; unlike there it matches hidden names too: `..data` of Kubernetes.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Reads every file that the patterns name. `passwords` are patterns with what opens the files; an `Err` says why it
/// could not be had. Blocks: call it where that is allowed.
pub(crate) fn read(
    patterns: &[String],
    passwords: &[(String, Result<String, String>)],
    account: &Arc<str>,
) -> Reading {
    let mut reading = Reading::default();
    let mut seen = std::collections::BTreeSet::new();
    for pattern in patterns {
        let paths = match glob::glob_with(pattern, OPTIONS) {
            Ok(paths) => paths,
            Err(error) => {
                reading
                    .coverage
                    .push(unreadable(pattern, &format!("it is no pattern: {error}")));
                continue;
            }
        };
        let mut matched = 0;
        for path in paths {
            matched += 1;
            match path {
                Ok(path) => {
                    // Two patterns may name one file.
                    if path.is_dir() || !seen.insert(path.clone()) {
                        continue;
                    }
                    read_file(&path, passwords, account, &mut reading);
                }
                Err(error) => {
                    let path = error.path().display().to_string();
                    reading
                        .coverage
                        .push(unreadable(&path, &error.error().to_string()));
                }
            }
        }
        if matched == 0 {
            // A name that is not there is a mistake; a pattern may well match nothing, and the report says so.
            let is_pattern = pattern.contains(['*', '?', '[']);
            reading.coverage.push(if is_pattern {
                Coverage::read(format!("files/{pattern}"), 0)
            } else {
                unreadable(pattern, "there is no such file")
            });
        }
    }
    reading
}

fn unreadable(path: &str, error: &str) -> Coverage {
    Coverage::unreadable(
        format!("files/{path}"),
        format!("cannot read `{path}`: {error}"),
    )
}

fn read_file(
    path: &Path,
    passwords: &[(String, Result<String, String>)],
    account: &Arc<str>,
    reading: &mut Reading,
) {
    let name = path.display().to_string();
    let bytes = match bytes_of(path) {
        Ok(bytes) => bytes,
        Err(error) => return reading.coverage.push(unreadable(&name, &error)),
    };
    let password = passwords.iter().find(|(pattern, _)| {
        Pattern::new(pattern).is_ok_and(|pattern| pattern.matches_path_with(path, OPTIONS))
    });
    let password = match password {
        Some((_, Err(error))) => return reading.coverage.push(unreadable(&name, error)),
        Some((_, Ok(password))) => Some(password.as_str()),
        None => None,
    };
    let contents = contents::read(&bytes, password);
    let count = contents.certificates.len();
    let shared: Arc<str> = name.as_str().into();
    for certificate in contents.certificates {
        reading.sightings.push(Sighting {
            certificate: Some(Arc::new(certificate)),
            place: Place::File {
                account: Arc::clone(account),
                path: Arc::clone(&shared),
            },
            role: Role::Member,
        });
    }
    reading.coverage.push(match contents.problems.as_slice() {
        [] => Coverage::read(format!("files/{name}"), count),
        // What could be read of it is judged all the same.
        problems => Coverage {
            inspected: count,
            ..unreadable(&name, &problems.join("; "))
        },
    });
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    let said = |error: std::io::Error| error.to_string();
    let metadata = std::fs::metadata(path).map_err(said)?;
    // Opening a pipe would wait for somebody to write into it.
    if !metadata.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if metadata.len() > MAX_BYTES {
        return Err(format!("it is larger than {} MB", MAX_BYTES / 1_000_000));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .map_err(said)?
        .take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(said)?;
    Ok(bytes)
}
