//! Who keeps samples here.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use history::{Batch, Entry, Number, Point, ReadError, Reader, Series, Span, Store, StoreConfig, TagNo, Whom};
use rusqlite::{Connection, params};
use shell::{ManualClock, Stop};
use tag::{Kind, TagName, Timestamp};

use crate::fail::{Doing, Fail};

/// How often it is looked whether a flush is done.
const LOOK: Duration = Duration::from_micros(50);

/// A value of a tag.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) tag: usize,
    pub(crate) at: Timestamp,
    pub(crate) value: Number,
}

/// What is asked of tags.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    pub(crate) tags: usize,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// Thinned to so many columns; or every sample.
    pub(crate) columns: Option<usize>,
}

/// Keeps samples and answers.
pub(crate) trait Keeper {
    /// Makes them durable, all at once.
    fn keep(&mut self, samples: &[Sample]) -> Result<(), Fail>;
    /// Answers; says how many points came.
    fn ask(&mut self, question: &Question) -> Result<usize, Fail>;
    /// Ends, as a daemon does that is told to.
    fn close(self: Box<Self>);
}

/// The gateway's own.
pub(crate) struct Forebay {
    store: Store,
    kept: u64,
    runtime: tokio::runtime::Runtime,
}

impl Forebay {
    pub(crate) fn open(folder: &Path, kinds: &[Kind], now: Timestamp) -> Result<Self, Fail> {
        let tags = kinds.iter().enumerate().map(|(tag, kind)| (name(tag), *kind)).collect();
        let store = Store::open(StoreConfig::new(folder.into(), tags), ManualClock::at(now)).doing("opening")?;
        let runtime = tokio::runtime::Builder::new_current_thread().build().doing("a runtime")?;
        Ok(Self { store, kept: 0, runtime })
    }
}

fn name(tag: usize) -> TagName {
    TagName::parse(&format!("t{tag}")).expect("a letter and digits")
}

impl Keeper for Forebay {
    fn keep(&mut self, samples: &[Sample]) -> Result<(), Fail> {
        let entry = |sample: &Sample| Entry {
            whom: Whom::Tag(TagNo(sample.tag as u32)),
            at: sample.at,
            point: Point::Value(sample.value),
        };
        self.kept += samples.len() as u64;
        let mut batch = Batch { entries: samples.iter().map(entry).collect() };
        while let Err(back) = self.store.record(batch) {
            batch = back;
            sleep(LOOK);
        }
        while self.store.written() < self.kept {
            if let Some(thread) = self.store.dead_thread() {
                return Err(Fail(format!("the thread that {thread} has ended")));
            }
            sleep(LOOK);
        }
        Ok(())
    }

    fn ask(&mut self, question: &Question) -> Result<usize, Fail> {
        let Question { tags, from, to, columns } = *question;
        let work = move |reader: &mut Reader| -> Result<usize, ReadError> {
            let mut points = 0;
            for tag in 0..tags {
                let columns = columns.unwrap_or(usize::MAX);
                points += match reader.trend(&name(tag), Span { from, to }, columns)? {
                    Series::Raw(points) => points.len(),
                    Series::Decimated(columns) => columns.len(),
                    Series::Unknown => 0,
                };
            }
            Ok(points)
        };
        self.runtime.block_on(self.store.read(Stop::new(), work)).doing("asking")
    }

    fn close(self: Box<Self>) {
        self.store.close(Vec::new());
    }
}

/// Time, tag and value in a table, sorted by tag and time: what one would write in an afternoon. As safe as ours: its log is synced
/// with every flush.
pub(crate) struct Table(Connection);

impl Table {
    const EVERY: &str = "SELECT time / ?4, value FROM sample WHERE tag = ?1 AND time >= ?2 AND time < ?3 ORDER BY time";
    const THINNED: &str = "SELECT (time - ?2) / ?4, min(value), max(value) FROM sample \
                           WHERE tag = ?1 AND time >= ?2 AND time < ?3 GROUP BY 1";

    pub(crate) fn open(folder: &Path) -> Result<Self, Fail> {
        let table = Connection::open(folder.join("table.sqlite")).doing("opening")?;
        table.pragma_update(None, "journal_mode", "WAL").doing("opening")?;
        table.pragma_update(None, "synchronous", "FULL").doing("opening")?;
        let sql = "CREATE TABLE sample (time INTEGER, tag INTEGER, value, PRIMARY KEY (tag, time)) WITHOUT ROWID";
        table.execute_batch(sql).doing("opening")?;
        Ok(Self(table))
    }
}

impl Keeper for Table {
    fn keep(&mut self, samples: &[Sample]) -> Result<(), Fail> {
        let mut keep = || -> rusqlite::Result<()> {
            let all = self.0.transaction()?;
            {
                let mut row = all.prepare_cached("INSERT OR REPLACE INTO sample VALUES (?1, ?2, ?3)")?;
                for Sample { tag, at, value } in samples {
                    let (time, tag) = (at.0 as i64, *tag as i64);
                    match value {
                        Number::Int(n) => row.execute(params![time, tag, n])?,
                        Number::Float(x) => row.execute(params![time, tag, x])?,
                    };
                }
            }
            all.commit()
        };
        keep().doing("inserting")
    }

    fn ask(&mut self, question: &Question) -> Result<usize, Fail> {
        let Question { tags, from, to, columns } = *question;
        let (from, to) = (from.0 as i64, to.0 as i64);
        let (sql, width) = match columns {
            Some(columns) => (Self::THINNED, (to - from) / columns as i64),
            None => (Self::EVERY, 1),
        };
        let ask = || -> rusqlite::Result<usize> {
            let mut statement = self.0.prepare_cached(sql)?;
            let mut points = 0;
            for tag in 0..tags as i64 {
                let mut rows = statement.query(params![tag, from, to, width])?;
                while let Some(row) = rows.next()? {
                    let _: (i64, f64) = (row.get(0)?, row.get(1)?);
                    points += 1;
                }
            }
            Ok(points)
        };
        ask().doing("asking")
    }

    fn close(self: Box<Self>) {}
}
