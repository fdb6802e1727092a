//! `modbusclient.yaml`, checked: both of pymscada's generations, and ours.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tag::TagName;

use crate::BusAddress;

mod words;

pub use words::{Order, WordType};

/// `modbusclient.yaml`.
#[derive(Debug, Clone, PartialEq)]
pub struct ModbusClient {
    /// Which bus.
    pub bus: BusAddress,
    /// The connections: one per device or serial line, in the file's order.
    pub rtus: Vec<Rtu>,
    /// What is read and written, in the file's order.
    pub tags: Vec<ModbusTag>,
}

/// One connection: a TCP server, or a serial line, with the units behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rtu {
    /// The prefix used in addresses.
    pub name: String,
    /// How it is reached.
    pub transport: Transport,
    /// Poll period.
    pub rate: Duration,
    /// Which generation its file is written in: decides word orders and write behaviour.
    pub form: Form,
    /// What is read every period (`reads:` or `poll:`). Empty: as planned from the tags.
    pub reads: Vec<Area>,
    /// [`Form::Areas`] only: what is read back once and then written every period (`writes:`).
    pub writes: Vec<Area>,
    /// How long an answer may take at most (`timeout_ms`, ours). Default 1 s, as pymscada.
    pub timeout: Duration,
    /// The least silence between an answer and the next request (`gap_ms`, ours); on serial lines more is learned.
    pub gap: Duration,
    /// The most registers one request reads (`max_words`, ours).
    pub max_words: u16,
    /// Set-points go out with function 23, which reads them back in the same request (`write_read`, ours).
    pub write_read: bool,
    /// How many requests may be under way at once (`pipeline`, ours). Default 1, as the standard has it.
    pub pipeline: u8,
}

/// How a connection's registers are described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `poll:` blocks; a change is written at once; all multi-word types high word first. Also our own form.
    Poll,
    /// pymscada 0.2.8 `reads:` and `writes:` areas with their mixed word orders.
    Areas,
}

/// How a connection is reached.
#[derive(Debug, Clone, PartialEq)]
pub enum Transport {
    /// Modbus TCP.
    Tcp {
        /// Name or address.
        host: String,
        /// Usually 502.
        port: u16,
    },
    /// Modbus RTU on a serial port.
    Rtu(Serial),
    /// Modbus RTU frames over TCP, to a serial server at the other end (`framing: rtu`).
    RtuOverTcp {
        /// Name or address.
        host: String,
        /// The serial server's.
        port: u16,
    },
    /// A port that the device's modem dials into (`listen:`).
    Listen {
        /// Where it listens.
        at: SocketAddr,
        /// RTU frames instead of Modbus TCP's.
        rtu: bool,
    },
    /// Modbus TCP's frames in datagrams (`tcp_udp: udp`).
    Udp {
        /// Name or address.
        host: String,
        /// Usually 502.
        port: u16,
    },
}

impl Transport {
    /// Frames without a transaction number: what comes late can't be told by it.
    pub fn is_rtu(&self) -> bool {
        matches!(self, Self::Rtu(_) | Self::RtuOverTcp { .. } | Self::Listen { rtu: true, .. })
    }
}

impl std::fmt::Display for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp { host, port } | Self::RtuOverTcp { host, port } | Self::Udp { host, port } => {
                write!(f, "{host}:{port}")
            }
            Self::Rtu(serial) => write!(f, "{}", serial.path.display()),
            Self::Listen { at, .. } => write!(f, "port {}", at.port()),
        }
    }
}

/// A serial port and how it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serial {
    /// `/dev/serial/by-id/…`
    pub path: PathBuf,
    /// Default 9600.
    pub baud: u32,
    /// Default none. (The standard's default is even; field devices ship with none.)
    pub parity: Parity,
    /// 1 or 2. Default 1.
    pub stop_bits: u8,
    /// The kernel switches the direction of an RS-485 transceiver with the RTS line.
    pub rs485: bool,
}

/// Parity of a serial port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    /// None.
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

/// A span of registers or bits of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Unit id, 0 to 255.
    pub unit: u8,
    /// Which table.
    pub table: Table,
    /// First PDU address: `4x:1` is 0.
    pub start: u16,
    /// How many registers or bits; at least 1, and `start + count <= 65536`.
    pub count: u32,
}

/// A table of the Modbus data model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// `0x`: coils, read by function 1, written by 5 and 15.
    Coils,
    /// `1x`: discrete inputs, read by function 2.
    DiscreteInputs,
    /// `3x`: input registers, read by function 4.
    InputRegisters,
    /// `4x`: holding registers, read by function 3, written by 6 and 16.
    HoldingRegisters,
}

/// Where a tag lies: `NAME:unit:file:word[.bit]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// Index into [`ModbusClient::rtus`].
    pub rtu: usize,
    /// Unit id.
    pub unit: u8,
    /// Which table.
    pub table: Table,
    /// PDU address of the first word or the bit: `4x:1` is 0.
    pub start: u16,
    /// Bit of a register, 0 the least significant; `None` for whole words, coils and discrete inputs.
    pub bit: Option<u8>,
}

/// One tag of the file. At least one of `read` and `write` is there.
#[derive(Debug, Clone, PartialEq)]
pub struct ModbusTag {
    /// What it is called.
    pub name: TagName,
    /// Its type in the device.
    pub word_type: WordType,
    /// Where it is read.
    pub read: Option<Address>,
    /// Where it is written. In [`Form::Areas`] a tag with both is read only, as pymscada does.
    pub write: Option<Address>,
    /// The order of words and bytes if the site says one (`order: cdab`); `None`: what the form and the type say.
    pub order: Option<Order>,
    /// Engineering value = raw × scale + offset. Default 1.
    pub scale: f64,
    /// Default 0.
    pub offset: f64,
    /// Of `string` and `bytes`: how many registers. 0 for other types, which know it themselves.
    pub length: u16,
    /// Raw numbers with which the device says that it has no value. By their bits: 0x8000 and -32768 are one in a word.
    pub no_value: Vec<i64>,
    /// The raw numbers of the states of an enumeration, in the order of the tag's states. Empty: 0, 1, 2, …
    pub states: Vec<i64>,
    /// Changes smaller than this, in engineering units, are not told.
    pub deadband: Option<f64>,
    /// Its own poll period; `None`: the connection's.
    pub rate: Option<Duration>,
    /// The tag's freshness limit if `tags.yaml` says one.
    pub stale: Option<Duration>,
    /// Where the device keeps the power of ten of its number (SunSpec's `sunssf`), in the unit and table of `read`. It is
    /// read in one piece with the number; such a tag is only read.
    pub sunssf: Option<Address>,
    /// The SunSpec model it lies in, in the unit and table of `read`; read in one piece with it.
    pub model: Option<Model>,
}

/// The first register of a SunSpec model: it holds the model's number. Without one of these numbers in it, what lies
/// behind it is something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Its address.
    pub start: u16,
    /// Which models are meant.
    pub ids: Vec<u16>,
}

impl ModbusTag {
    /// A tag with nothing said of it but its type.
    pub fn new(name: TagName, word_type: WordType) -> Self {
        Self {
            name,
            word_type,
            read: None,
            write: None,
            order: None,
            scale: 1.0,
            offset: 0.0,
            length: 0,
            no_value: vec![],
            states: vec![],
            deadband: None,
            rate: None,
            stale: None,
            sunssf: None,
            model: None,
        }
    }

    /// First address and number of the registers that are read for it in one piece; `None`: it isn't read.
    pub fn read_span(&self) -> Option<(u16, u32)> {
        let read = self.read?;
        let beside = self.sunssf.map(|at| at.start).into_iter().chain(self.model.as_ref().map(|model| model.start));
        let (mut start, mut end) = (read.start, u32::from(read.start) + u32::from(self.words()));
        for at in beside {
            start = start.min(at);
            end = end.max(u32::from(at) + 1);
        }
        Some((start, end - u32::from(start)))
    }

    /// Are its values numbers with a fraction, by its type or by its scale?
    pub fn gives_floats(&self) -> bool {
        self.word_type.is_float() || self.scale != 1.0 || self.offset != 0.0 || self.sunssf.is_some()
    }

    /// How many registers it takes; 1 for a bit.
    pub fn words(&self) -> u16 {
        if self.word_type.has_length() { self.length } else { self.word_type.words() }
    }
}
