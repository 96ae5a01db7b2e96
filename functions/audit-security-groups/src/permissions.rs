//! The IAM statements this function needs under a configuration. What all functions share (mail, state, roles,
//! regions) is added by `shared/shell`.

use lamplighter_config::{Config, Mode, Revocation};
use lamplighter_core::Statement;

/// The statements that `config` needs. Only with `remediate = "revoke"` in apply mode can one of them change anything.
pub fn permissions(config: &Config) -> Vec<Statement> {
    let section = &config.audit_security_groups;
    let mut statements = vec![
        Statement::allow(
            "ReadSecurityGroups",
            &[
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroupRules",
                "ec2:DescribeSecurityGroups",
            ],
            ["*"],
        ),
        // The account of AWS's own lists is the word `aws`, also where the other account is known.
        Statement::allow(
            "ReadPrefixLists",
            &["ec2:GetManagedPrefixListEntries"],
            [
                "arn:aws:ec2:*:*:prefix-list/*",
                "arn:aws:ec2:*:aws:prefix-list/*",
            ],
        ),
    ];
    if section.common.mode == Mode::Apply && section.remediate == Revocation::Revoke {
        // Also a rule that is named by its id is taken from its group: IAM is asked about the group alone.
        // <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>
        statements.push(Statement::allow(
            "ActRevoke",
            &["ec2:RevokeSecurityGroupIngress"],
            ["arn:aws:ec2:*:*:security-group/*"],
        ));
    }
    statements
}
