//! The triggers of event functions, by what must hold of them.

use serde_json::{Value, json};

use super::template;
use super::tests::{properties, stack};

/// A text with what CloudFormation would fill in, for one stack.
fn filled(text: &str) -> String {
    text.replace("${AWS::Partition}", "aws")
        .replace("${AWS::Region}", "eu-west-1")
        .replace("${AWS::AccountId}", "111122223333")
        .replace("${AWS::StackName}", "lamplighter")
        .replace("${!", "${")
}

#[test]
fn a_queue_hides_a_message_for_six_timeouts_and_gives_up_after_five_attempts() {
    let template = template(&stack());
    let queue = properties(&template, "ResizeImagesQueue");
    assert_eq!(
        queue["VisibilityTimeout"],
        json!({ "Ref": "ResizeImagesVisibilitySecs" })
    );
    let parameter = &template["Parameters"]["ResizeImagesVisibilitySecs"];
    assert_eq!(parameter["Default"], 6 * 300);
    assert_eq!(queue["RedrivePolicy"]["maxReceiveCount"], 5);
    assert_eq!(
        queue["RedrivePolicy"]["deadLetterTargetArn"],
        json!({ "Fn::GetAtt": ["ResizeImagesDeadLetters", "Arn"] })
    );
}

#[test]
fn live_takes_messages_one_by_one_and_only_once_the_triggers_are_on() {
    let template = template(&stack());
    for id in ["ResizeImages", "DeployBundles"] {
        let mapping = properties(&template, &format!("{id}Mapping"));
        assert_eq!(
            mapping["FunctionName"],
            json!({ "Ref": format!("{id}Live") })
        );
        assert_eq!(
            mapping["FunctionResponseTypes"],
            json!(["ReportBatchItemFailures"])
        );
        assert_eq!(
            mapping["Enabled"],
            json!({ "Fn::If": ["HasTriggers", true, false] })
        );
        let concurrency = &template["Parameters"][format!("{id}MaxConcurrency")];
        assert_eq!(
            (&concurrency["MinValue"], &concurrency["MaxValue"]),
            (&json!(2), &json!(1000))
        );
        // With a concurrency of 1 messages would be throttled until they are dead letters.
        let function = properties(&template, &format!("{id}Function"));
        assert!(function["ReservedConcurrentExecutions"].is_null());
    }
    assert!(template["Resources"]["ArchiveMailMapping"].is_null());
}

#[test]
fn a_rule_lets_the_objects_of_one_prefix_through() {
    let template = template(&stack());
    let rule = properties(&template, "ResizeImagesObjectRule1");
    assert_eq!(
        rule["EventPattern"],
        json!({
            "source": ["aws.s3"],
            "detail-type": ["Object Created", "Object Deleted"],
            "detail": { "bucket": { "name": ["photos"] }, "object": { "key": [{ "prefix": "in/" }] } },
        })
    );
    assert_eq!(
        rule["State"],
        json!({ "Fn::If": ["HasTriggers", "ENABLED", "DISABLED"] })
    );
    // What is not removed needs no event of removals.
    let bundles = properties(&template, "DeployBundlesObjectRule1");
    assert_eq!(
        bundles["EventPattern"]["detail-type"],
        json!(["Object Created"])
    );
    let deployments = properties(&template, "DeployBundlesDeploymentRule");
    assert_eq!(
        deployments["EventPattern"]["source"],
        json!(["aws.codedeploy"])
    );
    assert!(template["Resources"]["DeployBundlesDeploymentRule"]["Condition"].is_null());
}

#[test]
fn a_bucket_can_send_by_itself_and_the_output_says_how() {
    let template = template(&stack());
    let output = &template["Outputs"]["ResizeImagesNotification1"]["Value"]["Fn::If"];
    assert_eq!(output[0], "ResizeImagesByEventBridge");
    let text = |value: &Value| -> Value {
        let text = value
            .as_str()
            .expect("a text")
            .replace("${ResizeImagesQueue.Arn}", "ARN");
        serde_json::from_str(&filled(&text)).expect("JSON")
    };
    assert_eq!(text(&output[1]), json!({ "EventBridgeConfiguration": {} }));
    let direct = text(&output[2]["Fn::Sub"]);
    let queues = direct["QueueConfigurations"].as_array().expect("a list");
    assert_eq!(queues.len(), 2, "both prefixes of the one bucket");
    assert_eq!(queues[0]["QueueArn"], "ARN");
    assert_eq!(queues[0]["Events"][0], "s3:ObjectCreated:*");
    let value = |index: usize| &queues[index]["Filter"]["Key"]["FilterRules"][0]["Value"];
    assert_eq!(
        (value(0), value(1)),
        (&json!("in/"), &json!("old+%24%7Bx%7D/"))
    );
}

#[test]
fn only_the_stack_s_rules_and_the_sources_buckets_may_send_to_a_queue() {
    let template = template(&stack());
    let statements =
        &properties(&template, "ResizeImagesQueuePolicy")["PolicyDocument"]["Statement"];
    let rules = &statements[0]["Fn::If"][1];
    assert_eq!(
        rules["Principal"],
        json!({ "Service": "events.amazonaws.com" })
    );
    let arns = rules["Condition"]["ArnEquals"]["aws:SourceArn"].as_array();
    assert_eq!(arns.map(Vec::len), Some(2));
    let direct = &statements[1]["Fn::If"];
    // One or the other, never both.
    assert_eq!(direct[1], json!({ "Ref": "AWS::NoValue" }));
    assert_eq!(
        direct[2]["Principal"],
        json!({ "Service": "s3.amazonaws.com" })
    );
    assert_eq!(
        direct[2]["Condition"]["ArnEquals"]["aws:SourceArn"],
        json!([{ "Fn::Sub": "arn:${AWS::Partition}:s3:::photos" }])
    );
    for statement in [rules, &direct[2]] {
        assert_eq!(statement["Action"], "sqs:SendMessage");
        assert_eq!(
            statement["Condition"]["StringEquals"]["aws:SourceAccount"],
            json!({ "Ref": "AWS::AccountId" })
        );
    }
    // The rule for deployments sends in either case.
    let statements =
        &properties(&template, "DeployBundlesQueuePolicy")["PolicyDocument"]["Statement"];
    assert_eq!(statements[0]["Sid"], "SendFromRules");
}

#[test]
fn ses_stores_a_mail_and_then_invokes_live_as_one_rule_of_one_account() {
    let template = template(&stack());
    let rule = &properties(&template, "ArchiveMailMailRule")["Rule"];
    assert_eq!(
        rule["Enabled"],
        json!({ "Fn::If": ["HasTriggers", true, false] })
    );
    assert_eq!(rule["Recipients"], json!(["example.com"]));
    let actions = &rule["Actions"];
    assert_eq!(actions[0]["S3Action"]["BucketName"], "mail");
    assert_eq!(actions[0]["S3Action"]["ObjectKeyPrefix"], "inbox/");
    assert_eq!(
        actions[1]["LambdaAction"],
        json!({ "FunctionArn": { "Ref": "ArchiveMailLive" }, "InvocationType": "Event" })
    );
    let permission = properties(&template, "ArchiveMailMailPermission");
    assert_eq!(permission["Principal"], "ses.amazonaws.com");
    let role = properties(&template, "ArchiveMailMailRole");
    let trust = &role["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(
        trust["Principal"],
        json!({ "Service": "ses.amazonaws.com" })
    );
    let arn = &trust["Condition"]["ArnEquals"]["aws:SourceArn"];
    assert_eq!(*arn, permission["SourceArn"]);
    assert_eq!(
        filled(arn["Fn::Sub"][0].as_str().expect("a text")),
        "arn:aws:ses:eu-west-1:111122223333:receipt-rule-set/${RuleSet}:receipt-rule/lamplighter-archive-mail"
    );
    let stored = &role["Policies"][0]["PolicyDocument"]["Statement"][0];
    assert_eq!(
        filled(stored["Resource"]["Fn::Sub"].as_str().expect("a text")),
        "arn:aws:s3:::mail/inbox/*"
    );
    // What is invoked and not polled is tried again by Lambda.
    let again = properties(&template, "ArchiveMailAsyncConfig");
    assert!(again["DestinationConfig"]["OnFailure"]["Destination"].is_object());
}

#[test]
fn what_the_service_does_with_a_queue_is_in_the_role_apart_from_what_the_code_calls() {
    let template = template(&stack());
    let of = |id: &str| properties(&template, id)["Policies"].clone();
    let service = |id: &str| {
        let policies = of(id);
        let policies = policies.as_array().expect("a list");
        let service = policies
            .iter()
            .find(|policy| policy["PolicyName"] == "lambda-service");
        service.expect("it is there")["PolicyDocument"]["Statement"].clone()
    };
    let statements = service("ResizeImagesRole");
    let taken = statements
        .as_array()
        .expect("a list")
        .iter()
        .find(|statement| statement["Sid"] == "TakeMessages")
        .expect("Lambda may take messages");
    assert_eq!(
        taken["Action"],
        json!([
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage"
        ])
    );
    assert_eq!(
        taken["Resource"],
        json!({ "Fn::GetAtt": ["ResizeImagesQueue", "Arn"] })
    );
    assert!(
        !service("ArchiveMailRole")
            .to_string()
            .contains("sqs:ReceiveMessage")
    );
}

#[test]
fn a_configuration_in_s3_is_one_object_that_the_role_may_read() {
    let template = template(&stack());
    let variable = &properties(&template, "StopUntaggedFunction")["Environment"]["Variables"]["LAMPLIGHTER_CONFIG"];
    assert_eq!(
        *variable,
        json!({ "Fn::If": ["HasConfigObject", { "Fn::Sub": "s3://${ConfigObject}" }, "lamplighter.toml"] })
    );
    let policies = &properties(&template, "StopUntaggedRole")["Policies"];
    let config = policies
        .as_array()
        .expect("a list")
        .iter()
        .find(|policy| policy["Fn::If"][0] == "HasConfigObject")
        .expect("it is there");
    let statement = &config["Fn::If"][1]["PolicyDocument"]["Statement"][0];
    assert_eq!(statement["Action"], json!(["s3:GetObject"]));
    assert_eq!(
        statement["Resource"],
        json!({ "Fn::Sub": "arn:${AWS::Partition}:s3:::${ConfigObject}" })
    );
    // A wildcard in the parameter would let the role read more than the one object.
    let pattern = template["Parameters"]["ConfigObject"]["AllowedPattern"]
        .as_str()
        .expect("a pattern");
    assert!(pattern.contains("[^*?$]"), "{pattern}");
}

#[test]
fn the_longest_description_of_a_version_is_one_that_lambda_takes() {
    let template = template(&stack());
    let parameters = &template["Parameters"];
    let text = properties(&template, "StopUntaggedVersion")["Description"]["Fn::Sub"].clone();
    let length = |name: &str| parameters[name]["MaxLength"].as_u64().expect("a length");
    let fixed = text
        .as_str()
        .expect("a text")
        .replace("${StopUntaggedMemoryMb}", "10240")
        .replace("${StopUntaggedTimeoutSecs}", "900")
        .replace("${ConfigObject}", "")
        .replace("${Revision}", "");
    assert!(!fixed.contains('$'), "{fixed}");
    let longest = fixed.len() as u64 + length("ConfigObject") + length("Revision");
    // <https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html>
    assert!(longest <= 256, "{longest}");
}
