//! The pages' writes that are under way, until each has its last outcome.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use link::{Outcome, WriteId};

use crate::setpoint::WRITE_EXPIRES;
use crate::watch::{SocketId, WRITES_MAX};

/// The bus says what became of a write when it expires; if even that is lost, we say so a little later.
const OUTCOME_SLACK: Duration = Duration::from_secs(2);

/// Who wrote, and which of his writes it is by his own count.
pub(crate) type Writer = (SocketId, u64);

/// The writes. Never more than [`WRITES_MAX`] of a socket.
#[derive(Debug, Default)]
pub(crate) struct Writes(HashMap<WriteId, Write>);

#[derive(Debug)]
struct Write {
    writer: Writer,
    give_up: Instant,
}

impl Writes {
    /// May this socket begin one more? If not, why not, for whoever wants to.
    pub(crate) fn has_room(&self, socket: SocketId) -> Result<(), String> {
        if self.of(socket) < WRITES_MAX {
            return Ok(());
        }
        Err(format!("{WRITES_MAX} writes are under way, wait for one of them"))
    }

    /// One was sent just now.
    pub(crate) fn begin(&mut self, now: Instant, id: WriteId, writer: Writer) {
        self.0.insert(id, Write { writer, give_up: now + WRITE_EXPIRES + OUTCOME_SLACK });
    }

    /// Who is to be told of an outcome; the last one ends the write. Nobody, when it has ended.
    pub(crate) fn on_outcome(&mut self, id: WriteId, outcome: &Outcome) -> Option<Writer> {
        let writer = self.0.get(&id)?.writer;
        if outcome.is_final() {
            self.0.remove(&id);
        }
        Some(writer)
    }

    /// How many of a socket's are under way.
    pub(crate) fn of(&self, socket: SocketId) -> usize {
        self.0.values().filter(|write| write.writer.0 == socket).count()
    }

    /// Those that nothing is heard of any more, ended.
    pub(crate) fn take_late(&mut self, now: Instant) -> Vec<Writer> {
        let late: Vec<WriteId> = self.0.iter().filter(|(_, write)| write.give_up <= now).map(|(id, _)| *id).collect();
        late.into_iter().filter_map(|id| self.0.remove(&id)).map(|write| write.writer).collect()
    }

    /// All of them, ended: nobody is left to speak of them.
    pub(crate) fn take_all(&mut self) -> Vec<Writer> {
        self.0.drain().map(|(_, write)| write.writer).collect()
    }
}
