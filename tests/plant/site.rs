//! The site that is simulated: one table of tags from which its YAML is written, its devices are furnished, and the
//! truth about each tag is read.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use sim::{Access, At, DeviceSpec, Kind, LineSpec, Order, Plant, Profile, Spec, Wire};
use site::Site;

/// A connection of the site.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) serial: bool,
    /// Its entry in `modbusclient.yaml` after the name.
    yaml: &'static str,
    pub(crate) rate: Duration,
    pub(crate) timeout: Duration,
    /// Units and the devices that answer to them.
    pub(crate) units: &'static [(u8, &'static str)],
}

/// What lies in a device's registers.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum What {
    /// A coil, a discrete input, or this bit of a word.
    Bit(Option<u8>),
    /// A number.
    Number(Kind, Order),
}

/// How a tag is written.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Written {
    /// Not at all.
    Never,
    /// To the place where it is read.
    Once,
    /// With its area, every period.
    Driven,
}

/// A tag that a device holds.
pub(crate) struct TagSpec {
    pub(crate) name: &'static str,
    pub(crate) line: usize,
    pub(crate) device: &'static str,
    unit: u8,
    pub(crate) at: &'static str,
    pub(crate) what: What,
    pub(crate) written: Written,
    /// What may be written, in `tags.yaml`.
    pub(crate) limits: (f64, f64),
    /// `stale_s` of `tags.yaml`.
    stale_s: Option<f64>,
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A line of each kind: declared blocks, pymscada's areas with two units behind one address, a serial line with two
/// units, and a slow one that is planned from its tags.
pub(crate) const LINES: [Line; 4] = [
    Line {
        name: "PLC",
        serial: false,
        yaml: "ip: 10.0.0.1, rate: 0.5, timeout_ms: 500, poll: [{unit: 1, file: 3x, start: 1, end: 20}, \
               {unit: 1, file: 4x, start: 1, end: 30}, {unit: 1, file: 0x, start: 1, end: 8}]",
        rate: ms(500),
        timeout: ms(500),
        units: &[(1, "plc")],
    },
    Line {
        name: "OLD",
        serial: false,
        yaml: "ip: 10.0.0.2, rate: 1, timeout_ms: 400, reads: [{unit: 1, file: 4x, start: 1, end: 20}, \
               {unit: 2, file: 4x, start: 1, end: 20}], writes: [{unit: 1, file: 4x, start: 101, end: 110}, \
               {unit: 2, file: 0x, start: 1, end: 4}]",
        rate: ms(1000),
        timeout: ms(400),
        units: &[(1, "old1"), (2, "old2")],
    },
    Line {
        name: "SER",
        serial: true,
        yaml: "serial: /dev/ttyS1, baud: 19200, rate: 1, timeout_ms: 100",
        rate: ms(1000),
        timeout: ms(100),
        units: &[(3, "ser3"), (4, "ser4")],
    },
    Line {
        name: "FAR",
        serial: false,
        yaml: "ip: 10.0.0.3, rate: 2, order: badc",
        rate: ms(2000),
        timeout: ms(1000),
        units: &[(7, "far")],
    },
];

/// What a character takes on the serial line: ten bits at 19,200 a second.
pub(crate) const CHAR: Duration = Duration::from_nanos(520_833);

const NO_LIMITS: (f64, f64) = (f64::MIN, f64::MAX);

const fn tag(
    name: &'static str,
    line: usize,
    unit: usize,
    at: &'static str,
    what: What,
    written: Written,
    limits: (f64, f64),
) -> TagSpec {
    let (unit, device) = LINES[line].units[unit];
    TagSpec { name, line, device, unit, at, what, written, limits, stale_s: None }
}

const fn stale(tag: TagSpec, stale_s: f64) -> TagSpec {
    TagSpec { stale_s: Some(stale_s), ..tag }
}

/// Every tag of a device.
pub(crate) const TAGS: [TagSpec; 25] = {
    use Kind::{Float32, Float64, Int16, Int32, Int64, Uint16, Uint32};
    use Order::{Abcd, Badc, Cdab};
    use What::{Bit, Number};
    use Written::{Driven, Never, Once};
    [
        tag("Plc_Level", 0, 0, "3x:1", Number(Float32, Abcd), Never, NO_LIMITS),
        tag("Plc_Count", 0, 0, "3x:3", Number(Uint32, Abcd), Never, NO_LIMITS),
        stale(tag("Plc_Total", 0, 0, "3x:5", Number(Int64, Abcd), Never, NO_LIMITS), 3.0),
        tag("Plc_Temp", 0, 0, "4x:1", Number(Int16, Abcd), Never, NO_LIMITS),
        tag("Plc_Exact", 0, 0, "4x:3", Number(Float64, Abcd), Never, NO_LIMITS),
        tag("Plc_Lamp", 0, 0, "4x:8.3", Bit(Some(3)), Never, NO_LIMITS),
        tag("Plc_Door", 0, 0, "1x:1", Bit(None), Never, NO_LIMITS),
        tag("Plc_Set", 0, 0, "4x:21", Number(Float32, Abcd), Once, (0.0, 100.0)),
        tag("Plc_Mode", 0, 0, "4x:23", Number(Int16, Abcd), Once, (0.0, 500.0)),
        tag("Plc_Valve", 0, 0, "0x:5", Bit(None), Once, (0.0, 1.0)),
        tag("Plc_Relay", 0, 0, "4x:24.2", Bit(Some(2)), Once, (0.0, 1.0)),
        tag("Old_A", 1, 0, "4x:1", Number(Int16, Abcd), Never, NO_LIMITS),
        tag("Old_F", 1, 0, "4x:2", Number(Float32, Cdab), Never, NO_LIMITS),
        stale(tag("Old_B", 1, 1, "4x:1", Number(Uint16, Abcd), Never, NO_LIMITS), 8.0),
        tag("Old_OutF", 1, 0, "4x:101", Number(Float32, Cdab), Driven, (-50.0, 50.0)),
        tag("Old_OutI", 1, 0, "4x:103", Number(Int16, Abcd), Driven, (-1000.0, 1000.0)),
        tag("Old_OutC", 1, 1, "0x:1", Bit(None), Driven, (0.0, 1.0)),
        tag("Ser_Speed", 2, 0, "4x:1", Number(Int16, Abcd), Never, NO_LIMITS),
        tag("Ser_Hours", 2, 0, "4x:2", Number(Uint32, Abcd), Never, NO_LIMITS),
        tag("Ser_Set", 2, 0, "4x:10", Number(Int16, Abcd), Once, (0.0, 3000.0)),
        tag("Ser_Amps", 2, 1, "3x:1", Number(Float32, Abcd), Never, NO_LIMITS),
        tag("Ser_Relay", 2, 1, "4x:5.7", Bit(Some(7)), Once, (0.0, 1.0)),
        stale(tag("Far_Flow", 3, 0, "4x:1", Number(Float32, Badc), Never, NO_LIMITS), 9.0),
        tag("Far_Pressure", 3, 0, "3x:1", Number(Uint16, Badc), Never, NO_LIMITS),
        tag("Far_Set", 3, 0, "4x:11", Number(Int32, Badc), Once, (-100_000.0, 100_000.0)),
    ]
};

/// Tags nobody owns, behind those of [`TAGS`] on the page: set by a script, and one by the page.
pub(crate) const FREE: [&str; 2] = ["Script_Count", "Free_Set"];
/// The script's number in the page's list.
pub(crate) const COUNT: usize = TAGS.len();
/// The free set-point's number in the page's list.
pub(crate) const FREE_SET: usize = TAGS.len() + 1;
/// `stale_s` of [`COUNT`].
pub(crate) const COUNT_STALE: Duration = Duration::from_secs(6);

impl TagSpec {
    /// Where it lies.
    pub(crate) fn place(&self) -> At {
        let whole = self.at.split('.').next().expect("a text has a first part");
        whole.parse().expect("a place written in this file")
    }

    /// Words or bits it takes.
    pub(crate) fn count(&self) -> u16 {
        match self.what {
            What::Bit(_) => 1,
            What::Number(kind, _) => kind.words(),
        }
    }

    /// The number in these words; `None`: one that means nothing.
    pub(crate) fn decode(&self, words: &[u16]) -> Option<f64> {
        let number = match self.what {
            What::Bit(None) => f64::from(words[0]),
            What::Bit(Some(bit)) => f64::from(words[0] >> bit & 1),
            What::Number(kind, order) => kind.decode(order, words),
        };
        number.is_finite().then_some(number)
    }

    /// How long its value stays good without being confirmed.
    pub(crate) fn limit(&self) -> Duration {
        let line = &LINES[self.line];
        self.stale_s.map_or(line.rate * 3 + line.timeout, Duration::from_secs_f64)
    }

    fn type_word(&self) -> String {
        match self.what {
            What::Bit(_) => "bool".to_owned(),
            What::Number(kind, _) => format!("{kind:?}").to_lowercase(),
        }
    }

    pub(crate) fn is_float(&self) -> bool {
        matches!(self.what, What::Number(Kind::Float32 | Kind::Float64, _))
    }
}

fn yaml() -> [(String, String); 3] {
    let (mut tags, mut modbus, mut page) = (String::new(), "rtus:\n".to_owned(), String::new());
    for line in &LINES {
        modbus += &format!("- {{name: {}, {}}}\n", line.name, line.yaml);
    }
    modbus += "tags:\n";
    for tag in &TAGS {
        let kind = if tag.is_float() { "float" } else { "int" };
        let stale = tag.stale_s.map(|s| format!(", stale_s: {s:?}")).unwrap_or_default();
        let limits = match tag.written {
            Written::Never => String::new(),
            _ => format!(", min: {}, max: {}", tag.limits.0, tag.limits.1),
        };
        tags += &format!("{}: {{type: {kind}{limits}{stale}}}\n", tag.name);
        let address = format!("{}:{}:{}", LINES[tag.line].name, tag.unit, tag.at);
        let address = match tag.written {
            Written::Never => format!("read: '{address}'"),
            Written::Once => format!("read: '{address}', write: '{address}'"),
            Written::Driven => format!("write: '{address}'"),
        };
        modbus += &format!("  {}: {{type: {}, {address}}}\n", tag.name, tag.type_word());
        let item = if tag.written == Written::Never { "value" } else { "setpoint" };
        page += &format!("  - {{type: {item}, tagname: {}}}\n", tag.name);
    }
    let [count, free] = FREE;
    tags +=
        &format!("{count}: {{type: int, stale_s: {}}}\n{free}: {{type: int, min: 0, max: 9}}\n", COUNT_STALE.as_secs());
    page += &format!("  - {{type: value, tagname: {count}}}\n  - {{type: setpoint, tagname: {free}}}\n");
    let www = format!("pages:\n- name: All\n  items:\n{page}");
    [("tags.yaml".into(), tags), ("modbusclient.yaml".into(), modbus), ("wwwserver.yaml".into(), www)]
}

/// The site, through the same door as every other.
pub(crate) static SITE: LazyLock<Site> = LazyLock::new(|| {
    let files = yaml().map(|(name, text)| (name, text.into_bytes()));
    let loaded = site::load_files(Path::new("plant"), &files, &|_| None);
    loaded.site.unwrap_or_else(|| panic!("the simulated site is wrong: {:?}", loaded.findings))
});

/// The Modbus daemon's part of it.
pub(crate) static MODBUS: LazyLock<modbus::Config> = LazyLock::new(|| {
    let client = SITE.modbus_client.as_ref().expect("the site has devices");
    modbus::Config::new(client, &SITE.tags).unwrap_or_else(|error| panic!("{error}"))
});

/// The window's part of it.
pub(crate) static WWW: LazyLock<www::Config> =
    LazyLock::new(|| www::Config::from_site(&SITE, "nowhere".into()).unwrap_or_else(|error| panic!("{error}")));

/// The plant with every register of the site; all hold 0.
pub(crate) fn plant(seed: u64) -> Plant {
    let lines = LINES.iter().map(|line| {
        let wire = if line.serial { Wire::Pty(None) } else { Wire::Tcp(([127, 0, 0, 1], 0).into()) };
        let device = |(unit, name): &(u8, &str)| DeviceSpec {
            name: (*name).to_owned(),
            unit: *unit,
            is: Profile::Blank,
            words: 120,
        };
        LineSpec { name: line.name.to_owned(), wire, devices: line.units.iter().map(device).collect() }
    });
    let spec = Spec { seed, pace: 1.0, faults: None, lines: lines.collect() };
    let mut plant = Plant::new(&spec, 0);
    for line in &LINES {
        for (_, name) in line.units {
            let device = plant.device_mut(name).expect("just described");
            for place in ["0x:1", "1x:1", "3x:1"] {
                device.registers.define(place.parse().expect("a place"), 32, Access::Writable);
            }
        }
    }
    plant
}
