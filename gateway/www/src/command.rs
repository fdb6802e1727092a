//! What the sockets and requests want of the [hub](crate::hub), and what they get.

use std::net::IpAddr;

use tag::Value;
use tokio::sync::{mpsc, oneshot};

use crate::asks::NoAnswer;
use crate::plant::Plant;
use crate::sessions::SessionId;
use crate::speak::Said;
use crate::watch::{Message, SocketId};

/// What may be on the way to the hub: a few for each of [`SOCKETS_MAX`](crate::hub::SOCKETS_MAX); past it they wait.
pub(crate) const COMMANDS_MAX: usize = 256;

/// A wish.
pub(crate) enum Command {
    /// A page connected. The reply is its channel, or why not, in words.
    Open { session: SessionId, peer: IpAddr, reply: oneshot::Sender<Result<Opened, &'static str>> },
    /// It has sent what it was given.
    Free(SocketId),
    /// It says something.
    Said(SocketId, Said),
    /// It said something that isn't understood.
    Misunderstood(SocketId, String),
    /// It is gone.
    Gone(SocketId),
    /// A browser's session ended: its sockets close.
    Leave(SessionId),
    /// A question to the history, or to a connection's daemon.
    Ask { whom: Whom, question: Value, reply: oneshot::Sender<Result<Vec<u8>, NoAnswer>> },
    /// How are we? The plant and the number of sockets.
    Status(oneshot::Sender<(Plant, usize)>),
}

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whom {
    /// The history.
    History,
    /// How a connection is, by its place in the file.
    Line(usize),
    /// Its last frames.
    Frames(usize),
}

/// A socket's end.
pub(crate) struct Opened {
    pub(crate) id: SocketId,
    pub(crate) messages: mpsc::Receiver<Message>,
}
