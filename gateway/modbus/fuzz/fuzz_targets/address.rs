//! `cargo +nightly fuzz run address` in `gateway/modbus`: bytes as an address.
#![no_main]

#[allow(dead_code)]
#[path = "../one.rs"]
mod one;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    one::address(&String::from_utf8_lossy(data));
});
