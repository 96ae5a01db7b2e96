//! How an object of the archive is linked, and what is said of how long that lasts.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_aws::Session;
use lamplighter_aws::signed_links::{CredentialsEnd, Signer};
use lamplighter_core::Result;

use crate::rules::Links;

/// A role's session lasts twelve hours at most, and the environment of a Lambda does not say when its own ends.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const LONGEST_ROLE_SESSION: TimeDelta = TimeDelta::hours(12);

/// A link to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The link.
    pub url: String,
    /// When it ends, at the latest; `None`: with the object.
    pub expires_at: Option<DateTime<Utc>>,
    /// How long it lasts and for whom, in a sentence.
    pub lifetime: String,
}

/// Makes links. Only links of the style `presigned` need credentials.
pub struct Linker {
    style: Style,
    partition: String,
}

enum Style {
    Console,
    S3,
    Url(String),
    Presigned { signer: Signer, lifetime: TimeDelta },
}

impl Linker {
    /// A maker of links as the action asks for them.
    pub async fn new(session: &Session, links: &Links) -> Result<Self> {
        let style = match (links.style.as_str(), &links.url) {
            ("presigned", _) => Style::Presigned {
                signer: Signer::new(session).await?,
                lifetime: TimeDelta::days(i64::from(links.days)),
            },
            ("s3", _) => Style::S3,
            ("url", Some(url)) => Style::Url(url.clone()),
            _ => Style::Console,
        };
        Ok(Self {
            style,
            partition: session.caller().partition.clone(),
        })
    }

    /// The page of an object in the S3 console, for whoever finds that a signed link has ended.
    pub fn console(&self, bucket: &str, key: &str) -> String {
        console(&self.partition, bucket, key)
    }

    /// A link to an object, made at `now`.
    pub async fn link(&self, bucket: &str, key: &str, now: DateTime<Utc>) -> Result<Link> {
        let (url, lifetime) = match &self.style {
            Style::Presigned { signer, lifetime } => {
                let (lifetime, is_certain) = true_lifetime(*lifetime, signer.end(), now);
                let url = signer.link(bucket, key, lifetime).await?;
                let end = now + lifetime;
                return Ok(Link {
                    url,
                    expires_at: Some(end),
                    lifetime: told(end, is_certain),
                });
            }
            Style::Console => (
                console(&self.partition, bucket, key),
                "The link opens the S3 console: it lasts as long as the archive, for people who can sign in to its account.",
            ),
            Style::S3 => (
                format!("s3://{bucket}/{key}"),
                "The link names the object for programs such as the AWS CLI: it lasts as long as the archive.",
            ),
            Style::Url(base) => (
                format!("{base}{}", encoded(key)),
                "The link lasts as long as the archive.",
            ),
        };
        Ok(Link {
            url,
            expires_at: None,
            lifetime: lifetime.to_owned(),
        })
    }
}

/// How long a signed link lives in truth, and whether that is certain: no longer than what signed it.
fn true_lifetime(wanted: TimeDelta, end: CredentialsEnd, now: DateTime<Utc>) -> (Duration, bool) {
    let (most, is_certain) = match end {
        CredentialsEnd::Never => (wanted, true),
        CredentialsEnd::At(end) => (wanted.min(end - now), true),
        CredentialsEnd::Unknown => (wanted.min(LONGEST_ROLE_SESSION), false),
    };
    let seconds = most.num_seconds().max(1);
    (
        Duration::from_secs(u64::try_from(seconds).unwrap_or(1)),
        is_certain,
    )
}

fn told(end: DateTime<Utc>, is_certain: bool) -> String {
    let end = end.format("%Y-%m-%d %H:%M UTC");
    match is_certain {
        true => format!("The link opens for anybody until {end}; the archive keeps the file."),
        false => format!(
            "The link opens for anybody until {end} at the latest, and may end hours before; the archive keeps the file."
        ),
    }
}

/// The object's page in the S3 console.
fn console(partition: &str, bucket: &str, key: &str) -> String {
    let host = match partition {
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        _ => "s3.console.aws.amazon.com",
    };
    // In a query a slash needs no escape. RFC 3986, section 3.4.
    format!("https://{host}/s3/object/{bucket}?prefix={}", encoded(key))
}

/// A key as part of a URL, its slashes as they are.
fn encoded(key: &str) -> String {
    let mut text = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_link_lives_no_longer_than_what_signed_it() {
        let now: DateTime<Utc> = "2026-11-22T06:00:00Z".parse().expect("a time");
        let week = TimeDelta::days(7);
        let lives = |end| {
            let (lifetime, is_certain) = true_lifetime(week, end, now);
            (lifetime.as_secs() / 60, is_certain)
        };
        assert_eq!(lives(CredentialsEnd::Never), (7 * 24 * 60, true));
        let soon = CredentialsEnd::At(now + TimeDelta::minutes(55));
        assert_eq!(lives(soon), (55, true));
        let late = CredentialsEnd::At(now + TimeDelta::days(30));
        assert_eq!(lives(late), (7 * 24 * 60, true));
        assert_eq!(lives(CredentialsEnd::Unknown), (12 * 60, false));
        let over = CredentialsEnd::At(now - TimeDelta::hours(1));
        assert_eq!(true_lifetime(week, over, now).0, Duration::from_secs(1));
    }

    #[test]
    fn the_notice_tells_the_true_end() {
        let end = "2026-11-22T18:00:00Z".parse().expect("a time");
        assert!(told(end, true).contains("until 2026-11-22 18:00 UTC;"));
        assert!(told(end, false).contains("at the latest, and may end hours before"));
    }

    #[test]
    fn a_key_is_escaped_in_a_link() {
        assert_eq!(
            console("aws", "b", "mail/a b+ü&x=1#.pdf"),
            "https://s3.console.aws.amazon.com/s3/object/b?prefix=mail/a%20b%2B%C3%BC%26x%3D1%23.pdf"
        );
        assert!(console("aws-cn", "b", "k").starts_with("https://console.amazonaws.cn/"));
    }
}
