//! The Lambda bootstrap of `stop-untagged`.

use std::process::ExitCode;

use lamplighter_shell::lambda;
use stop_untagged::StopUntagged;

#[tokio::main]
async fn main() -> ExitCode {
    lambda::serve::<StopUntagged>().await
}
