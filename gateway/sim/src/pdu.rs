//! What a master asks, and what a healthy device says: requests and answers without their envelope.

use std::borrow::Cow;

use tokio_modbus::{ExceptionCode, Request, Response};

use crate::registers::{At, Registers, Table};

/// Most words of one read, by the standard.
const READ_WORDS_MAX: u16 = 125;
/// Most words of one write, by the standard.
const WRITE_WORDS_MAX: usize = 123;
/// Most bits of one read, by the standard.
const READ_BITS_MAX: u16 = 2000;
/// Most bits of one write, by the standard.
const WRITE_BITS_MAX: u16 = 1968;

/// What a healthy device with these registers answers.
pub(crate) fn answer(registers: &mut Registers, request: &[u8]) -> Vec<u8> {
    let function = request.first().copied().unwrap_or(0);
    if let Some(said) = who_am_i(request) {
        return said;
    }
    match parse(request).and_then(|request| carry_out(&request, registers)) {
        Ok(response) => encode(&response),
        Err(code) => exception(function, code),
    }
}

/// Functions 17 and 43/14: what it says of itself.
fn who_am_i(request: &[u8]) -> Option<Vec<u8>> {
    const OBJECTS: [&str; 3] = ["Forebay", "SIM", "1"];
    match request {
        [17] => {
            let id = b"Forebay simulated device";
            let len = u8::try_from(id.len() + 2).expect("a short text");
            Some([&[17, len, 1], &id[..], &[0xFF]].concat())
        }
        // One object at a time, as a device with little memory does it.
        [43, 14, code @ 1..=3, from @ 0..=2] => {
            let text = OBJECTS[usize::from(*from)];
            let (more, next) = if *from < 2 { (0xFF, from + 1) } else { (0, 0) };
            let len = u8::try_from(text.len()).expect("a short text");
            Some([&[43, 14, *code, 0x01, more, next, 1, *from, len], text.as_bytes()].concat())
        }
        _ => None,
    }
}

/// The answer that says no.
pub(crate) fn exception(function: u8, code: ExceptionCode) -> Vec<u8> {
    vec![function | 0x80, code.into()]
}

fn parse(pdu: &[u8]) -> Result<Request<'static>, ExceptionCode> {
    let word = |at: usize| {
        let pair = pdu.get(at..at + 2).ok_or(ExceptionCode::IllegalDataValue)?;
        Ok(u16::from_be_bytes([pair[0], pair[1]]))
    };
    let exactly = |len: usize| if pdu.len() == len { Ok(()) } else { Err(ExceptionCode::IllegalDataValue) };
    let within = |count: u16, max: u16| {
        if (1..=max).contains(&count) { Ok(count) } else { Err(ExceptionCode::IllegalDataValue) }
    };
    // The bytes after a count of bytes, if the count is true and nothing follows.
    let counted = |at: usize| {
        let len = usize::from(*pdu.get(at).ok_or(ExceptionCode::IllegalDataValue)?);
        exactly(at + 1 + len).map(|()| &pdu[at + 1..])
    };
    let words = |bytes: &[u8], count: u16| -> Result<Cow<'static, [u16]>, ExceptionCode> {
        if bytes.len() != 2 * usize::from(count) || bytes.len() > 2 * WRITE_WORDS_MAX {
            return Err(ExceptionCode::IllegalDataValue);
        }
        Ok(bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect::<Vec<_>>().into())
    };
    let function = *pdu.first().ok_or(ExceptionCode::IllegalFunction)?;
    match function {
        1..=4 => {
            exactly(5)?;
            let (at, count) = (word(1)?, within(word(3)?, if function <= 2 { READ_BITS_MAX } else { READ_WORDS_MAX })?);
            Ok(match function {
                1 => Request::ReadCoils(at, count),
                2 => Request::ReadDiscreteInputs(at, count),
                3 => Request::ReadHoldingRegisters(at, count),
                _ => Request::ReadInputRegisters(at, count),
            })
        }
        5 => {
            exactly(5)?;
            match word(3)? {
                0xFF00 => Ok(Request::WriteSingleCoil(word(1)?, true)),
                0x0000 => Ok(Request::WriteSingleCoil(word(1)?, false)),
                _ => Err(ExceptionCode::IllegalDataValue),
            }
        }
        6 => exactly(5).and_then(|()| Ok(Request::WriteSingleRegister(word(1)?, word(3)?))),
        15 => {
            let (at, count, bytes) = (word(1)?, within(word(3)?, WRITE_BITS_MAX)?, counted(5)?);
            if bytes.len() != usize::from(count).div_ceil(8) {
                return Err(ExceptionCode::IllegalDataValue);
            }
            let bits: Vec<bool> = (0..usize::from(count)).map(|bit| bytes[bit / 8] >> (bit % 8) & 1 == 1).collect();
            Ok(Request::WriteMultipleCoils(at, bits.into()))
        }
        16 => {
            let count = word(3)?;
            within(count, READ_WORDS_MAX)?;
            Ok(Request::WriteMultipleRegisters(word(1)?, words(counted(5)?, count)?))
        }
        22 => exactly(7).and_then(|()| Ok(Request::MaskWriteRegister(word(1)?, word(3)?, word(5)?))),
        23 => {
            let (read_at, read, write_at) = (word(1)?, within(word(3)?, READ_WORDS_MAX)?, word(5)?);
            Ok(Request::ReadWriteMultipleRegisters(read_at, read, write_at, words(counted(9)?, word(7)?)?))
        }
        _ => Err(ExceptionCode::IllegalFunction),
    }
}

fn carry_out(request: &Request<'_>, registers: &mut Registers) -> Result<Response, ExceptionCode> {
    let at = |table, address: &u16| At { table, address: *address };
    let bits = |words: Vec<u16>| words.into_iter().map(|word| word != 0).collect();
    match request {
        Request::ReadCoils(from, count) => {
            registers.read(at(Table::Coils, from), *count).map(bits).map(Response::ReadCoils)
        }
        Request::ReadDiscreteInputs(from, count) => {
            registers.read(at(Table::DiscreteInputs, from), *count).map(bits).map(Response::ReadDiscreteInputs)
        }
        Request::ReadHoldingRegisters(from, count) => {
            registers.read(at(Table::HoldingRegisters, from), *count).map(Response::ReadHoldingRegisters)
        }
        Request::ReadInputRegisters(from, count) => {
            registers.read(at(Table::InputRegisters, from), *count).map(Response::ReadInputRegisters)
        }
        Request::WriteSingleCoil(to, on) => {
            registers.write(at(Table::Coils, to), &[u16::from(*on)])?;
            Ok(Response::WriteSingleCoil(*to, *on))
        }
        Request::WriteMultipleCoils(to, bits) => {
            registers.write(at(Table::Coils, to), &bits.iter().map(|bit| u16::from(*bit)).collect::<Vec<_>>())?;
            Ok(Response::WriteMultipleCoils(*to, count(bits.len())))
        }
        Request::WriteSingleRegister(to, word) => {
            registers.write(at(Table::HoldingRegisters, to), &[*word])?;
            Ok(Response::WriteSingleRegister(*to, *word))
        }
        Request::WriteMultipleRegisters(to, words) => {
            registers.write(at(Table::HoldingRegisters, to), words)?;
            Ok(Response::WriteMultipleRegisters(*to, count(words.len())))
        }
        Request::MaskWriteRegister(to, and, or) => {
            let place = at(Table::HoldingRegisters, to);
            let word = registers.peek(place).ok_or(ExceptionCode::IllegalDataAddress)?;
            registers.write(place, &[(word & and) | (or & !and)])?;
            Ok(Response::MaskWriteRegister(*to, *and, *or))
        }
        Request::ReadWriteMultipleRegisters(from, count, to, words) => {
            let from = at(Table::HoldingRegisters, from);
            registers.read(from, *count)?;
            registers.write(at(Table::HoldingRegisters, to), words)?;
            registers.read(from, *count).map(Response::ReadWriteMultipleRegisters)
        }
        _ => Err(ExceptionCode::IllegalFunction),
    }
}

fn encode(response: &Response) -> Vec<u8> {
    let mut pdu = vec![response.function_code().value()];
    let two = |pdu: &mut Vec<u8>, a: u16, b: u16| {
        pdu.extend_from_slice(&a.to_be_bytes());
        pdu.extend_from_slice(&b.to_be_bytes());
    };
    match response {
        Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits) => {
            pdu.push(u8::try_from(bits.len().div_ceil(8)).expect("READ_BITS_MAX fits"));
            pdu.extend(bits.chunks(8).map(|eight| eight.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))));
        }
        Response::ReadInputRegisters(words)
        | Response::ReadHoldingRegisters(words)
        | Response::ReadWriteMultipleRegisters(words) => {
            pdu.push(u8::try_from(words.len() * 2).expect("READ_WORDS_MAX fits"));
            pdu.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        }
        Response::WriteSingleCoil(at, on) => two(&mut pdu, *at, if *on { 0xFF00 } else { 0 }),
        Response::WriteSingleRegister(at, word) => two(&mut pdu, *at, *word),
        Response::WriteMultipleCoils(at, count) | Response::WriteMultipleRegisters(at, count) => {
            two(&mut pdu, *at, *count);
        }
        Response::MaskWriteRegister(at, and, or) => {
            two(&mut pdu, *at, *and);
            pdu.extend_from_slice(&or.to_be_bytes());
        }
        other => unreachable!("carry_out never answers {other:?}"),
    }
    pdu
}

fn count(len: usize) -> u16 {
    u16::try_from(len).expect("a request has at most 253 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::Access;

    fn device() -> Registers {
        let mut registers = Registers::default();
        registers.define(At::holding(1), 10, Access::Writable);
        registers.define("0x:1".parse().unwrap(), 20, Access::Writable);
        registers
    }

    #[test]
    fn the_frames_of_the_standard_are_answered_as_it_shows() {
        let mut device = device();
        assert_eq!(answer(&mut device, &[16, 0, 1, 0, 2, 4, 0, 10, 1, 2]), [16, 0, 1, 0, 2]);
        assert_eq!(answer(&mut device, &[3, 0, 1, 0, 2]), [3, 4, 0, 10, 1, 2]);
        assert_eq!(answer(&mut device, &[6, 0, 4, 0, 0x12]), [6, 0, 4, 0, 0x12]);
        // The standard's example of function 22: 0x12 with AND 0xF2 and OR 0x25 becomes 0x17.
        assert_eq!(answer(&mut device, &[22, 0, 4, 0, 0xF2, 0, 0x25]), [22, 0, 4, 0, 0xF2, 0, 0x25]);
        assert_eq!(answer(&mut device, &[23, 0, 4, 0, 1, 0, 5, 0, 1, 2, 9, 9]), [23, 2, 0, 0x17]);
        // Ten coils from 20 as in the standard's example of function 15: CD 01.
        assert_eq!(answer(&mut device, &[15, 0, 0, 0, 10, 2, 0xCD, 0x01]), [15, 0, 0, 0, 10]);
        assert_eq!(answer(&mut device, &[1, 0, 0, 0, 10]), [1, 2, 0xCD, 0x01]);
        assert_eq!(answer(&mut device, &[5, 0, 1, 0xFF, 0]), [5, 0, 1, 0xFF, 0]);
        assert_eq!(answer(&mut device, &[1, 0, 0, 0, 8]), [1, 1, 0xCF]);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_exception() {
        let mut device = device();
        assert_eq!(answer(&mut device, &[3, 0, 9, 0, 2]), [0x83, 2], "past the end");
        assert_eq!(answer(&mut device, &[3, 0, 0, 0, 0]), [0x83, 3], "no registers");
        assert_eq!(answer(&mut device, &[3, 0, 0, 0, 126]), [0x83, 3], "too many");
        assert_eq!(answer(&mut device, &[3, 0]), [0x83, 3], "cut short");
        assert_eq!(answer(&mut device, &[5, 0, 0, 0x12, 0]), [0x85, 3], "neither on nor off");
        assert_eq!(answer(&mut device, &[16, 0, 0, 0, 2, 2, 0, 0]), [0x90, 3], "count and bytes disagree");
        assert_eq!(answer(&mut device, &[15, 0, 0, 0, 9, 1, 0]), [0x8F, 3], "count and bits disagree");
        assert_eq!(answer(&mut device, &[99]), [0xE3, 1], "no such function");
        assert_eq!(answer(&mut device, &[]), [0x80, 1]);
    }
}
