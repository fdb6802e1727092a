//! A plant that runs: its ports, its serial lines, its clock, and a hand on all of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::fcntl::OFlag;
use shell::{Clock, Stop, SystemClock};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_serial::{SerialPort, SerialPortBuilderExt, SerialStream};

use crate::machine::Gauge;
use crate::plant::Plant;
use crate::serve::{self, Shared};
use crate::spec::{Spec, Wire};
use crate::{At, AtError, Behaviour, Kind, Order};

/// The plant moves this often.
const TICK: Duration = Duration::from_millis(50);
/// The machine's figures are read every so many ticks.
const GAUGE_TICKS: u32 = 40;
/// A machine that slept longer than this doesn't make up for it.
const CATCH_UP_MAX: Duration = Duration::from_secs(10);
/// A serial port that was pulled out is looked for this often.
const REOPEN: Duration = Duration::from_secs(1);

/// Starts plants.
pub struct Sim;

/// A running plant. Dropped, it is gone: ports closed, links removed.
pub struct Handle {
    shared: Arc<Shared>,
    lines: Vec<LineAt>,
    up: Mutex<Option<Up>>,
    _pacer: JoinSet<()>,
}

/// Where a line is, now that it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LineAt {
    name: String,
    wire: Wire,
}

struct Up {
    stop: Stop,
    servers: JoinSet<()>,
}

/// Why a plant can't be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, or isn't ours.
    #[error("listening on {addr} for line {line:?}")]
    Listen {
        /// Which line.
        line: String,
        /// Where.
        addr: SocketAddr,
        /// What the machine says.
        #[source]
        source: io::Error,
    },
    /// The serial port can't be opened.
    #[error("opening the serial port {path} for line {line:?}")]
    Serial {
        /// Which line.
        line: String,
        /// Which port.
        path: PathBuf,
        /// What the machine says.
        #[source]
        source: tokio_serial::Error,
    },
    /// No pseudo-terminal could be had.
    #[error("making a pseudo-terminal for line {line:?}")]
    Pty {
        /// Which line.
        line: String,
        /// What the machine says.
        #[source]
        source: tokio_serial::Error,
    },
    /// The link to the pseudo-terminal can't be made.
    #[error("linking {path} to the pseudo-terminal of line {line:?}")]
    Link {
        /// Which line.
        line: String,
        /// Where the link should be.
        path: PathBuf,
        /// What the machine says.
        #[source]
        source: io::Error,
    },
}

/// What a hand can't do.
#[derive(Debug, thiserror::Error)]
pub enum HandError {
    /// Nothing is called so.
    #[error("no device is called {0:?}")]
    NoDevice(String),
    /// The device has nothing there.
    #[error("{0} has nothing at {1}")]
    NothingThere(String, At),
    /// The text is no place.
    #[error(transparent)]
    At(#[from] AtError),
}

impl Sim {
    /// Starts the plant a description tells of.
    pub async fn start(spec: &Spec) -> Result<Handle, StartError> {
        let plant = Plant::new(spec, SystemClock.wall().0);
        Self::start_plant(spec, plant).await
    }

    /// Starts a plant that was made from `spec` and changed since.
    pub(crate) async fn start_plant(spec: &Spec, plant: Plant) -> Result<Handle, StartError> {
        let shared = Shared::new(plant);
        let lines =
            spec.lines.iter().map(|line| LineAt { name: line.name.clone(), wire: settle(&line.wire, &line.name) });
        let mut lines: Vec<LineAt> = lines.collect();
        let up = bring_up(&mut lines, &shared).await?;
        let mut pacer = JoinSet::new();
        pacer.spawn(pace(Arc::clone(&shared), spec.pace));
        Ok(Handle { shared, lines, up: Mutex::new(Some(up)), _pacer: pacer })
    }
}

impl Handle {
    /// Where a TCP line answers. Panics if no TCP line is called so.
    pub fn tcp_addr(&self, line: &str) -> SocketAddr {
        match self.wire(line) {
            Wire::Tcp(addr) => *addr,
            other => panic!("line {line:?} is not TCP but {other:?}"),
        }
    }

    /// The path to open for a serial line. Panics if no serial line is called so.
    pub fn rtu_path(&self, line: &str) -> &Path {
        match self.wire(line) {
            Wire::Pty(Some(path)) | Wire::Serial(path, _) => path,
            other => panic!("line {line:?} is not serial but {other:?}"),
        }
    }

    fn wire(&self, line: &str) -> &Wire {
        let found = self.lines.iter().find(|at| at.name == line);
        &found.unwrap_or_else(|| panic!("no line is called {line:?}")).wire
    }

    /// All TCP lines and where they answer.
    pub fn tcp_addrs(&self) -> BTreeMap<&str, SocketAddr> {
        let tcp = |at: &'_ LineAt| if let Wire::Tcp(addr) = at.wire { Some(addr) } else { None };
        self.lines.iter().filter_map(|at| Some((at.name.as_str(), tcp(at)?))).collect()
    }

    /// All serial lines and the paths to open.
    pub fn rtu_paths(&self) -> BTreeMap<&str, &Path> {
        let serial = self.lines.iter().filter(|at| !matches!(at.wire, Wire::Tcp(_)));
        serial.map(|at| (at.name.as_str(), self.rtu_path(&at.name))).collect()
    }

    /// The plant itself, to look at and to change in any way. Don't hold it across an await.
    pub fn with<T>(&self, what: impl FnOnce(&mut Plant) -> T) -> T {
        let result = what(&mut self.shared.plant());
        self.shared.happened.send_modify(|count| *count += 1);
        result
    }

    /// A device behaves so from now on.
    pub fn set_behaviour(&self, device: &str, behaviour: Behaviour) -> Result<(), HandError> {
        self.with(|plant| plant.device_mut(device).map(|device| device.behave(behaviour))).ok_or_else(|| none(device))
    }

    /// A word of the device's own registers: `peek("plc1", "4x:101")`.
    pub fn peek(&self, device: &str, at: &str) -> Result<u16, HandError> {
        Ok(self.peek_words(device, at, 1)?[0])
    }

    /// Words of the device's own registers.
    pub fn peek_words(&self, device: &str, at: &str, count: u16) -> Result<Vec<u16>, HandError> {
        let place: At = at.parse()?;
        self.known(device)?;
        let words = self.with(|plant| plant.peek(device, place, count));
        words.ok_or_else(|| HandError::NothingThere(device.to_owned(), place))
    }

    /// A number of the device's own registers.
    pub fn peek_value(&self, device: &str, at: &str, kind: Kind, order: Order) -> Result<f64, HandError> {
        Ok(kind.decode(order, &self.peek_words(device, at, kind.words())?))
    }

    /// Changes the device's own registers, as a hand at the PLC does.
    pub fn poke(&self, device: &str, at: &str, words: &[u16]) -> Result<(), HandError> {
        let place: At = at.parse()?;
        self.with(|plant| plant.poke(device, place, words)).ok_or_else(|| none(device))
    }

    /// Changes a number of the device's own registers.
    pub fn poke_value(&self, device: &str, at: &str, kind: Kind, order: Order, value: f64) -> Result<(), HandError> {
        self.poke(device, at, &kind.encode(order, value))
    }

    /// Requests that reached the device.
    pub fn asked(&self, device: &str) -> Result<u64, HandError> {
        self.shared.plant().device(device).map(crate::Device::asked).ok_or_else(|| none(device))
    }

    /// Answers the device gave, true or not.
    pub fn replies_sent(&self, device: &str) -> Result<u64, HandError> {
        self.shared.plant().device(device).map(crate::Device::answered).ok_or_else(|| none(device))
    }

    /// Waits until `level` holds of the plant, looked at whenever it was asked or changed; false when it still doesn't
    /// at the end of `patience`.
    pub async fn wait_until(&self, patience: Duration, mut level: impl FnMut(&mut Plant) -> bool) -> bool {
        let mut happened = self.shared.happened.subscribe();
        let reached = async {
            loop {
                happened.mark_unchanged();
                if level(&mut self.shared.plant()) {
                    return;
                }
                // Time passes without anybody asking: the next tick is soon enough to look again.
                let _ = timeout(TICK, happened.changed()).await;
            }
        };
        timeout(patience, reached).await.is_ok()
    }

    /// Takes the plant off the wire: connections and ports closed, pseudo-terminals gone. The water flows on.
    pub async fn kill(&self) {
        if let Some(mut up) = self.up.lock().await.take() {
            up.stop.cancel();
            while up.servers.join_next().await.is_some() {}
        }
    }

    /// Puts it back, on the same ports and under the same links.
    pub async fn restart(&self) -> Result<(), StartError> {
        let mut up = self.up.lock().await;
        if up.is_none() {
            *up = Some(bring_up(&mut self.lines.clone(), &self.shared).await?);
        }
        Ok(())
    }

    /// Is it on the wire?
    pub async fn is_up(&self) -> bool {
        self.up.lock().await.is_some()
    }

    fn known(&self, device: &str) -> Result<(), HandError> {
        self.shared.plant().device(device).map(|_| ()).ok_or_else(|| none(device))
    }
}

fn none(device: &str) -> HandError {
    HandError::NoDevice(device.to_owned())
}

/// Gives a pseudo-terminal without a link one in the folder for temporary files.
fn settle(wire: &Wire, line: &str) -> Wire {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    match wire {
        Wire::Pty(None) => {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let file: String = line.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            let name = format!("forebay-sim-{}-{count}-{file}", std::process::id());
            Wire::Pty(Some(std::env::temp_dir().join(name)))
        }
        other => other.clone(),
    }
}

/// Opens everything, and only then serves it. A port 0 becomes the port it got.
async fn bring_up(lines: &mut [LineAt], shared: &Arc<Shared>) -> Result<Up, StartError> {
    let stop = Stop::new();
    let mut listeners = Vec::new();
    let mut ports = Vec::new();
    for (number, line) in lines.iter_mut().enumerate() {
        match &mut line.wire {
            Wire::Tcp(addr) => {
                let failed = |source| StartError::Listen { line: line.name.clone(), addr: *addr, source };
                let listener = TcpListener::bind(*addr).await.map_err(failed)?;
                *addr = listener.local_addr().map_err(failed)?;
                listeners.push((number, listener));
            }
            Wire::Pty(link) => {
                let link = link.clone().expect("settled at the start");
                ports.push((number, Port::pty(&line.name, link)?));
            }
            Wire::Serial(path, baud) => {
                let open = tokio_serial::new(path.to_string_lossy(), *baud).open_native_async();
                let failed = |source| StartError::Serial { line: line.name.clone(), path: path.clone(), source };
                ports.push((number, Port { stream: open.map_err(failed)?, kept: Kept::Port(path.clone(), *baud) }));
            }
        }
    }
    let mut servers = JoinSet::new();
    for (number, listener) in listeners {
        servers.spawn(serve::tcp(listener, Arc::clone(shared), number, stop.clone()));
    }
    for (number, port) in ports {
        servers.spawn(port.serve(Arc::clone(shared), number, stop.clone()));
    }
    Ok(Up { stop, servers })
}

/// The plant's end of a serial line.
struct Port {
    stream: SerialStream,
    kept: Kept,
}

/// What has to live as long as the line.
enum Kept {
    /// The other end, held open so that a master may come and go, and the link to it.
    Pty { _far: File, _link: Link },
    /// What to open again.
    Port(PathBuf, u32),
}

/// A link that goes with its owner.
struct Link(PathBuf);

impl Drop for Link {
    fn drop(&mut self) {
        // Somebody else may have tidied up already.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Port {
    fn pty(line: &str, link: PathBuf) -> Result<Self, StartError> {
        let failed = |source| StartError::Pty { line: line.to_owned(), source };
        let (stream, far) = SerialStream::pair().map_err(failed)?;
        let name = far.name().expect("a pseudo-terminal has a path");
        // Held open as a plain file: as a serial port it would be locked against the master.
        let held = File::options().read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(&name);
        let far = held.map_err(|error| failed(error.into()))?;
        let placed = match std::fs::symlink_metadata(&link) {
            Ok(there) if there.file_type().is_symlink() => std::fs::remove_file(&link),
            Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "something that is not a link is there")),
            Err(_) => Ok(()),
        };
        let linked = placed.and_then(|()| std::os::unix::fs::symlink(name, &link));
        linked.map_err(|source| StartError::Link { line: line.to_owned(), path: link.clone(), source })?;
        Ok(Self { stream, kept: Kept::Pty { _far: far, _link: Link(link) } })
    }

    async fn serve(mut self, shared: Arc<Shared>, line: usize, stop: Stop) {
        while let Err(error) = serve::rtu(&mut self.stream, &shared, line, &stop).await {
            let Kept::Port(path, baud) = &self.kept else {
                log::warn!("a pseudo-terminal broke: {error}");
                return;
            };
            log::warn!("{} broke: {error}", path.display());
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(REOPEN) => {}
                }
                if let Ok(stream) = tokio_serial::new(path.to_string_lossy(), *baud).open_native_async() {
                    self.stream = stream;
                    break;
                }
            }
        }
    }
}

/// The plant's clock: moves it by the time that passed.
async fn pace(shared: Arc<Shared>, pace: f64) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = SystemClock.mono();
    let mut gauge = Gauge::default();
    let mut ticks = 0_u32;
    loop {
        tick.tick().await;
        let now = SystemClock.mono();
        let passed = now.duration_since(last).min(CATCH_UP_MAX);
        last = now;
        if ticks % GAUGE_TICKS == 0 {
            let machine = gauge.read();
            shared.plant().feel(machine);
        }
        ticks = ticks.wrapping_add(1);
        shared.plant().step(passed.mul_f64(pace));
    }
}
