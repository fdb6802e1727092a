//! `cargo +nightly fuzz run csv` in `gateway/modbus`: bytes as a register map.
#![no_main]

#[allow(dead_code)]
#[path = "../one.rs"]
mod one;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    one::csv(&String::from_utf8_lossy(data));
});
