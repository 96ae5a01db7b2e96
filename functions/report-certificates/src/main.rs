//! The Lambda bootstrap of `report-certificates`.

use std::process::ExitCode;

use lamplighter_shell::lambda;
use report_certificates::ReportCertificates;

#[tokio::main]
async fn main() -> ExitCode {
    lambda::serve::<ReportCertificates>().await
}
