//! The Lambda bootstrap of `audit-security-groups`.

use std::process::ExitCode;

use audit_security_groups::AuditSecurityGroups;
use lamplighter_shell::lambda;

#[tokio::main]
async fn main() -> ExitCode {
    lambda::serve::<AuditSecurityGroups>().await
}
