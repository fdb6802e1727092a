//! A TCP port: connections, and on each request after request.

use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ipnet::IpNet;
use shell::Stop;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::{Guests, MASTERS_MAX, Question, TRY_AGAIN, framed, pdu_bytes};
use crate::mbap::HEADER_BYTES;

/// A master that asks nothing for so long is gone; it will connect again.
const IDLE_MAX: Duration = Duration::from_secs(600);

/// A connected master, as the door knows it.
#[derive(Debug)]
struct Master {
    /// Its last question, counted over all; 0 before the first.
    asked: Arc<AtomicU64>,
    hang_up: Stop,
}

pub(super) async fn accept(door: usize, listener: StdListener, allow: Vec<IpNet>, ask: mpsc::Sender<Question>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return log::error!("a port can't be listened on: {error}"),
    };
    let questions = Arc::new(AtomicU64::new(0));
    let mut masters: Vec<Master> = Vec::new();
    let mut guests = Guests::new(allow);
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
        if !guests.lets_in(peer.ip()) {
            continue;
        }
        masters.retain(|master| !master.hang_up.is_cancelled());
        if masters.len() >= MASTERS_MAX {
            hang_up_on_the_quietest(&mut masters);
        }
        let master = Master { asked: Arc::default(), hang_up: Stop::new() };
        let (asked, hang_up) = (master.asked.clone(), master.hang_up.clone());
        masters.push(master);
        let (ask, questions) = (ask.clone(), questions.clone());
        tokio::spawn(async move {
            let on_question = || asked.store(questions.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            let who = format!("modbus master {}", peer.ip());
            tokio::select! {
                () = serve(door, stream, who, ask, on_question) => hang_up.cancel(),
                () = hang_up.cancelled() => {}
            }
        });
    }
}

/// Makes room: a panel that was switched off and on left a connection behind, and must be let in all the same. Who never
/// asked anything goes first, so that whoever only opens connections can't drive out those who ask.
fn hang_up_on_the_quietest(masters: &mut Vec<Master>) {
    let quietest = (0..masters.len()).min_by_key(|n| masters[*n].asked.load(Ordering::Relaxed));
    if let Some(quietest) = quietest {
        masters.remove(quietest).hang_up.cancel();
    }
}

/// One master, request after request; anything that isn't Modbus ends it.
async fn serve(door: usize, mut stream: TcpStream, who: String, ask: mpsc::Sender<Question>, on_question: impl Fn()) {
    let _ = stream.set_nodelay(true);
    loop {
        let mut head = [0; HEADER_BYTES];
        let read = async {
            stream.read_exact(&mut head).await.ok()?;
            let mut pdu = vec![0; pdu_bytes(&head)?];
            stream.read_exact(&mut pdu).await.ok()?;
            Some(pdu)
        };
        let Ok(Some(pdu)) = timeout(IDLE_MAX, read).await else { return };
        on_question();
        let (answer, said) = oneshot::channel();
        let question = Question { door, unit: head[6], pdu, silent: false, who: who.clone(), answer };
        if ask.send(question).await.is_err() {
            return;
        }
        let Ok(Some(pdu)) = said.await else { return };
        if !matches!(timeout(IDLE_MAX, stream.write_all(&framed(&head, &pdu))).await, Ok(Ok(()))) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_never_asked_goes_first_and_then_who_asked_longest_ago() {
        let master = |asked: u64| Master { asked: Arc::new(asked.into()), hang_up: Stop::new() };
        let mut masters: Vec<Master> = [5, 0, 9].map(master).into();
        let ends: Vec<Stop> = masters.iter().map(|master| master.hang_up.clone()).collect();
        for gone in [1, 0, 2] {
            assert!(!ends[gone].is_cancelled());
            hang_up_on_the_quietest(&mut masters);
            assert!(ends[gone].is_cancelled(), "{gone}");
        }
        hang_up_on_the_quietest(&mut masters);
    }
}
