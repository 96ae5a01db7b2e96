//! What every policy must keep to, whatever the configuration: named actions, no principal, the narrowest resource that
//! IAM allows, and names that say what a statement is for.
