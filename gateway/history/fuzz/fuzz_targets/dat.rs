//! `cargo +nightly fuzz run dat` in `gateway/history`: bytes as one of pymscada's files.
#![no_main]

#[allow(dead_code)]
#[path = "../one.rs"]
mod one;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    one::dat(data);
});
