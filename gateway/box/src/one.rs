//! One daemon alone, called as pymscada calls its modules: `forebay modbusclient --config FILE --tags FILE`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use shell::{Notify, Paths, Stop};
use site::Site;

use crate::args::{self, Folders};
use crate::check::{env, site_of};
use crate::daemons::{self, DEFAULT_BUS_PORT, Running};
use crate::fail::Failure;
use crate::{init_values, take_site};

/// By then a daemon has opened its doors, found the bus and heard of every tag, or waits for somebody who is not there.
const STARTED_AFTER: Duration = Duration::from_secs(2);

/// Runs one module until it is told to stop.
pub(crate) fn run(module: &'static str, args: &args::One) -> Result<ExitCode, Failure> {
    let site = site_of(load(module, args))?;
    // Moved, so that it is gone while the daemon runs: of ten thousand tags that is megabytes.
    run_until_told(args, move |paths, stop| start(module, &site, paths, &args.folders, stop))
}

/// Runs the web server until it is told to stop; on a box, whatever the site is like.
pub(crate) fn run_www(args: &args::Www) -> Result<ExitCode, Failure> {
    let loaded = load("wwwserver", &args.one);
    if !args.on_box.is_box() {
        let site = site_of(loaded)?;
        return run_until_told(&args.one, move |paths, stop| start("wwwserver", &site, paths, &args.one.folders, stop));
    }
    let own = take_site::as_json(&loaded.findings);
    let site = match site_of(loaded) {
        Ok(site) => Ok(site),
        Err(failure) if args.on_box.findings.is_none() => return Err(failure),
        Err(_) => {
            log::error!("there is no good site; the page says what is wrong with it");
            Err(own.as_str())
        }
    };
    run_until_told(&args.one, move |paths, stop| {
        daemons::www_on_box(site.as_ref().map_err(|own| *own), paths, args, stop, Notify::from_env())
    })
}

fn load(module: &'static str, args: &args::One) -> site::Loaded {
    let config = args.config.clone().or_else(|| default_config(module));
    let tags = args.tags.clone().or_else(|| default_tags(module));
    let mut loaded = site::load_module(module, config.as_deref(), tags.as_deref(), &env);
    if let (Some(site), "wwwserver") = (&mut loaded.site, module) {
        site.modbus_client = devices_beside(&site.dir, tags.as_deref());
    }
    loaded
}

/// The devices whose state the page shows: those of the `modbusclient.yaml` beside the web server's own file. What is
/// wrong with it is the Modbus client's to say.
fn devices_beside(dir: &Path, tags: Option<&Path>) -> Option<site::ModbusClient> {
    let beside = dir.join("modbusclient.yaml");
    let there = beside.is_file().then_some(beside)?;
    site::load_module("modbusclient", Some(&there), tags, &env).site?.modbus_client
}

fn run_until_told(
    args: &args::One,
    start: impl FnOnce(&Paths, &Stop) -> Result<Running, Failure>,
) -> Result<ExitCode, Failure> {
    let paths = Paths::find(args.folders.runtime.as_deref(), args.folders.state.as_deref());
    paths.make().map_err(|error| Failure::config(&error))?;
    let (stop, signals) = (Stop::new(), Signals::listen()?);
    let daemon = start(&paths, &stop)?;
    signals.wait(&stop);
    daemon.join()?;
    Ok(ExitCode::SUCCESS)
}

fn start(module: &'static str, site: &Site, paths: &Paths, folders: &Folders, stop: &Stop) -> Result<Running, Failure> {
    let notify = Notify::from_env();
    match module {
        "bus" => daemons::bus(site, paths, stop, notify),
        "modbusclient" => daemons::modbus(site, paths, stop, notify),
        "modbusserver" => daemons::modbus_server(site, paths, stop, notify),
        "history" => daemons::history(site, paths, stop, notify),
        "wwwserver" => daemons::www(site, paths, folders, stop, notify),
        _ => {
            let port = site.init_values.as_ref().map_or(DEFAULT_BUS_PORT, |bus| bus.port);
            let (tags, link) = (site.tags.clone(), daemons::link(paths, port, "initvalues"));
            Running::start("initvalues", stop, async move |stop| {
                notify.ready();
                init_values::run(&tags, link, stop).await;
                Ok::<(), std::convert::Infallible>(())
            })
        }
    }
}

/// SIGTERM and SIGINT, caught from here on: one that comes while the daemons start must end them cleanly too.
pub(crate) struct Signals {
    runtime: tokio::runtime::Runtime,
    came: Stop,
}

impl Signals {
    /// Catches them.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::work(&error))?;
        let came = runtime.block_on(async { shell::stop_on_signal() }).map_err(|error| Failure::work(&error))?;
        Ok(Self { runtime, came })
    }

    /// Cancels `stop` when one comes, and returns once it is cancelled. Meanwhile nothing happens on this thread but that
    /// the start's memory is given back.
    pub(crate) fn wait(self, stop: &Stop) {
        self.runtime.block_on(async {
            tokio::select! {
                () = self.came.cancelled() => stop.cancel(),
                () = stop.cancelled() => {}
                () = give_back() => {}
            }
        });
    }
}

/// Never ends.
async fn give_back() {
    tokio::time::sleep(STARTED_AFTER).await;
    match thrift::give_back_start() {
        Ok(bytes) => log::debug!("{} kB of code and constants given back", bytes / 1024),
        // It costs a few megabytes and nothing else.
        Err(error) => log::debug!("giving back what only the start needed: {error}"),
    }
    std::future::pending().await
}

/// pymscada's default: the module's name with `.yaml`, here. The bus and initvalues run without a file.
fn default_config(module: &str) -> Option<PathBuf> {
    let path = PathBuf::from(format!("{module}.yaml"));
    let may_do_without = matches!(module, "bus" | "initvalues");
    (path.is_file() || !may_do_without).then_some(path)
}

fn default_tags(module: &str) -> Option<PathBuf> {
    let needs_tags = matches!(module, "history" | "wwwserver" | "initvalues");
    let path = Path::new("tags.yaml");
    (module != "bus" && (path.is_file() || needs_tags)).then(|| path.to_path_buf())
}

/// A module of pymscada's that this release doesn't have, or no module at all.
pub(crate) fn unbuilt(words: &[String]) -> Result<ExitCode, Failure> {
    let name = words.first().map_or("", String::as_str);
    let loaded = site::load_module(name, None, None, &env);
    let why = loaded.findings.first().map_or_else(|| format!("{name} isn't a command"), ToString::to_string);
    Err(Failure::Config(format!("{why}; `forebay --help` lists the commands")))
}
