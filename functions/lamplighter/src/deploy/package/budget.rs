//! How large the package of each function may be.
//!
//! A package that has grown by a library more than anybody meant to add is noticed here, when it is made.

/// What each may have, in bytes: what it had when this was written, and a twentieth. Some 5 MB of each are the AWS SDK
/// with S3, TLS and the Lambda runtime; 0.7 MB of that are the tables of every CRC there is, which S3's checksums bring.
const BUDGETS: [(&str, u64); 8] = [
    ("archive-mail", 6_100_000),
    ("audit-access-keys", 5_900_000),
    ("audit-mfa", 6_050_000),
    ("audit-security-groups", 5_950_000),
    ("deploy-bundles", 6_150_000),
    ("report-certificates", 6_300_000),
    ("resize-images", 8_700_000),
    ("stop-untagged", 6_200_000),
];

/// From how many bytes on the package of this function is refused; nothing for what is no function.
pub fn budget(function: &str) -> Option<u64> {
    let mut budgets = BUDGETS.iter();
    let found = budgets.find(|(name, _)| *name == function);
    found.map(|(_, bytes)| *bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions;

    #[test]
    fn every_function_has_a_budget() {
        let named: Vec<&str> = BUDGETS.iter().map(|(name, _)| *name).collect();
        let mut functions: Vec<&str> = functions::all().iter().map(|entry| entry.name).collect();
        functions.sort_unstable();
        assert_eq!(named, functions);
        assert_eq!(budget("nobody"), None);
    }
}
