//! A TCP gateway with units behind it on one line of its own, stepped: time jumps from event to event.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use forebay_modbus::{Config, Do, Master, Report, Status};
use shell::{Clock, SystemClock};
use site::{Address, Form, Rtu, WordType};
use tag::{Fault, Timestamp};

use crate::stepped::{at, client, tag_of, tcp};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const S: Duration = Duration::from_secs(1);
/// What a living unit takes, over the gateway's own line.
pub(crate) const ANSWER: Duration = Duration::from_millis(15);
pub(crate) const RATE: Duration = S;

/// What a gateway does for a unit that doesn't answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It says nothing, and serves others meanwhile.
    Passes,
    /// It keeps everybody waiting for so long, and says nothing.
    Waits(Duration),
    /// It keeps everybody waiting for so long, and says that nobody answered (exception 11).
    Says(Duration),
}

/// A gateway with one line behind it, and our end of the connection.
pub(crate) struct Gateway {
    start: Instant,
    now: Instant,
    pub(crate) master: Master,
    manner: Manner,
    /// Units that answer.
    pub(crate) living: Vec<u8>,
    queue: VecDeque<(Instant, Vec<u8>)>,
    free_at: Instant,
    answers: Vec<(Instant, Vec<u8>)>,
    /// How long dead units kept the line: our end waited for them, or the gateway let a living one wait.
    pub(crate) lost: Duration,
    waiting: Option<Instant>,
    after_dead: bool,
    /// Point and time of every value and fault.
    pub(crate) heard: Vec<(Duration, usize)>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) confirmed: Vec<(Duration, usize)>,
    pub(crate) status: Option<Status>,
    pub(crate) asked: Vec<(Duration, u8)>,
}

impl Gateway {
    pub(crate) fn new(units: u8, living: &[u8], timeout: Duration, manner: Manner, pipeline: u8) -> Self {
        let tags = (1..=units)
            .map(|unit| {
                let place = Address { unit, ..at(1) };
                tag_of(&format!("u{unit}"), WordType::Int16, Some(place), None)
            })
            .collect();
        let site = Rtu { rate: RATE, timeout, pipeline, ..tcp(Form::Poll) };
        let config = Config::new(&client(vec![site], tags), &[]).unwrap();
        let start = SystemClock.mono();
        Self {
            start,
            now: start,
            master: Master::new(config.lines.into_iter().next().unwrap(), start),
            manner,
            living: living.to_vec(),
            queue: VecDeque::new(),
            free_at: start,
            answers: vec![],
            lost: Duration::ZERO,
            waiting: None,
            after_dead: false,
            heard: vec![],
            faults: vec![],
            confirmed: vec![],
            status: None,
            asked: vec![],
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// The gateway takes up what lies in its queue, one after the other.
    fn serve(&mut self) {
        while let Some((came, bytes)) =
            self.queue.front().filter(|(came, _)| self.free_at.max(*came) <= self.now).cloned()
        {
            self.queue.pop_front();
            let from = self.free_at.max(came);
            let (unit, function) = (bytes[6], bytes[7]);
            let say = |pdu: &[u8]| [&bytes[..4], &[0, pdu.len() as u8 + 1, unit], pdu].concat();
            if self.living.contains(&unit) {
                if std::mem::take(&mut self.after_dead) {
                    self.lost += from - came;
                }
                self.free_at = from + ANSWER;
                let words = [0, unit].repeat(usize::from(bytes[11]));
                self.answers.push((self.free_at, say(&[&[function, bytes[11] * 2][..], &words].concat())));
                continue;
            }
            match self.manner {
                Manner::Passes => {}
                Manner::Waits(time) => self.free_at = from + time,
                Manner::Says(time) => {
                    self.free_at = from + time;
                    self.answers.push((self.free_at, say(&[function | 0x80, 11])));
                }
            }
            self.after_dead = true;
        }
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.serve();
            let wall = Timestamp(u64::try_from(self.elapsed().as_micros()).unwrap());
            if let Some(n) = self.answers.iter().position(|(when, _)| *when <= self.now) {
                let (_, bytes) = self.answers.remove(n);
                self.master.on_bytes(self.now, wall, &bytes);
                self.take();
                continue;
            }
            let what = self.master.step(self.now, wall);
            self.take();
            if !matches!(what, Do::Listen(_)) {
                self.lost += self.waiting.take().map_or(Duration::ZERO, |since| self.now - since);
            }
            let until = match what {
                Do::Open => {
                    self.master.on_opened(self.now);
                    continue;
                }
                Do::Close => panic!("nobody hangs up on a gateway that serves the living"),
                Do::Send(bytes) => {
                    self.asked.push((self.elapsed(), bytes[6]));
                    self.waiting = (!self.living.contains(&bytes[6])).then_some(self.now);
                    self.queue.push_back((self.now, bytes));
                    continue;
                }
                Do::Listen(until) | Do::Wait(until) => until,
            };
            let next = self.answers.iter().map(|(when, _)| *when).min();
            let free = (!self.queue.is_empty()).then_some(self.free_at);
            let wake = [Some(until), next, free].into_iter().flatten().min().unwrap();
            self.now = wake.max(self.now + Duration::from_micros(10)).min(end);
        }
    }

    fn take(&mut self) {
        let at = self.elapsed();
        for report in self.master.take_reports() {
            match report {
                Report::Value { point, .. } => self.heard.push((at, point)),
                Report::Fault { because, .. } => self.faults.push(because),
                Report::Confirmed { block, .. } => self.confirmed.push((at, block)),
                Report::Status(status) => self.status = Some(status),
                Report::Outcome(..) => {}
            }
        }
    }

    /// How long after it came back a unit was heard, whenever in a cycle that was.
    pub(crate) fn recovery(&mut self, unit: u8) -> Duration {
        let (mut worst, point) = (Duration::ZERO, usize::from(unit - 1));
        for phase in 0..25 {
            self.living.retain(|living| *living != unit);
            self.run(40 * S + phase * 1371 * MS);
            self.living.push(unit);
            let (back, before) = (self.elapsed(), self.heard.len());
            while !self.heard[before..].iter().any(|(_, heard)| *heard == point) {
                assert!(self.elapsed() - back < 120 * S, "never heard again");
                self.run(5 * MS);
            }
            worst = worst.max(self.elapsed() - back);
        }
        worst
    }
}
