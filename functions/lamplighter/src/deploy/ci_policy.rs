//! What a pipeline that deploys may do: upload packages below one prefix, and manage one stack and what is named after it.
//! It may let Lambda, Scheduler and SES take over the stack's roles, and nobody else.
//!
//! The names are those of the README: the stack `lamplighter`, the bucket `lamplighter-artifacts-<account>`.

use lamplighter_core::Statement;
use lamplighter_shell::policy::Place;

/// These services take over a role that the pipeline hands them; no other may.
const PASSED_TO: [&str; 3] = [
    "lambda.amazonaws.com",
    "scheduler.amazonaws.com",
    "ses.amazonaws.com",
];

/// The statements of `policies/deploy.json`.
pub fn statements(place: &Place) -> Vec<Statement> {
    let account = place.account.as_deref().unwrap_or("*");
    let region = place.region.as_deref().unwrap_or("*");
    let arn = |service: &str, rest: &str| format!("arn:aws:{service}:{region}:{account}:{rest}");
    let roles = format!("arn:aws:iam::{account}:role/lamplighter-*");
    vec![
        // IAM knows no narrower resource: a template that is looked at belongs to no stack yet, and lists name nothing.
        Statement::allow(
            "ReadTemplatesAndLists",
            &[
                "cloudformation:GetTemplateSummary",
                "cloudformation:ValidateTemplate",
                "logs:DescribeLogGroups",
            ],
            ["*"],
        ),
        Statement::allow(
            "ActUploadPackages",
            &["s3:GetObject", "s3:PutObject"],
            [format!(
                "arn:aws:s3:::lamplighter-artifacts-{account}/lamplighter/*"
            )],
        ),
        Statement::allow(
            "ActDeployThisStack",
            &[
                "cloudformation:CreateChangeSet",
                "cloudformation:DeleteChangeSet",
                "cloudformation:DescribeChangeSet",
                "cloudformation:DescribeStackEvents",
                "cloudformation:DescribeStacks",
                "cloudformation:ExecuteChangeSet",
                "cloudformation:GetTemplate",
            ],
            [arn("cloudformation", "stack/lamplighter/*")],
        ),
        Statement::allow(
            "ActManageFunctions",
            &[
                "lambda:AddPermission",
                "lambda:CreateAlias",
                "lambda:CreateFunction",
                "lambda:DeleteAlias",
                "lambda:DeleteFunction",
                "lambda:DeleteFunctionConcurrency",
                "lambda:DeleteFunctionEventInvokeConfig",
                "lambda:GetAlias",
                "lambda:GetFunction",
                "lambda:GetFunctionCodeSigningConfig",
                "lambda:GetFunctionConfiguration",
                "lambda:GetFunctionEventInvokeConfig",
                "lambda:GetPolicy",
                "lambda:GetRuntimeManagementConfig",
                "lambda:InvokeFunction",
                "lambda:ListVersionsByFunction",
                "lambda:PublishVersion",
                "lambda:PutFunctionConcurrency",
                "lambda:PutFunctionEventInvokeConfig",
                "lambda:RemovePermission",
                "lambda:TagResource",
                "lambda:UpdateAlias",
                "lambda:UpdateFunctionCode",
                "lambda:UpdateFunctionConfiguration",
                "lambda:UpdateFunctionEventInvokeConfig",
            ],
            [arn("lambda", "function:lamplighter-*")],
        ),
        Statement::allow(
            "ActManageRoles",
            &[
                "iam:CreateRole",
                "iam:DeleteRole",
                "iam:DeleteRolePolicy",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
                "iam:PutRolePolicy",
                "iam:TagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
                "iam:UpdateRoleDescription",
            ],
            [roles.clone()],
        ),
        Statement::allow("ActPassRoles", &["iam:PassRole"], [roles]).only_if(
            "StringEquals",
            "iam:PassedToService",
            PASSED_TO.to_vec(),
        ),
        Statement::allow(
            "ActManageSchedules",
            &[
                "scheduler:CreateSchedule",
                "scheduler:CreateScheduleGroup",
                "scheduler:DeleteSchedule",
                "scheduler:DeleteScheduleGroup",
                "scheduler:GetSchedule",
                "scheduler:GetScheduleGroup",
                "scheduler:ListTagsForResource",
                "scheduler:TagResource",
                "scheduler:UpdateSchedule",
            ],
            [
                arn("scheduler", "schedule-group/lamplighter"),
                arn("scheduler", "schedule/lamplighter/*"),
            ],
        ),
        Statement::allow(
            "ActManageLogs",
            &[
                "logs:CreateLogGroup",
                "logs:DeleteLogGroup",
                "logs:DeleteMetricFilter",
                "logs:DescribeMetricFilters",
                "logs:ListTagsForResource",
                "logs:PutMetricFilter",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
            ],
            [arn("logs", "log-group:/aws/lambda/lamplighter-*")],
        ),
        Statement::allow(
            "ActManageAlarms",
            &[
                "cloudwatch:DeleteAlarms",
                "cloudwatch:DescribeAlarms",
                "cloudwatch:ListTagsForResource",
                "cloudwatch:PutMetricAlarm",
                "cloudwatch:TagResource",
            ],
            [arn("cloudwatch", "alarm:lamplighter-*")],
        ),
        Statement::allow(
            "ActManageTopicAndQueues",
            &[
                "sns:CreateTopic",
                "sns:DeleteTopic",
                "sns:GetTopicAttributes",
                "sns:ListSubscriptionsByTopic",
                "sns:ListTagsForResource",
                "sns:SetTopicAttributes",
                "sns:Subscribe",
                "sns:TagResource",
                "sns:Unsubscribe",
                "sqs:CreateQueue",
                "sqs:DeleteQueue",
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
                "sqs:ListQueueTags",
                "sqs:SetQueueAttributes",
                "sqs:TagQueue",
            ],
            [arn("sns", "lamplighter-*"), arn("sqs", "lamplighter-*")],
        ),
        Statement::allow(
            "ActManageRules",
            &[
                "events:DeleteRule",
                "events:DescribeRule",
                "events:ListTargetsByRule",
                "events:PutRule",
                "events:PutTargets",
                "events:RemoveTargets",
                "events:TagResource",
            ],
            [arn("events", "rule/lamplighter-*")],
        ),
        // A mapping has no ARN that could be told from others; which function it is for is the guard.
        // <https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html>
        Statement::allow(
            "ActManageMappings",
            &[
                "lambda:CreateEventSourceMapping",
                "lambda:DeleteEventSourceMapping",
                "lambda:GetEventSourceMapping",
                "lambda:UpdateEventSourceMapping",
            ],
            ["*"],
        )
        .only_if(
            "ArnLike",
            "lambda:FunctionArn",
            arn("lambda", "function:lamplighter-*"),
        ),
        Statement::allow(
            "ActTagMappings",
            &["lambda:ListTags", "lambda:TagResource"],
            [arn("lambda", "event-source-mapping:*")],
        ),
        // SES knows no resources for the rules that it receives mail by: only CloudFormation may, for this stack.
        // <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonses.html>
        Statement::allow(
            "ActManageMailRules",
            &[
                "ses:CreateReceiptRule",
                "ses:CreateReceiptRuleSet",
                "ses:DeleteReceiptRule",
                "ses:DeleteReceiptRuleSet",
                "ses:DescribeReceiptRule",
                "ses:DescribeReceiptRuleSet",
                "ses:UpdateReceiptRule",
            ],
            ["*"],
        )
        .only_if(
            "ForAnyValue:StringEquals",
            "aws:CalledVia",
            vec!["cloudformation.amazonaws.com"],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use lamplighter_core::policy_document;

    use super::*;

    #[test]
    fn a_managed_policy_can_hold_it_and_only_three_services_get_roles() {
        let place = Place {
            account: Some("111122223333".to_owned()),
            region: Some("eu-west-1".to_owned()),
        };
        let document = policy_document(&statements(&place));
        // IAM counts no blanks. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
        let length = document
            .chars()
            .filter(|letter| !letter.is_whitespace())
            .count();
        assert!(length <= 6144, "{length}");
        let statements = statements(&place);
        let passing: Vec<&Statement> = statements
            .iter()
            .filter(|statement| {
                statement
                    .action
                    .iter()
                    .any(|action| action == "iam:PassRole")
            })
            .collect();
        assert_eq!(passing.len(), 1);
        assert_eq!(
            passing[0].condition["StringEquals"]["iam:PassedToService"],
            serde_json::json!(PASSED_TO)
        );
        for statement in &statements {
            let is_open = statement.resource.iter().any(|resource| resource == "*");
            assert!(
                !is_open || statement.sid.starts_with("Read") || !statement.condition.is_empty(),
                "{}",
                statement.sid
            );
        }
    }
}
