//! `plant.yaml`: which devices there are, where they answer, and what goes wrong.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::map::Profile;

/// A plant, described and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// The seed of weather and trouble.
    pub seed: u64,
    /// Simulated seconds in a second.
    pub pace: f64,
    /// What goes wrong by itself; nothing if not given.
    pub faults: Option<Faults>,
    /// The ports and serial lines.
    pub lines: Vec<LineSpec>,
}

/// What goes wrong by itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Something goes wrong about this often, in simulated seconds.
    pub every_s: f64,
    /// Devices that stop answering now and then.
    #[serde(default)]
    pub silent: Vec<String>,
    /// How long they are silent, in simulated seconds.
    #[serde(default = "silent_s")]
    pub silent_s: f64,
}

/// A TCP port or a serial line, with the devices that answer there.
#[derive(Debug, Clone, PartialEq)]
pub struct LineSpec {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub wire: Wire,
    /// Who answers.
    pub devices: Vec<DeviceSpec>,
}

/// Where a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wire {
    /// Modbus TCP; port 0 takes a free one.
    Tcp(SocketAddr),
    /// Modbus RTU on a pseudo-terminal made for it, with a link to it at this path if one is given.
    Pty(Option<PathBuf>),
    /// Modbus RTU on a serial port.
    Serial(PathBuf, u32),
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceSpec {
    /// What it is called.
    pub name: String,
    /// The unit id it answers to.
    pub unit: u8,
    /// What it is.
    pub is: Profile,
    /// How many registers, for a blank one.
    #[serde(default = "blank_words")]
    pub words: u16,
}

/// Why a text is not a plant.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// It isn't YAML, or has other keys.
    #[error("reading the plant's description")]
    Parse(#[source] serde_yaml::Error),
    /// It doesn't fit together; all that was found.
    #[error("{}", .0.join("\n"))]
    Wrong(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSpec {
    #[serde(default = "seed")]
    seed: u64,
    #[serde(default = "pace")]
    pace: f64,
    faults: Option<Faults>,
    lines: Vec<RawLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLine {
    name: String,
    tcp: Option<SocketAddr>,
    pty: Option<String>,
    serial: Option<String>,
    #[serde(default = "baud")]
    baud: u32,
    devices: Vec<DeviceSpec>,
}

impl Spec {
    /// Reads and checks `plant.yaml`. `env` answers what `${NAME}` in a path is; a pseudo-terminal whose link is not
    /// known gets a place of its own.
    pub fn parse(yaml: &str, env: impl Fn(&str) -> Option<String>) -> Result<Self, SpecError> {
        let raw: RawSpec = serde_yaml::from_str(yaml).map_err(SpecError::Parse)?;
        let mut wrong = Vec::new();
        let mut lines = Vec::new();
        for line in raw.lines {
            match wire(&line, &env) {
                Ok(wire) => lines.push(LineSpec { name: line.name, wire, devices: line.devices }),
                Err(why) => wrong.push(why),
            }
        }
        let spec = Self { seed: raw.seed, pace: raw.pace, faults: raw.faults, lines };
        wrong.extend(spec.check());
        if wrong.is_empty() { Ok(spec) } else { Err(SpecError::Wrong(wrong)) }
    }

    fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if !(0.01..=1000.0).contains(&self.pace) {
            wrong.push(format!("pace: {} — expected 0.01 to 1000 simulated seconds in a second", self.pace));
        }
        let mut names = BTreeSet::new();
        for line in &self.lines {
            let mut units = BTreeSet::new();
            let serial = !matches!(line.wire, Wire::Tcp(_));
            for device in &line.devices {
                if !names.insert(device.name.as_str()) {
                    wrong.push(format!("device {:?} is there twice", device.name));
                }
                if !units.insert(device.unit) {
                    wrong.push(format!("unit {} is twice on line {:?}", device.unit, line.name));
                }
                if serial && !(1..=247).contains(&device.unit) {
                    wrong.push(format!(
                        "device {:?}: unit {} — expected 1 to 247 on a serial line",
                        device.name, device.unit
                    ));
                }
            }
        }
        for (n, line) in self.lines.iter().enumerate() {
            if self.lines[..n].iter().any(|other| other.name == line.name) {
                wrong.push(format!("line {:?} is there twice", line.name));
            }
        }
        if let Some(faults) = &self.faults {
            if !(faults.every_s >= 1.0 && faults.silent_s >= 1.0) {
                wrong.push("faults: every_s and silent_s — expected 1 second or more".to_owned());
            }
            for name in faults.silent.iter().filter(|name| !names.contains(name.as_str())) {
                wrong.push(format!("faults: silent: {name:?} — no device is called so"));
            }
        }
        wrong
    }
}

impl Faults {
    /// How long a device is silent.
    pub fn silence(&self) -> Duration {
        Duration::from_secs_f64(self.silent_s)
    }
}

fn wire(line: &RawLine, env: &impl Fn(&str) -> Option<String>) -> Result<Wire, String> {
    match (line.tcp, &line.pty, &line.serial) {
        (Some(addr), None, None) => Ok(Wire::Tcp(addr)),
        (None, Some(path), None) => Ok(Wire::Pty(expand(path, env).ok().map(PathBuf::from))),
        (None, None, Some(path)) => match expand(path, env) {
            Ok(path) => Ok(Wire::Serial(path.into(), line.baud)),
            Err(name) => Err(format!("line {:?}: serial: ${{{name}}} is not set", line.name)),
        },
        _ => Err(format!("line {:?} — expected one of tcp, pty and serial", line.name)),
    }
}

/// `${NAME}` as the environment has it; the name that it doesn't have.
fn expand(text: &str, env: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let Some((before, rest)) = text.split_once("${") else { return Ok(text.to_owned()) };
    let Some((name, after)) = rest.split_once('}') else { return Ok(text.to_owned()) };
    let value = env(name).ok_or_else(|| name.to_owned())?;
    Ok(format!("{before}{value}{}", expand(after, env)?))
}

fn seed() -> u64 {
    1
}

fn pace() -> f64 {
    1.0
}

fn baud() -> u32 {
    9600
}

fn silent_s() -> f64 {
    25.0
}

fn blank_words() -> u16 {
    100
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(yaml: &str) -> Result<Spec, String> {
        let env = |name: &str| (name == "LINK").then(|| "/run/fan".to_owned());
        Spec::parse(yaml, env).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            cause.unwrap_or_else(|| error.to_string())
        })
    }

    #[test]
    fn a_plant_is_described() {
        let spec = parse(
            "{seed: 7, lines: [{name: a, tcp: '127.0.0.1:0', devices: [{name: plc1, unit: 1, is: blank, words: 5}]},
              {name: b, pty: '${LINK}', devices: []}, {name: c, pty: '${NOWHERE}', devices: []}]}",
        )
        .unwrap();
        assert_eq!((spec.seed, spec.pace, spec.lines[0].devices[0].words), (7, 1.0, 5));
        assert_eq!(spec.lines[1].wire, Wire::Pty(Some("/run/fan".into())));
        assert_eq!(spec.lines[2].wire, Wire::Pty(None));
    }

    #[test]
    fn what_is_wrong_is_said_all_at_once() {
        let said = parse(
            "{pace: 0, faults: {every_s: 60, silent: [nobody]}, lines: [
              {name: a, tcp: '127.0.0.1:0', devices: [{name: x, unit: 1, is: demo}, {name: x, unit: 1, is: demo}]},
              {name: a, pty: p, devices: [{name: y, unit: 0, is: fan}]}, {name: b, devices: []},
              {name: c, serial: '${NOWHERE}', devices: []}]}",
        )
        .unwrap_err();
        for part in [
            "pace",
            "\"x\" is there twice",
            "unit 1 is twice",
            "unit 0",
            "\"nobody\"",
            "line \"a\" is there twice",
            "one of tcp",
            "${NOWHERE} is not set",
        ] {
            assert!(said.contains(part), "{part} in: {said}");
        }
        assert!(parse("{lines: [], colour: red}").unwrap_err().contains("colour"));
        assert!(parse("{lines: [{name: a, tcp: '127.0.0.1:0', devices: [{name: x, unit: 1, is: pump}]}]}").is_err());
    }

    #[test]
    fn the_shipped_plant_is_right() {
        let spec = parse(include_str!("../../../config/plant.yaml")).unwrap();
        assert_eq!(spec.lines.len(), 3);
    }
}
