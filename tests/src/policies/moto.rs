//! moto as the second witness for the names of actions.
