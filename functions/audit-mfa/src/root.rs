//! Judges the root user. It is in no list of users; its row in the report is the account's own.

use lamplighter_aws::iam::credential_report::{Answer, Row};
use lamplighter_core::{Finding, Plan, Severity, Verdict};

use crate::action::Action;
use crate::user::AccountView;

/// The root user can sign in without MFA.
pub const MFA_RULE: &str = "root-without-mfa";

/// The root user has an access key that can be used.
pub const KEY_RULE: &str = "root-access-key-active";

/// What was decided about one rule.
enum Judgement {
    Pass(&'static str),
    Fail(&'static str),
    NotApplicable(&'static str),
    Unknown(String),
}

/// Whether the report alone leaves something to be asked live.
pub fn is_accused(row: &Row) -> bool {
    has_key(row) || row.mfa != Answer::Yes
}

/// Judges the root user of an account.
pub fn judge(account: &AccountView, plan: &mut Plan<Action>) {
    for (rule, judgement) in [(MFA_RULE, mfa(account)), (KEY_RULE, keys(account))] {
        let resource = account.root_resource();
        let (severity, verdict, message) = match judgement {
            Judgement::Pass(what) => (Severity::Info, Verdict::Pass, what.to_owned()),
            Judgement::Fail(what) => (Severity::Critical, Verdict::Fail, what.to_owned()),
            Judgement::NotApplicable(what) => {
                (Severity::Info, Verdict::NotApplicable, what.to_owned())
            }
            Judgement::Unknown(why) => (
                Severity::Critical,
                Verdict::Unknown,
                format!("whether it is safe could not be told: {why}"),
            ),
        };
        let message = format!("The root user of account {}: {message}.", account.id);
        plan.find(
            Finding::new(rule, severity, verdict, &resource, message).evidence(
                "report_generated_at",
                lamplighter_core::mark::text(account.report_generated_at),
            ),
        );
    }
}

fn mfa(account: &AccountView) -> Judgement {
    let Some(row) = &account.root.row else {
        return Judgement::Unknown("the credential report has no row for it".to_owned());
    };
    if row.mfa == Answer::Yes {
        return Judgement::Pass("it has MFA");
    }
    let now = match &account.root.now {
        Some(Ok(now)) => now,
        Some(Err(why)) => return Judgement::Unknown(why.clone()),
        None => return Judgement::Unknown("it was not asked for".to_owned()),
    };
    // The summary is of now, the report up to four hours old.
    if now.has_mfa == Some(true) {
        return Judgement::Pass("it has MFA");
    }
    let has_password = match (now.has_password, row.password) {
        (Some(has), _) => has,
        (None, Answer::No) => false,
        // AWS does not tell: it may have one.
        (None, Answer::Yes | Answer::NotSupported | Answer::Unknown) => true,
    };
    let has_keys = now.has_keys.unwrap_or_else(|| has_key(row));
    match (has_password, has_keys, row.mfa) {
        (false, false, _) => Judgement::NotApplicable(
            "it has neither password nor access key, so there is nothing to protect (central root management)",
        ),
        // In GovCloud the root user cannot sign in to the console, and there is no MFA for it.
        (_, false, Answer::NotSupported) => {
            Judgement::NotApplicable("this partition has no MFA for the root user")
        }
        _ => Judgement::Fail("it can be used without MFA"),
    }
}

fn keys(account: &AccountView) -> Judgement {
    let Some(row) = &account.root.row else {
        return Judgement::Unknown("the credential report has no row for it".to_owned());
    };
    if !has_key(row) {
        return Judgement::Pass("it has no active access key");
    }
    match &account.root.now {
        Some(Ok(now)) if now.has_keys == Some(false) => {
            Judgement::Pass("it has no access key any more")
        }
        Some(Ok(_)) => Judgement::Fail("it has an active access key"),
        Some(Err(why)) => Judgement::Unknown(why.clone()),
        None => Judgement::Unknown("it was not asked for".to_owned()),
    }
}

/// Whether a key may be active: what is not understood counts as one.
fn has_key(row: &Row) -> bool {
    let mut keys = row.keys.iter();
    keys.any(|key| matches!(key.active, Answer::Yes | Answer::Unknown))
}
