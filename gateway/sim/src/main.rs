//! `forebay-sim`: plays a plant until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use forebay_sim::{Sim, Spec, StartError, Wire, control};
use shell::{LogTarget, log_to, stop_on_signal};

/// Exit status of a mistake in the description or of a port that is taken, as in `sysexits.h`.
const EX_CONFIG: u8 = 78;

/// A pretend plant: Modbus devices over TCP and serial lines that can be slow, silent and wrong.
///
/// Prints one line of JSON with the addresses when it answers, and runs until SIGTERM or SIGINT.
#[derive(Debug, Parser)]
#[command(version, after_long_help = format!("Commands of the control socket:\n{}", control::HELP))]
struct Arguments {
    /// What to play.
    #[arg(long, value_name = "FILE", default_value = "config/plant.yaml")]
    plant: PathBuf,
    /// TCP lines answer at this port and the ones after it, in the file's order; 0: at free ones.
    #[arg(long, value_name = "PORT")]
    port_base: Option<u16>,
    /// Link this path to the pseudo-terminal of a line.
    #[arg(long, value_name = "LINE=PATH", value_parser = assignment)]
    pty: Vec<(String, PathBuf)>,
    /// Play a line on a real serial port, at 9600 baud.
    #[arg(long, value_name = "LINE=PATH", value_parser = assignment)]
    serial: Vec<(String, PathBuf)>,
    /// Take commands at this Unix socket.
    #[arg(long, value_name = "PATH")]
    control: Option<PathBuf>,
    /// Another seed of weather and trouble.
    #[arg(long)]
    seed: Option<u64>,
    /// Simulated seconds in a second.
    #[arg(long, value_name = "FACTOR")]
    pace: Option<f64>,
    /// Nothing goes wrong by itself.
    #[arg(long)]
    calm: bool,
}

fn assignment(text: &str) -> Result<(String, PathBuf), String> {
    let (line, path) = text.split_once('=').ok_or("expected LINE=PATH")?;
    Ok((line.to_owned(), path.into()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    log_to(LogTarget::Auto, log::LevelFilter::Info);
    match play(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            log::error!("{why}");
            ExitCode::from(EX_CONFIG)
        }
    }
}

async fn play(arguments: Arguments) -> Result<(), String> {
    let spec = spec(&arguments)?;
    let stop = stop_on_signal().map_err(|error| format!("listening for signals: {error}"))?;
    let plant = Arc::new(Sim::start(&spec).await.map_err(started)?);
    let listener = match &arguments.control {
        Some(path) => Some(control::listen(path).map_err(|error| format!("listening at {}: {error}", path.display()))?),
        None => None,
    };
    let ready = serde_json::json!({
        "ready": true, "tcp": plant.tcp_addrs(), "rtu": plant.rtu_paths(), "control": arguments.control,
    });
    #[allow(clippy::print_stdout, reason = "the one line that scripts wait for")]
    {
        println!("{ready}");
    }
    if let Some(listener) = listener {
        control::serve(listener, Arc::clone(&plant), stop.clone()).await;
    }
    stop.cancelled().await;
    plant.kill().await;
    if let Some(path) = arguments.control {
        // Somebody else may have tidied up already.
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

/// The description, with what the arguments change of it.
fn spec(arguments: &Arguments) -> Result<Spec, String> {
    let file = arguments.plant.display();
    let yaml = std::fs::read_to_string(&arguments.plant).map_err(|error| format!("{file}: {error}"))?;
    let mut spec = Spec::parse(&yaml, |name| std::env::var(name).ok()).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        format!("{file}: {error}{}", cause.unwrap_or_default())
    })?;
    spec.seed = arguments.seed.unwrap_or(spec.seed);
    spec.pace = arguments.pace.unwrap_or(spec.pace);
    if !(0.01..=1000.0).contains(&spec.pace) {
        return Err("--pace: expected 0.01 to 1000".to_owned());
    }
    if arguments.calm {
        spec.faults = None;
    }
    let mut next = arguments.port_base;
    for line in &mut spec.lines {
        if let (Wire::Tcp(addr), Some(port)) = (&mut line.wire, &mut next) {
            *addr = SocketAddr::new(addr.ip(), *port);
            if *port != 0 {
                *port = port.checked_add(1).ok_or("--port-base: there are not so many ports after it")?;
            }
        }
    }
    let pty = arguments.pty.iter().map(|(line, path)| (line, Wire::Pty(Some(path.clone()))));
    let serial = arguments.serial.iter().map(|(line, path)| (line, Wire::Serial(path.clone(), 9600)));
    for (name, wire) in pty.chain(serial) {
        let serial = |line: &&mut forebay_sim::LineSpec| line.name == *name && !matches!(line.wire, Wire::Tcp(_));
        let line = spec.lines.iter_mut().find(serial);
        line.ok_or_else(|| format!("{file} has no serial line {name:?}"))?.wire = wire;
    }
    Ok(spec)
}

/// One sentence a person can act on.
fn started(error: StartError) -> String {
    match &error {
        StartError::Listen { line, addr, source } if source.kind() == std::io::ErrorKind::AddrInUse => {
            format!("port {} for line {line:?} is taken; --port-base moves all of them", addr.port())
        }
        _ => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            format!("{error}{}", cause.unwrap_or_default())
        }
    }
}
