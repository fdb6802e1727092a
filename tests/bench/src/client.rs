//! A client of the bus's protocol 1, as a measurement needs it: blocking, and with nothing in the way.

use std::io::{IoSliceMut, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt};

use wire::p1::{self, Body, Decoder, Step};

use crate::fail::{Doing, Fail};

/// Bytes of a SET with an integer.
pub(crate) const SET_BYTES: usize = p1::HEADER + 9;
/// Longer than any answer may take, pymscada's included.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    decoder: Decoder,
    input: Vec<u8>,
    arrived: Option<Instant>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, Fail> {
        let stream = TcpStream::connect(address).doing("connecting to the bus")?;
        stream.set_nodelay(true).doing("connecting to the bus")?;
        stream.set_read_timeout(Some(PATIENCE)).doing("connecting to the bus")?;
        setsockopt(&stream, sockopt::ReceiveTimestampns, &true).doing("connecting to the bus")?;
        Ok(Self { stream, decoder: Decoder::default(), input: Vec::new(), arrived: None })
    }

    /// The ids of tags, made if they aren't there.
    pub(crate) fn ids(&mut self, names: &[String]) -> Result<Vec<u16>, Fail> {
        let mut out = Vec::new();
        for name in names {
            p1::encode(&mut out, p1::ID, 0, 0, name.as_bytes());
        }
        self.send(&out)?;
        self.receive(names.len(), |command, id, _| (command == p1::ID).then_some(id))
    }

    /// Subscribes; returns when each tag was answered, so that nothing of it comes later.
    pub(crate) fn subscribe(&mut self, ids: &[u16]) -> Result<(), Fail> {
        let mut out = Vec::new();
        for id in ids {
            p1::encode(&mut out, p1::SUB, *id, 0, b"");
        }
        self.send(&out)?;
        self.receive(ids.len(), |command, _, _| (command == p1::SET).then_some(())).map(drop)
    }

    /// The tag's present payload.
    pub(crate) fn get(&mut self, id: u16) -> Result<Vec<u8>, Fail> {
        let mut out = Vec::new();
        p1::encode(&mut out, p1::GET, id, 0, b"");
        self.send(&out)?;
        let mut answers =
            self.receive(1, |command, from, body| (command == p1::SET && from == id).then(|| body.to_vec()))?;
        answers.pop().doing("the bus answered nothing")
    }

    /// The next integer that a subscribed tag is set to.
    pub(crate) fn heard(&mut self, id: u16) -> Result<i64, Fail> {
        let int = |body: &[u8]| Some(i64::from_be_bytes(body.strip_prefix(&[wire::payload::INT])?.try_into().ok()?));
        let mut heard =
            self.receive(1, |command, from, body| (command == p1::SET && from == id).then(|| int(body)).flatten())?;
        heard.pop().doing("the bus said nothing")
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Fail> {
        self.stream.write_all(bytes).doing("sending to the bus")
    }

    /// When the kernel had what was read last, before anybody was woken up for it.
    pub(crate) fn arrived(&self) -> Option<Instant> {
        self.arrived
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fail> {
        let mut space = nix::cmsg_space!(nix::sys::time::TimeSpec);
        let mut parts = [IoSliceMut::new(buffer)];
        let read = recvmsg::<SockaddrIn>(self.stream.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::empty());
        let read = read.doing("reading from the bus")?;
        self.arrived = None;
        for said in read.cmsgs().doing("reading from the bus")? {
            if let ControlMessageOwned::ScmTimestampns(at) = said {
                let age =
                    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + Duration::from(at)).unwrap_or_default();
                self.arrived = Instant::now().checked_sub(age);
            }
        }
        Ok(read.bytes)
    }

    /// Reads until `count` messages were wanted.
    fn receive<T>(&mut self, count: usize, wanted: impl Fn(u8, u16, &[u8]) -> Option<T>) -> Result<Vec<T>, Fail> {
        let mut found = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let mut at = 0;
            while let Step::Took(n, message) = self.decoder.next(&self.input[at..]).doing("reading from the bus")? {
                at += n;
                if let Some(message) = message {
                    let body = if let Body::Whole(body) = message.body { body } else { &[] };
                    found.extend(wanted(message.command, message.tag_id, body));
                }
            }
            self.input.drain(..at);
            if found.len() >= count {
                return Ok(found);
            }
            let n = self.read(&mut buffer)?;
            if n == 0 {
                return Err("the bus closed the connection".into());
            }
            self.input.extend_from_slice(&buffer[..n]);
        }
    }
}

/// A SET of an integer.
pub(crate) fn set_frame(id: u16, value: i64) -> [u8; SET_BYTES] {
    let mut frame = [0; SET_BYTES];
    frame[0] = 1;
    frame[1] = p1::SET;
    frame[2..4].copy_from_slice(&id.to_be_bytes());
    frame[5] = 9;
    // Any time will do: the bus compares none.
    frame[6..14].copy_from_slice(&1_700_000_000_000_000_u64.to_be_bytes());
    frame[14] = wire::payload::INT;
    frame[15..].copy_from_slice(&value.to_be_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_what_the_wire_says() {
        let mut expected = Vec::new();
        let body = wire::payload::to_bytes(&tag_value(-5));
        p1::encode(&mut expected, p1::SET, 7, 1_700_000_000_000_000, &body);
        assert_eq!(set_frame(7, -5).as_slice(), expected);
    }

    fn tag_value(int: i64) -> tag::Value {
        tag::Value::Int(int)
    }
}
