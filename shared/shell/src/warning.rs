//! Warnings to owners, before something is done to what is theirs: who is warned, and one message to each of them.
//!
//! The order is always mail first, mark afterwards: a mark means warned. A crash in between costs a second mail, never
//! an unwarned act. So a warning that was not delivered is an `Err` with the reason, and its mark is not written.

use chrono::{DateTime, Utc};
use lamplighter_aws::Session;
use lamplighter_aws::ses::Mailer;
use lamplighter_config::Config;
use lamplighter_core::{Error, Result, chain};
use lamplighter_mail::{Address, Message, Notice};

/// Where warnings go through.
pub struct Post {
    mailer: Mailer,
    from: Address,
}

impl Post {
    /// The post of a configuration; `None` where no sender is configured: then no warning can be sent, and nothing is
    /// marked.
    pub fn open(session: &Session, config: &Config) -> Result<Option<Self>> {
        let Some(from) = &config.report.from else {
            return Ok(None);
        };
        Ok(Some(Self {
            mailer: Mailer::new(session),
            from: Address::parse(from)
                .map_err(|error| Error::config("cannot use `[report] from`").caused_by(error))?,
        }))
    }
}

/// Sends one warning of `function`. An `Err` says why nothing may be marked.
pub async fn send(
    post: Option<&Post>,
    function: &str,
    recipients: &[String],
    notice: &Notice,
    now: DateTime<Utc>,
) -> Result<(), String> {
    let Some(post) = post else {
        return Err("not warned and not marked: `[report] from` is empty, so there is nobody to send the warning".to_owned());
    };
    let to = recipients
        .iter()
        .map(|recipient| Address::parse(recipient))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("not warned and not marked: {error}"))?;
    if to.is_empty() {
        return Err("not warned and not marked: no owner is known and `to` is empty".to_owned());
    }
    let message = Message {
        from: post.from.clone(),
        to,
        subject: notice.subject(),
        text: notice.text(),
        html: notice.html(),
        attachments: vec![],
        list_id: Some(format!("{function}.lamplighter")),
        message_id: None,
        date: now,
    };
    post.mailer.send(&message).await.map_err(|error| {
        format!(
            "not marked, the warning was not delivered: {}",
            chain(&error)
        )
    })
}

/// The first of these tag values that may be warned as an owner. Only a bare address: a tag with a display name could
/// pretend to be somebody. `domains` empty: any.
pub fn owner<'a>(values: impl IntoIterator<Item = &'a str>, domains: &[String]) -> Option<&'a str> {
    let is_owner = |value: &&str| {
        Address::parse(value).is_ok_and(|address| {
            address.email().eq_ignore_ascii_case(value)
                && (domains.is_empty() || domains.iter().any(|known| known == address.domain()))
        })
    };
    values.into_iter().map(str::trim).find(is_owner)
}

#[cfg(test)]
mod tests {
    use super::owner;

    #[test]
    fn an_owner_is_a_bare_address_of_an_allowed_domain() {
        let domains = vec!["example.com".to_owned()];
        assert_eq!(
            owner(["the web team", " ann@example.com "], &[]),
            Some("ann@example.com")
        );
        assert_eq!(owner(["Security <eve@example.com>"], &[]), None);
        assert_eq!(
            owner(
                ["eve@evil.example", "eve@sub.example.com", "ann@EXAMPLE.com"],
                &domains
            ),
            Some("ann@EXAMPLE.com")
        );
    }
}
