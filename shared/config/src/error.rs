//! What is wrong with the config, all of it, each error with its place, an excerpt and a way out.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::source::{Excerpt, Place, Source};

/// One mistake in the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The source: a file's name, `environment LAMPLIGHTER_…`, or `flag --region`.
    pub file: String,
    /// The line in a file, counted from one.
    pub line: Option<usize>,
    /// The section, or the one that is probably meant; empty where none is.
    pub section: String,
    /// The key, when the mistake is about one.
    pub key: Option<String>,
    /// What is wrong, in one line; never with a secret in it.
    pub message: String,
    /// What to do about it: the known names, or the one that was meant.
    pub help: Option<String>,
    label: String,
    excerpt: Option<Excerpt>,
    place: Place,
}

/// Everything that is wrong with a config, in the order of the layers and of their lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors(Vec<Error>);

/// A mistake where it is found, before its source is looked up.
pub(crate) struct Refusal<'a> {
    pub(crate) place: Place,
    pub(crate) section: &'a str,
    pub(crate) key: Option<&'a str>,
    pub(crate) message: String,
    /// What stands under the excerpt, beside the carets.
    pub(crate) label: String,
    pub(crate) hint: Option<String>,
}

/// The sources, and what is wrong with them so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) sources: Vec<Source>,
    /// Whether the file's syntax is broken, so that nobody knows what it sets.
    pub(crate) is_file_unreadable: bool,
    errors: Vec<Error>,
}

impl Findings {
    pub(crate) fn refuse(&mut self, refusal: Refusal<'_>) {
        let error = Error::new(&self.sources, refusal);
        // One mistake is told once, even when two checks see it.
        let is_told = self.errors.iter().any(|other| {
            other.place == error.place && other.key == error.key && other.message == error.message
        });
        if !is_told {
            self.errors.push(error);
        }
    }

    /// Whether something is already said about this key of a section, so that more about its value
    /// would mislead.
    pub(crate) fn mention(&self, section: &str, key: &str) -> bool {
        self.about(section)
            .any(|error| error.key.as_deref() == Some(key))
    }

    /// What is said about a section so far, including one whose misspelt name probably means it.
    pub(crate) fn about(&self, section: &str) -> impl Iterator<Item = &Error> {
        self.errors
            .iter()
            .filter(move |error| error.section == section)
    }

    pub(crate) fn into_errors(mut self) -> (Option<Errors>, Vec<Source>) {
        // Stable, so that two mistakes at one place keep the order in which they were found.
        self.errors.sort_by_key(|error| error.place);
        let errors = (!self.errors.is_empty()).then_some(Errors(self.errors));
        (errors, self.sources)
    }
}

impl Error {
    fn new(sources: &[Source], refusal: Refusal<'_>) -> Self {
        let source = sources.get(refusal.place.source);
        Self {
            file: source.map_or_else(|| "config".to_owned(), Source::title),
            line: source.and_then(|source| source.line(refusal.place)),
            section: refusal.section.to_owned(),
            key: refusal.key.map(str::to_owned),
            message: refusal.message,
            help: refusal.hint,
            label: refusal.label,
            excerpt: source.and_then(|source| source.excerpt(refusal.place)),
            place: refusal.place,
        }
    }

    /// Where it is, and what is wrong.
    fn title(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}: {}", self.file, self.message),
            None => format!("{}: {}", self.file, self.message),
        }
    }

    fn render(&self, renderer: &Renderer) -> String {
        let mut group = Group::with_title(Level::ERROR.primary_title(self.title()));
        if let Some(excerpt) = &self.excerpt {
            let annotation = AnnotationKind::Primary.span(excerpt.span.clone());
            group = group.element(
                Snippet::source(excerpt.text.as_str())
                    .line_start(self.line.unwrap_or(1))
                    .line_numbering(self.line.is_some())
                    .annotation(match self.label.as_str() {
                        "" => annotation,
                        label => annotation.label(label),
                    }),
            );
        }
        let mut text = renderer.render(&[group]);
        if let Some(help) = &self.help {
            let hint = Level::HELP.with_name(Some("hint"));
            let hint = Group::with_title(hint.primary_title(wrapped(help)));
            text.push('\n');
            text.push_str(&renderer.render(&[hint]));
        }
        text
    }
}

/// Breaks a long list of names between two of them.
fn wrapped(help: &str) -> String {
    const MOST: usize = 100;
    let mut lines = vec![String::new()];
    for part in help.split_inclusive(", ") {
        match lines.last_mut() {
            Some(line)
                if line.is_empty() || line.chars().count() + part.chars().count() <= MOST =>
            {
                line.push_str(part)
            }
            _ => lines.push(part.to_owned()),
        }
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n")
}

impl Errors {
    pub(crate) fn one(sources: &[Source], refusal: Refusal<'_>) -> Self {
        Self(vec![Error::new(sources, refusal)])
    }

    /// How many there are; never zero.
    #[expect(
        clippy::len_without_is_empty,
        reason = "there is no `Errors` without an error"
    )]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The errors, in the order in which they are shown.
    pub fn iter(&self) -> std::slice::Iter<'_, Error> {
        self.0.iter()
    }

    /// Adds more errors, as those of [`Config::error_at`](crate::Config::error_at), at their places
    /// in the order.
    pub fn extend(&mut self, more: Errors) {
        self.0.extend(more.0);
        self.0.sort_by_key(|error| error.place);
    }

    /// All errors as text, with a blank line between two, and with colours where a terminal shows
    /// them.
    pub fn render(&self, is_coloured: bool) -> String {
        let renderer = match is_coloured {
            true => Renderer::styled(),
            false => Renderer::plain(),
        };
        let texts: Vec<String> = self.0.iter().map(|error| error.render(&renderer)).collect();
        texts.join("\n\n")
    }
}

impl<'a> IntoIterator for &'a Errors {
    type Item = &'a Error;
    type IntoIter = std::slice::Iter<'a, Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One mistake a line, for logs. A Lambda has only this: [`render`](Errors::render) draws, and what draws is large.
impl fmt::Display for Errors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            formatter.write_str(&error.title())?;
            if let Some(help) = &error.help {
                write!(formatter, " (hint: {help})")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}
