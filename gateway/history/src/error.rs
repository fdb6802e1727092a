//! What failed, named by the operation.

use std::io;
use std::path::PathBuf;

use tag::TagName;

/// Why the daemon can't go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store can't be opened.
    #[error("opening the history")]
    Open(#[source] StoreError),
    /// A thread of ours ended although nobody told it to.
    #[error("the thread that {0} ended by itself")]
    Thread(&'static str),
}

/// Why the store can't be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder can't be made.
    #[error("making the folder {path}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file that keeps others out can't be made or locked.
    #[error("locking {path}")]
    Lock {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file can't be renamed.
    #[error("setting {path} aside")]
    SetAside {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database was written by a newer release. It is left as it is.
    #[error("{path} has schema {found}, newer than the {known} this release knows")]
    Newer {
        /// Which.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The newest version we know.
        known: i64,
    },
    /// The database reads, but not as one of ours.
    #[error("{path} is not sound: {why}")]
    NotSound {
        /// Which.
        path: PathBuf,
        /// What the check found.
        why: String,
    },
    /// Somebody else writes to the store.
    #[error("the history in {path} is in use: stop the daemon first")]
    InUse {
        /// Its folder.
        path: PathBuf,
    },
    /// No such tag.
    #[error("{tag} is not known here")]
    NoTag {
        /// Which.
        tag: TagName,
    },
    /// A record can't be read out of the store.
    #[error("reading the history")]
    Reading {
        /// Why not.
        #[source]
        source: ReadError,
    },
    /// A record can't be written out.
    #[error("writing the export")]
    Export {
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file can't be taken in.
    #[error("importing {path}")]
    Import {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A thread can't be started.
    #[error("starting the thread {name}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// SQLite says no.
    #[error("{doing} {path}")]
    Sqlite {
        /// What we were doing.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rusqlite::Error,
    },
}

/// Why a question got no answer from the store.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Too many questions wait already.
    #[error("too many questions at once")]
    Busy,
    /// Nobody waits for the answer any more.
    #[error("cancelled")]
    Cancelled,
    /// No such tag.
    #[error("{0} is not recorded here")]
    NoTag(TagName),
    /// A tag of texts was asked for what only numbers have.
    #[error("{0} holds no numbers: ask for its records, rows, its value at a time or its states")]
    NoNumbers(TagName),
    /// More states than one answer has.
    #[error("too many different values: this is no tag of states")]
    TooManyStates,
    /// More rows than one answer has.
    #[error("too many rows: ask for a shorter span, or for longer rows")]
    TooManyRows,
    /// More records than one question may read.
    #[error("too many changes to count: ask for a shorter span")]
    TooMuch,
    /// The store was closed meanwhile.
    #[error("the history is closing")]
    Closed,
    /// SQLite says no.
    #[error("{doing}")]
    Sqlite {
        /// What we were doing.
        doing: &'static str,
        /// Why not.
        #[source]
        source: rusqlite::Error,
    },
}

impl ReadError {
    /// Is it the question that can't be answered, whoever is asked and whenever?
    pub(crate) fn is_of_the_question(&self) -> bool {
        matches!(self, Self::NoTag(_) | Self::NoNumbers(_) | Self::TooManyRows | Self::TooMuch | Self::TooManyStates)
    }
}
