//! Requests to bytes, and answers judged against the request they claim to answer.
//!
//! The types are tokio-modbus's; the judging is ours, and it is the same in release builds.

use tokio_modbus::{ExceptionCode, Request, Response};

/// The longest PDU of the standard.
pub const PDU_BYTES_MAX: usize = 253;

/// Function 7, eight bits of the device's own; serial lines only.
pub(crate) const EXCEPTION_STATUS: u8 = 7;
/// Function 8; of its parts only the echo is spoken here.
pub(crate) const DIAGNOSTICS: u8 = 8;
/// Function 17: who the device says it is.
pub(crate) const SERVER_ID: u8 = 17;
/// Function 43, and its part 14: vendor, product, version and more.
pub(crate) const ENCAPSULATED: u8 = 43;
/// See [`ENCAPSULATED`].
pub(crate) const DEVICE_ID: u8 = 14;

/// What a device said to a request: data, or an exception.
pub type Answer = Result<Response, ExceptionCode>;

/// Why bytes are not an answer to what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadReply {
    /// Not the function that was asked.
    #[error("answered function {got} to function {asked}")]
    Function {
        /// What was asked.
        asked: u8,
        /// What came.
        got: u8,
    },
    /// Too short, too long, or a byte count that isn't what was asked.
    #[error("answered {got} bytes where {asked} belong")]
    Length {
        /// What the request makes it.
        asked: usize,
        /// What came.
        got: usize,
    },
    /// The written address, value or count came back different.
    #[error("echoed something else than was written")]
    Echo,
    /// Another unit answered under our transaction's number.
    #[error("unit {got} answered for unit {asked}")]
    Unit {
        /// Who was asked.
        asked: u8,
        /// Who answered.
        got: u8,
    },
    /// Not Modbus TCP at all; the stream can't be followed any further.
    #[error("sent something that is not Modbus TCP")]
    NotModbus,
    /// Bytes came, but no frame with a right checksum among them.
    #[error("sent only garbled frames")]
    Garbled,
    /// More bytes than any answer has.
    #[error("sent {0} bytes without an answer in them")]
    Flood(usize),
}

/// Writes the PDU of a request. `None`: a function this master doesn't speak.
pub fn encode(request: &Request<'_>) -> Option<Vec<u8>> {
    let mut out = vec![request.function_code().value()];
    let mut word = |n: u16| out.extend_from_slice(&n.to_be_bytes());
    match request {
        Request::ReadCoils(start, count)
        | Request::ReadDiscreteInputs(start, count)
        | Request::ReadHoldingRegisters(start, count)
        | Request::ReadInputRegisters(start, count) => {
            word(*start);
            word(*count);
        }
        Request::WriteSingleCoil(start, on) => {
            word(*start);
            word(if *on { 0xFF00 } else { 0 });
        }
        Request::WriteSingleRegister(start, value) => {
            word(*start);
            word(*value);
        }
        Request::WriteMultipleCoils(start, coils) => {
            word(*start);
            word(u16::try_from(coils.len()).ok()?);
            let bytes = pack(coils);
            out.push(u8::try_from(bytes.len()).ok()?);
            out.extend(bytes);
        }
        Request::WriteMultipleRegisters(start, words) => {
            word(*start);
            word(u16::try_from(words.len()).ok()?);
            out.push(u8::try_from(words.len() * 2).ok()?);
            out.extend(words.iter().flat_map(|w| w.to_be_bytes()));
        }
        Request::MaskWriteRegister(start, and, or) => {
            word(*start);
            word(*and);
            word(*or);
        }
        Request::ReadWriteMultipleRegisters(from, count, to, words) => {
            word(*from);
            word(*count);
            word(*to);
            word(u16::try_from(words.len()).ok()?);
            out.push(u8::try_from(words.len() * 2).ok()?);
            out.extend(words.iter().flat_map(|w| w.to_be_bytes()));
        }
        Request::Custom(EXCEPTION_STATUS | SERVER_ID, data) if data.is_empty() => {}
        // Return query data: the device sends it back.
        Request::Custom(DIAGNOSTICS, data) if data.len() == 4 && data[..2] == [0, 0] => out.extend_from_slice(data),
        Request::Custom(ENCAPSULATED, data) if data.len() == 3 && data[0] == DEVICE_ID => out.extend_from_slice(data),
        _ => return None,
    }
    (out.len() <= PDU_BYTES_MAX).then_some(out)
}

/// How long the PDU of a good answer is: known before it comes, because we asked. Where only the device knows, at most.
pub fn answer_len(request: &Request<'_>) -> usize {
    match request {
        Request::ReadCoils(_, count) | Request::ReadDiscreteInputs(_, count) => 2 + usize::from(*count).div_ceil(8),
        Request::ReadHoldingRegisters(_, count) | Request::ReadInputRegisters(_, count) => 2 + 2 * usize::from(*count),
        Request::ReadWriteMultipleRegisters(_, count, ..) => 2 + 2 * usize::from(*count),
        Request::MaskWriteRegister(..) => 7,
        Request::Custom(EXCEPTION_STATUS, _) => 2,
        Request::Custom(DIAGNOSTICS, data) => 1 + data.len(),
        Request::Custom(..) => PDU_BYTES_MAX,
        _ => 5,
    }
}

/// How long the PDU is that begins so, if it answers this request. `None`: too little of it is there to tell, or it
/// never will.
pub(crate) fn whole_len(request: &Request<'_>, begins: &[u8]) -> Option<usize> {
    let asked = request.function_code().value();
    let len = match (begins.first()?, request) {
        (got, _) if *got == asked | 0x80 => EXCEPTION_LEN,
        (got, _) if *got != asked => return None,
        (_, Request::Custom(SERVER_ID, _)) => 2 + usize::from(*begins.get(1)?),
        (_, Request::Custom(ENCAPSULATED, _)) => {
            // Part, code, conformity, more, next, how many; then each with its id and its length.
            (0..*begins.get(6)?).try_fold(7, |at, _| Some(at + 2 + usize::from(*begins.get(at + 1)?)))?
        }
        _ => answer_len(request),
    };
    (len <= PDU_BYTES_MAX).then_some(len)
}

/// The PDU of an exception: the function with its high bit, and the code.
pub(crate) const EXCEPTION_LEN: usize = 2;

/// Judges a whole PDU against the request. Read bits come without the padding of their last byte.
pub fn decode(request: &Request<'_>, pdu: &[u8]) -> Result<Answer, BadReply> {
    let asked = request.function_code().value();
    let Some((&got, body)) = pdu.split_first() else {
        return Err(BadReply::Length { asked: answer_len(request), got: 0 });
    };
    if got == asked | 0x80 {
        return match body {
            [code] => Ok(Err(ExceptionCode::new(*code))),
            _ => Err(BadReply::Length { asked: EXCEPTION_LEN, got: pdu.len() }),
        };
    }
    if got != asked {
        return Err(BadReply::Function { asked, got });
    }
    let right = whole_len(request, pdu).unwrap_or(answer_len(request));
    if pdu.len() != right {
        return Err(BadReply::Length { asked: right, got: pdu.len() });
    }
    let echo = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
    Ok(Ok(match request {
        Request::ReadCoils(_, count) => Response::ReadCoils(bits(body, *count)?),
        Request::ReadDiscreteInputs(_, count) => Response::ReadDiscreteInputs(bits(body, *count)?),
        Request::ReadHoldingRegisters(..) => Response::ReadHoldingRegisters(words(body)?),
        Request::ReadInputRegisters(..) => Response::ReadInputRegisters(words(body)?),
        Request::ReadWriteMultipleRegisters(..) => Response::ReadWriteMultipleRegisters(words(body)?),
        Request::Custom(DIAGNOSTICS, data) if body != data.as_ref() => return Err(BadReply::Echo),
        Request::Custom(ENCAPSULATED, data) if body[0] != data[0] => return Err(BadReply::Echo),
        Request::Custom(function, _) => Response::Custom(*function, body.to_vec().into()),
        // Whoever echoes something else did something else.
        _ => {
            let sent = encode(request).ok_or(BadReply::Function { asked, got })?;
            let same = right.min(sent.len());
            if pdu[..same] != sent[..same] {
                return Err(BadReply::Echo);
            }
            match request {
                Request::WriteSingleCoil(..) => Response::WriteSingleCoil(echo(0), echo(2) == 0xFF00),
                Request::WriteSingleRegister(..) => Response::WriteSingleRegister(echo(0), echo(2)),
                Request::WriteMultipleCoils(..) => Response::WriteMultipleCoils(echo(0), echo(2)),
                Request::WriteMultipleRegisters(..) => Response::WriteMultipleRegisters(echo(0), echo(2)),
                Request::MaskWriteRegister(..) => Response::MaskWriteRegister(echo(0), echo(2), echo(4)),
                _ => return Err(BadReply::Function { asked, got }),
            }
        }
    }))
}

fn bits(body: &[u8], count: u16) -> Result<Vec<bool>, BadReply> {
    let data = counted(body)?;
    Ok((0..usize::from(count)).map(|n| data[n / 8] >> (n % 8) & 1 == 1).collect())
}

fn words(body: &[u8]) -> Result<Vec<u16>, BadReply> {
    Ok(counted(body)?.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect())
}

/// The data behind a byte count that must be right too: the length of the frame alone doesn't vouch for it.
fn counted(body: &[u8]) -> Result<&[u8], BadReply> {
    match body.split_first() {
        Some((&count, data)) if usize::from(count) == data.len() => Ok(data),
        Some((&count, data)) => Err(BadReply::Length { asked: data.len(), got: count.into() }),
        None => Err(BadReply::Length { asked: 1, got: 0 }),
    }
}

fn pack(coils: &[bool]) -> Vec<u8> {
    coils.chunks(8).map(|eight| eight.iter().enumerate().fold(0, |byte, (n, on)| byte | u8::from(*on) << n)).collect()
}
