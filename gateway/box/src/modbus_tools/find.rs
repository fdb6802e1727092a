//! `forebay modbus scan`, `identify` and `frames`.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use link::Event;
use modbus::tool::{self, Question, Scan};
use shell::SystemClock;
use tag::{Delivery, TagName, Value};

use super::args::{Frames, Identify, ScanArgs};
use super::maps;
use crate::fail::Failure;
use crate::{say, tools};

pub(super) async fn scan(args: &ScanArgs) -> Result<ExitCode, Failure> {
    let or = |list: &[u32], one| if list.is_empty() { vec![one] } else { list.to_vec() };
    let parities = if args.parities.is_empty() { vec![args.device.parity] } else { args.parities.clone() };
    let what = Scan {
        transport: args.device.transport()?,
        units: args.units.0.clone(),
        bauds: or(&args.bauds, args.device.baud),
        parities,
        with: args.with.clone(),
        patience: Duration::from_millis(args.device.timeout),
    };
    let (shows, patience) = (std::io::stderr().is_terminal(), what.patience);
    let progress = |done: usize, all: usize, what: &str| {
        if shows {
            let left = left(all - done, patience);
            let _ = write!(std::io::stderr(), "\r\x1b[K{done} of {all}: {what}; {left}");
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
    if there == 0 && what.with == [Question::USUAL] {
        say::line(
            "A device may be silent for what it doesn't know: --with 4,1,43 asks for more than holding registers.",
        );
    }
    Ok(if there > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How long it takes yet, if nobody answers any more.
fn left(questions: usize, each: Duration) -> String {
    let seconds = (each * u32::try_from(questions).unwrap_or(u32::MAX)).as_secs_f64().ceil();
    if seconds < 100.0 {
        format!("at most {seconds} s left")
    } else {
        format!("at most {} min left", (seconds / 60.0).ceil())
    }
}

pub(super) async fn frames(args: &Frames) -> Result<ExitCode, Failure> {
    let name = TagName::parse(&format!("sys.modbus.{}.frames", args.line)).map_err(|error| Failure::config(&error))?;
    let mut link = tools::connect(&args.at);
    let tag = link.watch(&name, Delivery::Latest, None);
    // The number of the tag is known once it has been delivered.
    while !matches!(tools::next(&mut link, tools::PATIENCE).await?, Event::Sample(..)) {}
    link.ask(tag, Value::Json("{}".into()));
    loop {
        match tools::next(&mut link, tools::PATIENCE).await? {
            Event::Answer { value: Value::Bytes(bytes), .. } => {
                let file = args.file.display();
                std::fs::write(&args.file, &bytes[..]).map_err(|error| Failure::Work(format!("{file}: {error}")))?;
                say::line(&format!("{} bytes in {file}; open it with Wireshark", bytes.len()));
                return Ok(ExitCode::SUCCESS);
            }
            Event::AskFailed(_, why) => {
                return Err(Failure::Work(format!("no connection {} answers: {why}", args.line)));
            }
            _ => {}
        }
    }
}

pub(super) async fn identify(args: &Identify) -> Result<ExitCode, Failure> {
    let mut client = args.device.open().await?;
    let who = tool::identify(&mut client, args.unit).await.map_err(|error| Failure::work(&error))?;
    who.lines.iter().for_each(|line| say::line(line));
    if who.lines.is_empty() {
        say::line("It knows none of the ways to say who it is (functions 43/14 and 17, SunSpec), or isn't there.");
        return Ok(ExitCode::FAILURE);
    }
    let known = maps::known(None);
    let entries = who.models.iter().filter_map(|model| {
        let device = known.iter().find(|device| device.sunspec.contains(&model.id))?;
        Some(format!("- {{device: {}, line: LINE, unit: {}, base: {}}}", device.name, args.unit, model.start))
    });
    let entries: Vec<String> = entries.collect();
    if !entries.is_empty() {
        say::line("# modbusclient.yaml, under devices:");
        entries.iter().for_each(|entry| say::line(entry));
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_scan_is_said_in_time() {
        assert_eq!(left(3, Duration::from_millis(500)), "at most 2 s left");
        assert_eq!(left(6 * 247, Duration::from_secs(1)), "at most 25 min left");
        assert_eq!(left(0, Duration::from_secs(1)), "at most 0 s left");
    }
}
