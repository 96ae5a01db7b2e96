//! The run as one JSON document: `lamplighter/run/v1`.

use std::fmt::Write;

use lamplighter_core::Run;

use crate::Options;
use crate::escape::is_invisible;

/// The document, pretty printed.
pub(crate) fn render(run: &Run, options: &Options) -> String {
    let document = if options.all {
        serde_json::to_string_pretty(run)
    } else {
        serde_json::to_string_pretty(&run.problems_only())
    };
    let mut document = document.expect("every map of a run has strings as keys");
    // Nearly always there is nothing to escape, and the document may be megabytes.
    if document.chars().any(|c| c != '\n' && is_invisible(c)) {
        document = escaped(&document);
    }
    document.push('\n');
    document
}

/// JSON with invisible characters as `\uXXXX`. It is the same document for a program, and safe to look at in a
/// terminal. JSON's own syntax is ASCII, so whatever is found here stands inside a string.
pub(crate) fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if character != '\n' && is_invisible(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}
