//! Numbers that mean something only together with registers beside them: SunSpec keeps a number's power of ten in another
//! register, and says in a model's first one which model it is. Both are read in one piece with the number, so that no
//! number is ever paired with the power of another moment.

use site::ModbusTag;
use tag::{Fault, Value};

/// The powers that SunSpec allows; anything else, 0x8000 above all, means that there is no value.
const POWERS: std::ops::RangeInclusive<i16> = -10..=10;

/// The piece of registers that is read for a value, and what lies where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// How many registers the piece has.
    pub words: u16,
    /// Where the value's own begin.
    pub value: u16,
    /// Where its power of ten lies, if it has one.
    pub power: Option<u16>,
    /// Which register must hold one of these numbers.
    pub model: Option<(u16, Vec<u16>)>,
}

impl Beside {
    /// The first address of a tag's piece, and the piece; `None` for a tag that is read by itself. `Err`: no request reads
    /// it in one piece.
    pub(crate) fn of(tag: &ModbusTag) -> Result<Option<(u16, Self)>, Apart> {
        let (Some(read), Some((start, words))) = (tag.read, tag.read_span()) else { return Ok(None) };
        if tag.sunssf.is_none() && tag.model.is_none() {
            return Ok(None);
        }
        let together = |at: site::Address| (at.rtu, at.unit, at.table) == (read.rtu, read.unit, read.table);
        let words = u16::try_from(words).ok().filter(|words| u32::from(*words) <= crate::plan::READ_WORDS_MAX);
        // A bit is taken out of its register elsewhere, where nothing is known of pieces.
        let together = tag.sunssf.is_none_or(together) && read.bit.is_none();
        let (Some(words), true) = (words, together) else { return Err(Apart) };
        let model = tag.model.as_ref().map(|model| (model.start - start, model.ids.clone()));
        let power = tag.sunssf.map(|at| at.start - start);
        Ok(Some((start, Self { words, value: read.start - start, power, model })))
    }

    /// The value's own registers of the piece. Behind another model's number there is none.
    pub(crate) fn own<'w>(&self, piece: &'w [u16], count: u16) -> Result<&'w [u16], Fault> {
        if let Some((at, ids)) = &self.model {
            if !ids.contains(&piece[usize::from(*at)]) {
                return Err(Fault::OutOfRange);
            }
        }
        let from = usize::from(self.value);
        Ok(&piece[from..from + usize::from(count)])
    }

    /// The value with its power of ten.
    pub(crate) fn raised(&self, piece: &[u16], value: Value) -> Result<Value, Fault> {
        let Some(at) = self.power else { return Ok(value) };
        let power = piece[usize::from(at)] as i16;
        let number = value.as_f64().filter(|_| POWERS.contains(&power)).ok_or(Fault::OutOfRange)?;
        let ten = 10_f64.powi(power.unsigned_abs().into());
        // Divided, not multiplied by a tenth: 2304 with -1 is 230.4 to the last bit.
        Value::finite(if power < 0 { number / ten } else { number * ten }).ok_or(Fault::OutOfRange)
    }
}

/// What must be read in one piece doesn't lie in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Apart;
