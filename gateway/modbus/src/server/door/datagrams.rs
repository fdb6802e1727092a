//! A UDP port: one request in a datagram, one answer in another.

use std::net::UdpSocket as StdSocket;
use std::sync::Arc;

use ipnet::IpNet;
use tokio::net::UdpSocket;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::sleep;

use super::{Guests, MASTERS_MAX, Question, TRY_AGAIN, framed, pdu_bytes};
use crate::mbap::HEADER_BYTES;
use crate::pdu::PDU_BYTES_MAX;

pub(super) async fn serve(door: usize, socket: StdSocket, allow: Vec<IpNet>, ask: mpsc::Sender<Question>) {
    let socket = match UdpSocket::from_std(socket) {
        Ok(socket) => Arc::new(socket),
        Err(error) => return log::error!("a port can't be listened on: {error}"),
    };
    // A write waits for its owner, and others must not wait for it.
    let room = Arc::new(Semaphore::new(MASTERS_MAX));
    let mut guests = Guests::new(allow);
    // One byte more than any request: what fills it is none.
    let mut datagram = [0; HEADER_BYTES + PDU_BYTES_MAX + 1];
    while !ask.is_closed() {
        let (n, peer) = tokio::select! {
            received = socket.recv_from(&mut datagram) => match received {
                Ok(received) => received,
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
        let Some((head, pdu)) = request(&datagram[..n]) else { continue };
        // As lost as any datagram may be: its master asks again.
        let Ok(place) = room.clone().try_acquire_owned() else { continue };
        let (answer, said) = oneshot::channel();
        let who = format!("modbus master {}", peer.ip());
        if ask.send(Question { door, unit: head[6], pdu, silent: false, who, answer }).await.is_err() {
            return;
        }
        let socket = socket.clone();
        tokio::spawn(async move {
            let _place = place;
            if let Ok(Some(pdu)) = said.await {
                let _ = socket.send_to(&framed(&head, &pdu), peer).await;
            }
        });
    }
}

/// The request in a datagram, if that is one and nothing else.
fn request(datagram: &[u8]) -> Option<([u8; HEADER_BYTES], Vec<u8>)> {
    let (head, pdu) = datagram.split_first_chunk::<HEADER_BYTES>()?;
    (pdu_bytes(head)? == pdu.len()).then(|| (*head, pdu.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_one_request_and_nothing_else() {
        let whole = [0, 1, 0, 0, 0, 6, 9, 3, 0, 0, 0, 1];
        assert_eq!(request(&whole), Some(([0, 1, 0, 0, 0, 6, 9], vec![3, 0, 0, 0, 1])));
        assert_eq!(request(&whole[..11]), None, "cut");
        assert_eq!(request(&[&whole[..], &[0]].concat()), None, "and a byte more");
        assert_eq!([request(&whole[..6]), request(&[])], [None, None]);
    }
}
