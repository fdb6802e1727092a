//! Starting daemons: what can fail is opened first, then each gets a thread and a runtime of its own.

use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use link::{Link, LinkConfig};
use shell::{Notify, Paths, Stop, SystemClock};
use site::Site;

use crate::args::{self, Folders};
use crate::fail::{Failure, chain};

/// The bus of a module whose file names none.
pub(crate) const DEFAULT_BUS_PORT: u16 = 1324;

/// A daemon that is running.
pub(crate) struct Running {
    name: &'static str,
    thread: JoinHandle<Result<(), String>>,
}

impl Running {
    /// Starts `work` on a thread with a runtime of its own. When it ends, for whatever reason, everything stops: half a
    /// site is worse than none, and whoever started us starts us again.
    pub(crate) fn start<F, E>(
        name: &'static str,
        stop: &Stop,
        work: impl FnOnce(Stop) -> F + Send + 'static,
    ) -> Result<Self, Failure>
    where
        F: Future<Output = Result<(), E>>,
        E: Error,
    {
        let stop = stop.clone();
        let body = move || {
            let ends_all = stop.clone().drop_guard();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| format!("starting its runtime: {error}"))?;
            let ended = runtime.block_on(work(stop)).map_err(|error| chain(&error));
            // Threads that read the store may still be at it; they hold nothing that must be saved.
            runtime.shutdown_timeout(shell::GRACE);
            drop(ends_all);
            ended
        };
        let thread = thread::Builder::new().name(name.into()).spawn(body).map_err(|error| Failure::work(&error))?;
        Ok(Self { name, thread })
    }

    /// Waits for its end.
    pub(crate) fn join(self) -> Result<(), Failure> {
        match self.thread.join() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(Failure::Work(format!("{}: {why}", self.name))),
            Err(_) => Err(Failure::Work(format!("{} fell over", self.name))),
        }
    }
}

/// A daemon's end of the bus.
pub(crate) fn link(paths: &Paths, bus_port: u16, module: &str) -> Link {
    Link::new(LinkConfig { socket: paths.bus_socket(bus_port), module: module.into() })
}

/// The bus, with its listeners open.
#[cfg(feature = "bus")]
pub(crate) fn bus(site: &Site, paths: &Paths, stop: &Stop, notify: Notify) -> Result<Running, Failure> {
    let config = bus::Config {
        tcp: SocketAddr::new(site.bus.ip, site.bus.port),
        socket: paths.bus_socket(site.bus.port),
        bus_tag: site.bus.bus_tag.to_string(),
    };
    let listeners = bus::listen(&config).map_err(|error| Failure::config(&error))?;
    Running::start("bus", stop, move |stop| bus::run(config, listeners, SystemClock::shared(), stop, notify))
}

/// The Modbus client.
#[cfg(feature = "modbus")]
pub(crate) fn modbus(site: &Site, paths: &Paths, stop: &Stop, notify: Notify) -> Result<Running, Failure> {
    let client = site.modbus_client.as_ref().ok_or_else(|| no_file("modbusclient"))?;
    let link = link(paths, client.bus.port, "modbusclient");
    let config = modbus::Config::new(client, &site.tags).map_err(|error| Failure::config(&error))?;
    let config = config.remember(paths.state.join("modbus.learned"));
    Running::start("modbusclient", stop, move |stop| modbus::run(config, link, SystemClock::shared(), stop, notify))
}

/// The Modbus server, with its ports taken.
#[cfg(feature = "modbus")]
pub(crate) fn modbus_server(site: &Site, paths: &Paths, stop: &Stop, notify: Notify) -> Result<Running, Failure> {
    let server = site.modbus_server.clone().ok_or_else(|| no_file("modbusserver"))?;
    let link = link(paths, server.bus.port, "modbusserver");
    let doors = modbus::server::listen(&server.doors).map_err(|error| Failure::config(&error))?;
    Running::start("modbusserver", stop, move |stop| {
        modbus::server::serve(server, doors, link, SystemClock::shared(), stop, notify)
    })
}

/// The history.
#[cfg(feature = "history")]
pub(crate) fn history(site: &Site, paths: &Paths, stop: &Stop, notify: Notify) -> Result<Running, Failure> {
    let port = site.history.as_ref().ok_or_else(|| no_file("history"))?.bus.port;
    let config = history::Config::from_site(site, &paths.state).ok_or_else(|| no_file("history"))?;
    let link = link(paths, port, "history");
    Running::start("history", stop, move |stop| history::run(config, link, SystemClock::shared(), stop, notify))
}

/// The web server, with its port taken.
#[cfg(feature = "www")]
pub(crate) fn www(
    site: &Site,
    paths: &Paths,
    folders: &Folders,
    stop: &Stop,
    notify: Notify,
) -> Result<Running, Failure> {
    let server = site.www.as_ref().ok_or_else(|| no_file("wwwserver"))?;
    let assets = web_folder(folders.web.as_deref())?;
    let mut config = www::Config::from_site(site, assets).map_err(|error| Failure::config(&error))?;
    config.announce = Some(|link| crate::say::line(&format!("The page, once: {link}")));
    let door = www::bind(server.ip, server.port).map_err(|error| Failure::config(&error))?;
    serve(config, door, server.bus.port, paths, stop, notify)
}

/// The web server of a box: with its site, or alone to show what is wrong with it.
#[cfg(feature = "www")]
pub(crate) fn www_on_box(
    site: Result<&Site, &str>,
    paths: &Paths,
    args: &args::Www,
    stop: &Stop,
    notify: Notify,
) -> Result<Running, Failure> {
    let args::Www { one, on_box } = args;
    let assets = web_folder(one.folders.web.as_deref())?;
    let left = on_box.findings.as_deref().map(www::read_findings).unwrap_or_default();
    let (mut config, address, bus_port) = match site {
        Ok(site) => {
            let server = site.www.as_ref().ok_or_else(|| no_file("wwwserver"))?;
            let mut config = www::Config::from_site(site, assets).map_err(|error| Failure::config(&error))?;
            let mistakes = www::Mistakes { runs: www::Runs::Last, findings: left };
            config.mistakes = Some(mistakes).filter(|mistakes| !mistakes.findings.is_empty());
            (config, SocketAddr::new(server.ip, server.port), server.bus.port)
        }
        Err(own) => {
            // What take-site says is about all of the site; what we found when we looked ourselves is the next best.
            let findings = if left.is_empty() { www::parse_findings(own.as_bytes()).unwrap_or_default() } else { left };
            let mistakes = www::Mistakes { runs: www::Runs::None, findings };
            (www::Config::without_site(assets, mistakes), on_box.without_site, DEFAULT_BUS_PORT)
        }
    };
    config.claim_file = on_box.claim_file.clone();
    // No link in the journal: the way into a box is its code, or `forebay link`. An address that isn't there may come.
    let door = www::bind(address.ip(), address.port()).map_err(|error| Failure::work(&error))?;
    serve(config, door, bus_port, paths, stop, notify)
}

#[cfg(feature = "www")]
fn serve(
    config: www::Config,
    door: www::Door,
    bus_port: u16,
    paths: &Paths,
    stop: &Stop,
    notify: Notify,
) -> Result<Running, Failure> {
    www::check_assets(&config.assets).map_err(|error| Failure::config(&error))?;
    let (link, paths) = (link(paths, bus_port, "wwwserver"), paths.clone());
    Running::start("wwwserver", stop, move |stop| {
        www::run(config, link, door, paths, SystemClock::shared(), stop, notify)
    })
}

/// A module this build leaves out.
macro_rules! left_out {
    ($feature:literal, $name:ident $(, $more:ty)*) => {
        #[cfg(not(feature = $feature))]
        pub(crate) fn $name(_: &Site, _: &Paths, $(_: $more,)* _: &Stop, _: Notify) -> Result<Running, Failure> {
            Err(Failure::Config(concat!("this build has no ", $feature, " in it").into()))
        }
    };
}
left_out!("bus", bus);
left_out!("modbus", modbus);
left_out!("modbus", modbus_server);
left_out!("history", history);
left_out!("www", www, &Folders);

/// The web server this build leaves out.
#[cfg(not(feature = "www"))]
pub(crate) fn www_on_box(
    _: Result<&Site, &str>,
    _: &Paths,
    _: &args::Www,
    _: &Stop,
    _: Notify,
) -> Result<Running, Failure> {
    Err(Failure::Config("this build has no www in it".into()))
}

fn no_file(module: &str) -> Failure {
    Failure::Config(format!("the site has no {module}.yaml"))
}

/// Where the built page lies: what the command line or the environment says, where a package puts it beside the binary,
/// or the checkout the binary was built in.
fn web_folder(asked: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(folder) = asked.map(Path::to_path_buf).or_else(|| std::env::var_os("FOREBAY_WEB").map(PathBuf::from)) {
        return Ok(folder);
    }
    let binary = std::env::current_exe().and_then(|path| path.canonicalize()).map_err(|error| Failure::work(&error))?;
    let candidates = binary.ancestors().skip(1).flat_map(|dir| [dir.join("share/forebay/web"), dir.join("web/dist")]);
    let found = candidates.into_iter().find(|folder| folder.join("manifest.json").is_file());
    found.ok_or_else(|| {
        Failure::Config(
            "the built page isn't there: build it with `npm run build` in web/, or name its folder with --web".into(),
        )
    })
}
