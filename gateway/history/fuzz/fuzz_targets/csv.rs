//! `cargo +nightly fuzz run csv` in `gateway/history`: bytes as an export.
#![no_main]

#[allow(dead_code)]
#[path = "../one.rs"]
mod one;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    one::csv(data);
});
