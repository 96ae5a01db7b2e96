//! One error type for everything that crosses a crate boundary: what could not be done, to which thing, why, and the
//! way out.

use std::error::Error as StdError;
use std::fmt;

/// The result of anything that can fail with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is. The name is part of the interface: a Lambda fails with `Lamplighter.<Kind>`, and the
/// exit code follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line or the configuration is wrong. Exit code 2.
    Config,
    /// A limit, or a plan file that is expired, edited or of another account, stopped it before its first change.
    Refused,
    /// AWS said no. Trying again does not help before somebody changes a policy.
    Denied,
    /// Trying again may help: throttling, a timeout, a 5xx.
    Transient,
    /// Trying again cannot help: bad input, a resource that does not exist.
    Permanent,
    /// An event function in `mode = "plan"`: it acknowledges nothing.
    ModePlan,
    /// Stopped by a signal.
    Interrupted,
    /// Another daemon or a Lambda has claimed the same slot: nothing is left to do, and nothing went wrong. Exit code 0.
    Taken,
    /// Another daemon holds the lock. Exit code 75.
    Locked,
}

impl ErrorKind {
    /// The name as it appears in a Lambda's `error_type`, after `Lamplighter.`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Config => "Config",
            Self::Refused => "Refused",
            Self::Denied => "Denied",
            Self::Transient => "Transient",
            Self::Permanent => "Permanent",
            Self::ModePlan => "ModePlan",
            Self::Interrupted => "Interrupted",
            Self::Taken => "Taken",
            Self::Locked => "Locked",
        }
    }

    /// The exit code of a program that ends with this error.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Config => 2,
            Self::Interrupted => 5,
            Self::Taken => 0,
            // EX_TEMPFAIL of sysexits.h.
            Self::Locked => 75,
            Self::Refused | Self::Denied | Self::Transient | Self::Permanent | Self::ModePlan => 1,
        }
    }
}

/// What could not be done, to which thing, and why; with a `hint` if there is a way out.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind`. The message is lowercase, without a period, with literals in backticks.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            source: None,
        }
    }

    /// A mistake on the command line or in the configuration.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// A refusal before the first change.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message)
    }

    /// Something no retry can mend.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Permanent, message)
    }

    /// Something a retry may mend.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Transient, message)
    }

    /// Adds the way out, printed on a `hint:` line of its own.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Keeps the cause as `source()`.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Puts what was being done in front of the message: `context: message`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The way out, if there is one.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The whole chain of an error on one line, without saying anything twice.
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !cause_text.is_empty() && !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_names_every_cause_once() {
        let inner = Error::transient("connection reset");
        let outer = Error::transient("cannot list instances in `eu-west-1`").caused_by(inner);
        assert_eq!(
            chain(&outer),
            "cannot list instances in `eu-west-1`: connection reset"
        );
        let again = Error::permanent("cannot read: connection reset")
            .caused_by(Error::transient("connection reset"));
        assert_eq!(chain(&again), "cannot read: connection reset");
    }

    #[test]
    fn configuration_errors_exit_with_2_and_the_rest_with_1() {
        assert_eq!(ErrorKind::Config.exit_code(), 2);
        assert_eq!(ErrorKind::Interrupted.exit_code(), 5);
        assert_eq!(ErrorKind::Refused.exit_code(), 1);
        assert_eq!(ErrorKind::Transient.exit_code(), 1);
        assert_eq!(ErrorKind::Taken.exit_code(), 0);
        assert_eq!(ErrorKind::Locked.exit_code(), 75);
    }
}
