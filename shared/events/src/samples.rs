//! One event of each kind, to try a function with. The shapes are AWS's documented ones, with made-up accounts.

/// A sample event.
pub struct Sample {
    /// What `lamplighter sample-event` calls it.
    pub name: &'static str,
    /// What it is, in a few words.
    pub what: &'static str,
    /// The event, pretty-printed JSON with a final newline.
    pub text: &'static str,
}

macro_rules! samples {
    ($($name:literal, $what:literal;)*) => {
        /// Every sample event, in the order in which they are listed.
        pub const SAMPLES: &[Sample] = &[$(Sample {
            name: $name,
            what: $what,
            text: include_str!(concat!("../samples/", $name, ".json")),
        }),*];
    };
}

samples! {
    "schedule", "a tick of EventBridge Scheduler, as the deployment template writes it";
    "s3-put", "S3 object created, notified directly";
    "s3-removed", "S3 object removed, notified directly";
    "s3-test", "the test event S3 sends when a notification is configured";
    "s3-eventbridge", "S3 object created, through EventBridge";
    "s3-sqs", "S3 object created, through SQS";
    "s3-sns-sqs", "S3 object created, through SNS and SQS";
    "ses", "inbound mail, from the SES Lambda action";
    "ses-sns", "inbound mail, from the SES S3 action through SNS";
    "codedeploy", "a CodeDeploy deployment changed its state";
    "on-failure", "the record of an on-failure destination";
    "keep-warm", "the ping that keeps a Lambda warm";
}

/// The sample with this name.
pub fn sample(name: &str) -> Option<&'static Sample> {
    SAMPLES.iter().find(|sample| sample.name == name)
}

#[cfg(test)]
mod tests {
    use super::SAMPLES;
    use crate::Envelope;

    #[test]
    fn every_sample_is_an_event() {
        for sample in SAMPLES {
            Envelope::parse(sample.name, sample.text)
                .unwrap_or_else(|error| panic!("{}: {error}", sample.name));
            assert!(sample.text.ends_with("}\n"), "{}", sample.name);
        }
    }
}
