//! Secrets that the configuration only points to: `env:NAME` is a variable, `file:/path` a file that holds nothing else.

use lamplighter_core::{Error, Result};

/// A secret is short; what is longer is the wrong file.
const MAX_BYTES: u64 = 64 * 1024;

/// The secret that `source` points to. One line end at the end of a file is not part of it.
pub fn resolve(source: &str) -> Result<String> {
    match source.split_once(':') {
        Some(("env", name)) => std::env::var(name)
            .map_err(|_| Error::config(format!("the variable `{name}` is not set"))),
        Some(("file", path)) => {
            let cannot = |error| {
                Error::config(format!("cannot read the secret in `{path}`")).caused_by(error)
            };
            let length = std::fs::metadata(path).map_err(cannot)?.len();
            if length > MAX_BYTES {
                return Err(Error::config(format!("`{path}` is too long for a secret")));
            }
            let text = std::fs::read_to_string(path).map_err(cannot)?;
            let line = text.strip_suffix('\n').unwrap_or(&text);
            Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
        }
        _ => Err(Error::config(
            "a secret is `env:NAME` or `file:/path`, and nothing else",
        )),
    }
}
