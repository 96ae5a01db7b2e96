//! The Lambda bootstrap of `archive-mail`.

use std::process::ExitCode;

use archive_mail::ArchiveMail;
use lamplighter_shell::lambda;

#[tokio::main]
async fn main() -> ExitCode {
    lambda::serve::<ArchiveMail>().await
}
