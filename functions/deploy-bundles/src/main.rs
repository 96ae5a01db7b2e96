//! The Lambda bootstrap of `deploy-bundles`.

use std::process::ExitCode;

use deploy_bundles::DeployBundles;
use lamplighter_shell::lambda;

#[tokio::main]
async fn main() -> ExitCode {
    lambda::serve::<DeployBundles>().await
}
