//! Any bytes, as whoever knows an address may send them.

#![no_main]

#[path = "../checks/mail.rs"]
mod check;
#[path = "../../../functions/archive-mail/src/dissect/mod.rs"]
mod dissect;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::bytes(bytes));
