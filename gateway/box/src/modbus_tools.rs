//! `forebay modbus …`: any device, without a site; and register maps.

use std::future::Future;
use std::process::ExitCode;

use crate::fail::Failure;

mod args;
mod ask;
mod find;
mod maps;

use args::{Devices, Export, Frames, Identify, Import, Read, ScanArgs, Watch, Write};

/// One question to a device.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Tool {
    /// Read registers of a device, and show what they may mean.
    ///
    /// Prints every way to understand them side by side. With --shows, what the device's own display says, the ways that
    /// fit come first, each with the line to paste into modbusclient.yaml.
    ///
    /// For example: `forebay modbus read /dev/ttyUSB0 3x:30 2 --unit 7 --baud 19200 --shows 230.4`.
    Read(Read),
    /// Write one value, and read it back.
    Write(Write),
    /// Read a value again and again; print it when it changes.
    ///
    /// What goes wrong is printed in its place, and a connection that was lost is opened again.
    Watch(Watch),
    /// Find who answers: unit after unit, of a serial port each baud rate and parity.
    ///
    /// Every unit is asked for one holding register and has --timeout for its answer; a refusal is an answer too, and who
    /// refuses that function is asked which others it knows. Who answers is printed at once. On a terminal the progress is
    /// shown, with the longest it may take yet: 247 units of a silent line take four minutes for each baud rate and parity,
    /// and a quarter of that with `--timeout 250`.
    ///
    /// Some devices are silent for functions they don't know, like meters with input registers only: `--with 4` asks for
    /// those instead, `--with 3,4` for both, which takes silent units twice as long.
    ///
    /// For example: `forebay modbus scan /dev/ttyUSB0 --units 1-20 --bauds 9600,19200 --parities none,even --timeout 250`.
    Scan(ScanArgs),
    /// Save the last frames of a running site's connection as a file for Wireshark.
    Frames(Frames),
    /// Turn a register map in CSV into lines for modbusclient.yaml and tags.yaml, or into a device's file.
    ///
    /// The first line names the columns: name, type, address (4x:3 or 400003), and where wanted access (r, rw or w), write
    /// (another address), order, scale, offset, sunssf, length, no_value, states, rate, desc, units, dp, multi, min, max,
    /// deadband, format, alarm, group, stale_s. Commas or semicolons; blanks between several numbers, | between several
    /// texts. Lines `# desc: …`, `# source: …`, `# base: …` and `# sunspec: …` speak of the device as a whole.
    Import(Import),
    /// Print the tags of a unit of a site, or a device's file, as a register map in CSV.
    Export(Export),
    /// List the devices that come with the gateway and a site's own: names for `device:` in modbusclient.yaml.
    Devices(Devices),
    /// Ask a device who it is: functions 43/14 and 17, and the models of SunSpec.
    Identify(Identify),
}

/// Does what was asked.
pub(crate) fn run(tool: &Tool) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::work(&error))?;
    let block_on =
        |work: std::pin::Pin<Box<dyn Future<Output = Result<ExitCode, Failure>> + '_>>| runtime.block_on(work);
    match tool {
        Tool::Read(args) => block_on(Box::pin(ask::read(args))),
        Tool::Write(args) => block_on(Box::pin(ask::write(args))),
        Tool::Watch(args) => block_on(Box::pin(ask::watch(args))),
        Tool::Scan(args) => block_on(Box::pin(find::scan(args))),
        Tool::Import(args) => maps::import(args),
        Tool::Export(args) => maps::export(args),
        Tool::Devices(args) => maps::devices(args),
        Tool::Frames(args) => block_on(Box::pin(find::frames(args))),
        Tool::Identify(args) => block_on(Box::pin(find::identify(args))),
    }
}
