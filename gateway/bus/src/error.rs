//! What can end the bus.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the bus can't start or go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Another program listens where scripts are to come.
    #[error("port {} of {} is in use by another program: stop it, or choose another port for the bus", .0.port(), .0.ip())]
    InUse(SocketAddr),
    /// The address of protocol 1 can't be had.
    #[error("listening for scripts on {address}")]
    ListenTcp {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The socket of protocol 2 can't be made.
    #[error("listening for modules on {path}")]
    ListenUnix {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another bus answers on the socket.
    #[error("another bus is running on {path}")]
    AlreadyRunning {
        /// Which.
        path: PathBuf,
    },
    /// A random number for this run of the bus.
    #[error("registering the listeners with the runtime")]
    Register(#[source] io::Error),
}
