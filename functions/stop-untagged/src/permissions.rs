//! The IAM statements this function needs under a configuration. What all functions share (mail, state, roles,
//! regions) is added by `shared/shell`.

use lamplighter_config::{Config, Mode};
use lamplighter_core::Statement;

use crate::plan::MARK;

/// Every instance of the account the role is in.
const INSTANCES: &str = "arn:aws:ec2:*:*:instance/*";

/// The statements that `config` needs. In plan mode none of them can change anything.
pub fn permissions(config: &Config) -> Vec<Statement> {
    let section = &config.stop_untagged;
    let mut statements = vec![Statement::allow(
        "ReadInstances",
        &["ec2:DescribeInstances", "ec2:DescribeSpotInstanceRequests"],
        ["*"],
    )];
    let end = match section.action {
        lamplighter_config::Action::Stop => "ec2:StopInstances",
        lamplighter_config::Action::Terminate => "ec2:TerminateInstances",
    };
    let mut ending = Statement::allow("ActEnd", &[end], [INSTANCES]);
    if section.grace_hours > 0 {
        // Only what was warned: the mark is on it.
        ending = ending.only_if("StringLike", &format!("aws:ResourceTag/{MARK}"), "*");
    }
    if section.common.mode == Mode::Apply {
        // The second look at the tags, just before acting.
        statements.push(Statement::allow(
            "ReadTagsAgain",
            &["ec2:DescribeTags"],
            ["*"],
        ));
        statements.push(
            Statement::allow(
                "ActMark",
                &["ec2:CreateTags", "ec2:DeleteTags"],
                [INSTANCES],
            )
            .only_if("ForAllValues:StringEquals", "aws:TagKeys", MARK)
            // A `DeleteTags` that names no tag takes all of them away, and `ForAllValues` is true of none.
            // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition_examples-multi-valued-context-keys.html>
            .only_if("Null", "aws:TagKeys", "false"),
        );
        statements.push(ending);
    }
    // In plan mode a probe is told, rightly, that stopping would be denied: the permission comes with apply mode.
    statements
}
