//! A connected stream socket that is woken for what it waits for and nothing else.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, send, socket};
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

/// A connected TCP or Unix stream socket.
///
/// tokio's own streams always wait to be readable *and* writable. A Unix socket says "writable" each time the other end
/// has read something, so a bus whose every message is read at once would be woken twice for each: once for nothing.
/// This one waits to be writable only after it wasn't; and it knows that a read which got less than it had room for has
/// emptied the socket, so that it doesn't ask again only to hear that there is nothing.
#[derive(Debug)]
pub struct Socket {
    fd: AsyncFd<OwnedFd>,
    /// The last write was refused, and [`Socket::writable`] hasn't said yet that the next one may go.
    is_full: AtomicBool,
}

/// The socket has something to read, or is at its end.
#[derive(Debug)]
pub struct Readable<'a>(AsyncFdReadyGuard<'a, OwnedFd>);

impl Socket {
    /// Takes a connected socket that is already in non-blocking mode, as [`tokio::net::TcpStream::into_std`] gives it. Within
    /// a runtime.
    ///
    /// # Errors
    /// The kernel can't watch one more socket.
    pub fn new(stream: impl Into<OwnedFd>) -> io::Result<Self> {
        let fd = watch(stream.into(), Interest::READABLE)?;
        Ok(Self { fd, is_full: AtomicBool::new(false) })
    }

    /// Connects to a Unix socket. It is there or it isn't: nothing is waited for, so that a caller who is called away
    /// meanwhile has lost nothing. Within a runtime.
    ///
    /// # Errors
    /// Nobody listens at `path`, too many wait there already, or the kernel can't watch one more socket.
    pub fn connect_unix(path: &Path) -> io::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        connect(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
        Self::new(fd)
    }

    /// Waits until there is something to read. Cancel-safe.
    ///
    /// # Errors
    /// The runtime ends.
    pub async fn readable(&self) -> io::Result<Readable<'_>> {
        self.fd.readable().await.map(Readable)
    }

    /// Waits until a write that was refused may be tried again; for ever if none was. A broken connection is told by
    /// [`Socket::readable`]. Cancel-safe.
    ///
    /// # Errors
    /// The kernel can't watch one more socket.
    pub async fn writable(&self) -> io::Result<()> {
        if !self.is_full.load(Ordering::Relaxed) {
            return std::future::pending().await;
        }
        // A place of its own among what is watched, and only while it is needed.
        let waiting = watch(self.fd.get_ref().try_clone()?, Interest::WRITABLE)?;
        let _ = waiting.writable().await?;
        self.is_full.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Writes what the socket takes now.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`]: nothing; wait for [`Socket::writable`]. Any other: the connection is broken.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        loop {
            match send(self.fd.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT) {
                Ok(n) => return Ok(n),
                Err(nix::Error::EINTR) => {}
                Err(error) => {
                    let error = io::Error::from(error);
                    self.is_full.store(error.kind() == io::ErrorKind::WouldBlock, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    }
}

impl Readable<'_> {
    /// Reads once; 0 is the end of the stream.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`]: it was nothing; wait again. Any other: the connection is broken.
    pub fn read(mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match recv(self.0.get_ref().as_raw_fd(), into, MsgFlags::MSG_DONTWAIT) {
                Ok(n) => {
                    // It is empty now. The end of the stream is never forgotten, and stays readable.
                    if n > 0 && n < into.len() {
                        self.0.clear_ready();
                    }
                    return Ok(n);
                }
                Err(nix::Error::EINTR) => {}
                Err(error) => {
                    let error = io::Error::from(error);
                    if error.kind() == io::ErrorKind::WouldBlock {
                        self.0.clear_ready();
                    }
                    return Err(error);
                }
            }
        }
    }
}

/// Has the runtime watch a descriptor.
#[allow(
    deprecated,
    reason = "its successor is an unsafe function that asks for what an `OwnedFd` is: one descriptor for life"
)]
fn watch(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(fd, interest)
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
