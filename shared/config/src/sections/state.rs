//! `[state]`: what is remembered from run to run.

use std::fmt;

use crate::forms::{self, shown};
use crate::reader::{Fault, Reader};
use crate::sections::Section;

/// What is remembered from run to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Where it is kept; without: nowhere.
    pub url: Option<StateUrl>,
}

/// A place for state. `Display` gives the URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateUrl {
    /// `s3://bucket/prefix`
    S3 {
        /// The bucket's name.
        bucket: String,
        /// What keys begin with, without slashes at its ends; may be empty.
        prefix: String,
    },
    /// `file:///folder`
    File {
        /// An absolute path.
        folder: String,
    },
}

impl fmt::Display for StateUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(formatter, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(formatter, "s3://{bucket}/{prefix}"),
            Self::File { folder } => write!(formatter, "file://{folder}"),
        }
    }
}

impl Section for State {
    const NAME: &'static str = "state";

    fn read(section: &mut Reader<'_>) -> Self {
        Self {
            url: section.parsed_or_empty("url", parse_url),
        }
    }
}

fn parse_url(text: &str) -> Result<StateUrl, Fault> {
    let fault = || Fault::new(format!("{} is no place for state", shown(text)));
    let hint = "write \"s3://bucket/prefix\" or \"file:///folder\"";
    if text.contains(char::is_control) {
        return Err(fault().hint(hint));
    }
    if let Some(folder) = text.strip_prefix("file://") {
        return match folder.starts_with('/') {
            true => Ok(StateUrl::File {
                folder: folder.to_owned(),
            }),
            false => {
                Err(fault().hint("a folder is absolute, with three slashes: \"file:///folder\""))
            }
        };
    }
    let Some(rest) = text.strip_prefix("s3://") else {
        return Err(fault().hint(hint));
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let bucket = forms::bucket(bucket).map_err(|fault| fault.hint(hint))?;
    Ok(StateUrl::S3 {
        bucket,
        prefix: prefix.trim_matches('/').to_owned(),
    })
}
