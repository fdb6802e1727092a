//! A PLC with holding registers that notes when it first told somebody a register's new value.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use crate::fail::{Doing, Fail};

/// Bytes of Modbus TCP's header, with the unit.
const MBAP: usize = 7;
const READ_HOLDING: u8 = 3;

/// A Modbus TCP server in a thread of its own, until the process ends.
#[derive(Debug, Clone)]
pub(crate) struct Plc {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    registers: Vec<AtomicU16>,
    /// The last value of register 0 that was told, and when first.
    told: Mutex<(u16, Instant)>,
}

impl Plc {
    /// Register i holds i + 1.
    pub(crate) fn start(registers: usize) -> Result<Self, Fail> {
        let listener = TcpListener::bind("127.0.0.1:0").doing("opening the PLC's port")?;
        let address = listener.local_addr().doing("opening the PLC's port")?;
        let registers = (1..=registers).map(|value| AtomicU16::new(value as u16 & 0x7fff)).collect();
        let state = Arc::new(State { registers, told: Mutex::new((0, Instant::now())) });
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                // A connection that ends is the client's affair.
                thread::spawn(move || state.answer(stream));
            }
        });
        Ok(Self { address, state })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes register 0.
    pub(crate) fn set(&self, value: u16) {
        self.state.registers[0].store(value, Ordering::SeqCst);
    }

    /// When this value of register 0 was first told to anybody.
    pub(crate) fn told(&self, value: u16) -> Option<Instant> {
        let told = self.state.told.lock().unwrap_or_else(PoisonError::into_inner);
        (told.0 == value).then_some(told.1)
    }
}

impl State {
    fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut header = [0; MBAP];
        loop {
            stream.read_exact(&mut header)?;
            let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
            let mut request = vec![0; length.saturating_sub(1)];
            stream.read_exact(&mut request)?;
            let pdu = self.pdu(&request);
            let mut reply = header.to_vec();
            reply[4..6].copy_from_slice(&(pdu.len() as u16 + 1).to_be_bytes());
            reply.extend_from_slice(&pdu);
            stream.write_all(&reply)?;
        }
    }

    fn pdu(&self, request: &[u8]) -> Vec<u8> {
        let [READ_HOLDING, a, b, c, d] = *request else {
            // Illegal function.
            return vec![request.first().unwrap_or(&0) | 0x80, 1];
        };
        let (first, count) = (usize::from(u16::from_be_bytes([a, b])), usize::from(u16::from_be_bytes([c, d])));
        let Some(asked) = self.registers.get(first..first + count) else { return vec![READ_HOLDING | 0x80, 2] };
        let mut pdu = vec![READ_HOLDING, count as u8 * 2];
        for register in asked {
            pdu.extend_from_slice(&register.load(Ordering::SeqCst).to_be_bytes());
        }
        if first == 0 && count > 0 {
            let value = u16::from_be_bytes([pdu[2], pdu[3]]);
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.0 != value {
                *told = (value, Instant::now());
            }
        }
        pdu
    }
}
