//! Why an expression is not a schedule.

/// An expression that cannot be a schedule: one line naming the field and what it may hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScheduleError {
    message: String,
    hint: Option<String>,
}

impl ScheduleError {
    pub(super) fn new(message: impl Into<String>) -> ScheduleError {
        ScheduleError {
            message: message.into(),
            hint: None,
        }
    }

    /// The way out, when there is one, without the word `hint:`.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> ScheduleError {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a general hint where no nearer one was given.
    pub(super) fn or_hint(mut self, hint: &str) -> ScheduleError {
        self.hint.get_or_insert_with(|| hint.to_owned());
        self
    }
}
