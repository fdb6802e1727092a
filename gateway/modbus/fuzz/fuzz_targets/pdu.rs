//! `cargo +nightly fuzz run pdu` in `gateway/modbus`: bytes as what another master asks our server.
#![no_main]

#[allow(dead_code)]
#[path = "../one.rs"]
mod one;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    one::pdu(data);
});
