//! Sends mail through Amazon SES, API v2, from the caller's account.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::config::Builder;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{Destination, EmailContent, RawMessage};
use lamplighter_core::{Error, Result};
use lamplighter_mail::{Address, Message};

use crate::error::{code_of, explain};
use crate::session::Session;

/// Sends messages. Not made in a dry run.
#[derive(Clone, Debug)]
pub struct Mailer {
    client: Client,
}

impl Mailer {
    /// A mailer in the caller's account and region.
    pub fn new(session: &Session) -> Self {
        Self {
            client: Client::from_conf(Builder::from(session.base()).build()),
        }
    }

    /// Hands one message to SES. A retry after a lost answer may send it twice: a second mail is better than none.
    pub async fn send(&self, message: &Message) -> Result<()> {
        let bytes = message
            .to_bytes()
            .map_err(|error| Error::permanent("cannot compose the mail").caused_by(error))?;
        let to: Vec<String> = message
            .recipients()
            .into_iter()
            .map(Address::email)
            .collect();
        self.send_raw(&message.from.email(), to, bytes, "[report] from")
            .await
    }

    /// Hands a message to SES that is composed already, up to 40 MB of it. `identity` names the setting that `from`
    /// comes from, for whoever has to verify it. <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>
    pub async fn send_raw(
        &self,
        from: &str,
        to: Vec<String>,
        bytes: Vec<u8>,
        identity: &str,
    ) -> Result<()> {
        let raw = RawMessage::builder()
            .data(Blob::new(bytes))
            .build()
            .map_err(|error| Error::permanent("cannot compose the mail").caused_by(error))?;
        let answer = self
            .client
            .send_email()
            .from_email_address(from)
            .destination(Destination::builder().set_to_addresses(Some(to)).build())
            .content(EmailContent::builder().raw(raw).build())
            .send()
            .await;
        answer.map(|_| ()).map_err(|error| {
            let hint = match code_of(&error) {
                Some("MessageRejected") => Some(format!(
                    "verify the identity of `{identity}` in SES in this region; while SES is in the sandbox, the recipients too"
                )),
                _ => None,
            };
            let explained = explain("ses:SendEmail", error);
            match hint {
                Some(hint) => explained.hint(hint),
                None => explained,
            }
        })
    }
}
