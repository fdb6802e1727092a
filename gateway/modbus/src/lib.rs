//! Polls PLCs and meters over Modbus TCP and serial RTU, publishes what changed, carries out writes.
//!
//! In: `modbusclient.yaml`, registers, writes of the tags it owns. Out: samples, confirmations, write outcomes, and how
//! its lines and units are (`vitals`): `sys.modbus.<connection>.{state,why,requests,timeouts,exceptions,crc_errors,
//! bad_answers,overruns,load,offline_cost,p50_ms,p95_ms}`, `sys.modbus.<connection>:<unit>.{state,timeouts,exceptions,
//! crc_errors,bad_answers,load,p50_ms,p95_ms,offline_cost_s}`; asked,
//! `sys.modbus.<connection>.frames` answers with the last raw frames as a pcap file, `.state` with all figures of the
//! connection and its units, and who wrote what to it last and when. On disk:
//! only what was learned of devices (`memory`). Never: decides, or knows who listens. `tool` is Modbus from a command
//! line, without a site; `server` is the other side: tags for other masters.
//!
//! The way of a value, by file: `line` on a `port` (the wire) → `mbap`, `rtu`, `pdu` (frames) → `exchange` (requests and
//! their answers) → `device` with `unit`, `block`, `write` (what to ask next) → `layout` (words ↔ values) → `report` (what
//! is news) → `run` (the bus), before the line asks on. `config` and `plan` make the blocks that are read.
//!
//! # Driving it without a wire
//! A [`Master`] is a whole line without I/O and without a clock. A simulation calls [`Master::step`] with its own
//! instants and does what [`Do`] says:
//!
//! * [`Do::Open`] → [`Master::on_opened`] or [`Master::on_open_failed`], not later than [`CONNECT_TIME`] after;
//! * [`Do::Close`] → nothing more comes from the old connection;
//! * [`Do::Send`] → the bytes go to the simulated device;
//! * [`Do::Listen`] and [`Do::Wait`] → nothing until then, unless something happens: [`Master::on_bytes`],
//!   [`Master::on_closed`], [`Master::write`].
//!
//! After each of these it takes [`Master::take_reports`] and gives them to a [`Reporter`], which says what the bus
//! hears. `step` is called again after everything; it may be called at any time, early or often.

mod beside;
mod block;
mod budget;
mod cells;
mod config;
mod device;
mod error;
mod exchange;
mod flaps;
mod layout;
mod limits;
mod line;
mod master;
mod mbap;
mod memory;
mod pace;
mod pdu;
mod plan;
mod port;
mod reply;
mod report;
mod rtu;
mod run;
pub mod server;
mod silence;
mod timing;
pub mod tool;
mod trace;
mod unit;
mod vitals;
mod wishes;
mod write;

pub use beside::Beside;
pub use config::{Config, LineBlock, LineConfig, OwnedTag, Point, Spot};
pub use device::{Action, Counters, Device, RETRY_GAP, Report, Stats, Status, UnitStats, WRITES_MAX};
pub use error::{ConfigError, LineError, RunError};
pub use exchange::{Exchange, LATE_MAX};
pub use layout::{EncodeError, Layout, Meaning, Way, default_order, words_of};

pub use limits::Limits;
pub use link::Outcome;
pub use master::{Do, Master, char_time};
pub use mbap::{Found, Mbap};
pub use memory::{Learned, LearnedBlock, LearnedBridge, LearnedForms};
pub use pdu::{Answer, BadReply, PDU_BYTES_MAX, answer_len, decode, encode};
pub use plan::{
    Block, READ_BITS_MAX, READ_WORDS_MAX, TCP_BRIDGE_WORDS, WRITE_BITS_MAX, WRITE_WORDS_MAX, Want, plan_areas,
    plan_reads, rtu_bridge_words,
};
pub use port::CONNECT_TIME;
pub use reply::{Asked, Reply};
pub use report::{GroupPlan, Reporter, Say};
pub use rtu::{Rtu, crc16};
pub use run::run;
pub use trace::Trace;
pub use write::{Ticket, WriteRequest};
