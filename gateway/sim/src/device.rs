//! One device: registers, and the manners it has at the moment. No I/O and no clock: what is to be said comes back
//! with the delay after which to say it, so a stepped simulation and a real server use the same device.

use std::collections::VecDeque;
use std::time::Duration;

use tokio_modbus::ExceptionCode;

use crate::behaviour::{Behaviour, Lie};
use crate::dice::Dice;
use crate::frame::{Frame, Framing};
use crate::pdu;
use crate::registers::Registers;

/// Longest answer of `Lie::Garbage`, in bytes.
const GARBAGE_BYTES_MAX: usize = 24;

/// A Modbus device.
#[derive(Debug, Clone)]
pub struct Device {
    name: String,
    unit: u8,
    /// What it holds.
    pub registers: Registers,
    behaviour: Behaviour,
    then: VecDeque<(u32, Behaviour)>,
    outage: Option<Duration>,
    owed: Option<Vec<u8>>,
    dice: Dice,
    asked: u64,
    answered: u64,
}

/// Something a device does about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// So long after the request came.
    pub after: Duration,
    /// What it does.
    pub act: Act,
}

/// What a device does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// It sends these bytes.
    Send(Vec<u8>),
    /// It closes the connection.
    HangUp,
    /// It resets the connection.
    Reset,
}

impl Device {
    /// A device that behaves well and holds nothing yet.
    pub fn new(name: impl Into<String>, unit: u8, registers: Registers, seed: u64) -> Self {
        Self {
            name: name.into(),
            unit,
            registers,
            behaviour: Behaviour::Normal,
            then: VecDeque::new(),
            outage: None,
            owed: None,
            dice: Dice::new(seed ^ u64::from(unit) << 32),
            asked: 0,
            answered: 0,
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The unit id it answers to.
    pub fn unit(&self) -> u8 {
        self.unit
    }

    /// Requests that reached it.
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// Answers it gave, true or not.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// How it behaves at the moment.
    pub fn behaviour(&self) -> &Behaviour {
        if self.outage.is_some() { &Behaviour::Silent } else { &self.behaviour }
    }

    /// Behaves so from now on; forgets what was planned.
    pub fn behave(&mut self, behaviour: Behaviour) {
        self.behaviour = behaviour;
        self.then.clear();
        self.outage = None;
        self.owed = None;
    }

    /// Changes its behaviour after `requests` more requests, counted from the last change that is planned.
    pub fn then_after(&mut self, requests: u32, behaviour: Behaviour) {
        if requests == 0 && self.then.is_empty() {
            self.behaviour = behaviour;
        } else {
            self.then.push_back((requests, behaviour));
        }
    }

    /// Is silent for so long, and then what it was.
    pub fn fall_silent(&mut self, time: Duration) {
        self.outage = Some(time);
    }

    /// Time passes.
    pub fn step(&mut self, dt: Duration) {
        self.outage = self.outage.and_then(|left| left.checked_sub(dt)).filter(|left| !left.is_zero());
    }

    /// What it does about a request that was sent to it.
    pub fn answer(&mut self, framing: Framing, request: &Frame) -> Vec<Reply> {
        self.asked += 1;
        let replies = self.react(framing, request);
        if replies.iter().any(|reply| matches!(reply.act, Act::Send(_))) {
            self.answered += 1;
        }
        self.count_down();
        replies
    }

    /// Carries out a request that went to everybody on a serial line; nobody answers those.
    pub fn overhear(&mut self, request: &Frame) {
        self.asked += 1;
        if !matches!(self.behaviour(), Behaviour::Silent | Behaviour::Refuse(_)) {
            pdu::answer(&mut self.registers, &request.pdu);
        }
        self.count_down();
    }

    fn count_down(&mut self) {
        let Some((left, _)) = self.then.front_mut() else { return };
        *left = left.saturating_sub(1);
        while self.then.front().is_some_and(|(left, _)| *left == 0) {
            self.behaviour = self.then.pop_front().expect("just seen").1;
        }
    }

    fn react(&mut self, framing: Framing, request: &Frame) -> Vec<Reply> {
        let mut behaviour = self.behaviour().clone();
        if let Behaviour::Sometimes(percent, what) = behaviour {
            let struck = self.dice.pick(100) < usize::from(percent);
            behaviour = if struck { *what } else { Behaviour::Normal };
        }
        let now = |act| vec![Reply { after: Duration::ZERO, act }];
        match behaviour {
            Behaviour::Normal => now(Act::Send(framing.seal(&self.truth(request)))),
            Behaviour::Slow(after) => vec![Reply { after, act: Act::Send(framing.seal(&self.truth(request))) }],
            Behaviour::Refuse(code) => {
                let function = request.pdu.first().copied().unwrap_or(0);
                now(Act::Send(framing.seal(&Frame { pdu: pdu::exception(function, code), ..request.clone() })))
            }
            Behaviour::Lie(lie) => {
                self.lie(framing, request, lie).map(|bytes| now(Act::Send(bytes))).unwrap_or_default()
            }
            Behaviour::HangUp if framing == Framing::Tcp => now(Act::HangUp),
            Behaviour::Reset if framing == Framing::Tcp => now(Act::Reset),
            Behaviour::Silent | Behaviour::HangUp | Behaviour::Reset | Behaviour::Sometimes(..) => Vec::new(),
        }
    }

    fn truth(&mut self, request: &Frame) -> Frame {
        Frame { pdu: pdu::answer(&mut self.registers, &request.pdu), ..request.clone() }
    }

    fn lie(&mut self, framing: Framing, request: &Frame, lie: Lie) -> Option<Vec<u8>> {
        let function = request.pdu.first().copied().unwrap_or(0);
        if lie == Lie::Forget && matches!(function, 5 | 6 | 15 | 16) {
            let mut forgotten = self.registers.clone();
            return Some(framing.seal(&Frame { pdu: pdu::answer(&mut forgotten, &request.pdu), ..request.clone() }));
        }
        let mut frame = self.truth(request);
        let is_read = matches!(function, 1..=4) && frame.pdu.first() == Some(&function);
        match lie {
            Lie::Length => {
                // A read loses a word and its count says so; anything else loses its last byte.
                let lost = if is_read && frame.pdu.len() > 3 { 2 } else { 1 };
                frame.pdu.truncate(frame.pdu.len().saturating_sub(lost).max(1));
                if is_read {
                    frame.pdu[1] = frame.pdu[1].saturating_sub(u8::try_from(lost).expect("one or two"));
                }
            }
            Lie::ByteCount => {
                if let Some(count) = frame.pdu.get_mut(1) {
                    *count = count.wrapping_add(1);
                }
            }
            Lie::Unit => frame.unit = frame.unit.wrapping_add(1),
            Lie::Transaction => frame.transaction = frame.transaction.wrapping_add(1),
            Lie::Function => frame.pdu[0] ^= 0x01,
            Lie::Echo if !is_read => {
                if let Some(last) = frame.pdu.last_mut() {
                    *last ^= 0x55;
                }
            }
            Lie::Crc | Lie::Garbage | Lie::Half | Lie::Twice | Lie::OneBehind | Lie::Echo | Lie::Forget => {}
        }
        let mut bytes = framing.seal(&frame);
        match lie {
            Lie::Crc => {
                let at = if framing == Framing::Rtu { bytes.len() - 1 } else { 2 };
                bytes[at] ^= 0x5A;
            }
            Lie::Garbage => {
                let len = 1 + self.dice.pick(GARBAGE_BYTES_MAX);
                bytes = (0..len).map(|_| self.dice.bits().to_le_bytes()[0]).collect();
            }
            Lie::Half => bytes.truncate(bytes.len() / 2),
            Lie::Twice => bytes = [bytes.clone(), bytes].concat(),
            Lie::OneBehind => return self.owed.replace(bytes),
            _ => {}
        }
        Some(bytes)
    }
}

/// What a gateway says for a unit it doesn't have.
pub(crate) fn nobody(framing: Framing, request: &Frame) -> Vec<Reply> {
    if framing == Framing::Rtu {
        return Vec::new();
    }
    let function = request.pdu.first().copied().unwrap_or(0);
    let frame = Frame { pdu: pdu::exception(function, ExceptionCode::GatewayTargetDevice), ..request.clone() };
    vec![Reply { after: Duration::ZERO, act: Act::Send(framing.seal(&frame)) }]
}

#[cfg(test)]
mod tests;
