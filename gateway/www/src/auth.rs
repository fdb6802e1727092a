//! One-time links: whoever may read the site's runtime folder may let one browser in.
//!
//! A token is `nonce.expiry.mac`: 128 random bits, the second of the machine's uptime in which it expires, and the first
//! 128 bits of the HMAC-SHA256 of both under a key that is new at every start of the daemon. So links need no list of
//! those that are out, a restart ends all of them, and only the used ones are remembered, until they would have expired
//! anyway. Nobody can set the uptime: a wall clock that jumps ahead and back brings no used link to life again.

use std::collections::HashMap;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use shell::{Clock, Paths};
use subtle::ConstantTimeEq;
use tag::Uptime;

use crate::RunError;

/// How long a link may wait for its click.
pub const LINK_LIFE: Duration = Duration::from_secs(15 * 60);

/// Used links remembered until they expire. Only holders of the key can fill it; past it links wait.
const USED_MAX: usize = 1024;

/// The key that makes and checks links; readable by the folder's group, who may let browsers in.
const KEY_FILE: &str = "www.key";
/// Where the page is: `http://192.0.2.1:8324`.
const ADDRESS_FILE: &str = "www.addr";
const KEY_MODE: u32 = 0o640;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 16;
const MAC_BYTES: usize = 16;

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No key: nobody serves a page from this folder.
    #[error("no page is served from {0}: is the web server running, and is this its folder?")]
    NotRunning(PathBuf),
    /// The key or the address is there and can't be read.
    #[error("reading {path}: who makes links must be allowed to read it")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The key or the address is not what the web server writes.
    #[error("{0} is damaged: restart the web server")]
    Damaged(PathBuf),
    /// The kernel gives no random numbers.
    #[error("getting random numbers for a link")]
    Random(#[source] getrandom::Error),
}

/// Makes a link that admits one browser within [`LINK_LIFE`]: for `forebay link` and the start.
pub fn mint_link(paths: &Paths, clock: &dyn Clock) -> Result<String, LinkError> {
    let key_path = paths.runtime.join(KEY_FILE);
    let key = read(&key_path)?.try_into().map_err(|_| LinkError::Damaged(key_path))?;
    let address_path = paths.runtime.join(ADDRESS_FILE);
    let address = String::from_utf8(read(&address_path)?).map_err(|_| LinkError::Damaged(address_path))?;
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(LinkError::Random)?;
    let expires = seconds(clock.uptime()) + LINK_LIFE.as_secs();
    Ok(format!("{}/link/{}", address.trim_end(), token(&key, &nonce, expires)))
}

fn read(path: &Path) -> Result<Vec<u8>, LinkError> {
    std::fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => LinkError::NotRunning(path.parent().unwrap_or(path).to_path_buf()),
        _ => LinkError::Read { path: path.to_path_buf(), source },
    })
}

fn seconds(uptime: Uptime) -> u64 {
    uptime.0 / 1_000_000
}

fn token(key: &[u8; KEY_BYTES], nonce: &[u8; NONCE_BYTES], expires: u64) -> String {
    format!("{}.{expires}.{}", hex(nonce), hex(&mac(key, nonce, expires)))
}

fn mac(key: &[u8; KEY_BYTES], nonce: &[u8; NONCE_BYTES], expires: u64) -> [u8; MAC_BYTES] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(b"forebay one-time link 1");
    mac.update(nonce);
    mac.update(&expires.to_be_bytes());
    let full = mac.finalize().into_bytes();
    full[..MAC_BYTES].try_into().expect("SHA-256 is longer than that")
}

/// Bytes as lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

/// Lower-case hexadecimal as exactly `N` bytes.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Why a link doesn't admit a browser, in words for its person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Turned {
    #[error("This link is not one of ours. Links end when the gateway restarts.")]
    Wrong,
    #[error("This link has expired.")]
    Expired,
    #[error("This link has been used.")]
    Used,
    #[error("Too many links were used in the last minutes.")]
    Full,
}

/// The links of this run of the daemon.
#[derive(Debug)]
pub(crate) struct Links {
    key: [u8; KEY_BYTES],
    /// By nonce: in which second of the machine's uptime it expires.
    used: HashMap<[u8; NONCE_BYTES], u64>,
}

impl Links {
    /// Makes a new key and leaves it and the page's address in the runtime folder.
    pub(crate) fn create(paths: &Paths, address: &str) -> Result<Self, RunError> {
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key).map_err(RunError::Random)?;
        let write = |file: &str, bytes: &[u8]| {
            let path = paths.runtime.join(file);
            shell::write_atomic(&path, bytes, KEY_MODE).map_err(|source| RunError::Write { path, source })
        };
        write(KEY_FILE, &key)?;
        write(ADDRESS_FILE, format!("{address}\n").as_bytes())?;
        Ok(Self { key, used: HashMap::new() })
    }

    /// Uses a link up.
    pub(crate) fn redeem(&mut self, token: &str, now: Uptime) -> Result<(), Turned> {
        let now = seconds(now);
        let mut parts = token.splitn(3, '.');
        let mut part = || parts.next().ok_or(Turned::Wrong);
        let nonce = unhex::<NONCE_BYTES>(part()?).ok_or(Turned::Wrong)?;
        let expires: u64 = part()?.parse().map_err(|_| Turned::Wrong)?;
        let told = unhex::<MAC_BYTES>(part()?).ok_or(Turned::Wrong)?;
        if !bool::from(told.ct_eq(&mac(&self.key, &nonce, expires))) {
            return Err(Turned::Wrong);
        }
        if expires <= now {
            return Err(Turned::Expired);
        }
        self.used.retain(|_, expires| *expires > now);
        if self.used.contains_key(&nonce) {
            return Err(Turned::Used);
        }
        if self.used.len() >= USED_MAX {
            return Err(Turned::Full);
        }
        self.used.insert(nonce, expires);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Links {
        Links { key: [7; KEY_BYTES], used: HashMap::new() }
    }

    #[test]
    fn a_link_admits_once_and_not_after_its_time() {
        let (mut links, now) = (links(), Uptime(5_000_000_000));
        let fresh = token(&links.key, &[1; NONCE_BYTES], 5_900);
        let old = token(&links.key, &[2; NONCE_BYTES], 5_000);
        assert_eq!(links.redeem(&fresh, now), Ok(()));
        assert_eq!(links.redeem(&fresh, now), Err(Turned::Used));
        assert_eq!(links.redeem(&old, now), Err(Turned::Expired));
        assert_eq!(links.redeem(&fresh, Uptime(5_900_000_000)), Err(Turned::Expired));
    }

    #[test]
    fn any_changed_character_is_turned_away() {
        let now = Uptime(5_000_000_000);
        let fresh = token(&links().key, &[1; NONCE_BYTES], 5_900);
        for place in 0..fresh.len() {
            for other in ['0', 'f', '.', 'F', 'ü'] {
                let mut text: Vec<char> = fresh.chars().collect();
                if text[place] == other {
                    continue;
                }
                text[place] = other;
                let text: String = text.into_iter().collect();
                assert_eq!(links().redeem(&text, now), Err(Turned::Wrong), "{text}");
            }
        }
        for rubbish in ["", ".", "..", "...", &"a".repeat(10_000)] {
            assert_eq!(links().redeem(rubbish, now), Err(Turned::Wrong));
        }
    }

    #[test]
    fn the_list_of_used_links_is_bounded_and_empties_itself() {
        let (mut links, now) = (links(), Uptime(5_000_000_000));
        for number in 0..=USED_MAX {
            let mut nonce = [0; NONCE_BYTES];
            nonce[..8].copy_from_slice(&number.to_be_bytes());
            let expected = if number < USED_MAX { Ok(()) } else { Err(Turned::Full) };
            assert_eq!(links.redeem(&token(&[7; KEY_BYTES], &nonce, 5_100), now), expected);
        }
        let later = token(&links.key, &[9; NONCE_BYTES], 5_900);
        assert_eq!(links.redeem(&later, Uptime(5_101_000_000)), Ok(()));
        assert_eq!(links.used.len(), 1);
    }
}
