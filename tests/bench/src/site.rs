//! The site that is measured: the same YAML for Forebay and for pymscada (tests/peers/bench_bus.py writes its twin).

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::fail::{Doing, Fail};

/// The most registers one Modbus read may ask for.
const READ_WORDS_MAX: usize = 125;
/// Tags on the page.
const SHOWN: usize = 50;

/// What a site consists of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) tags: usize,
    pub(crate) bus_port: u16,
    pub(crate) www_port: u16,
    /// The device that is polled, if any, and how often.
    pub(crate) plc: Option<(SocketAddr, f64)>,
}

/// The name of a tag.
pub(crate) fn tag_name(number: usize) -> String {
    format!("t{number:05}")
}

/// Writes all the YAML of a site.
pub(crate) fn write(folder: &Path, plan: &Plan) -> Result<(), Fail> {
    let Plan { tags, bus_port, www_port, plc } = *plan;
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
    let Some((plc, rate)) = plc else { return Ok(()) };
    let mut text =
        format!("{bus}rtus:\n- name: PLC\n  ip: {}\n  port: {}\n  rate: {rate}\n  reads:\n", plc.ip(), plc.port());
    for first in (0..tags).step_by(READ_WORDS_MAX) {
        let end = (first + READ_WORDS_MAX).min(tags);
        writeln!(text, "  - {{unit: 1, file: 4x, start: {}, end: {end}}}", first + 1).doing("writing the site")?;
    }
    text.push_str("  writes: []\ntags:\n");
    text.push_str(&lines(tags, &|i| format!("  {}: {{type: int16, read: 'PLC:1:4x:{}'}}\n", tag_name(i), i + 1)));
    put("modbusclient.yaml", &text)
}
