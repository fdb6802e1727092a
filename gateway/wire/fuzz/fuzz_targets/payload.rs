//! `cargo +nightly fuzz run payload` in `gateway/wire`: bytes as a value.
#![no_main]

#[path = "../one.rs"]
#[allow(dead_code, reason = "the others are other targets'")]
mod one;

libfuzzer_sys::fuzz_target!(|data: &[u8]| one::payload(data));
