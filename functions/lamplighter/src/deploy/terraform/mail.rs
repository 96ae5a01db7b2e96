//! The trigger of a function that takes mail: a receipt rule of SES, which stores a mail in S3 and then invokes `live`.

use serde_json::json;

use super::super::events::Mail;
use super::super::model::{Function, Stack};
use super::{Resources, document, in_terraform, literal, snake, trust};

/// Whether anything in the stack takes mail.
pub(super) fn is_needed(stack: &Stack) -> bool {
    let mut functions = stack.functions.iter();
    functions.any(|function| mail_of(function).is_some())
}

fn mail_of(function: &Function) -> Option<&Mail> {
    function.events.as_ref()?.mail.as_ref()
}

pub(super) fn resources(function: &Function, resources: &mut Resources) {
    let Some(mail) = mail_of(function) else {
        return;
    };
    let (id, name) = (snake(&function.name), &function.name);
    resources.add(
        "aws_ses_receipt_rule_set",
        &id,
        json!({ "count": "${var.mail_rule_set == \"\" ? 1 : 0}", "rule_set_name": "${var.name}" }),
    );
    // A local: quotes in an expression would be escaped in a policy's text.
    let rule_set = resources.local(
        format!("{id}_rule_set"),
        "${var.mail_rule_set == \"\" ? var.name : var.mail_rule_set}",
    );
    let rule_set = format!("${{{rule_set}}}");
    let place = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:receipt-rule-set/";
    let rule_arn = format!(
        "{}{rule_set}:receipt-rule/${{var.name}}-{name}",
        in_terraform(place)
    );
    let account = "${data.aws_caller_identity.current.account_id}";
    let guard = json!({
        "StringEquals": { "aws:SourceAccount": account },
        "ArnEquals": { "aws:SourceArn": rule_arn.clone() },
    });
    let role = format!("{id}_mail");
    resources.role(
        &role,
        json!({
            "name": format!("${{var.name}}-{name}-mail"),
            "assume_role_policy": trust("ses.amazonaws.com", Some(guard)),
        }),
    );
    let objects = format!(
        "{}{}/{}*",
        in_terraform("arn:${AWS::Partition}:s3:::"),
        mail.source.bucket,
        literal(&mail.source.prefix)
    );
    resources.add(
        "aws_iam_role_policy",
        &role,
        json!({
            "name": "store",
            "role": format!("${{aws_iam_role.{role}.id}}"),
            "policy": document(json!([
                { "Sid": "StoreMail", "Effect": "Allow", "Action": ["s3:PutObject"], "Resource": objects },
            ])),
        }),
    );
    resources.add(
        "aws_lambda_permission",
        &role,
        json!({
            "action": "lambda:InvokeFunction",
            "function_name": format!("${{aws_lambda_function.{id}.function_name}}"),
            "qualifier": format!("${{aws_lambda_alias.{id}_live.name}}"),
            "principal": "ses.amazonaws.com",
            "source_account": account,
            "source_arn": rule_arn,
        }),
    );
    let mut rule = json!({
        "name": format!("${{var.name}}-{name}"),
        "rule_set_name": rule_set,
        "enabled": "${var.triggers_enabled}",
        "scan_enabled": true,
        "s3_action": [{
            "position": 1,
            "bucket_name": mail.source.bucket,
            "object_key_prefix": literal(&mail.source.prefix),
            "iam_role_arn": format!("${{aws_iam_role.{role}.arn}}"),
        }],
        "lambda_action": [{
            "position": 2,
            "function_arn": format!("${{aws_lambda_alias.{id}_live.arn}}"),
            "invocation_type": "Event",
        }],
        "depends_on": [
            format!("aws_ses_receipt_rule_set.{id}"),
            format!("aws_lambda_permission.{role}"),
            format!("aws_iam_role_policy.{role}"),
        ],
    });
    if !mail.recipients.is_empty() {
        rule["recipients"] = json!(mail.recipients);
    }
    resources.add("aws_ses_receipt_rule", &id, rule);
    resources.output(
        &format!("{id}_mx"),
        "The MX record of each domain whose mail is to come here",
        &in_terraform("10 inbound-smtp.${AWS::Region}.amazonaws.com"),
    );
    resources.output(
        &format!("{id}_rule_set_name"),
        "The rule set that must be the active one",
        &rule_set,
    );
}
