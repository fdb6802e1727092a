//! The server's loop: between masters and the bus.

use std::collections::HashMap;
use std::time::Duration;

use link::{Event, Handle, Link, Outcome, WriteId};
use shell::{Notify, SharedClock, Stop};
use site::ModbusServer;
use tag::Delivery;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::door::{Doors, Question, open_all};
use super::image::{DEVICE_FAILURE, Image, Served};
use crate::error::RunError;

/// Questions that wait: each master has one at a time, and there are few masters.
const QUESTIONS_DEPTH: usize = 32;
/// How long an owner has for a write. Masters wait a second or two for an answer.
const WRITE_TIME: Duration = Duration::from_millis(1500);

/// A master waits until its tags are written.
struct Pending {
    left: usize,
    failed: bool,
    function: u8,
    echo: Vec<u8>,
    answer: oneshot::Sender<Option<Vec<u8>>>,
}

struct Server {
    link: Link,
    clock: SharedClock,
    images: Vec<Image>,
    handles: Vec<Handle>,
    /// A tag may lie in several places.
    by_handle: HashMap<Handle, Vec<usize>>,
    /// Bounded by the questions: each write belongs to one.
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
    let (writes, pending) = (HashMap::new(), HashMap::new());
    let mut server = Server { link, clock, images, handles, by_handle, writes, pending, next: 0 };
    let mut tasks = JoinSet::new();
    open_all(site.doors, doors, &ask, &mut tasks);
    let mut tick = interval(notify.pat_interval());
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    notify.ready();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            event = server.link.next() => server.on_event(event),
            Some(question) = asked.recv() => server.on_question(question),
            Some(_) = tasks.join_next() => return Err(RunError::LineEnded),
            _ = tick.tick() => notify.pat(),
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
        let everybody = silent && unit == 0;
        if silent && !image.has_unit(unit) && !everybody {
            // Somebody else's on this line.
            let _ = answer.send(None);
            return;
        }
        match image.serve(unit, &pdu) {
            Served::Answer(said) => drop(answer.send(Some(said))),
            Served::Write { values, echo } => {
                self.next += 1;
                let function = pdu.first().copied().unwrap_or(0);
                let pending = Pending { left: values.len(), failed: false, function, echo, answer };
                self.pending.insert(self.next, pending);
                let deadline = self.clock.uptime().after(WRITE_TIME);
                for (tag, value) in values {
                    let id = self.link.write(self.handles[tag], value, deadline, &who);
                    self.writes.insert(id, self.next);
                }
            }
        }
    }

    /// One of the tags of a master's write was settled.
    fn on_written(&mut self, question: u64, well: bool) {
        let Some(pending) = self.pending.get_mut(&question) else { return };
        pending.left -= 1;
        pending.failed |= !well;
        if pending.left > 0 {
            return;
        }
        if let Some(Pending { failed, function, echo, answer, .. }) = self.pending.remove(&question) {
            let said = if failed { vec![function | 0x80, DEVICE_FAILURE] } else { echo };
            // The master may have gone meanwhile.
            let _ = answer.send(Some(said));
        }
    }
}
