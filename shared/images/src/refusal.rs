//! Why an image gets no copies. All of these are permanent: the same bytes would be refused again.

use std::fmt;

/// What is wrong with an image, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is no image, or of a type that is not resized.
    Unsupported,
    /// Decoding it would take more pixels, bytes or memory than it may.
    TooLarge,
    /// It ends early, or what it holds makes no sense.
    Damaged,
}

impl Reason {
    /// The rule that it breaks, as it stands in findings.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Unsupported => "image-type-unsupported",
            Self::TooLarge => "image-too-large",
            Self::Damaged => "image-damaged",
        }
    }
}

/// Why an image gets no copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// In a word.
    pub reason: Reason,
    /// In a sentence without a subject: `is 65500 x 65500 pixels …`.
    pub message: String,
}

impl Refusal {
    /// It is no image, or of a type that is not resized.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self {
            reason: Reason::Unsupported,
            message: message.into(),
        }
    }

    /// Decoding it would take too much.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self {
            reason: Reason::TooLarge,
            message: message.into(),
        }
    }

    /// It ends early, or makes no sense.
    pub fn damaged(message: impl Into<String>) -> Self {
        Self {
            reason: Reason::Damaged,
            message: message.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}
