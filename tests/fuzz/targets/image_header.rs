//! Any bytes, as whoever may upload an image sends them.

#![no_main]

#[path = "../checks/image_header.rs"]
mod check;
#[path = "../../../functions/resize-images/src/resize/mod.rs"]
mod resize;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::bytes(bytes));
