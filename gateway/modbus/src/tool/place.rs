//! What a person writes for a device and for a register.

use std::path::PathBuf;

use site::{Parity, Serial, Table, Transport};

/// Where in a device: `4x:3`, for a bit of a word `4x:3.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which table.
    pub table: Table,
    /// First address.
    pub start: u16,
    /// Which bit of the word.
    pub bit: Option<u8>,
}

/// Why a text is no place or device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Not a place.
    #[error("{0:?}: expected 0x:, 1x:, 3x: or 4x: and a number from 1 to 65536, like 4x:3 for 40003")]
    Place(String),
    /// Not a device.
    #[error("{0:?}: expected HOST, HOST:PORT, rtu://HOST:PORT, udp://HOST:PORT, or a serial port like /dev/ttyUSB0")]
    Target(String),
}

impl std::str::FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let wrong = || PlaceError::Place(text.to_owned());
        // People who know 40003 by heart may write it so.
        if let Ok(number) = text.parse::<u32>() {
            let (table, start) = match number {
                1..=65_536 => return Err(wrong()),
                100_001..=165_536 => (Table::DiscreteInputs, number - 100_001),
                300_001..=365_536 => (Table::InputRegisters, number - 300_001),
                400_001..=465_536 => (Table::HoldingRegisters, number - 400_001),
                _ => return Err(wrong()),
            };
            return Ok(Self { table, start: u16::try_from(start).map_err(|_| wrong())?, bit: None });
        }
        let (file, word) = text.split_once(':').ok_or_else(wrong)?;
        let table = match file {
            "0x" => Table::Coils,
            "1x" => Table::DiscreteInputs,
            "3x" => Table::InputRegisters,
            "4x" => Table::HoldingRegisters,
            _ => return Err(wrong()),
        };
        let (word, bit) = match word.split_once('.') {
            Some((word, bit)) => (word, Some(bit.parse().ok().filter(|bit| *bit < 16).ok_or_else(wrong)?)),
            None => (word, None),
        };
        let word: u32 = word.parse().ok().filter(|word| (1..=65_536).contains(word)).ok_or_else(wrong)?;
        Ok(Self { table, start: u16::try_from(word - 1).map_err(|_| wrong())?, bit })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let file = match self.table {
            Table::Coils => "0x",
            Table::DiscreteInputs => "1x",
            Table::InputRegisters => "3x",
            Table::HoldingRegisters => "4x",
        };
        write!(f, "{file}:{}", u32::from(self.start) + 1)?;
        self.bit.map_or(Ok(()), |bit| write!(f, ".{bit}"))
    }
}

/// The way to a device; a serial port with these settings.
pub fn target(text: &str, baud: u32, parity: Parity, stop_bits: u8) -> Result<Transport, PlaceError> {
    let wrong = || PlaceError::Target(text.to_owned());
    if text.starts_with('/') {
        return Ok(Transport::Rtu(Serial { path: PathBuf::from(text), baud, parity, stop_bits, rs485: false }));
    }
    let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.starts_with('[') => {
            (host, port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?)
        }
        _ => (rest, 502),
    };
    let host = host.trim_matches(['[', ']']).to_owned();
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(wrong());
    }
    match scheme {
        "tcp" => Ok(Transport::Tcp { host, port }),
        "rtu" => Ok(Transport::RtuOverTcp { host, port }),
        "udp" => Ok(Transport::Udp { host, port }),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for text in ["0x:1", "1x:65536", "3x:10", "4x:3", "4x:3.15"] {
            assert_eq!(text.parse::<Place>().map(|place| place.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("400003".parse::<Place>().map(|place| place.to_string()), Ok("4x:3".to_owned()));
        for wrong in ["", "4x", "4x:0", "4x:65537", "5x:1", "40003", "4x:1.16", "4x:x", "999999"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn devices_are_hosts_or_ports() {
        let at = |text| target(text, 9600, Parity::Even, 1);
        let tcp = |host: &str, port| Ok(Transport::Tcp { host: host.into(), port });
        assert_eq!(at("10.0.0.1"), tcp("10.0.0.1", 502));
        assert_eq!(at("plc:1502"), tcp("plc", 1502));
        assert_eq!(at("[fe80::1]:502"), tcp("fe80::1", 502));
        assert_eq!(at("rtu://moxa:4001"), Ok(Transport::RtuOverTcp { host: "moxa".into(), port: 4001 }));
        assert!(matches!(at("/dev/ttyUSB0"), Ok(Transport::Rtu(serial)) if serial.parity == Parity::Even));
        for wrong in ["", "plc:0", "plc:x", "http://plc", "a b"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
