//! Which module reads a file.

/// pymscada's modules that this release doesn't have, by their own names and those of their files, today's and former.
const UNBUILT: &str = "accuweather accuweatherclient alarms callout console files logixclient math \
    mp_control mpanalyser mpcontrol observer openweather openweatherclient opnotes piapi piapiclient ping pingclient \
    simulate sms snmp snmpclient tds tdsclient template wits witsapi witsclient";

/// Files of a site that are no module's: the simulated plant's.
const PLANT: &str = "plant";

/// What a file of a site is, in the order in which files are loaded: each may speak of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// One of the site's own devices.
    Device,
    Tags,
    Bus,
    ModbusClient,
    ModbusServer,
    History,
    WwwServer,
    InitValues,
    Unbuilt,
    Plant,
    Unknown,
}

/// The files of a site that this release reads.
pub(super) const OUR_FILES: [&str; 7] = [
    "tags.yaml",
    "bus.yaml",
    "modbusclient.yaml",
    "modbusserver.yaml",
    "history.yaml",
    "wwwserver.yaml",
    "initvalues.yaml",
];

impl Role {
    /// The role of what a module of that name reads; ours go by their own names and by pymscada's.
    pub(super) fn of(module: &str) -> Self {
        match module {
            "tags" => Self::Tags,
            "bus" => Self::Bus,
            "modbusclient" | "modbus" => Self::ModbusClient,
            "modbusserver" => Self::ModbusServer,
            "history" => Self::History,
            "wwwserver" | "www" => Self::WwwServer,
            "initvalues" => Self::InitValues,
            PLANT => Self::Plant,
            _ if UNBUILT.split_whitespace().any(|unbuilt| unbuilt == module) => Self::Unbuilt,
            _ => Self::Unknown,
        }
    }

    /// The role of a file in a folder: only `modbusclient.yaml` is one, not `modbus.yaml`.
    pub(super) fn of_file(name: &str) -> Self {
        if device_name(name).is_some() {
            return Self::Device;
        }
        match name.strip_suffix(".yaml") {
            None | Some("modbus" | "www" | "console") => Self::Unknown,
            Some(stem) => Self::of(stem),
        }
    }
}

/// The device that a file of a site's folder describes: `devices/NAME.yaml`.
pub(super) fn device_name(file: &str) -> Option<&str> {
    file.strip_prefix("devices/")?.strip_suffix(".yaml")
}
