//! Whatever stands in a file, the loader comes back with a site or with findings. The bytes are random ones and mutated
//! files that were good; `FOREBAY_SEED` repeats a run. The fuzz target calls the same function.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test, and it measures and prints"
)]

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::time::{Duration, Instant};

#[path = "../fuzz/one.rs"]
mod one;

/// splitmix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Pieces that mean something to YAML or to us.
const PIECES: [&str; 60] = [
    ":",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\n- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    ", ",
    "&a ",
    "*a",
    "<<: *a",
    "<<: ",
    "---\n",
    "...\n",
    "'",
    "\"",
    "|",
    ">",
    "|2-\n",
    "#",
    "!!str ",
    "!!binary ",
    "!x ",
    "!<",
    "%YAML 1.1\n",
    "%TAG ! x\n",
    "? ",
    "\t",
    " ",
    "\r\n",
    "\r",
    "${P}",
    "${",
    "${Q}",
    "__DIR__",
    "~",
    "null",
    "yes",
    "1e3",
    "12:30",
    "0x1f",
    ".inf",
    "-1",
    "65536",
    "4x",
    "\u{0}",
    "\u{feff}",
    "ü",
    "\u{85}",
    "\u{2028}",
    "\\u0000",
    "\"\\",
    "type: uplot",
    "tagname: ",
    "PLC:1:4x:1",
    "__vars__: ",
];

/// Good files: the starter site, and the ones full of mistakes, which reach more of the loader.
fn good() -> Vec<Vec<u8>> {
    let files = [
        "tags.yaml",
        "modbusclient.yaml",
        "wwwserver.yaml",
        "history.yaml",
        "bus.yaml",
        "initvalues.yaml",
        "devices/pump.yaml",
    ];
    let mut all: Vec<(String, Vec<u8>)> =
        forebay_site::starter("S").into_iter().map(|(file, text)| (file.to_owned(), text.into_bytes())).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes");
    let mut folders: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        all.extend(files.iter().filter_map(|file| Some(((*file).to_owned(), std::fs::read(folder.join(file)).ok()?))));
    }
    // The shipped devices, each in the place of the one that is used.
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/devices");
    let mut shipped: Vec<_> = std::fs::read_dir(shipped).unwrap().map(|entry| entry.unwrap().path()).collect();
    shipped.sort();
    all.extend(shipped.iter().map(|path| (files[6].to_owned(), std::fs::read(path).unwrap())));
    let which = |file: &str| files.iter().position(|known| *known == file).unwrap() as u8;
    all.into_iter().map(|(file, text)| [vec![which(&file)], text].concat()).collect()
}

fn mutated(random: &mut Random, good: &[Vec<u8>]) -> Vec<u8> {
    if random.below(8) == 0 {
        let length = random.below(200);
        return (0..length).map(|_| random.next() as u8).collect();
    }
    if random.below(4) == 0 {
        let pieces = random.below(60);
        let mut data = vec![random.next() as u8];
        (0..pieces).for_each(|_| data.extend(PIECES[random.below(PIECES.len())].bytes()));
        return data;
    }
    let mut data = good[random.below(good.len())].clone();
    for _ in 0..=random.below(6) {
        let at = 1 + random.below(data.len() - 1).min(data.len().saturating_sub(2));
        match random.below(6) {
            0 => data[at] = random.next() as u8,
            1 => {
                let end = (at + random.below(40)).min(data.len());
                data.drain(at..end);
            }
            2 => {
                let end = (at + random.below(200)).min(data.len());
                let copy = data[at..end].to_vec();
                let to = 1 + random.below(data.len());
                data.splice(to.min(data.len())..to.min(data.len()), copy);
            }
            3 => data.truncate(at.max(2)),
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                data.splice(at..at, piece.bytes());
            }
        }
        if data.len() < 3 {
            data.extend(*b": 1\n");
        }
    }
    data
}

#[test]
fn random_and_mutated_files_never_panic_and_always_come_back() {
    let seed = match std::env::var("FOREBAY_SEED") {
        Ok(seed) => u64::from_str_radix(seed.trim_start_matches("0x"), 16).expect("FOREBAY_SEED in hexadecimal"),
        Err(_) => RandomState::new().hash_one(0),
    };
    println!("FOREBAY_SEED=0x{seed:x}");
    let good = good();
    good.iter().for_each(|data| one::one(data));
    let mut random = Random(seed);
    let begun = Instant::now();
    let mut steps = 0;
    // So many steps are the same for a seed; the time is for slow machines.
    while steps < 20_000 && begun.elapsed() < Duration::from_secs(6) {
        let data = mutated(&mut random, &good);
        let step = Instant::now();
        let result = std::panic::catch_unwind(|| one::one(&data));
        let text = || String::from_utf8_lossy(&data).into_owned();
        assert!(result.is_ok(), "seed=0x{seed:x} step {steps} panicked on {:?}", text());
        assert!(step.elapsed() < Duration::from_secs(5), "seed=0x{seed:x} step {steps} took too long on {:?}", text());
        steps += 1;
    }
    println!("{steps} files in {:?}", begun.elapsed());
    assert!(steps > 200, "too slow to mean anything: {steps} files");
}

#[test]
fn shapes_that_could_grow_come_back_soon() {
    let repeat = |piece: &str, times: usize| piece.repeat(times);
    let shapes = [
        repeat("[", 20000),
        repeat("{", 20000),
        repeat("- ", 20000),
        repeat("? ", 10000),
        repeat("a: ", 10000),
        repeat("- a\n", 40000),
        repeat("a: 1\n", 20000),
        repeat("'", 20000),
        repeat("\"", 20001),
        repeat("&a ", 10000),
        repeat("---\n", 20000),
        repeat("!!", 10000),
        repeat("#\n", 40000),
        format!("a: {}", repeat("x ", 100000)),
        format!("a: \"{}", repeat("\\", 20000)),
        format!("a: |\n{}", repeat("  x\n", 20000)),
        format!("a: [{}]", repeat("a,", 40000)),
        format!("a: {{{}}}", repeat("a,", 20000)),
        repeat("${P}", 20000),
        (0..20000).map(|n| format!("k{n}: {{x: 1}}\n")).collect(),
        (0..4000).map(|n| format!("k{n}: &a{n} [1]\n")).collect(),
    ];
    for shape in shapes {
        for file in 0..3 {
            let begun = Instant::now();
            one::one(&[&[file], shape.as_bytes()].concat());
            let took = begun.elapsed();
            assert!(took < Duration::from_secs(20), "{took:?} for {:?}…", shape.chars().take(30).collect::<String>());
            if took > Duration::from_secs(1) {
                println!("{took:?} for {:?}…", shape.chars().take(30).collect::<String>());
            }
        }
    }
}
