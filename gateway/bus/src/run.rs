//! The bus as a daemon: listeners, one loop.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use shell::{GRACE, Notify, SharedClock, Socket, Stop};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until};

use crate::board::{NoRoom, Switchboard};
use crate::config::Config;
use crate::error::RunError;
use crate::peer::Rights;
use crate::session::{Shared, serve};

/// Open sockets, made before anything else starts so that a taken port is one clear sentence.
#[derive(Debug)]
pub struct Listeners {
    scripts: StdTcpListener,
    modules: StdUnixListener,
    socket: PathBuf,
}

impl Listeners {
    /// Where protocol 1 listens: tells the port when any was asked for.
    pub fn scripts_address(&self) -> io::Result<SocketAddr> {
        self.scripts.local_addr()
    }
}

/// Opens both listeners. A socket left over by a bus that died is replaced; a living one is respected.
pub fn listen(config: &Config) -> Result<Listeners, RunError> {
    let tcp = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => RunError::InUse(config.tcp),
        _ => RunError::ListenTcp { address: config.tcp, source },
    };
    let scripts = StdTcpListener::bind(config.tcp).map_err(tcp)?;
    scripts.set_nonblocking(true).map_err(tcp)?;
    let modules = listen_unix(&config.socket)?;
    Ok(Listeners { scripts, modules, socket: config.socket.clone() })
}

fn listen_unix(path: &Path) -> Result<StdUnixListener, RunError> {
    let fail = |source| RunError::ListenUnix { path: path.to_path_buf(), source };
    if path.exists() {
        if StdUnixStream::connect(path).is_ok() {
            return Err(RunError::AlreadyRunning { path: path.to_path_buf() });
        }
        fs::remove_file(path).map_err(fail)?;
    }
    let listener = StdUnixListener::bind(path).map_err(fail)?;
    // Owner and group: the group is how daemons with users of their own reach the bus.
    fs::set_permissions(path, fs::Permissions::from_mode(0o660)).map_err(fail)?;
    listener.set_nonblocking(true).map_err(fail)?;
    Ok(listener)
}

/// Runs the bus until it is told to stop.
pub async fn run(
    config: Config,
    listeners: Listeners,
    clock: SharedClock,
    stop: Stop,
    notify: Notify,
) -> Result<(), RunError> {
    let scripts = TcpListener::from_std(listeners.scripts).map_err(RunError::Register)?;
    let modules = UnixListener::from_std(listeners.modules).map_err(RunError::Register)?;
    let group = fs::metadata(&listeners.socket).map(|meta| meta.gid()).unwrap_or(u32::MAX);
    let board = Switchboard::new(&config.bus_tag, clock.wall().0, clock.now());
    let shared = Shared::new(board, clock);
    let local = LocalSet::new();
    // A task as the sessions are: the set's own first future is asked at each message whether it has anything to do.
    let serving = local.spawn_local(serve_all(shared, scripts, modules, group, stop, notify));
    let result = local.run_until(serving).await;
    let result = result.expect("nobody aborts it, and whoever falls over takes the process along");
    // Sessions hold nothing that must be saved: dropping them is a clean end.
    let _ = tokio::time::timeout(GRACE, async { drop(local) }).await;
    let _ = fs::remove_file(&listeners.socket);
    result
}

async fn serve_all(
    shared: Rc<Shared>,
    scripts: TcpListener,
    modules: UnixListener,
    group: u32,
    stop: Stop,
    notify: Notify,
) -> Result<(), RunError> {
    notify.ready();
    let mut next_tick = Instant::now();
    let mut next_pat = Instant::now();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = scripts.accept() => match accepted {
                Ok((stream, address)) => script_joins(&shared, stream, address),
                Err(error) => accept_failed("a script", &error).await,
            },
            accepted = modules.accept() => match accepted {
                Ok((stream, _)) => module_joins(&shared, stream, group),
                Err(error) => accept_failed("a module", &error).await,
            },
            () = sleep_until(next_tick) => next_tick = tick(&shared, notify, &mut next_pat),
        }
    }
    notify.stopping();
    Ok(())
}

fn tick(shared: &Rc<Shared>, notify: Notify, next_pat: &mut Instant) -> Instant {
    let wait = shared.with_board(Switchboard::tick);
    shared.flush();
    let now = Instant::now();
    if now >= *next_pat {
        notify.pat();
        *next_pat = now + notify.pat_interval();
    }
    now + wait
}

fn script_joins(shared: &Rc<Shared>, stream: TcpStream, address: SocketAddr) {
    // Small frames must not wait for an acknowledgement of the ones before.
    let socket = stream.set_nodelay(true).and_then(|()| stream.into_std()).and_then(Socket::new);
    let socket = match socket {
        Ok(socket) => socket,
        Err(error) => return log::warn!("a script from {address} left at once: {error}"),
    };
    // As Python prints a peer's address: scripts look for it in the bus tag.
    let label = format!("('{}', {})", address.ip(), address.port());
    let joined = shared.with_board(|board| board.script_joins(&label));
    match joined {
        Ok(id) => drop(tokio::task::spawn_local(serve(shared.clone(), id, socket))),
        Err(NoRoom) => shared.turned_away(&label),
    }
}

fn module_joins(shared: &Rc<Shared>, stream: UnixStream, group: u32) {
    let credentials = match stream.peer_cred() {
        Ok(credentials) => credentials,
        Err(error) => return log::warn!("a module was turned away: asking who it is: {error}"),
    };
    let ours = nix::unistd::geteuid().as_raw();
    // Our own user, root, and the group the socket belongs to: whoever was let in to run this site's modules.
    let may_own = credentials.uid() == ours || credentials.uid() == 0 || credentials.gid() == group;
    let rights = if may_own { Rights::Own } else { Rights::Use };
    let label = format!("module with pid {}", credentials.pid().unwrap_or(0));
    let socket = match stream.into_std().and_then(Socket::new) {
        Ok(socket) => socket,
        Err(error) => return log::warn!("{label} was turned away: {error}"),
    };
    let joined = shared.with_board(|board| board.module_joins(&label, rights));
    match joined {
        Ok(id) => drop(tokio::task::spawn_local(serve(shared.clone(), id, socket))),
        Err(NoRoom) => shared.turned_away(&label),
    }
}

/// Too many open files, usually: accepting again at once would spin.
async fn accept_failed(who: &str, error: &io::Error) {
    log::warn!("accepting {who}: {error}");
    tokio::time::sleep(Duration::from_millis(100)).await;
}
