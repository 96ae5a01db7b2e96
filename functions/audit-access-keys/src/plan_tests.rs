//! The plans: one case, one sentence, one expected text.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use lamplighter_config::{Config, Sources};
use lamplighter_core::Action as _;
use lamplighter_shell::Connect;

use super::*;
use crate::AuditAccessKeys;

const NOW: &str = "2026-11-22T12:00:00Z";

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text)
        .expect("a time")
        .with_timezone(&Utc)
}

/// The shipped defaults.
fn rules() -> Rules {
    let config = Config::load(&Sources::default()).expect("the defaults are sound");
    let mut rules = AuditAccessKeys::rules(&config).expect("the defaults make rules");
    rules.to = vec!["ops@example.com".to_owned()];
    rules
}

fn deactivating() -> Rules {
    Rules {
        deactivates: true,
        ..rules()
    }
}

/// An active key of so many days, in use.
fn key(id: &str, days: i64) -> Key {
    Key {
        id: id.to_owned(),
        is_active: true,
        created_at: Some(time(NOW) - chrono::Duration::days(days)),
        last_used: LastUsed::At(time("2026-11-22T11:00:00Z")),
    }
}

impl Key {
    fn used(self, last_used: LastUsed) -> Self {
        Self { last_used, ..self }
    }

    fn inactive(self) -> Self {
        Self {
            is_active: false,
            ..self
        }
    }
}

fn user(name: &str, keys: Keys) -> User {
    User {
        name: name.to_owned(),
        arn: format!("arn:aws:iam::111122223333:user/{name}"),
        keys,
        marks: Some((BTreeMap::new(), vec![])),
    }
}

fn with(name: &str, keys: impl IntoIterator<Item = Key>) -> User {
    user(name, Keys::Listed(keys.into_iter().collect()))
}

impl User {
    fn marked(mut self, key: &str, mark: &str) -> Self {
        let marks = &mut self.marks.get_or_insert_default().0;
        marks.insert(key.to_owned(), mark.to_owned());
        self
    }
}

fn check_root(root: RootKeys, expected: Expect) {
    expected.assert_eq(&tell(&rules(), [], root));
}

fn check_with(rules: &Rules, users: impl IntoIterator<Item = User>, expected: Expect) {
    expected.assert_eq(&tell(rules, users, RootKeys::None));
}

/// The only caller of `plan`. Passes are left out.
fn tell(rules: &Rules, users: impl IntoIterator<Item = User>, root: RootKeys) -> String {
    let inventory = Inventory {
        accounts: vec![AccountView {
            id: "111122223333".to_owned(),
            partition: "aws".to_owned(),
            report_generated_at: time("2026-11-22T11:25:00Z"),
            users: users.into_iter().collect(),
            root,
        }],
        own_arns: vec!["arn:aws:iam::111122223333:user/lamplighter".to_owned()],
        own_keys: vec!["AKIAOWN".to_owned()],
    };
    let plan = plan(&inventory, rules, time(NOW));
    let mut text = String::new();
    for action in &plan.actions {
        let to = match action {
            Action::WarnAndMark { recipients, .. } => format!(" to {}", recipients.join(", ")),
            _ => String::new(),
        };
        let key = &action.target().key;
        text.push_str(&format!(
            "{} {key}{to}: {}\n",
            action.name(),
            action.reason()
        ));
    }
    for skip in &plan.skipped {
        text.push_str(&format!("skip {}: {}\n", skip.resource.name(), skip.reason));
    }
    for finding in plan
        .findings
        .iter()
        .filter(|finding| finding.verdict != Verdict::Pass)
    {
        text.push_str(&format!(
            "{} {} {} {}: {}\n",
            finding.verdict.as_str(),
            finding.severity.as_str(),
            finding.rule,
            finding.about().name(),
            finding.message
        ));
    }
    let population = &plan.populations[0];
    text.push_str(&format!(
        "{} of {} offend\n",
        population.offending, population.read
    ));
    text
}

#[test]
fn the_root_user_s_key_is_critical_and_unknown_is_no_pass() {
    check_root(
        RootKeys::None,
        expect![[r#"
        0 of 0 offend
    "#]],
    );
    check_root(
        RootKeys::Active,
        expect![[r#"
        fail critical root-access-key-active root: The root user of account 111122223333 has an active access key.
        0 of 0 offend
    "#]],
    );
    check_root(
        RootKeys::Unknown("not allowed to call `iam:GetAccountSummary`".to_owned()),
        expect![[r#"
            unknown critical root-access-key-active root: Whether the root user of account 111122223333 has an access key could not be told: not allowed to call `iam:GetAccountSummary`.
            0 of 0 offend
        "#]],
    );
}

#[test]
fn a_key_is_judged_from_the_very_day_and_each_one_by_itself() {
    check_with(
        &rules(),
        [
            with("ann", [key("AKIA89", 89), key("AKIA90", 90)]),
            with("bob", [key("AKIAOFF", 900).inactive()]),
            user("cid", Keys::Fine(2)),
            user("dan", Keys::Fine(0)),
            user(
                "eve",
                Keys::Unknown("not allowed to call `iam:ListAccessKeys`".to_owned(), 1),
            ),
        ],
        expect![[r#"
            fail medium key-older-than ann/access-key/AKIA90: Access key `AKIA90` of user `ann` is 90 days old.
            fail low two-active-keys ann: User `ann` has had 2 active access keys for 89 days.
            not_applicable info key-older-than bob: User `bob` has no active access key any more.
            not_applicable info key-older-than dan: User `dan` has no active access key.
            unknown medium key-older-than eve: The access keys of user `eve` could not be listed: not allowed to call `iam:ListAccessKeys`.
            1 of 5 offend
        "#]],
    );
}

#[test]
fn a_key_that_nobody_uses_or_ever_used_is_told_apart_from_a_new_one() {
    let used = |text| LastUsed::At(time(text));
    check_with(
        &rules(),
        [
            with("ann", [key("AKIA1", 80).used(used("2026-08-24T12:00:00Z"))]),
            with("bob", [key("AKIA2", 80).used(used("2026-08-24T12:00:01Z"))]),
            with("cid", [key("AKIA3", 7).used(LastUsed::Never)]),
            with("dan", [key("AKIA4", 6).used(LastUsed::Never)]),
            with(
                "eve",
                [key("AKIA5", 50).used(LastUsed::Unknown("denied".to_owned()))],
            ),
            with("fay", [key("AKIA6", 400).used(LastUsed::Never)]),
        ],
        expect![[r#"
            fail medium key-unused-for ann/access-key/AKIA1: Access key `AKIA1` of user `ann` was not used for 90 days.
            fail medium key-never-used cid/access-key/AKIA3: Access key `AKIA3` of user `cid` was never used in 7 days.
            unknown medium key-unused-for eve/access-key/AKIA5: When access key `AKIA5` of user `eve` was last used could not be told: denied.
            fail medium key-older-than fay/access-key/AKIA6: Access key `AKIA6` of user `fay` is 400 days old.
            fail medium key-never-used fay/access-key/AKIA6: Access key `AKIA6` of user `fay` was never used in 400 days.
            3 of 6 offend
        "#]],
    );
}

#[test]
fn two_active_keys_have_the_time_of_a_rotation() {
    check_with(
        &rules(),
        [
            with("ann", [key("AKIA1", 80), key("AKIA2", 14)]),
            with("bob", [key("AKIA3", 80), key("AKIA4", 13)]),
            with("cid", [key("AKIA5", 80), key("AKIA6", 70).inactive()]),
        ],
        expect![[r#"
            fail low two-active-keys ann: User `ann` has had 2 active access keys for 14 days.
            0 of 5 offend
        "#]],
    );
}

#[test]
fn a_key_is_warned_about_left_until_the_deadline_and_then_switched_off() {
    let mut owned = with("own", [key("AKIA0", 91)]);
    owned.marks.get_or_insert_default().1 = vec!["ann@example.com".to_owned()];
    check_with(
        &deactivating(),
        [
            owned,
            with("new", [key("AKIA1", 91)]),
            with("warned", [key("AKIA2", 91)]).marked("AKIA2", "2026-11-22T12:00:01Z"),
            with("due", [key("AKIA3", 91).used(LastUsed::Never)])
                .marked("AKIA3", "2026-11-22T12:00:00Z"),
            with("two", [key("AKIA4", 91), key("AKIA5", 5)])
                .marked("AKIA4", "2026-11-20T12:00:00Z"),
        ],
        expect![[r#"
            warn-and-mark AKIA0 to ann@example.com: is 91 days old; has 7 days, until 2026-11-29 12:00 UTC, then it is switched off
            warn-and-mark AKIA1 to ops@example.com: is 91 days old; has 7 days, until 2026-11-29 12:00 UTC, then it is switched off
            deactivate-key AKIA3: is 91 days old and was never used in 91 days; warned, and the time was up at 2026-11-22 12:00 UTC
            deactivate-key AKIA4: is 91 days old; warned, and the time was up at 2026-11-20 12:00 UTC
            skip warned/access-key/AKIA2: warned, has until 2026-11-22 12:00 UTC
            fail medium key-older-than own/access-key/AKIA0: Access key `AKIA0` of user `own` is 91 days old.
            fail medium key-older-than new/access-key/AKIA1: Access key `AKIA1` of user `new` is 91 days old.
            fail medium key-older-than warned/access-key/AKIA2: Access key `AKIA2` of user `warned` is 91 days old.
            fail medium key-older-than due/access-key/AKIA3: Access key `AKIA3` of user `due` is 91 days old.
            fail medium key-never-used due/access-key/AKIA3: Access key `AKIA3` of user `due` was never used in 91 days.
            fail medium key-older-than two/access-key/AKIA4: Access key `AKIA4` of user `two` is 91 days old.
            5 of 6 offend
        "#]],
    );
}

#[test]
fn marks_of_keys_that_are_mended_gone_or_switched_off_are_taken_away() {
    let past = "2026-11-20T12:00:00Z";
    check_with(
        &deactivating(),
        [
            with("ann", [key("AKIA1", 5)]).marked("AKIA1", past),
            with("bob", [key("AKIA2", 91).inactive()]).marked("AKIA2", past),
            with("cid", []).marked("AKIA3", past),
            with(
                "dan",
                [key("AKIA4", 5).used(LastUsed::Unknown("denied".to_owned()))],
            )
            .marked("AKIA4", past),
        ],
        expect![[r#"
            unmark AKIA1: nothing speaks against the key any more
            unmark AKIA2: the key is switched off
            unmark AKIA3: the key is gone
            not_applicable info key-older-than bob: User `bob` has no active access key any more.
            not_applicable info key-older-than cid: User `cid` has no active access key any more.
            unknown medium key-unused-for dan/access-key/AKIA4: When access key `AKIA4` of user `dan` was last used could not be told: denied.
            0 of 2 offend
        "#]],
    );
}

#[test]
fn its_own_keys_strange_marks_and_the_unread_are_left_alone() {
    let mut unread = with("unread", [key("AKIA6", 91)]);
    unread.marks = None;
    check_with(
        &deactivating(),
        [
            with("robot", [key("AKIAOWN", 91)]).marked("AKIAOWN", "2026-11-20T12:00:00Z"),
            with("lamplighter", [key("AKIA1", 91)]).marked("AKIA1", "2026-11-20T12:00:00Z"),
            with("word", [key("AKIA2", 91)]).marked("AKIA2", "never"),
            with("far", [key("AKIA3", 91)]).marked("AKIA3", "2027-11-20T12:00:00Z"),
            with("copied", [key("AKIA4", 91)]).marked("AKIA4", "2020-11-20T12:00:00Z"),
            unread,
        ],
        expect![[r#"
            skip robot/access-key/AKIAOWN: Lamplighter itself runs with this key
            skip lamplighter/access-key/AKIA1: Lamplighter itself runs as this user
            skip word/access-key/AKIA2: protected: its mark `lamplighter:deactivate-after:AKIA2` holds `never`, which is not a deadline as Lamplighter writes it
            skip far/access-key/AKIA3: protected: its mark `lamplighter:deactivate-after:AKIA3` holds `2027-11-20T12:00:00Z`, later than the warning of 7 days allows
            skip copied/access-key/AKIA4: protected: its mark `lamplighter:deactivate-after:AKIA4` holds `2020-11-20T12:00:00Z`, too early for a warning since the key exists, so it was copied or written by hand
            skip unread/access-key/AKIA6: the user's tags could not be read
            fail medium key-older-than robot/access-key/AKIAOWN: Access key `AKIAOWN` of user `robot` is 91 days old.
            fail medium key-older-than lamplighter/access-key/AKIA1: Access key `AKIA1` of user `lamplighter` is 91 days old.
            fail medium key-older-than word/access-key/AKIA2: Access key `AKIA2` of user `word` is 91 days old.
            fail medium key-older-than far/access-key/AKIA3: Access key `AKIA3` of user `far` is 91 days old.
            fail medium key-older-than copied/access-key/AKIA4: Access key `AKIA4` of user `copied` is 91 days old.
            fail medium key-older-than unread/access-key/AKIA6: Access key `AKIA6` of user `unread` is 91 days old.
            6 of 6 offend
        "#]],
    );
}

#[test]
fn every_action_has_its_way_back() {
    let target = |user: &str| Target {
        user: user.to_owned(),
        user_arn: String::new(),
        key: "AKIA1".to_owned(),
        account: String::new(),
        created_at: None,
        last_used: None,
        is_too_old: false,
        mark: Some("2026-11-22T12:00:00Z".to_owned()),
    };
    let actions = |user: &str| {
        [
            Action::Unmark {
                target: target(user),
                because: String::new(),
            },
            Action::Deactivate {
                target: target(user),
                because: String::new(),
            },
        ]
    };
    let undo = actions("ann").map(|action| action.undo().unwrap_or_default());
    expect![[r#"
        aws iam tag-user --user-name ann --tags Key=lamplighter:deactivate-after:AKIA1,Value=2026-11-22T12:00:00Z
        aws iam update-access-key --user-name ann --access-key-id AKIA1 --status Active"#]].assert_eq(&undo.join("\n"));
    assert!(
        actions("$(id)")
            .iter()
            .all(|action| action.undo().is_none())
    );
}
