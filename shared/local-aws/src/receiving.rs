//! Mail that SES receives: receipt rules and what their actions do. There is no SMTP: tests and the demo hand the mail in.
//!
//! Mail is scanned by nobody; whoever hands it in says what the verdicts are.
//! <https://docs.aws.amazon.com/ses/latest/dg/receiving-email.html>

mod headers;
mod notification;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::s3::{StoredObject, md5_hex};
use crate::world::World;

/// With the S3 action. <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>
const MOST_BYTES: usize = 40 * 1024 * 1024;

/// With the SNS action, headers included.
const MOST_BYTES_OF_TOPIC: usize = 150 * 1024;

/// All receipt rules.
#[derive(Debug, Default)]
pub(crate) struct ReceivingState {
    rules: Vec<ReceiptRule>,
}

/// A receipt rule: for whom it is, and what it does with their mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptRule {
    /// Its name.
    pub name: String,
    /// Where it is: messages of its actions name no account, but the region is in the headers.
    pub region: String,
    /// Addresses, domains, and `.domains` whose subdomains are meant; empty for everybody.
    pub recipients: Vec<String>,
    /// In the order in which they are done.
    pub actions: Vec<ReceiptAction>,
}

/// What a receipt rule does with a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptAction {
    /// Puts it into a bucket, under prefix and message id, and perhaps tells a topic.
    S3 {
        /// The bucket.
        bucket: String,
        /// What stands before the message id.
        prefix: String,
        /// The ARN of the topic.
        topic: Option<String>,
    },
    /// Invokes a function. Here nothing runs: the event is handed back.
    Lambda {
        /// The function's ARN.
        function: String,
        /// Whether the function decides how it goes on: `RequestResponse`.
        decides: bool,
    },
    /// Publishes it whole.
    Sns {
        /// The ARN of the topic.
        topic: String,
        /// Whether the content is in Base64; otherwise it is UTF-8, and what is not is lost.
        is_base64: bool,
    },
}

/// What came in by SMTP before the mail, and what SES found out about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailEnvelope {
    /// `MAIL FROM`; empty for a bounce.
    pub mail_from: String,
    /// `RCPT TO`.
    pub recipients: Vec<String>,
    /// What SES thinks of it.
    pub verdicts: Verdicts,
}

/// `PASS`, `FAIL`, `GRAY`, `PROCESSING_FAILED` or `DISABLED` each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdicts {
    /// Whether it is spam.
    pub spam: String,
    /// Whether it holds a virus.
    pub virus: String,
    /// Sender Policy Framework.
    pub spf: String,
    /// DomainKeys Identified Mail.
    pub dkim: String,
    /// Domain-based Message Authentication, Reporting and Conformance.
    pub dmarc: String,
    /// `none`, `quarantine` or `reject`; SES says it only if DMARC fails.
    pub dmarc_policy: Option<String>,
}

/// What became of a mail.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReceivedMail {
    /// SES's id of it.
    pub message_id: String,
    /// Those recipients whom the rule is for. If there are none, nothing was done.
    pub recipients: Vec<String>,
    /// Bucket and key of each object that was stored.
    pub objects: Vec<(String, String)>,
    /// What was published to topics, in order.
    pub notifications: Vec<Value>,
    /// The events for functions, in order.
    pub lambda_events: Vec<Value>,
    /// Why its sender got it back: what the SMTP server answered.
    pub bounced: Option<String>,
}

impl ReceiptRule {
    /// A rule for everybody, that does nothing yet.
    pub fn new(name: &str, region: &str) -> ReceiptRule {
        ReceiptRule {
            name: name.to_owned(),
            region: region.to_owned(),
            recipients: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Only for this address, domain or `.domain`, and others that are named.
    #[must_use]
    pub fn recipient(mut self, recipient: &str) -> ReceiptRule {
        self.recipients.push(recipient.to_owned());
        self
    }

    /// And then does this.
    #[must_use]
    pub fn action(mut self, action: ReceiptAction) -> ReceiptRule {
        self.actions.push(action);
        self
    }

    fn is_for(&self, address: &str) -> bool {
        let address = address.to_ascii_lowercase();
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        self.recipients.is_empty()
            || self.recipients.iter().any(|one| {
                let one = one.to_ascii_lowercase();
                one == address || one == domain || (one.starts_with('.') && domain.ends_with(&one))
            })
    }
}

impl MailEnvelope {
    /// From one to another, with nothing to be said against it.
    pub fn new(mail_from: &str, recipients: &[&str]) -> MailEnvelope {
        MailEnvelope {
            mail_from: mail_from.to_owned(),
            recipients: recipients.iter().map(|one| (*one).to_owned()).collect(),
            verdicts: Verdicts::default(),
        }
    }

    /// With these verdicts.
    #[must_use]
    pub fn verdicts(mut self, verdicts: Verdicts) -> MailEnvelope {
        self.verdicts = verdicts;
        self
    }
}

impl Default for Verdicts {
    /// It passes everything.
    fn default() -> Verdicts {
        let pass = || "PASS".to_owned();
        Verdicts {
            spam: pass(),
            virus: pass(),
            spf: pass(),
            dkim: pass(),
            dmarc: pass(),
            dmarc_policy: None,
        }
    }
}

/// A mail on its way through a rule.
struct Incoming<'a> {
    message_id: &'a str,
    received_at: DateTime<Utc>,
    envelope: &'a MailEnvelope,
    /// Those whom the rule is for.
    recipients: &'a [String],
    /// With the headers that SES adds.
    raw: &'a [u8],
}

impl World {
    /// Adds a receipt rule. As in SES, its S3 actions store an object at once, to see whether they may.
    ///
    /// Panics if there is no such bucket or topic.
    pub fn receipt_rule(mut self, rule: ReceiptRule) -> World {
        self.add_receipt_rule(rule);
        self
    }

    /// The same in the middle of a test.
    pub fn add_receipt_rule(&mut self, rule: ReceiptRule) {
        for action in &rule.actions {
            let topic = match action {
                ReceiptAction::S3 { topic, .. } => topic.as_ref(),
                ReceiptAction::Sns { topic, .. } => Some(topic),
                ReceiptAction::Lambda { .. } => None,
            };
            if let Some(topic) = topic {
                assert!(self.has_topic(topic), "this world has no topic `{topic}`");
            }
            if let ReceiptAction::S3 { bucket, prefix, .. } = action {
                let text = format!(
                    "Subject: Amazon SES Email Receiving Setup Notification\r\n\r\n\
                     Hello,\r\n\r\nYou received this message because you attempted to set up Amazon SES to deliver \
                     emails to this S3 bucket {bucket}.\r\n"
                );
                let key = format!("{prefix}AMAZON_SES_SETUP_NOTIFICATION");
                self.store_object(bucket, &key, text.as_bytes());
            }
        }
        self.receiving.rules.push(rule);
    }

    /// A mail comes in, and a rule, by its name, does what it does with it.
    ///
    /// Panics if there is no such rule, or no such bucket any more.
    pub fn receive_mail(
        &mut self,
        rule: &str,
        raw: &[u8],
        envelope: &MailEnvelope,
    ) -> ReceivedMail {
        let rules = self.receiving.rules.iter();
        let rule = rules
            .clone()
            .find(|one| one.name == rule)
            .unwrap_or_else(|| panic!("this world has no receipt rule `{rule}`"))
            .clone();
        let number = self.next_number();
        let message_id = format!("{}{number:08x}", md5_hex(&number.to_be_bytes()));
        let recipients = envelope.recipients.iter();
        let recipients: Vec<String> = recipients.filter(|one| rule.is_for(one)).cloned().collect();
        let mut received = ReceivedMail {
            message_id: message_id.clone(),
            recipients: recipients.clone(),
            ..ReceivedMail::default()
        };
        if recipients.is_empty() {
            return received;
        }
        let received_at = self.now();
        let whole = headers::add(raw, &message_id, &rule.region, received_at, envelope);
        let mail = Incoming {
            message_id: &message_id,
            received_at,
            envelope,
            recipients: &recipients,
            raw: &whole,
        };
        for action in &rule.actions {
            let most = match action {
                ReceiptAction::Sns { .. } => MOST_BYTES_OF_TOPIC,
                _ => MOST_BYTES,
            };
            if whole.len() > most {
                received.bounced = Some("552 5.3.4 Message too long".to_owned());
                break;
            }
            match action {
                ReceiptAction::S3 {
                    bucket,
                    prefix,
                    topic,
                } => {
                    let key = format!("{prefix}{message_id}");
                    self.put_object(bucket, &key, StoredObject::new(whole.clone()));
                    if let Some(topic) = topic {
                        let told = notification::of_object(&mail, bucket, prefix, topic);
                        received.notifications.push(self.announce(topic, told));
                    }
                    received.objects.push((bucket.clone(), key));
                }
                ReceiptAction::Sns { topic, is_base64 } => {
                    let told = notification::of_content(&mail, topic, *is_base64);
                    received.notifications.push(self.announce(topic, told));
                }
                ReceiptAction::Lambda { function, decides } => {
                    let event = notification::of_function(&mail, function, *decides);
                    received.lambda_events.push(event);
                }
            }
        }
        received
    }

    fn announce(&mut self, topic: &str, told: Value) -> Value {
        let subject = "Amazon SES Email Receipt Notification";
        self.publish(topic, Some(subject), &told.to_string());
        told
    }
}

#[cfg(test)]
mod tests;
