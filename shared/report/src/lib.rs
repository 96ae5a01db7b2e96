//! Makes a [`Run`] readable: for a terminal, a mail, a spreadsheet, a pull request, another program.
//!
//! Every format is a pure function of one `Run` value, so all of them tell the same story. This crate deliberately
//! delivers nothing, reads no clock and asks no terminal: width and colour are told in [`Options`].
//!
//! Most of what a report shows was written by others: tags, user names, certificate subjects. Whatever the format,
//! characters that move the cursor, reorder or hide text are shown escaped, and never interpreted.
//!
//! A further format is one file with a `render` function, and one line in `formats!` below.

mod certificates;
mod csv;
mod escape;
mod html;
mod json;
mod jsonl;
mod junit;
mod listed;
mod mailable;
mod markdown;
mod ocsf;
mod page;
mod sarif;
mod since;
mod story;
mod text;
mod words;

use std::fmt;
use std::str::FromStr;

use lamplighter_core::Run;

pub use certificates::is_listed;
pub use escape::{Html, visible};
pub use html::html_sentence;
pub use mailable::{Mailable, render_for_mail};
pub use story::subject;

/// What a report lists, and how wide it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// List findings that pass or do not apply too, and every name of what was skipped. Certificates are listed
    /// whatever their verdict is.
    pub all: bool,
    /// Colour the text format. Whatever a colour says is said in words too.
    pub colour: bool,
    /// The width of the text format in columns. Lines are shortened to 40 at the least and 100 at the most: beyond
    /// that the eye loses the line.
    pub width: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            all: false,
            colour: false,
            width: 80,
        }
    }
}

macro_rules! formats {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $render:path;)*) => {
        /// A way to write a report down.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub enum Format {
            $($(#[$doc])* $variant,)*
        }

        impl Format {
            /// Every format, in the order in which help texts list them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name as on the command line.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            fn renderer(self) -> fn(&Run, &Options) -> String {
                match self {
                    $(Self::$variant => $render,)*
                }
            }
        }
    };
}

formats! {
    /// For people, in a terminal or as the plain part of a mail.
    #[default]
    Text = "text", text::render;
    /// The run as one JSON document, `lamplighter/run/v1`.
    Json = "json", json::render;
    /// One JSON object per line, for log pipelines.
    Jsonl = "jsonl", jsonl::render;
    /// One table for spreadsheets.
    Csv = "csv", csv::render;
    /// GitHub-flavoured Markdown, for issues and job summaries.
    Markdown = "markdown", markdown::render;
    /// One self-contained page, also the body of a mail.
    Html = "html", html::render;
    /// SARIF 2.1.0, for code scanning and other viewers of static analysis.
    Sarif = "sarif", sarif::render;
    /// JUnit's XML, for the test page of a CI server.
    Junit = "junit", junit::render;
    /// OCSF Compliance Finding events, for a security lake or a SIEM.
    Ocsf = "ocsf", ocsf::render;
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .iter()
            .copied()
            .find(|format| format.as_str() == name)
            .ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// A name that is no [`Format`]. The message lists the known ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFormat(String);

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unknown format `{}` (known formats: ",
            escape::visible(&self.0)
        )?;
        for (index, format) in Format::ALL.iter().enumerate() {
            write!(f, "{}`{format}`", if index == 0 { "" } else { ", " })?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for UnknownFormat {}

/// Writes `run` down in `format`. The text ends with a newline.
pub fn render(run: &Run, format: Format, options: &Options) -> String {
    format.renderer()(run, options)
}
