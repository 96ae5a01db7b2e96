//! The IAM policy of a function under a configuration: its own statements and those that all functions share.

use lamplighter_config::{Config, MailPolicy, Mode, Queue, StateUrl};
use lamplighter_core::Statement;
use serde_json::{Value, json};

use crate::connect::Entry;

/// Where a policy will stand. Empty fields stay wildcards.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The 12-digit account id.
    pub account: Option<String>,
    /// The region's name.
    pub region: Option<String>,
}

/// The statements that `entry` needs under `config`, and nothing else.
pub fn statements(entry: &Entry, config: &Config, place: &Place) -> Vec<Statement> {
    let mut statements = (entry.permissions)(config);
    if config
        .section(entry.name)
        .is_none_or(|section| section.mode == Mode::Plan)
    {
        // The first word of a Sid is what it allows: in plan mode nothing may be changed.
        statements.retain(|statement| !statement.is_act());
    }
    // IAM is one for all regions. What takes events works in its own account, where their region says.
    let is_regional = statements
        .iter()
        .flat_map(|statement| &statement.action)
        .any(|action| !action.starts_with("iam:"));
    if !config.aws.regions.is_empty() && is_regional && !entry.is_global && !entry.consumes {
        statements.push(Statement::allow(
            "ReadRegions",
            &["ec2:DescribeRegions"],
            ["*"],
        ));
    }
    let roles: Vec<String> = config
        .aws
        .accounts
        .iter()
        .map(|account| account.role.clone())
        .collect();
    if !roles.is_empty() && !entry.consumes {
        statements.push(Statement::allow(
            "ReadOtherAccounts",
            &["sts:AssumeRole"],
            roles,
        ));
    }
    let (mail, _) = config.mail_of(entry.name);
    if let Some(from) = &config.report.from
        && (mail != MailPolicy::Never
            || config
                .section(entry.name)
                .is_some_and(|section| section.mode == Mode::Apply))
    {
        // SES checks `SendRawEmail` for a raw message, also when it comes through API v2's `SendEmail`.
        statements.push(
            Statement::allow(
                "DeliverMail",
                &["ses:SendEmail", "ses:SendRawEmail"],
                ["arn:aws:ses:*:*:identity/*"],
            )
            .only_if("StringEquals", "ses:FromAddress", address_only(from)),
        );
    }
    if let Some(topic) = &config.report.topic {
        statements.push(Statement::allow(
            "DeliverTopic",
            &["sns:Publish"],
            [topic.clone()],
        ));
    }
    if let Some(StateUrl::S3 { bucket, prefix }) = &config.state.url {
        let folder = if prefix.is_empty() {
            String::new()
        } else {
            format!("{prefix}/")
        };
        // What it remembers of its runs and its claims of slots; of a round the parts that had no time for all of it; of
        // events how far the work is, what cannot succeed, and how far a backfill has come. What a function keeps
        // besides is in its own statements.
        let is_applied = config
            .section(entry.name)
            .is_some_and(|section| section.mode == Mode::Apply);
        let kept: &[&str] = match (entry.consumes, is_applied) {
            (true, true) => &["backfill", "ledger", "quarantine", "runs", "slots"],
            (true, false) => &["ledger", "quarantine", "runs", "slots"],
            (false, _) => &["parts", "runs", "slots"],
        };
        let keys = |what: &str| format!("{folder}{what}/{}/*", entry.name);
        let own: Vec<String> = kept.iter().map(|what| keys(what)).collect();
        statements.push(Statement::allow(
            "StateReadAndWrite",
            &["s3:GetObject", "s3:PutObject"],
            own.iter()
                .map(|keys| format!("arn:aws:s3:::{bucket}/{keys}")),
        ));
        if entry.consumes && is_applied {
            statements.push(Statement::allow(
                "StateRemove",
                &["s3:DeleteObject"],
                ["backfill", "quarantine"]
                    .map(|what| format!("arn:aws:s3:::{bucket}/{}", keys(what))),
            ));
        }
        // Without it S3 answers 403 and not 404 for a key that is not there yet.
        statements.push(
            Statement::allow(
                "StateTellWhatIsThere",
                &["s3:ListBucket"],
                [format!("arn:aws:s3:::{bucket}")],
            )
            .only_if("StringLike", "s3:prefix", own),
        );
    }
    for statement in &mut statements {
        for resource in &mut statement.resource {
            *resource = fill(resource, place);
        }
    }
    statements
}

/// The statements of the daemon's own role: it assumes its functions' roles and consumes their queues, and does nothing
/// else itself. Claims of slots and all other state are written by the run, with the function's role.
pub fn daemon_statements(config: &Config, place: &Place) -> Vec<Statement> {
    let functions = config.functions().into_iter();
    let roles: Vec<String> = functions
        .filter(|(name, _)| config.is_configured(name))
        .filter_map(|(_, common)| Some(fill(common.role.as_ref()?, place)))
        .collect();
    let mut statements = Vec::new();
    if !roles.is_empty() {
        statements.push(Statement::allow(
            "AssumeFunctionRoles",
            &["sts:AssumeRole"],
            roles,
        ));
    }
    let mut queues: Vec<String> = config
        .intakes()
        .into_iter()
        .flat_map(|(name, _)| consumed_queues(config, name))
        .map(|queue| {
            let region = queue.region.as_deref().unwrap_or("*");
            fill(
                &format!("arn:aws:sqs:{region}:{}:{}", queue.account, queue.name),
                place,
            )
        })
        .collect();
    queues.sort();
    queues.dedup();
    if !queues.is_empty() {
        statements.push(Statement::allow(
            "ConsumeQueues",
            &[
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
            ],
            queues,
        ));
    }
    statements
}

/// The queues that the daemon consumes for a function: in plan mode an event is not acknowledged, so none is fetched.
pub fn consumed_queues<'a>(config: &'a Config, function: &str) -> &'a [Queue] {
    let is_applied = config.is_configured(function)
        && config
            .section(function)
            .is_some_and(|section| section.mode == Mode::Apply);
    match config.intake(function) {
        Some(intake) if is_applied => &intake.queues,
        _ => &[],
    }
}

/// The trust policy of a function's role: only the Lambda service. No condition on the account: Lambda documents none
/// for execution roles, and one that it does not send would leave the function without its role. Who may hand the role
/// to a function is decided by `iam:PassRole`.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html>
pub fn trust() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "TrustLambda",
            "Effect": "Allow",
            "Principal": { "Service": "lambda.amazonaws.com" },
            "Action": "sts:AssumeRole"
        }]
    })
}

/// `Ops <ops@example.com>` → `ops@example.com`: the condition key holds the bare address.
fn address_only(from: &str) -> String {
    from.rsplit_once('<')
        .map_or(from, |(_, rest)| rest.trim_end_matches('>'))
        .to_owned()
}

/// Puts the account and the region where an ARN leaves them open, and the region's partition.
fn fill(arn: &str, place: &Place) -> String {
    let mut parts: Vec<&str> = arn.splitn(6, ':').collect();
    let is_open = |part: Option<&&str>| part == Some(&"*");
    if parts.len() == 6 {
        let partition = place.region.as_deref().map_or("aws", partition_of);
        if parts[1] == "aws" {
            parts[1] = partition;
        }
        if let Some(region) = place.region.as_deref().filter(|_| is_open(parts.get(3))) {
            parts[3] = region;
        }
        if let Some(account) = place.account.as_deref().filter(|_| is_open(parts.get(4))) {
            parts[4] = account;
        }
    }
    parts.join(":")
}

fn partition_of(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_places_of_an_arn_are_filled_and_closed_ones_stay() {
        let place = Place {
            account: Some("111122223333".to_owned()),
            region: Some("eu-west-1".to_owned()),
        };
        assert_eq!(
            fill("arn:aws:ec2:*:*:instance/*", &place),
            "arn:aws:ec2:eu-west-1:111122223333:instance/*"
        );
        assert_eq!(
            fill("arn:aws:s3:::b/runs/*", &place),
            "arn:aws:s3:::b/runs/*"
        );
        assert_eq!(fill("*", &place), "*");
        let china = Place {
            region: Some("cn-north-1".to_owned()),
            ..Place::default()
        };
        assert_eq!(fill("arn:aws:s3:::b", &china), "arn:aws-cn:s3:::b");
    }

    #[test]
    fn the_condition_names_the_bare_address() {
        assert_eq!(address_only("Ops <ops@example.com>"), "ops@example.com");
        assert_eq!(address_only("ops@example.com"), "ops@example.com");
    }
}
