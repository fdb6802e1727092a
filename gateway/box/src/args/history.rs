//! What may be done with a store by hand. The doc comments are the help texts.

use std::path::PathBuf;

use clap::Subcommand;

/// What can be done with a store by hand.
#[derive(Debug, Subcommand)]
pub(crate) enum HistoryTool {
    /// Say what is in the store. Works while the history runs.
    Stats(StoreAt),
    /// Read everything in the store and say what is damaged. Works while the history runs.
    Check(StoreAt),
    /// Write the past as CSV or JSON, or records as a plain SQLite table. Works while the history runs.
    Export(Export),
    /// Take in records: CSV as `export` writes it, and pymscada's .dat files. The history must not run.
    Import(Import),
    /// Thin the oldest detail until the store is no larger than so many MB. The history must not run.
    Thin(Thin),
    /// Take a span out of the past of every tag, such as what was recorded under a wrong clock. The history must not run.
    Erase(Erase),
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct StoreAt {
    /// The store's folder [default: `history` below the state folder].
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// The folder of what must survive a restart [default: $FOREBAY_STATE, systemd's, or the user's own].
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// Which tags; none: all.
    pub(crate) tags: Vec<String>,
    /// From when on, as 2026-01-31T00:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = history_time)]
    pub(crate) from: Option<tag::Timestamp>,
    /// Until before when.
    #[arg(long, value_name = "TIME", value_parser = history_time)]
    pub(crate) to: Option<tag::Timestamp>,
    /// What: every record; values side by side; the value at --from; rolled up; how far counters went; how long states lasted.
    #[arg(long, value_name = "TABLE", default_value = "records",
          value_parser = ["records", "rows", "at", "buckets", "counters", "states"])]
    pub(crate) of: String,
    /// How long buckets, and the rows of counters and states, are.
    #[arg(long, value_name = "LENGTH", default_value = "1h", value_parser = ["1m", "15m", "1h", "1d"])]
    pub(crate) every: String,
    /// Seconds between two rows; left out: a row whenever a tag changes.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) step: Option<f64>,
    /// Where a counter goes on from 0, such as 65536.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) rollover: Option<f64>,
    /// JSON instead of CSV.
    #[arg(long, conflicts_with = "table")]
    pub(crate) json: bool,
    /// Write to this file instead of standard output. It is there when it is whole.
    #[arg(long, short, value_name = "FILE", conflicts_with = "table")]
    pub(crate) out: Option<PathBuf>,
    /// Write a new SQLite file with one table instead.
    #[arg(long, value_name = "FILE")]
    pub(crate) table: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) at: StoreAt,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// Which files.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The site's tags: which there are and what type they have.
    #[arg(long, value_name = "FILE", default_value = "tags.yaml")]
    pub(crate) tags: PathBuf,
    #[command(flatten)]
    pub(crate) at: StoreAt,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Thin {
    /// How many MB to keep.
    #[arg(long, value_name = "MB")]
    pub(crate) keep_mb: u64,
    #[command(flatten)]
    pub(crate) at: StoreAt,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Erase {
    /// From when on, as 2026-01-31T00:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = history_time)]
    pub(crate) from: tag::Timestamp,
    /// Until before when.
    #[arg(long, value_name = "TIME", value_parser = history_time)]
    pub(crate) to: tag::Timestamp,
    #[command(flatten)]
    pub(crate) at: StoreAt,
}

#[cfg(feature = "history")]
fn history_time(text: &str) -> Result<tag::Timestamp, String> {
    ::history::tools::parse_time(text).ok_or_else(|| "expected a time such as 2026-01-31T00:00:00Z".to_owned())
}

#[cfg(not(feature = "history"))]
fn history_time(_: &str) -> Result<tag::Timestamp, String> {
    Err("this build has no history in it".to_owned())
}
