//! The wire: does what [`Master`] says, on a [`Port`]. The only I/O here.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use shell::SharedClock;
use site::{Serial, Transport};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep, timeout};

use crate::config::LineConfig;
use crate::device::{Counters, Report, Stats};
use crate::error::LineError;
use crate::master::{Do, Master};
use crate::memory::Learned;
use crate::port::{self, CONNECT_TIME, Port, READ_BYTES};
use crate::trace::Trace;
use crate::write::WriteRequest;

/// How a line and its units are is told so often.
const STATS_EVERY: Duration = Duration::from_secs(2);

/// What a line tells after each of its steps.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) line: usize,
    pub(crate) reports: Vec<Report>,
    pub(crate) counters: Counters,
    /// Now and then.
    pub(crate) stats: Option<Stats>,
    /// When something was learned.
    pub(crate) learned: Option<Learned>,
}

pub(crate) struct Line {
    number: usize,
    master: Master,
    port: Option<Port>,
    /// Where a modem dials in; open for as long as the line is served.
    door: Option<TcpListener>,
    clock: SharedClock,
    writes: mpsc::Receiver<WriteRequest>,
    told: mpsc::Sender<Told>,
    trace: SharedTrace,
    /// Where every read goes first.
    desk: Box<[u8]>,
    /// What was told last of what was learned.
    learned: u64,
    stats_at: Option<Instant>,
    /// The log has it that the port is in RS-485 mode.
    mode_said: bool,
    /// When the waiting ends. One that is put off and put off costs nothing; each new one that rings before all others
    /// wakes the runtime up to be told so.
    alarm: Pin<Box<Sleep>>,
}

/// The line writes it, the loop makes a file of it when somebody asks.
pub(crate) type SharedTrace = Arc<Mutex<Trace>>;

impl Line {
    pub(crate) fn new(
        number: usize,
        config: LineConfig,
        clock: SharedClock,
        writes: mpsc::Receiver<WriteRequest>,
        told: mpsc::Sender<Told>,
        trace: SharedTrace,
    ) -> Self {
        Self {
            number,
            master: Master::new(config, clock.mono()),
            port: None,
            door: None,
            clock,
            writes,
            told,
            trace,
            desk: vec![0; READ_BYTES].into(),
            learned: 0,
            stats_at: None,
            mode_said: false,
            alarm: Box::pin(sleep(Duration::ZERO)),
        }
    }

    /// Serves the line until nobody listens any more.
    pub(crate) async fn serve(mut self) {
        loop {
            while let Ok(write) = self.writes.try_recv() {
                self.master.write(self.clock.mono(), &write);
            }
            let what = self.master.step(self.clock.mono(), self.clock.wall());
            if !self.tell().await {
                return;
            }
            match what {
                Do::Open => self.open().await,
                Do::Close => self.port = None,
                Do::Send(bytes) => self.send(&bytes).await,
                Do::Listen(until) => {
                    if !self.listen(until).await {
                        return;
                    }
                }
                Do::Wait(until) => {
                    if !self.wait(until).await {
                        return;
                    }
                }
            }
        }
    }

    /// False when nobody listens any more.
    async fn tell(&mut self) -> bool {
        let reports = self.master.take_reports();
        let now = self.clock.mono();
        let news = self.master.learned_so_far() != self.learned;
        let stats_due = self.stats_at.is_none_or(|at| now >= at);
        if reports.is_empty() && !news && !stats_due {
            return !self.told.is_closed();
        }
        self.learned = self.master.learned_so_far();
        let stats = stats_due.then(|| self.master.stats());
        if stats_due {
            self.stats_at = Some(now + STATS_EVERY);
        }
        let learned = news.then(|| self.master.learned());
        let told = Told { line: self.number, reports, counters: self.master.counters(), stats, learned };
        self.told.send(told).await.is_ok()
    }

    /// What an answer says is on the bus before the next request goes out: the device may take its time, whoever looks at
    /// the page not. False when nobody listens any more.
    async fn tell_first(&mut self) -> bool {
        let listens = self.tell().await;
        // The loop has its turn.
        tokio::task::yield_now().await;
        listens
    }

    async fn open(&mut self) {
        let transport = self.master.config().transport.clone();
        let opened = match &transport {
            Transport::Listen { at, .. } => self.let_in(*at).await,
            transport => port::open(transport).await,
        };
        match opened {
            Ok(port) => {
                self.port = Some(port);
                let at = self.clock.wall();
                self.trace(|trace| trace.cut(at));
                self.say_mode(&transport);
                self.master.on_opened(self.clock.mono());
            }
            Err(error) => self.master.on_open_failed(self.clock.mono(), &in_words(&error)),
        }
    }

    /// What the driver said when it was asked is worth a line of the log; that it was asked again is not.
    fn say_mode(&mut self, transport: &Transport) {
        if let (Transport::Rtu(Serial { path, rs485: true, .. }), false) = (transport, self.mode_said) {
            self.mode_said = true;
            log::info!("{}: {} is in RS-485 mode, its driver says", self.master.config().name, path.display());
        }
    }

    /// Waits for the modem to dial in. Who dialled last is the one that is there: a modem that lost its connection
    /// dials anew and doesn't say that the old one is gone.
    async fn let_in(&mut self, at: SocketAddr) -> Result<Port, LineError> {
        if self.door.is_none() {
            let door = TcpListener::bind(at).await;
            self.door = Some(door.map_err(|source| LineError::Listen { at, source })?);
        }
        let Some(door) = &self.door else { return Err(LineError::Closed) };
        let first = timeout(CONNECT_TIME, door.accept()).await.map_err(|_| LineError::NobodyDialled)?;
        let mut last = first.map_err(LineError::Connect)?.0;
        while let Ok(Ok((newer, _))) = timeout(Duration::ZERO, door.accept()).await {
            last = newer;
        }
        last.set_nodelay(true).map_err(LineError::Connect)?;
        Ok(Port::Tcp(last))
    }

    async fn send(&mut self, bytes: &[u8]) {
        let rtu = self.master.config().transport.is_rtu();
        let Some(port) = &mut self.port else { return self.lose(&LineError::Closed) };
        port.drain(rtu);
        let at = self.clock.wall();
        self.trace(|trace| trace.sent(at, bytes));
        let Some(port) = &mut self.port else { return self.lose(&LineError::Closed) };
        // A buffer that takes nothing for this long is a connection that is gone.
        let sent = match timeout(CONNECT_TIME, port.write(bytes)).await {
            Ok(sent) => sent,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        if let Err(error) = sent {
            self.lose(&LineError::Lost(error));
        }
    }

    /// Reads, but a write that comes meanwhile may go out beside what is under way. False when nobody is left who could
    /// write.
    async fn listen(&mut self, until: Instant) -> bool {
        self.set_alarm(until);
        let Some(port) = &mut self.port else {
            self.lose(&LineError::Closed);
            return true;
        };
        let read = tokio::select! {
            // Before the alarm: an answer that is there is in time.
            biased;
            read = port.read(&mut self.desk) => read,
            write = self.writes.recv() => return self.take_write(write),
            () = &mut self.alarm => return true,
        };
        match read {
            Ok(0) => self.lose(&LineError::Closed),
            Ok(n) => {
                let at = self.clock.wall();
                self.master.on_bytes(self.clock.mono(), at, &self.desk[..n]);
                let whole = !self.master.is_waiting();
                let listens = self.tell_first().await;
                self.trace(|trace| trace.heard(at, &self.desk[..n], whole));
                return listens;
            }
            Err(error) => self.lose(&LineError::Lost(error)),
        }
        true
    }

    /// Does nothing, unless somebody writes. False when nobody is left who could.
    async fn wait(&mut self, until: Instant) -> bool {
        self.set_alarm(until);
        tokio::select! {
            biased;
            write = self.writes.recv() => self.take_write(write),
            () = &mut self.alarm => true,
        }
    }

    fn take_write(&mut self, write: Option<WriteRequest>) -> bool {
        let Some(write) = write else { return false };
        self.master.write(self.clock.mono(), &write);
        true
    }

    fn trace(&self, note: impl FnOnce(&mut Trace)) {
        // Whoever fell over while holding it left frames, not nonsense.
        note(&mut self.trace.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn lose(&mut self, why: &LineError) {
        self.port = None;
        self.master.on_closed(self.clock.mono(), &in_words(why));
    }

    fn set_alarm(&mut self, until: Instant) {
        let wait = until.saturating_duration_since(self.clock.mono());
        self.alarm.as_mut().reset(tokio::time::Instant::now() + wait);
    }
}

/// The error with its causes, as a person reads it on the page and in the log.
pub(crate) fn in_words(error: &LineError) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(": ");
        match error.downcast_ref::<io::Error>() {
            // The kind says it without the number of the operating system.
            Some(io) if io.raw_os_error().is_some() => words.push_str(&io.kind().to_string()),
            _ => words.push_str(&error.to_string()),
        }
        cause = error.source();
    }
    words
}
