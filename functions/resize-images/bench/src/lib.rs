//! The image code of the function, without anything of AWS.

#[path = "../../src/resize/mod.rs"]
pub mod resize;
