//! The sockets and the serial lines: bytes in, what the plant says out.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shell::Stop;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_serial::SerialStream;

use crate::device::{Act, Reply};
use crate::frame::Rubbish;
use crate::plant::Plant;

/// Masters on one port; more than any PLC takes, and a leaking test is found.
const CONNECTIONS_MAX: usize = 64;
/// A master that asks nothing for so long is gone.
const IDLE_MAX: Duration = Duration::from_secs(300);
/// A master that takes nothing for so long is gone.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// A pause inside a serial request after which it is over. Real lines say 3.5 characters; drivers and pseudo-terminals
/// deliver in lumps.
const GAP: Duration = Duration::from_millis(50);
/// After an error of accept (too many files open) a breath is taken.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// The plant, shared by all who serve it.
pub(crate) struct Shared {
    plant: Mutex<Plant>,
    /// Counts what happened, so that a test can wait for it.
    pub(crate) happened: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn new(plant: Plant) -> Arc<Self> {
        Arc::new(Self { plant: Mutex::new(plant), happened: watch::Sender::new(0) })
    }

    /// The plant itself. Never held across an await.
    pub(crate) fn plant(&self) -> MutexGuard<'_, Plant> {
        self.plant.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, line: usize, heard: &mut Vec<u8>) -> Result<Vec<Reply>, Rubbish> {
        let replies = self.plant().hear(line, heard);
        self.happened.send_modify(|count| *count += 1);
        replies
    }
}

/// Serves a port until `stop`; when it returns, every connection is closed.
pub(crate) async fn tcp(listener: TcpListener, shared: Arc<Shared>, line: usize, stop: Stop) {
    let mut masters = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = masters.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((_, peer)) if masters.len() >= CONNECTIONS_MAX => {
                    log::warn!("{peer} turned away: {CONNECTIONS_MAX} masters are connected");
                }
                Ok((stream, _)) => {
                    masters.spawn(master(stream, Arc::clone(&shared), line));
                }
                Err(error) => {
                    log::warn!("accepting a master: {error}");
                    sleep(ACCEPT_REST).await;
                }
            },
        }
    }
    masters.shutdown().await;
}

async fn master(mut stream: TcpStream, shared: Arc<Shared>, line: usize) {
    // Without it a small answer waits for the acknowledgement of the one before; a failure only costs time.
    let _ = stream.set_nodelay(true);
    let mut heard = Vec::new();
    let mut chunk = [0; 512];
    loop {
        let Ok(Ok(count @ 1..)) = timeout(IDLE_MAX, stream.read(&mut chunk)).await else { return };
        heard.extend_from_slice(&chunk[..count]);
        let Ok(replies) = shared.hear(line, &mut heard) else { return };
        for reply in replies {
            sleep(reply.after).await;
            match reply.act {
                Act::Send(bytes) => {
                    let Ok(Ok(())) = timeout(WRITE_MAX, stream.write_all(&bytes)).await else { return };
                }
                Act::HangUp => return,
                Act::Reset => {
                    // A socket that can't be told to reset is closed all the same.
                    let _ = stream.set_zero_linger();
                    return;
                }
            }
        }
    }
}

/// Serves a serial line until `stop` or until it breaks.
pub(crate) async fn rtu(port: &mut SerialStream, shared: &Shared, line: usize, stop: &Stop) -> io::Result<()> {
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        broken = listen(port, shared, line) => broken,
    }
}

async fn listen(port: &mut SerialStream, shared: &Shared, line: usize) -> io::Result<()> {
    let mut heard = Vec::new();
    let mut chunk = [0; 256];
    loop {
        let patience = if heard.is_empty() { Duration::MAX } else { GAP };
        let Ok(read) = timeout(patience, port.read(&mut chunk)).await else {
            heard.clear();
            continue;
        };
        let count = read?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        heard.extend_from_slice(&chunk[..count]);
        let replies = shared.hear(line, &mut heard).unwrap_or_default();
        for reply in replies {
            sleep(reply.after).await;
            if let Act::Send(bytes) = reply.act {
                timeout(WRITE_MAX, port.write_all(&bytes)).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))?;
            }
        }
    }
}
