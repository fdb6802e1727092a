//! `modbusserver.yaml`, checked: which tags other masters and panels read and write here.

use std::net::SocketAddr;

use ipnet::IpNet;
use tag::TagName;

use crate::{Address, Area, BusAddress, Order, Serial, WordType};

/// `modbusserver.yaml`.
#[derive(Debug, Clone, PartialEq)]
pub struct ModbusServer {
    /// Which bus.
    pub bus: BusAddress,
    /// Where masters come in, in the file's order.
    pub doors: Vec<Door>,
    /// What they find, in the file's order.
    pub tags: Vec<ServedTag>,
}

/// A port or a serial line that masters ask.
#[derive(Debug, Clone, PartialEq)]
pub struct Door {
    /// The prefix used in addresses.
    pub name: String,
    /// Where it is.
    pub at: DoorAt,
    /// Who may ask over TCP or UDP; empty: everybody who reaches the port. No IPv4 address is in IPv6's spelling.
    pub allow: Vec<IpNet>,
    /// What there is.
    pub serve: Vec<ServedArea>,
}

/// Where a door is.
#[derive(Debug, Clone, PartialEq)]
pub enum DoorAt {
    /// Modbus TCP.
    Tcp(SocketAddr),
    /// Modbus TCP's frames in datagrams (`tcp_udp: udp`).
    Udp(SocketAddr),
    /// Modbus RTU.
    Rtu(Serial),
}

/// A span of registers or bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedArea {
    /// Where.
    pub area: Area,
    /// May be written.
    pub write: bool,
    /// What is said for a tag that is not good.
    pub stale: StaleAnswer,
    /// The register beside it that counts the tags of the area that are not good: 0, all is well.
    pub status: Option<u16>,
}

/// What is said for a tag that is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaleAnswer {
    /// Nothing: the request is refused.
    Exception,
    /// Every register of it holds this.
    Sentinel(u16),
    /// The last value; the area has a status register.
    Last,
}

/// A tag that is served.
#[derive(Debug, Clone, PartialEq)]
pub struct ServedTag {
    /// What it is called.
    pub name: TagName,
    /// Its type in the registers.
    pub word_type: WordType,
    /// Where; [`Address::rtu`] is the index of its door.
    pub at: Address,
    /// In which order.
    pub order: Order,
    /// Value = register × scale + offset.
    pub scale: f64,
    /// See `scale`.
    pub offset: f64,
    /// Of text and bytes: how many registers.
    pub length: u16,
}
