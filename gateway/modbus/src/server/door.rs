//! The ports and lines that masters ask: bytes to requests, answers to bytes.

mod datagrams;
mod serial;
mod tcp;

use std::net::{IpAddr, TcpListener as StdListener, UdpSocket as StdSocket};
use std::time::Duration;

use ipnet::IpNet;
use site::{Door, DoorAt};
use tokio::sync::{mpsc, oneshot};

use super::ServerError;
use crate::mbap::HEADER_BYTES;
use crate::pdu::PDU_BYTES_MAX;

/// Masters at one door: a panel and a few systems. More is somebody who opens connections and forgets them.
const MASTERS_MAX: usize = 16;
/// After the system refused a connection, or a serial port was lost.
const TRY_AGAIN: Duration = Duration::from_millis(500);

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

/// A port that is ours.
#[derive(Debug)]
enum Open {
    Tcp(StdListener),
    Datagrams(StdSocket),
    /// A serial line: it is opened later, and again when it was lost.
    Later,
}

/// The open ports, in the order of the site's doors; serial lines are opened later.
#[derive(Debug)]
pub struct Doors(Vec<Open>);

impl Doors {
    /// Where the doors are that are ports.
    pub fn addresses(&self) -> Vec<Option<std::net::SocketAddr>> {
        let address = |door: &Open| match door {
            Open::Tcp(listener) => listener.local_addr().ok(),
            Open::Datagrams(socket) => socket.local_addr().ok(),
            Open::Later => None,
        };
        self.0.iter().map(address).collect()
    }
}

/// Takes the ports.
pub fn listen(doors: &[Door]) -> Result<Doors, ServerError> {
    let open = |door: &Door| match &door.at {
        DoorAt::Tcp(at) => {
            let listener = StdListener::bind(at).and_then(|door| door.set_nonblocking(true).map(|()| door));
            listener.map(Open::Tcp).map_err(|source| ServerError::Listen { at: *at, source })
        }
        DoorAt::Udp(at) => {
            let socket = StdSocket::bind(at).and_then(|door| door.set_nonblocking(true).map(|()| door));
            socket.map(Open::Datagrams).map_err(|source| ServerError::Listen { at: *at, source })
        }
        DoorAt::Rtu(_) => Ok(Open::Later),
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
    for (n, (door, open)) in doors.into_iter().zip(open.0).enumerate() {
        let ask = ask.clone();
        match (door.at, open) {
            (_, Open::Tcp(listener)) => tasks.spawn(tcp::accept(n, listener, door.allow, ask)),
            (_, Open::Datagrams(socket)) => tasks.spawn(datagrams::serve(n, socket, door.allow, ask)),
            (DoorAt::Rtu(serial), Open::Later) => tasks.spawn(serial::serve(n, serial, ask)),
            (DoorAt::Tcp(_) | DoorAt::Udp(_), Open::Later) => continue,
        };
    }
}

/// Who may ask at a door.
struct Guests {
    allow: Vec<IpNet>,
    /// Who was turned away last.
    refused: Option<IpAddr>,
}

impl Guests {
    fn new(allow: Vec<IpNet>) -> Self {
        Self { allow, refused: None }
    }

    /// May they come in? Strangers are logged once, not once per try.
    fn lets_in(&mut self, who: IpAddr) -> bool {
        let may = self.allow.is_empty() || self.allow.iter().any(|net| net.contains(&who.to_canonical()));
        if !may && self.refused.replace(who) != Some(who) {
            log::warn!("the Modbus server refuses {who}: not in allow");
        }
        may
    }
}

/// How long the request behind such a head of Modbus TCP is; `None`: that is no such head.
fn pdu_bytes(head: &[u8; HEADER_BYTES]) -> Option<usize> {
    let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
    (head[2..4] == [0, 0] && (2..=PDU_BYTES_MAX + 1).contains(&length)).then(|| length - 1)
}

/// An answer with the head of its request.
fn framed(head: &[u8; HEADER_BYTES], pdu: &[u8]) -> Vec<u8> {
    let length = u16::try_from(pdu.len() + 1).unwrap_or(2).to_be_bytes();
    [&head[..4], &length, &head[6..], pdu].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_of_modbus_and_of_no_more_than_the_longest_request() {
        let head = |protocol: u8, length: u16| {
            let [high, low] = length.to_be_bytes();
            pdu_bytes(&[0, 1, 0, protocol, high, low, 1])
        };
        assert_eq!([head(0, 2), head(0, 6), head(0, 254)], [Some(1), Some(5), Some(PDU_BYTES_MAX)]);
        assert_eq!([head(0, 0), head(0, 1), head(0, 255), head(0, 0xFFFF), head(1, 6)], [None; 5]);
    }

    #[test]
    fn the_list_holds_addresses_and_networks() {
        let allow: Vec<IpNet> =
            ["192.168.1.0/24", "10.0.0.7/32", "fd00::/8"].map(|net| net.parse().expect("a network")).to_vec();
        let mut guests = Guests::new(allow);
        let mut let_in = |who: &str| guests.lets_in(who.parse().expect("an address"));
        assert!(
            ["192.168.1.0", "192.168.1.255", "::ffff:192.168.1.9", "10.0.0.7", "fdff::1"].into_iter().all(&mut let_in)
        );
        assert!(!["192.168.2.0", "192.168.0.255", "10.0.0.6", "fe00::1", "::1"].into_iter().any(&mut let_in));
        assert!(Guests::new(vec![]).lets_in([192, 0, 2, 1].into()), "no list is everybody's");
    }
}
