//! Composes messages: a [`Message`] becomes the bytes that a mail service sends, a [`Notice`] becomes the text and the
//! page of a short message to an owner.
//!
//! It deliberately sends nothing, renders no report, and reads neither clock nor host name: the same message is the
//! same bytes, byte for byte. Addresses and bodies never show in `Debug` or in an error, because those end up in logs.

mod address;
mod error;
mod message;
mod notice;

pub use address::Address;
pub use error::MailError;
pub use message::{Attachment, MAX_RECIPIENTS, Message};
pub use notice::{Notice, NoticeRow};
