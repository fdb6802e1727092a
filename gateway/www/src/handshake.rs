//! How a request becomes a WebSocket (RFC 6455, section 4.2).
//!
//! warp can do it too, but not with a small read buffer: its WebSocket lays out 128 kB anew whenever it looks for a message,
//! which is twice for each one it sends, and took more time than everything else on the way to the page.

use std::future::Future;

use futures_util::FutureExt;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use warp::http::StatusCode;
use warp::http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

use crate::speak::MESSAGE_BYTES_MAX;

/// What a page says is a hundred bytes; what is longer comes in several reads.
const READ_BYTES: usize = 4 * 1024;

/// The largest message with room to spare. The page is told one at a time, so what could fill more is answers to a flood
/// of pings.
const WRITE_BUFFER_MAX: usize = 16 * 1024 * 1024;

/// A WebSocket with a browser at its other end.
pub(crate) type WebSocket = WebSocketStream<TokioIo<Upgraded>>;

/// A request for a WebSocket, understood but not answered.
#[derive(Debug)]
pub(crate) struct Handshake {
    accept: HeaderValue,
    upgrade: OnUpgrade,
}

/// Lets requests for a WebSocket through.
pub(crate) fn handshake() -> impl Filter<Extract = (Handshake,), Error = Rejection> + Clone {
    warp::get().and(warp::header::headers_cloned()).and(warp::ext::optional::<OnUpgrade>()).and_then(understood)
}

async fn understood(headers: HeaderMap, upgrade: Option<OnUpgrade>) -> Result<Handshake, Rejection> {
    let (accept, upgrade) = accept_of(&headers).zip(upgrade).ok_or_else(warp::reject::not_found)?;
    Ok(Handshake { accept, upgrade })
}

/// What proves to the browser that we understood it; `None` if it isn't a request for a WebSocket of version 13.
fn accept_of(headers: &HeaderMap) -> Option<HeaderValue> {
    let says = |name: HeaderName, wanted: &str| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case(wanted))
    };
    let is_one = says(CONNECTION, "upgrade") && says(UPGRADE, "websocket") && says(SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| is_one)?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()
}

impl Handshake {
    /// Says yes; `talk` goes on with the WebSocket in a task of its own.
    pub(crate) fn accept<F: Future<Output = ()> + Send + 'static>(
        self,
        talk: impl FnOnce(WebSocket) -> F + Send + 'static,
    ) -> Response {
        let Self { accept, upgrade } = self;
        tokio::spawn(upgrade.then(|upgraded| async move {
            match upgraded {
                Ok(upgraded) => {
                    let io = TokioIo::new(upgraded);
                    talk(WebSocketStream::from_raw_socket(io, Role::Server, Some(config())).await).await;
                }
                Err(error) => log::debug!("a page went away before its WebSocket was there: {error}"),
            }
        }));
        let mut response = warp::reply().into_response();
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        response
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455, section 1.3.
    const EXAMPLE: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn accept(lines: &[(&'static str, &str)]) -> Option<String> {
        let lines = lines.iter().map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header's value"))
        });
        accept_of(&lines.collect()).and_then(|value| value.to_str().map(str::to_owned).ok())
    }

    #[test]
    fn the_example_of_the_standard_is_accepted() {
        assert_eq!(accept(&EXAMPLE).as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }

    #[test]
    fn a_request_that_lacks_a_line_or_asks_for_something_else_is_not_one() {
        for (place, (left_out, _)) in EXAMPLE.iter().enumerate() {
            let mut lines = EXAMPLE.to_vec();
            lines.remove(place);
            assert_eq!(accept(&lines), None, "without {left_out}");
        }
        for (place, value) in [(0, "keep-alive"), (1, "h2c"), (2, "8")] {
            let mut lines = EXAMPLE;
            lines[place].1 = value;
            assert_eq!(accept(&lines), None, "{value}");
        }
    }
}
