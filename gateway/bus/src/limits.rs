//! Every bound of the bus and its reason.

use std::time::Duration;

/// Tags a site may have: tag ids are 16 bits, 0 means none and 1 is the bus's own tag.
pub const TAGS_MAX: usize = 65_534;
/// All stored values: what a small box can spare; a site's values are a thousandth of it.
pub const STORED_BYTES_MAX: usize = 128 << 20;
/// Peers at once: a hundred scripts and modules leave room for reconnects that overlap.
pub const PEERS_MAX: usize = 256;
/// Of these, scripts: whoever opens the port's connections without end must not keep out a module that comes back.
pub const SCRIPTS_MAX: usize = PEERS_MAX - 32;
/// Protocol 1 subscribers get every SET; one with more than this unread isn't reading.
pub const WAITING_BYTES_MAX: usize = 16 << 20;
/// A peer that takes nothing for so long while something waits for it is dropped.
pub const STALL_MAX: Duration = Duration::from_secs(30);
/// Readings that wait for one `Every` listener: 13 s at 5,000 a second, longer than any flash stalls; past it a gap mark.
pub const EVERY_DEPTH: usize = 65_536;
/// Bytes of those readings.
pub const EVERY_BYTES_MAX: usize = 16 << 20;
/// Frames other than readings that wait for one module: a module that doesn't take them is gone.
pub const CONTROL_BYTES_MAX: usize = 8 << 20;
/// Pieces of answers that wait for one module: one longest value and its lists.
pub const PIECES_BYTES_MAX: usize = 24 << 20;
/// How much is laid out for a socket at once: one good write, little enough that a fresh value is not far behind it.
pub const FILL_BYTES: usize = 64 << 10;
/// Writes one owner may have open: more at once is a script gone wild.
pub const OPEN_WRITES_MAX: usize = 1024;
/// Questions one peer may have open.
pub const OPEN_QUESTIONS_MAX: usize = 64;
/// How long a protocol 1 write stays useful; protocol 2 says its own.
pub const WRITE_EXPIRES: Duration = Duration::from_secs(5);
/// The longest any write may stay open: nobody waits longer for a device, whatever a module says.
pub const WRITE_LIFE_MAX: Duration = Duration::from_secs(10 * 60);
/// What an owner gets on top of a write's limit to say what became of it.
pub const SETTLE_GRACE: Duration = Duration::from_secs(2);
/// An owner that answers no piece for so long won't.
pub const ANSWER_PATIENCE: Duration = Duration::from_secs(60);
/// A module that came back has so long to own its tags again; what it doesn't is nobody's.
pub const ORPHAN_PATIENCE: Duration = Duration::from_secs(10);
/// Work for one peer before the others have their turn, in subscribers served: well under a millisecond.
pub const TURN_WORK: usize = 16_384;
/// Lines of LOG one peer may have in our log per second.
pub const LOG_LINES_PER_S: u32 = 10;
