//! The Lambda bootstrap of `resize-images`.

use std::process::ExitCode;

use lamplighter_shell::lambda;
use resize_images::ResizeImages;

#[tokio::main]
async fn main() -> ExitCode {
    lambda::serve::<ResizeImages>().await
}
