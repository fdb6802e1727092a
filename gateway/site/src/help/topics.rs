//! What stands around the tables of keys in the help: a page for each file.

use crate::keys::{self, Table};

/// A page of help.
pub(super) struct Topic {
    /// The file it is about, or a word.
    pub(super) file: &'static str,
    /// What the file is, in a line.
    pub(super) title: &'static str,
    /// What one has to know first, in paragraphs.
    pub(super) text: &'static [&'static str],
    /// A piece of a site.
    pub(super) example: &'static str,
    /// The keys, with those of the mappings below them.
    pub(super) table: Option<&'static Table>,
}

/// Every page.
pub(super) static TOPICS: &[Topic] = &[
    Topic {
        file: "tags.yaml",
        title: "the site's tags: what they are called and what they hold",
        text: &["Each name is followed by what is to be said of it. Nothing has to be: a tag with \
             nothing said is a float called by its name. A name has at most 255 bytes; two tags can't share one."],
        example: "Forebay_level:\n  desc: Forebay level\n  units: m\n  dp: 2\n  min: 140\n  max: 147\n\
                  Pump:\n  multi: [Stopped, Running, Tripped]\n  alarm: '== 2'\n",
        table: Some(&keys::TAG),
    },
    Topic {
        file: "modbusclient.yaml",
        title: "the devices that are polled, and where their tags lie",
        text: &[
            "First the connections (rtus), then the tags. An address is NAME:unit:file:word, counted from 1: \
             PLC1:1:4x:3 is the third holding register, 40003, of unit 1 behind the connection PLC1. \
             A bit of a word is PLC1:1:4x:7.0 (lowest) to .15.",
            "Blocks (poll) needn't be written: they are planned from the tags. A tag with read and write is a \
             set-point: it is done when the device reads it back.",
        ],
        example: "rtus:\n- name: PLC1\n  ip: 192.168.1.10\n  rate: 0.5\n- name: Meters\n  serial: /dev/ttyUSB0\n  \
                  baud: 19200\n  parity: even\ntags:\n  Forebay_level:\n    type: float32\n    read: PLC1:1:4x:3\n  \
                  Gate_set:\n    type: int16\n    scale: 0.1\n    read: PLC1:1:4x:10\n    write: PLC1:1:4x:10\n  \
                  Energy:\n    type: uint32\n    order: cdab\n    read: Meters:5:3x:1\n",
        table: Some(&keys::MODBUS_CLIENT),
    },
    Topic {
        file: "devices",
        title: "devices described once, in devices/NAME.yaml, and used by name",
        text: &[
            "A device's file lies in the folder devices of the site, or comes with the gateway: `forebay modbus devices` \
             lists both. An entry of devices in modbusclient.yaml puts it on a line, with a unit and a prefix for the names \
             of its tags; no more is needed, they get units, decimals and alarms from the device's file. What tags.yaml says \
             of such a tag comes over that, key by key.",
            "An address is file:word, counted from 1 as everywhere: 3x:1 is the input register of address 0. \
             `forebay modbus import --device MAP.csv` makes such a file of a vendor's list.",
        ],
        example: "# devices/pump.yaml\ndesc: Pump drive\nregisters:\n  speed:\n    type: uint16\n    read: 4x:12\n    \
                  scale: 0.1\n    units: rpm\n    alarm: '> 1500 for 10'\n  speed_set: {type: uint16, read: '4x:2', write: '4x:2'}\n\n\
                  # modbusclient.yaml\nrtus:\n- {name: LINE, serial: /dev/ttyUSB0}\ndevices:\n\
                  - {device: pump, line: LINE, unit: 3, prefix: Pump1_}\n\
                  - {device: pump, line: LINE, unit: 4, prefix: Pump2_, only: [speed]}\n",
        table: Some(&keys::DEVICE),
    },
    Topic {
        file: "modbusserver.yaml",
        title: "the tags that other masters and panels read and write here",
        text: &[
            "First the ports and serial lines (rtus) with the spans of registers there are, then the tags in them. A \
             register of a span that no tag lies in reads as 0; written in one block with tags it is let go, alone it \
             is refused.",
            "A tag that is old or missing is refused, unless its span says otherwise: an old number never looks like a \
             new one. What a master writes goes to the tag's owner, and is answered when the owner is done with it: with \
             exception 4 where it wasn't carried out as asked, be it refused or moved to a limit (past_limits: clamp).",
            "What is written to unit 0 of a serial line each unit carries out that may be written, and none answers. What \
             was asked at each door is counted: sys.modbusserver.NAME.requests, exceptions, broadcasts and \
             broadcasts_failed.",
        ],
        example: "rtus:\n- name: PANEL\n  ip: 0.0.0.0\n  port: 1502\n  allow: [192.168.1.20, 10.8.0.0/16]\n  serve:\n  \
                  - {unit: 1, file: 4x, start: 1, end: 50, stale: last, status: 51}\n\
                  tags:\n  Forebay_level: {type: float32, addr: 'PANEL:1:4x:1'}\n",
        table: Some(&keys::MODBUS_SERVER),
    },
    Topic {
        file: "wwwserver.yaml",
        title: "the pages: what a phone shows, in this order",
        text: &["The first page is the start page. Pages with the same parent share a menu. What is said of a tag \
             (name, units, decimals, limits) comes from tags.yaml."],
        example: "ip: 0.0.0.0\npages:\n- name: Station\n  items:\n  - {type: h1, desc: Forebay}\n  \
                  - {type: value, tagname: Forebay_level}\n  - {type: setpoint, tagname: Gate_set}\n\
                  - name: Trend\n  items:\n  - type: uplot\n    ms: {desc: Levels}\n    axes:\n    \
                  - {scale: x, range: [-86400, 0]}\n    - {scale: m, range: [140, 147]}\n    series:\n    \
                  - {tagname: Forebay_level, scale: m, color: blue}\n",
        table: Some(&keys::WWW_SERVER),
    },
    Topic {
        file: "history.yaml",
        title: "keeps the past of every int and float tag",
        text: &["The file may be empty: it is there, so the history runs. How a tag is kept is said in tags.yaml: \
             numbers are unless they say history: no; a str, list, dict or bytes that says history: yes."],
        example: "path: history\n",
        table: Some(&keys::HISTORY),
    },
    Topic {
        file: "bus.yaml",
        title: "where scripts and pymscada's modules find the bus",
        text: &[
            "Without the file everything stands at its default. There is no password on the bus: keep it on 127.0.0.1.",
        ],
        example: "ip: 127.0.0.1\nport: 1324\n",
        table: Some(&keys::BUS),
    },
    Topic {
        file: "initvalues.yaml",
        title: "gives tags that nobody owns their init value",
        text: &[
            "The file may be empty. The values are in tags.yaml, under init; only tags without a value get theirs.",
        ],
        example: "bus_port: 1324\n",
        table: Some(&keys::INIT_VALUES),
    },
    Topic {
        file: "yaml",
        title: "how words, numbers and yes/no are read",
        text: &[
            "As pymscada reads them (YAML 1.1), but by what a key wants: multi: [Off, On] are two words, and \
             legend_show: off is a no. Numbers may be written 1_000, 0x1f and 1.0e+3. 017 (base 8), 12:30 (base 60) and 1e3 \
             are taken with a warning, because other readers take them for something else. Quotes make text.",
            "${NAME} in any text is replaced by the variable of the environment, if there is one. Anchors (&name), aliases \
             (*name) and merges (<<: *name) work; a top-level __vars__ is only a place for anchors. Several documents \
             (---) in a file count as one, the later over the earlier. A key written twice is an error.",
        ],
        example: "__vars__:\n- &flow {units: m³/s, dp: 1, min: 0}\nIntake_flow:\n  <<: *flow\n  desc: Intake\n",
        table: None,
    },
];
