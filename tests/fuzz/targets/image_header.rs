//! Any bytes, as whoever may upload an image sends them.

#![no_main]

use lamplighter_images as images;

#[path = "../checks/image_header.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::bytes(bytes));
