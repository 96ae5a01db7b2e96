//! Why a message cannot be composed.

use crate::message::MAX_RECIPIENTS;

/// Why a message cannot be composed. None of them quotes an address or a body: errors are logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// Not an address that can be sent from or to.
    #[error("not a mail address: {0}")]
    Address(&'static str),
    /// A header would hold a character that ends it, or that no header may hold.
    #[error("`{header}` holds the control character U+{code:04X}, which no header may")]
    ControlCharacter {
        /// The name of the header, or of the field it is made from.
        header: &'static str,
        /// The character's code point.
        code: u32,
    },
    /// A value does not have the form its header needs.
    #[error("`{header}` {reason}")]
    Malformed {
        /// The name of the header, or of the field it is made from.
        header: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nobody to send it to.
    #[error("the message has no recipient")]
    NoRecipient,
    /// More recipients than one message may have.
    #[error("the message has {0} recipients, the limit is {MAX_RECIPIENTS}")]
    TooManyRecipients(usize),
}
