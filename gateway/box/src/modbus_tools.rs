//! `forebay modbus read`, `write`, `watch`, `scan` and `identify`: any device, without a site.

use std::future::Future;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use link::Event;
use modbus::tool::{self, Client, Guess, Place, Scan};
use modbus::{Layout, Outcome};
use shell::SystemClock;
use site::{Order, Parity, Table, Transport, WordType};
use tag::{Delivery, TagName, Value};

use crate::args::Where;
use crate::fail::Failure;
use crate::{check, say, tools, values};

/// One question to a device.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Tool {
    /// Read registers of a device, and show what they may mean.
    ///
    /// Prints every way to understand them side by side. With --shows, what the device's own display says, the ways that
    /// fit come first, each with the line to paste into modbusclient.yaml.
    ///
    /// For example: `forebay modbus read /dev/ttyUSB0 3x:30 2 --unit 7 --baud 19200 --shows 230.4`.
    Read(Read),
    /// Write one value, and read it back.
    Write(Write_),
    /// Read a value again and again; print it when it changes.
    Watch(Watch),
    /// Find who answers: unit after unit, of a serial port each baud rate and parity.
    Scan(ScanArgs),
    /// Save the last frames of a running site's connection as a file for Wireshark.
    Frames(Frames),
    /// Turn a register map in CSV into lines for modbusclient.yaml and tags.yaml.
    ///
    /// The first line names the columns: name, type, address (4x:3 or 400003), and where wanted order, scale, offset,
    /// length, no_value, access (r or rw), desc, units, rate. Commas or semicolons.
    Import(Import),
    /// Print the tags of a unit of a site as a register map in CSV.
    Export(Export),
    /// Ask a device who it is: functions 43/14 and 17, and the models of SunSpec.
    Identify(Identify),
}

/// Which device.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Device {
    /// HOST, HOST:PORT, rtu://HOST:PORT, udp://HOST:PORT, or a serial port like /dev/ttyUSB0.
    device: String,
    /// Bits per second of a serial port.
    #[arg(long, default_value_t = 9600, value_parser = clap::value_parser!(u32).range(50..=4_000_000))]
    baud: u32,
    /// Parity of a serial port: none, even or odd.
    #[arg(long, default_value = "none", value_parser = parity)]
    parity: Parity,
    /// Stop bits of a serial port.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    stop_bits: u8,
    /// How long an answer may take, in ms.
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    timeout: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Read {
    #[command(flatten)]
    device: Device,
    /// First register: 4x:1 is 40001; 3x input registers, 0x coils, 1x discrete inputs.
    place: Place,
    /// How many.
    #[arg(default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=125))]
    count: u16,
    /// Unit id.
    #[arg(long, default_value_t = 1)]
    unit: u8,
    /// What the device's display shows, with its decimals.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    shows: Option<String>,
}

/// How a value lies in registers.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct As {
    /// Its type, as in modbusclient.yaml.
    #[arg(long = "type", value_name = "TYPE", default_value = "int16", value_parser = word_type)]
    word_type: WordType,
    /// The order of its bytes, as in modbusclient.yaml.
    #[arg(long, default_value = "abcd", value_parser = order)]
    order: Order,
    /// Value = register × scale.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Of string and bytes: how many registers.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=123))]
    length: u16,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Write_ {
    #[command(flatten)]
    device: Device,
    /// Where: 4x:1, 0x:1 for a coil, 4x:1.3 for a bit of a word.
    place: Place,
    /// What.
    #[arg(allow_hyphen_values = true)]
    value: String,
    /// Unit id; 0 is every unit of a serial line, of which none answers.
    #[arg(long, default_value_t = 1)]
    unit: u8,
    #[command(flatten)]
    as_: As,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    device: Device,
    /// Where.
    place: Place,
    /// Unit id.
    #[arg(long, default_value_t = 1)]
    unit: u8,
    #[command(flatten)]
    as_: As,
    /// Seconds from one read to the next.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    every: f64,
    /// End after so many reads.
    #[arg(long, value_name = "READS")]
    times: Option<u64>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    device: Device,
    /// Which units: numbers and spans with commas between.
    #[arg(long, default_value = "1-247", value_parser = units)]
    units: Units,
    /// Which baud rates of a serial port, with commas between [default: the one of --baud].
    #[arg(long, value_delimiter = ',')]
    bauds: Vec<u32>,
    /// Which parities of a serial port, with commas between [default: the one of --parity].
    #[arg(long, value_delimiter = ',', value_parser = parity)]
    parities: Vec<Parity>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Frames {
    /// The connection's name in modbusclient.yaml.
    line: String,
    /// The file to write, like trace.pcap.
    file: PathBuf,
    #[command(flatten)]
    at: Where,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// The map.
    file: PathBuf,
    /// The connection's name in modbusclient.yaml.
    #[arg(long)]
    line: String,
    /// Unit id.
    #[arg(long, default_value_t = 1)]
    unit: u8,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The site's folder.
    site: PathBuf,
    /// The connection's name in modbusclient.yaml.
    #[arg(long)]
    line: String,
    /// Unit id.
    #[arg(long, default_value_t = 1)]
    unit: u8,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Identify {
    #[command(flatten)]
    device: Device,
    /// Unit id.
    #[arg(long, default_value_t = 1)]
    unit: u8,
}

#[derive(Debug, Clone)]
pub(crate) struct Units(Vec<u8>);

fn parity(text: &str) -> Result<Parity, String> {
    match text {
        "none" => Ok(Parity::None),
        "even" => Ok(Parity::Even),
        "odd" => Ok(Parity::Odd),
        _ => Err("expected none, even or odd".into()),
    }
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
    fn transport(&self) -> Result<Transport, Failure> {
        tool::target(&self.device, self.baud, self.parity, self.stop_bits).map_err(|error| Failure::config(&error))
    }

    async fn open(&self) -> Result<Client, Failure> {
        let patience = Duration::from_millis(self.timeout);
        Client::open(&self.transport()?, SystemClock::shared(), patience).await.map_err(|error| Failure::work(&error))
    }
}

/// Does what was asked.
pub(crate) fn run(tool: &Tool) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::work(&error))?;
    let block_on =
        |work: std::pin::Pin<Box<dyn Future<Output = Result<ExitCode, Failure>> + '_>>| runtime.block_on(work);
    match tool {
        Tool::Read(args) => block_on(Box::pin(read(args))),
        Tool::Write(args) => block_on(Box::pin(write(args))),
        Tool::Watch(args) => block_on(Box::pin(watch(args))),
        Tool::Scan(args) => block_on(Box::pin(scan(args))),
        Tool::Import(args) => import(args),
        Tool::Export(args) => export(args),
        Tool::Frames(args) => block_on(Box::pin(frames(args))),
        Tool::Identify(args) => block_on(Box::pin(identify(args))),
    }
}

fn at(place: Place, by: usize) -> String {
    let start = place.start.saturating_add(u16::try_from(by).unwrap_or(u16::MAX));
    Place { start, ..place }.to_string()
}

async fn read(args: &Read) -> Result<ExitCode, Failure> {
    let Read { device, place, count, unit, shows } = args;
    let mut client = device.open().await?;
    let words = client.read(*unit, place.table, place.start, *count).await.map_err(|error| Failure::work(&error))?;
    let bits = matches!(place.table, Table::Coils | Table::DiscreteInputs);
    for (n, word) in words.iter().enumerate() {
        match bits {
            true => say::line(&format!("{:<9} {word}", at(*place, n))),
            false => {
                say::line(&format!("{:<9} {word:04x}  {word:>5}  {:>6}  {word:016b}", at(*place, n), *word as i16))
            }
        }
    }
    if bits {
        return Ok(ExitCode::SUCCESS);
    }
    let name = |guess: &Guess| format!("NAME:{unit}:{}", at(*place, guess.at));
    if let Some(shown) = shows {
        // One register before and one behind: addresses are often told one off.
        let before = u16::from(place.start > 0);
        let wide = client.read(*unit, place.table, place.start - before, count + before + 1).await;
        let (words, asked) = wide.map_or((words, 0), |wide| (wide, usize::from(before)));
        let first = Place { start: place.start - u16::try_from(asked).unwrap_or(0), ..*place };
        let fitting = tool::ranked(&words, asked, shown);
        if fitting.is_empty() {
            say::line(&format!("Nothing here can be shown as {shown}."));
            return Ok(ExitCode::FAILURE);
        }
        say::line(&format!("What the display may show as {shown}, the likeliest first:"));
        for guess in fitting.iter().take(8) {
            let address = format!("NAME:{unit}:{}", at(first, guess.at));
            say::line(&format!("  {:<12} TAG: {}", values::show(&guess.value), guess.yaml(&address)));
        }
        return Ok(ExitCode::SUCCESS);
    }
    say::line("");
    for guess in tool::decodings(&words) {
        // Numbers of absurd size are what a wrong order makes of a float.
        let sane = guess.value.as_f64().is_some_and(|x| x == 0.0 || (1e-9..1e15).contains(&x.abs()));
        if sane {
            say::line(&format!(
                "{:<9} {:<17} {:<24} {}",
                at(*place, guess.at),
                guess.name(),
                values::show(&guess.value),
                guess.yaml(&name(&guess))
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn layout(as_: &As, place: Place) -> Result<Layout, Failure> {
    let bits = matches!(place.table, Table::Coils | Table::DiscreteInputs) || place.bit.is_some();
    let word_type = if bits { WordType::Bool } else { as_.word_type };
    if word_type == WordType::Bool && !bits {
        return Err(Failure::Config("a bool is a coil, or a bit of a register: 4x:1.0".into()));
    }
    if word_type.has_length() != (as_.length > 0) {
        return Err(Failure::Config("string and bytes take --length, other types none".into()));
    }
    if !(as_.scale.is_finite() && as_.scale != 0.0) {
        return Err(Failure::Config("--scale is a number other than 0".into()));
    }
    let layout =
        Layout { scale: if bits { 1.0 } else { as_.scale }, length: as_.length, ..Layout::plain(word_type, as_.order) };
    Ok(layout)
}

async fn write(args: &Write_) -> Result<ExitCode, Failure> {
    let layout = layout(&args.as_, args.place)?;
    let value = values::parse(&args.value, layout.word_type == WordType::Text);
    let mut client = args.device.open().await?;
    let outcome = client.write(args.unit, args.place.table, args.place.start, args.place.bit, &layout, &value).await;
    let words = match outcome.map_err(|error| Failure::work(&error))? {
        Outcome::Confirmed => "confirmed: the device holds it".to_owned(),
        Outcome::Sent => "sent to all units; none of them answers".to_owned(),
        Outcome::Refused(why) => format!("refused: {why}"),
        Outcome::Mismatch(held) => format!("mismatch: the device holds {}", values::show(&held)),
        other => format!("{other:?}"),
    };
    say::line(&format!("{} of unit {}  {words}", args.place, args.unit));
    let well = words.starts_with("confirmed") || words.starts_with("sent");
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn watch(args: &Watch) -> Result<ExitCode, Failure> {
    let layout = layout(&args.as_, args.place)?;
    let every = Duration::try_from_secs_f64(args.every).map_err(|error| Failure::config(&error))?;
    let mut client = args.device.open().await?;
    let mut last = None;
    let mut ticks = tokio::time::interval(every.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut reads = 0;
    loop {
        ticks.tick().await;
        let said = match client.read(args.unit, args.place.table, args.place.start, layout.words()).await {
            Ok(words) => match args.place.bit {
                Some(bit) => values::show(&Value::Int(i64::from(words[0] >> bit & 1))),
                None => layout
                    .decode(&words)
                    .map_or_else(|fault| format!("no value: {fault}"), |value| values::show(&value)),
            },
            Err(tool::ToolError::Line(error)) => return Err(Failure::work(&error)),
            Err(error) => error.to_string(),
        };
        if last.as_ref() != Some(&said) {
            say::line(&format!("{}  {said}", args.place));
            last = Some(said);
        }
        reads += 1;
        if args.times.is_some_and(|times| reads >= times) {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

async fn scan(args: &ScanArgs) -> Result<ExitCode, Failure> {
    let or = |list: &[u32], one| if list.is_empty() { vec![one] } else { list.to_vec() };
    let parities = if args.parities.is_empty() { vec![args.device.parity] } else { args.parities.clone() };
    let what = Scan {
        transport: args.device.transport()?,
        units: args.units.0.clone(),
        bauds: or(&args.bauds, args.device.baud),
        parities,
        patience: Duration::from_millis(args.device.timeout),
    };
    let shows = std::io::stderr().is_terminal();
    let progress = |done, all, what: &str| {
        if shows {
            let _ = write!(std::io::stderr(), "\r\x1b[K{done} of {all}: {what}");
        }
    };
    let found = |found: &tool::Found| {
        if shows {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
        let serial = found
            .serial
            .map_or(String::new(), |(baud, parity)| format!(" at {baud} baud, {parity:?} parity").to_lowercase());
        say::line(&format!("unit {}{serial}: {}", found.unit, found.how));
    };
    let there =
        tool::scan(&what, &SystemClock::shared(), progress, found).await.map_err(|error| Failure::work(&error))?;
    if shows {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    say::line(&format!("{there} answered"));
    Ok(if there > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn import(args: &Import) -> Result<ExitCode, Failure> {
    let text = std::fs::read_to_string(&args.file).map_err(|error| Failure::work(&error))?;
    match tool::import(&text, &args.line, args.unit) {
        Ok(map) => {
            say::line("# modbusclient.yaml, under tags:");
            map.modbus.iter().for_each(|line| say::line(&format!("  {line}")));
            say::line("# tags.yaml");
            map.tags.iter().for_each(|line| say::line(line));
            Ok(ExitCode::SUCCESS)
        }
        Err(wrong) => {
            wrong.iter().for_each(|line| say::line(&format!("{}: {line}", args.file.display())));
            Err(Failure::Config(format!("{} mistakes; nothing was made of it", wrong.len())))
        }
    }
}

fn export(args: &Export) -> Result<ExitCode, Failure> {
    let site = check::site_of(site::load_dir(&args.site, &check::env))?;
    let client = site.modbus_client.ok_or_else(|| Failure::Config("the site has no modbusclient.yaml".into()))?;
    say::line(tool::export(&client, &site.tags, &args.line, args.unit).trim_end());
    Ok(ExitCode::SUCCESS)
}

async fn frames(args: &Frames) -> Result<ExitCode, Failure> {
    let name = TagName::parse(&format!("sys.modbus.{}.frames", args.line)).map_err(|error| Failure::config(&error))?;
    let mut link = tools::connect(&args.at);
    let tag = link.watch(&name, Delivery::Latest, None);
    // The number of the tag is known once it has been delivered.
    while !matches!(tools::next(&mut link, tools::PATIENCE).await?, Event::Sample(..)) {}
    link.ask(tag, Value::Json("{}".into()));
    loop {
        match tools::next(&mut link, tools::PATIENCE).await? {
            Event::Answer { value: Value::Bytes(bytes), .. } => {
                std::fs::write(&args.file, &bytes[..]).map_err(|error| Failure::work(&error))?;
                say::line(&format!("{} bytes in {}; open it with Wireshark", bytes.len(), args.file.display()));
                return Ok(ExitCode::SUCCESS);
            }
            Event::AskFailed(_, why) => {
                return Err(Failure::Work(format!("no connection {} answers: {why}", args.line)));
            }
            _ => {}
        }
    }
}

async fn identify(args: &Identify) -> Result<ExitCode, Failure> {
    let mut client = args.device.open().await?;
    let lines = tool::identify(&mut client, args.unit).await.map_err(|error| Failure::work(&error))?;
    lines.iter().for_each(|line| say::line(line));
    if lines.is_empty() {
        say::line("It knows none of the ways to say who it is (functions 43/14 and 17, SunSpec), or isn't there.");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
