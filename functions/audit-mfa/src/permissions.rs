//! The IAM statements this function needs under a configuration. What all functions share (mail, state, roles) is
//! added by `shared/shell`.

use lamplighter_config::{Config, MfaRemedy, Mode};
use lamplighter_core::Statement;

use crate::plan::MARK;

/// Every user of the account the role is in.
const USERS: &str = "arn:aws:iam::*:user/*";

/// The statements that `config` needs. In plan mode none of them can change anything.
pub fn permissions(config: &Config) -> Vec<Statement> {
    let section = &config.audit_mfa;
    let mut statements = vec![
        // IAM allows no other resource for these.
        Statement::allow(
            "ReadReport",
            &[
                "iam:GenerateCredentialReport",
                "iam:GetCredentialReport",
                "iam:GetAccountSummary",
            ],
            ["*"],
        ),
        Statement::allow(
            "ReadAccusedUsers",
            &["iam:GetLoginProfile", "iam:ListMFADevices"],
            [USERS],
        ),
    ];
    if section.remediate != MfaRemedy::None || section.virtual_mfa_for_admin {
        statements.push(Statement::allow(
            "ReadTagsAndPolicies",
            &["iam:GetAccountAuthorizationDetails"],
            ["*"],
        ));
    } else {
        statements.extend([
            Statement::allow(
                "ReadPoliciesOfAccusedUsers",
                &[
                    "iam:ListAttachedUserPolicies",
                    "iam:ListUserPolicies",
                    "iam:GetUserPolicy",
                    "iam:ListGroupsForUser",
                ],
                [USERS],
            ),
            Statement::allow(
                "ReadPoliciesOfTheirGroups",
                &[
                    "iam:ListAttachedGroupPolicies",
                    "iam:ListGroupPolicies",
                    "iam:GetGroupPolicy",
                ],
                ["arn:aws:iam::*:group/*"],
            ),
            // Those of the account itself: AWS's own are known by their names.
            Statement::allow(
                "ReadManagedPolicies",
                &["iam:GetPolicy", "iam:GetPolicyVersion"],
                ["arn:aws:iam::*:policy/*"],
            ),
        ]);
    }
    if section.common.mode == Mode::Apply && section.remediate != MfaRemedy::None {
        // The second look, just before acting.
        statements.push(Statement::allow("ReadUserAgain", &["iam:GetUser"], [USERS]));
        statements.push(
            Statement::allow("ActMark", &["iam:TagUser", "iam:UntagUser"], [USERS])
                .only_if("ForAllValues:StringEquals", "aws:TagKeys", MARK)
                // `ForAllValues` is true of none.
                .only_if("Null", "aws:TagKeys", "false"),
        );
        let remedy: &[&str] = match section.remediate {
            MfaRemedy::DeleteLoginProfile => &["iam:DeleteLoginProfile"],
            _ => &["iam:PutUserPolicy"],
        };
        let mut act = Statement::allow("ActTakeTheConsole", remedy, [USERS]);
        if section.warned_days > 0 {
            // Only whom was warned: the mark is on it.
            act = act.only_if("StringLike", &format!("aws:ResourceTag/{MARK}"), "*");
        }
        statements.push(act);
        // Without a condition: the mark may be gone when the denial is lifted.
        statements.push(Statement::allow(
            "ActGiveItBack",
            &["iam:DeleteUserPolicy"],
            [USERS],
        ));
    }
    statements
}
