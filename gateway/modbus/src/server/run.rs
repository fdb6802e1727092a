//! The server's loop: between masters and the bus.

use std::collections::HashMap;
use std::time::Duration;

use link::{Event, Handle, Link, Outcome, WriteId};
use shell::{Notify, SharedClock, Stop};
use site::ModbusServer;
use tag::{Delivery, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::door::{Doors, Question, open_all};
use super::figures::Figures;
use super::image::{DEVICE_FAILURE, Image, Served};
use crate::error::RunError;

/// Questions that wait: each master has one at a time, and there are few masters.
const QUESTIONS_DEPTH: usize = 32;
/// How long an owner has for a write. Masters wait a second or two for an answer.
const WRITE_TIME: Duration = Duration::from_millis(1500);
/// Broadcasts whose writes are under way. Nobody waits for them, so nobody is slowed down by them: a master that sends more
/// in [`WRITE_TIME`] overruns its own.
const BROADCASTS_MAX: usize = 16;
/// Counts are for people: they are told at most this often.
const FIGURES_EVERY: Duration = Duration::from_secs(2);

/// A write of several tags, until all of them are settled.
struct Pending {
    door: usize,
    left: usize,
    failed: bool,
    function: u8,
    echo: Vec<u8>,
    /// The master waits for it; `None`: it was a broadcast.
    answer: Option<oneshot::Sender<Option<Vec<u8>>>>,
}

struct Server {
    link: Link,
    clock: SharedClock,
    /// One for each door, as are the figures.
    images: Vec<Image>,
    figures: Vec<Figures>,
    handles: Vec<Handle>,
    /// A tag may lie in several places.
    by_handle: HashMap<Handle, Vec<usize>>,
    /// Bounded by the questions and the broadcasts: each write belongs to one.
    writes: HashMap<WriteId, u64>,
    pending: HashMap<u64, Pending>,
    next: u64,
}

/// Serves until it is told to stop.
pub async fn serve(
    site: ModbusServer,
    doors: Doors,
    mut link: Link,
    clock: SharedClock,
    stop: Stop,
    notify: Notify,
) -> Result<(), RunError> {
    let (ask, mut asked) = mpsc::channel(QUESTIONS_DEPTH);
    let images = site.doors.iter().enumerate().map(|(n, door)| Image::new(n, &door.serve, &site.tags)).collect();
    let handles: Vec<Handle> = site.tags.iter().map(|tag| link.watch(&tag.name, Delivery::Latest, None)).collect();
    let mut by_handle: HashMap<Handle, Vec<usize>> = HashMap::new();
    for (n, handle) in handles.iter().enumerate() {
        by_handle.entry(*handle).or_default().push(n);
    }
    // What was counted stays true: no freshness limit.
    let always = link.group(None);
    let figures = site.doors.iter().map(|door| Figures::new(&mut link, always, door)).collect();
    let (writes, pending) = (HashMap::new(), HashMap::new());
    let mut server = Server { link, clock, images, figures, handles, by_handle, writes, pending, next: 0 };
    let mut tasks = JoinSet::new();
    open_all(site.doors, doors, &ask, &mut tasks);
    let mut tick = interval(FIGURES_EVERY.min(notify.pat_interval()));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    notify.ready();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            event = server.link.next() => server.on_event(event),
            Some(question) = asked.recv() => server.on_question(question),
            Some(_) = tasks.join_next() => return Err(RunError::LineEnded),
            _ = tick.tick() => server.on_tick(&notify),
        }
    }
    notify.stopping();
    Ok(())
}

impl Server {
    fn on_event(&mut self, event: Event) {
        match event {
            Event::Sample(handle, sample) => {
                for &tag in self.by_handle.get(&handle).into_iter().flatten() {
                    self.images.iter_mut().for_each(|image| image.set(tag, &sample.reading));
                }
            }
            Event::Outcome(id, outcome) if outcome.is_final() => {
                let well = matches!(outcome, Outcome::Confirmed | Outcome::Stored);
                if let Some(question) = self.writes.remove(&id) {
                    self.on_written(question, well);
                }
            }
            Event::Refused(why) => log::error!("the bus refuses: {why}"),
            Event::Up => log::info!("on the bus"),
            Event::Down(why) => {
                log::warn!("the bus can't be reached: {why}; every tag is old until it is back");
                self.images.iter_mut().for_each(Image::lose);
            }
            _ => {}
        }
    }

    fn on_question(&mut self, question: Question) {
        let Question { door, unit, pdu, silent, who, answer } = question;
        let image = &self.images[door];
        if silent && unit == 0 {
            // The line is free for the next question at once.
            let _ = answer.send(None);
            return self.on_broadcast(door, &pdu, &who);
        }
        if silent && !image.has_unit(unit) {
            // Somebody else's on this line.
            let _ = answer.send(None);
            return;
        }
        let counts = &mut self.figures[door].counts;
        counts.requests += 1;
        match image.serve(unit, &pdu) {
            Served::Answer(said) => {
                counts.exceptions += u64::from(is_exception(&said));
                let _ = answer.send(Some(said));
            }
            Served::Write { values, echo } => {
                let (left, function) = (values.len(), pdu.first().copied().unwrap_or(0));
                let pending = Pending { door, left, failed: false, function, echo, answer: Some(answer) };
                self.write(values, pending, &who);
            }
        }
    }

    /// All units of a line were told something: ours do what they can.
    fn on_broadcast(&mut self, door: usize, pdu: &[u8], who: &str) {
        let values = self.images[door].serve_all(pdu);
        let counts = &mut self.figures[door].counts;
        counts.requests += 1;
        if values.is_empty() {
            return;
        }
        counts.broadcasts += 1;
        if self.pending.values().filter(|pending| pending.answer.is_none()).count() >= BROADCASTS_MAX {
            counts.broadcasts_failed += 1;
            return;
        }
        let (left, function, echo) = (values.len(), 0, Vec::new());
        self.write(values, Pending { door, left, failed: false, function, echo, answer: None }, who);
    }

    fn write(&mut self, values: Vec<(usize, Value)>, pending: Pending, who: &str) {
        self.next += 1;
        self.pending.insert(self.next, pending);
        let deadline = self.clock.uptime().after(WRITE_TIME);
        for (tag, value) in values {
            let id = self.link.write(self.handles[tag], value, deadline, who);
            self.writes.insert(id, self.next);
        }
    }

    fn on_tick(&mut self, notify: &Notify) {
        notify.pat();
        let at = self.clock.wall();
        self.figures.iter_mut().for_each(|door| door.tell(&mut self.link, at));
    }

    /// One of the tags of a master's write was settled.
    fn on_written(&mut self, question: u64, well: bool) {
        let Some(pending) = self.pending.get_mut(&question) else { return };
        pending.left -= 1;
        pending.failed |= !well;
        if pending.left > 0 {
            return;
        }
        let Some(Pending { door, failed, function, echo, answer, .. }) = self.pending.remove(&question) else { return };
        let counts = &mut self.figures[door].counts;
        let Some(answer) = answer else {
            counts.broadcasts_failed += u64::from(failed);
            return;
        };
        counts.exceptions += u64::from(failed);
        let said = if failed { vec![function | 0x80, DEVICE_FAILURE] } else { echo };
        // The master may have gone meanwhile.
        let _ = answer.send(Some(said));
    }
}

fn is_exception(pdu: &[u8]) -> bool {
    pdu.first().is_some_and(|function| function & 0x80 != 0)
}
