//! `cargo +nightly fuzz run p1` in `gateway/wire`: bytes as what a client of protocol 1 sends.
#![no_main]

#[path = "../one.rs"]
#[allow(dead_code, reason = "the others are other targets'")]
mod one;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    one::p1(data);
});
