//! Where the events of a function come from: the keys that every event function has beside [`Common`](crate::Common).
//!
//! Only whoever fetches events needs them, the daemon, and whoever sets them up, the deployment template. An event that
//! is handed over, by Lambda or with `--event`, is taken wherever it comes from.

use std::fmt;

use crate::forms::{self, shown};
use crate::reader::{Fault, Reader};

/// Where the events of a function come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intake {
    /// The places in S3 whose new objects are its work.
    pub sources: Vec<Source>,
    /// The queues that the daemon consumes for it.
    pub queues: Vec<Queue>,
}

/// A place in S3. `Display` gives the URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The bucket's name.
    pub bucket: String,
    /// What the keys begin with, to the letter; empty: any key.
    pub prefix: String,
}

/// An SQS queue. `Display` gives the URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its URL, as SQS names it.
    pub url: String,
    /// The region in the URL; `None`: an endpoint of one's own, and the SDK's region.
    pub region: Option<String>,
    /// The account that owns it.
    pub account: String,
    /// Its name; that of a FIFO queue ends in `.fifo`.
    pub name: String,
}

impl Intake {
    pub(crate) fn read(section: &mut Reader<'_>) -> Self {
        let intake = Self {
            sources: section.parsed_list("sources", parse_source),
            queues: section.parsed_list("queues", parse_queue),
        };
        intake.refuse_twice(section);
        intake
    }

    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.queues.is_empty()
    }

    /// Whether an object is from one of the sources.
    pub fn holds(&self, bucket: &str, key: &str) -> bool {
        self.sources.iter().any(|source| source.holds(bucket, key))
    }

    fn refuse_twice(&self, section: &mut Reader<'_>) {
        for (index, source) in self.sources.iter().enumerate() {
            // S3 refuses two notifications whose prefixes overlap, and with two rules every event would come twice.
            // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html>
            let earlier = &self.sources[..index];
            let overlapping = |other: &&Source| {
                other.holds(&source.bucket, &source.prefix)
                    || source.holds(&other.bucket, &other.prefix)
            };
            if let Some(other) = earlier.iter().find(overlapping) {
                let fault = format!("`{source}` and `{other}` hold the same objects");
                section.refuse_value("sources", Fault::new(fault).hint("keep the wider one"));
            }
        }
        for (index, queue) in self.queues.iter().enumerate() {
            if self.queues[..index].contains(queue) {
                let fault = Fault::new(format!("`{queue}` is listed twice"));
                section.refuse_value("queues", fault);
            }
        }
    }
}

impl Source {
    /// Whether an object is there.
    pub fn holds(&self, bucket: &str, key: &str) -> bool {
        self.bucket == bucket && key.starts_with(&self.prefix)
    }
}

impl Queue {
    /// The queue at a URL, if it is one of a queue.
    pub fn parse(url: &str) -> Option<Self> {
        parse_queue(url).ok()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.prefix)
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.url)
    }
}

/// `s3://bucket/prefix`. The prefix is taken to the letter: `in` and `in/` differ, as they do for S3.
pub(crate) fn parse_source(text: &str) -> Result<Source, Fault> {
    let hint = "write \"s3://bucket/prefix/\", or \"s3://bucket\" for all of it";
    let rest = text.strip_prefix("s3://");
    let Some(rest) = rest.filter(|rest| !rest.contains(char::is_control)) else {
        return Err(Fault::new(format!("{} is no place in S3", shown(text))).hint(hint));
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let bucket = forms::bucket(bucket).map_err(|fault| fault.hint(hint))?;
    if prefix.contains(['*', '?']) {
        let fault = Fault::new(format!(
            "{} holds a wildcard, which S3 takes to the letter",
            shown(text)
        ));
        return Err(fault.hint("write only what the keys begin with"));
    }
    // Longer than any key. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
    if prefix.len() > 1024 {
        let fault = "a prefix is longer than the 1024 bytes of a key";
        return Err(Fault::new(fault));
    }
    Ok(Source {
        bucket,
        prefix: prefix.to_owned(),
    })
}

/// `https://sqs.eu-west-1.amazonaws.com/123456789012/name`, or the same path at an endpoint of one's own.
fn parse_queue(text: &str) -> Result<Queue, Fault> {
    let wrong = || {
        Fault::new(format!("{} is no URL of a queue", shown(text)))
            .hint("write it like \"https://sqs.eu-west-1.amazonaws.com/123456789012/name\"")
    };
    if text.starts_with("arn:") {
        return Err(Fault::new(format!("{} is an ARN", shown(text)))
            .hint("write the queue's URL: `aws sqs get-queue-url --queue-name …` tells it"));
    }
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let mut parts = rest.ok_or_else(wrong)?.split('/');
    let (Some(host), Some(account), Some(name), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(wrong());
    };
    let account = forms::account_id(account).map_err(|_| wrong())?;
    // <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-limits.html>
    let is_name = forms::matches(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo", name);
    let is_host = forms::matches(r"[A-Za-z0-9.\[\]:-]+", host);
    if !is_name || !is_host {
        return Err(wrong());
    }
    let region = host.strip_prefix("sqs.").and_then(|rest| {
        let (region, domain) = rest.split_once('.')?;
        domain.starts_with("amazonaws.").then(|| region.to_owned())
    });
    Ok(Queue {
        url: text.to_owned(),
        region,
        account,
        name: name.to_owned(),
    })
}
