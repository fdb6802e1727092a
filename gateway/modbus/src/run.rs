//! The daemon: one task per line, and the one loop that stands between them and the bus.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use link::{Event, Group, Handle, Link, Outcome, RequestId};
use shell::{Notify, SharedClock, Stop};
use tag::{TagName, Uptime, Value};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::config::Config;
use crate::error::RunError;
use crate::limits::Limits;
use crate::line::{Line, Told};
use crate::memory::Learned;
use crate::report::{Reporter, Say};
use crate::vitals::LineEnd;
use crate::wishes::{Wished, Wishes};
use crate::write::{Ticket, WriteRequest};

/// Writes under way from the loop to a line that is busy with one request, which takes a second at most.
const WRITES_DEPTH: usize = 16;
/// Steps that lines told and the loop hasn't passed on: a line makes at most a few thousand a second, the loop is never
/// busy for longer than a few ms. A line that finds it full waits, and asks its devices the less.
const TOLD_DEPTH: usize = 64;
/// Counters are for people: they are published at most this often.
const COUNTERS_EVERY: Duration = Duration::from_secs(2);

/// Polls until it is told to stop.
pub async fn run(config: Config, link: Link, clock: SharedClock, stop: Stop, notify: Notify) -> Result<(), RunError> {
    // A task as the lines are, so that it has its turn right after the line that told it something. The runtime's own first
    // future has it only when the runtime has looked through all sockets and timers.
    let mut serving = JoinSet::new();
    serving.spawn(serve(config, link, clock, stop, notify));
    let ended = serving.join_next().await.expect("one was spawned");
    ended.expect("nobody aborts it, and whoever falls over takes the process along")
}

async fn serve(config: Config, link: Link, clock: SharedClock, stop: Stop, notify: Notify) -> Result<(), RunError> {
    let mut lines = JoinSet::new();
    let (tell, mut told) = mpsc::channel(TOLD_DEPTH);
    let mut daemon = Daemon::new(&config, link, clock.clone());
    for (number, line) in config.lines.into_iter().enumerate() {
        let (send, writes) = mpsc::channel(WRITES_DEPTH);
        daemon.lines[number].writes = Some(send);
        lines.spawn(
            Line::new(number, line, clock.clone(), writes, tell.clone(), daemon.lines[number].trace.clone()).serve(),
        );
    }
    let mut tick = interval(COUNTERS_EVERY.min(notify.pat_interval()));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    notify.ready();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            event = daemon.link.next() => daemon.on_event(event),
            Some(told) = told.recv() => daemon.on_told(told),
            Some(_) = lines.join_next() => return Err(RunError::LineEnded),
            _ = tick.tick() => daemon.on_tick(&notify),
        }
    }
    notify.stopping();
    Ok(())
}

struct Daemon {
    link: Link,
    clock: SharedClock,
    reporter: Reporter,
    lines: Vec<LineEnd>,
    /// Per tag of the config.
    handles: Vec<Handle>,
    /// Per group of the reporter.
    groups: Vec<Group>,
    /// Where a tag is written, and within what: line and point.
    written: HashMap<Handle, (usize, usize, Limits)>,
    /// Per line: who wrote what.
    wishes: Vec<Wishes>,
    /// When the counters were last published.
    counted_at: Option<Instant>,
    /// Where what is learned of devices is kept.
    memory: Option<PathBuf>,
    /// Per line.
    learned: Vec<Learned>,
    /// Something was learned since it was last written down.
    learned_news: bool,
}

impl Daemon {
    fn new(config: &Config, mut link: Link, clock: SharedClock) -> Self {
        let reporter = Reporter::new(config);
        let mut handles: Vec<Option<Handle>> = vec![None; config.tags.len()];
        let mut groups = Vec::new();
        for plan in reporter.groups() {
            let group = link.group(Some(plan.stale));
            groups.push(group);
            for tag in &plan.tags {
                handles[*tag] = Some(link.own(&config.tags[*tag].name, group));
            }
        }
        let handles: Vec<Handle> = handles.into_iter().map(|h| h.expect("every tag is in a block")).collect();
        let by_name: HashMap<&TagName, Handle> =
            config.tags.iter().map(|tag| &tag.name).zip(handles.iter().copied()).collect();
        let mut written = HashMap::new();
        for (n, line) in config.lines.iter().enumerate() {
            for (p, point) in line.points.iter().enumerate().filter(|(_, point)| point.write.is_some()) {
                written.insert(by_name[&point.name], (n, p, point.limits));
            }
        }
        // How a line is stays true until it is said otherwise: no freshness limit.
        let always = link.group(None);
        let lines = config.lines.iter().map(|line| LineEnd::new(&mut link, always, line)).collect();
        Self {
            link,
            clock,
            reporter,
            lines,
            handles,
            groups,
            written,
            wishes: config.lines.iter().map(|_| Wishes::default()).collect(),
            counted_at: None,
            memory: config.memory.clone(),
            learned: config.lines.iter().map(|line| line.learned.clone()).collect(),
            learned_news: false,
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Write { id, tag, value, deadline, who } => self.on_write(id, tag, value, deadline, &who),
            Event::Ask { id, tag, .. } => {
                if let Some(line) = self.lines.iter().find(|line| line.frames == tag) {
                    return self.link.answer(id, Value::Bytes(line.pcap().into()), true);
                }
                if let Some(line) = self.lines.iter().position(|line| line.is_state(tag)) {
                    let mut told = self.lines[line].told();
                    told["writes"] = self.wishes[line].told();
                    return self.link.answer(id, Value::Json(told.to_string().into()), true);
                }
                let sorry = r#"{"error": "a Modbus tag answers no questions"}"#;
                self.link.answer(id, Value::Json(sorry.into()), true);
            }
            Event::Refused(why) => log::error!("the bus refuses: {why}"),
            Event::Up => log::info!("on the bus"),
            Event::Down(why) => log::warn!("the bus can't be reached: {why}"),
            _ => {}
        }
    }

    fn on_write(&mut self, id: RequestId, tag: Handle, value: Value, deadline: Uptime, who: &str) {
        let Some(&(line, point, limits)) = self.written.get(&tag) else {
            return self.link.settle(id, Outcome::Refused("read only".into()));
        };
        let ticket = Ticket(id.0);
        // The line finds the same; here it is for the log.
        let instead = limits.instead(&value).ok().flatten();
        let wished = Wished { value: value.clone(), instead };
        self.wishes[line].begin(self.clock.wall(), ticket, self.link.name(tag).as_str(), wished, who);
        // It lay in our socket while we didn't run, and who wrote it has been told so.
        let Some(left) = deadline.left(self.clock.uptime()) else {
            return self.settle(line, ticket, Outcome::Expired);
        };
        let deadline = self.clock.mono() + left;
        let sent = self.lines[line].writes.as_ref().is_some_and(|writes| {
            let request = WriteRequest { ticket, point, value, deadline };
            writes.try_send(request).is_ok()
        });
        if !sent {
            self.settle(line, ticket, Outcome::Refused("too many writes are waiting".into()));
        }
    }

    fn on_told(&mut self, told: Told) {
        self.lines[told.line].counters = told.counters;
        for say in self.reporter.on_reports(told.line, self.clock.wall(), told.reports) {
            match say {
                Say::Publish(tag, sample) => self.link.publish(self.handles[tag], sample),
                Say::Confirm(group) => self.link.confirm(self.groups[group]),
                Say::Settle(ticket, outcome) => self.settle(told.line, ticket, outcome),
                Say::Status(line, status) => {
                    let (now, at) = (self.clock.mono(), self.clock.wall());
                    self.lines[line].status(&mut self.link, now, at, &status);
                }
            }
        }
        if let Some(stats) = told.stats {
            let (now, at) = (self.clock.mono(), self.clock.wall());
            self.lines[told.line].stats(&mut self.link, now, at, stats);
        }
        if let Some(learned) = told.learned {
            self.learned[told.line] = learned;
            self.learned_news = true;
        }
        // Before anything else has its turn: somebody waits for it on the page.
        self.link.flush();
    }

    fn settle(&mut self, line: usize, ticket: Ticket, outcome: Outcome) {
        let wish = self.wishes[line].on_outcome(self.clock.wall(), ticket, &outcome);
        match (wish, &outcome) {
            (Some(wish), Outcome::Confirmed) => log::info!("write {wish}: confirmed"),
            (Some(wish), other) => log::warn!("write {wish}: {other:?}"),
            (None, _) => {}
        }
        self.link.settle(RequestId(ticket.0), outcome);
    }

    fn on_tick(&mut self, notify: &Notify) {
        notify.pat();
        let now = self.clock.mono();
        if self.counted_at.is_some_and(|at| now.duration_since(at) < COUNTERS_EVERY) {
            return;
        }
        self.counted_at = Some(now);
        let at = self.clock.wall();
        for line in &mut self.lines {
            line.counts(&mut self.link, now, at);
        }
        self.keep_memory();
    }

    /// Writes down what was learned since the last time. In a thread of its own: flash may take its time.
    fn keep_memory(&mut self) {
        let Some(file) = self.memory.clone().filter(|_| self.learned_news) else { return };
        self.learned_news = false;
        let text: String =
            self.lines.iter().zip(&self.learned).map(|(line, learned)| learned.to_text(&line.name)).collect();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = shell::write_atomic(&file, text.as_bytes(), 0o640) {
                log::warn!("what was learned of the devices isn't kept in {}: {error}", file.display());
            }
        });
    }
}
