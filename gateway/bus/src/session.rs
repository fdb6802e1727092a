//! One connection's bytes: the only place that reads and writes sockets.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;

use shell::{Readable, SharedClock, Socket};
use tokio::sync::Notify;

use crate::board::Switchboard;
use crate::peer::{LogBudget, PeerId};

/// What a read takes at most: a peer's share of one turn.
const READ_BYTES: usize = 64 << 10;

/// A peer that often leaves a little keeps the memory for it.
const REST_KEPT_BYTES: usize = 1 << 10;

/// What the sessions of a bus share. One thread: nothing of it is held over an await.
pub(crate) struct Shared {
    pub(crate) board: RefCell<Switchboard>,
    pub(crate) clock: SharedClock,
    lines: RefCell<HashMap<PeerId, Rc<Line>>>,
    /// Where every read goes first: most of them are understood at once, and no peer needs memory of its own for that.
    desk: RefCell<Box<[u8]>>,
    turned_away: RefCell<LogBudget>,
}

/// A peer's socket and how to wake its writer.
pub(crate) struct Line {
    socket: Socket,
    writable: Notify,
    closed: Notify,
}

impl Shared {
    pub(crate) fn new(board: Switchboard, clock: SharedClock) -> Rc<Self> {
        let turned_away = RefCell::new(LogBudget::new(clock.mono()));
        let desk = RefCell::new(vec![0; READ_BYTES].into());
        Rc::new(Self { board: RefCell::new(board), clock, lines: RefCell::default(), desk, turned_away })
    }

    /// Somebody came when all places were taken: said at most so often, for whoever floods us with connections.
    pub(crate) fn turned_away(&self, who: &str) {
        if let Some(unsaid) = self.turned_away.borrow_mut().spend(self.clock.mono()) {
            log::warn!("{who} was turned away: all places are taken ({unsaid} more times unsaid)");
        }
    }

    /// Tells the board the time, then lets `act` speak to it.
    pub(crate) fn with_board<T>(&self, act: impl FnOnce(&mut Switchboard) -> T) -> T {
        let mut board = self.board.borrow_mut();
        board.at(self.clock.now());
        act(&mut board)
    }

    /// Writes what was laid out, at once where the socket takes it: no other task stands between a SET and its
    /// subscribers. What a socket doesn't take now its own writer task sends later.
    pub(crate) fn flush(&self) {
        loop {
            let touched = self.board.borrow_mut().next_touched();
            let Some(id) = touched else { break };
            let line = self.lines.borrow().get(&id).cloned();
            if let Some(line) = line {
                if !self.flush_one(id, &line) {
                    line.writable.notify_one();
                }
            }
        }
        loop {
            let closed = self.board.borrow_mut().next_closed();
            let Some((id, why)) = closed else { break };
            log::warn!("closing {}: {why}", self.board.borrow().label(id));
            if let Some(line) = self.lines.borrow().get(&id) {
                line.closed.notify_one();
            }
        }
    }

    /// Writes until nothing waits (true) or the socket takes no more (false).
    fn flush_one(&self, id: PeerId, line: &Line) -> bool {
        loop {
            let mut board = self.board.borrow_mut();
            let output = board.output(id);
            if output.is_empty() {
                return true;
            }
            let taken = line.socket.try_write(output);
            board.at(self.clock.now());
            match taken {
                Ok(n) => board.taken(id, n),
                Err(error) => {
                    board.taken(id, 0);
                    // A broken socket is the reader's to find; it will.
                    return error.kind() != io::ErrorKind::WouldBlock;
                }
            }
        }
    }
}

/// Serves one peer until it leaves or is closed.
pub(crate) async fn serve(shared: Rc<Shared>, id: PeerId, socket: Socket) {
    let line = Rc::new(Line { socket, writable: Notify::new(), closed: Notify::new() });
    shared.lines.borrow_mut().insert(id, line.clone());
    tokio::select! {
        () = read(&shared, id, &line) => {}
        () = write(&shared, id, &line) => {}
        () = line.closed.notified() => {}
    }
    shared.lines.borrow_mut().remove(&id);
    shared.with_board(|board| board.leaves(id));
    shared.flush();
}

async fn read(shared: &Shared, id: PeerId, line: &Line) {
    let mut rest = Rest::default();
    loop {
        let Ok(readable) = line.socket.readable().await else { return };
        let (mut turn, emptied) = match take_in(shared, id, readable, &mut rest) {
            Ok(taken) => taken,
            Err(Left) => return,
        };
        // Whole frames may be left when the turn was over; the others come first.
        while turn == Turn::Over {
            tokio::task::yield_now().await;
            let Ok(next) = rest.understand(shared, id) else { return };
            turn = next;
        }
        // Who has said all there was waits for its socket, and the others have their turn without being let.
        if !emptied {
            tokio::task::yield_now().await;
        }
    }
}

/// Reads once and has it understood. Beside the turn: was that all there was in the socket?
fn take_in(shared: &Shared, id: PeerId, readable: Readable<'_>, rest: &mut Rest) -> Result<(Turn, bool), Left> {
    let mut desk = shared.desk.borrow_mut();
    let n = match readable.read(&mut desk) {
        Ok(0) => return Err(Left),
        Ok(n) => n,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok((Turn::Done, true)),
        Err(_) => return Err(Left),
    };
    let emptied = n < desk.len();
    if rest.bytes.is_empty() {
        let (taken, turn) = understand(shared, id, &desk[..n])?;
        rest.bytes.extend_from_slice(&desk[taken..n]);
        return Ok((turn, emptied));
    }
    rest.bytes.extend_from_slice(&desk[..n]);
    drop(desk);
    Ok((rest.understand(shared, id)?, emptied))
}

/// Has whole frames understood; returns how many bytes they were.
fn understand(shared: &Shared, id: PeerId, bytes: &[u8]) -> Result<(usize, Turn), Left> {
    let taken = shared.with_board(|board| board.receive(id, bytes));
    let result = match taken {
        Ok(n) if n == 0 || n == bytes.len() => Ok((n, Turn::Done)),
        Ok(n) => Ok((n, Turn::Over)),
        Err(why) => {
            log::warn!("closing {}: {why}", shared.board.borrow().label(id));
            Err(Left)
        }
    };
    shared.flush();
    result
}

async fn write(shared: &Shared, id: PeerId, line: &Line) {
    loop {
        line.writable.notified().await;
        while shared.board.borrow().waits(id) {
            if line.socket.writable().await.is_err() {
                return;
            }
            shared.flush_one(id, line);
            tokio::task::yield_now().await;
        }
    }
}

/// The peer is gone, or must go.
struct Left;

/// Is there more to understand in what was read?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Not before more comes.
    Done,
    /// Perhaps.
    Over,
}

/// What was read and not understood yet: mostly nothing, else the beginning of a frame, or frames that wait for the
/// peer's next turn.
#[derive(Default)]
struct Rest {
    bytes: Vec<u8>,
}

impl Rest {
    fn understand(&mut self, shared: &Shared, id: PeerId) -> Result<Turn, Left> {
        let (taken, turn) = understand(shared, id, &self.bytes)?;
        self.bytes.drain(..taken);
        if self.bytes.is_empty() && self.bytes.capacity() > REST_KEPT_BYTES {
            self.bytes = Vec::new();
        }
        Ok(turn)
    }
}
