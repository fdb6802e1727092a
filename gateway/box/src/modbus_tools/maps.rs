//! `forebay modbus import`, `export` and `devices`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use modbus::tool;
use site::{Device, ModbusTag, Severity};

use super::args::{Devices, Export, Import};
use crate::fail::Failure;
use crate::{check, say};

pub(super) fn import(args: &Import) -> Result<ExitCode, Failure> {
    if let Some(line) = args.line.as_ref().filter(|line| line.contains(':')) {
        return Err(Failure::Config(format!("--line {line}: a connection's name has no colon")));
    }
    let bytes =
        std::fs::read(&args.file).map_err(|error| Failure::Work(format!("{}: {error}", args.file.display())))?;
    let map = match text_of(&bytes).and_then(tool::import) {
        Ok(map) => map,
        Err(wrong) => {
            wrong.iter().for_each(|line| say::line(&format!("{}: {line}", args.file.display())));
            let mistakes = check::counted(wrong.len(), "mistake");
            return Err(Failure::Config(format!("{mistakes}; nothing was made of it")));
        }
    };
    let Some(line) = &args.line else {
        say::line(map.device().trim_end());
        return Ok(ExitCode::SUCCESS);
    };
    let lines = map.lines(line, args.unit);
    let (modbus, tags) = lines.map_err(|why| Failure::Config(format!("{}: {why}", args.file.display())))?;
    say::line("# modbusclient.yaml, under tags:");
    modbus.iter().for_each(|line| say::line(&format!("  {line}")));
    say::line("# tags.yaml");
    tags.iter().for_each(|line| say::line(line));
    Ok(ExitCode::SUCCESS)
}

/// The file as text, or the line where it stops being that: spreadsheets write other alphabets unless they are told.
fn text_of(bytes: &[u8]) -> Result<&str, Vec<String>> {
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        vec![format!("line {line}: a letter that is not UTF-8; save the list as UTF-8")]
    })
}

pub(super) fn export(args: &Export) -> Result<ExitCode, Failure> {
    if let Some(name) = &args.device {
        say::line(tool::export_device(&device(args.site.as_deref(), name)?).trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let (Some(dir), Some(line)) = (&args.site, &args.line) else {
        return Err(Failure::Config("a site and --line, or --device".into()));
    };
    let site = check::site_of(site::load_dir(dir, &check::env))?;
    let client = site.modbus_client.ok_or_else(|| Failure::Config("the site has no modbusclient.yaml".into()))?;
    let lies = |tag: &ModbusTag| tag.read.or(tag.write).map(|at| (&*client.rtus[at.rtu].name, at.unit));
    let units: BTreeSet<(&str, u8)> = client.tags.iter().filter_map(lies).collect();
    if !units.contains(&(&**line, args.unit)) {
        let there: Vec<String> = units.iter().map(|(line, unit)| format!("{line}:{unit}")).collect();
        let there =
            if there.is_empty() { "it has none".into() } else { format!("expected one of {}", there.join(", ")) };
        return Err(Failure::Config(format!("no tag of the site lies at {line}:{}; {there}", args.unit)));
    }
    say::line(tool::export(&client, &site.tags, line, args.unit).trim_end());
    Ok(ExitCode::SUCCESS)
}

/// The device of that name, or what is in the way.
fn device(site: Option<&Path>, name: &str) -> Result<Device, Failure> {
    let files = site::Devices::of(site, &check::env).files();
    let Some(path) = files.get(name) else {
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        return Err(Failure::Config(format!("there is no device {name}; expected one of {}", names.join(", "))));
    };
    let (device, findings) = site::load_device(path, &check::env);
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.for_each(|finding| say::line(&finding.pretty()));
    device.ok_or_else(|| Failure::Config(format!("{} has mistakes", path.display())))
}

pub(super) fn devices(args: &Devices) -> Result<ExitCode, Failure> {
    if let Some(site) = args.site.as_ref().filter(|site| !site.is_dir()) {
        return Err(Failure::Config(format!("{}: there is no such folder", site.display())));
    }
    let known = known(args.site.as_deref());
    let width = known.iter().map(|device| device.name.len()).max().unwrap_or(0);
    for device in &known {
        let values = check::counted(device.registers.len(), "value");
        say::line(&format!("{:width$}  {} ({values})", device.name, device.desc));
    }
    let files = site::Devices::of(args.site.as_deref(), &check::env).files();
    let wrong = files.iter().filter(|(name, _)| !known.iter().any(|device| device.name == **name));
    let wrong: Vec<String> = wrong.map(|(_, path)| path.display().to_string()).collect();
    if !wrong.is_empty() {
        return Err(Failure::Config(format!("with mistakes, which `forebay check` names: {}", wrong.join(", "))));
    }
    if known.is_empty() {
        say::line("There are none here: $FOREBAY_DEVICES names the folder of those that come with the gateway.");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Every device without mistakes, by name: a site's own and those that come with the gateway.
pub(super) fn known(site: Option<&Path>) -> Vec<Device> {
    let files = site::Devices::of(site, &check::env).files();
    files.values().filter_map(|path| site::load_device(path, &check::env).0).collect()
}
