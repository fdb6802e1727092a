//! A PLC with holding registers that is never what is waited for: it answers from a buffer whatever has come, counts what
//! it told, and notes when it first told somebody a register's new value.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::fail::{Doing, Fail};

/// Bytes of Modbus TCP's header, with the unit.
const MBAP: usize = 7;
const READ_HOLDING: u8 = 3;
/// Requests taken in at once: more than any client has under way.
const REQUESTS_BYTES: usize = 16 << 10;
/// Answers that wait for their time: more than any client has under way.
const LATE_MAX: usize = 1024;
/// Values whose first telling is remembered: a few polls' worth.
const TOLD_MAX: usize = 64;

/// A Modbus TCP server in threads of its own, until the process ends.
#[derive(Debug, Clone)]
pub(crate) struct Plc {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    registers: Vec<AtomicU16>,
    /// Added to every register.
    shift: AtomicU16,
    /// Each read of register 0 shifts them all.
    shifts: AtomicBool,
    /// Its threads run when nobody else wants to.
    stands_back: AtomicBool,
    /// An answer comes so long after its request, however many others wait.
    delay: Duration,
    /// Values of register 0, and when each was first told.
    told: Mutex<VecDeque<(u16, Instant)>>,
    /// Registers told since the start.
    count: AtomicU64,
}

impl Plc {
    /// Register i holds i + 1.
    pub(crate) fn start(registers: usize) -> Result<Self, Fail> {
        Self::start_late(registers, Duration::ZERO)
    }

    /// The same, answering so long after each request.
    pub(crate) fn start_late(registers: usize, delay: Duration) -> Result<Self, Fail> {
        let listener = TcpListener::bind("127.0.0.1:0").doing("opening the PLC's port")?;
        let address = listener.local_addr().doing("opening the PLC's port")?;
        let registers = (1..=registers).map(|value| AtomicU16::new(value as u16 & 0x7fff)).collect();
        let state = Arc::new(State {
            registers,
            shift: AtomicU16::new(0),
            shifts: AtomicBool::new(false),
            stands_back: AtomicBool::new(false),
            delay,
            told: Mutex::default(),
            count: AtomicU64::new(0),
        });
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                // A connection that ends is the client's affair.
                thread::spawn(move || state.serve(stream));
            }
        });
        Ok(Self { address, state })
    }

    /// From now on every register has a new value at every poll.
    pub(crate) fn shifting(self) -> Self {
        self.state.shifts.store(true, Ordering::SeqCst);
        self
    }

    /// From now on it leaves the processor to whoever is measured: a PLC has one of its own, and where it shares one it must
    /// not be between an answer and the bus.
    pub(crate) fn standing_back(self) -> Self {
        self.state.stands_back.store(true, Ordering::SeqCst);
        self
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes register 0.
    pub(crate) fn set(&self, value: u16) {
        self.state.registers[0].store(value, Ordering::SeqCst);
    }

    /// When this value of register 0 was first told to anybody, if that was lately.
    pub(crate) fn told(&self, value: u16) -> Option<Instant> {
        let told = self.state.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().rev().find(|(known, _)| *known == value).map(|(_, at)| *at)
    }

    /// How many registers were told since the start.
    pub(crate) fn count(&self) -> u64 {
        self.state.count.load(Ordering::SeqCst)
    }
}

impl State {
    /// One client, until it goes: everything that has come is answered with one write.
    fn serve(self: Arc<Self>, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        if self.stands_back.load(Ordering::SeqCst) {
            stand_back()?;
        }
        let late = (!self.delay.is_zero()).then(|| self.clone().answer_late(&stream)).transpose()?;
        let mut input = vec![0; REQUESTS_BYTES];
        let (mut have, mut out) = (0, Vec::new());
        loop {
            let n = stream.read(&mut input[have..])?;
            if n == 0 {
                return Ok(());
            }
            have += n;
            let mut at = 0;
            while let Some(request) = whole(&input[at..have]) {
                self.answer(request, &mut out);
                at += request.len();
            }
            input.copy_within(at..have, 0);
            have -= at;
            match &late {
                Some(late) => {
                    let answer = (Instant::now() + self.delay, std::mem::take(&mut out));
                    late.send(answer).map_err(io::Error::other)?;
                }
                None => stream.write_all(&out)?,
            }
            out.clear();
        }
    }

    /// A thread that sends answers when their time has come.
    fn answer_late(self: Arc<Self>, stream: &TcpStream) -> io::Result<std::sync::mpsc::SyncSender<(Instant, Vec<u8>)>> {
        let (late, answers): (_, Receiver<(Instant, Vec<u8>)>) = sync_channel(LATE_MAX);
        let mut stream = stream.try_clone()?;
        thread::spawn(move || {
            for (due, answer) in answers {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                if stream.write_all(&answer).is_err() {
                    return;
                }
            }
        });
        Ok(late)
    }

    fn answer(&self, request: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&request[..MBAP]);
        self.pdu(&request[MBAP..], out);
        let length = (out.len() - start - MBAP + 1) as u16;
        out[start + 4..start + 6].copy_from_slice(&length.to_be_bytes());
    }

    fn pdu(&self, request: &[u8], out: &mut Vec<u8>) {
        let [READ_HOLDING, a, b, c, d] = *request else {
            // Illegal function.
            return out.extend([request.first().unwrap_or(&0) | 0x80, 1]);
        };
        let (first, count) = (usize::from(u16::from_be_bytes([a, b])), usize::from(u16::from_be_bytes([c, d])));
        let Some(asked) = self.registers.get(first..first + count) else {
            return out.extend([READ_HOLDING | 0x80, 2]);
        };
        out.extend([READ_HOLDING, count as u8 * 2]);
        if first == 0 && self.shifts.load(Ordering::Relaxed) {
            self.shift.fetch_add(1, Ordering::Relaxed);
        }
        let shift = self.shift.load(Ordering::Relaxed);
        // Below 32,768, so that an int16 shows it as it is.
        let word = |register: &AtomicU16| register.load(Ordering::Relaxed).wrapping_add(shift) & 0x7fff;
        for register in asked {
            out.extend_from_slice(&word(register).to_be_bytes());
        }
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        if first == 0 && count > 0 {
            self.note(word(&asked[0]));
        }
    }

    fn note(&self, value: u16) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.back().is_some_and(|(last, _)| *last == value) {
            return;
        }
        if told.len() == TOLD_MAX {
            told.pop_front();
        }
        told.push_back((value, Instant::now()));
    }
}

/// Gives the calling thread the lowest priority.
fn stand_back() -> io::Result<()> {
    let thread = nix::unistd::gettid().to_string();
    let said = Command::new("renice").args(["-n", "19", "-p", &thread]).output()?;
    if !said.status.success() {
        eprintln!("bench: the PLC's thread keeps its priority: {}", String::from_utf8_lossy(&said.stderr).trim());
    }
    Ok(())
}

/// The first request of what has come, if all of it is there.
fn whole(input: &[u8]) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes([*input.get(4)?, *input.get(5)?]));
    input.get(..MBAP - 1 + length).filter(|request| request.len() >= MBAP)
}
