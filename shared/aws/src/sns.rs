//! Publishes to an SNS topic, in the topic's own region.

use aws_config::Region;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::Builder;
use lamplighter_core::Result;

use crate::error::{code_of, explain};
use crate::session::Session;

/// The longest subject that SNS takes, in ASCII characters.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const MOST_SUBJECT: usize = 100;

/// Subject and message together. <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const MOST_BYTES: usize = 262_144;

/// What stands at the end of a message that was cut.
const CUT: &str = "\n… cut here: SNS takes 256 KB\n";

/// One topic. Not made in a dry run.
#[derive(Clone, Debug)]
pub struct Topic {
    client: Client,
    arn: String,
}

impl Topic {
    /// The topic with this ARN, reached with the caller's credentials.
    pub fn new(session: &Session, arn: &str) -> Self {
        let region = arn.split(':').nth(3).unwrap_or_default();
        let config = Builder::from(session.base()).region(Region::new(region.to_owned()));
        Self {
            client: Client::from_conf(config.build()),
            arn: arn.to_owned(),
        }
    }

    /// Publishes `message`, cut to what SNS takes. A topic that keeps an order has one for each `group`; `id` tells
    /// messages apart, so that a retry after a lost answer is not published twice there.
    pub async fn publish(&self, subject: &str, message: &str, group: &str, id: &str) -> Result<()> {
        let is_fifo = self.arn.ends_with(".fifo");
        let answer = self
            .client
            .publish()
            .topic_arn(&self.arn)
            .subject(fit_subject(subject))
            .message(fit_message(message))
            .set_message_group_id(is_fifo.then(|| group.to_owned()))
            .set_message_deduplication_id(is_fifo.then(|| id.to_owned()))
            .send()
            .await;
        answer.map(|_| ()).map_err(|error| {
            let is_missing = matches!(code_of(&error), Some("NotFound" | "NotFoundException"));
            let explained = explain("sns:Publish", error);
            match is_missing {
                true => explained.hint("create the topic of `[report] topic`, or correct its ARN"),
                false => explained,
            }
        })
    }
}

/// The subject in one line of at most 100 printable ASCII characters, the first of which is no blank.
fn fit_subject(subject: &str) -> String {
    let ascii = subject.chars().map(|letter| match letter {
        ' '..='~' => letter,
        _ => '?',
    });
    let mut subject: String = ascii.collect::<String>().trim().to_owned();
    if subject.len() > MOST_SUBJECT {
        subject.truncate(MOST_SUBJECT - 3);
        subject.push_str("...");
    }
    match subject.is_empty() {
        true => "lamplighter".to_owned(),
        false => subject,
    }
}

/// The message, cut at the end of a line where it is too long.
fn fit_message(message: &str) -> String {
    // Room for the subject, which counts too.
    let most = MOST_BYTES - MOST_SUBJECT;
    if message.len() <= most {
        return message.to_owned();
    }
    let end = message.floor_char_boundary(most - CUT.len());
    let end = message[..end].rfind('\n').unwrap_or(end);
    format!("{}{CUT}", &message[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line_of_a_hundred_ascii_characters() {
        assert_eq!(fit_subject("[lamplighter] ok"), "[lamplighter] ok");
        assert_eq!(fit_subject(" é\nb "), "??b");
        assert_eq!(fit_subject(""), "lamplighter");
        assert_eq!(fit_subject(&"x".repeat(100)), "x".repeat(100));
        let cut = fit_subject(&"é".repeat(101));
        assert_eq!(cut.len(), 100);
        assert!(cut.ends_with("?..."), "{cut}");
    }

    #[test]
    fn a_message_is_cut_between_lines_and_says_so() {
        assert_eq!(fit_message("short\n"), "short\n");
        let long = "a line of ümlauts\n".repeat(20_000);
        let cut = fit_message(&long);
        assert!(
            cut.len() + MOST_SUBJECT <= MOST_BYTES && cut.len() > MOST_BYTES - 300,
            "{}",
            cut.len()
        );
        assert!(
            cut.ends_with(&format!("a line of ümlauts{CUT}")),
            "{}",
            &cut[cut.len() - 80..]
        );
        let one_line = fit_message(&"ü".repeat(MOST_BYTES));
        assert!(one_line.len() <= MOST_BYTES && one_line.ends_with(CUT));
    }
}
