//! The database as the one who writes sees it: a flush is one transaction that writes a line of the log, and, when
//! tags have waited for it, their chunks and rollups.

mod load;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, TransactionBehavior, params};
use tag::{Kind, TagName, Timestamp};

use super::eras::Eras;
use super::file::{self, sqlite};
use super::head::{Head, Plan};
use super::rezone::Rezone;
use super::roll;
use super::salvage::Wreck;
use super::seal::{ChunkIds, cut, seal};
use super::spending;
use super::thin::{self};
use crate::entry::{Cause, Entry, Point, TIME_END, Whom};
use crate::error::StoreError;
use crate::format::Record;
use crate::format::log::{self, Line};
use crate::levels::Calendar;
use load::Loaded;
pub(super) use load::{load, past_of_chunks};

/// The tag of records about every tag.
pub(crate) const ALL: i64 = 0;

/// Windows of rollups made in one flush, so that no flush takes long: a tenth of a second on a small box.
const ROLL_MAX: usize = 64;

/// Writer and reader share it.
pub(crate) type SharedHead = Arc<Mutex<Head>>;

/// Locks the head; who panicked while holding it changed nothing by halves that matters more than going on.
pub(crate) fn lock(head: &SharedHead) -> MutexGuard<'_, Head> {
    head.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The open database, its log in memory.
pub(crate) struct Engine {
    pub(crate) conn: Connection,
    /// By the tags' numbers: their ids in this file.
    ids: Vec<i64>,
    pub(crate) calendar: Calendar,
    pub(super) head: SharedHead,
    next_seq: i64,
    pub(super) chunks: ChunkIds,
    /// Tags that may have windows to roll up.
    pub(super) to_roll: BTreeSet<i64>,
    /// Blocks of days that another zone made others.
    rezone: Rezone,
    /// How large the database may grow.
    pub(crate) keep_bytes: u64,
    /// It was larger at the last flush.
    is_over: bool,
    /// What is kept by the machine's uptime.
    pub(super) eras: Eras,
    /// Tags that only the box stamps.
    pub(super) own: Vec<i64>,
    /// What was spent of the day's bytes, to be noted with the next flush.
    pub(super) account: Option<String>,
    /// A damaged database of which something may be got back.
    pub(super) wreck: Option<Wreck>,
}

impl Engine {
    /// Opens or makes the database and reads its log.
    pub(crate) fn open(
        path: &Path,
        tags: &[(TagName, Kind)],
        calendar: Calendar,
        head: SharedHead,
    ) -> Result<Self, StoreError> {
        Self::open_in(None, BTreeMap::new(), path, tags, calendar, head)
    }

    /// The same in a boot of this name, of whose eras something was told already. Without one no era is settled.
    pub(super) fn open_in(
        boot: Option<&str>,
        told: BTreeMap<u64, i64>,
        path: &Path,
        tags: &[(TagName, Kind)],
        calendar: Calendar,
        head: SharedHead,
    ) -> Result<Self, StoreError> {
        let file = file::open(path, tags)?;
        let mut engine = Self {
            conn: file.conn,
            ids: file.ids,
            calendar,
            head,
            next_seq: 1,
            chunks: ChunkIds::default(),
            to_roll: BTreeSet::new(),
            rezone: Rezone::default(),
            keep_bytes: u64::MAX,
            is_over: false,
            eras: Eras::default(),
            own: vec![ALL],
            account: None,
            wreck: None,
        };
        engine.read_log().map_err(sqlite("reading the log of", path))?;
        engine.rezone =
            Rezone::begin(&mut engine.conn, &engine.calendar).map_err(sqlite("looking at the days of", path))?;
        let eras = Eras::read(&engine.conn, boot, told, &lock(&engine.head));
        engine.eras = eras.map_err(sqlite("reading the eras of", path))?;
        engine.show_eras();
        Ok(engine)
    }

    /// Makes entries visible to readers before they are durable.
    pub(crate) fn show(&mut self, entries: &[Entry]) {
        let pending: Vec<_> = entries.iter().map(|entry| self.record(entry)).collect();
        lock(&self.head).pending.extend(pending);
    }

    /// Makes entries durable, and no longer pending. `owed`: since when nobody recorded, as that is kept.
    pub(crate) fn write(&mut self, owed: Option<Timestamp>, entries: &[Entry]) -> rusqlite::Result<()> {
        let mut line = Line::new();
        let gap = Point::Gap(Cause::NotRecorded);
        line.extend(owed.map(|at| (ALL, vec![Record { at, point: gap }])));
        for entry in entries {
            let (tag, record) = self.record(entry);
            line.entry(tag).or_default().push(record);
        }
        let (plan, fold) = {
            let head = lock(&self.head);
            (head.plan(&line), head.fold())
        };
        let may_fold = fold.is_some() && plan.seal.is_empty();
        self.commit(line, &plan)?;
        // What was planned before the sealing no longer fits.
        if may_fold { self.fold() } else { Ok(()) }
    }

    /// Puts everything into chunks.
    pub(crate) fn seal_all(&mut self) -> rusqlite::Result<()> {
        let plan = lock(&self.head).plan_all();
        self.commit(Line::new(), &plan)
    }

    fn commit(&mut self, line: Line, plan: &Plan) -> rusqlite::Result<()> {
        let seq = self.next_seq;
        let body = log::encode(seq, &line);
        let bytes = body.len();
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.eras.enter(&tx)?;
        if !line.is_empty() {
            tx.prepare_cached("INSERT INTO log (seq, body) VALUES (?1, ?2)")?.execute(params![seq, body])?;
        }
        if let Some(account) = &self.account {
            spending::note(&tx, account)?;
        }
        for (tag, records) in &plan.seal {
            seal(&tx, *tag, records, &mut self.chunks)?;
            tx.prepare_cached("UPDATE tag SET sealed = ?2 WHERE id = ?1")?.execute(params![tag, seq])?;
            roll::forget(&tx, &self.calendar, *tag, records)?;
        }
        for dead in &plan.dead {
            tx.prepare_cached("DELETE FROM log WHERE seq = ?1")?.execute([dead])?;
        }
        self.to_roll.extend(plan.seal.keys());
        let mut left = ROLL_MAX;
        while let Some(tag) = self.to_roll.first().copied().filter(|_| left > 0) {
            left = roll::roll(&tx, &self.calendar, tag, left)?;
            if left > 0 {
                self.to_roll.remove(&tag);
            }
        }
        self.rezone.step(&tx, &self.calendar)?;
        self.is_over = thin::thin(&tx, &self.calendar, self.keep_bytes)? > 0;
        tx.commit()?;
        self.account = None;
        self.rezone.done();
        self.eras.entered();
        self.next_seq += 1;
        {
            let mut head = lock(&self.head);
            head.pending.clear();
            if !line.is_empty() {
                head.add(seq, bytes, line);
            }
            head.sealed(plan.seal.keys().copied(), &plan.dead);
            head.newest_chunk = self.chunks.newest();
        }
        Ok(())
    }

    /// Takes records of one tag, in the order they came, right into chunks.
    pub(crate) fn bring(&mut self, tag: &TagName, kind: Kind, records: &[Record]) -> rusqlite::Result<()> {
        self.seal_all()?;
        let id = file::learn_tags(&mut self.conn, &[(tag.clone(), kind)])?[0];
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        seal(&tx, id, records, &mut self.chunks)?;
        roll::forget(&tx, &self.calendar, id, records)?;
        let left = roll::roll(&tx, &self.calendar, id, ROLL_MAX)?;
        if left == 0 {
            self.to_roll.insert(id);
        }
        tx.commit()?;
        lock(&self.head).newest_chunk = self.chunks.newest();
        Ok(())
    }

    /// Takes what lies in a span out of every tag's past, and gives how many records that were.
    pub(crate) fn erase(&mut self, from: Timestamp, to: Timestamp) -> rusqlite::Result<u64> {
        // What has no time yet isn't in any span.
        let to = to.min(TIME_END);
        self.seal_all()?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut erased = 0;
        let tags: Vec<i64> =
            tx.prepare("SELECT id FROM tag")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for tag in tags {
            let count = |gone: Vec<Record>, _: &mut ChunkIds| {
                erased += gone.len() as u64;
                Ok(())
            };
            cut(&tx, &self.calendar, tag, (from, to), &mut self.chunks, |_| true, count)?;
            self.to_roll.insert(tag);
        }
        tx.commit()?;
        lock(&self.head).newest_chunk = self.chunks.newest();
        Ok(erased)
    }

    /// Whether some windows wait to be rolled up although nothing new came.
    pub(crate) fn has_work(&self) -> bool {
        self.is_over || !self.to_roll.is_empty() || self.rezone.has_work() || self.has_more_work()
    }

    fn read_log(&mut self) -> rusqlite::Result<()> {
        let Loaded { head, next_seq, tags } = load(&self.conn)?;
        (self.next_seq, self.to_roll) = (next_seq, tags);
        self.chunks = ChunkIds::of(&self.conn)?;
        *lock(&self.head) = head;
        Ok(())
    }

    /// Folds lines of the log that are mostly in chunks into one.
    fn fold(&mut self) -> rusqlite::Result<()> {
        let Some(fold) = lock(&self.head).fold() else { return Ok(()) };
        let body = log::encode(fold.last, &fold.line);
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute("DELETE FROM log WHERE seq BETWEEN ?1 AND ?2", params![fold.first, fold.last])?;
        if !fold.line.is_empty() {
            tx.execute("INSERT INTO log (seq, body) VALUES (?1, ?2)", params![fold.last, body])?;
        }
        tx.commit()?;
        lock(&self.head).folded(fold, body.len());
        Ok(())
    }

    fn record(&mut self, entry: &Entry) -> (i64, Record) {
        (self.id(entry.whom), Record { at: self.eras.place(entry.at), point: entry.point.clone() })
    }

    pub(super) fn id(&self, whom: Whom) -> i64 {
        match whom {
            Whom::All => ALL,
            Whom::Tag(tag) => self.ids[tag.0 as usize],
        }
    }
}
