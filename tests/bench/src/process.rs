//! Processes that end with the measurement, what they weigh, and the ports they listen on.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fail::{Doing, Fail};

/// How long a process may take to end by itself.
const GRACE: Duration = Duration::from_secs(6);
/// How long one may take to listen: Python reads a lot before it does.
pub(crate) const START_MAX: Duration = Duration::from_secs(30);

/// A running process; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a command with its log in a file of `folder`.
    pub(crate) fn start(command: &mut Command, folder: &Path, name: &str) -> Result<Self, Fail> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).doing("making a log file")?;
        let child = command.stdin(Stdio::null()).stderr(file).spawn().doing(&format!("starting {name}"))?;
        Ok(Self { child, log })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Waits until something listens at the address.
    pub(crate) fn listens(&mut self, address: SocketAddr) -> Result<(), Fail> {
        let end = Instant::now() + START_MAX;
        loop {
            if TcpStream::connect(address).is_ok() {
                return Ok(());
            }
            let has_ended = self.child.try_wait().doing("looking after a process")?.is_some();
            if has_ended || Instant::now() > end {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                return Err(Fail(format!("nothing listens at {address}; its log says: {log}")));
            }
            sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM);
        let end = Instant::now() + GRACE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > end {
                let _ = self.child.kill();
            }
            sleep(Duration::from_millis(2));
        }
    }
}

/// RSS and PSS of a process in MB (1,000,000 bytes). PSS shares out what several processes map; the rest of RSS beside its
/// own memory is pages of the binary and its libraries, which the kernel keeps once for all and can drop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) rss: f64,
    pub(crate) pss: f64,
    pub(crate) own: f64,
}

/// What a process weighs now.
pub(crate) fn memory(pid: u32) -> Result<Memory, Fail> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).doing("reading a process's memory")?;
    let field = |key: &str| -> Option<f64> {
        let line = text.lines().find(|line| line.starts_with(key))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib * 1024.0 / 1e6)
    };
    match (field("Rss:"), field("Pss:"), field("Anonymous:")) {
        (Some(rss), Some(pss), Some(own)) => Ok(Memory { rss, pss, own }),
        _ => Err("the kernel doesn't say what a process weighs".into()),
    }
}

/// Processor time that all threads of a process have had, to the nanosecond.
pub(crate) fn processor_time(pid: u32) -> Result<Duration, Fail> {
    let doing = "reading a process's processor time";
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).doing(doing)? {
        let text = fs::read_to_string(thread.doing(doing)?.path().join("schedstat")).doing(doing)?;
        sum += text.split_whitespace().next().and_then(|ns| ns.parse::<u64>().ok()).doing(doing)?;
    }
    Ok(Duration::from_nanos(sum))
}

/// A port nobody listens on now: pymscada can't be told 0, and a site's files name one.
pub(crate) fn free_port() -> Result<u16, Fail> {
    let port = |listener: TcpListener| -> io::Result<u16> { Ok(listener.local_addr()?.port()) };
    TcpListener::bind("127.0.0.1:0").and_then(port).doing("looking for a free port")
}

/// This machine, that port.
pub(crate) fn here(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
