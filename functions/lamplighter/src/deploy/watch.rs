//! Which alarms a function gets, and the metrics that are made of its logs; the same for CloudFormation and Terraform.

use super::model::Function;

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

/// The line at a run's end is written by `lamplighter-shell`; a test over a real run compares it with these patterns.
pub const FILTERS: [Filter; 5] = [
    Filter {
        id: "Ok",
        metric: "ok",
        pattern: r#"{ ($.message = "the run ends") && ($.outcome = "ok") }"#,
    },
    Filter {
        id: "Partial",
        metric: "partial",
        pattern: r#"{ ($.message = "the run ends") && ($.outcome = "partial") }"#,
    },
    Filter {
        id: "Failed",
        metric: "failed",
        pattern: r#"{ ($.message = "the run ends") && ($.outcome = "failed") }"#,
    },
    Filter {
        id: "Refused",
        metric: "refused",
        pattern: r#"{ ($.message = "the run ends") && ($.outcome = "refused") }"#,
    },
    Filter {
        id: "ErrorLines",
        metric: "error-lines",
        pattern: r#"{ $.level = "ERROR" }"#,
    },
];

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
        counted(
            "Throttles",
            "throttles",
            "invocations were throttled: an earlier run still goes on, or the account's limit is reached",
            Watched::Lambda("Throttles"),
        ),
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
            Watched::Log("partial"),
        ),
        counted(
            "Failed",
            "failed",
            "a run failed; its report says why",
            Watched::Log("failed"),
        ),
        counted(
            "Refused",
            "refused",
            "a limit refused a run before its first change",
            Watched::Log("refused"),
        ),
        counted(
            "ErrorLines",
            "error-lines",
            "the log has lines of level ERROR",
            Watched::Log("error-lines"),
        ),
    ];
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
                "no run has succeeded for two periods of the schedule",
                Watched::Log("ok"),
            )
        });
    }
    alarms
}
