//! How far a salvage has come.

use std::path::Path;

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use tag::Timestamp;

/// Rows taken in one step: under a tenth of a second on a small box.
const STEP: i64 = 16;

/// Where rows don't read, so many are jumped over at most before the rest is given up.
const JUMP_MAX: i64 = 1 << 24;

/// How far it has come, as it is noted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct Progress {
    pub(in crate::store) file: String,
    pub(in crate::store) at_us: u64,
    pub(in crate::store) got: u64,
    pub(in crate::store) lost: u64,
    pub(super) stage: Stage,
    /// The last row that was looked at.
    pub(super) last: i64,
    /// Rows to be jumped over where the last ones didn't read.
    pub(super) jump: i64,
    /// So many rows are read one by one, since some of them doesn't read.
    #[serde(default)]
    pub(super) singly: i64,
    /// The newest record before the damage was found.
    pub(super) newest_us: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    #[default]
    Log,
    Chunks,
    Rollups,
    Done,
}

impl Progress {
    pub(in crate::store) fn begin(file: &Path, at: Timestamp) -> Self {
        let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { file, at_us: at.0, last: i64::MAX, ..Self::default() }
    }

    pub(in crate::store) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Notes it.
    pub(in crate::store) fn note(&self, tx: &Connection) -> rusqlite::Result<()> {
        let text = serde_json::to_string(self).unwrap_or_default();
        tx.execute(
            "INSERT INTO note (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
            params![format!("salvage {}", self.file), text],
        )?;
        Ok(())
    }

    /// All that was noted, the latest last.
    pub(in crate::store) fn all(conn: &Connection) -> rusqlite::Result<Vec<Self>> {
        let mut find = conn.prepare_cached("SELECT value FROM note WHERE name LIKE 'salvage %' ORDER BY name")?;
        let texts: Vec<String> = find.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
    }

    /// Nothing of it reads.
    pub(in crate::store) fn give_up(&mut self) {
        (self.stage, self.lost) = (Stage::Done, self.lost.max(1));
    }

    pub(super) fn next_stage(&mut self) {
        (self.stage, self.last) = match self.stage {
            Stage::Log => (Stage::Chunks, 0),
            Stage::Chunks => (Stage::Rollups, 0),
            Stage::Rollups | Stage::Done => (Stage::Done, 0),
        };
        (self.jump, self.singly) = (0, 0);
    }

    /// Rows didn't read: each of them may by itself; and where a single one didn't, others further on.
    pub(super) fn jump(&mut self) {
        let was_single = self.stage == Stage::Log || self.singly > 0;
        self.singly = STEP;
        if was_single {
            self.jump_over();
        }
    }

    /// How many rows to read at once.
    pub(super) fn step(&self) -> i64 {
        if self.singly > 0 { 1 } else { STEP }
    }

    /// A row was read.
    pub(super) fn passed(&mut self, row: i64) {
        (self.last, self.jump, self.singly) = (row, 0, (self.singly - 1).max(0));
    }

    pub(super) fn jump_over(&mut self) {
        self.lost += 1;
        self.jump = (self.jump * 2).max(1);
        if self.jump > JUMP_MAX {
            return self.next_stage();
        }
        let back = self.stage == Stage::Log;
        self.last = if back { self.last.saturating_sub(self.jump) } else { self.last.saturating_add(self.jump) };
    }
}
