//! The window's loop.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use link::Event;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind as bind_socket, listen, setsockopt, socket,
    sockopt,
};
use shell::{Notify, Paths, SharedClock, Stop};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::task::TaskTracker;

use crate::api::{self, EXPORTS_MAX};
use crate::assets::Assets;
use crate::auth::{Links, mint_link};
use crate::claim::Tries;
use crate::command::COMMANDS_MAX;
use crate::house::House;
use crate::hub::Hub;
use crate::limit::Limit;
use crate::origin::Names;
use crate::serve::{Slots, connection};
use crate::sessions::Sessions;
use crate::speak::Hello;
use crate::trend::QUESTIONS_MAX;
use crate::{BindError, BusEnd, Config, RunError, routes};

/// Events taken at once before the pages are told: a device's whole poll, so that it goes out as one message.
const EVENTS_AT_ONCE: usize = 512;

/// The pages are told that we go; then the connections have this long to be closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// How often forgotten things are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// A pause so long that nothing waits for its end.
const LONG: Duration = Duration::from_secs(3600);

/// The page's address, taken but closed: nobody is let in before the key of one-time links lies in its file, so that
/// whoever finds the page there makes links that it knows.
#[derive(Debug)]
pub struct Door(StdListener);

impl Door {
    /// Where it is: tells the port when any was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn open(self) -> io::Result<TcpListener> {
        listen(&self.0, Backlog::MAXCONN)?;
        TcpListener::from_std(self.0)
    }
}

/// Takes the page's address, before anything else is started. Port 0: any.
pub fn bind(ip: IpAddr, port: u16) -> Result<Door, BindError> {
    let address = SocketAddr::new(ip, port);
    take(address).map(Door).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(address),
        _ => BindError::Listen { address, source },
    })
}

fn take(address: SocketAddr) -> io::Result<StdListener> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(family, SockType::Stream, flags, None)?;
    // The last run's connections may still be closing; a living listener is refused all the same.
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    bind_socket(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(fd.into())
}

/// Serves the page until `stop`. Leaves the key of one-time links and the page's address in `paths.runtime`.
pub async fn run<B: BusEnd>(
    config: Config,
    bus: B,
    door: Door,
    paths: Paths,
    clock: SharedClock,
    stop: Stop,
    notify: Notify,
) -> Result<(), RunError> {
    let config = Arc::new(config);
    let address = door.address().map_err(RunError::Listener)?;
    let (commands, mut wanted) = mpsc::channel(COMMANDS_MAX);
    let assets = Assets::load(&config.assets).map_err(RunError::Assets)?;
    let sessions_file = Sessions::file(&paths);
    let machine = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let house = Arc::new(House {
        hello: Hello::new(&config, &assets.build),
        assets,
        names: Names::new(machine.as_deref(), &config.hosts),
        commands,
        tasks: TaskTracker::new(),
        questions: Semaphore::new(QUESTIONS_MAX),
        links: Mutex::new(Links::create(&paths, &base_url(address))?),
        exports: Arc::new(Semaphore::new(EXPORTS_MAX)),
        api_limit: Mutex::new(Limit::at(api::EACH, api::ALL, clock.mono())),
        limit: Mutex::new(Limit::new(clock.mono())),
        tries: Mutex::new(Tries::new(clock.mono())),
        claimed_file: paths.state.join("claimed"),
        sessions: Mutex::new(load_sessions(&sessions_file)),
        sessions_file,
        saving: tokio::sync::Mutex::new(()),
        config: config.clone(),
        clock: clock.clone(),
    });
    // The key is in its file by now.
    let listener = door.open().map_err(RunError::Listener)?;
    let routes = routes::filter(house.clone());
    let mut hub = Hub::new(config.clone(), bus, clock.clone());
    let slots = Slots::new();
    let mut sweep = interval(SWEEP_EVERY);
    let mut pat = interval(notify.pat_interval());
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pat.set_missed_tick_behavior(MissedTickBehavior::Delay);

    log::info!("the page is at {}", base_url(address));
    notify.ready();
    announce(&config, &paths, &clock);
    loop {
        let due = hub.until_due();
        tokio::select! {
            () = stop.cancelled() => break,
            event = hub.bus.next() => on_events(&mut hub, event),
            Some(command) = wanted.recv() => hub.on_command(command),
            (stream, slot, peer) = slots.accept(&listener) => match slot {
                Some(slot) => {
                    let serving = connection(stream, slot, house.clone(), routes.clone(), stop.clone());
                    house.tasks.spawn(serving);
                }
                None => log::debug!("{} has too many connections", peer.ip()),
            },
            () = sleep(due.unwrap_or(LONG)), if due.is_some() => {}
            _ = sweep.tick() => hub.sweep(),
            _ = pat.tick() => notify.pat(),
        }
        hub.tell();
    }
    notify.stopping();
    // Without the hub every socket says goodbye and ends by itself.
    drop(hub);
    wanted.close();
    house.tasks.close();
    let _ = timeout(FAREWELL, house.tasks.wait()).await;
    Ok(())
}

/// One event and those that are there already, so that they share a message.
fn on_events<B: BusEnd>(hub: &mut Hub<B>, first: Event) {
    hub.on_event(first);
    for _ in 1..EVENTS_AT_ONCE {
        let Some(event) = hub.bus.next().now_or_never() else { break };
        hub.on_event(event);
    }
}

fn load_sessions(file: &Path) -> Sessions {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                log::error!("every browser needs a new link: reading {}: {error}", file.display());
            }
            return Sessions::default();
        }
    };
    Sessions::from_bytes(&bytes).unwrap_or_else(|error| {
        log::error!("every browser needs a new link: {}: {error}", file.display());
        Sessions::default()
    })
}

fn announce(config: &Config, paths: &Paths, clock: &SharedClock) {
    let Some(announce) = config.announce else { return };
    match mint_link(paths, &**clock) {
        Ok(link) => announce(&link),
        Err(error) => log::error!("no one-time link at the start: {error}"),
    }
}

/// Where a browser finds us. Listening everywhere, the first address of this machine that isn't itself.
fn base_url(address: SocketAddr) -> String {
    let ip = if address.ip().is_unspecified() { first_address() } else { address.ip() };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

fn first_address() -> IpAddr {
    let all = nix::ifaddrs::getifaddrs().into_iter().flatten();
    let mut v4 = all.filter_map(|one| Some(one.address?.as_sockaddr_in()?.ip()));
    let outward = v4.find(|ip| !ip.is_loopback() && !ip.is_link_local());
    outward.unwrap_or(Ipv4Addr::LOCALHOST).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_in_one_sentence() {
        let first = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        let said = bind(Ipv4Addr::LOCALHOST.into(), port).unwrap_err().to_string();
        assert!(said.starts_with(&format!("port {port} of 127.0.0.1 is in use")), "{said}");
    }

    #[tokio::test]
    async fn nobody_is_let_in_before_the_door_is_opened() {
        let door = bind(Ipv4Addr::LOCALHOST.into(), 0).unwrap();
        let address = door.address().unwrap();
        let early = std::net::TcpStream::connect(address).unwrap_err();
        assert_eq!(early.kind(), io::ErrorKind::ConnectionRefused);
        let _listener = door.open().unwrap();
        std::net::TcpStream::connect(address).unwrap();
    }

    #[test]
    fn the_address_in_a_link_is_one_a_browser_can_open() {
        assert_eq!(base_url("192.0.2.1:8324".parse().unwrap()), "http://192.0.2.1:8324");
        assert_eq!(base_url("[::1]:80".parse().unwrap()), "http://[::1]:80");
        assert!(!base_url("0.0.0.0:80".parse().unwrap()).contains("0.0.0.0"));
    }
}
