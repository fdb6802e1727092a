//! The daemon: one task per line, and the one loop that stands between them and the bus.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use link::{Event, Group, Handle, Link, Outcome, RequestId};
use shell::{Notify, SharedClock, Stop};
use tag::{Reading, Sample, TagName, Uptime, Value};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::config::Config;
use crate::device::{Counters, Status};
use crate::error::RunError;
use crate::line::{Line, Told};
use crate::report::{Reporter, Say};
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
    let mut lines = JoinSet::new();
    let (tell, mut told) = mpsc::channel(TOLD_DEPTH);
    let mut daemon = Daemon::new(&config, link, clock.clone());
    for (number, line) in config.lines.into_iter().enumerate() {
        let (send, writes) = mpsc::channel(WRITES_DEPTH);
        daemon.lines[number].writes = Some(send);
        lines.spawn(Line::new(number, line, clock.clone(), writes, tell.clone()).serve());
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
    /// Where a tag is written: line and point.
    written: HashMap<Handle, (usize, usize)>,
    /// For the log: who wrote what. Bounded by the writes that lines take.
    wishes: HashMap<Ticket, String>,
    /// When the counters were last published.
    counted_at: Option<Instant>,
}

/// The loop's end of a line.
struct LineEnd {
    name: String,
    writes: Option<mpsc::Sender<WriteRequest>>,
    state: Handle,
    why: Handle,
    counted: [Handle; 3],
    counters: Counters,
    published: Option<Counters>,
    /// As last logged.
    ok: Option<bool>,
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
                written.insert(by_name[&point.name], (n, p));
            }
        }
        // How a line is stays true until it is said otherwise: no freshness limit.
        let always = link.group(None);
        let lines = config.lines.iter().map(|line| LineEnd::new(&mut link, always, &line.name)).collect();
        Self { link, clock, reporter, lines, handles, groups, written, wishes: HashMap::new(), counted_at: None }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Write { id, tag, value, deadline, who } => self.on_write(id, tag, value, deadline, &who),
            Event::Ask { id, .. } => {
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
        let Some(&(line, point)) = self.written.get(&tag) else {
            return self.link.settle(id, Outcome::Refused("read only".into()));
        };
        let ticket = Ticket(id.0);
        let wish = format!("{} = {value:?} by {who}", self.link.name(tag));
        // It lay in our socket while we didn't run, and who wrote it has been told so.
        let Some(left) = deadline.left(self.clock.uptime()) else {
            log::warn!("write {wish}: it came too late");
            return self.link.settle(id, Outcome::Expired);
        };
        let deadline = self.clock.mono() + left;
        let sent = self.lines[line].writes.as_ref().is_some_and(|writes| {
            let request = WriteRequest { ticket, point, value, deadline };
            writes.try_send(request).is_ok()
        });
        if sent {
            self.wishes.insert(ticket, wish);
        } else {
            log::warn!("write {wish}: too many are waiting");
            self.link.settle(id, Outcome::Refused("too many writes are waiting".into()));
        }
    }

    fn on_told(&mut self, told: Told) {
        self.lines[told.line].counters = told.counters;
        for say in self.reporter.on_reports(told.line, self.clock.wall(), told.reports) {
            match say {
                Say::Publish(tag, sample) => self.link.publish(self.handles[tag], sample),
                Say::Confirm(group) => self.link.confirm(self.groups[group]),
                Say::Settle(ticket, outcome) => self.settle(ticket, outcome),
                Say::Status(line, status) => self.on_status(line, &status),
            }
        }
    }

    fn settle(&mut self, ticket: Ticket, outcome: Outcome) {
        if outcome.is_final() {
            let wish = self.wishes.remove(&ticket).unwrap_or_default();
            match &outcome {
                Outcome::Confirmed => log::info!("write {wish}: confirmed"),
                other => log::warn!("write {wish}: {other:?}"),
            }
        }
        self.link.settle(RequestId(ticket.0), outcome);
    }

    fn on_status(&mut self, line: usize, status: &Status) {
        let end = &mut self.lines[line];
        let was = end.ok.replace(status.ok);
        match (status.ok, status.last_answer) {
            // The reason has changed; the page shows it, the log has had its line.
            (false, _) if was == Some(false) => {}
            (true, _) => log::info!("{} is online", end.name),
            (false, Some(ago)) => {
                log::warn!("{} went offline: {}, last answer {} s ago", end.name, status.why, ago.as_secs());
            }
            (false, None) => log::warn!("{} is offline: {}, never answered", end.name, status.why),
        }
        let at = self.clock.wall();
        let state = Reading::Good(Value::Int(status.ok.into()));
        let why = Reading::Good(Value::Text(status.why.as_str().into()));
        self.link.publish(end.state, Sample { at, reading: state });
        self.link.publish(end.why, Sample { at, reading: why });
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
            if line.published == Some(line.counters) {
                continue;
            }
            line.published = Some(line.counters);
            let Counters { requests, timeouts, exceptions } = line.counters;
            for (handle, count) in line.counted.iter().zip([requests, timeouts, exceptions]) {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                self.link.publish(*handle, Sample { at, reading: Reading::Good(Value::Int(count)) });
            }
        }
    }
}

impl LineEnd {
    fn new(link: &mut Link, group: Group, name: &str) -> Self {
        let mut own = |what: &str| {
            let name = TagName::parse(&format!("sys.modbus.{name}.{what}")).expect("config checked the line's name");
            link.own(&name, group)
        };
        Self {
            name: name.to_owned(),
            writes: None,
            state: own("state"),
            why: own("why"),
            counted: ["requests", "timeouts", "exceptions"].map(own),
            counters: Counters::default(),
            published: None,
            ok: None,
        }
    }
}
