//! `modbusserver.yaml`.

use super::modbus::{FILES, ORDERS, TYPES};
use super::small::{BUS_IP, BUS_PORT};
use super::{Key, Kind, NUMBER, Table};

/// The file.
pub(crate) static MODBUS_SERVER: Table = Table {
    what: "modbusserver.yaml",
    keys: &[
        BUS_IP,
        BUS_PORT,
        Key::used("rtus", Kind::Many(&DOOR), "none", "The ports and serial lines that masters ask.", ""),
        Key::used("tags", Kind::Named(&SERVED_TAG), "none", "What they find there.", ""),
    ],
};

/// A port or a line.
pub(crate) static DOOR: Table = Table {
    what: "a door of rtus",
    keys: &[
        Key::used("name", Kind::Text, "", "The prefix used in addresses.", "name: PANEL"),
        Key::used("ip", Kind::Ip, "127.0.0.1", "Where Modbus TCP listens; 0.0.0.0: on every network.", "ip: 0.0.0.0"),
        Key::used("port", Kind::Int(1, 65_535), "502", "The port it listens on.", "port: 1502"),
        Key::used("serial", Kind::Text, "none", "Instead of ip: a serial port, for Modbus RTU.", "serial: /dev/ttyS1")
            .ours(),
        Key::used("baud", Kind::Int(50, 4_000_000), "9600", "Bits per second of the serial port.", "baud: 19200")
            .ours(),
        Key::used("parity", Kind::Word(&["none", "even", "odd"], &[]), "none", "Its parity.", "parity: even").ours(),
        Key::used("stop_bits", Kind::Int(1, 2), "1", "Its stop bits.", "stop_bits: 1").ours(),
        Key::used(
            "rs485",
            Kind::Bool,
            "no",
            "The kernel switches the direction of an RS-485 transceiver.",
            "rs485: yes",
        )
        .ours(),
        Key::used(
            "tcp_udp",
            Kind::Word(&["tcp", "udp"], &[]),
            "tcp",
            "Frames over TCP or in datagrams.",
            "tcp_udp: tcp",
        ),
        Key::used(
            "allow",
            Kind::Texts,
            "everybody who reaches the port",
            "Addresses and networks of the masters that may ask over TCP or UDP.",
            "allow: [192.168.1.20, 10.8.0.0/16]",
        )
        .ours(),
        Key::used("serve", Kind::Many(&SERVED), "", "The spans of registers there are.", ""),
    ],
};

/// A span of registers.
pub(crate) static SERVED: Table = Table {
    what: "a span of serve",
    keys: &[
        Key::used("unit", Kind::Int(0, 255), "", "The unit id it is asked under.", "unit: 1"),
        Key::used("file", FILES, "", "0x coils, 1x discrete inputs, 3x input, 4x holding registers.", "file: 4x"),
        Key::used("start", Kind::Int(1, 65_536), "", "First word, from 1.", "start: 1"),
        Key::used("end", Kind::Int(1, 65_536), "", "Last word, included.", "end: 50"),
        Key::used("write", Kind::Bool, "yes for 0x and 4x", "Whether masters may write here.", "write: no").ours(),
        Key::used(
            "stale",
            Kind::Loader("exception, last, or a whole number from 0 to 65535"),
            "exception",
            "What a tag that is old or missing answers: a refusal, its last value (with status), or this number in every \
             register.",
            "stale: 0x8000",
        )
        .ours(),
        Key::used(
            "status",
            Kind::Int(1, 65_536),
            "none",
            "A register of the same file that counts the tags of this span that are old or missing.",
            "status: 51",
        )
        .ours(),
    ],
};

/// A tag.
pub(crate) static SERVED_TAG: Table = Table {
    what: "a served tag",
    keys: &[
        Key::used("type", TYPES, "", "Its type in the registers, as in modbusclient.yaml.", "type: float32"),
        Key::used(
            "addr",
            Kind::Loader("an address NAME:unit:file:word"),
            "",
            "Where it lies: NAME:unit:file:word.",
            "addr: PANEL:1:4x:3",
        ),
        Key::used("order", ORDERS, "abcd", "Order of its bytes, A the highest.", "order: cdab").ours(),
        Key::used("scale", NUMBER, "1", "Value = register × scale + offset.", "scale: 0.1").ours(),
        Key::used("offset", NUMBER, "0", "Added after scaling.", "offset: -40").ours(),
        Key::used("length", Kind::Int(1, 123), "none", "Of string and bytes: how many words.", "length: 8").ours(),
    ],
};
