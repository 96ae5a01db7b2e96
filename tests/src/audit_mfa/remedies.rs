//! The remedies: warned, then denied or without a password, and let in again.

use super::*;

#[test]
fn a_user_is_warned_then_denied_and_let_in_again_once_there_is_mfa() {
    let section = "mode = \"apply\"\nremediate = \"deny-until-mfa\"";
    let ann = IamUser::new("ann")
        .password()
        .tag("email", "ann@example.com");
    let aws = serve(world().user(ACCOUNT, ann));
    assert_eq!(
        actions(&round(&aws, section).code(0).json()),
        ["warn-and-mark ann done"]
    );
    assert_eq!(
        changing(&aws),
        ["ses:SendEmail", "iam:TagUser"],
        "the mail comes first"
    );
    assert_eq!(tag(&aws, "ann").as_deref(), Some("2026-11-23T10:00:00Z"));
    assert_eq!(aws.mails()[0].to, ["ann@example.com"]);

    aws.advance(Duration::days(6));
    assert!(actions(&round(&aws, section).code(0).json()).is_empty());
    aws.advance(Duration::days(1));
    let run = round(&aws, section).code(0).json();
    assert_eq!(actions(&run), ["deny-until-mfa ann done"]);
    let undo = run["actions"][0]["undo"].as_str();
    assert_eq!(
        undo,
        Some("aws iam delete-user-policy --user-name ann --policy-name lamplighter-deny-until-mfa")
    );
    assert_eq!((is_denied(&aws, "ann"), tag(&aws, "ann")), (true, None));
    let document =
        aws.with(|world| world.find_user(ACCOUNT, "ann").expect("ann").inline[DENIAL].clone());
    let document: Value = serde_json::from_str(&document).expect("a policy");
    assert_eq!(
        document["Statement"][0]["Condition"]["BoolIfExists"]["aws:MultiFactorAuthPresent"],
        "false"
    );

    aws.advance(Duration::hours(5));
    assert!(
        actions(&round(&aws, section).code(0).json()).is_empty(),
        "denied once is enough"
    );
    aws.with(|world| {
        world
            .user_mut(ACCOUNT, "ann")
            .expect("ann")
            .mfa_devices
            .insert("GAHT1".to_owned())
    });
    assert_eq!(
        actions(&round(&aws, section).code(0).json()),
        ["lift-denial ann done"]
    );
    assert!(!is_denied(&aws, "ann"));
    assert_eq!(aws.mails().len(), 1, "one warning in all");
}

#[test]
fn a_password_is_deleted_after_the_warning_and_a_busy_one_by_the_next_run() {
    let section = "mode = \"apply\"\nremediate = \"delete-login-profile\"";
    let mut due = IamUser::new("ann")
        .password()
        .tag(MARK, "2026-11-15T10:00:00Z");
    due.is_password_busy = true;
    let aws = serve(
        world()
            .user(ACCOUNT, due)
            .user(ACCOUNT, IamUser::new("bob").password().virtual_mfa()),
    );
    let run = round(&aws, section).code(4).json();
    assert_eq!(actions(&run), ["delete-login-profile ann failed"]);
    assert!(
        run["actions"][0]["reason"]
            .to_string()
            .contains("the next run tries again")
    );
    aws.with(|world| {
        world
            .user_mut(ACCOUNT, "ann")
            .expect("ann")
            .is_password_busy = false
    });
    assert_eq!(
        actions(&round(&aws, section).code(0).json()),
        ["delete-login-profile ann done"]
    );
    let has_password = aws.with(|world| world.find_user(ACCOUNT, "ann").expect("ann").has_password);
    assert_eq!((has_password, tag(&aws, "ann")), (false, None));
}

#[test]
fn the_caller_the_root_user_and_strange_marks_are_left_alone() {
    let root = RootUser {
        has_mfa: false,
        ..RootUser::default()
    };
    let past = "2026-11-15T10:00:00Z";
    let aws = serve(
        world()
            .root_user(ACCOUNT, root)
            // Whom the simulated credentials belong to.
            .user(
                ACCOUNT,
                IamUser::new("lamplighter").password().tag(MARK, past),
            )
            .user(ACCOUNT, IamUser::new("word").password().tag(MARK, "never"))
            .user(
                ACCOUNT,
                IamUser::new("far")
                    .password()
                    .tag(MARK, "2027-11-15T10:00:00Z"),
            ),
    );
    for remedy in ["delete-login-profile", "deny-until-mfa"] {
        let run = round(&aws, &format!("mode = \"apply\"\nremediate = \"{remedy}\""))
            .code(0)
            .json();
        assert!(actions(&run).is_empty(), "{run}");
        assert!(
            run["skipped"]
                .to_string()
                .contains("Lamplighter itself runs as this user")
        );
        assert_eq!(run["summary"]["skipped"], 3);
    }
    assert!(changing(&aws).is_empty());
}

#[test]
fn too_many_at_once_are_refused_and_a_warning_that_was_not_delivered_marks_nobody() {
    let section = "mode = \"apply\"\nremediate = \"delete-login-profile\"";
    let mut crowd = world();
    for number in 0..10 {
        let user = IamUser::new(&format!("u{number}")).password();
        crowd.add_user(
            ACCOUNT,
            if number < 4 {
                user.tag(MARK, "2026-11-15T10:00:00Z")
            } else {
                user
            },
        );
    }
    let aws = serve(crowd);
    let run = round(&aws, section).code(1).json();
    let why = "the plan deletes the passwords of 4 of 10 console users in account 123456789012 (40%), the limit is 30%";
    assert!(
        run["would_refuse"].to_string().contains(why),
        "{}",
        run["would_refuse"]
    );
    assert!(changing(&aws).is_empty());

    let aws = serve(world().user(ACCOUNT, IamUser::new("ann").password()));
    aws.inject(Fault::new("ses:SendEmail", FaultKind::Denied));
    assert_eq!(
        actions(&round(&aws, section).code(4).json()),
        ["warn-and-mark ann failed"]
    );
    assert_eq!(tag(&aws, "ann"), None);
}
