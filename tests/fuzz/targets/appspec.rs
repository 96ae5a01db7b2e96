//! Any bytes, as whoever may upload a bundle sends them.

#![no_main]

#[path = "../checks/appspec.rs"]
mod check;
#[path = "../../../functions/deploy-bundles/src/preflight/mod.rs"]
mod preflight;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::bytes(bytes));
