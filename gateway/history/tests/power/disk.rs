//! A disk that was cut from its power: what was synced is there, and of what wasn't, anything.

use std::path::Path;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// Flash and disks write whole sectors.
const SECTOR: usize = 512;

/// One operation of the journal.
#[derive(Debug)]
pub(crate) enum Operation {
    Write {
        file: usize,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: usize,
        length: usize,
    },
    Sync {
        file: usize,
    },
    Unlink {
        file: usize,
    },
    /// Somebody was told that this is durable.
    Ack(Vec<u8>),
}

/// The files, in the journal's order: the database and its log.
pub(crate) const FILES: [&str; 2] = ["history.sqlite", "history.sqlite-wal"];

/// Reads a whole journal.
pub(crate) fn read(path: &Path) -> Vec<Operation> {
    let bytes = std::fs::read(path).unwrap();
    let mut rest = &bytes[..];
    let mut operations = Vec::new();
    while let Some((head, after)) = rest.split_at_checked(14) {
        let offset = u64::from_le_bytes(head[2..10].try_into().unwrap()) as usize;
        let length = u32::from_le_bytes(head[10..14].try_into().unwrap()) as usize;
        let (kind, file) = (head[0], usize::from(head[1]));
        let length = if kind == 1 { length } else { 0 };
        let Some((data, after)) = after.split_at_checked(length) else { break };
        rest = after;
        operations.push(match (kind, file) {
            (1, 3) => Operation::Ack(data.to_vec()),
            (1, _) => Operation::Write { file: file - 1, at: offset, bytes: data.to_vec() },
            (2, _) => Operation::Truncate { file: file - 1, length: offset },
            (3, 3) => continue,
            (3, _) => Operation::Sync { file: file - 1 },
            (4, _) => Operation::Unlink { file: file - 1 },
            _ => panic!("operation {kind}"),
        });
    }
    operations
}

/// What is on the disk for sure, and what isn't yet.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    synced: [Option<Vec<u8>>; 2],
    floating: [Vec<Floating>; 2],
}

#[derive(Debug, Clone)]
enum Floating {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Disk {
    /// The next operation happened.
    pub(crate) fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Write { file, at, bytes } => {
                self.synced[*file].get_or_insert_default();
                self.floating[*file].push(Floating::Write(*at, bytes.clone()));
            }
            Operation::Truncate { file, length } => self.floating[*file].push(Floating::Truncate(*length)),
            Operation::Sync { file } => {
                let floating = std::mem::take(&mut self.floating[*file]);
                let content = self.synced[*file].get_or_insert_default();
                floating.iter().for_each(|change| land(content, change));
            }
            Operation::Unlink { file } => {
                self.synced[*file] = None;
                self.floating[*file].clear();
            }
            Operation::Ack(_) => {}
        }
    }

    /// Writes down what a power cut at this moment leaves: of what wasn't synced nothing, all, or any part in any
    /// order, torn between sectors.
    pub(crate) fn cut(&self, rng: &mut StdRng, folder: &Path) {
        for (file, name) in FILES.iter().enumerate() {
            let Some(mut content) = self.synced[file].clone() else { continue };
            let mut floating = self.floating[file].clone();
            match rng.random_range(0..4) {
                0 => floating.clear(),
                1 => {}
                2 => floating.retain(|_| rng.random()),
                _ => {
                    floating.shuffle(rng);
                    floating.retain(|_| rng.random_bool(0.7));
                }
            }
            for change in floating {
                let Floating::Write(at, bytes) = &change else {
                    land(&mut content, &change);
                    continue;
                };
                let torn = rng.random_bool(0.3);
                // Pieces end where sectors do.
                let mut start = 0;
                while start < bytes.len() {
                    let end = (((at + start) / SECTOR + 1) * SECTOR - at).min(bytes.len());
                    if !torn || rng.random() {
                        land(&mut content, &Floating::Write(at + start, bytes[start..end].to_vec()));
                    }
                    start = end;
                }
            }
            std::fs::write(folder.join(name), content).unwrap();
        }
    }
}

fn land(content: &mut Vec<u8>, change: &Floating) {
    match change {
        Floating::Write(at, bytes) => {
            if content.len() < at + bytes.len() {
                content.resize(at + bytes.len(), 0);
            }
            content[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        Floating::Truncate(length) => content.resize(*length, 0),
    }
}
