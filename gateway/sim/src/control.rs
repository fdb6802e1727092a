//! The hand of another process: lines of text over a Unix socket, one answer for each.

use std::io;
use std::path::Path;
use std::sync::Arc;

use shell::Stop;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::model::Trouble;
use crate::sim::Handle;
use crate::{Behaviour, Kind, Order};

/// What can be said.
pub const HELP: &str = "\
ready?                           ok when the plant answers on its lines
devices                          the devices' names
behaviour DEVICE BEHAVIOUR       normal | slow MS | silent | refuse CODE | hang-up | reset | wrong KIND | sometimes PERCENT ...
behaviour DEVICE                 how it behaves now
peek DEVICE AT [COUNT]           words of its own registers: peek plc1 4x:1
poke DEVICE AT WORD...           changes them, as a hand at the PLC does
value DEVICE AT TYPE [ORDER]     a number of them: value plc1 4x:3 float32 abcd
count DEVICE                     requests it got and answers it gave
trouble trip1 | trip2 | leaves   something goes wrong at the station
kill                             off the wire: ports and pseudo-terminals closed
restart                          back, on the same ports
help                             this
quit                             ends the plant";

/// A command is a short line; who sends more is not one of us.
const LINE_BYTES_MAX: u64 = 4096;
/// Hands at the same time.
const HANDS_MAX: usize = 16;

/// Listens for hands. A socket that nobody serves any more is replaced.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(error);
            }
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }
}

/// Serves hands until `stop`, which the command `quit` gives too.
pub async fn serve(listener: UnixListener, plant: Arc<Handle>, stop: Stop) {
    let mut hands = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = hands.join_next() => {}
            accepted = listener.accept(), if hands.len() < HANDS_MAX => {
                if let Ok((stream, _)) = accepted {
                    hands.spawn(hand(stream, Arc::clone(&plant), stop.clone()));
                }
            }
        }
    }
}

async fn hand(stream: UnixStream, plant: Arc<Handle>, stop: Stop) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = String::new();
        let Ok(1..) = (&mut read).take(LINE_BYTES_MAX).read_line(&mut line).await else { return };
        if !line.ends_with('\n') {
            return;
        }
        let answer = match obey(&line, &plant).await {
            Ok(Said::Ok(said)) => format!("ok {said}").trim_end().to_owned(),
            Ok(Said::Quit) => {
                stop.cancel();
                "ok".to_owned()
            }
            Err(why) => format!("error {}", why.replace('\n', "; ")),
        };
        if write.write_all(format!("{answer}\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

enum Said {
    Ok(String),
    Quit,
}

async fn obey(line: &str, plant: &Handle) -> Result<Said, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let said = match words[..] {
        ["ready?"] if plant.is_up().await => "ready".to_owned(),
        ["ready?"] => return Err("killed".to_owned()),
        ["devices"] => plant.with(|plant| plant.device_names().join(" ")),
        ["behaviour", device] => plant
            .with(|plant| plant.device(device).map(|device| device.behaviour().to_string()))
            .ok_or_else(|| format!("no device is called {device:?}"))?,
        ["behaviour", device, ref behaviour @ ..] => {
            let behaviour: Behaviour = behaviour.join(" ").parse().map_err(text)?;
            plant.set_behaviour(device, behaviour).map_err(text)?;
            String::new()
        }
        ["peek", device, at] => plant.peek(device, at).map_err(text)?.to_string(),
        ["peek", device, at, count] => {
            let count = count.parse().map_err(|_| format!("{count:?} is not a count"))?;
            let words = plant.peek_words(device, at, count).map_err(text)?;
            words.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        }
        ["poke", device, at, ref words @ ..] if !words.is_empty() => {
            let words: Result<Vec<u16>, _> = words.iter().map(|word| word.parse()).collect();
            plant
                .poke(device, at, &words.map_err(|_| "a word is a number from 0 to 65535".to_owned())?)
                .map_err(text)?;
            String::new()
        }
        ["value", device, at, kind] => value(plant, device, at, kind, "abcd")?,
        ["value", device, at, kind, order] => value(plant, device, at, kind, order)?,
        ["count", device] => {
            let (asked, answered) = (plant.asked(device).map_err(text)?, plant.replies_sent(device).map_err(text)?);
            format!("{asked} {answered}")
        }
        ["trouble", what] => {
            let trouble = match what {
                "trip1" => Trouble::Trip(0),
                "trip2" => Trouble::Trip(1),
                "leaves" => Trouble::Leaves,
                _ => return Err(format!("{what:?} is no trouble: expected trip1, trip2 or leaves")),
            };
            plant.with(|plant| plant.befall(trouble));
            String::new()
        }
        ["kill"] => {
            plant.kill().await;
            String::new()
        }
        ["restart"] => {
            plant.restart().await.map_err(text)?;
            String::new()
        }
        ["help"] => format!("\n{HELP}\n."),
        ["quit"] => return Ok(Said::Quit),
        _ => return Err(format!("{:?} is no command; try help", line.trim())),
    };
    Ok(Said::Ok(said))
}

fn value(plant: &Handle, device: &str, at: &str, kind: &str, order: &str) -> Result<String, String> {
    let kind = match kind {
        "int16" => Kind::Int16,
        "uint16" => Kind::Uint16,
        "int32" => Kind::Int32,
        "uint32" => Kind::Uint32,
        "int64" => Kind::Int64,
        "uint64" => Kind::Uint64,
        "float32" => Kind::Float32,
        "float64" => Kind::Float64,
        _ => return Err(format!("{kind:?} is no type: expected int16, uint16 ... float64")),
    };
    let order = match order {
        "abcd" => Order::Abcd,
        "cdab" => Order::Cdab,
        "badc" => Order::Badc,
        "dcba" => Order::Dcba,
        _ => return Err(format!("{order:?} is no order: expected abcd, cdab, badc or dcba")),
    };
    plant.peek_value(device, at, kind, order).map(|value| value.to_string()).map_err(text)
}

fn text(error: impl std::error::Error) -> String {
    error.to_string()
}
