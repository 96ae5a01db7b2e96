//! How much of a list is shown, and where the rest of it is.

use crate::words::number;

/// How long the lists of a report may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// As long as they are: what is left out for being tedious is there with `--all`.
    Whole,
    /// A mail, with at most this many rows in each list. A table of everything comes along, and nobody who reads a
    /// mail can give it an option.
    Mail(usize),
}

impl Extent {
    /// The most rows a list may have.
    pub(crate) fn most(self) -> usize {
        match self {
            Self::Whole => usize::MAX,
            Self::Mail(most) => most,
        }
    }

    /// Where the reader finds names that are left out.
    pub(crate) fn where_names_are(self) -> &'static str {
        match self {
            Self::Whole => "`--all` lists them",
            Self::Mail(_) => "the attached CSV has them",
        }
    }
}

/// The first rows of a list. The rest is left out where the report would become too long.
pub(crate) struct Listed<T> {
    /// What is shown.
    pub(crate) rows: Vec<T>,
    /// How many are not.
    pub(crate) hidden: usize,
}

impl<T> Listed<T> {
    /// At most `most` of `rows`.
    pub(crate) fn first(mut rows: Vec<T>, most: usize) -> Self {
        let hidden = rows.len().saturating_sub(most);
        rows.truncate(most);
        Self { rows, hidden }
    }

    /// Where the rest is: `and 4,812 more in the attached CSV`.
    pub(crate) fn rest(&self) -> Option<String> {
        (self.hidden > 0).then(|| format!("and {} more in the attached CSV", number(self.hidden)))
    }
}
