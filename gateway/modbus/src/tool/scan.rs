//! Who answers on a line: unit after unit, and of a serial port each baud rate and parity.

use std::time::Duration;

use shell::SharedClock;
use site::{Parity, Serial, Table, Transport};

use super::client::{Client, ToolError};
use crate::cells::read_request;
use crate::reply::Reply;

/// What is tried.
#[derive(Debug, Clone)]
pub struct Scan {
    /// Where. Of a serial port, baud and parity come from the lists below.
    pub transport: Transport,
    /// Which units.
    pub units: Vec<u8>,
    /// Which baud rates of a serial port.
    pub bauds: Vec<u32>,
    /// Which parities of a serial port.
    pub parities: Vec<Parity>,
    /// How long each may take to answer.
    pub patience: Duration,
}

/// Somebody is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Who.
    pub unit: u8,
    /// Of a serial port: baud and parity.
    pub serial: Option<(u32, Parity)>,
    /// How it answered, in words.
    pub how: String,
}

/// Scans. `progress` hears before each question how many are behind and how many there are; `found` who answers.
pub async fn scan(
    scan: &Scan,
    clock: &SharedClock,
    mut progress: impl FnMut(usize, usize, &str),
    mut found: impl FnMut(&Found),
) -> Result<usize, ToolError> {
    let ways: Vec<Transport> = match &scan.transport {
        Transport::Rtu(serial) => scan
            .bauds
            .iter()
            .flat_map(|baud| scan.parities.iter().map(|parity| (*baud, *parity)))
            .map(|(baud, parity)| Transport::Rtu(Serial { baud, parity, ..serial.clone() }))
            .collect(),
        other => vec![other.clone()],
    };
    let (mut done, all, mut there) = (0, ways.len() * scan.units.len(), 0);
    for way in ways {
        let mut client = Client::open(&way, clock.clone(), scan.patience).await?;
        let serial = match &way {
            Transport::Rtu(serial) => Some((serial.baud, serial.parity)),
            _ => None,
        };
        for unit in scan.units.iter().copied() {
            let what = match serial {
                Some((baud, parity)) => format!("unit {unit} at {baud} baud, parity {}", parity_word(parity)),
                None => format!("unit {unit}"),
            };
            progress(done, all, &what);
            done += 1;
            let how = match client.ask(unit, read_request(Table::HoldingRegisters, 0, 1)).await {
                Ok(reply) => in_words(&reply),
                // A gateway may hang up on a unit it doesn't have; the next may be there.
                Err(ToolError::Line(_)) if !matches!(way, Transport::Rtu(_)) => {
                    client = Client::open(&way, clock.clone(), scan.patience).await?;
                    None
                }
                Err(error) => return Err(error),
            };
            if let Some(how) = how {
                there += 1;
                found(&Found { unit, serial, how });
            }
        }
    }
    Ok(there)
}

fn in_words(reply: &Reply) -> Option<String> {
    match reply {
        Reply::Answer(_) => Some("answers".to_owned()),
        // A gateway speaks for a unit that isn't there.
        Reply::Exception(code) if matches!(code.0, 10 | 11) => None,
        Reply::Exception(code) => Some(format!("answers (register 4x:1 is refused: {code})")),
        Reply::Bad(bad) => Some(format!(
            "something comes, but it {bad}: perhaps another baud rate or parity, or two units of one number"
        )),
        Reply::TimedOut | Reply::Broadcast => None,
    }
}

/// As `modbusclient.yaml` has it.
pub(crate) fn parity_word(parity: Parity) -> &'static str {
    match parity {
        Parity::None => "none",
        Parity::Even => "even",
        Parity::Odd => "odd",
    }
}
