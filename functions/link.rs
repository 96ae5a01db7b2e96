//! How a release is linked, on the machines that have LLVM's linker from their toolchain: small to send.
//!
//! A package is deflated, and deflate finds what is alike only within 32 KiB. So the linker puts functions that are alike
//! beside each other, and keeps one of those that are the same: a seventh of each package.
//! The options are those of `ld.lld --help`; the order is found by balanced partitioning (Hoag and others, "Optimizing
//! Function Layout for Mobile Applications", 2023).

use std::env;

const ARGUMENTS: [&str; 4] = [
    "--bp-compression-sort=both",
    "--icf=all",
    // Constants without pointers may share an address too: aws-lc has one table of curve points four times.
    "--ignore-data-address-equality",
    "-O2",
];

fn main() {
    println!("cargo::rerun-if-changed=../link.rs");
    let told = |name: &str| env::var(name).unwrap_or_default();
    let is_release = told("PROFILE") == "release";
    // Rust's own linker for this target since 1.90. Whoever chose another one knows its options.
    let has_lld = told("TARGET") == "x86_64-unknown-linux-gnu"
        && told("HOST") == told("TARGET")
        && told("RUSTC_LINKER").is_empty()
        && !told("CARGO_ENCODED_RUSTFLAGS").contains("link");
    if is_release && has_lld {
        for argument in ARGUMENTS {
            println!("cargo::rustc-link-arg-bins=-Wl,{argument}");
        }
    }
}
