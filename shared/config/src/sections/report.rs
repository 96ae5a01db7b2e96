//! `[report]`: who hears about a run.

use chrono::Weekday;

use crate::common::MailPolicy;
use crate::forms::{self, shown};
use crate::reader::{Fault, Reader, Secret};
use crate::sections::Section;
use crate::sections::stop_untagged::parse_day;

/// Who hears about a run. Functions may have a `mail` and `to` of their own:
/// [`Config::mail_of`](crate::Config::mail_of) knows both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The sender, `a@b` or `Name <a@b>`; without: no mail.
    pub from: Option<String>,
    /// The recipients.
    pub to: Vec<String>,
    /// When a report is mailed.
    pub mail: MailPolicy,
    /// The weekday of the full report that is mailed even when nothing changed; without: none.
    pub digest_day: Option<Weekday>,
    /// Whether a finding's owner, where one is known, hears of it instead of `to`.
    pub to_owners: bool,
    /// Where a short text is posted, as Slack takes it; without: nowhere.
    pub webhook: Option<Secret>,
    /// The SNS topic that the text of the report is published to; without: none.
    pub topic: Option<String>,
}

impl Section for Report {
    const NAME: &'static str = "report";
    const SECRETS: &'static [&'static str] = &["webhook"];

    fn read(section: &mut Reader<'_>) -> Self {
        let webhook = section.secret("webhook");
        if let Some(url) = &webhook
            && let Err(fault) = webhook_url(url.expose())
        {
            section.refuse_value("webhook", fault);
        }
        Self {
            from: section.parsed_or_empty("from", forms::address),
            to: section.parsed_list("to", forms::address),
            mail: section.choice("mail").unwrap_or(MailPolicy::Changes),
            digest_day: section.parsed_or_empty("digest_day", parse_day),
            to_owners: section.boolean("to_owners"),
            webhook,
            topic: section.parsed_or_empty("topic", topic),
        }
    }
}

/// The URL is a secret, so no fault shows it.
/// Whether a secret URL can be called.
pub(super) fn webhook_url(url: &str) -> Result<(), Fault> {
    let rest =
        match url.split_once("://") {
            Some(("https", rest)) => rest,
            // On this machine nobody listens in.
            Some(("http", rest)) if is_loopback(authority(rest)) => rest,
            Some(("http", _)) => {
                let fault = Fault::new("the URL must begin with `https://`");
                return Err(fault
                    .hint("`http://` is only for this machine, such as `http://127.0.0.1:8080/`"));
            }
            _ => {
                return Err(Fault::new("it is no URL")
                    .hint("write it like \"https://hooks.example.com/…\""));
            }
        };
    let authority = authority(rest);
    let is_host = !authority.is_empty()
        && authority
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte));
    match is_host && url.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(()),
        // A user and a password would go to whoever reads the proxy's logs.
        false => Err(Fault::new(
            "it is no URL with a host, and without a user or a blank",
        )),
    }
}

fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

/// The ARN of a topic. <https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>
fn topic(text: &str) -> Result<String, Fault> {
    let pattern =
        r"arn:aws(-[a-z]+)*:sns:[a-z]{2,4}(-[a-z]+)+-[0-9]:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?";
    if forms::matches(pattern, text) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("{} is no ARN of an SNS topic", shown(text)));
    Err(fault.hint("write it like \"arn:aws:sns:eu-west-1:123456789012:lamplighter\""))
}
