//! One connection: HTTP/1.1 with limits on everything a stranger can make us wait for or keep.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nix::sys::socket::{setsockopt, sockopt};
use shell::Stop;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use warp::filters::BoxedFilter;
use warp::http::Request;
use warp::reply::Response;

use crate::answers::dress;
use crate::api::Long;
use crate::gate::admit;
use crate::house::{House, lock};

/// Connections at a time that aren't WebSockets: a browser opens six and closes them soon.
const CONNECTIONS_MAX: usize = 128;
/// Of these, from one address: a phone's browser needs six; a proxy in front of us sends everybody from one.
const CONNECTIONS_EACH_MAX: usize = 64;
/// A request line and its headers within this time, also the wait for the next request.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// The whole page over one bar of Wi-Fi takes less; a connection that takes longer starts over.
const CONNECTION_LIFE: Duration = Duration::from_secs(120);
/// After that, to finish the answer under way.
const LAST_ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// A table of the past that is still being taken may last so long: a year of a fast tag over slow Wi-Fi.
const TABLE_WITHIN: Duration = Duration::from_secs(3600);
/// Request line and headers together; a cookie and a query of 16 tags need less than half.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Header lines; browsers send twenty.
const HEADERS_MAX: usize = 64;
/// What the kernel keeps for a phone that doesn't read: more would only be older.
const SEND_BUFFER_BYTES: usize = 128 * 1024;

/// Counts connections, together and by address.
#[derive(Clone)]
pub(crate) struct Slots {
    all: Arc<Semaphore>,
    each: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection's place, given back when it is dropped.
pub(crate) struct Slot {
    _one: OwnedSemaphorePermit,
    each: Arc<Mutex<HashMap<IpAddr, usize>>>,
    peer: IpAddr,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut each = lock(&self.each);
        if let Some(count) = each.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                each.remove(&self.peer);
            }
        }
    }
}

impl Slots {
    pub(crate) fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(CONNECTIONS_MAX)), each: Arc::default() }
    }

    /// The next connection, once there is a place for it. Cancel-safe: what isn't returned wasn't accepted.
    pub(crate) async fn accept(&self, listener: &TcpListener) -> (TcpStream, Option<Slot>, SocketAddr) {
        let one = self.all.clone().acquire_owned().await.expect("the semaphore is never closed");
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let slot = self.place(one, peer.ip().to_canonical());
                    return (stream, slot, peer);
                }
                Err(error) => {
                    // Out of descriptors, mostly: one that closes makes room; a busy loop wouldn't.
                    log::warn!("taking a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn place(&self, one: OwnedSemaphorePermit, peer: IpAddr) -> Option<Slot> {
        let mut each = lock(&self.each);
        let count = each.entry(peer).or_default();
        if *count >= CONNECTIONS_EACH_MAX {
            return None;
        }
        *count += 1;
        Some(Slot { _one: one, each: self.each.clone(), peer })
    }
}

/// Serves one connection to its end; a WebSocket leaves it and goes on elsewhere.
pub(crate) async fn connection(
    stream: TcpStream,
    slot: Slot,
    house: Arc<House>,
    routes: BoxedFilter<(Response,)>,
    stop: Stop,
) {
    let peer = slot.peer;
    // Both only make a slow connection better; without them it still works.
    let _ = stream.set_nodelay(true);
    let _ = setsockopt(&stream, sockopt::SndBuf, &SEND_BUFFER_BYTES);
    let routes = TowerToHyperService::new(warp::service(routes));
    let long = Long::default();
    let tables = long.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (house, routes, long) = (house.clone(), routes.clone(), long.clone());
        async move {
            let admitted = admit(&house, request.method(), request.uri(), request.headers(), peer);
            let host = house.names.host(request.headers()).map(str::to_owned);
            let response = match admitted {
                Ok(admitted) => {
                    request.extensions_mut().insert(admitted);
                    request.extensions_mut().insert(long);
                    routes.call(request).await?
                }
                Err(refusal) => refusal.answer(&house, request.headers()),
            };
            Ok::<_, Infallible>(dress(response, host.as_deref()))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    // What a stranger does to a connection is no news: an error ends it, and that is all.
    let ended = timeout(CONNECTION_LIFE, stop.run_until_cancelled(connection.as_mut())).await;
    if !matches!(ended, Ok(Some(_))) {
        connection.as_mut().graceful_shutdown();
        // A stop waits for no table.
        let mut left = if stop.is_cancelled() { 1 } else { TABLE_WITHIN.as_secs() / LAST_ANSWER_WITHIN.as_secs() };
        while left > 0 && timeout(LAST_ANSWER_WITHIN, connection.as_mut()).await.is_err() {
            left = if tables.any() && !stop.is_cancelled() { left - 1 } else { 0 };
        }
    }
    drop(slot);
}
