//! A write as a transaction: checked, sent, read back, and only then confirmed.

use std::time::{Duration, Instant};

use link::Outcome;
use tag::Value;
use tokio_modbus::Request;

use crate::cells::{Cells, read_request, write_request};
use crate::config::{Point, Spot};
use crate::layout;

/// Who waits for the outcome: the bus's number of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// Somebody's wish, as it comes to a line.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteRequest {
    /// Who waits for the outcome.
    pub ticket: Ticket,
    /// Index into the line's points.
    pub point: usize,
    /// What shall be written, in engineering units.
    pub value: Value,
    /// Useless after this.
    pub deadline: Instant,
}

/// A PLC that takes a set-point over in its next scan still shows the old one at first: so long between two looks.
pub(crate) const READ_BACK_WAIT: Duration = Duration::from_millis(100);
/// Looks before a difference counts as one.
const READ_BACK_LOOKS: u32 = 4;

/// Registers that function 23 may write (Modbus Application Protocol, 6.17).
const COMBINED_WORDS_MAX: usize = 121;

/// How far a write has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A part of a word, of a device without masked writes: the word is read first.
    Fetch,
    /// The value goes out.
    Send,
    /// Is it there?
    ReadBack,
}

#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) ticket: Ticket,
    pub(crate) point: usize,
    /// Where it is written.
    pub(crate) spot: Spot,
    /// Where it is read back: elsewhere only when it is written to all units at once.
    pub(crate) seen: Spot,
    pub(crate) deadline: Instant,
    pub(crate) step: Step,
    pub(crate) not_before: Instant,
    /// What shall be in the device; of a part of a word, its bits alone, in their place.
    wanted: Cells,
    /// The limit, where the wish was past it.
    instead: Option<Value>,
    /// Of a part of a word: which bits are its own.
    mask: Option<u16>,
    /// The whole word around a part, as just read.
    around: Option<u16>,
    /// It went out as a masked write.
    masked: bool,
    /// It went out with function 23, whose answer is the read-back.
    combined: bool,
    /// [`Outcome::Sent`] was said.
    pub(crate) sent: bool,
    looks: u32,
}

/// What the device holds after a write.
#[derive(Debug, PartialEq)]
pub(crate) enum Look {
    /// What was wanted.
    Same,
    /// Something else, for now.
    NotYet,
    /// Something else.
    Differs,
}

impl Transaction {
    /// Checks type and limits; the refusal is for the person who wrote.
    pub(crate) fn new(now: Instant, request: &WriteRequest, point: &Point) -> Result<Self, String> {
        let Some(spot) = point.write.clone() else { return Err("read only".into()) };
        let instead = point.limits.instead(&request.value)?;
        let value = instead.as_ref().unwrap_or(&request.value);
        let seen = if spot.unit == 0 && point.read.unit != 0 { point.read.clone() } else { spot.clone() };
        let mask = spot.part();
        let wanted = match (spot.bit, crate::plan::is_bits(spot.table)) {
            (_, true) => layout::bit_of(value).map(|bit| Cells::Bits(vec![bit])),
            (Some(bit), _) => layout::bit_of(value).map(|on| Cells::Words(vec![u16::from(on) << bit])),
            _ => spot.layout.encode(value).map(Cells::Words),
        };
        Ok(Self {
            ticket: request.ticket,
            point: request.point,
            step: if mask.is_some() { Step::Fetch } else { Step::Send },
            spot,
            seen,
            deadline: request.deadline,
            not_before: now,
            wanted: wanted.map_err(|why| why.to_string())?,
            instead,
            mask,
            around: None,
            masked: false,
            combined: false,
            sent: false,
            looks: 0,
        })
    }

    /// The read of its registers, before or after.
    pub(crate) fn read(&self) -> Request<'static> {
        read_request(self.seen.table, self.seen.start, self.seen.count())
    }

    /// Who is asked by the present step.
    pub(crate) fn addressee(&self) -> u8 {
        if self.step == Step::Send { self.spot.unit } else { self.seen.unit }
    }

    /// Part of a word, and the device has masked writes: nothing needs to be read before.
    pub(crate) fn use_mask(&mut self) {
        if self.step == Step::Fetch && self.around.is_none() {
            self.masked = true;
            self.step = Step::Send;
        }
    }

    /// The device has no masked writes after all, or carried one out wrongly: the old way, from the start.
    pub(crate) fn without_mask(&mut self) {
        self.masked = false;
        self.looks = 0;
        self.step = Step::Fetch;
    }

    pub(crate) fn is_masked(&self) -> bool {
        self.masked
    }

    /// The word around the part, freshly read.
    pub(crate) fn fetched(&mut self, read: &Cells) {
        if let Cells::Words(words) = read {
            self.around = words.first().copied();
            self.step = Step::Send;
        }
    }

    /// What goes out: the smallest function that fits, unless the unit is known not to have it.
    pub(crate) fn send(&self, multiple_only: bool) -> Request<'static> {
        let start = self.spot.start;
        if let (true, Some(mask), Cells::Words(words)) = (self.masked, self.mask, &self.wanted) {
            return Request::MaskWriteRegister(start, !mask, words[0]);
        }
        match self.cells() {
            Cells::Words(words) if words.len() == 1 && !multiple_only => Request::WriteSingleRegister(start, words[0]),
            Cells::Bits(bits) if bits.len() == 1 && !multiple_only => Request::WriteSingleCoil(start, bits[0]),
            cells => write_request(start, cells),
        }
    }

    /// The same in one request with the read-back, function 23, where it can be: whole registers, few enough, of a unit
    /// that answers.
    pub(crate) fn send_and_read(&mut self) -> Option<Request<'static>> {
        let (from, count, to) = (self.seen.start, self.seen.count(), self.spot.start);
        let Cells::Words(words) = &self.wanted else { return None };
        self.combined = self.mask.is_none() && self.spot.unit == self.seen.unit && words.len() <= COMBINED_WORDS_MAX;
        self.combined.then(|| Request::ReadWriteMultipleRegisters(from, count, to, words.clone().into()))
    }

    pub(crate) fn is_combined(&self) -> bool {
        self.combined
    }

    /// The device has no such function after all.
    pub(crate) fn apart(&mut self) {
        self.combined = false;
    }

    /// The whole cells that will be in the device: a part with the word around it.
    pub(crate) fn cells(&self) -> Cells {
        match (&self.wanted, self.mask) {
            (Cells::Words(words), Some(mask)) => Cells::Words(vec![self.around.unwrap_or(0) & !mask | words[0] & mask]),
            (wanted, _) => wanted.clone(),
        }
    }

    /// The cells of an area's image with this write in it.
    pub(crate) fn image_with(&mut self, image: &Cells, at: usize) -> Cells {
        if let (Cells::Words(words), Some(_)) = (image, self.mask) {
            self.around = Some(words[at]);
        }
        let mut image = image.clone();
        image.put(at, &self.cells());
        image
    }

    /// Compares what was read back.
    pub(crate) fn look(&mut self, now: Instant, read: &Cells) -> Look {
        self.looks += 1;
        let same = match (&self.wanted, self.mask, read) {
            (Cells::Words(wanted), Some(mask), Cells::Words(words)) => (words[0] ^ wanted[0]) & mask == 0,
            (wanted, _, read) => wanted == read,
        };
        if same {
            return Look::Same;
        }
        self.not_before = now + READ_BACK_WAIT;
        if self.looks < READ_BACK_LOOKS && self.not_before < self.deadline { Look::NotYet } else { Look::Differs }
    }

    /// What it becomes when the device holds what was sent, as which it is read back.
    pub(crate) fn held(&self, read: Option<Value>) -> Outcome {
        match &self.instead {
            None => Outcome::Confirmed,
            // The device does as it was told, but nobody asked for this number.
            Some(limit) => Outcome::Mismatch(read.unwrap_or_else(|| limit.clone())),
        }
    }

    /// What it becomes when its unit is lost now.
    pub(crate) fn lost(&self) -> Outcome {
        // Once sent, nobody knows; then it is not refused, it is just not read back in time.
        if self.sent { Outcome::Expired } else { Outcome::Refused("device offline".into()) }
    }
}

/// Which single-item function a unit may lack.
pub(crate) fn is_single(request: &Request<'_>) -> bool {
    matches!(request, Request::WriteSingleRegister(..) | Request::WriteSingleCoil(..))
}
