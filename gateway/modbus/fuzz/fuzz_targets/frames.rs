//! `cargo +nightly fuzz run frames` in `gateway/modbus`: bytes as what a device sends in answer to a request.
#![no_main]

#[allow(dead_code)]
#[path = "../one.rs"]
mod one;

libfuzzer_sys::fuzz_target!(|data: &[u8]| one::frames(data));
