//! The one auth layer in front of every route and the socket: deny by default, loopback included.
//!
//! Pure but for the looks at the sessions. What isn't in the table of [`crate::routes`] doesn't exist, and whoever has
//! no session isn't even told that.

use std::net::IpAddr;
use std::sync::Arc;

use warp::http::header::ACCEPT;
use warp::http::{HeaderMap, Method, StatusCode, Uri};
use warp::reply::Response;

use crate::answers;
use crate::house::{House, lock};
use crate::origin;
use crate::routes::{Policy, ROUTES, Route, What};
use crate::sessions::SessionId;

/// A request that was let through: handlers get nothing else to decide by.
#[derive(Debug, Clone)]
pub(crate) struct Admitted {
    pub(crate) route: &'static Route,
    /// What stands after the route's prefix.
    pub(crate) rest: Arc<str>,
    pub(crate) session: Option<SessionId>,
    pub(crate) peer: IpAddr,
}

/// Why a request isn't let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Asked under a name that isn't ours.
    Host,
    /// No session.
    Locked,
    /// Not sent by our own page.
    Origin,
    /// No such thing.
    NotFound,
    /// Not in this way.
    Method,
}

impl Refusal {
    /// In HTTP. People who came with a browser get a page.
    pub(crate) fn answer(self, house: &House, headers: &HeaderMap) -> Response {
        let wants_page = headers.get(ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/html"));
        match self {
            Self::Locked if wants_page => answers::locked(house.is_claimable()),
            Self::Locked => {
                answers::refused(StatusCode::UNAUTHORIZED, "this browser isn't let in: open a one-time link")
            }
            Self::Host => {
                let why = "not a name of this gateway: use its address, or list the name under `hosts`";
                answers::refused(StatusCode::FORBIDDEN, why)
            }
            Self::Origin => answers::refused(StatusCode::FORBIDDEN, "only this gateway's own page may ask that"),
            Self::NotFound => answers::refused(StatusCode::NOT_FOUND, "no such thing"),
            Self::Method => answers::refused(StatusCode::METHOD_NOT_ALLOWED, "not in this way"),
        }
    }
}

/// Lets a request through or refuses it.
pub(crate) fn admit(
    house: &House,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    peer: IpAddr,
) -> Result<Admitted, Refusal> {
    // A request line with a whole URL is for proxies.
    let host = house.names.host(headers).filter(|_| uri.authority().is_none()).ok_or(Refusal::Host)?;
    let session = lock(&house.sessions).find(headers, house.clock.wall());
    let deny = |why| Err(if session.is_some() { why } else { Refusal::Locked });
    // Without a code to type, the place to type it isn't in the table.
    let routes = ROUTES.iter().filter(|route| route.what != What::Claim || house.is_claimable());
    let mut there = routes.filter_map(|route| Some((route, route.path.matches(uri.path())?))).peekable();
    if there.peek().is_none() {
        return deny(Refusal::NotFound);
    }
    let asked = if method == Method::HEAD { &Method::GET } else { method };
    let Some((route, rest)) = there.find(|(route, _)| route.method == asked) else { return deny(Refusal::Method) };
    let (needs_session, needs_origin) = match route.policy {
        Policy::Everybody => (false, false),
        Policy::OwnPage => (false, true),
        Policy::Session => (true, false),
        Policy::SessionAndOwnPage => (true, true),
    };
    if needs_session && session.is_none() {
        return Err(Refusal::Locked);
    }
    if needs_origin && !origin::is_same(headers, host) {
        return Err(Refusal::Origin);
    }
    Ok(Admitted { route, rest: rest.into(), session, peer })
}
