//! `cargo +nightly fuzz run load` in `gateway/site`: bytes as a file of a site.
#![no_main]

#[path = "../one.rs"]
mod one;

libfuzzer_sys::fuzz_target!(|data: &[u8]| one::one(data));
