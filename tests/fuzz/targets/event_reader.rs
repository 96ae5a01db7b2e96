//! Any bytes, as whoever may invoke a function or write to its queue sends them.

#![no_main]

#[path = "../checks/event_reader.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::bytes(bytes));
