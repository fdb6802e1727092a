//! A plant that runs: its ports, its serial lines, its clock, and a hand on all of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shell::{Clock, SystemClock};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::lines::{LineAt, StartError, Up, bring_up, settle};
use crate::machine::Gauge;
use crate::plant::Plant;
use crate::serve::Shared;
use crate::spec::{Spec, Wire};
use crate::{At, AtError, Behaviour, Kind, Order};

/// The plant moves this often.
const TICK: Duration = Duration::from_millis(50);
/// The machine's figures are read every so many ticks.
const GAUGE_TICKS: u32 = 40;
/// A machine that slept longer than this doesn't make up for it.
const CATCH_UP_MAX: Duration = Duration::from_secs(10);
/// Starts plants.
pub struct Sim;

/// A running plant. Dropped, it is gone: ports closed, links removed.
pub struct Handle {
    shared: Arc<Shared>,
    lines: Vec<LineAt>,
    up: Mutex<Option<Up>>,
    _pacer: JoinSet<()>,
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
