//! Whole calls under a policy.

use crate::ec2::{Instance, PrefixList};
use crate::iam::{IamKey, IamUser};
use crate::testing::{ACCOUNT, REGION, Stage, body, leaves, short, world};
use crate::world::World;

/// A user who may do what the statements say.
fn stage_of(world: World, statements: &str) -> Stage {
    let policy = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
    let mut stage = Stage::new(world.enforced_user("AKIASMALL", ACCOUNT, "small", &policy));
    stage.access_key = "AKIASMALL".to_owned();
    stage
}

fn allow(action: &str, resource: &str) -> String {
    format!(r#"{{"Sid": "A", "Effect": "Allow", "Action": {action}, "Resource": {resource}}}"#)
}

fn instances() -> World {
    let warned = Instance::new("i-1").tag("mark", "2026");
    world()
        .instance(ACCOUNT, REGION, warned)
        .instance(ACCOUNT, REGION, Instance::new("i-2"))
}

const DENIED: &str = "403 UnauthorizedOperation: You are not authorized to perform this operation.";

#[test]
fn without_a_policy_everything_is_allowed_and_with_one_only_what_it_allows() {
    let mut free = Stage::new(instances());
    assert_eq!(free.ec2("StopInstances", "InstanceId.1=i-1"), "200");
    let needed = &free.state.calls[0].permissions;
    assert_eq!(needed[0].action, "ec2:StopInstances");
    assert!(!needed[0].is_denied && needed[0].allowed_by.is_empty());

    let mut stage = stage_of(instances(), &allow(r#""EC2:describe*""#, r#""*""#));
    assert_eq!(stage.ec2("DescribeInstances", ""), "200");
    assert_eq!(stage.ec2("StopInstances", "InstanceId.1=i-1"), DENIED);
    assert_eq!(
        stage.state.world.instances(ACCOUNT, REGION)[0].state.name(),
        "running"
    );
    assert_eq!(stage.state.calls[0].permissions[0].allowed_by, ["A"]);
    let refused = stage.state.calls[1].denied().unwrap();
    let arn = "arn:aws:ec2:eu-west-1:123456789012:instance/i-1";
    assert_eq!(
        (refused.action.as_str(), refused.resource.as_str()),
        ("ec2:StopInstances", arn)
    );
    // Who one is, everybody may ask.
    assert_eq!(short(&stage.query("sts", "GetCallerIdentity", "")), "200");
}

#[test]
fn every_resource_of_a_call_must_be_allowed() {
    let only = r#""arn:aws:ec2:*:*:instance/i-1""#;
    let mut stage = stage_of(instances(), &allow(r#"["ec2:StopInstances"]"#, only));
    assert_eq!(
        stage.ec2("StopInstances", "InstanceId.1=i-1&InstanceId.2=i-2"),
        DENIED
    );
    assert_eq!(stage.ec2("StopInstances", "InstanceId.1=i-1"), "200");
    // Listing has no resource but `*`.
    let mut stage = stage_of(instances(), &allow(r#""ec2:DescribeInstances""#, only));
    assert_eq!(stage.ec2("DescribeInstances", "InstanceId.1=i-1"), DENIED);
}

#[test]
fn a_denial_counts_more_than_any_permission() {
    let deny = r#"{"Effect": "Deny", "NotAction": "ec2:Describe*", "Resource": "*"}"#;
    let statements = format!("{},{deny}", allow(r#""*""#, r#""*""#));
    let mut stage = stage_of(instances(), &statements);
    assert_eq!(stage.ec2("DescribeInstances", ""), "200");
    assert_eq!(stage.ec2("StopInstances", "InstanceId.1=i-1"), DENIED);
}

#[test]
fn the_tags_of_the_resource_and_of_the_request_decide() {
    let statement = |action: &str, condition: &str| {
        format!(
            r#"{{"Effect": "Allow", "Action": "{action}", "Resource": "arn:aws:ec2:*:*:instance/*", "Condition": {condition}}}"#
        )
    };
    let statements = [
        statement(
            "ec2:StopInstances",
            r#"{"StringLike": {"aws:ResourceTag/mark": "*"}}"#,
        ),
        statement(
            "ec2:DeleteTags",
            r#"{"ForAllValues:StringEquals": {"aws:TagKeys": "mark"}, "Null": {"aws:TagKeys": "false"}}"#,
        ),
    ];
    let mut stage = stage_of(instances(), &statements.join(","));
    assert_eq!(stage.ec2("StopInstances", "InstanceId.1=i-2"), DENIED);
    assert_eq!(stage.ec2("StopInstances", "InstanceId.1=i-1"), "200");
    for (tags, expected) in [
        ("", DENIED),
        ("&Tag.1.Key=Owner", DENIED),
        ("&Tag.1.Key=mark&Tag.2.Key=Owner", DENIED),
        ("&Tag.1.Key=mark", "200"),
    ] {
        assert_eq!(
            stage.ec2("DeleteTags", &format!("ResourceId.1=i-1{tags}")),
            expected,
            "{tags}"
        );
    }
}

#[test]
fn that_an_object_is_missing_is_told_to_who_may_list() {
    let buckets = || {
        let mut world = world().bucket(ACCOUNT, REGION, "b");
        world.store_object("b", "in/there", b"x");
        world
    };
    let get = allow(r#""s3:GetObject""#, r#""arn:aws:s3:::b/in/*""#);
    let list = r#"{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b",
        "Condition": {"StringLike": {"s3:prefix": "in/*"}}}"#;
    let ask = |stage: &mut Stage, method: &str, target: &str| {
        stage.call("s3", method, target, &[], b"").status
    };
    let mut stage = stage_of(buckets(), &get);
    assert_eq!(ask(&mut stage, "GET", "/b/in/there"), 200);
    for method in ["GET", "HEAD"] {
        assert_eq!(ask(&mut stage, method, "/b/in/missing"), 403, "{method}");
    }
    assert_eq!(
        stage.state.calls[1].denied().unwrap().action,
        "s3:ListBucket"
    );
    let mut stage = stage_of(buckets(), &format!("{get},{list}"));
    for method in ["GET", "HEAD"] {
        assert_eq!(ask(&mut stage, method, "/b/in/missing"), 404, "{method}");
    }
    assert_eq!(ask(&mut stage, "GET", "/b?list-type=2&prefix=in/"), 200);
    assert_eq!(ask(&mut stage, "GET", "/b?list-type=2"), 403);
    assert_eq!(ask(&mut stage, "GET", "/b/out/missing"), 403);
    // A version is another permission.
    assert_eq!(ask(&mut stage, "GET", "/b/in/there?versionId=null"), 403);
    assert_eq!(ask(&mut stage, "PUT", "/b/in/new"), 403);
    assert!(stage.state.world.object("b", "in/new").is_none());
}

#[test]
fn a_role_s_session_is_judged_by_the_role_s_policy_and_not_by_the_caller_s() {
    let target = "arn:aws:iam::210987654321:role/Target";
    let policy = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"}}"#;
    let world = world().enforced_role("210987654321", "Target", policy);
    let mut stage = stage_of(world, &allow(r#""sts:AssumeRole""#, &format!("{target:?}")));
    assert_eq!(stage.ec2("DescribeInstances", ""), DENIED);
    let other = stage.query(
        "sts",
        "AssumeRole",
        "RoleSessionName=me&RoleArn=arn:aws:iam::210987654321:role/X",
    );
    assert_eq!(
        short(&other),
        "403 AccessDenied: User: arn:aws:iam::123456789012:user/small is not authorized to perform: sts:AssumeRole"
    );
    let given = stage.query(
        "sts",
        "AssumeRole",
        &format!("RoleSessionName=me&RoleArn={target}"),
    );
    stage.access_key = leaves(&body(&given), "AccessKeyId")[0].clone();
    stage.token = Some(leaves(&body(&given), "SessionToken")[0].clone());
    assert_eq!(stage.ec2("DescribeInstances", ""), "200");
    assert_eq!(stage.ec2("DescribeTags", ""), DENIED);
}

#[test]
fn resources_are_named_as_in_the_service_authorization_reference() {
    let ann = IamUser::new("ann")
        .path("/staff/")
        .key(IamKey::new("AKIAANN", world().now()));
    let world = world()
        .user(ACCOUNT, ann)
        .verified_identity("example.com")
        .prefix_list(ACCOUNT, REGION, PrefixList::new("pl-1", []).of_aws())
        .prefix_list(ACCOUNT, REGION, PrefixList::new("pl-2", []));
    let mut stage = stage_of(world, &allow(r#""nothing:Nothing""#, r#""*""#));
    let _ = stage.query("iam", "GetUser", "UserName=ann");
    let _ = stage.query("iam", "GetAccessKeyLastUsed", "AccessKeyId=AKIAANN");
    let _ = stage.query("iam", "GetPolicy", "PolicyArn=arn:aws:iam::aws:policy/X");
    let _ = stage.query("iam", "GetAccountSummary", "");
    let _ = stage.query("ec2", "GetManagedPrefixListEntries", "PrefixListId=pl-1");
    let _ = stage.query("ec2", "GetManagedPrefixListEntries", "PrefixListId=pl-2");
    let _ = stage.query("sns", "Publish", "TopicArn=arn:aws:sns:eu-west-1:1:t");
    let mail =
        br#"{"FromEmailAddress": "Ops <ops@eu.example.com>", "Content": {"Raw": {"Data": ""}}}"#;
    let _ = stage.call("ses", "POST", "/v2/email/outbound-emails", &[], mail);
    let queue = [("x-amz-target", "AmazonSQS.DeleteMessageBatch")];
    let url = br#"{"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/q"}"#;
    let _ = stage.call("sqs", "POST", "/", &queue, url);
    let group = br#"{"applicationName": "a", "deploymentGroupName": "g"}"#;
    let create = [("x-amz-target", "CodeDeploy_20141006.CreateDeployment")];
    let _ = stage.call("codedeploy", "POST", "/", &create, group);
    let needed: Vec<String> = stage
        .state
        .calls
        .iter()
        .flat_map(|call| &call.permissions)
        .inspect(|one| assert!(one.is_denied))
        .map(|one| format!("{} {}", one.action, one.resource))
        .collect();
    assert_eq!(
        needed,
        [
            "iam:GetUser arn:aws:iam::123456789012:user/staff/ann",
            "iam:GetAccessKeyLastUsed arn:aws:iam::123456789012:user/staff/ann",
            "iam:GetPolicy arn:aws:iam::aws:policy/X",
            "iam:GetAccountSummary *",
            "ec2:GetManagedPrefixListEntries arn:aws:ec2:eu-west-1:aws:prefix-list/pl-1",
            "ec2:GetManagedPrefixListEntries arn:aws:ec2:eu-west-1:123456789012:prefix-list/pl-2",
            "sns:Publish arn:aws:sns:eu-west-1:1:t",
            "ses:SendEmail arn:aws:ses:eu-west-1:123456789012:identity/example.com",
            "ses:SendRawEmail arn:aws:ses:eu-west-1:123456789012:identity/example.com",
            "sqs:DeleteMessage arn:aws:sqs:eu-west-1:123456789012:q",
            "codedeploy:CreateDeployment arn:aws:codedeploy:eu-west-1:123456789012:deploymentgroup:a/g",
            "codedeploy:GetDeploymentConfig arn:aws:codedeploy:eu-west-1:123456789012:deploymentconfig:CodeDeployDefault.OneAtATime",
            "codedeploy:GetApplicationRevision arn:aws:codedeploy:eu-west-1:123456789012:application:a",
            "codedeploy:RegisterApplicationRevision arn:aws:codedeploy:eu-west-1:123456789012:application:a",
        ]
    );
}

#[test]
fn a_policy_that_is_not_understood_is_a_slip_of_the_pen() {
    for (statement, expected) in [
        (
            r#"{"Effect": "Allow", "Action": "ec2", "Resource": "*"}"#,
            "`ec2` is no action",
        ),
        (
            r#"{"Effect": "Allow", "Action": "a:B", "Resource": "b/*"}"#,
            "`b/*` is no ARN",
        ),
        (
            r#"{"Effect": "Allow", "Action": "a:B"}"#,
            "either `Resource` or `NotResource`",
        ),
        (
            r#"{"Effect": "allow", "Action": "a:B", "Resource": "*"}"#,
            "the effect is",
        ),
        (
            r#"{"Effect": "Allow", "Action": "a:B", "Resource": "*", "Princpal": "*"}"#,
            "unknown key `Princpal`",
        ),
        (
            r#"{"Effect": "Allow", "Action": "a:B", "Resource": "*", "Condition": {"Near": {"k": "v"}}}"#,
            "not simulated",
        ),
        (
            r#"{"Effect": "Allow", "Action": "a:B", "Resource": "arn:aws:s3:::${x}"}"#,
            "policy variable",
        ),
        (
            r#"{"Sid": "a-b", "Effect": "Allow", "Action": "a:B", "Resource": "*"}"#,
            "letters and digits",
        ),
    ] {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": {statement}}}"#);
        let message = super::Document::read(&text).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
}
