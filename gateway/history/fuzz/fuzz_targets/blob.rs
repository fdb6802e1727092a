//! `cargo +nightly fuzz run blob` in `gateway/history`: bytes as a chunk, a line or a block; the first says which.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Some((form, body)) = data.split_first() {
        forebay_history::take_any(*form, body);
    }
});
