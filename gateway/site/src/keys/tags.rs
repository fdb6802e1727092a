//! `tags.yaml`.

use super::{Key, Kind, NUMBER, Table};

/// Other words that people write for a type.
const TYPE_SPELLINGS: &[(&str, &str)] = &[
    ("string", "str"),
    ("text", "str"),
    ("integer", "int"),
    ("bool", "int"),
    ("boolean", "int"),
    ("double", "float"),
    ("real", "float"),
    ("number", "float"),
    ("float32", "float"),
    ("float64", "float"),
    ("int16", "int"),
    ("int32", "int"),
    ("array", "list"),
    ("map", "dict"),
    ("json", "dict"),
    ("object", "dict"),
];

/// Other words that people write for what becomes of a value past the limits.
const PAST_LIMITS_SPELLINGS: &[(&str, &str)] =
    &[("limit", "clamp"), ("clamped", "clamp"), ("reject", "refuse"), ("refused", "refuse")];

/// One tag of `tags.yaml`.
pub(crate) static TAG: Table = Table {
    what: "a tag",
    keys: &[
        Key::used("desc", Kind::Text, "the tag's name", "What pages and alarms call it.", "desc: Forebay level"),
        Key::used(
            "type",
            Kind::Word(&["int", "float", "str", "list", "dict", "bytes"], TYPE_SPELLINGS),
            "float",
            "What its values are: whole numbers (64 bit), numbers, text, lists, mappings, raw bytes.",
            "type: float",
        ),
        Key::used(
            "multi",
            Kind::Texts,
            "none",
            "Names for the values 0, 1, 2 …: the tag is an int from 0 to the last. Off and On are words here.",
            "multi: [Stopped, Starting, Running]",
        ),
        Key::used(
            "min",
            NUMBER,
            "no limit",
            "The lowest value that may be set, in units. The gateway checks it again before it writes.",
            "min: 0",
        ),
        Key::used("max", NUMBER, "no limit", "The highest value that may be set, in units.", "max: 12.5"),
        Key::used(
            "past_limits",
            Kind::Word(&["refuse", "clamp"], PAST_LIMITS_SPELLINGS),
            "refuse",
            "What becomes of a value past min or max that a script, a master or the command line sets: refused, or the \
             limit is written in its place. Whoever set it is told what the device holds then, never that his own \
             number was confirmed. The page refuses it either way. Only what modbusclient.yaml writes has limits kept.",
            "past_limits: clamp",
        )
        .ours(),
        Key::used(
            "deadband",
            Kind::Number(0.0, f64::MAX),
            "every change counts",
            "Smaller changes are not kept in the history, in units.",
            "deadband: 0.01",
        ),
        Key::used(
            "history",
            Kind::Bool,
            "yes for int, float and multi; no for str, list, dict and bytes",
            "Whether the history keeps it. A text, list, mapping or bytes is kept as it came, up to 64 kB.",
            "history: yes",
        )
        .ours(),
        Key::used(
            "heartbeat_s",
            Kind::Number(1.0, 1e9),
            "only changes are kept",
            "The history keeps its value at least this often, in seconds, though it doesn't change.",
            "heartbeat_s: 3600",
        )
        .ours(),
        Key::used(
            "rollover",
            Kind::Number(1.0, 18_446_744_073_709_551_616.0),
            "a counter that goes down was reset",
            "For a counter: where it goes on from 0, such as 65536 (16 bits) or 4294967296 (32 bits). How far it went \
             in a day is then right over a rollover.",
            "rollover: 65536",
        )
        .ours(),
        Key::used("units", Kind::Text, "none", "Shown after the number.", "units: m³/s"),
        Key::used("dp", Kind::Int(0, 15), "float 2, int 0", "Decimals shown.", "dp: 1"),
        Key::used(
            "init",
            Kind::Loader("a value of the tag's type"),
            "none",
            "What the tag starts with while nobody has set it. Never sent to a device.",
            "init: 0",
        ),
        Key::used(
            "format",
            Kind::Loader("one of time, date, datetime"),
            "a number",
            "For an int that holds µs since 1970: show it as a time, a date, or both.",
            "format: datetime",
        ),
        Key::used(
            "alarm",
            Kind::TextOrTexts,
            "none",
            "Condition, or a list of them: > < >= <= == and a number, and how many seconds it has to last. \
             Put it in quotes: a bare > means something else in YAML.",
            "alarm: '> 500 for 300'",
        ),
        Key::used("group", Kind::Text, "none", "A word for grouping; kept, nothing is done with it.", "group: System"),
        Key::used(
            "age_us",
            Kind::Int(0, i64::MAX),
            "0",
            "How far back, in µs, history is loaded for it when it is shown.",
            "age_us: 3600000000",
        ),
        Key::used(
            "stale_s",
            Kind::Number(0.05, 1e9),
            "the owner's: three polls and a timeout; never for a tag nobody owns",
            "How long a value stays good without being confirmed, in seconds. Then it is held, and looks old.",
            "stale_s: 10",
        )
        .ours(),
    ],
};
