//! The Lambda bootstrap of `audit-access-keys`.

use std::process::ExitCode;

use audit_access_keys::AuditAccessKeys;
use lamplighter_shell::lambda;

#[tokio::main]
async fn main() -> ExitCode {
    lambda::serve::<AuditAccessKeys>().await
}
