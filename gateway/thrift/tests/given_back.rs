//! The real thing: this very process, with many threads at work meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

fn resident_file_kb() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("RssFile:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Something that takes code, constants, heap and the C library.
fn work(round: u64) -> String {
    let mut words: Vec<String> = (0..200).map(|n| format!("{:.3}", (n * round) as f64 / 7.0)).collect();
    words.sort();
    words.join(" ")
}

#[test]
fn the_process_goes_on_the_same_in_less_room() {
    let expected = work(3);
    let stop = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (stop, expected) = (stop.clone(), expected.clone());
            thread::spawn(move || {
                let mut rounds = 0_u64;
                while !stop.load(Ordering::Relaxed) || rounds == 0 {
                    assert_eq!(work(3), expected);
                    rounds += 1;
                }
                rounds
            })
        })
        .collect();
    for _ in 0..100 {
        assert!(forebay_thrift::give_back_start().unwrap() > 0);
    }
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        assert!(thread.join().unwrap() > 0);
    }
    // Once more with nobody else at work: only what this needs itself comes back.
    let before = resident_file_kb().unwrap();
    forebay_thrift::give_back_start().unwrap();
    let after = resident_file_kb().unwrap();
    assert!(after < before || before < 1000, "{before} kB of files before, {after} kB after");
    assert_eq!(work(3), expected);
}
