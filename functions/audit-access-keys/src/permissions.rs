//! The IAM statements this function needs under a configuration. What all functions share (mail, state, roles) is
//! added by `shared/shell`.

use lamplighter_config::{Config, KeyRemedy, Mode};
use lamplighter_core::Statement;

use crate::plan::MARK;

/// Every user of the account the role is in.
const USERS: &str = "arn:aws:iam::*:user/*";

/// The statements that `config` needs. In plan mode none of them can change anything.
pub fn permissions(config: &Config) -> Vec<Statement> {
    let section = &config.audit_access_keys;
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
            "ReadAccusedKeys",
            &["iam:ListAccessKeys", "iam:GetAccessKeyLastUsed"],
            [USERS],
        ),
    ];
    if section.remediate == KeyRemedy::Deactivate {
        statements.push(Statement::allow(
            "ReadTags",
            &["iam:GetAccountAuthorizationDetails"],
            ["*"],
        ));
        if section.common.mode == Mode::Apply {
            // The second look, just before acting.
            statements.push(Statement::allow("ReadUserAgain", &["iam:GetUser"], [USERS]));
            statements.push(
                Statement::allow("ActMark", &["iam:TagUser", "iam:UntagUser"], [USERS])
                    .only_if("ForAllValues:StringLike", "aws:TagKeys", format!("{MARK}*"))
                    // `ForAllValues` is true of none.
                    .only_if("Null", "aws:TagKeys", "false"),
            );
            // Switching on and off is one action for IAM. The mark's name holds the key's id, which no condition can
            // compare.
            statements.push(Statement::allow(
                "ActDeactivate",
                &["iam:UpdateAccessKey"],
                [USERS],
            ));
        }
    }
    statements
}
