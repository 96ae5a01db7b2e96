//! IAM, request by request.

use chrono::Duration;

use crate::testing::{ACCOUNT, Stage, body, leaves, short, world};

use super::{IamGroup, IamKey, IamUser, RootUser};

fn ask(stage: &mut Stage, action: &str, params: &str) -> String {
    short(&stage.query("iam", action, params))
}

#[test]
fn the_report_goes_through_all_its_states() {
    let world = world().credential_report_refuses(1);
    let mut stage = Stage::new(world.credential_report_takes(2));
    let generate = |stage: &mut Stage| {
        let answer = stage.query("iam", "GenerateCredentialReport", "");
        leaves(&body(&answer), "State").first().cloned()
    };
    let get = |stage: &mut Stage| ask(stage, "GetCredentialReport", "");
    assert_eq!(
        get(&mut stage),
        "410 ReportNotPresent: No report exists. Use GenerateCredentialReport to create one."
    );
    assert!(ask(&mut stage, "GenerateCredentialReport", "").starts_with("409 LimitExceeded"));
    assert_eq!(generate(&mut stage).as_deref(), Some("STARTED"));
    assert_eq!(generate(&mut stage).as_deref(), Some("INPROGRESS"));
    for _ in 0..2 {
        assert!(get(&mut stage).starts_with("404 ReportInProgress"));
    }
    assert_eq!(get(&mut stage), "200");
    assert_eq!(generate(&mut stage).as_deref(), Some("COMPLETE"));
    stage.wait(4 * 3600);
    assert!(get(&mut stage).starts_with("410 ReportExpired"));
    assert_eq!(generate(&mut stage).as_deref(), Some("STARTED"));
}

#[test]
fn the_report_says_what_there_was_when_it_was_made() {
    use base64::Engine;
    let now = world().now();
    let ann = IamUser::new("ann,x=1")
        .path("/staff/")
        .password()
        .key(IamKey::new("AKIA1", now - Duration::days(9)).used_at(now));
    let root = RootUser {
        has_mfa: false,
        keys: vec![now],
        ..RootUser::default()
    };
    let world = world().root_user(ACCOUNT, root).user(ACCOUNT, ann);
    let mut stage = Stage::new(world);
    stage.state.world.make_credential_report(ACCOUNT);
    let user = stage.state.world.user_mut(ACCOUNT, "ann,x=1").unwrap();
    user.has_password = false;
    let answer = body(&stage.query("iam", "GetCredentialReport", ""));
    let content = leaves(&answer, "Content").remove(0);
    let bytes = base64::prelude::BASE64_STANDARD.decode(content).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0].split(',').count(), 22);
    assert!(
        lines[1].starts_with("<root_account>,arn:aws:iam::123456789012:root,")
            && lines[1].contains(
                ",not_supported,no_information,not_supported,not_supported,false,true,2024"
            ),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].starts_with("\"ann,x=1\",arn:aws:iam::123456789012:user/staff/ann,x=1,")
            || lines[2]
                .starts_with("\"ann,x=1\",\"arn:aws:iam::123456789012:user/staff/ann,x=1\","),
        "{}",
        lines[2]
    );
    assert!(lines[2].contains(",true,no_information,"), "{}", lines[2]);
    assert!(
        lines[2]
            .contains(",true,2024-09-25T00:00:00+00:00,2024-10-04T00:00:00+00:00,eu-west-1,s3,")
    );
}

#[test]
fn what_is_not_there_is_no_such_entity() {
    let mut stage = Stage::new(world().user(ACCOUNT, IamUser::new("ann")));
    for (action, params, expected) in [
        (
            "GetUser",
            "UserName=bob",
            "404 NoSuchEntity: The user with name bob cannot be found.",
        ),
        (
            "GetLoginProfile",
            "UserName=ann",
            "404 NoSuchEntity: Login Profile for User ann cannot be found.",
        ),
        (
            "DeleteLoginProfile",
            "UserName=ann",
            "404 NoSuchEntity: Login Profile for User ann cannot be found.",
        ),
        (
            "ListMFADevices",
            "UserName=bob",
            "404 NoSuchEntity: The user with name bob cannot be found.",
        ),
        (
            "DeleteUserPolicy",
            "UserName=ann&PolicyName=p",
            "404 NoSuchEntity: The user policy with name p cannot be found.",
        ),
        (
            "UpdateAccessKey",
            "UserName=ann&AccessKeyId=k&Status=Inactive",
            "404 NoSuchEntity: The Access Key with id k cannot be found.",
        ),
    ] {
        assert_eq!(ask(&mut stage, action, params), expected);
    }
    assert!(
        ask(&mut stage, "GetAccessKeyLastUsed", "AccessKeyId=k").starts_with("403 AccessDenied")
    );
    assert!(ask(&mut stage, "CreateUser", "").starts_with("400 InvalidAction"));
}

#[test]
fn changes_change_and_listings_have_pages() {
    let now = world().now();
    let ann = IamUser::new("ann")
        .password()
        .key(IamKey::new("AKIA1", now))
        .key(IamKey::new("AKIA2", now))
        .in_group("admins");
    let world = world()
        .user(ACCOUNT, ann)
        .user(ACCOUNT, IamUser::new("bob"));
    let world = world.group(ACCOUNT, IamGroup::new("admins").inline("all", "{}"));
    let mut stage = Stage::new(world.page_size(Some(1)));
    let page = body(&stage.query("iam", "ListAccessKeys", "UserName=ann"));
    assert_eq!(leaves(&page, "AccessKeyId"), ["AKIA1"]);
    let marker = leaves(&page, "Marker").remove(0);
    let page = body(&stage.query(
        "iam",
        "ListAccessKeys",
        &format!("UserName=ann&Marker={marker}"),
    ));
    assert_eq!(leaves(&page, "AccessKeyId"), ["AKIA2"]);
    assert_eq!(leaves(&page, "IsTruncated"), ["false"]);

    let (mut names, mut marker) = (Vec::new(), String::new());
    loop {
        let params = if marker.is_empty() {
            String::new()
        } else {
            format!("Marker={marker}")
        };
        let page = body(&stage.query("iam", "GetAccountAuthorizationDetails", &params));
        names.extend(leaves(&page, "UserName"));
        match leaves(&page, "Marker").first() {
            Some(next) => marker.clone_from(next),
            None => break,
        }
    }
    assert_eq!(names, ["ann", "bob"]);

    for (action, params) in [
        (
            "TagUser",
            "UserName=ann&Tags.member.1.Key=lamplighter:deny-after&Tags.member.1.Value=x",
        ),
        (
            "PutUserPolicy",
            "UserName=ann&PolicyName=p&PolicyDocument=%7B%7D",
        ),
        (
            "UpdateAccessKey",
            "UserName=ann&AccessKeyId=AKIA1&Status=Inactive",
        ),
        ("DeleteLoginProfile", "UserName=ann"),
    ] {
        assert_eq!(ask(&mut stage, action, params), "200", "{action}");
    }
    assert!(
        stage
            .state
            .calls
            .iter()
            .rev()
            .take(4)
            .all(|call| call.changes)
    );
    let ann = stage.state.world.find_user(ACCOUNT, "ann").unwrap();
    assert_eq!(ann.tags.len() + ann.inline.len(), 2);
    assert!(!ann.has_password && !ann.keys[0].is_active);
    assert_eq!(
        ask(
            &mut stage,
            "UntagUser",
            "UserName=ann&TagKeys.member.1=lamplighter:deny-after"
        ),
        "200"
    );
    assert!(
        stage
            .state
            .world
            .find_user(ACCOUNT, "ann")
            .unwrap()
            .tags
            .is_empty()
    );
}
