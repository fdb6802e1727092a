//! The claim code: whoever reads the label of a box may let a browser in.
//!
//! A code is 8 characters of 32, so 40 bits. They are enough because tries are few: an address that was wrong waits
//! longer and longer, and all addresses together get one try in two seconds, which is a chance of 1 in 70 000 a year.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;

use crate::limit::{Bucket, Rate, household};

/// Digits and letters that nobody mistakes for another: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of a code that we make: 40 bits.
const CODE_CHARS: usize = 8;
/// A longer code may come from a label printer with ideas of its own.
const CODE_CHARS_MAX: usize = 64;
/// A code with its dashes and a newline.
const FILE_BYTES_MAX: u64 = 256;
/// The owner makes it, the web server's group reads it.
const CODE_MODE: u32 = 0o640;

/// Wrong codes an address may type before it has to wait.
const WRONG_FREE: u32 = 3;
/// The first wait; each wrong code doubles it.
const WAIT_FIRST: Duration = Duration::from_secs(5);
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// Addresses remembered. The one that tried longest ago is forgotten first; the common limit still holds.
const ADDRESSES_MAX: usize = 256;
/// Everybody together. A crew types a few codes at once; a guesser gets 1.6e7 tries a year of 1.1e12.
const ALL: Rate = Rate { burst: 20.0, refill: Duration::from_secs(2) };

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The file can't be read.
    #[error("reading the claim code {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file holds no code.
    #[error(
        "{0} holds no claim code: expected {CODE_CHARS} to {CODE_CHARS_MAX} of 0-9 and A-Z without I, L, O and U; dashes and blanks don't count"
    )]
    Damaged(PathBuf),
    /// The file can't be written.
    #[error("writing the claim code {path}")]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The kernel gives no random numbers.
    #[error("getting random numbers for a claim code")]
    Random(#[source] getrandom::Error),
}

impl ClaimError {
    /// There is no such file.
    pub fn is_not_there(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// A claim code. `Debug` doesn't show it.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimCode(Vec<u8>);

impl std::fmt::Debug for ClaimCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClaimCode(…)")
    }
}

impl ClaimCode {
    /// A fresh one.
    pub fn random() -> Result<Self, ClaimError> {
        let mut bytes = [0; CODE_CHARS];
        getrandom::fill(&mut bytes).map_err(ClaimError::Random)?;
        // 256 is a multiple of 32: every character is as likely as every other.
        Ok(Self(bytes.map(|byte| ALPHABET[usize::from(byte) % ALPHABET.len()]).to_vec()))
    }

    /// A code as a person types it: case, dashes and blanks don't count, and letters that look like digits are digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut code = Vec::new();
        for c in text.chars() {
            let c = match c.to_ascii_uppercase() {
                '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '.' | '_' => continue,
                c if c.is_whitespace() => continue,
                'I' | 'L' => '1',
                'O' => '0',
                c => c,
            };
            let byte = u8::try_from(c).ok().filter(|byte| ALPHABET.contains(byte))?;
            if code.len() >= CODE_CHARS_MAX {
                return None;
            }
            code.push(byte);
        }
        (code.len() >= CODE_CHARS).then_some(Self(code))
    }

    /// The code of a file.
    pub fn read(path: &Path) -> Result<Self, ClaimError> {
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
        read.map_err(|source| ClaimError::Read { path: path.to_path_buf(), source })?;
        let code = std::str::from_utf8(&bytes).ok().and_then(Self::parse);
        code.ok_or_else(|| ClaimError::Damaged(path.to_path_buf()))
    }

    /// Leaves it in a file, whole or not at all, readable by owner and group.
    pub fn write(&self, path: &Path) -> Result<(), ClaimError> {
        let written = shell::write_atomic(path, format!("{}\n", self.shown()).as_bytes(), CODE_MODE);
        written.map_err(|source| ClaimError::Write { path: path.to_path_buf(), source })
    }

    /// As it stands on a label: `K7QM-2XHD`.
    pub fn shown(&self) -> String {
        let groups = self.0.chunks(4).map(|four| four.iter().map(|byte| char::from(*byte)).collect::<String>());
        groups.collect::<Vec<_>>().join("-")
    }

    /// Is it the same? Takes as long whatever was typed.
    pub(crate) fn is(&self, typed: &Self) -> bool {
        self.0.ct_eq(&typed.0).into()
    }
}

/// Counts tries. Pure.
#[derive(Debug)]
pub(crate) struct Tries {
    all: Bucket,
    each: HashMap<IpAddr, Tried>,
}

#[derive(Debug, Clone, Copy)]
struct Tried {
    wrong: u32,
    last: Instant,
    next: Instant,
}

impl Tries {
    pub(crate) fn new(now: Instant) -> Self {
        Self { all: Bucket::full(ALL, now), each: HashMap::new() }
    }

    /// May this address try a code now? If so the try counts as wrong until [`Tries::was_right`] says otherwise, so that
    /// many at once are as slow as one after the other. If not: how long it has to wait.
    pub(crate) fn begin(&mut self, who: IpAddr, now: Instant) -> Result<(), Duration> {
        let who = household(who);
        let before = self.each.get(&who).copied();
        if let Some(tried) = before.filter(|tried| tried.next > now) {
            return Err(tried.next - now);
        }
        if !self.all.take(ALL, now) {
            return Err(ALL.refill);
        }
        if before.is_none() && self.each.len() >= ADDRESSES_MAX {
            let oldest = self.each.iter().min_by_key(|(_, tried)| tried.last).map(|(who, _)| *who);
            oldest.and_then(|who| self.each.remove(&who));
        }
        // A day later it is somebody else with the same address.
        let before = before.filter(|tried| now.saturating_duration_since(tried.last) < Duration::from_secs(24 * 3600));
        let wrong = before.map_or(0, |tried| tried.wrong).saturating_add(1);
        self.each.insert(who, Tried { wrong, last: now, next: now + wait_after(wrong) });
        Ok(())
    }

    /// It was the code: whoever has it may use it on all their devices.
    pub(crate) fn was_right(&mut self, who: IpAddr) {
        self.each.remove(&household(who));
    }
}

fn wait_after(wrong: u32) -> Duration {
    match wrong.checked_sub(WRONG_FREE) {
        None => Duration::ZERO,
        Some(doublings) => WAIT_FIRST.saturating_mul(1 << doublings.min(16)).min(WAIT_MAX),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::os::unix::fs::PermissionsExt;

    use shell::{Clock, SystemClock};

    use super::*;

    #[test]
    fn a_code_is_read_as_people_write_it() {
        let code = ClaimCode::parse("K7QM2X0D").unwrap();
        for typed in ["k7qm-2xod", " K7QM 2XOD\n", "k7-qm-2x-0d", "K7QM—2X0D", "K.7.Q.M_2X0D"] {
            assert_eq!(ClaimCode::parse(typed).as_ref(), Some(&code), "{typed}");
        }
        assert_eq!(code.shown(), "K7QM-2X0D");
        assert_eq!(ClaimCode::parse("iloILO11"), ClaimCode::parse("11011011"), "letters that look like digits");
        let long = "A".repeat(CODE_CHARS_MAX + 1);
        for wrong in ["", "-", "K7QM2X0", "K7QM2XU0", "K7QM2X0!", "K7QM2X0ß", "K7QM2X0\0D", &long] {
            assert_eq!(ClaimCode::parse(wrong), None, "{wrong:?}");
        }
        assert_eq!(format!("{code:?}"), "ClaimCode(…)");
    }

    #[test]
    fn fresh_codes_differ_and_survive_the_way_over_a_file() {
        let path = std::env::temp_dir().join(format!("forebay-claim-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        assert!(ClaimCode::read(&path).unwrap_err().is_not_there());
        let codes: Vec<ClaimCode> = (0..200).map(|_| ClaimCode::random().unwrap()).collect();
        let used: std::collections::HashSet<u8> = codes.iter().flat_map(|code| code.0.clone()).collect();
        assert_eq!(used.len(), 32, "1600 characters leave none of 32 out");
        assert!(codes.iter().enumerate().all(|(n, code)| code.0.len() == 8 && !codes[..n].contains(code)));
        codes[0].write(&path).unwrap();
        assert_eq!(ClaimCode::read(&path).unwrap(), codes[0]);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777 & !0o640, 0);
        for damaged in ["", "\n", "K7QM", "forebay!"] {
            std::fs::write(&path, damaged).unwrap();
            let error = ClaimCode::read(&path).unwrap_err();
            assert!(matches!(error, ClaimError::Damaged(_)) && !error.is_not_there(), "{damaged:?}");
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn only_the_very_code_is_the_code() {
        let code = ClaimCode::parse("K7QM2X0D").unwrap();
        let is = |typed: &str| code.is(&ClaimCode::parse(typed).unwrap());
        assert!(is("k7qm-2x0d"));
        assert!(!is("K7QM2X0E") && !is("07QM2X0D") && !is("K7QM2X0DD"));
    }

    #[test]
    fn an_address_waits_longer_and_longer() {
        let mut now = SystemClock.mono();
        let (mut tries, one) = (Tries::new(now), "192.0.2.1".parse().unwrap());
        assert_eq!([(); 3].map(|()| tries.begin(one, now).is_ok()), [true; 3]);
        let mut waits = Vec::new();
        for _ in 0..10 {
            let wait = tries.begin(one, now).unwrap_err();
            waits.push(wait.as_secs());
            assert!(tries.begin(one, now + wait - Duration::from_millis(1)).is_err(), "not a moment earlier");
            now += wait;
            tries.begin(one, now).unwrap();
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(tries.begin("192.0.2.2".parse().unwrap(), now), Ok(()), "somebody else needn't wait");
        tries.was_right(one);
        assert_eq!([(); 3].map(|()| tries.begin(one, now).is_ok()), [true; 3], "and who has it may use it again");
    }

    #[test]
    fn all_addresses_together_never_guess_forty_bits() {
        // A guesser with every address there is, for an hour.
        let start = SystemClock.mono();
        let mut tries = Tries::new(start);
        let (mut got, mut address) = (0, 0);
        for second in 0..3600 {
            for _ in 0..50 {
                address += 1;
                let who = Ipv4Addr::from_bits(address).into();
                got += usize::from(tries.begin(who, start + Duration::from_secs(second)).is_ok());
            }
        }
        assert!((1700..=1830).contains(&got), "{got} tries in an hour");
        assert!(tries.each.len() <= ADDRESSES_MAX);
    }
}
