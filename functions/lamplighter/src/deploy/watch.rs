//! Which alarms a function gets, and the metrics that it writes; the same for CloudFormation and Terraform.

use super::events::VISIBILITY_TIMEOUTS;
use super::model::Function;

/// No event of a function with a short timeout is late before this.
const MIN_QUEUE_AGE_SECS: u32 = 900;

/// How many messages that wait are too many, for a quarter of an hour.
const MANY_MESSAGES: u32 = 1000;

/// How long a function is throttled before somebody is called: so many periods in a row, each with a throttle.
///
/// One with a reserved concurrency of 1 is throttled by itself as well: its run asks for the next part, or a ping comes,
/// while it still goes on. Lambda tries such an event again, after a second at first and every five minutes at last, and
/// each attempt is counted. So a run of 15 minutes, the longest, is seen in three periods at most and never in four, and
/// every period of a function that stays throttled has an attempt. That goes on for as long as events are kept
/// (`missed_grace_minutes`); where this is less, they are in the dead-letter queue, which has an alarm.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
const THROTTLED_PERIOD_SECS: u32 = 600;
const THROTTLED_PERIODS: u32 = 4;

/// A metric that is counted in the function's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filter {
    /// In logical ids.
    pub id: &'static str,
    /// In the metric's name, after the function's.
    pub metric: &'static str,
    /// Which lines count.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>
    pub pattern: &'static str,
}

/// What the runs' own metrics cannot count: errors outside of a run too. Every line of an invocation has the ARN that it
/// was invoked by, and what is tried out on `staging` calls nobody. What goes wrong before the first invocation is no
/// line of either, and an error of the invocation in [`Watched::Lambda`].
pub const FILTERS: [Filter; 1] = [Filter {
    id: "ErrorLines",
    metric: "error-lines",
    pattern: r#"{ $.level = "ERROR" && $.function_arn = "*:live" }"#,
}];

/// A metric that the runs write themselves, in the embedded metric format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    /// Whether only event functions have it.
    pub is_of_records: bool,
    pub written: Written,
}

/// When a metric is written: a count of nothing is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// By runs that go well.
    Often,
    /// Only by runs that end badly.
    WhenBad,
}

/// The namespace of these metrics.
pub const NAMESPACE: &str = "Lamplighter";

/// The metrics of `lamplighter-shell`'s Lambda adapter; a test over a real run compares the line with these.
pub const METRICS: [Metric; 11] = {
    const fn metric(name: &'static str, written: Written) -> Metric {
        Metric {
            name,
            is_of_records: false,
            written,
        }
    }
    const fn of_records(name: &'static str, written: Written) -> Metric {
        Metric {
            name,
            is_of_records: true,
            written,
        }
    }
    [
        metric("RunsOk", Written::Often),
        metric("RoundsOk", Written::Often),
        metric("RunsPartial", Written::WhenBad),
        metric("RunsFailed", Written::WhenBad),
        metric("RunsRefused", Written::WhenBad),
        metric("Findings", Written::Often),
        metric("ActionsDone", Written::Often),
        metric("ActionsFailed", Written::WhenBad),
        of_records("RecordsDone", Written::Often),
        of_records("RecordsRetried", Written::WhenBad),
        of_records("RecordsQuarantined", Written::WhenBad),
    ]
};

/// What an alarm looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// A metric of `AWS/Lambda`, of the alias `live` only.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>
    Lambda(&'static str),
    /// The 95th percentile of the duration, in percent of the timeout.
    DurationShare,
    /// Messages in the function's dead-letter queue.
    DeadLetters,
    /// A metric of `AWS/SQS`, of the queue that the function's events come through.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>
    Queue(&'static str),
    /// One of [`METRICS`], of the alias `live` only.
    Embedded(&'static str),
    /// A metric of the log, by its name in [`FILTERS`].
    Log(&'static str),
}

/// When an alarm goes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// At this value and above.
    AtLeast(u32),
    /// At the template's parameter and above.
    AtLeastAsManyErrors,
    /// Below this value.
    Below(u32),
}

/// One alarm. All go to the stack's one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// In logical ids.
    pub id: &'static str,
    /// In the alarm's name, after the function's.
    pub name: &'static str,
    /// What it means, for whoever is called out of bed.
    pub meaning: &'static str,
    pub watched: Watched,
    pub threshold: Threshold,
    /// Seconds of one data point, and how many of them in a row.
    pub period_secs: u32,
    pub periods: u32,
    /// Whether silence itself is the alarm.
    pub missing_is_breaching: bool,
}

/// The alarms of a function.
pub fn alarms(function: &Function) -> Vec<Alarm> {
    let counted = |id, name, meaning, watched| Alarm {
        id,
        name,
        meaning,
        watched,
        threshold: Threshold::AtLeast(1),
        period_secs: 300,
        periods: 1,
        missing_is_breaching: false,
    };
    let mut alarms = vec![
        Alarm {
            threshold: Threshold::AtLeastAsManyErrors,
            ..counted(
                "Errors",
                "errors",
                "invocations ended with an error; Lambda tries again where `retries` says so",
                Watched::Lambda("Errors"),
            )
        },
        Alarm {
            period_secs: THROTTLED_PERIOD_SECS,
            periods: THROTTLED_PERIODS,
            ..counted(
                "Throttles",
                "throttles",
                "invocations are throttled all the time: the account's limit is reached, or no concurrency is left to it",
                Watched::Lambda("Throttles"),
            )
        },
        Alarm {
            threshold: Threshold::AtLeast(80),
            ..counted(
                "Duration",
                "duration",
                "runs take more than 80 percent of the timeout, after which Lambda ends them",
                Watched::DurationShare,
            )
        },
        counted(
            "DeadLetters",
            "dead-letters",
            "ticks that could not be delivered or runs that failed for good wait in the dead-letter queue",
            Watched::DeadLetters,
        ),
        counted(
            "Partial",
            "partial",
            "a run could not read or do everything; its report says what",
            Watched::Embedded("RunsPartial"),
        ),
        counted(
            "Failed",
            "failed",
            "a run failed; its report or the log says why",
            Watched::Embedded("RunsFailed"),
        ),
        counted(
            "Refused",
            "refused",
            "a limit refused a run before its first change",
            Watched::Embedded("RunsRefused"),
        ),
        counted(
            "ErrorLines",
            "error-lines",
            "the log has lines of level ERROR",
            Watched::Log("error-lines"),
        ),
    ];
    if function.events.is_some() {
        alarms.push(counted(
            "Quarantined",
            "quarantined",
            "an event cannot be worked on and was put into quarantine; `lamplighter replay` brings it again",
            Watched::Embedded("RecordsQuarantined"),
        ));
    }
    if function.queued().is_some() {
        alarms.push(Alarm {
            // One retry is no alarm; two are.
            threshold: Threshold::AtLeast(
                (2 * VISIBILITY_TIMEOUTS * function.timeout_secs).max(MIN_QUEUE_AGE_SECS),
            ),
            ..counted(
                "QueueAge",
                "queue-age",
                "an event waits longer in the queue than two attempts may take",
                Watched::Queue("ApproximateAgeOfOldestMessage"),
            )
        });
        alarms.push(Alarm {
            threshold: Threshold::AtLeast(MANY_MESSAGES),
            periods: 3,
            ..counted(
                "QueueDepth",
                "queue-depth",
                "events come faster than they are worked on",
                Watched::Queue("ApproximateNumberOfMessagesVisible"),
            )
        });
    }
    if let Some(secs) = function.silence_secs {
        // CloudWatch keeps short periods apart for a day and whole hours for a week.
        let period_secs = if secs < 86_400 { 300 } else { 3600 };
        alarms.push(Alarm {
            threshold: Threshold::Below(1),
            period_secs,
            periods: secs.div_ceil(period_secs),
            missing_is_breaching: true,
            ..counted(
                "Silence",
                "silence",
                "no round of the schedule has gone well for two periods",
                Watched::Embedded("RoundsOk"),
            )
        });
    }
    alarms
}
