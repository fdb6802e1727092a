//! Numbers are written as they ever were: what the kept databases hold of them is the same bytes when it is written
//! again.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use tag::Timestamp;

use super::{chunk, log};

fn open(file: &str) -> Connection {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept").join(file);
    // Immutable: no log beside it, and nothing is made there.
    let uri = format!("file:{}?immutable=1", path.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(uri, flags).unwrap()
}

#[test]
fn what_was_kept_is_written_again_byte_for_byte() {
    for file in ["version-2.sqlite", "version-3.sqlite", "version-4.sqlite"] {
        let conn = open(file);
        let mut chunks = conn.prepare("SELECT tag, from_us, body FROM chunk").unwrap();
        let found = chunks.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?)));
        let found: Vec<(i64, i64, Vec<u8>)> = found.unwrap().collect::<Result<_, _>>().unwrap();
        assert!(!found.is_empty(), "{file}");
        for (tag, from, body) in found {
            let records = chunk::decode(tag, Timestamp(from.unsigned_abs()), &body).unwrap();
            let again = chunk::encode(tag, &records);
            let same = chunk::decode(tag, Timestamp(from.unsigned_abs()), &again).unwrap() == records;
            assert!(same, "{file}: the chunk of tag {tag} from {from} on");
            // Which bins numbers are packed in may be weighed otherwise by another processor; they read the same.
            let is_as_there = again == body || !cfg!(target_arch = "x86_64");
            assert!(is_as_there, "{file}: the bytes of the chunk of tag {tag} from {from} on");
        }
        let mut lines = conn.prepare("SELECT seq, body FROM log").unwrap();
        let found = lines.query_map([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)));
        let found: Vec<(i64, Vec<u8>)> = found.unwrap().collect::<Result<_, _>>().unwrap();
        for (seq, body) in found {
            assert!(log::encode(seq, &log::decode(seq, &body).unwrap()) == body, "{file}: line {seq}");
        }
    }
}
