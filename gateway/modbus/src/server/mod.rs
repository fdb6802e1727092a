//! The Modbus server: tags of the bus for other masters and panels.
//!
//! In: `modbusserver.yaml`, requests of masters, the bus. Out: answers, writes to the tags' owners. Never: an old number
//! without a mark, a write acknowledged that its owner hasn't carried out, a word to a broadcast.
//!
//! `image` (tags ↔ registers ↔ answers, pure) ← `run` (the loop, with each door's `figures`) ← `door` (the ports and lines).

mod door;
mod figures;
mod image;
mod run;

pub use door::{Doors, listen};
pub use image::{Image, Served};
pub use run::serve;

/// Why the server can't be started.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The port is taken, or not ours to take.
    #[error("listening for masters on {at}")]
    Listen {
        /// Where.
        at: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
