//! Where a tag's value comes from, for who looks at its sheet: the register, the device behind it, and how often it is
//! read. Told when it is asked for; a hello of ten thousand tags stays as short as it was.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value as Json, json};
use site::{Address, Form, ModbusClient, ModbusTag, Rtu, WordType};
use tag::TagName;

use crate::{Config, trend};

/// A connection to devices, by its place in `modbusclient.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its name, which is the first part of an address.
    pub name: String,
    /// How it is reached: `192.168.0.10:502`, `/dev/ttyUSB0`.
    pub at: String,
}

impl Connection {
    /// The connection of this name.
    pub(crate) fn of(rtu: &Rtu) -> Self {
        Self { name: rtu.name.clone(), at: rtu.transport.to_string() }
    }
}

/// Where a device keeps a tag.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Where it is read.
    pub read: Option<Address>,
    /// Where it is written when it is set.
    pub write: Option<Address>,
    /// What lies there.
    pub word_type: WordType,
    /// The value is the number there times this …
    pub scale: f64,
    /// … plus this.
    pub offset: f64,
    /// Where the device keeps the power of ten of the number there.
    pub sunssf: Option<Address>,
    /// How often it is read.
    pub every: Duration,
}

impl Source {
    /// Where each tag of the devices is kept, those of described devices among them.
    pub(crate) fn all(client: &ModbusClient) -> HashMap<&TagName, Self> {
        client.tags.iter().filter_map(|tag| Some((&tag.name, Self::of(tag, client)?))).collect()
    }

    fn of(tag: &ModbusTag, client: &ModbusClient) -> Option<Self> {
        let rtu = client.rtus.get(tag.read.or(tag.write)?.rtu)?;
        // As the Modbus daemon does: in the form with areas what is read isn't written.
        let is_only_read = tag.read.is_some() && rtu.form == Form::Areas;
        Some(Self {
            read: tag.read,
            write: tag.write.filter(|_| !is_only_read),
            word_type: tag.word_type,
            scale: tag.scale,
            offset: tag.offset,
            sunssf: tag.sunssf,
            every: tag.rate.unwrap_or(rtu.rate),
        })
    }

    fn told(&self, devices: &[Connection]) -> Json {
        let connection = |address: &Address| devices.get(address.rtu);
        let written = |address: &Option<Address>| {
            address.as_ref().and_then(|address| Some(address.written(&connection(address)?.name)))
        };
        let home = self.read.as_ref().or(self.write.as_ref()).and_then(connection);
        json!({
            "device": home.map(|home| &home.name), "at": home.map(|home| &home.at),
            "read": written(&self.read), "write": written(&self.write), "type": self.word_type.word(),
            "scale": self.scale, "offset": self.offset, "sunssf": written(&self.sunssf),
            "every_ms": self.every.as_millis() as u64,
        })
    }
}

/// Answers `tag=NAME`: where it comes from; `{"device":null}` for a tag that no device of the site has. `None`: no page
/// mentions such a tag.
pub(crate) fn answer(config: &Config, query: &str) -> Option<Json> {
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("tag=")).and_then(trend::decode)?;
    let tag = config.tags.iter().find(|tag| tag.def.name.as_str() == asked)?;
    Some(tag.source.as_ref().map_or_else(|| json!({"device": null}), |source| source.told(&config.devices)))
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
