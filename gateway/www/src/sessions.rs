//! The browsers that were let in.
//!
//! A browser holds 256 random bits in a cookie; we keep their SHA-256, so the file lets nobody in who reads it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tag::Timestamp;
use warp::http::HeaderMap;
use warp::http::header::COOKIE;

use crate::auth::{hex, unhex};

/// A browser is let in for a season; then somebody with access to the box renews it.
pub(crate) const SESSION_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);

/// Browsers remembered: more than a plant has people. The one let in longest ago goes first.
pub(crate) const SESSIONS_MAX: usize = 200;

const COOKIE_NAME: &str = "forebay_session";
const SECRET_BYTES: usize = 32;

/// Names a session without letting anybody in: the hash of its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionId([u8; 32]);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    /// Hash of the secret, hexadecimal.
    id: String,
    /// ms since 1970.
    made: u64,
    /// ms since 1970.
    expires: u64,
    /// The address that opened the link.
    by: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    v: u8,
    sessions: Vec<Session>,
}

/// All of them. Pure but for the random secret.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: HashMap<SessionId, Session>,
}

/// Why the kept sessions can't be used: everybody needs a new link.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("it is damaged")]
    Damaged(#[source] serde_json::Error),
    #[error("it is of version {0}, which this release doesn't know")]
    Version(u8),
}

impl Sessions {
    /// Where they are kept over restarts.
    pub(crate) fn file(paths: &shell::Paths) -> PathBuf {
        paths.state.join("sessions.json")
    }

    /// Out of what [`Sessions::to_bytes`] gave.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, LoadError> {
        let stored: Stored = serde_json::from_slice(bytes).map_err(LoadError::Damaged)?;
        if stored.v != 1 {
            return Err(LoadError::Version(stored.v));
        }
        let with_id = |session: Session| Some((SessionId(unhex(&session.id)?), session));
        Ok(Self { by_id: stored.sessions.into_iter().filter_map(with_id).take(SESSIONS_MAX).collect() })
    }

    /// To keep over restarts.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut sessions: Vec<Session> = self.by_id.values().cloned().collect();
        sessions.sort_by(|a, b| (a.made, &a.id).cmp(&(b.made, &b.id)));
        serde_json::to_vec_pretty(&Stored { v: 1, sessions }).expect("sessions are plain JSON")
    }

    /// Lets a browser in; returns the value of its `Set-Cookie`.
    pub(crate) fn admit(&mut self, now: Timestamp, by: &str) -> Result<String, getrandom::Error> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)?;
        self.by_id.retain(|_, session| session.expires > now.as_ms());
        while self.by_id.len() >= SESSIONS_MAX {
            let oldest = self.by_id.iter().min_by_key(|(_, session)| session.made).map(|(id, _)| *id);
            oldest.and_then(|id| self.by_id.remove(&id));
        }
        let id = identify(&secret);
        let life_ms = u64::try_from(SESSION_LIFE.as_millis()).expect("a season in ms");
        let (made, expires) = (now.as_ms(), now.as_ms() + life_ms);
        self.by_id.insert(id, Session { id: hex(&id.0), made, expires, by: by.to_owned() });
        let age = SESSION_LIFE.as_secs();
        Ok(format!("{COOKIE_NAME}={}; Max-Age={age}; Path=/; HttpOnly; SameSite=Strict", hex(&secret)))
    }

    /// The session a request's cookie belongs to. A browser with several sends all; any good one will do.
    pub(crate) fn find(&self, headers: &HeaderMap, now: Timestamp) -> Option<SessionId> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
        let pairs = cookies.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let secrets = pairs.filter(|(name, _)| *name == COOKIE_NAME).filter_map(|(_, secret)| unhex(secret));
        // Looked up by the hash of the secret, so the time it takes says nothing about the secrets we know.
        secrets.map(|secret| identify(&secret)).find(|id| self.is_live(*id, now))
    }

    /// Is it still let in?
    pub(crate) fn is_live(&self, id: SessionId, now: Timestamp) -> bool {
        self.by_id.get(&id).is_some_and(|session| session.expires > now.as_ms())
    }

    /// Ends one.
    pub(crate) fn end(&mut self, id: SessionId) {
        self.by_id.remove(&id);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.by_id.len()
    }
}

#[cfg(test)]
impl SessionId {
    pub(crate) fn of_test() -> Self {
        Self([0; 32])
    }
}

/// Makes the browser forget its secret.
pub(crate) fn forget_cookie() -> String {
    format!("{COOKIE_NAME}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict")
}

fn identify(secret: &[u8; SECRET_BYTES]) -> SessionId {
    SessionId(Sha256::digest(secret).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(set: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, format!("other=1; {}", set.split(';').next().unwrap()).parse().unwrap());
        headers
    }

    #[test]
    fn a_session_lives_its_season_and_over_a_restart() {
        let now = Timestamp::from_ms(1_700_000_000_000);
        let mut sessions = Sessions::default();
        let set = sessions.admit(now, "192.0.2.1").unwrap();
        assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Strict"));
        let bytes = sessions.to_bytes();
        let secret = set.split(['=', ';']).nth(1).unwrap();
        assert!(!String::from_utf8(bytes.clone()).unwrap().contains(secret), "the file lets nobody in");
        let mut again = Sessions::from_bytes(&bytes).unwrap();
        let id = again.find(&cookie(&set), now).unwrap();
        let season_ms = 90 * 24 * 3600 * 1000;
        assert!(again.is_live(id, Timestamp::from_ms(now.as_ms() + season_ms - 1)));
        assert_eq!(again.find(&cookie(&set), Timestamp::from_ms(now.as_ms() + season_ms)), None);
        assert_eq!(again.find(&cookie("forebay_session=00"), now), None);
        assert_eq!(again.find(&HeaderMap::new(), now), None);
        again.end(id);
        assert_eq!(again.find(&cookie(&set), now), None);
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut sessions = Sessions::default();
        let sets: Vec<String> = (0..=SESSIONS_MAX as u64)
            .map(|n| sessions.admit(Timestamp::from_ms(1_700_000_000_000 + n), "192.0.2.1").unwrap())
            .collect();
        let now = Timestamp::from_ms(1_700_000_001_000);
        assert_eq!(sessions.count(), SESSIONS_MAX);
        assert_eq!(sessions.find(&cookie(&sets[0]), now), None);
        assert!(sessions.find(&cookie(&sets[1]), now).is_some());
    }

    #[test]
    fn a_damaged_file_is_said_to_be() {
        assert!(matches!(Sessions::from_bytes(b"{"), Err(LoadError::Damaged(_))));
        assert!(matches!(Sessions::from_bytes(br#"{"v":2,"sessions":[]}"#), Err(LoadError::Version(2))));
    }
}
