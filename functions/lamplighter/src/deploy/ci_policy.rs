//! What a pipeline that deploys may do: upload packages below one prefix, and manage one stack and what is named after it.
//! It may let Lambda, Scheduler and SES take over the stack's roles, and nobody else.
//!
//! The names are those of the README: the stack `lamplighter`, the bucket `lamplighter-artifacts-<account>`. The
//! pipeline's own role, `deploy-lamplighter`, is none of the stack's, and neither are roles that people made.
//!
//! What it cannot keep a pipeline from: a template may give a role of the stack any permission, and a function any code.
//! Only a permissions boundary does.

use lamplighter_core::Statement;
use lamplighter_shell::policy::Place;

/// These services take over a role that the pipeline hands them; no other may.
const PASSED_TO: [&str; 3] = [
    "lambda.amazonaws.com",
    "scheduler.amazonaws.com",
    "ses.amazonaws.com",
];

/// CloudFormation calls other services in the name of who calls it, and is then named in this key.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html>
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/fas-requests-and-permission-evaluation.html>
const CALLED_VIA: &str = "aws:CalledVia";

/// The statements of `policies/deploy.json`. With a boundary, the ARN of a managed policy, roles get permissions only
/// where it bounds them.
pub fn statements(place: &Place, boundary: Option<&str>) -> Vec<Statement> {
    let account = place.account.as_deref().unwrap_or("*");
    let region = place.region.as_deref().unwrap_or("*");
    let arn = |service: &str, rest: &str| format!("arn:aws:{service}:{region}:{account}:{rest}");
    // CloudFormation makes the names of the stack's roles: stack, logical id, and something random. The logical ids end in
    // `Role`; what people named `lamplighter-stop-untagged` is none of them.
    // <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html>
    let roles = format!("arn:aws:iam::{account}:role/lamplighter-*Role-*");
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
        // Only for functions in a VPC. Lambda looks at the subnets and groups with the rights of who deploys, and
        // CloudFormation waits for a function's network interfaces to go before it removes what they are in.
        // <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>
        // <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-vpcconfig.html>
        Statement::allow(
            "ReadNetworks",
            &[
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
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
            "ReadRoles",
            &[
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
            ],
            [roles.clone()],
        ),
        via_cloudformation(Statement::allow(
            "ActManageRoles",
            &[
                "iam:DeleteRole",
                "iam:TagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
                "iam:UpdateRoleDescription",
            ],
            [roles.clone()],
        )),
        permissions_of_roles(&roles, boundary),
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
                "sns:GetSubscriptionAttributes",
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
        via_cloudformation(Statement::allow(
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
        )),
    ]
}

/// Only by a stack, and so only by a template that everybody can read afterwards.
fn via_cloudformation(statement: Statement) -> Statement {
    statement.only_if(
        "ForAnyValue:StringEquals",
        CALLED_VIA,
        vec!["cloudformation.amazonaws.com"],
    )
}

/// The calls that give permissions: those that IAM can tie to a boundary. Nothing here removes one, or changes its policy.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>
fn permissions_of_roles(roles: &str, boundary: Option<&str>) -> Statement {
    let mut calls = vec![
        "iam:CreateRole",
        "iam:DeleteRolePolicy",
        "iam:PutRolePolicy",
    ];
    if boundary.is_some() {
        // For roles that were there before the boundary was.
        calls.insert(2, "iam:PutRolePermissionsBoundary");
    }
    let statement = Statement::allow("ActGiveRolesPermissions", &calls, [roles]);
    let statement = via_cloudformation(statement);
    match boundary {
        Some(boundary) => statement.only_if("StringEquals", "iam:PermissionsBoundary", boundary),
        None => statement,
    }
}

#[cfg(test)]
mod tests {
    use lamplighter_core::policy_document;

    use super::*;

    const BOUNDARY: &str = "arn:aws:iam::111122223333:policy/lamplighter-boundary";

    fn place() -> Place {
        Place {
            account: Some("111122223333".to_owned()),
            region: Some("eu-west-1".to_owned()),
        }
    }

    /// The statements that allow one action.
    fn with(action: &str, boundary: Option<&str>) -> Vec<Statement> {
        let has_it = |statement: &Statement| statement.action.iter().any(|one| one == action);
        let all = statements(&place(), boundary).into_iter();
        all.filter(has_it).collect()
    }

    #[test]
    fn a_managed_policy_can_hold_it_and_only_three_services_get_roles() {
        // IAM counts no blanks. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
        let document = policy_document(&statements(&place(), Some(BOUNDARY)));
        let letters = document.chars().filter(|letter| !letter.is_whitespace());
        let length = letters.count();
        assert!(length <= 6144, "{length}");
        let passing = with("iam:PassRole", None);
        assert_eq!(passing.len(), 1);
        assert_eq!(
            passing[0].condition["StringEquals"]["iam:PassedToService"],
            serde_json::json!(PASSED_TO)
        );
        for statement in statements(&place(), None) {
            let is_open = statement.resource.iter().any(|resource| resource == "*");
            assert!(
                !is_open || statement.sid.starts_with("Read") || !statement.condition.is_empty(),
                "{}",
                statement.sid
            );
        }
    }

    #[test]
    fn only_cloudformation_writes_to_iam_and_a_boundary_ties_what_gives_permissions() {
        let via = serde_json::json!(["cloudformation.amazonaws.com"]);
        let mut writes = 0;
        for boundary in [None, Some(BOUNDARY)] {
            for statement in statements(&place(), boundary) {
                let of_iam = statement.action.iter().any(|one| one.starts_with("iam:"));
                if of_iam && statement.sid.starts_with("Act") && statement.sid != "ActPassRoles" {
                    writes += 1;
                    let condition = &statement.condition["ForAnyValue:StringEquals"][CALLED_VIA];
                    assert_eq!(*condition, via, "{}", statement.sid);
                }
                // A boundary that could be taken off, or rewritten, would be none.
                let loosens = [
                    "DeleteRolePermissionsBoundary",
                    "PolicyVersion",
                    "CreatePolicy",
                ];
                for action in &statement.action {
                    assert!(
                        !loosens.iter().any(|word| action.contains(word)),
                        "{action}"
                    );
                }
            }
        }
        assert_eq!(writes, 4);
        for call in [
            "iam:CreateRole",
            "iam:PutRolePolicy",
            "iam:PutRolePermissionsBoundary",
        ] {
            let tied = with(call, Some(BOUNDARY));
            assert_eq!(tied.len(), 1, "{call}");
            assert_eq!(
                tied[0].condition["StringEquals"]["iam:PermissionsBoundary"],
                BOUNDARY
            );
        }
        assert!(with("iam:PutRolePermissionsBoundary", None).is_empty());
    }
}
