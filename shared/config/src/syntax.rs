//! The syntax errors of a text, without those that only follow from an earlier one.

use toml::de::{DeTable, Error};

const MOST: usize = 20;

/// The parser goes on after an error, and a bracket that is never closed makes all that follows
/// wrong. So an error counts only if it is there too when the text begins at the line of the error
/// before it.
///
/// Each error means that the text is parsed once more; nobody mends more than [`MOST`] at a time.
pub(crate) fn independent(text: &str, errors: Vec<Error>) -> Vec<Error> {
    let mut independent: Vec<Error> = Vec::new();
    let mut errors = errors.into_iter();
    let Some(first) = errors.next() else {
        return independent;
    };
    let mut seen_again = errors_from(text, line_start(text, &first));
    let mut last_line = line_start(text, &first);
    independent.push(first);
    for error in errors {
        if independent.len() == MOST {
            break;
        }
        // A key that is there twice follows from nothing, and cannot be seen once the first one is
        // cut off.
        if error.message() == "duplicate key" {
            independent.push(error);
            continue;
        }
        let line = line_start(text, &error);
        let is_same =
            |other: &Error| other.span() == error.span() && other.message() == error.message();
        if line > last_line && seen_again.iter().any(is_same) {
            seen_again = errors_from(text, line);
            last_line = line;
            independent.push(error);
        }
    }
    independent
}

/// The errors of the text from a line on; what stands before is blanked, so that the places stay
/// the same.
fn errors_from(text: &str, start: usize) -> Vec<Error> {
    let blanked = " ".repeat(start) + &text[start..];
    DeTable::parse_recoverable(&blanked).1
}

fn line_start(text: &str, error: &Error) -> usize {
    let at = error.span().map_or(0, |span| span.start);
    let at = text.floor_char_boundary(at);
    text[..at].rfind('\n').map_or(0, |at| at + 1)
}
