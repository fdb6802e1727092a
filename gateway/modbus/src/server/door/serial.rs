//! A serial line: whoever asks us there.

use std::time::Duration;

use site::Serial;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::{Question, TRY_AGAIN};
use crate::line::in_words;
use crate::master::char_time;
use crate::port;
use crate::rtu::crc16;

/// So long may a line be quiet; nothing follows from it.
const IDLE_MAX: Duration = Duration::from_secs(600);
/// Silence that ends a frame, at least: what the kernel may hold bytes back for.
const FRAME_GAP_MIN: Duration = Duration::from_millis(5);

/// Until nobody listens any more.
pub(super) async fn serve(door: usize, serial: Serial, ask: mpsc::Sender<Question>) {
    let gap = (char_time(&serial) * 7 / 2).max(FRAME_GAP_MIN);
    let who = format!("modbus master on {}", serial.path.display());
    let mut told = false;
    while !ask.is_closed() {
        let mut port = match port::open_serial(&serial) {
            Ok(port) => port,
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    log::warn!("the Modbus server has no line: {}", in_words(&error));
                }
                sleep(TRY_AGAIN).await;
                continue;
            }
        };
        told = false;
        let mut frame: Vec<u8> = Vec::new();
        let mut buffer = [0; 512];
        loop {
            let wait = if frame.is_empty() { IDLE_MAX } else { gap };
            let read = tokio::select! {
                read = timeout(wait, port.read(&mut buffer)) => read,
                () = ask.closed() => return,
            };
            match read {
                Ok(Ok(0) | Err(_)) => break,
                // More than any frame: somebody babbles. What of it is a frame, its checksum says.
                Ok(Ok(n)) if frame.len() < 1024 => frame.extend_from_slice(&buffer[..n]),
                Ok(Ok(_)) => {}
                Err(_) if frame.is_empty() => {}
                Err(_) => {
                    let heard = std::mem::take(&mut frame);
                    let Some((unit, pdu)) = question(&heard) else { continue };
                    let (answer, said) = oneshot::channel();
                    let question = Question { door, unit, pdu, silent: true, who: who.clone(), answer };
                    if ask.send(question).await.is_err() {
                        return;
                    }
                    let Ok(said) = said.await else { return };
                    let Some(pdu) = said else { continue };
                    let mut out = [&[unit], &pdu[..]].concat();
                    out.extend(crc16(&out).to_le_bytes());
                    if port.write_all(&out).await.is_err() {
                        break;
                    }
                }
            }
        }
    }
}

/// What was asked, in the bytes up to a silence. Another unit's answer may stand right before it: a fast master leaves
/// less silence than the kernel lets us see.
fn question(heard: &[u8]) -> Option<(u8, Vec<u8>)> {
    let whole = |from: &usize| *from == 0 || request_bytes(&heard[*from..]) == Some(heard.len() - from);
    (0..heard.len()).filter(whole).find_map(|from| unframed(&heard[from..]))
}

/// How long a request is with its checksum, by what stands at its begin.
fn request_bytes(frame: &[u8]) -> Option<usize> {
    match *frame.get(1)? {
        1..=6 => Some(8),
        15 | 16 => Some(9 + usize::from(*frame.get(6)?)),
        22 => Some(10),
        23 => Some(13 + usize::from(*frame.get(10)?)),
        _ => None,
    }
}

fn unframed(frame: &[u8]) -> Option<(u8, Vec<u8>)> {
    let (body, sum) = frame.split_at(frame.len().checked_sub(2).filter(|len| *len >= 2)?);
    (crc16(body).to_le_bytes() == [sum[0], sum[1]]).then(|| (body[0], body[1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(body: &[u8]) -> Vec<u8> {
        [body, &crc16(body).to_le_bytes()].concat()
    }

    #[test]
    fn a_request_right_behind_somebody_elses_answer_is_heard() {
        let (ours, theirs) = (sealed(&[1, 3, 0, 0, 0, 1]), sealed(&[9, 3, 4, 1, 3, 0, 0]));
        let write = sealed(&[1, 16, 0, 0, 0, 1, 2, 0, 7]);
        assert_eq!(question(&ours), Some((1, vec![3, 0, 0, 0, 1])));
        assert_eq!(question(&[&theirs[..], &ours].concat()), Some((1, vec![3, 0, 0, 0, 1])));
        assert_eq!(question(&[&theirs[..], &theirs, &write].concat()), Some((1, write[1..9].to_vec())));
        assert_eq!(question(&[&[0xFF, 0x00][..], &ours].concat()), Some((1, vec![3, 0, 0, 0, 1])));
        // A function that we don't know is answered too, when it stands alone.
        assert_eq!(question(&sealed(&[1, 99])), Some((1, vec![99])));
        // Nothing but what reaches up to the silence.
        assert_eq!(question(&[&ours[..], &[1]].concat()), None);
        assert_eq!(question(&ours[..7]), None);
        assert_eq!(question(&[]), None);
    }
}
