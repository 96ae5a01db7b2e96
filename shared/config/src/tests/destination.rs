//! A warning needs somewhere to go.

use expect_test::expect;

use super::{check, good, messages};
use crate::Flag;

#[test]
fn apply_mode_with_a_grace_needs_a_destination() {
    check(
        "[stop-untagged]\nmode = \"apply\"\n",
        expect![[r#"
            error: lamplighter.toml:2: `grace_hours` > 0 in apply mode needs somewhere to send the warning ([stop-untagged] has `grace_hours` = 24)
              |
            2 | mode = "apply"
              |        ^^^^^^^ here apply mode begins
            hint: set `from` and `to` in [report] (or `to` in [stop-untagged]); or `grace_hours = 0`: act without a warning
        "#]],
    );
    let flag = [Flag::apply("stop-untagged")];
    let file = "[report]\nfrom = \"a@example.com\"\n";
    expect![[r#"
        error: flag --apply: `grace_hours` > 0 in apply mode needs somewhere to send the warning ([stop-untagged] has `grace_hours` = 24)
        hint: set `to` in [report] or in [stop-untagged]; or `grace_hours = 0`: act without a warning
    "#]].assert_eq(&messages(file, &[], &flag));
    let file = "[stop-untagged]\nto = [\"a@example.com\"]\n";
    let environment = [("LAMPLIGHTER_STOP_UNTAGGED__MODE", "apply")];
    expect![[r#"
        error: environment LAMPLIGHTER_STOP_UNTAGGED__MODE: `grace_hours` > 0 in apply mode needs somewhere to send the warning ([stop-untagged] has `grace_hours` = 24)
         |
         | LAMPLIGHTER_STOP_UNTAGGED__MODE=apply
         |                                 ^^^^^ here apply mode begins
        hint: set `from` in [report]; or `grace_hours = 0`: act without a warning
    "#]].assert_eq(&messages(file, &environment, &[]));
    // An empty `to` of its own is no destination, whatever [report] says.
    let file =
        "[report]\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\n[stop-untagged]\nto = []\n";
    assert!(super::load_with(file, &[], &flag).is_err());
}

#[test]
fn apply_mode_without_a_grace_or_with_a_destination_is_fine() {
    let flag = [Flag::apply("stop-untagged")];
    good("[stop-untagged]\ngrace_hours = 0\n", &[], &flag);
    let from = "[report]\nfrom = \"a@example.com\"\n";
    good(&format!("{from}to = [\"b@example.com\"]\n"), &[], &flag);
    good(
        &format!("{from}[stop-untagged]\nto = [\"b@example.com\"]\n"),
        &[],
        &flag,
    );
    good("", &[], &[]);
}

#[test]
fn a_missing_destination_is_not_told_when_a_mistake_explains_it() {
    let flag = [Flag::apply("stop-untagged")];
    for file in [
        "[report]\nform = \"a@example.com\"\nto = [\"b@example.com\"]\n",
        "[report]\nfrom = \"a@\"\nto = [\"b@example.com\"]\n",
        "[reprot]\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\n",
        "from = \"a@example.com\"\n",
        "[stop-untagged]\ngrace_hour = 0\n",
        "[report\n",
    ] {
        let errors = super::load_with(file, &[], &flag).expect_err("a mistake");
        assert_eq!(errors.len(), 1, "{errors}");
    }
}
