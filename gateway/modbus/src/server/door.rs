//! The ports and lines that masters ask: bytes to requests, answers to bytes.

use std::net::{IpAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use site::{Door, DoorAt, Serial};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::ServerError;
use crate::master::char_time;
use crate::pdu::PDU_BYTES_MAX;
use crate::port;
use crate::rtu::crc16;

/// Masters at one door: a panel and a few systems. More is somebody who opens connections and forgets them.
const MASTERS_MAX: usize = 16;
/// A master that asks nothing for so long is gone; it will connect again.
const IDLE_MAX: Duration = Duration::from_secs(600);
/// After the system refused a connection, or a serial port was lost.
const TRY_AGAIN: Duration = Duration::from_millis(500);
/// Silence that ends a frame on a serial line, at least: what the kernel may hold bytes back for.
const FRAME_GAP_MIN: Duration = Duration::from_millis(5);

/// Somebody asks.
pub(crate) struct Question {
    pub(crate) door: usize,
    pub(crate) unit: u8,
    pub(crate) pdu: Vec<u8>,
    /// Over a serial line nobody answers for a unit that isn't there.
    pub(crate) silent: bool,
    pub(crate) who: String,
    /// `None`: nothing is said.
    pub(crate) answer: oneshot::Sender<Option<Vec<u8>>>,
}

/// The open ports, in the order of the site's doors; serial lines are opened later.
#[derive(Debug)]
pub struct Doors(Vec<Option<StdListener>>);

impl Doors {
    /// Where the doors are that are ports.
    pub fn addresses(&self) -> Vec<Option<std::net::SocketAddr>> {
        self.0.iter().map(|door| door.as_ref().and_then(|door| door.local_addr().ok())).collect()
    }
}

/// Takes the ports.
pub fn listen(doors: &[Door]) -> Result<Doors, ServerError> {
    let open = |door: &Door| match &door.at {
        DoorAt::Tcp(at) => {
            let listener = StdListener::bind(at).and_then(|door| door.set_nonblocking(true).map(|()| door));
            listener.map(Some).map_err(|source| ServerError::Listen { at: *at, source })
        }
        DoorAt::Rtu(_) => Ok(None),
    };
    doors.iter().map(open).collect::<Result<_, _>>().map(Doors)
}

/// Serves every door until nobody listens any more.
pub(crate) fn open_all(
    doors: Vec<Door>,
    open: Doors,
    ask: &mpsc::Sender<Question>,
    tasks: &mut tokio::task::JoinSet<()>,
) {
    for (n, (door, listener)) in doors.into_iter().zip(open.0).enumerate() {
        let ask = ask.clone();
        match (door.at, listener) {
            (DoorAt::Tcp(_), Some(listener)) => {
                tasks.spawn(accept(n, listener, door.allow, ask));
            }
            (DoorAt::Rtu(serial), _) => {
                tasks.spawn(serial_line(n, serial, ask));
            }
            (DoorAt::Tcp(_), None) => {}
        }
    }
}

async fn accept(door: usize, listener: StdListener, allow: Vec<IpAddr>, ask: mpsc::Sender<Question>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return log::error!("a port can't be listened on: {error}"),
    };
    let room = Arc::new(Semaphore::new(MASTERS_MAX));
    let mut refused = None;
    while !ask.is_closed() {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                // Too many open files, most likely: it passes.
                Err(_) => {
                    sleep(TRY_AGAIN).await;
                    continue;
                }
            },
            () = ask.closed() => return,
        };
        let allowed = allow.is_empty() || allow.contains(&peer.ip().to_canonical());
        let Some(place) = room.clone().try_acquire_owned().ok().filter(|_| allowed) else {
            // Once per stranger, not once per try.
            if refused.replace(peer.ip()) != Some(peer.ip()) {
                let why = if allowed { "too many masters" } else { "not in allow" };
                log::warn!("the Modbus server refuses {}: {why}", peer.ip());
            }
            continue;
        };
        let ask = ask.clone();
        tokio::spawn(async move {
            let _place = place;
            serve_tcp(door, stream, format!("modbus master {}", peer.ip()), ask).await;
        });
    }
}

/// One master over TCP, request after request; anything that isn't Modbus ends it.
async fn serve_tcp(door: usize, mut stream: TcpStream, who: String, ask: mpsc::Sender<Question>) {
    let _ = stream.set_nodelay(true);
    loop {
        let mut head = [0; 7];
        let read = async {
            stream.read_exact(&mut head).await.ok()?;
            let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
            let good = head[2..4] == [0, 0] && (2..=PDU_BYTES_MAX + 1).contains(&length);
            let mut pdu = vec![0; if good { length - 1 } else { return None }];
            stream.read_exact(&mut pdu).await.ok()?;
            Some(pdu)
        };
        let Ok(Some(pdu)) = timeout(IDLE_MAX, read).await else { return };
        let (answer, said) = oneshot::channel();
        let question = Question { door, unit: head[6], pdu, silent: false, who: who.clone(), answer };
        if ask.send(question).await.is_err() {
            return;
        }
        let Ok(Some(pdu)) = said.await else { return };
        let length = u16::try_from(pdu.len() + 1).unwrap_or(2).to_be_bytes();
        let frame = [&head[..4], &length, &head[6..], &pdu].concat();
        if !matches!(timeout(IDLE_MAX, stream.write_all(&frame)).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// One serial line: whoever asks us there.
async fn serial_line(door: usize, serial: Serial, ask: mpsc::Sender<Question>) {
    let gap = (char_time(&serial) * 7 / 2).max(FRAME_GAP_MIN);
    let who = format!("modbus master on {}", serial.path.display());
    let mut told = false;
    while !ask.is_closed() {
        let mut port = match port::open_serial(&serial) {
            Ok(port) => port,
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    log::warn!("the Modbus server has no line: {error}");
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
                    let Some((unit, pdu)) = unframed(&heard) else { continue };
                    let (answer, said) = oneshot::channel();
                    let question = Question { door, unit, pdu, silent: true, who: who.clone(), answer };
                    if ask.send(question).await.is_err() {
                        return;
                    }
                    let Ok(said) = said.await else { return };
                    let Some(pdu) = said.filter(|_| unit != 0) else { continue };
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

fn unframed(frame: &[u8]) -> Option<(u8, Vec<u8>)> {
    let (body, sum) = frame.split_at(frame.len().checked_sub(2).filter(|len| *len >= 2)?);
    (crc16(body).to_le_bytes() == [sum[0], sum[1]]).then(|| (body[0], body[1..].to_vec()))
}
