//! The bare chain: one process that asks a PLC and passes on what it hears, and one in the bus's place that passes that on
//! to its subscriber. The least that two processes between a PLC and a subscriber can cost.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Bench;
use crate::client::{SET_BYTES, set_frame};
use crate::fail::{Doing, Fail};
use crate::measure::modbus::warm;
use crate::plc::Plc;
use crate::process::Process;
use crate::site::READ_WORDS_MAX;

/// The id of what was read from register 0; what else is read is passed on under the others, to nobody.
pub(crate) const FIRST: u16 = 1;
/// Of Modbus TCP's header, function and byte count, before the first register of an answer.
const ANSWER_HEAD: usize = 9;

/// A running chain.
pub(crate) struct Chain {
    /// Where the subscriber connects.
    pub(crate) address: SocketAddr,
    _reads: Process,
    passes: Process,
}

impl Chain {
    /// Starts both processes on a PLC of so many registers, all of which are read in each period.
    pub(crate) fn start(
        bench: &Bench,
        folder: &Path,
        plc: &Plc,
        registers: usize,
        period: Duration,
    ) -> Result<Self, Fail> {
        let command = || Command::new(bench.bin.join("forebay-bench"));
        let mut passes = Process::start(command().arg("--pass").stdout(Stdio::piped()), folder, "pass")?;
        let mut line = String::new();
        let stdout = passes.stdout().doing("the chain has no stdout")?;
        BufReader::new(stdout).read_line(&mut line).doing("asking the chain where it is")?;
        let address: SocketAddr = line.trim().parse().doing("asking the chain where it is")?;
        let words =
            [plc.address().to_string(), address.to_string(), registers.to_string(), period.as_micros().to_string()];
        let reads = Process::start(command().arg("--chain").args(words), folder, "chain")?;
        // Who connects first is taken for the source, and it does so before it asks the PLC.
        warm(plc, 1)?;
        Ok(Self { address, _reads: reads, passes })
    }

    /// The process in the bus's place.
    pub(crate) fn pid(&self) -> u32 {
        self.passes.pid()
    }
}

/// Reads and passes on until it is killed. `words`: the PLC, where to pass it on to, registers, µs of a period.
pub(crate) fn read(words: &[String]) -> ExitCode {
    say("chain", try_read(words))
}

/// Is in the bus's place until it is killed; says its address on stdout.
pub(crate) fn pass() -> ExitCode {
    say("pass", try_pass())
}

fn say(who: &str, ended: Result<(), Fail>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{who}: {why}");
            ExitCode::FAILURE
        }
    }
}

fn try_read(words: &[String]) -> Result<(), Fail> {
    let doing = "reading the chain's arguments";
    let [plc, to, registers, period] = words else { return Err(Fail(doing.into())) };
    let registers: usize = registers.parse().doing(doing)?;
    let period = Duration::from_micros(period.parse().doing(doing)?);
    let mut to = connect(to)?;
    let mut plc = connect(plc)?;
    let mut answer = vec![0; ANSWER_HEAD + 2 * READ_WORDS_MAX];
    let mut due = Instant::now();
    loop {
        for (first, id) in (0..registers).step_by(READ_WORDS_MAX).zip(FIRST..) {
            let count = READ_WORDS_MAX.min(registers - first);
            let (start, words) = ((first as u16).to_be_bytes(), (count as u16).to_be_bytes());
            plc.write_all(&[0, 1, 0, 0, 0, 6, 1, 3, start[0], start[1], words[0], words[1]]).doing("asking the PLC")?;
            let answer = &mut answer[..ANSWER_HEAD + 2 * count];
            plc.read_exact(answer).doing("reading from the PLC")?;
            let value = i16::from_be_bytes([answer[ANSWER_HEAD], answer[ANSWER_HEAD + 1]]);
            to.write_all(&set_frame(id, value.into())).doing("passing it on")?;
        }
        due += period;
        sleep(due.saturating_duration_since(Instant::now()));
    }
}

#[allow(clippy::print_stdout, reason = "the one line its caller waits for")]
fn try_pass() -> Result<(), Fail> {
    let listener = TcpListener::bind("127.0.0.1:0").doing("listening")?;
    println!("{}", listener.local_addr().doing("listening")?);
    io::stdout().flush().doing("saying where")?;
    let (mut from, _) = listener.accept().doing("waiting for values")?;
    listener.set_nonblocking(true).doing("listening")?;
    let mut frame = [0; SET_BYTES];
    let mut subscriber: Option<TcpStream> = None;
    loop {
        from.read_exact(&mut frame).doing("reading values")?;
        if frame[2..4] != FIRST.to_be_bytes() {
            continue;
        }
        // One that goes is followed by the next.
        let mut to = subscriber.take().or_else(|| listener.accept().ok().map(|(stream, _)| stream));
        subscriber = to.as_mut().is_some_and(|to| to.write_all(&frame).is_ok()).then_some(to).flatten();
    }
}

fn connect(address: &str) -> Result<TcpStream, Fail> {
    let stream = TcpStream::connect(address).doing("connecting")?;
    stream.set_nodelay(true).doing("connecting")?;
    Ok(stream)
}
