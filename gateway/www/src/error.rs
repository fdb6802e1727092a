//! What failed, named by the operation.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::AssetsError;

/// Why the page's address can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program listens there.
    #[error("port {} of {} is in use by another program: stop it, or choose another port for the page", .0.port(), .0.ip())]
    InUse(SocketAddr),
    /// Anything else.
    #[error("listening on {address} for the page")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Why the window can't go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The page's folder is not as it was built. A mistake of the installation: exit 78.
    #[error("the folder of the page can't be served")]
    Assets(#[source] AssetsError),
    /// The listener can't be used.
    #[error("taking over the page's listener")]
    Listener(#[source] io::Error),
    /// The kernel gives no random numbers.
    #[error("getting random numbers for keys")]
    Random(#[source] getrandom::Error),
    /// The key of one-time links, or the page's address, can't be left for `forebay link`.
    #[error("writing {path}")]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}
