//! `forebay modbus read`, `write` and `watch`.

use std::process::ExitCode;
use std::time::Duration;

use modbus::tool::{self, Guess, Place};
use modbus::{Layout, Outcome};
use site::{Table, WordType};
use tag::Value;

use super::args::{As, Read, Watch, Write};
use crate::fail::{Failure, chain};
use crate::{say, values};

/// Registers of one request.
const WINDOW_MAX: u16 = 125;

fn at(place: Place, by: usize) -> String {
    let start = place.start.saturating_add(u16::try_from(by).unwrap_or(u16::MAX));
    Place { start, ..place }.to_string()
}

/// A bit, and the line to paste.
fn bit_line(place: &str, unit: u8, bit: u16) -> String {
    format!("{place:<9} {bit}  {{type: bool, read: 'NAME:{unit}:{place}'}}")
}

/// More registers than a table has are a slip; a device would say only that it has no such address.
fn within(place: Place, count: u16) -> Result<(), Failure> {
    if place.bit.is_some() && matches!(place.table, Table::Coils | Table::DiscreteInputs) {
        return Err(Failure::Config(format!("{place}: 0x and 1x hold single bits, without a .bit")));
    }
    let last = u32::from(place.start) + u32::from(count);
    let ends = || Failure::Config(format!("{count} registers from {place} on end past 65536"));
    (last <= 65_536).then_some(()).ok_or_else(ends)
}

/// Each register in hexadecimal, as a number without and with sign, and bit by bit.
fn show(place: Place, unit: u8, words: &[u16]) {
    let bits = matches!(place.table, Table::Coils | Table::DiscreteInputs);
    for (n, word) in words.iter().enumerate() {
        match bits {
            true => say::line(&bit_line(&at(place, n), unit, *word)),
            false => say::line(&format!("{:<9} {word:04x}  {word:>5}  {:>6}  {word:016b}", at(place, n), *word as i16)),
        }
    }
}

pub(super) async fn read(args: &Read) -> Result<ExitCode, Failure> {
    let Read { device, place, count, unit, shows } = args;
    within(*place, *count)?;
    let mut client = device.open().await?;
    let words = client.read(*unit, place.table, place.start, *count).await.map_err(|error| Failure::work(&error))?;
    let bits = matches!(place.table, Table::Coils | Table::DiscreteInputs);
    if let Some(bit) = place.bit {
        say::line(&bit_line(&place.to_string(), *unit, words[0] >> bit & 1));
        return Ok(ExitCode::SUCCESS);
    }
    show(*place, *unit, &words);
    if bits {
        return Ok(ExitCode::SUCCESS);
    }
    let name = |guess: &Guess| format!("NAME:{unit}:{}", at(*place, guess.at));
    if let Some(shown) = shows {
        // One register before and one behind, if that makes a request: addresses are often told one off.
        let before = u16::from(place.start > 0 && *count < WINDOW_MAX);
        let behind = u16::from(count + before < WINDOW_MAX && place.start < u16::MAX - count);
        let wide = client.read(*unit, place.table, place.start - before, count + before + behind).await;
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
    for guess in tool::decodings(&words).into_iter().filter(Guess::is_sane) {
        say::line(&format!(
            "{:<9} {:<17} {:<24} {}",
            at(*place, guess.at),
            guess.name(),
            values::show(&guess.value),
            guess.yaml(&name(&guess))
        ));
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

pub(super) async fn write(args: &Write) -> Result<ExitCode, Failure> {
    let layout = layout(&args.as_, args.place)?;
    within(args.place, layout.words())?;
    let value = values::parse(&args.value, layout.word_type == WordType::Text);
    if let Some(place) = args.read {
        return write_read(args, place, &layout, &value).await;
    }
    let mut client = args.device.open().await?;
    let outcome = client.write(args.unit, args.place.table, args.place.start, args.place.bit, &layout, &value).await;
    let words = match outcome.map_err(|error| Failure::work(&error))? {
        Outcome::Confirmed => "confirmed: the device holds it".to_owned(),
        Outcome::Sent => "sent to all units; none of them answers".to_owned(),
        Outcome::Refused(why) => format!("refused: {why}"),
        Outcome::Mismatch(held) => format!("mismatch: the device holds {}", values::show(&held)),
        Outcome::Expired => "expired: sent, but not read back in time".to_owned(),
        other => format!("{other:?}"),
    };
    say::line(&format!("{} of unit {}  {words}", args.place, args.unit));
    let well = words.starts_with("confirmed") || words.starts_with("sent");
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Function 23: writes and reads in one request.
async fn write_read(args: &Write, place: Place, layout: &Layout, value: &Value) -> Result<ExitCode, Failure> {
    let whole = |place: Place| place.table == Table::HoldingRegisters && place.bit.is_none();
    if !whole(args.place) || !whole(place) || args.unit == 0 {
        let why = "--read writes and reads whole holding registers (4x) of one unit, in one request";
        return Err(Failure::Config(why.into()));
    }
    let words = match layout.encode(value) {
        Ok(words) => words,
        Err(why) => {
            say::line(&format!("{} of unit {}  refused: {why}", args.place, args.unit));
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut client = args.device.open().await?;
    let answer = client.write_read(args.unit, (args.place.start, &words), (place.start, args.count)).await;
    let read = answer.map_err(|error| Failure::work(&error))?;
    say::line(&format!("{} of unit {}  written; and then, in the same request:", args.place, args.unit));
    show(place, args.unit, &read);
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn watch(args: &Watch) -> Result<ExitCode, Failure> {
    let layout = layout(&args.as_, args.place)?;
    within(args.place, layout.words())?;
    let every = Duration::try_from_secs_f64(args.every)
        .map_err(|_| Failure::Config(format!("--every {}: expected seconds, like 0.5 or 10", args.every)))?;
    let mut open = Some(args.device.open().await?);
    let mut last = None;
    let mut ticks = tokio::time::interval(every.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut reads = 0;
    loop {
        ticks.tick().await;
        let said = look(args, &layout, &mut open).await;
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

/// One look, in words. A connection that was lost is opened again at the next one: who watches a device often does so
/// because it comes and goes.
async fn look(args: &Watch, layout: &Layout, open: &mut Option<tool::Client>) -> String {
    let mut client = match open.take() {
        Some(client) => client,
        None => match args.device.open().await {
            Ok(client) => client,
            Err(Failure::Config(why) | Failure::Work(why)) => return why,
        },
    };
    let said = match client.read(args.unit, args.place.table, args.place.start, layout.words()).await {
        Ok(words) => match args.place.bit {
            Some(bit) => values::show(&Value::Int(i64::from(words[0] >> bit & 1))),
            None => {
                layout.decode(&words).map_or_else(|fault| format!("no value: {fault}"), |value| values::show(&value))
            }
        },
        Err(tool::ToolError::Line(error)) => return chain(&error),
        Err(error) => error.to_string(),
    };
    *open = Some(client);
    said
}
