//! The socket under the link: the only I/O.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use shell::{Backoff, Socket};
use tag::{Delivery, Sample, TagName, Uptime, Value};
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use wire::p2::SILENT_MAX;
use wire::{Outcome, Violation};

use crate::core::Core;
use crate::event::{AskId, Event, Group, Handle, RequestId, WriteId};

/// First wait after a lost bus: a restart of the bus costs little more than its own time.
pub const RECONNECT_FIRST: Duration = Duration::from_millis(20);
/// Longest: of the poll period and a second in which everything is good again after a restart of the bus, half is left to
/// whatever is read or written then.
pub const RECONNECT_LONGEST: Duration = Duration::from_millis(500);
/// For a socket to be looked at again.
const LAST_CHANCE: Duration = Duration::from_millis(100);
/// What one read takes at most; events wait in memory until they are looked at.
const READ_BYTES: usize = 16 << 10;

/// A daemon that was told a whole site at once gives the memory for it back.
const INPUT_KEPT_BYTES: usize = 2 * READ_BYTES;

/// Where the bus is and who we are.
#[derive(Debug, Clone)]
pub struct LinkConfig {
    /// The bus's Unix socket.
    pub socket: PathBuf,
    /// Our name, as the log and `forebay list` show it.
    pub module: String,
}

/// A daemon's end of the bus.
#[derive(Debug)]
pub struct Link {
    core: Core,
    socket: PathBuf,
    state: State,
    backoff: Backoff,
    /// Where every read goes first; mostly all of it is understood at once.
    desk: Box<[u8]>,
    /// What was read and not understood yet: the beginning of a message.
    input: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Waiting(Instant),
    Open(Socket, Patience),
}

/// How long the bus may yet say nothing.
#[derive(Debug)]
struct Patience {
    /// Put off by whatever the bus says, which costs nothing; a new one for each time that somebody waits would.
    alarm: Pin<Box<Sleep>>,
    /// It was over once already.
    last_chance: bool,
}

impl Patience {
    fn new() -> Self {
        Self { alarm: Box::pin(sleep(SILENT_MAX)), last_chance: false }
    }

    /// The bus has said something.
    fn renew(&mut self) {
        self.alarm.as_mut().reset(Instant::now() + SILENT_MAX);
        self.last_chance = false;
    }

    /// It is over. The first time that may be our own doing: what came while we were busy is yet to be seen.
    fn over(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.last_chance, true) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the bus says nothing"));
        }
        self.alarm.as_mut().reset(Instant::now() + LAST_CHANCE);
        Ok(())
    }
}

impl Link {
    /// Nothing is connected until [`Link::next`] is polled.
    pub fn new(config: LinkConfig) -> Self {
        Self {
            core: Core::new(&config.module),
            socket: config.socket,
            state: State::Waiting(Instant::now()),
            backoff: Backoff::new(RECONNECT_FIRST, RECONNECT_LONGEST),
            desk: vec![0; READ_BYTES].into(),
            input: Vec::new(),
        }
    }

    /// Makes a group whose tags fall to `Held(Stale)` when not confirmed for `limit`; `None`: never.
    pub fn group(&mut self, limit: Option<Duration>) -> Group {
        self.core.group(limit)
    }

    /// Declares that we own a tag: we alone publish it, and settle its writes and questions.
    pub fn own(&mut self, name: &TagName, group: Group) -> Handle {
        self.core.own(name, group)
    }

    /// Mentions a tag, to write or ask it without watching.
    pub fn refer(&mut self, name: &TagName) -> Handle {
        self.core.refer(name)
    }

    /// Watches a tag. `stale` is the site's freshness limit, used only while nobody owns the tag; zero says that the tag is
    /// a module's: without its owner it has no good value, and nobody may write it.
    pub fn watch(&mut self, name: &TagName, delivery: Delivery, stale: Option<Duration>) -> Handle {
        self.core.watch(name, delivery, stale)
    }

    /// Stops watching.
    pub fn unwatch(&mut self, tag: Handle) {
        self.core.unwatch(tag);
    }

    /// What a handle stands for.
    pub fn name(&self, tag: Handle) -> &TagName {
        self.core.name(tag)
    }

    /// The bus's own number of a tag, which protocol 1 knows too. Changes when the bus restarts; `None` while it isn't
    /// known.
    pub fn bus_id(&self, tag: Handle) -> Option<u16> {
        self.core.bus_id(tag)
    }

    /// Publishes an owned tag; confirms nothing by itself.
    pub fn publish(&mut self, tag: Handle, sample: Sample) {
        self.core.publish(tag, sample);
    }

    /// Confirms every tag of a group: the source still says what was last published.
    pub fn confirm(&mut self, group: Group) {
        self.core.confirm(group);
    }

    /// Writes a tag: a request to its owner, or an ordinary set if nobody owns it. After `deadline`, of this machine's
    /// uptime, it isn't done any more, wherever it is by then. `who` is for owner and log.
    pub fn write(&mut self, tag: Handle, value: Value, deadline: Uptime, who: &str) -> WriteId {
        self.core.write(tag, value, deadline, who)
    }

    /// Says what became of somebody's write. [`Outcome::Sent`] may be said once before the final one.
    pub fn settle(&mut self, id: RequestId, outcome: Outcome) {
        self.core.settle(id, outcome);
    }

    /// Asks the owner of a tag.
    pub fn ask(&mut self, tag: Handle, question: Value) -> AskId {
        self.core.ask(tag, question)
    }

    /// Answers a question with one whole value; `last` ends it. Large values are cut in pieces that let live values by.
    pub fn answer(&mut self, id: RequestId, value: Value, last: bool) {
        self.core.answer(id, &value, last);
    }

    /// Asks for the bus's tags: `^start`, `end$`, a part, or all. [`Event::Listed`] answers.
    pub fn list(&mut self, text: &str) {
        self.core.list(text);
    }

    /// Is the bus there?
    pub fn is_up(&self) -> bool {
        self.core.is_up()
    }

    /// Sends what waits, as far as the socket takes it at once. [`Link::next`] does the same first; call this where
    /// other work would come before it.
    pub fn flush(&mut self) {
        if let State::Open(socket, _) = &self.state {
            while !self.core.output().is_empty() {
                match socket.try_write(self.core.output()) {
                    Ok(n) => self.core.sent(n),
                    Err(_) => break,
                }
            }
        }
    }

    /// What happens next. Cancel-safe; sends what was published meanwhile; reconnects by itself.
    pub async fn next(&mut self) -> Event {
        loop {
            self.flush();
            if let Some(event) = self.core.next_event() {
                return event;
            }
            match &self.state {
                State::Waiting(until) => {
                    // Even a wait that is over may take a timer's tick, and a PLC answers within one.
                    if *until > Instant::now() {
                        sleep_until(*until).await;
                    }
                    self.connect();
                }
                State::Open(..) if self.core.is_overfull() => {
                    log::warn!("the bus at {} takes nothing: connecting anew", self.socket.display());
                    self.lose("the bus takes nothing");
                }
                State::Open(..) => {
                    if let Err(error) = self.exchange().await {
                        self.lose(&error.to_string());
                    }
                }
            }
        }
    }

    fn connect(&mut self) {
        match Socket::connect_unix(&self.socket) {
            Ok(socket) => {
                self.state = State::Open(socket, Patience::new());
                self.input.clear();
                self.core.connected();
            }
            Err(error) => self.lose(&error.to_string()),
        }
    }

    /// Waits for the socket and moves bytes once.
    async fn exchange(&mut self) -> io::Result<()> {
        let State::Open(socket, patience) = &mut self.state else { return Ok(()) };
        let wants_to_send = !self.core.output().is_empty();
        let readable = tokio::select! {
            readable = socket.readable() => readable?,
            // `flush` sends, at the top of the loop.
            ready = socket.writable(), if wants_to_send => return ready,
            () = &mut patience.alarm => return patience.over(),
        };
        let n = match readable.read(&mut self.desk) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the bus closed the connection")),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        patience.renew();
        let was_up = self.core.is_up();
        self.understand(n).map_err(|violation| io::Error::other(violation.to_string()))?;
        if !was_up && self.core.is_up() {
            self.backoff.after_success();
        }
        Ok(())
    }

    /// Has `n` bytes of the desk understood, behind what was left over.
    fn understand(&mut self, n: usize) -> Result<(), Violation> {
        if self.input.is_empty() {
            let taken = self.core.received(&self.desk[..n])?;
            self.input.extend_from_slice(&self.desk[taken..n]);
            return Ok(());
        }
        self.input.extend_from_slice(&self.desk[..n]);
        let taken = self.core.received(&self.input)?;
        self.input.drain(..taken);
        if self.input.is_empty() && self.input.capacity() > INPUT_KEPT_BYTES {
            self.input = Vec::new();
        }
        Ok(())
    }

    fn lose(&mut self, why: &str) {
        self.core.lost(why);
        self.input = Vec::new();
        self.state = State::Waiting(Instant::now() + self.backoff.after_failure());
    }
}
