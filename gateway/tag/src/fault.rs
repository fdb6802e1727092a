//! Why there is no good value.

use std::fmt;

/// The code a Modbus device answered with instead of data (Modbus Application Protocol V1.1b3, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExceptionCode(pub u8);

impl fmt::Display for ExceptionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.0 {
            1 => "illegal function",
            2 => "illegal data address",
            3 => "illegal data value",
            4 => "server device failure",
            5 => "acknowledge",
            6 => "server device busy",
            8 => "memory parity error",
            10 => "gateway path unavailable",
            11 => "gateway target failed to respond",
            code => return write!(f, "exception {code}"),
        };
        f.write_str(words)
    }
}

/// The reason why a reading is held or missing. Every reader, up to the page, gets it in words (`Display`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The owner is there but hasn't read the tag yet.
    NotYetRead,
    /// The device or its line can't be reached.
    Offline,
    /// The device didn't answer in time.
    TimedOut,
    /// The device answered with an exception.
    Refused(ExceptionCode),
    /// The device sent something that is not an answer to what was asked (wrong length, unit, checksum).
    BadReply,
    /// The raw value has no meaning here: NaN, infinity, or past the type's or the tag's range.
    OutOfRange,
    /// The gateway doesn't know the time yet, so a time-stamped value would lie.
    ClockUnset,
    /// The module that owns the tag has left the bus, or the bus itself can't be reached.
    OwnerGone,
    /// Nobody confirmed the value within its freshness limit (`stale_s`).
    Stale,
    /// Nobody has ever set the tag.
    NeverSet,
}

impl Fault {
    /// The fault on the wire and in the history: a code and, for [`Fault::Refused`], the exception code. Never 0.
    pub fn to_code(self) -> (u8, u8) {
        match self {
            Self::NotYetRead => (1, 0),
            Self::Offline => (2, 0),
            Self::TimedOut => (3, 0),
            Self::Refused(code) => (4, code.0),
            Self::BadReply => (5, 0),
            Self::OutOfRange => (6, 0),
            Self::ClockUnset => (7, 0),
            Self::OwnerGone => (8, 0),
            Self::Stale => (9, 0),
            Self::NeverSet => (10, 0),
        }
    }

    /// The fault a code stands for; `None` for a code of a later release.
    pub fn from_code(code: u8, detail: u8) -> Option<Self> {
        Some(match code {
            1 => Self::NotYetRead,
            2 => Self::Offline,
            3 => Self::TimedOut,
            4 => Self::Refused(ExceptionCode(detail)),
            5 => Self::BadReply,
            6 => Self::OutOfRange,
            7 => Self::ClockUnset,
            8 => Self::OwnerGone,
            9 => Self::Stale,
            10 => Self::NeverSet,
            _ => return None,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::NotYetRead => "not read yet",
            Self::Offline => "device offline",
            Self::TimedOut => "timed out",
            Self::Refused(code) => return write!(f, "device refused: {code}"),
            Self::BadReply => "device sent a wrong reply",
            Self::OutOfRange => "out of range",
            Self::ClockUnset => "gateway clock not set",
            Self::OwnerGone => "source not running",
            Self::Stale => "not confirmed in time",
            Self::NeverSet => "never set",
        };
        f.write_str(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_go_there_and_back() {
        for code in 1..=255 {
            if let Some(fault) = Fault::from_code(code, if code == 4 { 2 } else { 0 }) {
                assert_eq!(fault.to_code().0, code);
                assert_eq!(Fault::from_code(fault.to_code().0, fault.to_code().1), Some(fault));
                assert!(!fault.to_string().is_empty());
            }
        }
        assert_eq!(Fault::from_code(0, 0), None, "0 is the code of a good reading");
    }
}
