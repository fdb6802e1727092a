//! `modbusclient.yaml`.

use super::small::{BUS_IP, BUS_PORT};
use super::{Key, Kind, Table};

const FILES: Kind = Kind::Word(&["0x", "1x", "3x", "4x"], &[]);

/// The file.
pub(crate) static MODBUS_CLIENT: Table = Table {
    what: "modbusclient.yaml",
    keys: &[
        BUS_IP,
        BUS_PORT,
        Key::used("rtus", Kind::Many(&RTU), "none", "The connections: one per device, or per serial line.", ""),
        Key::used("tags", Kind::Named(&MODBUS_TAG), "none", "What is read and written.", ""),
    ],
};

/// One connection.
pub(crate) static RTU: Table = Table {
    what: "a connection of rtus",
    keys: &[
        Key::used("name", Kind::Text, "", "The prefix used in addresses.", "name: PLC1"),
        Key::used("ip", Kind::Text, "none", "Name or address of a Modbus TCP device.", "ip: 192.168.1.10"),
        Key::used("port", Kind::Int(1, 65_535), "502", "Its port.", "port: 502"),
        Key::used(
            "serial",
            Kind::Text,
            "none",
            "Instead of ip: the serial port of a Modbus RTU line. Use a name that survives replugging.",
            "serial: /dev/serial/by-id/usb-FTDI_1-if00-port0",
        )
        .ours(),
        Key::used("baud", Kind::Int(50, 4_000_000), "9600", "Bits per second of the serial line.", "baud: 19200")
            .ours(),
        Key::used(
            "parity",
            Kind::Word(&["none", "even", "odd"], &[("n", "none"), ("e", "even"), ("o", "odd")]),
            "none",
            "Parity of the serial line. The Modbus standard says even; most devices ship with none.",
            "parity: even",
        )
        .ours(),
        Key::used("stop_bits", Kind::Int(1, 2), "1", "Stop bits of the serial line.", "stop_bits: 1").ours(),
        Key::used("rate", Kind::Number(0.01, 86_400.0), "1", "Seconds from one poll to the next.", "rate: 0.2"),
        Key::used(
            "timeout_ms",
            Kind::Int(10, 60_000),
            "1000",
            "How long an answer may take, in ms.",
            "timeout_ms: 500",
        )
        .ours(),
        Key::used(
            "order",
            Kind::Word(&["abcd", "cdab", "badc", "dcba"], &[]),
            "what the form says",
            "Word and byte order of all its tags; a tag may say another.",
            "order: cdab",
        )
        .ours(),
        Key::used(
            "poll",
            Kind::Many(&AREA),
            "planned from the tags",
            "What is read every period. With poll, a change is written at once, and all numbers of \
             several words have their high word first.",
            "poll: [{unit: 1, file: 4x, start: 1, end: 50}]",
        ),
        Key::used(
            "reads",
            Kind::Many(&AREA),
            "none",
            "pymscada 0.2.8's form instead of poll: what is read every period. Its word orders: 32 bit \
             low word first, 64 bit high word first.",
            "reads: [{unit: 1, file: 4x, start: 1, end: 50}]",
        ),
        Key::used(
            "writes",
            Kind::Many(&AREA),
            "none",
            "pymscada 0.2.8's form: what is read back once and then written every period, changed or not. \
             Its word orders: float32 low word first, other numbers high word first.",
            "writes: [{unit: 1, file: 4x, start: 51, end: 60}]",
        ),
        Key::used(
            "tcp_udp",
            Kind::Word(&["tcp", "udp"], &[]),
            "tcp",
            "Old form, with poll. udp isn't built yet.",
            "tcp_udp: tcp",
        ),
        Key::former("read", Kind::Many(&AREA), "in pymscada of 2023: as poll"),
        Key::former(
            "writeok",
            Kind::Many(&AREA),
            "in pymscada of 2023: a tag with addr in one of these blocks is written too",
        ),
    ],
};

/// A block of registers.
pub(crate) static AREA: Table = Table {
    what: "a block of registers",
    keys: &[
        Key::used("unit", Kind::Int(0, 255), "", "Unit id of the device.", "unit: 1"),
        Key::used(
            "file",
            FILES,
            "",
            "Which table: 0x coils, 1x discrete inputs, 3x input registers, 4x holding registers.",
            "file: 4x",
        ),
        Key::used("start", Kind::Int(1, 65_536), "", "First word, from 1: 4x:1 is 40001.", "start: 1"),
        Key::used("end", Kind::Int(1, 65_536), "", "Last word, included. Long blocks are split.", "end: 50"),
    ],
};

/// One tag of `modbusclient.yaml`.
pub(crate) static MODBUS_TAG: Table = Table {
    what: "a Modbus tag",
    keys: &[
        Key::used(
            "type",
            Kind::Word(
                &["bool", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"],
                &[
                    ("int", "int16"),
                    ("uint", "uint16"),
                    ("float", "float32"),
                    ("double", "float64"),
                    ("real", "float32"),
                ],
            ),
            "",
            "Its type in the device: 1 word, 2 (32) or 4 (64). bool is a coil, a discrete input, or a bit of a word.",
            "type: float32",
        ),
        Key::used(
            "read",
            Kind::Loader("an address NAME:unit:file:word"),
            "not read",
            "Where it is read: NAME:unit:file:word, for a bit of a word .0 (lowest) to .15 after it.",
            "read: PLC1:1:4x:3",
        ),
        Key::used(
            "write",
            Kind::Loader("an address NAME:unit:file:word"),
            "not written",
            "Where it is written. 1x and 3x can't be.",
            "write: PLC1:1:4x:3",
        ),
        Key::used(
            "order",
            Kind::Word(&["abcd", "cdab", "badc", "dcba"], &[]),
            "the connection's",
            "Order of the bytes in the device, A the highest. If a value is wildly wrong, try cdab.",
            "order: cdab",
        )
        .ours(),
        Key::used("scale", super::NUMBER, "1", "Value = register × scale + offset; makes it a float.", "scale: 0.1")
            .ours(),
        Key::used("offset", super::NUMBER, "0", "Added after scaling.", "offset: -40").ours(),
        Key::former(
            "addr",
            Kind::Loader("an address NAME:unit:file:word"),
            "in pymscada of 2023: as read, and as write in a block of writeok",
        ),
    ],
};
