//! Open-throttle load on a bus: one sender, some subscribers, each reading as fast as it can.
//!
//! The sender keeps a window: it never is more than [`WINDOW`] updates ahead of the slowest subscriber, far below what a
//! bus may let wait for one. Only what all subscribers have received counts, and each checks what it receives.

use std::io::Read;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, SET_BYTES, set_frame};
use crate::fail::{Doing, Fail};
use crate::site::tag_name;

const TAGS: usize = 1000;
/// Updates on the way, 184 kB for each subscriber: what suits pymscada best; Forebay takes 2 to 64 thousand as well.
const WINDOW: u64 = 8 * TAGS as u64;
const DURATION: Duration = Duration::from_millis(1500);
/// How long what is on the way at the end may take to be gone.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same where nobody waits for it.
const PATIENCE_STALLED: Duration = Duration::from_secs(1);
/// What a subscriber's read takes.
const READ_BYTES: usize = 256 << 10;
/// How long the sender sleeps at most when nobody wakes it.
const NAP: Duration = Duration::from_millis(1);

/// Who listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) subscribers: usize,
    /// One more subscribes and never reads.
    pub(crate) stalled: bool,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Driven {
    /// Updates a second that reached every reading subscriber.
    pub(crate) rate: f64,
    /// ns of processor time that the bus spent on each.
    pub(crate) cpu: f64,
}

/// What sender and subscribers share.
struct Shared {
    received: Vec<AtomicU64>,
    over: AtomicBool,
}

impl Shared {
    fn slowest(&self) -> u64 {
        self.received.iter().map(|count| count.load(Ordering::Acquire)).min().unwrap_or(0)
    }
}

/// Updates a second that reached every reading subscriber.
pub(crate) fn drive(bus: SocketAddr, load: &Load) -> Result<f64, Fail> {
    drive_for(bus, load, DURATION, &|| Ok(Duration::ZERO)).map(|driven| driven.rate)
}

/// The same for so long, with the processor time of the bus: `spent` says what it has had so far.
pub(crate) fn drive_for(
    bus: SocketAddr,
    load: &Load,
    duration: Duration,
    spent: &dyn Fn() -> Result<Duration, Fail>,
) -> Result<Driven, Fail> {
    let names: Vec<String> = (0..TAGS).map(tag_name).collect();
    let mut sender = Client::connect(bus)?;
    let ids = sender.ids(&names)?;
    let subscriber = || -> Result<TcpStream, Fail> {
        let mut client = Client::connect(bus)?;
        client.subscribe(&ids)?;
        Ok(client.stream)
    };
    let _never_reads = load.stalled.then(subscriber).transpose()?;
    let readers = (0..load.subscribers).map(|_| subscriber()).collect::<Result<Vec<_>, _>>()?;
    let shared = Shared { received: readers.iter().map(|_| AtomicU64::new(0)).collect(), over: AtomicBool::new(false) };
    thread::scope(|scope| {
        let me = thread::current();
        let handles: Vec<_> = readers
            .iter()
            .enumerate()
            .map(|(place, stream)| {
                let (shared, me, ids) = (&shared, me.clone(), &ids);
                scope.spawn(move || receive(stream, shared, place, ids, &me))
            })
            .collect();
        let driven = send(&mut sender, &shared, &ids, duration, spent);
        shared.over.store(true, Ordering::SeqCst);
        for stream in &readers {
            // It may have been closed by the other side; then its reader has ended with an error already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        let ends = handles.into_iter().map(|handle| handle.join().unwrap_or_else(|_| Err("a reader fell over".into())));
        ends.collect::<Result<Vec<()>, Fail>>()?;
        // What is still on the way must not reach the next round's subscribers: an answer to this comes behind it.
        // pymscada with a stalled subscriber would take minutes for that; it isn't used again.
        let patience = if load.stalled { PATIENCE_STALLED } else { PATIENCE };
        sender.stream.set_read_timeout(Some(patience)).doing("ending a round")?;
        let drained = sender.get(ids[0]);
        if !load.stalled {
            drained?;
        }
        driven
    })
}

fn send(
    sender: &mut Client,
    shared: &Shared,
    ids: &[u16],
    duration: Duration,
    spent: &dyn Fn() -> Result<Duration, Fail>,
) -> Result<Driven, Fail> {
    let mut batch: Vec<u8> = ids.iter().flat_map(|id| set_frame(*id, 0)).collect();
    let (spent_before, began, mut sent) = (spent()?, Instant::now(), 0_u64);
    loop {
        let slowest = shared.slowest();
        let ran = began.elapsed();
        if ran >= duration {
            let spent = spent()?.saturating_sub(spent_before);
            let cpu = spent.as_secs_f64() * 1e9 / slowest.max(1) as f64;
            return Ok(Driven { rate: slowest as f64 / ran.as_secs_f64(), cpu });
        }
        if sent - slowest >= WINDOW {
            thread::park_timeout(NAP);
            continue;
        }
        for frame in batch.chunks_exact_mut(SET_BYTES) {
            frame[15..].copy_from_slice(&sent.to_be_bytes());
            sent += 1;
        }
        sender.send(&batch)?;
    }
}

/// Counts what comes until the connection is shut down. Every frame must be the next one: nothing lost, nothing twice,
/// nothing out of order.
fn receive(
    mut stream: &TcpStream,
    shared: &Shared,
    place: usize,
    ids: &[u16],
    sender: &thread::Thread,
) -> Result<(), Fail> {
    let mut buffer = vec![0; READ_BYTES];
    let (mut have, mut count) = (0, 0_u64);
    loop {
        let n = match stream.read(&mut buffer[have..]) {
            Ok(n) => n,
            Err(_) if shared.over.load(Ordering::SeqCst) => return Ok(()),
            Err(error) => return Err(error).doing("reading as a subscriber"),
        };
        if n == 0 {
            let is_over = shared.over.load(Ordering::SeqCst);
            return if is_over { Ok(()) } else { Err("the bus dropped a subscriber that read".into()) };
        }
        have += n;
        let whole = have - have % SET_BYTES;
        for frame in buffer[..whole].chunks_exact(SET_BYTES) {
            let id = ids[(count % TAGS as u64) as usize];
            if frame[2..4] != id.to_be_bytes() || frame[15..] != count.to_be_bytes() {
                return Err(Fail(format!("subscriber {place}: update {count} is not the one that was sent")));
            }
            count += 1;
        }
        buffer.copy_within(whole..have, 0);
        have -= whole;
        shared.received[place].store(count, Ordering::Release);
        sender.unpark();
    }
}
