//! A whole site: what the files of its folder say, once they are free of errors.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tag::{TagDef, TagName};

use crate::{ModbusClient, ModbusServer, WwwServer};

/// Everything a site's folder says. A module runs when its file is there.
#[derive(Debug, Clone)]
pub struct Site {
    /// The folder, or the folder of the one file a daemon was given.
    pub dir: PathBuf,
    /// `tags.yaml`, in its order.
    pub tags: Arc<[TagDef]>,
    /// `bus.yaml`, or its defaults.
    pub bus: Bus,
    /// `modbusclient.yaml`.
    pub modbus_client: Option<ModbusClient>,
    /// `modbusserver.yaml`.
    pub modbus_server: Option<ModbusServer>,
    /// `history.yaml`.
    pub history: Option<History>,
    /// `wwwserver.yaml`.
    pub www: Option<WwwServer>,
    /// `initvalues.yaml` is there: unowned tags get their `init`.
    pub init_values: Option<BusAddress>,
    /// Files of modules that this release doesn't have.
    pub unbuilt: Vec<Unbuilt>,
}

impl Site {
    /// The definition of a tag.
    pub fn tag(&self, name: &TagName) -> Option<&TagDef> {
        self.tags.iter().find(|def| def.name == *name)
    }
}

/// `bus.yaml`: where protocol 1 listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bus {
    /// Default 127.0.0.1.
    pub ip: IpAddr,
    /// Default 1324.
    pub port: u16,
    /// Default `__bus__`.
    pub bus_tag: TagName,
}

/// `bus_ip` and `bus_port` of a module's file: which bus it speaks to. Our modules use the Unix socket whose name
/// carries this port, on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusAddress {
    /// Default 127.0.0.1.
    pub ip: IpAddr,
    /// Default 1324.
    pub port: u16,
}

/// `history.yaml`.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Which bus.
    pub bus: BusAddress,
    /// The folder of the store; relative: below the state folder. Default `history`.
    pub path: PathBuf,
    /// The tag that is asked. Default `__history__`.
    pub rta_tag: TagName,
    /// How long a value may wait before it is on flash. Default 10 s.
    pub flush: Duration,
    /// How large the store may grow, in bytes. Default 4096 MB.
    pub keep_bytes: u64,
    /// How much may be written to the flash in a day, in bytes; 0: no bound. Default 1000 MB.
    pub day_bytes_max: u64,
}

/// A file of a module that this release doesn't have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbuilt {
    /// `alarms.yaml`
    pub file: String,
    /// `alarms`
    pub module: String,
}
