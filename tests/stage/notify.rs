//! A supervisor's ear: the socket that `sd_notify` writes to.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Folder;

/// Bytes of one notification; systemd takes as much.
const MESSAGE_MAX: usize = 4096;

/// A notify socket, and all that was said to it.
#[derive(Debug)]
pub struct NotifySocket {
    socket: UnixDatagram,
    path: PathBuf,
    said: Vec<String>,
    _folder: Folder,
}

impl NotifySocket {
    /// A fresh one.
    pub fn new() -> Self {
        let folder = Folder::new();
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).expect("a notify socket");
        Self { socket, path, said: Vec::new(), _folder: folder }
    }

    /// What to put into `NOTIFY_SOCKET`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until `line` was said `times`; panics with everything that was.
    #[track_caller]
    pub fn hears(&mut self, line: &str, times: usize, within: Duration) {
        let end = Instant::now() + within;
        while self.count(line) < times {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{line} not {times} times within {within:?}; heard {:?}", self.said);
            self.socket.set_read_timeout(Some(left)).unwrap();
            let mut message = [0; MESSAGE_MAX];
            if let Ok(size) = self.socket.recv(&mut message) {
                let text = String::from_utf8_lossy(&message[..size]).into_owned();
                self.said.extend(text.lines().map(str::to_owned));
            }
        }
    }

    /// True when nothing comes for so long, once what is already there is taken.
    pub fn quiet_for(&mut self, span: Duration) -> bool {
        let mut message = [0; MESSAGE_MAX];
        self.socket.set_nonblocking(true).unwrap();
        while self.socket.recv(&mut message).is_ok() {}
        self.socket.set_nonblocking(false).unwrap();
        self.socket.set_read_timeout(Some(span)).unwrap();
        self.socket.recv(&mut message).is_err()
    }

    /// How often a line was said, of what was heard so far.
    pub fn count(&self, line: &str) -> usize {
        self.said.iter().filter(|said| *said == line).count()
    }
}

impl Default for NotifySocket {
    fn default() -> Self {
        Self::new()
    }
}
