//! What the bus must know.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Where the bus listens and what its own tag is called.
#[derive(Debug, Clone)]
pub struct Config {
    /// Protocol 1. Port 0: any.
    pub tcp: SocketAddr,
    /// Protocol 2.
    pub socket: PathBuf,
    /// Holds `started`, then the last LOG text.
    pub bus_tag: String,
}
