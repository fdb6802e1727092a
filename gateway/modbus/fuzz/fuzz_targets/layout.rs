//! `cargo +nightly fuzz run layout` in `gateway/modbus`: bytes as a layout, registers and a value to write.
#![no_main]

#[allow(dead_code)]
#[path = "../one.rs"]
mod one;

libfuzzer_sys::fuzz_target!(|data: &[u8]| one::layout(data));
