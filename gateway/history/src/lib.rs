//! The memory: keeps tags' changes in SQLite on flash, and answers questions about them.
//!
//! In: samples of the int, float and `multi` tags of `tags.yaml`, and of those others that ask for it (`history: yes`),
//! each as it was published; questions on `__history__`. Out: answers, to the asker alone: trends thinned to pixel columns, pymscada's records, a status.
//! Never: publishes a value, decides what a value means, lets a question or a slow disk hold up the recording of the
//! next sample, keeps a number that isn't one.
//!
//! A value's way: `link → filter → batch → store (one transaction per tick)`; a question's way:
//! `link → ask → store's reader → decimate → answer`.
//!
//! # The interface
//! What keeps the samples is behind [`Store`] and [`Reader`]; everything else here would stay if the engine were
//! replaced:
//! - [`Store::open`], and [`Store::close`], which returns when what was handed over is on disk or given up;
//! - [`Store::record`] takes a [`Batch`]: visible at once, durable as a whole within [`StoreConfig::flush`]; it never
//!   waits and gives the batch back when the engine is behind;
//! - [`Store::read`] runs one piece of reading on the engine's own thread, beside the recording: [`Reader::trend`],
//!   [`Reader::newest`], [`Reader::last_before`], [`Reader::value_at`], [`Reader::records`], [`Reader::last`], [`Reader::last`], [`Reader::rows_every`],
//!   [`Reader::rows_changed`], [`Reader::buckets`], [`Reader::counts`], [`Reader::states`], [`Reader::text_states`], [`Reader::status`];
//!   [`Reader::beside`] reads the same from another process;
//! - [`Recorder`] is the part before the store, pure: samples and `now` in, batches out;
//! - [`tools`] are what a person does with a store.
//!
//! What the engine promises: the last entry given for a tag and a time wins; an entry for [`Whom::All`] counts for
//! every tag; what was durable stays so over kill and power cut; a time without record is a gap, not a straight line.
//! What is written in a day is bounded (`thrift`, `pacer`); what the devices say of their wear is shown (`wear`).
//! What lies on flash is `FORMAT.md`; where there is too much of it, the oldest detail goes and rollups stand for it.

mod answer;
mod ask;
mod batch;
mod bucket;
mod config;
mod decimate;
mod entry;
mod era;
mod error;
mod filter;
mod format;
mod levels;
mod pacer;
mod recorder;
mod rolled;
mod run;
mod stamps;
mod store;
mod table;
mod text;
mod thrift;
mod timekeeper;
pub mod tools;
mod wear;

pub use config::Config;
pub use decimate::{Column, Extent, Series, Span};
pub use entry::{Batch, Cause, Entry, Number, Point, TagNo, Whom};
pub use era::Restamp;
pub use error::{ReadError, RunError, StoreError};
#[doc(hidden)]
pub use format::take_any;
pub use recorder::{Counts, Recorder};
pub use rolled::{Counted, Every, Lasted, LastedTexts, Rolled};
pub use run::run;
pub use store::{PAGE_CELLS_MAX, Page, ROWS_MAX, Reader, Row, Salvage, Status, Store, StoreConfig, Thrift, Wear};
pub use table::{TableForm, TableOf};
pub use text::{TEXT_BYTES_MAX, Text};
pub use tools::erase;
