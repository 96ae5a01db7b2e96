//! The plans: one case, one sentence, one expected text.

use expect_test::{Expect, expect};
use lamplighter_aws::iam::RootSummary;
use lamplighter_aws::iam::credential_report::{Answer, KeySlot, Row};
use lamplighter_config::{Config, Sources};
use lamplighter_core::Action as _;
use lamplighter_shell::Connect;

use super::*;
use crate::AuditMfa;
use crate::user::{Marks, Root};

const NOW: &str = "2026-11-22T12:00:00Z";

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text)
        .expect("a time")
        .with_timezone(&Utc)
}

/// The shipped defaults.
fn rules() -> Rules {
    let config = Config::load(&Sources::default()).expect("the defaults are sound");
    let mut rules = AuditMfa::rules(&config).expect("the defaults make rules");
    rules.to = vec!["ops@example.com".to_owned()];
    rules
}

fn with(remedy: Remedy) -> Rules {
    Rules {
        remedy: Some(remedy),
        ..rules()
    }
}

/// A user who has existed for a year and can sign in without MFA.
fn user(name: &str) -> User {
    User {
        name: name.to_owned(),
        arn: format!("arn:aws:iam::111122223333:user/{name}"),
        created_at: Some(time("2025-11-22T12:00:00Z")),
        password_last_used: None,
        console: Console::WithoutMfa,
        admin: Admin::No,
        only_virtual_mfa: None,
        marks: Some(Marks::default()),
    }
}

impl User {
    fn console(self, console: Console) -> Self {
        Self { console, ..self }
    }

    fn admin(self, admin: Admin) -> Self {
        Self { admin, ..self }
    }

    fn marked(mut self, mark: &str) -> Self {
        self.marks.get_or_insert_default().mark = Some(mark.to_owned());
        self
    }

    fn denied(mut self) -> Self {
        self.marks.get_or_insert_default().is_denied = true;
        self
    }
}

fn slot(active: Answer) -> KeySlot {
    KeySlot {
        active,
        rotated_at: None,
        last_used: None,
    }
}

fn root_row(password: Answer, mfa: Answer, key: Answer) -> Row {
    Row {
        user: "<root_account>".to_owned(),
        arn: "arn:aws:iam::111122223333:root".to_owned(),
        created_at: None,
        password,
        password_last_used: None,
        mfa,
        keys: [slot(key), slot(Answer::No)],
        has_more_keys: false,
    }
}

fn account(users: impl IntoIterator<Item = User>, root: Root) -> Inventory {
    Inventory {
        accounts: vec![AccountView {
            id: "111122223333".to_owned(),
            partition: "aws".to_owned(),
            report_generated_at: time("2026-11-22T11:25:00Z"),
            users: users.into_iter().collect(),
            root,
        }],
        own: vec!["arn:aws:iam::111122223333:user/lamplighter".to_owned()],
    }
}

/// The only caller of `plan`. What every plan says of a good root user is left out.
fn tell(inventory: &Inventory, rules: &Rules) -> String {
    let plan = plan(inventory, rules, time(NOW));
    let mut text = String::new();
    for action in &plan.actions {
        let to = match action {
            Action::WarnAndMark { recipients, .. } => format!(" to {}", recipients.join(", ")),
            _ => String::new(),
        };
        let name = &action.target().user;
        text.push_str(&format!(
            "{} {name}{to}: {}\n",
            action.name(),
            action.reason()
        ));
    }
    for skip in &plan.skipped {
        text.push_str(&format!("skip {}: {}\n", skip.resource.name(), skip.reason));
    }
    for finding in &plan.findings {
        if !(finding.rule.starts_with("root") && finding.verdict == Verdict::Pass) {
            text.push_str(&format!(
                "{} {} {}: {}\n",
                finding.verdict.as_str(),
                finding.severity.as_str(),
                finding.rule,
                finding.message
            ));
        }
    }
    text
}

fn check_with(rules: &Rules, users: impl IntoIterator<Item = User>, expected: Expect) {
    let good = Root {
        row: Some(root_row(Answer::NotSupported, Answer::Yes, Answer::No)),
        now: None,
    };
    expected.assert_eq(&tell(&account(users, good), rules));
}

fn check_root(row: Row, now: Option<Result<RootSummary, String>>, expected: Expect) {
    let root = Root {
        row: Some(row),
        now,
    };
    expected.assert_eq(&tell(&account([], root), &rules()));
}

fn summary(password: Option<bool>, mfa: bool, keys: bool) -> Option<Result<RootSummary, String>> {
    Some(Ok(RootSummary {
        has_password: password,
        has_mfa: Some(mfa),
        has_keys: Some(keys),
    }))
}

#[test]
fn an_account_without_users_is_good_and_its_root_user_is_still_judged() {
    check_with(&rules(), [], expect![[""]]);
    check_root(
        root_row(Answer::NotSupported, Answer::No, Answer::No),
        summary(Some(true), false, false),
        expect![[r#"
            fail critical root-without-mfa: The root user of account 111122223333: it can be used without MFA.
        "#]],
    );
}

#[test]
fn the_age_of_the_report_is_told() {
    let root = Root {
        row: Some(root_row(Answer::Yes, Answer::Yes, Answer::No)),
        now: None,
    };
    let plan = plan(&account([], root), &rules(), time(NOW));
    expect!["account 111122223333: the credential report is of 2026-11-22 11:25 UTC, 35 min old; whom it accuses was checked live"].assert_eq(&plan.notes.join("\n"));
}

#[test]
fn users_are_judged_by_password_and_mfa_whether_or_not_they_ever_signed_in() {
    check_with(
        &rules(),
        [
            user("ann"),
            user("bob").console(Console::WithMfa),
            user("cid").console(Console::NoPassword),
            user("dan").console(Console::Unknown(
                "not allowed to call `iam:GetLoginProfile`".to_owned(),
            )),
            user("eve").admin(Admin::By(
                "policy `AdministratorAccess` of group `admins`".to_owned(),
            )),
            user("fay").admin(Admin::Unknown(
                "not allowed to call `iam:ListGroupsForUser`".to_owned(),
            )),
        ],
        expect![[r#"
            fail high console-user-without-mfa: User `ann` can sign in to the console without MFA.
            not_applicable info admin-without-mfa: User `ann` is no administrator.
            pass info console-user-without-mfa: User `bob` has MFA.
            not_applicable info console-user-without-mfa: User `cid` has no password, and so no console.
            unknown high console-user-without-mfa: Whether user `dan` can sign in without MFA could not be told: not allowed to call `iam:GetLoginProfile`.
            fail high console-user-without-mfa: User `eve` can sign in to the console without MFA.
            fail critical admin-without-mfa: User `eve` is an administrator by policy `AdministratorAccess` of group `admins`, and can sign in without MFA.
            fail high console-user-without-mfa: User `fay` can sign in to the console without MFA.
            unknown critical admin-without-mfa: Whether user `fay` is an administrator could not be told: not allowed to call `iam:ListGroupsForUser`.
        "#]],
    );
}

#[test]
fn an_administrator_may_need_more_than_an_app() {
    let rules = Rules {
        virtual_mfa_for_admin: true,
        ..rules()
    };
    let admin = |name: &str, only_virtual| User {
        only_virtual_mfa: Some(only_virtual),
        ..user(name)
            .console(Console::WithMfa)
            .admin(Admin::By("policy `p`".to_owned()))
    };
    check_with(
        &rules,
        [
            admin("app", Ok(true)),
            admin("both", Ok(false)),
            admin(
                "denied",
                Err("not allowed to call `iam:ListMFADevices`".to_owned()),
            ),
            user("nobody").console(Console::WithMfa),
        ],
        expect![[r#"
            pass info console-user-without-mfa: User `app` has MFA.
            fail medium virtual-mfa-for-admin: User `app` is an administrator by policy `p`, and has no MFA device but an app.
            pass info console-user-without-mfa: User `both` has MFA.
            pass info virtual-mfa-for-admin: Administrator `both` has a device that is more than an app.
            pass info console-user-without-mfa: User `denied` has MFA.
            unknown medium virtual-mfa-for-admin: Which MFA administrator `denied` has could not be told: not allowed to call `iam:ListMFADevices`.
            pass info console-user-without-mfa: User `nobody` has MFA.
        "#]],
    );
}

#[test]
fn the_root_user_is_judged_by_what_is_true_now() {
    let row = |password| root_row(password, Answer::No, Answer::No);
    check_root(
        row(Answer::NotSupported),
        summary(Some(true), true, false),
        expect![[""]],
    );
    check_root(
        row(Answer::NotSupported),
        summary(Some(false), false, false),
        expect![[r#"
            not_applicable info root-without-mfa: The root user of account 111122223333: it has neither password nor access key, so there is nothing to protect (central root management).
        "#]],
    );
    check_root(
        row(Answer::NotSupported),
        summary(None, false, false),
        expect![[r#"
            fail critical root-without-mfa: The root user of account 111122223333: it can be used without MFA.
        "#]],
    );
    check_root(
        row(Answer::No),
        summary(None, false, false),
        expect![[r#"
        not_applicable info root-without-mfa: The root user of account 111122223333: it has neither password nor access key, so there is nothing to protect (central root management).
    "#]],
    );
    check_root(
        row(Answer::Yes),
        Some(Err("not allowed to call `iam:GetAccountSummary`".to_owned())),
        expect![[r#"
            unknown critical root-without-mfa: The root user of account 111122223333: whether it is safe could not be told: not allowed to call `iam:GetAccountSummary`.
        "#]],
    );
    check_root(
        root_row(Answer::NotSupported, Answer::NotSupported, Answer::No),
        summary(None, false, false),
        expect![[r#"
            not_applicable info root-without-mfa: The root user of account 111122223333: this partition has no MFA for the root user.
        "#]],
    );
}

#[test]
fn a_key_of_the_root_user_is_critical_even_beside_mfa() {
    let row = || root_row(Answer::NotSupported, Answer::Yes, Answer::Yes);
    check_root(
        row(),
        summary(Some(true), true, true),
        expect![[r#"
        fail critical root-access-key-active: The root user of account 111122223333: it has an active access key.
    "#]],
    );
    check_root(row(), summary(Some(true), true, false), expect![[""]]);
    check_root(
        root_row(Answer::NotSupported, Answer::No, Answer::Yes),
        summary(Some(false), false, true),
        expect![[r#"
            fail critical root-without-mfa: The root user of account 111122223333: it can be used without MFA.
            fail critical root-access-key-active: The root user of account 111122223333: it has an active access key.
        "#]],
    );
}

#[test]
fn without_a_remedy_nothing_is_done() {
    check_with(
        &rules(),
        [user("ann").marked("2026-11-01T00:00:00Z")],
        expect![[r#"
            fail high console-user-without-mfa: User `ann` can sign in to the console without MFA.
            not_applicable info admin-without-mfa: User `ann` is no administrator.
        "#]],
    );
}

#[test]
fn a_user_is_warned_left_until_the_deadline_and_then_loses_the_console() {
    for remedy in [Remedy::DeleteLoginProfile, Remedy::DenyUntilMfa] {
        let mut owned = user("owned");
        owned.marks.get_or_insert_default().owners =
            vec!["Sec <x@y.z>".to_owned(), "ann@example.com".to_owned()];
        let expected = match remedy {
            Remedy::DeleteLoginProfile => expect![[r#"
                warn-and-mark new to ops@example.com: signs in without MFA; has 7 days, until 2026-11-29 12:00 UTC, then its password is deleted
                warn-and-mark owned to ann@example.com: signs in without MFA; has 7 days, until 2026-11-29 12:00 UTC, then its password is deleted
                delete-login-profile due: signs in without MFA; warned, and the time was up at 2026-11-22 12:00 UTC
                skip warned: warned, has until 2026-11-22 12:00 UTC
                fail high console-user-without-mfa: User `new` can sign in to the console without MFA.
                not_applicable info admin-without-mfa: User `new` is no administrator.
                fail high console-user-without-mfa: User `owned` can sign in to the console without MFA.
                not_applicable info admin-without-mfa: User `owned` is no administrator.
                fail high console-user-without-mfa: User `warned` can sign in to the console without MFA.
                not_applicable info admin-without-mfa: User `warned` is no administrator.
                fail high console-user-without-mfa: User `due` can sign in to the console without MFA.
                not_applicable info admin-without-mfa: User `due` is no administrator.
            "#]],
            Remedy::DenyUntilMfa => expect![[r#"
                warn-and-mark new to ops@example.com: signs in without MFA; has 7 days, until 2026-11-29 12:00 UTC, then everything but enrolling is denied
                warn-and-mark owned to ann@example.com: signs in without MFA; has 7 days, until 2026-11-29 12:00 UTC, then everything but enrolling is denied
                deny-until-mfa due: signs in without MFA; warned, and the time was up at 2026-11-22 12:00 UTC
                skip warned: warned, has until 2026-11-22 12:00 UTC
                fail high console-user-without-mfa: User `new` can sign in to the console without MFA.
                not_applicable info admin-without-mfa: User `new` is no administrator.
                fail high console-user-without-mfa: User `owned` can sign in to the console without MFA.
                not_applicable info admin-without-mfa: User `owned` is no administrator.
                fail high console-user-without-mfa: User `warned` can sign in to the console without MFA.
                not_applicable info admin-without-mfa: User `warned` is no administrator.
                fail high console-user-without-mfa: User `due` can sign in to the console without MFA.
                not_applicable info admin-without-mfa: User `due` is no administrator.
            "#]],
        };
        check_with(
            &with(remedy),
            [
                user("new"),
                owned,
                user("warned").marked("2026-11-22T12:00:01Z"),
                user("due").marked("2026-11-22T12:00:00Z"),
            ],
            expected,
        );
    }
}

#[test]
fn whoever_mended_it_is_let_in_again() {
    check_with(
        &with(Remedy::DenyUntilMfa),
        [
            user("enrolled")
                .console(Console::WithMfa)
                .marked("2026-11-23T00:00:00Z"),
            user("free")
                .console(Console::WithMfa)
                .marked("2026-11-23T00:00:00Z")
                .denied(),
            user("gone").console(Console::NoPassword).denied(),
            user("denied").denied(),
            user("both").denied().marked("2026-11-20T00:00:00Z"),
        ],
        expect![[r#"
            unmark enrolled: has MFA now
            lift-denial free: has MFA now
            lift-denial gone: has no password any more
            unmark both: is denied everything but enrolling already
            skip denied: is denied everything but enrolling, until it has MFA
            pass info console-user-without-mfa: User `enrolled` has MFA.
            pass info console-user-without-mfa: User `free` has MFA.
            not_applicable info console-user-without-mfa: User `gone` has no password, and so no console.
            fail high console-user-without-mfa: User `denied` can sign in to the console without MFA.
            not_applicable info admin-without-mfa: User `denied` is no administrator.
            fail high console-user-without-mfa: User `both` can sign in to the console without MFA.
            not_applicable info admin-without-mfa: User `both` is no administrator.
        "#]],
    );
}

#[test]
fn the_caller_strange_marks_and_the_unknown_are_left_alone() {
    let mut ageless = user("ageless");
    ageless.created_at = None;
    let mut unread = user("unread");
    unread.marks = None;
    check_with(
        &with(Remedy::DeleteLoginProfile),
        [
            user("lamplighter").marked("2026-11-20T00:00:00Z"),
            user("word").marked("never"),
            user("far").marked("2027-01-01T00:00:00Z"),
            user("copied").marked("2024-01-01T00:00:00Z"),
            user("unknown")
                .console(Console::Unknown("x".to_owned()))
                .marked("2026-11-20T00:00:00Z"),
            ageless,
            unread,
        ],
        expect![[r#"
            skip lamplighter: Lamplighter itself runs as this user
            skip word: protected: its mark `lamplighter:deny-after` holds `never`, which is not a deadline as Lamplighter writes it
            skip far: protected: its mark `lamplighter:deny-after` holds `2027-01-01T00:00:00Z`, later than the warning of 7 days allows
            skip copied: protected: its mark `lamplighter:deny-after` holds `2024-01-01T00:00:00Z`, too early for a warning since the user exists, so it was copied or written by hand
            skip ageless: the credential report does not say since when it exists
            skip unread: its tags could not be read
            fail high console-user-without-mfa: User `lamplighter` can sign in to the console without MFA.
            not_applicable info admin-without-mfa: User `lamplighter` is no administrator.
            fail high console-user-without-mfa: User `word` can sign in to the console without MFA.
            not_applicable info admin-without-mfa: User `word` is no administrator.
            fail high console-user-without-mfa: User `far` can sign in to the console without MFA.
            not_applicable info admin-without-mfa: User `far` is no administrator.
            fail high console-user-without-mfa: User `copied` can sign in to the console without MFA.
            not_applicable info admin-without-mfa: User `copied` is no administrator.
            unknown high console-user-without-mfa: Whether user `unknown` can sign in without MFA could not be told: x.
            fail high console-user-without-mfa: User `ageless` can sign in to the console without MFA.
            not_applicable info admin-without-mfa: User `ageless` is no administrator.
            fail high console-user-without-mfa: User `unread` can sign in to the console without MFA.
            not_applicable info admin-without-mfa: User `unread` is no administrator.
        "#]],
    );
}

#[test]
fn without_a_warning_it_happens_at_once_and_a_strange_mark_still_protects() {
    let rules = Rules {
        warned_days: 0,
        ..with(Remedy::DeleteLoginProfile)
    };
    check_with(
        &rules,
        [user("ann"), user("bob").marked("never")],
        expect![[r#"
            delete-login-profile ann: signs in without MFA; no warning is configured
            skip bob: protected: its mark `lamplighter:deny-after` holds `never`, which is not a deadline as Lamplighter writes it
            fail high console-user-without-mfa: User `ann` can sign in to the console without MFA.
            not_applicable info admin-without-mfa: User `ann` is no administrator.
            fail high console-user-without-mfa: User `bob` can sign in to the console without MFA.
            not_applicable info admin-without-mfa: User `bob` is no administrator.
        "#]],
    );
}

#[test]
fn every_action_has_its_way_back_and_no_name_reaches_a_shell_as_anything_else() {
    let target = |user: &str| Target {
        user: user.to_owned(),
        arn: String::new(),
        account: String::new(),
        partition: String::new(),
        created_at: None,
        mark: Some("2026-11-22T12:00:00Z".to_owned()),
    };
    let actions = |user: &str| {
        let because = String::new;
        [
            Action::Unmark {
                target: target(user),
                because: because(),
            },
            Action::DeleteLoginProfile {
                target: target(user),
                because: because(),
            },
            Action::DenyUntilMfa {
                target: target(user),
                because: because(),
            },
            Action::LiftDenial {
                target: target(user),
                because: because(),
            },
        ]
    };
    let undo = actions("ann").map(|action| action.undo().unwrap_or_else(|| "-".to_owned()));
    expect![[r#"
        aws iam tag-user --user-name ann --tags Key=lamplighter:deny-after,Value=2026-11-22T12:00:00Z
        aws iam create-login-profile --user-name ann --password-reset-required --password 'CHOOSE-A-NEW-ONE'
        aws iam delete-user-policy --user-name ann --policy-name lamplighter-deny-until-mfa
        -"#]].assert_eq(&undo.join("\n"));
    assert!(
        actions("ann;rm")
            .iter()
            .all(|action| action.undo().is_none())
    );
}
