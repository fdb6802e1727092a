//! A write as a transaction: checked, sent, read back, and only then confirmed.

use std::time::{Duration, Instant};

use link::Outcome;
use tag::Value;
use tokio_modbus::Request;

use crate::block::{Cells, read_request, write_request};
use crate::config::{Limits, Point, Spot};
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

/// How far a write has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A bit of a word: the word is read first.
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
    pub(crate) spot: Spot,
    pub(crate) deadline: Instant,
    pub(crate) step: Step,
    pub(crate) not_before: Instant,
    /// What shall be in the device; of a bit of a word, the bit alone.
    wanted: Cells,
    /// The whole word around a bit, as just read.
    around: Option<u16>,
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
        let Some(spot) = point.write else { return Err("read only".into()) };
        within(&request.value, &point.limits)?;
        let wanted = match spot.bit.is_some() || crate::plan::is_bits(spot.table) {
            true => layout::bit_of(&request.value).map(|bit| Cells::Bits(vec![bit])),
            false => spot.layout.encode(&request.value).map(Cells::Words),
        };
        Ok(Self {
            ticket: request.ticket,
            point: request.point,
            spot,
            deadline: request.deadline,
            step: if spot.bit.is_some() { Step::Fetch } else { Step::Send },
            not_before: now,
            wanted: wanted.map_err(|why| why.to_string())?,
            around: None,
            sent: false,
            looks: 0,
        })
    }

    /// The read of its registers, before or after.
    pub(crate) fn read(&self) -> Request<'static> {
        read_request(self.spot.table, self.spot.start, self.spot.count())
    }

    /// The word around the bit, freshly read.
    pub(crate) fn fetched(&mut self, read: &Cells) {
        if let Cells::Words(words) = read {
            self.around = words.first().copied();
            self.step = Step::Send;
        }
    }

    /// What goes out: the smallest function that fits, unless the unit is known not to have it.
    pub(crate) fn send(&self, multiple_only: bool) -> Request<'static> {
        let start = self.spot.start;
        match self.cells() {
            Cells::Words(words) if words.len() == 1 && !multiple_only => Request::WriteSingleRegister(start, words[0]),
            Cells::Bits(bits) if bits.len() == 1 && !multiple_only => Request::WriteSingleCoil(start, bits[0]),
            cells => write_request(start, cells),
        }
    }

    /// The whole cells that will be in the device: a bit with the word around it.
    pub(crate) fn cells(&self) -> Cells {
        match (&self.wanted, self.spot.bit) {
            (Cells::Bits(bits), Some(bit)) => {
                let word = self.around.unwrap_or(0);
                let mask = 1 << bit;
                Cells::Words(vec![if bits[0] { word | mask } else { word & !mask }])
            }
            (wanted, _) => wanted.clone(),
        }
    }

    /// The cells of an area's image with this write in it.
    pub(crate) fn image_with(&mut self, image: &Cells, at: usize) -> Cells {
        if let (Cells::Words(words), Some(_)) = (image, self.spot.bit) {
            self.around = Some(words[at]);
        }
        let mut image = image.clone();
        image.put(at, &self.cells());
        image
    }

    /// Compares what was read back.
    pub(crate) fn look(&mut self, now: Instant, read: &Cells) -> Look {
        self.looks += 1;
        let same = match (&self.wanted, self.spot.bit, read) {
            (Cells::Bits(bits), Some(bit), Cells::Words(words)) => (words[0] >> bit & 1 == 1) == bits[0],
            (wanted, _, read) => wanted == read,
        };
        if same {
            return Look::Same;
        }
        self.not_before = now + READ_BACK_WAIT;
        if self.looks < READ_BACK_LOOKS && self.not_before < self.deadline { Look::NotYet } else { Look::Differs }
    }

    /// What it becomes when its unit is lost now.
    pub(crate) fn lost(&self) -> Outcome {
        // Once sent, nobody knows; then it is not refused, it is just not read back in time.
        if self.sent { Outcome::Expired } else { Outcome::Refused("device offline".into()) }
    }
}

fn within(value: &Value, limits: &Limits) -> Result<(), String> {
    let Some(number) = value.as_f64() else { return Ok(()) };
    match (limits.min, limits.max) {
        (Some(min), _) if number < min => Err(format!("under min {min:?}")),
        (_, Some(max)) if number > max => Err(format!("over max {max:?}")),
        _ => Ok(()),
    }
}

/// Which single-item function a unit may lack.
pub(crate) fn is_single(request: &Request<'_>) -> bool {
    matches!(request, Request::WriteSingleRegister(..) | Request::WriteSingleCoil(..))
}
