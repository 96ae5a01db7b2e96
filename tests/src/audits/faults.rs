//! The fault matrices of the four audits: as they are by default, and with a remedy where there is one.

use super::matrix::Scenario;
use super::worlds;

/// Looks only, as by default.
const fn looking(
    function: &'static str,
    world: super::matrix::Build,
    operations: usize,
) -> Scenario {
    Scenario {
        function,
        section: "mode = \"plan\"",
        world,
        actions: &[],
        warned: None,
        changes_only: false,
        operations,
    }
}

#[test]
fn audit_mfa_is_never_green_about_what_it_could_not_read() {
    assert!(looking("audit-mfa", worlds::careless, 11).check() >= 160);
}

#[test]
fn audit_mfa_denies_nobody_twice_or_unwarned_whatever_fails() {
    let scenario = Scenario {
        function: "audit-mfa",
        section: "mode = \"apply\"\nremediate = \"deny-until-mfa\"\nmax_percent = 100",
        world: worlds::console_users,
        actions: &[
            "deny-until-mfa dan",
            "lift-denial eve",
            "unmark fay",
            "warn-and-mark ann",
        ],
        warned: Some(("ann", "ann@example.com")),
        changes_only: false,
        operations: 12,
    };
    assert!(scenario.check() >= 260);
}

#[test]
fn audit_mfa_deletes_a_password_once_whatever_fails() {
    let scenario = Scenario {
        function: "audit-mfa",
        section: "mode = \"apply\"\nremediate = \"delete-login-profile\"\nmax_percent = 100",
        world: worlds::password_due,
        actions: &["delete-login-profile dan"],
        warned: None,
        changes_only: true,
        operations: 10,
    };
    assert!(scenario.check() >= 40);
}

#[test]
fn audit_access_keys_is_never_green_about_what_it_could_not_read() {
    assert!(looking("audit-access-keys", worlds::robots, 6).check() >= 80);
}

#[test]
fn audit_access_keys_switches_no_key_off_twice_or_unwarned_whatever_fails() {
    let scenario = Scenario {
        function: "audit-access-keys",
        section: "mode = \"apply\"\nremediate = \"deactivate\"\nmax_percent = 100",
        world: worlds::robots,
        actions: &[
            "deactivate-key AKIADUE",
            "unmark AKIAMENDED",
            "warn-and-mark AKIAOLD",
        ],
        warned: Some(("ann", "ann@example.com")),
        changes_only: false,
        operations: 11,
    };
    assert!(scenario.check() >= 230);
}

#[test]
fn audit_security_groups_is_never_green_about_what_it_could_not_read() {
    assert!(looking("audit-security-groups", worlds::groups, 7).check() >= 90);
}

#[test]
fn audit_security_groups_revokes_nothing_else_and_nothing_twice_whatever_fails() {
    let scenario = Scenario {
        function: "audit-security-groups",
        section: "mode = \"apply\"\nremediate = \"revoke\"\nmax_percent = 100",
        world: worlds::groups,
        actions: &["revoke-rule sgr-000000a0", "revoke-rule sgr-000000b0"],
        warned: None,
        changes_only: false,
        operations: 8,
    };
    assert!(scenario.check() >= 120);
}

#[test]
fn report_certificates_is_never_green_about_what_it_could_not_read() {
    assert!(looking("report-certificates", worlds::certificates, 8).check() >= 100);
}
