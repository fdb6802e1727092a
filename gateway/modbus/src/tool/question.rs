//! What a unit is asked to hear whether it is there, and which functions it knows. Nothing of it changes anything in a device.

use site::Table;
use tokio_modbus::Request;

use crate::cells::read_request;
use crate::pdu::{DEVICE_ID, DIAGNOSTICS, ENCAPSULATED, SERVER_ID};

/// A question by its function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Functions 1 to 4: the first register or bit of a table.
    First(Table),
    /// Function 8: the device says the same again.
    Echo,
    /// Function 17: who the device says it is.
    ServerId,
    /// Function 43/14: vendor, product and version.
    DeviceId,
}

/// What the device shall say again: not nought, which a line might say by itself.
const ECHOED: [u8; 2] = [0x5A, 0xA5];

impl Question {
    /// What is asked where nothing is said of it: the function that most devices know.
    pub const USUAL: Self = Self::First(Table::HoldingRegisters);

    /// All of them, those first that most devices know.
    pub const ALL: [Self; 7] = [
        Self::USUAL,
        Self::First(Table::InputRegisters),
        Self::First(Table::Coils),
        Self::First(Table::DiscreteInputs),
        Self::Echo,
        Self::ServerId,
        Self::DeviceId,
    ];

    /// As people write it: the function's number, and of 43 perhaps its part.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|question| question.function() == text || (text == "43" && *question == Self::DeviceId))
    }

    /// Its function as people write it.
    pub fn function(self) -> &'static str {
        match self {
            Self::First(Table::Coils) => "1",
            Self::First(Table::DiscreteInputs) => "2",
            Self::First(Table::HoldingRegisters) => "3",
            Self::First(Table::InputRegisters) => "4",
            Self::Echo => "8",
            Self::ServerId => "17",
            Self::DeviceId => "43/14",
        }
    }

    /// What it asks for.
    pub(super) fn wanted(self) -> &'static str {
        match self {
            Self::First(Table::Coils) => "coil 0x:1",
            Self::First(Table::DiscreteInputs) => "input 1x:1",
            Self::First(Table::HoldingRegisters) => "register 4x:1",
            Self::First(Table::InputRegisters) => "register 3x:1",
            Self::Echo => "the echo of function 8",
            Self::ServerId => "the server id of function 17",
            Self::DeviceId => "the identification of function 43/14",
        }
    }

    pub(super) fn request(self) -> Request<'static> {
        match self {
            Self::First(table) => read_request(table, 0, 1),
            Self::Echo => Request::Custom(DIAGNOSTICS, vec![0, 0, ECHOED[0], ECHOED[1]].into()),
            Self::ServerId => Request::Custom(SERVER_ID, vec![].into()),
            // The basic objects, from the first on.
            Self::DeviceId => Request::Custom(ENCAPSULATED, vec![DEVICE_ID, 1, 0].into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_said_by_its_function() {
        for question in Question::ALL {
            assert_eq!(Question::of(question.function()), Some(question));
            let said = question.function().split('/').next().and_then(|number| number.parse().ok());
            assert_eq!(Some(question.request().function_code().value()), said, "{question:?}");
        }
        assert_eq!(Question::of("43"), Some(Question::DeviceId));
        assert_eq!([Question::of("6"), Question::of("43/13"), Question::of("")], [None; 3]);
    }
}
