//! `cargo +nightly fuzz run p2` in `gateway/wire`: bytes as a frame of protocol 2.
#![no_main]

#[path = "../one.rs"]
#[allow(dead_code, reason = "the others are other targets'")]
mod one;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    one::p2(data);
});
