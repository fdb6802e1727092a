//! What may be said to `forebay modbus …`. The doc comments are the help texts.

use std::path::PathBuf;
use std::time::Duration;

use modbus::tool::{self, Client, Place, Question};
use shell::SystemClock;
use site::{Order, Parity, Transport, WordType};

use crate::args::Where;
use crate::fail::Failure;

/// Which device.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Device {
    /// HOST, HOST:PORT, rtu://HOST:PORT, udp://HOST:PORT, or a serial port like /dev/ttyUSB0.
    pub(super) device: String,
    /// Bits per second of a serial port.
    #[arg(long, default_value_t = 9600, value_parser = clap::value_parser!(u32).range(50..=4_000_000))]
    pub(super) baud: u32,
    /// Parity of a serial port: none, even or odd.
    #[arg(long, default_value = "none", value_parser = parity)]
    pub(super) parity: Parity,
    /// Stop bits of a serial port.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub(super) stop_bits: u8,
    /// How long an answer may take, in ms.
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub(super) timeout: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Read {
    #[command(flatten)]
    pub(super) device: Device,
    /// First register: 4x:1 is 40001; 3x input registers, 0x coils, 1x discrete inputs.
    pub(super) place: Place,
    /// How many.
    #[arg(default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=125))]
    pub(super) count: u16,
    /// Unit id.
    #[arg(long, default_value_t = 1)]
    pub(super) unit: u8,
    /// What the device's display shows, with its decimals: 230.4, "1,5 bar"; or letters, like a part of its serial number.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(super) shows: Option<String>,
}

/// How a value lies in registers.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct As {
    /// Its type, as in modbusclient.yaml.
    #[arg(long = "type", value_name = "TYPE", default_value = "int16", value_parser = word_type)]
    pub(super) word_type: WordType,
    /// The order of its bytes, as in modbusclient.yaml.
    #[arg(long, default_value = "abcd", value_parser = order)]
    pub(super) order: Order,
    /// Value = register × scale.
    #[arg(long, default_value_t = 1.0)]
    pub(super) scale: f64,
    /// Of string and bytes: how many registers.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=123))]
    pub(super) length: u16,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Write {
    #[command(flatten)]
    pub(super) device: Device,
    /// Where: 4x:1, 0x:1 for a coil, 4x:1.3 for a bit of a word.
    pub(super) place: Place,
    /// What.
    #[arg(allow_hyphen_values = true)]
    pub(super) value: String,
    /// Unit id; 0 is every unit of a serial line, of which none answers.
    #[arg(long, default_value_t = 1)]
    pub(super) unit: u8,
    #[command(flatten)]
    pub(super) as_: As,
    /// Read these registers in the same request, function 23: the device writes first, then reads.
    #[arg(long, value_name = "PLACE")]
    pub(super) read: Option<Place>,
    /// Of --read: how many.
    #[arg(long, requires = "read", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=125))]
    pub(super) count: u16,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(super) device: Device,
    /// Where.
    pub(super) place: Place,
    /// Unit id.
    #[arg(long, default_value_t = 1)]
    pub(super) unit: u8,
    #[command(flatten)]
    pub(super) as_: As,
    /// Seconds from one read to the next.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    pub(super) every: f64,
    /// End after so many reads.
    #[arg(long, value_name = "READS")]
    pub(super) times: Option<u64>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(super) device: Device,
    /// Which units: numbers and spans with commas between.
    #[arg(long, default_value = "1-247", value_parser = units)]
    pub(super) units: Units,
    /// Which baud rates of a serial port, with commas between [default: the one of --baud].
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(50..=4_000_000))]
    pub(super) bauds: Vec<u32>,
    /// Which parities of a serial port, with commas between [default: the one of --parity].
    #[arg(long, value_delimiter = ',', value_parser = parity)]
    pub(super) parities: Vec<Parity>,
    /// By which functions to ask, with commas between: 1 coils, 2 discrete inputs, 3 holding registers, 4 input registers
    /// (of each the first), 8 an echo, 17 and 43 who it is. Each unit is asked one after the other until it answers.
    #[arg(long = "with", value_name = "FUNCTIONS", default_value = "3", value_delimiter = ',', value_parser = question)]
    pub(super) with: Vec<Question>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Frames {
    /// The connection's name in modbusclient.yaml.
    pub(super) line: String,
    /// The file to write, like trace.pcap.
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) at: Where,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").args(["line", "device"]).required(true))]
pub(crate) struct Import {
    /// The map.
    pub(super) file: PathBuf,
    /// For lines to paste: the connection's name in modbusclient.yaml.
    #[arg(long)]
    pub(super) line: Option<String>,
    /// For lines to paste: unit id.
    #[arg(long, default_value_t = 1)]
    pub(super) unit: u8,
    /// Print a device's file instead, to be kept as devices/NAME.yaml.
    #[arg(long)]
    pub(super) device: bool,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").args(["line", "device"]).required(true))]
pub(crate) struct Export {
    /// The site's folder; without one, --device means a device that comes with the gateway.
    #[arg(required_unless_present = "device")]
    pub(super) site: Option<PathBuf>,
    /// The connection's name in modbusclient.yaml.
    #[arg(long)]
    pub(super) line: Option<String>,
    /// Unit id.
    #[arg(long, default_value_t = 1)]
    pub(super) unit: u8,
    /// Instead of a unit of the site: a device's file, by its name.
    #[arg(long, value_name = "NAME")]
    pub(super) device: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Devices {
    /// A site's folder, for its own.
    pub(super) site: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Identify {
    #[command(flatten)]
    pub(super) device: Device,
    /// Unit id.
    #[arg(long, default_value_t = 1)]
    pub(super) unit: u8,
}

#[derive(Debug, Clone)]
pub(crate) struct Units(pub(super) Vec<u8>);

fn parity(text: &str) -> Result<Parity, String> {
    match text {
        "none" => Ok(Parity::None),
        "even" => Ok(Parity::Even),
        "odd" => Ok(Parity::Odd),
        _ => Err("expected none, even or odd".into()),
    }
}

fn question(text: &str) -> Result<Question, String> {
    let known = || Question::ALL.map(Question::function).join(", ");
    Question::of(text).ok_or_else(|| format!("expected functions out of {}", known()))
}

fn word_type(text: &str) -> Result<WordType, String> {
    WordType::of(text)
        .ok_or_else(|| "expected a type of modbusclient.yaml, like int16, uint32, float32, bool, string".into())
}

fn order(text: &str) -> Result<Order, String> {
    Order::of(text).ok_or_else(|| "expected abcd, cdab, badc, dcba, or an order of eight".into())
}

fn units(text: &str) -> Result<Units, String> {
    let mut all = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        match (first.trim().parse::<u8>(), last.trim().parse::<u8>()) {
            (Ok(first), Ok(last)) if first <= last => all.extend(first..=last),
            _ => return Err(format!("{part:?}: expected units from 0 to 255, like 1-10,20")),
        }
    }
    Ok(Units(all))
}

impl Device {
    pub(super) fn transport(&self) -> Result<Transport, Failure> {
        tool::target(&self.device, self.baud, self.parity, self.stop_bits).map_err(|error| Failure::config(&error))
    }

    pub(super) async fn open(&self) -> Result<Client, Failure> {
        let patience = Duration::from_millis(self.timeout);
        Client::open(&self.transport()?, SystemClock::shared(), patience).await.map_err(|error| Failure::work(&error))
    }
}
