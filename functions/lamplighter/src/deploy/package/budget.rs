//! How large the package of each function may be.
//!
//! A package that has grown by a library more than anybody meant to add is noticed here, when it is made.

use super::Architecture;

/// The most that a package may have, in bytes: what it takes Lambda to fetch and unpack it is part of a cold start.
#[cfg(test)]
const MOST: u64 = 4_000_000;

/// What each may have, in bytes: what it had on x86-64 when this was written, and up to a twentieth.
const BUDGETS: [(&str, u64); 8] = [
    ("archive-mail", 3_800_000),
    ("audit-access-keys", 3_600_000),
    ("audit-mfa", 3_750_000),
    ("audit-security-groups", 3_650_000),
    ("deploy-bundles", 3_850_000),
    ("report-certificates", 3_950_000),
    ("resize-images", 4_000_000),
    ("stop-untagged", 3_900_000),
];

/// From how many bytes on the package of this function is refused; nothing for what is no function.
pub fn budget(function: &str, architecture: Architecture) -> Option<u64> {
    let mut budgets = BUDGETS.iter();
    let found = budgets.find(|(name, _)| *name == function);
    found.map(|(_, bytes)| match architecture {
        Architecture::X86_64 => *bytes,
        // The linker of a cross-compiler does not put alike beside alike: see `functions/link.rs`.
        Architecture::Arm64 => bytes + bytes / 5,
    })
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
        assert_eq!(budget("nobody", Architecture::X86_64), None);
    }

    #[test]
    fn no_budget_is_above_the_most() {
        let above: Vec<_> = BUDGETS.iter().filter(|(_, bytes)| *bytes > MOST).collect();
        assert!(above.is_empty(), "{above:?}");
    }
}
