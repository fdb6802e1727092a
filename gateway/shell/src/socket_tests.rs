//! Both ends are real.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::timeout;

use super::*;

/// Longer than anything on loopback takes.
const LONG: Duration = Duration::from_secs(20);

fn pair() -> (Socket, Socket) {
    let (a, b) = UnixStream::pair().unwrap();
    (Socket::new(a.into_std().unwrap()).unwrap(), Socket::new(b.into_std().unwrap()).unwrap())
}

async fn read(socket: &Socket, room: usize) -> Vec<u8> {
    let mut bytes = vec![0; room];
    loop {
        let readable = timeout(LONG, socket.readable()).await.unwrap().unwrap();
        match readable.read(&mut bytes) {
            Ok(n) => return bytes[..n].to_vec(),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
    }
}

#[tokio::test]
async fn bytes_go_both_ways_until_the_end() {
    let (near, far) = pair();
    assert_eq!(near.try_write(b"hello").unwrap(), 5);
    assert_eq!(read(&far, 3).await, b"hel", "less room than there is");
    assert_eq!(read(&far, 3).await, b"lo");
    assert_eq!(far.try_write(b"and back").unwrap(), 8);
    drop(far);
    assert_eq!(read(&near, 64).await, b"and back", "what came before the end is read before it");
    assert_eq!(read(&near, 64).await, b"");
    assert_eq!(read(&near, 64).await, b"", "the end stays the end");
    assert!(near.try_write(b"x").is_err());
}

#[tokio::test]
async fn a_connection_is_there_at_once_or_it_is_said_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus");
    assert_eq!(Socket::connect_unix(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let near = Socket::connect_unix(&path).unwrap();
    assert_eq!(near.try_write(b"hello").unwrap(), 5, "before anybody has accepted it");
    let (far, _) = timeout(LONG, listener.accept()).await.unwrap().unwrap();
    let far = Socket::new(far.into_std().unwrap()).unwrap();
    assert_eq!(read(&far, 64).await, b"hello");
    drop((far, listener));
    assert_eq!(read(&near, 64).await, b"");
    assert_eq!(Socket::connect_unix(&path).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    let long = folder.path().join("x".repeat(200));
    assert!(Socket::connect_unix(&long).unwrap_err().to_string().contains("long"));
}

#[tokio::test]
async fn a_read_that_emptied_the_socket_is_not_repeated() {
    let (near, far) = pair();
    near.try_write(b"one").unwrap();
    assert_eq!(read(&far, 64).await, b"one");
    assert!(far.readable().now_or_never().is_none(), "nothing is there, and that is known without asking");
    near.try_write(b"two").unwrap();
    assert_eq!(read(&far, 64).await, b"two");
}

/// What the runtime waits for on a descriptor, by each of its entries: `events` of fdinfo (proc_pid_fdinfo(5)).
fn watched(fd: i32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fdinfo").unwrap() {
        // One that was closed meanwhile is another test's.
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap_or_default();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let ["tfd:", tfd, "events:", mask, ..] = words[..] {
                if tfd.parse() == Ok(fd) {
                    found.push(u32::from_str_radix(mask, 16).unwrap());
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn a_reader_does_not_wake_the_writer() {
    const POLLIN: u32 = 1;
    const POLLOUT: u32 = 4;
    let (near, far) = pair();
    near.try_write(b"x").unwrap();
    assert_eq!(read(&far, 64).await, b"x");
    let watched = watched(near.fd.as_raw_fd());
    // The runtime has several descriptors of one epoll instance.
    assert!(!watched.is_empty());
    assert!(watched.iter().all(|mask| mask & (POLLIN | POLLOUT) == POLLIN), "{watched:x?}");
}

#[tokio::test]
async fn a_full_socket_says_so_until_the_other_end_has_read() {
    let (near, far) = pair();
    let block = vec![7; 64 << 10];
    let mut sent = 0;
    let error = loop {
        match near.try_write(&block) {
            Ok(n) => sent += n,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    assert!(near.writable().now_or_never().is_none());
    let mut got = 0;
    while got < sent {
        got += read(&far, 64 << 10).await.len();
    }
    assert_eq!(got, sent);
    timeout(LONG, near.writable()).await.unwrap().unwrap();
    assert_eq!(near.try_write(b"more").unwrap(), 4);
    assert!(near.writable().now_or_never().is_none(), "nothing was refused since");
}

#[tokio::test]
async fn a_broken_connection_is_told_to_the_reader() {
    let (near, far) = pair();
    drop(far);
    let error = near.try_write(b"x").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    assert!(near.writable().now_or_never().is_none(), "whoever waits to write more leaves the runtime its time");
    assert_eq!(read(&near, 64).await, b"");
}

#[tokio::test]
async fn tcp_is_the_same() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let near = Socket::new(near.unwrap().into_std().unwrap()).unwrap();
    let far = Socket::new(far.unwrap().0.into_std().unwrap()).unwrap();
    assert_eq!(near.try_write(b"hello").unwrap(), 5);
    assert_eq!(read(&far, 64).await, b"hello");
    drop(near);
    assert_eq!(read(&far, 64).await, b"");
}
