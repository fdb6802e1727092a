//! `forebay run`: every module of a site in one process. `forebay link`: a way into its page.

use std::process::ExitCode;

use shell::{Notify, Paths, Stop, SystemClock};
use site::Site;

use crate::args;
use crate::check::{env, site_of};
use crate::daemons::{self, Running};
use crate::fail::Failure;
use crate::one::Signals;
use crate::{init_values, say};

/// Runs a site until it is told to stop, or for as long as asked.
pub(crate) fn run(args: &args::Run) -> Result<ExitCode, Failure> {
    let mut site = site_of(site::load_dir(&args.site, &env))?;
    use_ports(&mut site, args);
    let paths = Paths::find(args.folders.runtime.as_deref(), args.folders.state.as_deref());
    paths.make().map_err(|error| Failure::config(&error))?;
    let (stop, signals) = (Stop::new(), Signals::listen()?);
    let running = start(&site, &paths, args, &stop)?;
    // Every daemon has taken what it needs; of ten thousand tags the rest is megabytes.
    drop(site);
    if let Some(limit) = args.for_ {
        let stop = stop.clone();
        // Not joined: it ends with the process if a signal comes first.
        std::thread::spawn(move || {
            std::thread::sleep(limit);
            log::info!("stopping: {} s have passed", limit.as_secs_f64());
            stop.cancel();
        });
    }
    signals.wait(&stop);
    let ends: Vec<_> = running.into_iter().map(Running::join).collect();
    ends.into_iter().collect::<Result<Vec<()>, _>>()?;
    Ok(ExitCode::SUCCESS)
}

/// All modules of the site; if one can't start, none goes on.
fn start(site: &Site, paths: &Paths, args: &args::Run, stop: &Stop) -> Result<Vec<Running>, Failure> {
    let started = start_each(site, paths, args, stop);
    if started.is_err() {
        stop.cancel();
    }
    started
}

fn start_each(site: &Site, paths: &Paths, args: &args::Run, stop: &Stop) -> Result<Vec<Running>, Failure> {
    // One process, one supervisor: the bus speaks for all, whose end ends every other.
    let (speaks, silent) = (Notify::from_env(), Notify::silent());
    // What can fail for want of a port comes first, so that nothing has been polled or stored yet.
    let bus = daemons::bus(site, paths, stop, speaks)?;
    let mut running = vec![bus];
    if site.www.is_some() {
        running.push(daemons::www(site, paths, &args.folders, stop, silent)?);
    }
    if site.modbus_server.is_some() {
        running.push(daemons::modbus_server(site, paths, stop, silent)?);
    }
    if site.history.is_some() {
        running.push(daemons::history(site, paths, stop, silent)?);
    }
    if site.modbus_client.is_some() {
        running.push(daemons::modbus(site, paths, stop, silent)?);
    }
    if let Some(bus) = &site.init_values {
        let (tags, link) = (site.tags.clone(), daemons::link(paths, bus.port, "initvalues"));
        running.push(Running::start("initvalues", stop, async move |stop| {
            init_values::run(&tags, link, stop.clone()).await;
            // Its end must not end the site.
            stop.cancelled().await;
            Ok::<(), std::convert::Infallible>(())
        })?);
    }
    Ok(running)
}

/// The command line's ports instead of the site's: the bus's for everybody who speaks to it.
fn use_ports(site: &mut Site, args: &args::Run) {
    if let (Some(port), Some(www)) = (args.port, &mut site.www) {
        www.port = port;
    }
    let port = args.bus_port.unwrap_or(site.bus.port);
    site.bus.port = port;
    let clients = [
        site.modbus_client.as_mut().map(|client| &mut client.bus),
        site.modbus_server.as_mut().map(|server| &mut server.bus),
        site.history.as_mut().map(|history| &mut history.bus),
        site.www.as_mut().map(|www| &mut www.bus),
        site.init_values.as_mut(),
    ];
    for bus in clients.into_iter().flatten() {
        bus.port = port;
    }
}

/// Prints a fresh one-time link.
#[cfg(feature = "www")]
pub(crate) fn link(args: &args::Where) -> Result<ExitCode, Failure> {
    let paths = Paths::find(args.runtime.as_deref(), None);
    let link = www::mint_link(&paths, &SystemClock).map_err(|error| Failure::work(&error))?;
    say::line(&link);
    Ok(ExitCode::SUCCESS)
}

/// Prints a fresh one-time link.
#[cfg(not(feature = "www"))]
pub(crate) fn link(_: &args::Where) -> Result<ExitCode, Failure> {
    let _ = (SystemClock, say::line);
    Err(Failure::Config("this build has no page".into()))
}
