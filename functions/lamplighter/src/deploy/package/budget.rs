//! How large the package of each function may be.
//!
//! A package that has grown by a library more than anybody meant to add is noticed here, when it is made.

/// The most that a package may have, in bytes: what it takes Lambda to fetch and unpack it is part of a cold start.
#[cfg(test)]
const MOST: u64 = 4_000_000;

/// What is below it, function by function.
const BUDGETS: [(&str, u64); 8] = [
    ("archive-mail", 4_000_000),
    ("audit-access-keys", 4_000_000),
    ("audit-mfa", 4_000_000),
    ("audit-security-groups", 4_000_000),
    ("deploy-bundles", 4_000_000),
    ("report-certificates", 4_000_000),
    ("resize-images", 4_000_000),
    ("stop-untagged", 4_000_000),
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
    fn every_function_has_a_budget_and_none_is_above_the_most() {
        let named: Vec<&str> = BUDGETS.iter().map(|(name, _)| *name).collect();
        let mut functions: Vec<&str> = functions::all().iter().map(|entry| entry.name).collect();
        functions.sort_unstable();
        assert_eq!(named, functions);
        assert!(BUDGETS.iter().all(|(_, bytes)| *bytes <= MOST));
        assert_eq!(budget("nobody"), None);
    }
}
