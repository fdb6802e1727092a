//! Who a device says it is: function 43/14, function 17, and the models of SunSpec.

use site::Table;
use tokio_modbus::{Request, Response};

use super::client::{Client, ToolError};
use crate::pdu::{DEVICE_ID, ENCAPSULATED, SERVER_ID};

/// Objects are asked for in pieces; more pieces than this is a device that never ends.
const PIECES_MAX: usize = 32;
/// Where SunSpec's models begin, after the mark.
const SUNSPEC_BASES: [u16; 3] = [40000, 0, 50000];
/// `SunS`.
const SUNSPEC_MARK: [u16; 2] = [0x5375, 0x6E53];
/// More models than any device has.
const MODELS_MAX: usize = 64;

/// Who a device says it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Each is something it said. Of a device that knows no way to say it there are none.
    pub lines: Vec<String>,
    /// Its SunSpec models.
    pub models: Vec<FoundModel>,
}

/// A SunSpec model of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundModel {
    /// Its number.
    pub id: u16,
    /// The address of its first register, which holds the number.
    pub start: u16,
    /// How many registers follow the first two.
    pub words: u16,
}

/// Asks in every way.
pub async fn identify(client: &mut Client, unit: u8) -> Result<Identity, ToolError> {
    let mut who = Identity::default();
    who.lines.extend(kept(device_id(client, unit).await)?);
    who.lines.extend(kept(server_id(client, unit).await)?);
    let told = sunspec(client, unit, &mut who).await.map(|()| Vec::new());
    kept(told)?;
    Ok(who)
}

/// A refusal or a silence to one question says nothing of the others; a lost connection ends them all, and so does asking
/// nobody in particular.
fn kept(lines: Result<Vec<String>, ToolError>) -> Result<Vec<String>, ToolError> {
    match lines {
        Err(error @ (ToolError::Line(_) | ToolError::Everybody)) => Err(error),
        other => Ok(other.unwrap_or_default()),
    }
}

async fn device_id(client: &mut Client, unit: u8) -> Result<Vec<String>, ToolError> {
    let mut lines = Vec::new();
    for code in [3, 2, 1] {
        let mut object = 0;
        for _ in 0..PIECES_MAX {
            let request = Request::Custom(ENCAPSULATED, vec![DEVICE_ID, code, object].into());
            let body = match client.answer(unit, request).await {
                Ok(Response::Custom(_, body)) => body,
                // Who is silent for one is so for the others.
                Err(ToolError::NoAnswer(_)) => return Ok(lines),
                _ => break,
            };
            let [_, _, _, more, next, count, objects @ ..] = &body[..] else { break };
            let mut rest = objects;
            for _ in 0..*count {
                let [id, len, after @ ..] = rest else { break };
                let Some(text) = after.get(..usize::from(*len)) else { break };
                lines.push(format!("{}: {}", object_name(*id), printable(text)));
                rest = &after[usize::from(*len)..];
            }
            if *more != 0xFF || *next <= object {
                break;
            }
            object = *next;
        }
        if !lines.is_empty() {
            break;
        }
    }
    Ok(lines)
}

fn object_name(id: u8) -> String {
    match id {
        0 => "vendor".to_owned(),
        1 => "product code".to_owned(),
        2 => "version".to_owned(),
        3 => "vendor's page".to_owned(),
        4 => "product".to_owned(),
        5 => "model".to_owned(),
        6 => "application".to_owned(),
        other => format!("object {other}"),
    }
}

async fn server_id(client: &mut Client, unit: u8) -> Result<Vec<String>, ToolError> {
    match client.answer(unit, Request::Custom(SERVER_ID, vec![].into())).await? {
        Response::Custom(_, body) => {
            // The last byte says whether it runs, and many put a number before their text.
            let said = body.get(1..).unwrap_or_default();
            let text = said.strip_suffix(&[0xFF]).or(said.strip_suffix(&[0])).unwrap_or(said);
            let text = if text.first().is_some_and(|byte| *byte < b' ') && text.len() > 4 { &text[1..] } else { text };
            Ok(vec![format!("server id (function 17): {}", printable(text))])
        }
        _ => Err(ToolError::Mixed),
    }
}

/// What was found before an answer failed to come stays found.
async fn sunspec(client: &mut Client, unit: u8, who: &mut Identity) -> Result<(), ToolError> {
    for base in SUNSPEC_BASES {
        match client.read(unit, Table::HoldingRegisters, base, 2).await {
            Ok(mark) if mark == SUNSPEC_MARK => {}
            Err(ToolError::Line(error)) => return Err(error.into()),
            _ => continue,
        }
        who.lines.push(format!("SunSpec at 4x:{}", u32::from(base) + 1));
        let mut at = base.saturating_add(2);
        for _ in 0..MODELS_MAX {
            let head = client.read(unit, Table::HoldingRegisters, at, 2).await?;
            let model = FoundModel { id: head[0], start: at, words: head[1] };
            if model.id == 0xFFFF || model.words == 0 {
                break;
            }
            who.lines.push(format!("  model {} at 4x:{}, {} registers", model.id, u32::from(at) + 1, model.words));
            who.models.push(model);
            if model.id == 1 && model.words >= 64 {
                let words = client.read(unit, Table::HoldingRegisters, at.saturating_add(2), 64).await?;
                let fields = [("vendor", 0, 16), ("model", 16, 16), ("version", 40, 8), ("serial number", 48, 16)];
                for (name, from, count) in fields {
                    let bytes: Vec<u8> = words[from..from + count].iter().flat_map(|word| word.to_be_bytes()).collect();
                    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                    who.lines.push(format!("  {name}: {}", printable(&bytes[..end])));
                }
            }
            let Some(next) = at.checked_add(2).and_then(|at| at.checked_add(model.words)) else { break };
            at = next;
        }
        break;
    }
    Ok(())
}

/// Text as text, everything else by its bytes.
fn printable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.trim_end().to_owned(),
        _ => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
    }
}
