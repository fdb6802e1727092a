//! `modbusclient.yaml`.

use super::devices::DEVICE_USE;
use super::small::{BUS_IP, BUS_PORT};
use super::{Key, Kind, Table};

pub(super) const FILES: Kind = Kind::Word(&["0x", "1x", "3x", "4x"], &[]);

/// The types of values in registers.
pub(super) const TYPES: Kind = Kind::Word(
    &[
        "bool", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "int8", "uint8",
        "bcd16", "bcd32", "string", "bytes",
    ],
    &[("int", "int16"), ("uint", "uint16"), ("float", "float32"), ("double", "float64"), ("real", "float32")],
);

/// The orders of bytes.
pub(super) const ORDERS: Kind = Kind::Word(
    &["abcd", "cdab", "badc", "dcba", "efghabcd", "cdabghef", "dcbahgfe", "fehgbadc"],
    &[("abcdefgh", "abcd"), ("ghefcdab", "cdab"), ("badcfehg", "badc"), ("hgfedcba", "dcba")],
);

/// The file.
pub(crate) static MODBUS_CLIENT: Table = Table {
    what: "modbusclient.yaml",
    keys: &[
        BUS_IP,
        BUS_PORT,
        Key::used("rtus", Kind::Many(&RTU), "none", "The connections: one per device, or per serial line.", ""),
        Key::used(
            "devices",
            Kind::Many(&DEVICE_USE),
            "none",
            "Devices that are described once, in devices/NAME.yaml, and bring their tags: see `forebay help devices`.",
            "devices: [{device: eastron-sdm630, line: METERS, unit: 3}]",
        )
        .ours(),
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
        Key::used(
            "rs485",
            Kind::Bool,
            "no",
            "The kernel switches an RS-485 transceiver with the RTS line of this port, where its driver can.",
            "rs485: yes",
        )
        .ours(),
        Key::used(
            "listen",
            Kind::Text,
            "none",
            "Instead of ip: a port that the device's modem dials into, or ADDRESS:PORT. Whoever dials is taken for the \
             device, so keep the port off other networks.",
            "listen: 15502",
        )
        .ours(),
        Key::used(
            "framing",
            Kind::Word(&["tcp", "rtu"], &[]),
            "tcp",
            "What goes over ip or listen: frames of Modbus TCP, or of Modbus RTU for a serial server.",
            "framing: rtu",
        )
        .ours(),
        Key::used("stop_bits", Kind::Int(1, 2), "1", "Stop bits of the serial line.", "stop_bits: 1").ours(),
        Key::used("rate", Kind::Number(0.01, 86_400.0), "1", "Seconds from one poll to the next.", "rate: 0.2"),
        Key::used(
            "timeout_ms",
            Kind::Int(10, 60_000),
            "1000",
            "How long an answer may take at most, in ms. How long it usually takes is learned, and less is waited then.",
            "timeout_ms: 500",
        )
        .ours(),
        Key::used(
            "gap_ms",
            Kind::Int(0, 10_000),
            "what the standard says",
            "Silence before each request, in ms, for devices that need time to think. On serial lines more is learned.",
            "gap_ms: 20",
        )
        .ours(),
        Key::used(
            "max_words",
            Kind::Int(1, 125),
            "125",
            "The most registers that one request reads, for devices that don't take the 125 of the standard.",
            "max_words: 32",
        )
        .ours(),
        Key::used(
            "write_read",
            Kind::Bool,
            "no",
            "Set-points in holding registers are written and read back in one request, function 23, where the device has it.",
            "write_read: yes",
        )
        .ours(),
        Key::used(
            "pipeline",
            // The standard lets a server take 1 to 16 at once (MODBUS Messaging on TCP/IP, NumberMaxOfServerTransaction).
            Kind::Int(1, 16),
            "1",
            "How many requests may be under way at once over a Modbus TCP connection, for devices that take several and give \
             each answer the number of its question.",
            "pipeline: 4",
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
            "udp: Modbus TCP's frames in datagrams.",
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
            TYPES,
            "",
            "Its type in the device: 1 word, 2 (32) or 4 (64). bool is a coil, a discrete input, or a bit of a word; int8 \
             and uint8 one byte of a word; bcd16 and bcd32 decimal digits; string and bytes as long as length says.",
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
            "Where it is written, and then read back. 1x and 3x can't be, nor what can't be read.",
            "write: PLC1:1:4x:3",
        ),
        Key::used(
            "order",
            ORDERS,
            "the connection's",
            "Order of the bytes in the device, A the highest. If a value is wildly wrong, try cdab. Of 64 bit the first \
             four mean abcdefgh, ghefcdab, badcfehg and hgfedcba. Of int8 and uint8 badc takes the high byte of the word.",
            "order: cdab",
        )
        .ours(),
        Key::used("scale", super::NUMBER, "1", "Value = register × scale + offset; makes it a float.", "scale: 0.1")
            .ours(),
        Key::used("offset", super::NUMBER, "0", "Added after scaling.", "offset: -40").ours(),
        Key::used(
            "sunssf",
            Kind::Loader("an address NAME:unit:file:word"),
            "none",
            "Where the device keeps the power of ten of this number, as SunSpec's scale factors do: read together with it.",
            "sunssf: INV:1:4x:40076",
        )
        .ours(),
        Key::used("length", Kind::Int(1, 125), "none", "Of string and bytes: how many words.", "length: 8").ours(),
        Key::used(
            "no_value",
            Kind::Loader("a whole number, or a list of them"),
            "none",
            "Raw numbers with which the device says that it has no value: the tag has none then.",
            "no_value: [0x8000, 0xFFFF]",
        )
        .ours(),
        Key::used(
            "states",
            Kind::Loader("a list of whole numbers"),
            "0, 1, 2, …",
            "Of a tag with multi: the raw numbers of its states, in their order.",
            "states: [1, 2, 4, 8]",
        )
        .ours(),
        Key::used(
            "deadband",
            Kind::Number(0.0, f64::MAX),
            "0",
            "Changes smaller than this are not told to anybody; of a tag that is only read.",
            "deadband: 0.05",
        )
        .ours(),
        Key::used(
            "rate",
            Kind::Number(0.01, 86_400.0),
            "the connection's",
            "Seconds from one read of this tag to the next.",
            "rate: 60",
        )
        .ours(),
        Key::former(
            "addr",
            Kind::Loader("an address NAME:unit:file:word"),
            "in pymscada of 2023: as read, and as write in a block of writeok",
        ),
    ],
};
