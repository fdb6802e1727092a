//! `bus.yaml`, `history.yaml`, `initvalues.yaml`, and the two keys that every module's file has.

use super::{Key, Kind, PORT, Table};

/// `bus_ip`.
pub(super) const BUS_IP: Key = Key::used(
    "bus_ip",
    Kind::Ip,
    "127.0.0.1",
    "Which bus. The gateway's own modules speak to the one on their machine.",
    "bus_ip: 127.0.0.1",
);

/// `bus_port`.
pub(super) const BUS_PORT: Key =
    Key::used("bus_port", Kind::Int(0, 65_535), "1324", "The port of that bus.", "bus_port: 1324");

/// `bus.yaml`.
pub(crate) static BUS: Table = Table {
    what: "bus.yaml",
    keys: &[
        Key::used(
            "ip",
            Kind::Ip,
            "127.0.0.1",
            "Where pymscada's clients find the bus. Whoever reaches this address may read and set every tag.",
            "ip: 127.0.0.1",
        ),
        Key::used("port", PORT, "1324", "The port; 0 takes a free one.", "port: 1324"),
        Key::used("bus_tag", Kind::Text, "__bus__", "The tag that holds the bus's last message.", "bus_tag: __bus__"),
        Key::unused("bus_ip", "in the oldest pymscada it was ip: write ip"),
        Key::unused("bus_port", "in the oldest pymscada it was port: write port"),
    ],
};

/// `history.yaml`.
pub(crate) static HISTORY: Table = Table {
    what: "history.yaml",
    keys: &[
        BUS_IP,
        BUS_PORT,
        Key::used(
            "path",
            Kind::Text,
            "history",
            "The folder of the store. A relative one lies below the state folder.",
            "path: history",
        ),
        Key::used(
            "rta_tag",
            Kind::Text,
            "__history__",
            "The tag on which pymscada's clients ask for the past.",
            "rta_tag: __history__",
        ),
        Key::used(
            "flush_s",
            Kind::Number(0.1, 60.0),
            "10",
            "How long a value may wait before it is on flash: what a power cut costs. Longer spares the flash.",
            "flush_s: 10",
        )
        .ours(),
        Key::used(
            "keep_mb",
            Kind::Int(16, 1_000_000),
            "4096",
            "How large the store may grow. When it is full the oldest detail is thinned; the rollups live on.",
            "keep_mb: 4096",
        )
        .ours(),
        Key::used(
            "write_mb_day",
            Kind::Int(0, 1_000_000),
            "1000",
            "How much may be written to the flash in a day: 1000 wears a 16 GB card out in ten years. Where that is not \
             enough values wait up to a minute, then are kept less often. 0: no bound.",
            "write_mb_day: 1000",
        )
        .ours(),
        Key::unused("rqs", "in older pymscada it was rta_tag"),
        Key::unused("rqs_tagname", "in older pymscada it was rta_tag"),
    ],
};

/// `initvalues.yaml`.
pub(crate) static INIT_VALUES: Table = Table { what: "initvalues.yaml", keys: &[BUS_IP, BUS_PORT] };
