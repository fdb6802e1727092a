//! The ways in which a device misbehaves, in words a test and a person can say.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio_modbus::ExceptionCode;

/// How a device treats those who ask it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// It answers at once and truly.
    #[default]
    Normal,
    /// It answers truly, but this much later. Longer than the master waits: a late answer.
    Slow(Duration),
    /// It takes requests, carries none out and says nothing.
    Silent,
    /// It says no to everything.
    Refuse(ExceptionCode),
    /// It carries out what is asked, and its answer is wrong.
    Lie(Lie),
    /// It closes the connection instead of answering. On a serial line: silence.
    HangUp,
    /// It resets the connection instead of answering. On a serial line: silence.
    Reset,
    /// So many requests of a hundred are treated like this, the others well.
    Sometimes(u8, Box<Behaviour>),
}

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// It holds one word less than was asked for; its own byte count agrees with it.
    Length,
    /// Its byte count says one more than it holds.
    ByteCount,
    /// Another unit has answered.
    Unit,
    /// Another transaction is answered (TCP; on a serial line a true answer).
    Transaction,
    /// Another function is answered.
    Function,
    /// The CRC is wrong (RTU); on TCP, which has none, the protocol id is.
    Crc,
    /// Bytes without meaning, about as many as an answer has.
    Garbage,
    /// The first half of the answer, and then nothing.
    Half,
    /// The answer twice.
    Twice,
    /// Each request is answered with the answer to the one before it; the first with nothing.
    OneBehind,
    /// A write is acknowledged with another value or address; reads are answered truly.
    Echo,
    /// Writes are acknowledged and not carried out.
    Forget,
}

/// Why a text is not a behaviour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a behaviour: expected normal, slow MS, silent, refuse CODE, hang-up, reset, sometimes PERCENT BEHAVIOUR, or wrong {kinds}", kinds = LIES.map(|(word, _)| word).join("|"))]
pub struct BehaviourError(String);

const LIES: [(&str, Lie); 12] = [
    ("length", Lie::Length),
    ("byte-count", Lie::ByteCount),
    ("unit", Lie::Unit),
    ("transaction", Lie::Transaction),
    ("function", Lie::Function),
    ("crc", Lie::Crc),
    ("garbage", Lie::Garbage),
    ("half", Lie::Half),
    ("twice", Lie::Twice),
    ("one-behind", Lie::OneBehind),
    ("echo", Lie::Echo),
    ("forget", Lie::Forget),
];

impl Behaviour {
    /// Answers truly, but so much later.
    pub fn slow_ms(ms: u64) -> Self {
        Self::Slow(Duration::from_millis(ms))
    }

    /// Every behaviour there is, each once: for tests that want them all.
    pub fn every() -> Vec<Self> {
        let mut all =
            vec![Self::Normal, Self::slow_ms(100), Self::Silent, Self::Refuse(ExceptionCode::ServerDeviceBusy)];
        all.extend([Self::HangUp, Self::Reset, Self::Sometimes(50, Box::new(Self::Silent))]);
        all.extend(LIES.map(|(_, lie)| Self::Lie(lie)));
        all
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Slow(by) => write!(f, "slow {}", by.as_millis()),
            Self::Silent => f.write_str("silent"),
            Self::Refuse(code) => write!(f, "refuse {}", u8::from(*code)),
            Self::Lie(lie) => {
                let (word, _) = LIES.iter().find(|(_, known)| known == lie).expect("LIES has them all");
                write!(f, "wrong {word}")
            }
            Self::HangUp => f.write_str("hang-up"),
            Self::Reset => f.write_str("reset"),
            Self::Sometimes(percent, what) => write!(f, "sometimes {percent} {what}"),
        }
    }
}

impl FromStr for Behaviour {
    type Err = BehaviourError;

    fn from_str(text: &str) -> Result<Self, BehaviourError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        parse(&words).ok_or_else(|| BehaviourError(text.to_owned()))
    }
}

fn parse(words: &[&str]) -> Option<Behaviour> {
    Some(match words {
        ["normal"] => Behaviour::Normal,
        ["slow", ms] => Behaviour::slow_ms(ms.parse().ok()?),
        ["silent"] => Behaviour::Silent,
        ["refuse", code] => {
            let code: u8 = code.parse().ok().filter(|code| (1..=127).contains(code))?;
            Behaviour::Refuse(ExceptionCode::new(code))
        }
        ["wrong", kind] => Behaviour::Lie(LIES.iter().find(|(word, _)| word == kind)?.1),
        ["hang-up"] => Behaviour::HangUp,
        ["reset"] => Behaviour::Reset,
        // One level: chance of chance says nothing new, and a line of text can't nest without end.
        ["sometimes", percent, what @ ..] if what.first() != Some(&"sometimes") => {
            let percent = percent.parse().ok().filter(|percent| *percent <= 100)?;
            Behaviour::Sometimes(percent, Box::new(parse(what)?))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_behaviour_is_said_and_understood_in_the_same_words() {
        for behaviour in Behaviour::every() {
            assert_eq!(behaviour.to_string().parse(), Ok(behaviour));
        }
    }

    #[test]
    fn what_is_no_behaviour_is_refused_with_what_is() {
        for wrong in ["", "slow", "slow soon", "refuse 200", "wrong", "wrong way", "sometimes 101 silent", "silent now"]
        {
            let error = wrong.parse::<Behaviour>().unwrap_err();
            assert!(error.to_string().contains("one-behind"), "{error}");
        }
        assert!("sometimes 5 sometimes 5 silent".parse::<Behaviour>().is_err());
    }
}
