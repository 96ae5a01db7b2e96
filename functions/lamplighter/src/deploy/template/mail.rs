//! The trigger of a function that takes mail: a receipt rule of SES, which stores a mail in S3 and then invokes `live`.

use serde_json::{Map, Value, json};

use super::super::events::Mail;
use super::super::model::{Function, Stack};
use super::{attribute, if_else, policy, reference, sub, trust};

/// The condition that the stack makes a rule set, because none was named.
const MAKES_RULE_SET: &str = "MakesMailRuleSet";

/// Whether anything in the stack takes mail.
pub(super) fn is_needed(stack: &Stack) -> bool {
    let mut functions = stack.functions.iter();
    functions.any(|function| mail_of(function).is_some())
}

fn mail_of(function: &Function) -> Option<&Mail> {
    function.events.as_ref()?.mail.as_ref()
}

pub(super) fn parameters(parameters: &mut Value) {
    parameters["MailRuleSet"] = json!({
        "Type": "String",
        "Default": "",
        "AllowedPattern": "^([A-Za-z0-9]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?)?$",
        "Description": "The rule set of SES that is active in this region, which gets a rule more; empty: the stack makes one, which you then activate",
    });
}

pub(super) fn conditions(add: &mut impl FnMut(String, Value)) {
    add(
        MAKES_RULE_SET.to_owned(),
        json!({ "Fn::Equals": [reference("MailRuleSet"), ""] }),
    );
}

pub(super) fn resources(function: &Function, resources: &mut Map<String, Value>) {
    let Some(mail) = mail_of(function) else {
        return;
    };
    let (id, name) = (function.id(), &function.name);
    resources.insert(
        format!("{id}RuleSet"),
        json!({
            "Type": "AWS::SES::ReceiptRuleSet",
            "Condition": MAKES_RULE_SET,
            "Properties": { "RuleSetName": reference("AWS::StackName") },
        }),
    );
    // The rule is named by its text: with a reference the permission would need the rule, and the rule the permission.
    let rule_set = if_else(
        MAKES_RULE_SET,
        reference("AWS::StackName"),
        reference("MailRuleSet"),
    );
    let rule_arn = json!({ "Fn::Sub": [
        format!("arn:${{AWS::Partition}}:ses:${{AWS::Region}}:${{AWS::AccountId}}:receipt-rule-set/${{RuleSet}}:receipt-rule/${{AWS::StackName}}-{name}"),
        { "RuleSet": rule_set },
    ] });
    let objects = sub(&format!(
        "arn:${{AWS::Partition}}:s3:::{}/{}*",
        mail.source.bucket,
        mail.source.prefix.replace("${", "${!")
    ));
    // A role instead of a bucket policy: CloudFormation would replace whatever policy the bucket has.
    resources.insert(
        format!("{id}MailRole"),
        json!({
            "Type": "AWS::IAM::Role",
            "Properties": {
                "Description": format!("Lamplighter {name}: SES stores mail"),
                "AssumeRolePolicyDocument": trust(
                    "ses.amazonaws.com",
                    Some(json!({
                        "StringEquals": { "aws:SourceAccount": reference("AWS::AccountId") },
                        "ArnEquals": { "aws:SourceArn": rule_arn.clone() },
                    })),
                ),
                "Policies": [policy("store", json!([
                    { "Sid": "StoreMail", "Effect": "Allow", "Action": ["s3:PutObject"], "Resource": objects },
                ]))],
            },
        }),
    );
    resources.insert(
        format!("{id}MailPermission"),
        json!({
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": reference(&format!("{id}Live")),
                "Principal": "ses.amazonaws.com",
                "SourceAccount": reference("AWS::AccountId"),
                "SourceArn": rule_arn,
            },
        }),
    );
    let mut rule = json!({
        "Name": sub(&format!("${{AWS::StackName}}-{name}")),
        "Enabled": if_else("HasTriggers", true, false),
        "ScanEnabled": true,
        "Actions": [
            { "S3Action": {
                "BucketName": mail.source.bucket,
                "ObjectKeyPrefix": mail.source.prefix,
                "IamRoleArn": attribute(&format!("{id}MailRole"), "Arn"),
            } },
            // In this order, so that the mail is there when the function looks for it.
            { "LambdaAction": { "FunctionArn": reference(&format!("{id}Live")), "InvocationType": "Event" } },
        ],
    });
    if !mail.recipients.is_empty() {
        rule["Recipients"] = json!(mail.recipients);
    }
    resources.insert(
        format!("{id}MailRule"),
        json!({
            "Type": "AWS::SES::ReceiptRule",
            // SES takes no rule with a function that it may not invoke.
            "DependsOn": [format!("{id}MailPermission")],
            "Properties": {
                "RuleSetName": if_else(MAKES_RULE_SET, reference(&format!("{id}RuleSet")), reference("MailRuleSet")),
                "Rule": rule,
            },
        }),
    );
}

pub(super) fn outputs(function: &Function, outputs: &mut Map<String, Value>) {
    if mail_of(function).is_none() {
        return;
    }
    let id = function.id();
    outputs.insert(
        format!("{id}Mx"),
        json!({
            "Description": "The MX record of each domain whose mail is to come here",
            "Value": sub("10 inbound-smtp.${AWS::Region}.amazonaws.com"),
        }),
    );
    outputs.insert(
        format!("{id}RuleSetName"),
        json!({
            "Description": "The rule set that must be the active one",
            "Value": if_else(MAKES_RULE_SET, reference(&format!("{id}RuleSet")), reference("MailRuleSet")),
        }),
    );
}
