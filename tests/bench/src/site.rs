//! The site that is measured: the same YAML for Forebay and for pymscada (tests/peers/bench_bus.py writes its twin).

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::fail::{Doing, Fail};

/// The most registers one Modbus read may ask for.
pub(crate) const READ_WORDS_MAX: usize = 125;
/// Tags on the page.
const SHOWN: usize = 50;

/// What a site consists of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) tags: usize,
    pub(crate) bus_port: u16,
    pub(crate) www_port: u16,
    /// The device that is polled, if any.
    pub(crate) device: Option<Device>,
}

/// A device that is polled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Device {
    pub(crate) address: SocketAddr,
    /// Seconds from one poll to the next.
    pub(crate) poll_s: f64,
    /// Tags in each block of 125 registers, its first and its last among them.
    pub(crate) per_block: usize,
    /// Requests under way at once, as the site says: ours only.
    pub(crate) pipeline: usize,
}

impl Device {
    /// One whose registers are all tags.
    pub(crate) fn new(address: SocketAddr, poll_s: f64) -> Self {
        Self { address, poll_s, per_block: READ_WORDS_MAX, pipeline: 1 }
    }

    /// The register of a tag, from 1.
    fn register(&self, tag: usize) -> usize {
        let (block, place) = (tag / self.per_block, tag % self.per_block);
        block * READ_WORDS_MAX + place * (READ_WORDS_MAX - 1) / (self.per_block - 1) + 1
    }
}

/// The name of a tag.
pub(crate) fn tag_name(number: usize) -> String {
    format!("t{number:05}")
}

/// Writes all the YAML of a site.
pub(crate) fn write(folder: &Path, plan: &Plan) -> Result<(), Fail> {
    let Plan { tags, bus_port, www_port, device } = *plan;
    let put = |name: &str, text: &str| fs::write(folder.join(name), text).doing("writing the site");
    let bus = format!("bus_ip: 127.0.0.1\nbus_port: {bus_port}\n");
    let lines = |count: usize, line: &dyn Fn(usize) -> String| {
        (0..count).fold(String::new(), |mut text, number| {
            text.push_str(&line(number));
            text
        })
    };
    fs::create_dir_all(folder.join("history")).doing("writing the site")?;
    put("bus.yaml", &format!("ip: 127.0.0.1\nport: {bus_port}\n"))?;
    put(
        "tags.yaml",
        &lines(tags, &|i| format!("{}: {{desc: Tag {i}, type: int, min: -32768, max: 32767}}\n", tag_name(i))),
    )?;
    put("history.yaml", &format!("{bus}path: {}\n", folder.join("history").display()))?;
    let items = lines(tags.min(SHOWN), &|i| format!("  - {{type: value, tagname: {}}}\n", tag_name(i)));
    put(
        "wwwserver.yaml",
        &format!(
            "{bus}ip: 127.0.0.1\nport: {www_port}\nget_path:\nserve_path:\nconfig: {{}}\npages:\n- name: Bench\n  \
             parent:\n  items:\n{items}"
        ),
    )?;
    let Some(device) = device else { return Ok(()) };
    let Device { address, poll_s, per_block, pipeline } = device;
    let mut text = format!(
        "{bus}rtus:\n- name: PLC\n  ip: {}\n  port: {}\n  rate: {poll_s}\n  pipeline: {pipeline}\n  reads:\n",
        address.ip(),
        address.port()
    );
    for first in (0..tags).step_by(per_block) {
        let (start, end) = (device.register(first), device.register((first + per_block).min(tags) - 1));
        writeln!(text, "  - {{unit: 1, file: 4x, start: {start}, end: {end}}}").doing("writing the site")?;
    }
    text.push_str("  writes: []\ntags:\n");
    let tag = |i: usize| format!("  {}: {{type: int16, read: 'PLC:1:4x:{}'}}\n", tag_name(i), device.register(i));
    text.push_str(&lines(tags, &tag));
    put("modbusclient.yaml", &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_fill_their_blocks_from_end_to_end() {
        let address = SocketAddr::from(([127, 0, 0, 1], 502));
        let dense = Device::new(address, 1.0);
        assert_eq!([0, 1, 124, 125].map(|tag| dense.register(tag)), [1, 2, 125, 126]);
        let sparse = Device { per_block: 5, ..dense };
        assert_eq!([0, 1, 4, 5].map(|tag| sparse.register(tag)), [1, 32, 125, 126]);
    }
}
