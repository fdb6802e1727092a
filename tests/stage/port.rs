//! Ports for those who can't be told "any that is free": pymscada's files name one, so ours do.

use std::net::TcpListener;
use std::ops::Range;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Mutex, PoisonError};

/// Where they are taken from: below those that the kernel hands out by itself (32768 on). One of those could be somebody's
/// by the time it is listened at; and who waits for it by connecting may be given that very port, and meets himself.
const PORTS: Range<u16> = 12_000..32_000;
/// So many belong to one program at a time, ours or a peer's: `tests/peers/ports.py` keeps to the same blocks.
const BLOCK: u16 = 100;

/// What this program may still give away.
static OURS: Mutex<Ours> = Mutex::new(Ours { left: 0..0, blocks: Vec::new() });

struct Ours {
    left: Range<u16>,
    /// Held until the program ends; the kernel lets go of a name with its socket.
    blocks: Vec<UnixDatagram>,
}

/// A port on loopback that nobody listens at, and that no other test is given.
pub fn free_port() -> u16 {
    let mut ours = OURS.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(port) = ours.left.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
            return port;
        }
        let (block, left) = next_block();
        ours.blocks.push(block);
        ours.left = left;
    }
}

fn next_block() -> (UnixDatagram, Range<u16>) {
    let count = PORTS.len() / usize::from(BLOCK);
    let first = std::process::id() as usize;
    (0..count)
        .find_map(|n| {
            let number = u16::try_from((first + n) % count).expect("fewer than there are ports");
            let name = SocketAddr::from_abstract_name(format!("forebay-test-ports-{number}")).expect("a short name");
            let start = PORTS.start + number * BLOCK;
            Some((UnixDatagram::bind_addr(&name).ok()?, start..start + BLOCK))
        })
        .expect("a block of ports that no other test has")
}
