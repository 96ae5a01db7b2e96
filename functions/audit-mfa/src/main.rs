//! The Lambda bootstrap of `audit-mfa`.

use std::process::ExitCode;

use audit_mfa::AuditMfa;
use lamplighter_shell::lambda;

#[tokio::main]
async fn main() -> ExitCode {
    lambda::serve::<AuditMfa>().await
}
