//! The routes: one table that says who may ask for what, and the answers.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::oneshot;
use warp::filters::BoxedFilter;
use warp::http::header::{HeaderValue, LOCATION, RETRY_AFTER, SET_COOKIE};
use warp::http::{HeaderMap, Method, StatusCode};
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

use crate::api::Long;
use crate::auth::Turned;
use crate::claim::ClaimCode;
use crate::command::Command;
use crate::gate::Admitted;
use crate::handshake::handshake;
use crate::house::{House, lock};
use crate::sessions::forget_cookie;
use crate::{answers, api, modbus, socket, source, trend};

/// A form with a code and its dashes; anything larger isn't ours.
const CLAIM_BYTES_MAX: u64 = 1024;

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Everybody.
    Everybody,
    /// Everybody, but only from our own page: something is changed.
    OwnPage,
    /// A browser that was let in.
    Session,
    /// A browser that was let in, from our own page: something is changed, or a conversation is opened.
    SessionAndOwnPage,
}

/// Where.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Path {
    /// Exactly there.
    At(&'static str),
    /// One name below.
    Below(&'static str),
}

impl Path {
    /// The part of the path that this route leaves open, if it is this route's.
    pub(crate) fn matches(self, path: &str) -> Option<&str> {
        match self {
            Self::At(exactly) => (path == exactly).then_some(""),
            Self::Below(folder) => path.strip_prefix(folder).filter(|name| !name.is_empty() && !name.contains('/')),
        }
    }
}

/// What for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Index,
    Asset,
    LinkButton,
    LinkUse,
    Claim,
    Socket,
    History,
    HistoryStatus,
    Table,
    Modbus,
    Frames,
    Status,
    Source,
    Logout,
}

/// One line of the table. A route without a policy doesn't compile.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: Path,
    pub(crate) policy: Policy,
    pub(crate) what: What,
}

const fn route(method: Method, path: Path, policy: Policy, what: What) -> Route {
    Route { method, path, policy, what }
}

/// All there is.
pub(crate) static ROUTES: [Route; 16] = [
    route(Method::GET, Path::At("/"), Policy::Session, What::Index),
    route(Method::GET, Path::Below("/p/"), Policy::Session, What::Index),
    route(Method::GET, Path::Below("/t/"), Policy::Session, What::Index),
    route(Method::GET, Path::Below("/assets/"), Policy::Session, What::Asset),
    route(Method::GET, Path::Below("/link/"), Policy::Everybody, What::LinkButton),
    route(Method::POST, Path::Below("/link/"), Policy::OwnPage, What::LinkUse),
    route(Method::POST, Path::At("/claim"), Policy::OwnPage, What::Claim),
    route(Method::GET, Path::At("/ws"), Policy::SessionAndOwnPage, What::Socket),
    route(Method::GET, Path::At("/api/history"), Policy::Session, What::History),
    route(Method::GET, Path::At("/api/history/status"), Policy::Session, What::HistoryStatus),
    route(Method::GET, Path::Below("/api/history/"), Policy::Session, What::Table),
    route(Method::GET, Path::At("/api/modbus"), Policy::Session, What::Modbus),
    route(Method::GET, Path::Below("/api/modbus/"), Policy::Session, What::Frames),
    route(Method::GET, Path::At("/api/status"), Policy::Session, What::Status),
    route(Method::GET, Path::At("/api/source"), Policy::Session, What::Source),
    route(Method::POST, Path::At("/api/logout"), Policy::SessionAndOwnPage, What::Logout),
];

/// The answers to requests that the gate let through. Boxed, so that the type stays nameable in a spawned task.
pub(crate) fn filter(house: Arc<House>) -> BoxedFilter<(Response,)> {
    let query = warp::query::raw().or_else(|_| async { Ok::<_, Rejection>((String::new(),)) });
    let conversation = {
        let house = house.clone();
        let upgrade = warp::ext::get::<Admitted>().and_then(only_socket).and(handshake()).and(query);
        upgrade.map(move |admitted: Admitted, handshake, query: String| {
            let house = house.clone();
            let first = page_of(&query).map(|page| house.config.rows(&page));
            match admitted.session {
                Some(session) => socket::upgrade(handshake, house, session, admitted.peer, first),
                None => answers::refused(StatusCode::UNAUTHORIZED, "this browser isn't let in"),
            }
        })
    };
    let claim = {
        let house = house.clone();
        let form = warp::body::content_length_limit(CLAIM_BYTES_MAX).and(warp::body::form());
        let typed = warp::ext::get::<Admitted>().and_then(only_claim).and(form);
        typed.then(move |admitted: Admitted, form: HashMap<String, String>| {
            let house = house.clone();
            async move { claim(&house, &admitted, form.get("code").map_or("", String::as_str)).await }
        })
    };
    let rest = warp::ext::get::<Admitted>().and(warp::ext::get::<Long>()).and(warp::header::headers_cloned());
    let rest = rest.and(query).then(move |admitted, long, headers, query: String| {
        let house = house.clone();
        async move { answer(&house, &admitted, &long, &headers, &query).await }
    });
    conversation.or(claim).unify().or(rest).unify().recover(not_admitted).unify().boxed()
}

/// The page that a browser is about to show, if it says so.
fn page_of(query: &str) -> Option<String> {
    query.split('&').find_map(|pair| pair.strip_prefix("page=")).and_then(trend::decode)
}

async fn only_socket(admitted: Admitted) -> Result<Admitted, Rejection> {
    if admitted.route.what == What::Socket { Ok(admitted) } else { Err(warp::reject::not_found()) }
}

async fn only_claim(admitted: Admitted) -> Result<Admitted, Rejection> {
    if admitted.route.what == What::Claim { Ok(admitted) } else { Err(warp::reject::not_found()) }
}

/// Only a request that went round the gate gets here.
async fn not_admitted(_: Rejection) -> Result<Response, std::convert::Infallible> {
    Ok(answers::refused(StatusCode::UNAUTHORIZED, "this browser isn't let in"))
}

async fn answer(house: &Arc<House>, admitted: &Admitted, long: &Long, headers: &HeaderMap, query: &str) -> Response {
    match admitted.route.what {
        What::Index => house.assets.index(headers),
        What::Asset => match house.assets.hashed(&admitted.rest, headers) {
            Some(response) => response,
            None => answers::refused(StatusCode::NOT_FOUND, "no such file"),
        },
        What::LinkButton => answers::link_button(),
        What::LinkUse => use_link(house, admitted).await,
        What::Claim => answers::refused(StatusCode::BAD_REQUEST, "expected a form with a code"),
        What::Socket => answers::refused(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket"),
        What::History => trend::answer(house, query).await,
        What::HistoryStatus => api::status(house, admitted.peer).await,
        What::Table => api::table(house, admitted.peer, long, &admitted.rest, query).await,
        What::Modbus => modbus::lines(house, admitted.peer).await,
        What::Frames => modbus::frames(house, admitted.peer, &admitted.rest).await,
        What::Status => status(house).await,
        What::Source => match source::answer(&house.config, query) {
            Some(told) => answers::json(&told),
            None => answers::refused(StatusCode::NOT_FOUND, "no page mentions such a tag"),
        },
        What::Logout => logout(house, admitted).await,
    }
}

async fn use_link(house: &House, admitted: &Admitted) -> Response {
    if !lock(&house.limit).allows(admitted.peer, house.clock.mono()) {
        let mut response = answers::link_refused(StatusCode::TOO_MANY_REQUESTS, "Too many tries: wait a minute.");
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
        return response;
    }
    if let Err(why) = lock(&house.links).redeem(&admitted.rest, house.clock.uptime()) {
        log::info!("a one-time link from {} was turned away: {why}", admitted.peer);
        let status = match why {
            Turned::Wrong => StatusCode::FORBIDDEN,
            Turned::Expired | Turned::Used => StatusCode::GONE,
            Turned::Full => StatusCode::TOO_MANY_REQUESTS,
        };
        return answers::link_refused(status, &why.to_string());
    }
    log::info!("a browser at {} was let in by a one-time link", admitted.peer);
    let_in(house, admitted).await
}

/// A code was typed.
async fn claim(house: &House, admitted: &Admitted, typed: &str) -> Response {
    let Some(file) = house.config.claim_file.clone() else {
        return answers::refused(StatusCode::NOT_FOUND, "no such thing");
    };
    if let Err(wait) = lock(&house.tries).begin(admitted.peer, house.clock.mono()) {
        let seconds = wait.as_secs() + 1;
        let why = format!("Too many tries: wait {seconds} s.");
        let mut response = answers::claim_refused(StatusCode::TOO_MANY_REQUESTS, &why);
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
        return response;
    }
    // Each time anew: whoever removes the file closes this door at once.
    let code = match tokio::task::spawn_blocking(move || ClaimCode::read(&file)).await {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            log::error!("the claim code admits nobody: {}", chain(&error));
            return answers::claim_refused(StatusCode::SERVICE_UNAVAILABLE, "The gateway can't read its own code.");
        }
        Err(_) => return answers::claim_refused(StatusCode::SERVICE_UNAVAILABLE, "The gateway is stopping."),
    };
    if !ClaimCode::parse(typed).is_some_and(|typed| code.is(&typed)) {
        log::info!("a wrong claim code from {}", admitted.peer);
        return answers::claim_refused(StatusCode::FORBIDDEN, "This is not the code of this box.");
    }
    lock(&house.tries).was_right(admitted.peer);
    log::info!("a browser at {} was let in by the claim code", admitted.peer);
    house.note_claimed().await;
    let_in(house, admitted).await
}

/// An error and its causes in one sentence.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |cause| cause.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Gives the browser a session and sends it to the page.
async fn let_in(house: &House, admitted: &Admitted) -> Response {
    let cookie = lock(&house.sessions).admit(house.clock.wall(), &admitted.peer.to_string());
    let cookie = cookie.ok().and_then(|cookie| HeaderValue::from_str(&cookie).ok());
    let Some(cookie) = cookie else {
        return answers::link_refused(StatusCode::INTERNAL_SERVER_ERROR, "The gateway has no random numbers.");
    };
    // On disk before the browser has it: a power cut must not end a session somebody was just given.
    house.save_sessions().await;
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/"));
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}

async fn logout(house: &House, admitted: &Admitted) -> Response {
    if let Some(session) = admitted.session {
        lock(&house.sessions).end(session);
        // The hub is gone only while the daemon stops, and then so are the sockets.
        let _ = house.commands.send(Command::Leave(session)).await;
        house.save_sessions().await;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let cookie = HeaderValue::from_str(&forget_cookie()).expect("a constant of plain characters");
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}

async fn status(house: &House) -> Response {
    let (reply, told) = oneshot::channel();
    let _ = house.commands.send(Command::Status(reply)).await;
    let Ok((plant, sockets)) = told.await else {
        return answers::refused(StatusCode::SERVICE_UNAVAILABLE, "the gateway is stopping");
    };
    let (now, sessions) = (house.clock.wall(), lock(&house.sessions).count());
    answers::json(&serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"), "boot": house.hello.boot, "site": house.config.title,
        "now": now.as_ms(), "clock": crate::speak::clock_word(now, house.clock.trust()), "bus": plant.bus, "devices": plant.devices,
        "browsers": sessions, "sockets": sockets,
        "findings": house.config.mistakes.as_ref().map_or(0, |mistakes| mistakes.findings.len()),
    }))
}
