//! The lines of a running plant: opened, linked, served, and opened again when they break.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::fcntl::OFlag;
use shell::Stop;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_serial::{SerialPort, SerialPortBuilderExt, SerialStream};

use crate::serve::{self, Shared};
use crate::spec::Wire;

/// A serial port that was pulled out is looked for this often.
const REOPEN: Duration = Duration::from_secs(1);

/// Where a line is, now that it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LineAt {
    pub(crate) name: String,
    pub(crate) wire: Wire,
}

/// What serves the lines.
pub(crate) struct Up {
    pub(crate) stop: Stop,
    pub(crate) servers: JoinSet<()>,
}

/// Why a plant can't be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, or isn't ours.
    #[error("listening on {addr} for line {line:?}")]
    Listen {
        /// Which line.
        line: String,
        /// Where.
        addr: SocketAddr,
        /// What the machine says.
        #[source]
        source: io::Error,
    },
    /// The serial port can't be opened.
    #[error("opening the serial port {path} for line {line:?}")]
    Serial {
        /// Which line.
        line: String,
        /// Which port.
        path: PathBuf,
        /// What the machine says.
        #[source]
        source: tokio_serial::Error,
    },
    /// No pseudo-terminal could be had.
    #[error("making a pseudo-terminal for line {line:?}")]
    Pty {
        /// Which line.
        line: String,
        /// What the machine says.
        #[source]
        source: tokio_serial::Error,
    },
    /// The link to the pseudo-terminal can't be made.
    #[error("linking {path} to the pseudo-terminal of line {line:?}")]
    Link {
        /// Which line.
        line: String,
        /// Where the link should be.
        path: PathBuf,
        /// What the machine says.
        #[source]
        source: io::Error,
    },
}

/// Gives a pseudo-terminal without a link one in the folder for temporary files.
pub(crate) fn settle(wire: &Wire, line: &str) -> Wire {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    match wire {
        Wire::Pty(None) => {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let file: String = line.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            let name = format!("forebay-sim-{}-{count}-{file}", std::process::id());
            Wire::Pty(Some(std::env::temp_dir().join(name)))
        }
        other => other.clone(),
    }
}

/// Opens everything, and only then serves it. A port 0 becomes the port it got.
pub(crate) async fn bring_up(lines: &mut [LineAt], shared: &Arc<Shared>) -> Result<Up, StartError> {
    let stop = Stop::new();
    let mut listeners = Vec::new();
    let mut ports = Vec::new();
    for (number, line) in lines.iter_mut().enumerate() {
        match &mut line.wire {
            Wire::Tcp(addr) => {
                let failed = |source| StartError::Listen { line: line.name.clone(), addr: *addr, source };
                let listener = TcpListener::bind(*addr).await.map_err(failed)?;
                *addr = listener.local_addr().map_err(failed)?;
                listeners.push((number, listener));
            }
            Wire::Pty(link) => {
                let link = link.clone().expect("settled at the start");
                ports.push((number, Port::pty(&line.name, link)?));
            }
            Wire::Serial(path, baud) => {
                let open = tokio_serial::new(path.to_string_lossy(), *baud).open_native_async();
                let failed = |source| StartError::Serial { line: line.name.clone(), path: path.clone(), source };
                ports.push((number, Port { stream: open.map_err(failed)?, kept: Kept::Port(path.clone(), *baud) }));
            }
        }
    }
    let mut servers = JoinSet::new();
    for (number, listener) in listeners {
        servers.spawn(serve::tcp(listener, Arc::clone(shared), number, stop.clone()));
    }
    for (number, port) in ports {
        servers.spawn(port.serve(Arc::clone(shared), number, stop.clone()));
    }
    Ok(Up { stop, servers })
}

/// The plant's end of a serial line.
struct Port {
    stream: SerialStream,
    kept: Kept,
}

/// What has to live as long as the line.
enum Kept {
    /// The other end, held open so that a master may come and go, and the link to it.
    Pty { _far: File, _link: Link },
    /// What to open again.
    Port(PathBuf, u32),
}

/// A link that goes with its owner.
struct Link(PathBuf);

impl Drop for Link {
    fn drop(&mut self) {
        // Somebody else may have tidied up already.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Port {
    fn pty(line: &str, link: PathBuf) -> Result<Self, StartError> {
        let failed = |source| StartError::Pty { line: line.to_owned(), source };
        let (stream, far) = SerialStream::pair().map_err(failed)?;
        let name = far.name().expect("a pseudo-terminal has a path");
        // Held open as a plain file: as a serial port it would be locked against the master.
        let held = File::options().read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(&name);
        let far = held.map_err(|error| failed(error.into()))?;
        let placed = match std::fs::symlink_metadata(&link) {
            Ok(there) if there.file_type().is_symlink() => std::fs::remove_file(&link),
            Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "something that is not a link is there")),
            Err(_) => Ok(()),
        };
        let linked = placed.and_then(|()| std::os::unix::fs::symlink(name, &link));
        linked.map_err(|source| StartError::Link { line: line.to_owned(), path: link.clone(), source })?;
        Ok(Self { stream, kept: Kept::Pty { _far: far, _link: Link(link) } })
    }

    async fn serve(mut self, shared: Arc<Shared>, line: usize, stop: Stop) {
        while let Err(error) = serve::rtu(&mut self.stream, &shared, line, &stop).await {
            let Kept::Port(path, baud) = &self.kept else {
                log::warn!("a pseudo-terminal broke: {error}");
                return;
            };
            log::warn!("{} broke: {error}", path.display());
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(REOPEN) => {}
                }
                if let Ok(stream) = tokio_serial::new(path.to_string_lossy(), *baud).open_native_async() {
                    self.stream = stream;
                    break;
                }
            }
        }
    }
}
