//! `devices/NAME.yaml`, and the entry of `modbusclient.yaml` that uses it.

use super::modbus::MODBUS_TAG;
use super::tags::TAG;
use super::{Key, Kind, Status, Table};

/// One entry below `devices:` of `modbusclient.yaml`.
pub(crate) static DEVICE_USE: Table = Table {
    what: "an entry of devices",
    keys: &[
        Key::used(
            "device",
            Kind::Text,
            "",
            "What it is: the name of a file in the site's folder devices, or of one that comes with the gateway \
             (`forebay modbus devices` lists them).",
            "device: eastron-sdm630",
        )
        .ours(),
        Key::used("line", Kind::Text, "", "The connection of rtus behind which it is.", "line: METERS").ours(),
        Key::used("unit", Kind::Int(0, 255), "", "Its unit id.", "unit: 3").ours(),
        Key::used(
            "prefix",
            Kind::Text,
            "nothing",
            "What stands before the names of its registers in the names of its tags. In tags.yaml such a tag may be said \
             more of, or something else.",
            "prefix: Mill_",
        )
        .ours(),
        Key::used(
            "desc",
            Kind::Text,
            "nothing",
            "What stands before the descriptions of its tags on pages: Mill makes \"Mill Power\" of \"Power\".",
            "desc: Mill",
        )
        .ours(),
        Key::used(
            "base",
            Kind::Int(0, 65_535),
            "the device's own",
            "What is added to all its addresses. Of a SunSpec model: 40069 when it begins at 4x:40070; `forebay modbus \
             identify` finds it.",
            "base: 40069",
        )
        .ours(),
        Key::used("only", Kind::Texts, "all of them", "Which of its registers are wanted.", "only: [power, import]")
            .ours(),
        Key::used(
            "rate",
            Kind::Number(0.01, 86_400.0),
            "the register's, else the connection's",
            "Seconds from one read of it to the next.",
            "rate: 10",
        )
        .ours(),
    ],
};

/// A device's file.
pub(crate) static DEVICE: Table = Table {
    what: "a device's file",
    keys: &[
        Key::used("desc", Kind::Text, "the file's name", "What it is.", "desc: Eastron SDM630, three-phase meter"),
        Key::used(
            "source",
            Kind::TextOrTexts,
            "none",
            "Where its numbers were taken from. The devices that come with the gateway all say it.",
            "source: SDM630-Modbus protocol V1.4, input registers",
        ),
        Key::used(
            "base",
            Kind::Int(0, 65_535),
            "0; of a SunSpec model it is said where the device is used",
            "What is added to every address of the file.",
            "base: 1000",
        ),
        Key::used(
            "sunspec",
            Kind::Loader("a whole number from 1 to 65534, or a list of them"),
            "none",
            "The SunSpec models it describes; 4x:1 is then the model's first register, its number. Read with every value: \
             where another number is found the tags have none.",
            "sunspec: [101, 102, 103]",
        ),
        Key::used(
            "order",
            Kind::Word(&["abcd", "cdab", "badc", "dcba"], &[]),
            "abcd",
            "Word and byte order of all its registers; a register may say another.",
            "order: cdab",
        ),
        Key::used("registers", Kind::Named(&REGISTER), "", "What can be read and written, by name.", ""),
    ],
};

/// One register of a device's file: where it lies, and what `tags.yaml` would say of its tag.
pub(crate) static REGISTER: Table = Table {
    what: "a register",
    keys: &[
        of(&MODBUS_TAG, "type"),
        Key::used(
            "read",
            Kind::Loader("an address file:word"),
            "not read",
            "Where it is read: file:word, for a bit of a word .0 (lowest) to .15 after it. 3x:1 is the register of address 0.",
            "read: 3x:53",
        ),
        Key::used(
            "write",
            Kind::Loader("an address file:word"),
            "not written",
            "Where it is written, and then read back. 1x and 3x can't be, nor what can't be read.",
            "write: 4x:3",
        ),
        of(&MODBUS_TAG, "order"),
        of(&MODBUS_TAG, "scale"),
        of(&MODBUS_TAG, "offset"),
        Key::used(
            "sunssf",
            Kind::Loader("an address file:word"),
            "none",
            "Where the device keeps the power of ten of this number, as SunSpec's scale factors do: read together with it.",
            "sunssf: 4x:7",
        ),
        of(&MODBUS_TAG, "length"),
        of(&MODBUS_TAG, "no_value"),
        of(&MODBUS_TAG, "states"),
        of(&MODBUS_TAG, "rate"),
        of(&TAG, "desc"),
        of(&TAG, "units"),
        of(&TAG, "dp"),
        of(&TAG, "multi"),
        of(&TAG, "min"),
        of(&TAG, "max"),
        of(&TAG, "deadband"),
        of(&TAG, "format"),
        of(&TAG, "alarm"),
        of(&TAG, "group"),
        of(&TAG, "stale_s"),
    ],
};

/// Those of [`REGISTER`] that are `tags.yaml`'s.
pub(crate) const TAG_KEYS: [&str; 11] =
    ["desc", "units", "dp", "multi", "min", "max", "deadband", "format", "alarm", "group", "stale_s"];

/// The key of that name, as another table has it.
const fn of(table: &'static Table, name: &str) -> Key {
    let mut at = 0;
    while at < table.keys.len() {
        if same(table.keys[at].name.as_bytes(), name.as_bytes()) {
            // Whether pymscada has the key elsewhere is beside the point here.
            return Key { status: Status::Used, ..table.keys[at] };
        }
        at += 1;
    }
    panic!("that table has no such key")
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}
