//! Who answers on a line: unit after unit, and of a serial port each baud rate and parity.
//!
//! A line has mostly units that aren't there, and each costs the time of an answer: those are asked as little as may be.
//! Only of who says that it doesn't know what it was asked it is worth hearing what it knows.

use std::time::Duration;

use shell::SharedClock;
use site::{Parity, Serial, Transport};

use super::client::{Client, ToolError};
use super::question::Question;
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
    /// What each is asked, one after the other until it answers. Some devices are silent for functions they don't know.
    pub with: Vec<Question>,
    /// How long each answer may take.
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

/// What a device says of a function that it doesn't know.
const ILLEGAL_FUNCTION: u8 = 1;

/// Scans. `progress` hears before each question how many are behind and how many there are at most; `found` who answers.
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
    let (mut done, all, mut there) = (0, ways.len() * scan.units.len() * scan.with.len(), 0);
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
            let behind = done;
            for question in scan.with.iter().copied() {
                progress(done, all, &what);
                done += 1;
                let reply = ask(&mut client, &way, unit, question).await?;
                let Some(mut how) = reply.as_ref().and_then(|reply| in_words(question, reply)) else { continue };
                if reply.is_some_and(|reply| is_unknown(&reply)) {
                    how.push_str(&known(&mut client, &way, unit, question).await?);
                }
                there += 1;
                found(&Found { unit, serial, how });
                break;
            }
            done = behind + scan.with.len();
        }
    }
    Ok(there)
}

/// What it says; `None`: the connection was lost over it.
async fn ask(client: &mut Client, way: &Transport, unit: u8, question: Question) -> Result<Option<Reply>, ToolError> {
    match client.ask(unit, question.request()).await {
        Ok(reply) => Ok(Some(reply)),
        // A gateway may hang up on a unit it doesn't have; the next may be there.
        Err(ToolError::Line(_)) if !matches!(way, Transport::Rtu(_)) => {
            client.open_again(way).await?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn is_unknown(reply: &Reply) -> bool {
    matches!(reply, Reply::Exception(code) if code.0 == ILLEGAL_FUNCTION)
}

/// What a device knows that doesn't know what it was asked, in words.
async fn known(client: &mut Client, way: &Transport, unit: u8, asked: Question) -> Result<String, ToolError> {
    let mut knows = Vec::new();
    for question in Question::ALL.into_iter().filter(|question| *question != asked) {
        match ask(client, way, unit, question).await? {
            Some(Reply::Exception(code)) if matches!(code.0, ILLEGAL_FUNCTION | 10 | 11) => {}
            Some(Reply::Answer(_) | Reply::Exception(_)) => knows.push(question.function()),
            _ => {}
        }
    }
    Ok(match &knows[..] {
        [] => "; it knows no other that reads".to_owned(),
        [one] => format!("; it knows function {one}"),
        [some @ .., last] => format!("; it knows functions {} and {last}", some.join(", ")),
    })
}

fn in_words(question: Question, reply: &Reply) -> Option<String> {
    match reply {
        Reply::Answer(_) if question == Question::USUAL => Some("answers".to_owned()),
        Reply::Answer(_) => Some(format!("answers function {}", question.function())),
        // A gateway speaks for a unit that isn't there.
        Reply::Exception(code) if matches!(code.0, 10 | 11) => None,
        Reply::Exception(code) => Some(format!("answers ({} is refused: {code})", question.wanted())),
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
