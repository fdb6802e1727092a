//! How often an address may try a link: a bucket for each, and one for all of them together.
//!
//! Pure. A token can't be guessed (128 bits); this keeps guessing from costing anything.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Tries an address may make at once, and how long one more takes to come back.
const EACH: Rate = Rate { burst: 10.0, refill: Duration::from_secs(6) };
/// The same for everybody together: more than a crew of technicians on a bad day, little enough not to be felt.
const ALL: Rate = Rate { burst: 100.0, refill: Duration::from_millis(500) };
/// Addresses remembered. The one that tried longest ago is forgotten first; the common bucket still counts it.
const ADDRESSES_MAX: usize = 256;

/// How many at once, and how long one more takes to come back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) burst: f64,
    pub(crate) refill: Duration,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    pub(crate) fn full(rate: Rate, now: Instant) -> Self {
        Self { left: rate.burst, at: now }
    }

    pub(crate) fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let came_back = now.saturating_duration_since(self.at).as_secs_f64() / rate.refill.as_secs_f64();
        self.left = (self.left + came_back).min(rate.burst);
        self.at = now;
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

/// Counts tries.
#[derive(Debug)]
pub(crate) struct Limit {
    /// Of each address, and of all together.
    rates: (Rate, Rate),
    all: Bucket,
    each: HashMap<IpAddr, Bucket>,
}

impl Limit {
    /// Of tries to be let in.
    pub(crate) fn new(now: Instant) -> Self {
        Self::at(EACH, ALL, now)
    }

    /// At other rates.
    pub(crate) fn at(each: Rate, all: Rate, now: Instant) -> Self {
        Self { rates: (each, all), all: Bucket::full(all, now), each: HashMap::new() }
    }

    /// May this address try now? An address past its own limit takes nothing from the others.
    pub(crate) fn allows(&mut self, who: IpAddr, now: Instant) -> bool {
        let who = household(who);
        if !self.each.contains_key(&who) && self.each.len() >= ADDRESSES_MAX {
            let oldest = self.each.iter().min_by_key(|(_, bucket)| bucket.at).map(|(who, _)| *who);
            oldest.and_then(|who| self.each.remove(&who));
        }
        let (each, all) = self.rates;
        self.each.entry(who).or_insert_with(|| Bucket::full(each, now)).take(each, now) && self.all.take(all, now)
    }
}

/// One IPv6 subscriber has a whole /64 to try from.
pub(crate) fn household(who: IpAddr) -> IpAddr {
    match who.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use shell::{Clock, SystemClock};

    use super::*;

    #[test]
    fn an_address_is_slowed_down_and_memory_is_bounded() {
        let start = SystemClock.mono();
        let mut limit = Limit::new(start);
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let allowed = (0..50).filter(|_| limit.allows(one, start)).count();
        assert_eq!(allowed, 10, "its burst");
        assert!(limit.allows("192.0.2.2".parse().unwrap(), start), "another address is not slowed by the first");
        assert!(!limit.allows(one, start + Duration::from_secs(5)));
        assert!(limit.allows(one, start + Duration::from_secs(12)));

        let later = start + Duration::from_secs(3600);
        let allowed = (0..2000_u32).filter(|n| limit.allows(std::net::Ipv4Addr::from_bits(*n).into(), later)).count();
        assert_eq!(allowed, 100, "all together");
        assert_eq!(limit.each.len(), ADDRESSES_MAX);
        let later = later + Duration::from_secs(3600);
        let same_house = (0..50_u128).filter(|n| limit.allows(Ipv6Addr::from_bits(1 << 100 | n).into(), later)).count();
        assert_eq!(same_house, 10, "a /64 is one address");
    }
}
