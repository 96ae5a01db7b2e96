//! `[archive-mail]`: inbound mail, kept.

use std::fmt;

use crate::common::{self, Common, Mode, displays_its_name};
use crate::error::Refusal;
use crate::forms::{self, shown};
use crate::intake::Intake;
use crate::reader::{Choice, Fault, Reader};
use crate::schema::Key;
use crate::sections::{Config, CrossChecks, Section};

/// Inbound mail, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveMail {
    /// The keys that every function has.
    pub common: Common,
    /// Where its mails come from, and where SES's S3 action puts them.
    pub intake: Intake,
    /// The bucket of the archive; `None`: not chosen yet.
    pub archive_bucket: Option<String>,
    /// What its keys begin with; empty, or with a slash at its end.
    pub archive_prefix: String,
    /// Attachments of this size and more are stored on their own.
    pub attachment_threshold_bytes: u32,
    /// Whose mail is archived; empty: everybody's.
    pub recipients: Vec<Correspondent>,
    /// Whose mail is trusted; empty: everybody's.
    pub allow_senders: Vec<Correspondent>,
    /// What becomes of spam.
    pub on_spam: Treatment,
    /// What becomes of a mail with a virus.
    pub on_virus: Treatment,
    /// What becomes of a mail that SES looked at for spam and viruses, and could not judge.
    pub on_gray: Treatment,
    /// What becomes of a mail that SES did not look at.
    pub on_unscanned: Treatment,
    /// What becomes of a mail whose sender's domain disowns it.
    pub on_unauthenticated: Treatment,
    /// What becomes of a mail that is from nobody in `allow_senders`.
    pub on_unknown_sender: Treatment,
    /// How an attachment that was stored is linked.
    pub links: LinkStyle,
    /// What a link of [`LinkStyle::Url`] begins with; with a slash at its end.
    pub link_url: Option<String>,
    /// How long a signed link is to live.
    pub link_days: u32,
    /// A larger object is no mail of SES, and is not taken.
    pub max_mail_mb: u32,
    /// The most parts of a mail.
    pub max_parts: u32,
    /// How deep its parts may nest.
    pub max_depth: u32,
    /// How much of one header is read, the mail's or a part's.
    pub max_header_kb: u32,
    /// How many times larger than the mail its parts may be together once they are decoded.
    pub max_decoded_ratio: u32,
    /// Who gets a copy of each mail that is kept; empty: nobody.
    pub forward_to: Vec<String>,
    /// The sender of these copies.
    pub forward_from: Option<String>,
    /// A larger mail is not sent on: a notice with a link is.
    pub forward_max_mb: u32,
}

/// What becomes of a mail. Each is more than the one before: of several that apply, the last one holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Treatment {
    /// It is archived as any other.
    Keep,
    /// It is archived under `quarantine/`.
    Quarantine,
    /// That, and SES takes no further action of its rule, where it waits for an answer.
    StopRule,
    /// That, and SES takes no further rule of its rule set.
    StopRuleSet,
}

impl Choice for Treatment {
    const ALL: &'static [(&'static str, Self)] = &[
        ("keep", Self::Keep),
        ("quarantine", Self::Quarantine),
        ("stop-rule", Self::StopRule),
        ("stop-rule-set", Self::StopRuleSet),
    ];
}

/// How an attachment that was stored is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkStyle {
    /// The S3 console: for people who can sign in.
    Console,
    /// `s3://bucket/key`: for programs.
    S3,
    /// A signed URL, which opens for anybody, and ends.
    Presigned,
    /// A place of one's own that serves the archive: `link_url` and the key.
    Url,
}

impl Choice for LinkStyle {
    const ALL: &'static [(&'static str, Self)] = &[
        ("console", Self::Console),
        ("s3", Self::S3),
        ("presigned", Self::Presigned),
        ("url", Self::Url),
    ];
}

displays_its_name!(Treatment, LinkStyle);

/// Somebody who writes or is written to: one address, a domain, or a domain with those below it. Not yet in the form in
/// which domains are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Correspondent {
    /// `ann@example.com`.
    Address {
        /// What stands before the `@`.
        local: String,
        /// What stands behind it.
        domain: String,
    },
    /// `@example.com`: this domain only.
    Domain(String),
    /// `example.com`: this domain and every one below it.
    DomainAndBelow(String),
}

impl fmt::Display for Correspondent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { local, domain } => write!(formatter, "{local}@{domain}"),
            Self::Domain(domain) => write!(formatter, "@{domain}"),
            Self::DomainAndBelow(domain) => formatter.write_str(domain),
        }
    }
}

impl Section for ArchiveMail {
    const NAME: &'static str = "archive-mail";
    const OPTIONAL: &'static [Key] = common::OPTIONAL;

    fn read(section: &mut Reader<'_>) -> Self {
        let mut treatment = |key| section.choice(key).unwrap_or(Treatment::Quarantine);
        let (on_spam, on_virus) = (treatment("on_spam"), treatment("on_virus"));
        let (on_gray, on_unscanned) = (treatment("on_gray"), treatment("on_unscanned"));
        let on_unauthenticated = treatment("on_unauthenticated");
        let on_unknown_sender = treatment("on_unknown_sender");
        let links = section.choice("links").unwrap_or(LinkStyle::Console);
        let link_url = section.parsed_or_empty("link_url", parse_url);
        if links == LinkStyle::Url && link_url.is_none() {
            let fault = Fault::new("links of the style \"url\" need `link_url`");
            section.refuse_value(
                "links",
                fault.hint("set `link_url` to what they begin with"),
            );
        }
        let forward_to = section.parsed_list("forward_to", forms::address);
        let forward_from = section.parsed_or_empty("forward_from", forms::address);
        if !forward_to.is_empty() && forward_from.is_none() {
            let fault = Fault::new("mail can only be sent on from an address of one's own");
            section.refuse_value(
                "forward_to",
                fault.hint("set `forward_from` to an address of an identity that SES has verified"),
            );
        }
        // SES takes no more for one message. <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>
        if forward_to.len() > MOST_RECIPIENTS {
            let count = forward_to.len();
            let fault = format!("{count} recipients, SES takes {MOST_RECIPIENTS} for one message");
            section.refuse_value("forward_to", Fault::new(fault));
        }
        Self {
            common: Common::read(section),
            intake: Intake::read(section),
            archive_bucket: section.parsed_or_empty("archive_bucket", forms::bucket),
            archive_prefix: section
                .parsed("archive_prefix", parse_prefix)
                .unwrap_or_default(),
            attachment_threshold_bytes: section.whole("attachment_threshold_bytes", 0..=u32::MAX),
            recipients: section.parsed_list("recipients", parse_correspondent),
            allow_senders: section.parsed_list("allow_senders", parse_correspondent),
            on_spam,
            on_virus,
            on_gray,
            on_unscanned,
            on_unauthenticated,
            on_unknown_sender,
            links,
            link_url,
            // S3 signs nothing for longer.
            // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html>
            link_days: section.whole("link_days", 1..=7),
            max_mail_mb: section.whole("max_mail_mb", 1..=100),
            max_parts: section.whole("max_parts", 1..=100_000),
            max_depth: section.whole("max_depth", 1..=200),
            max_header_kb: section.whole("max_header_kb", 1..=10_240),
            max_decoded_ratio: section.whole("max_decoded_ratio", 1..=1000),
            forward_to,
            forward_from,
            forward_max_mb: section.whole("forward_max_mb", 1..=40),
        }
    }

    fn common(&self) -> Option<&Common> {
        Some(&self.common)
    }

    fn intake(&self) -> Option<&Intake> {
        Some(&self.intake)
    }

    fn check_with(&self, _config: &Config, checks: &mut CrossChecks<'_>) {
        let Some(bucket) = &self.archive_bucket else {
            let intake_key = if self.intake.sources.is_empty() {
                "queues"
            } else {
                "sources"
            };
            // A section that only repeats defaults has nothing to archive, and a bucket that was refused is not missing.
            if !self.intake.is_empty()
                && self.common.mode == Mode::Apply
                && !checks.findings.mention(Self::NAME, "archive_bucket")
                && let Some(place) = checks.effective.place(Self::NAME, intake_key)
            {
                checks.findings.refuse(Refusal {
                    place,
                    section: Self::NAME,
                    key: Some("archive_bucket"),
                    message: "`archive_bucket` in [archive-mail] is needed in apply mode"
                        .to_owned(),
                    label: "from here mail comes in".to_owned(),
                    hint: Some(
                        "set `archive_bucket` to the bucket of the archive, or `mode = \"plan\"`"
                            .to_owned(),
                    ),
                });
            }
            return;
        };
        // Every mail would be archived again from its own archive, and again.
        let loops = |source: &&crate::intake::Source| source.holds(bucket, &self.archive_prefix);
        if let Some(source) = self.intake.sources.iter().find(loops)
            && let Some(place) = checks.effective.place(Self::NAME, "sources")
        {
            checks.findings.refuse(Refusal {
                place,
                section: Self::NAME,
                key: Some("sources"),
                message: format!(
                    "`sources` in [archive-mail]: `{source}` holds the archive `s3://{bucket}/{}`, \
                     and each archived mail would be archived again",
                    self.archive_prefix
                ),
                label: String::new(),
                hint: Some(
                    "let the archive be in another bucket, or the source under another prefix"
                        .to_owned(),
                ),
            });
        }
    }
}

/// The most recipients of one message.
const MOST_RECIPIENTS: usize = 50;

/// What the keys of the archive begin with.
fn parse_prefix(text: &str) -> Result<String, Fault> {
    if text.contains(|letter: char| letter.is_control() || "\\*?\"<>|".contains(letter)) {
        let fault = format!("{} cannot be the beginning of keys", shown(text));
        return Err(Fault::new(fault).hint("write it like \"mail/\""));
    }
    if text.starts_with('/') || text.contains("//") || text.split('/').any(|part| part == "..") {
        let fault = format!("{} has an empty folder, or `..`, in it", shown(text));
        return Err(Fault::new(fault).hint("write it like \"mail/\""));
    }
    // A key has 1024 bytes, and what is behind the prefix needs most of them.
    if text.len() > 256 {
        return Err(Fault::new(
            "a prefix of more than 256 bytes leaves too little for the keys",
        ));
    }
    match text.is_empty() || text.ends_with('/') {
        true => Ok(text.to_owned()),
        false => Ok(format!("{text}/")),
    }
}

fn parse_url(text: &str) -> Result<String, Fault> {
    let rest = text.strip_prefix("https://");
    let is_url = rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"?#\"<>@\\".contains(&byte))
    });
    if !is_url {
        let fault = format!("{} is no URL that links can begin with", shown(text));
        return Err(Fault::new(fault).hint("write it like \"https://files.example.com/\""));
    }
    match text.ends_with('/') {
        true => Ok(text.to_owned()),
        false => Ok(format!("{text}/")),
    }
}

fn parse_correspondent(text: &str) -> Result<Correspondent, Fault> {
    let hint = "write \"ann@example.com\", \"@example.com\" for this domain only, or \"example.com\" for those below it too";
    let wrong = || Fault::new(format!("{} is no address and no domain", shown(text))).hint(hint);
    let is_odd =
        |letter: char| letter.is_control() || letter.is_whitespace() || "*?<>,;\"".contains(letter);
    if text.is_empty() || text.contains(is_odd) {
        return Err(wrong());
    }
    let is_domain = |domain: &str| {
        !domain.is_empty()
            && !domain.contains(['@', '/', ':'])
            && domain.split('.').all(|label| !label.is_empty())
    };
    match text.rsplit_once('@') {
        Some(("", domain)) if is_domain(domain) => Ok(Correspondent::Domain(domain.to_owned())),
        Some((local, domain)) if !local.is_empty() && is_domain(domain) => {
            Ok(Correspondent::Address {
                local: local.to_owned(),
                domain: domain.to_owned(),
            })
        }
        None if is_domain(text) => Ok(Correspondent::DomainAndBelow(text.to_owned())),
        _ => Err(wrong()),
    }
}
