//! A connection that is asked one thing after the other.

use std::time::{Duration, Instant};

use link::Outcome;
use shell::SharedClock;
use site::{Table, Transport};
use tag::{TagName, Value};
use tokio::time::timeout;
use tokio_modbus::{Request, Response};

use crate::cells::{Cells, read_request};
use crate::config::{Point, Spot};
use crate::error::LineError;
use crate::exchange::{Exchange, LATE_MAX};
use crate::layout::Layout;
use crate::limits::Limits;
use crate::master::char_time;
use crate::port::{self, Port};
use crate::reply::{Asked, Reply};
use crate::write::{Look, Step, Ticket, Transaction, WriteRequest, is_single};

/// Longer than any device takes to show what it was given.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// There is no connection.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The device said no.
    #[error("the device answers, but refuses: {0}")]
    Refused(tag::ExceptionCode),
    /// Nothing came.
    #[error("no answer within {0} ms")]
    NoAnswer(u128),
    /// Something came that is no answer.
    #[error("what came is no answer: it {0}")]
    Bad(crate::pdu::BadReply),
    /// A question to all units of a serial line.
    #[error("unit 0 is every unit of a serial line, and none of them answers: it can only be written to")]
    Everybody,
    /// A request of ours got an answer of another kind: a defect of ours.
    #[error("the answer is of another kind than the question")]
    Mixed,
}

/// See the module.
pub struct Client {
    port: Port,
    exchange: Exchange,
    clock: SharedClock,
    /// Serial lines: who was asked by which function and when, without an answer, which may come yet.
    lost: Vec<(u8, u8, Instant)>,
    /// How long an answer may take.
    pub patience: Duration,
}

impl Client {
    /// Opens the connection or the port.
    pub async fn open(transport: &Transport, clock: SharedClock, patience: Duration) -> Result<Self, ToolError> {
        let exchange = match transport {
            Transport::Rtu(serial) => Exchange::rtu(char_time(serial)),
            other if other.is_rtu() => Exchange::rtu(Duration::ZERO),
            _ => Exchange::tcp(1),
        };
        Ok(Self { port: port::open(transport).await?, exchange, clock, lost: Vec::new(), patience })
    }

    /// The same anew, after it was lost.
    pub(super) async fn open_again(&mut self, transport: &Transport) -> Result<(), ToolError> {
        *self = Self::open(transport, self.clock.clone(), self.patience).await?;
        Ok(())
    }

    /// Asks, and waits for what becomes of it.
    pub async fn ask(&mut self, unit: u8, request: Request<'static>) -> Result<Reply, ToolError> {
        let mut buffer = [0; port::READ_BYTES];
        let (function, rtu) = (request.function_code().value(), self.exchange.is_rtu());
        // A late answer to an earlier question must not stand before this one's, nor be taken for it.
        self.forget_old();
        while let Some(until) = self.quiet_at(unit, function).filter(|at| *at > self.clock.mono()) {
            if let Ok(read) = timeout(self.time_until(until), self.port.read(&mut buffer)).await {
                let n = read.map_err(LineError::Lost)?;
                if n == 0 {
                    return Err(LineError::Closed.into());
                }
                self.exchange.on_bytes(self.clock.mono(), &buffer[..n]);
                if self.exchange.take_late().is_some() {
                    self.lost.clear();
                }
            }
        }
        let sent = self.clock.mono();
        let reply = self.ask_now(unit, request).await?;
        if rtu && matches!(reply, Reply::TimedOut | Reply::Bad(_)) {
            self.lost.push((unit, function, sent));
        }
        Ok(reply)
    }

    async fn ask_now(&mut self, unit: u8, request: Request<'static>) -> Result<Reply, ToolError> {
        let mut buffer = [0; port::READ_BYTES];
        let bytes = self.exchange.begin(self.clock.mono(), Asked::default(), unit, request, self.patience);
        self.port.drain(self.exchange.is_rtu());
        self.port.write(&bytes).await.map_err(LineError::Lost)?;
        loop {
            if let Some((_, reply)) = self.exchange.on_time(self.clock.mono()) {
                return Ok(reply);
            }
            let Some(wake) = self.exchange.wake_at() else { return Err(ToolError::Mixed) };
            let Ok(read) = timeout(self.time_until(wake), self.port.read(&mut buffer)).await else { continue };
            match read.map_err(LineError::Lost)? {
                0 => return Err(LineError::Closed.into()),
                n => {
                    if let Some((_, reply)) = self.exchange.on_bytes(self.clock.mono(), &buffer[..n]) {
                        return Ok(reply);
                    }
                }
            }
        }
    }

    /// Asks for something that has an answer.
    pub async fn answer(&mut self, unit: u8, request: Request<'static>) -> Result<Response, ToolError> {
        if unit == 0 && self.exchange.is_rtu() {
            return Err(ToolError::Everybody);
        }
        match self.ask(unit, request).await? {
            Reply::Answer(response) => Ok(response),
            Reply::Exception(code) => Err(ToolError::Refused(code)),
            Reply::TimedOut => Err(ToolError::NoAnswer(self.patience.as_millis())),
            Reply::Bad(bad) => Err(ToolError::Bad(bad)),
            Reply::Broadcast => Err(ToolError::Everybody),
        }
    }

    /// Registers, or bits as 0 and 1.
    pub async fn read(&mut self, unit: u8, table: Table, start: u16, count: u16) -> Result<Vec<u16>, ToolError> {
        let response = self.answer(unit, read_request(table, start, count)).await?;
        match Cells::of(response).ok_or(ToolError::Mixed)? {
            Cells::Words(words) => Ok(words),
            Cells::Bits(bits) => Ok(bits.into_iter().map(u16::from).collect()),
        }
    }

    /// Writes registers and reads others in the same request, function 23: the device writes first. Gives what was read.
    pub async fn write_read(
        &mut self,
        unit: u8,
        write: (u16, &[u16]),
        read: (u16, u16),
    ) -> Result<Vec<u16>, ToolError> {
        let (to, words) = write;
        let request = Request::ReadWriteMultipleRegisters(read.0, read.1, to, words.to_vec().into());
        match self.answer(unit, request).await? {
            Response::ReadWriteMultipleRegisters(words) => Ok(words),
            _ => Err(ToolError::Mixed),
        }
    }

    /// Writes a value and reads it back. A part of a register goes out as a masked write, function 22; a device that hasn't
    /// got it gets the whole register, as just read.
    pub async fn write(
        &mut self,
        unit: u8,
        table: Table,
        start: u16,
        bit: Option<u8>,
        layout: &Layout,
        value: &Value,
    ) -> Result<Outcome, ToolError> {
        let now = self.clock.mono();
        let spot = Spot { unit, table, start, bit, layout: layout.clone() };
        if !matches!(table, Table::Coils | Table::HoldingRegisters) {
            return Ok(Outcome::Refused("1x and 3x can only be read".into()));
        }
        let name = TagName::parse("value").expect("a good name");
        let (limits, rate) = (Limits::default(), self.patience);
        let point = Point { tag: None, name, read: spot.clone(), write: Some(spot.clone()), limits, rate };
        let deadline = now + WRITE_TIME;
        let request = WriteRequest { ticket: Ticket(0), point: 0, value: value.clone(), deadline };
        let mut write = match Transaction::new(now, &request, &point) {
            Ok(write) => write,
            Err(why) => return Ok(Outcome::Refused(why)),
        };
        let mut multiple = false;
        write.use_mask();
        while self.clock.mono() < deadline {
            tokio::time::sleep(self.time_until(write.not_before)).await;
            let asked = match write.step {
                Step::Fetch | Step::ReadBack => write.read(),
                Step::Send => write.send(multiple),
            };
            let is_single = is_single(&asked);
            match (write.step, self.ask(unit, asked).await?) {
                (_, Reply::Broadcast) => return Ok(Outcome::Sent),
                (Step::Send, Reply::Answer(_)) => write.step = Step::ReadBack,
                (Step::Send, Reply::Exception(code)) if code.0 == 1 && is_single && !multiple => multiple = true,
                (Step::Send, Reply::Exception(_)) if write.is_masked() => write.without_mask(),
                (Step::ReadBack, Reply::Exception(code)) => {
                    return Ok(Outcome::Refused(format!("written, but can't be read back: {code}")));
                }
                (Step::ReadBack, Reply::TimedOut) => return Ok(Outcome::Expired),
                (_, Reply::Exception(code)) => return Ok(Outcome::Refused(code.to_string())),
                (step, Reply::Answer(response)) => {
                    let cells = Cells::of(response).ok_or(ToolError::Mixed)?;
                    if step == Step::Fetch {
                        write.fetched(&cells);
                        continue;
                    }
                    match write.look(self.clock.mono(), &cells) {
                        Look::Same => return Ok(Outcome::Confirmed),
                        Look::NotYet => {}
                        // Devices are known that carry out a masked write wrongly.
                        Look::Differs if write.is_masked() => write.without_mask(),
                        Look::Differs => {
                            let held = cells.value(0, &spot);
                            return Ok(held.map_or_else(|fault| Outcome::Refused(fault.to_string()), Outcome::Mismatch));
                        }
                    }
                }
                (_, Reply::TimedOut) => return Err(ToolError::NoAnswer(self.patience.as_millis())),
                (_, Reply::Bad(bad)) => return Err(ToolError::Bad(bad)),
            }
        }
        Ok(Outcome::Expired)
    }

    /// When the line is free for such a question: silent, and nothing under way any more that could pass for its answer.
    fn quiet_at(&self, unit: u8, function: u8) -> Option<Instant> {
        let alike = self.lost.iter().filter(|(of, by, _)| (*of, *by) == (unit, function));
        alike.map(|(.., sent)| *sent + LATE_MAX).chain(self.exchange.ready_at()).max()
    }

    fn forget_old(&mut self) {
        let now = self.clock.mono();
        self.lost.retain(|(.., sent)| *sent + LATE_MAX > now);
    }

    fn time_until(&self, until: Instant) -> Duration {
        until.saturating_duration_since(self.clock.mono())
    }
}
