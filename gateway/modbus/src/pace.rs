//! What a register more costs over a network, against what a request more costs: measured, since nobody can tell a PLC on
//! the same switch, for which registers are free, from a gateway with a slow line behind it, or a modem.

use std::time::Duration;

use crate::plan::READ_WORDS_MAX;

/// Old answers count less and less: after so many, a third.
const MEMORY: f64 = 500.0;
/// Fewer answers, or answers of hardly different sizes, tell nothing.
const ANSWERS_MIN: f64 = 60.0;
/// The standard deviation of their sizes, in registers.
const SPREAD_MIN: f64 = 4.0;
/// So often it is looked at.
const LOOK_EVERY: u32 = 64;

/// A straight line through sizes and times of a unit's answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pace {
    count: f64,
    words: f64,
    time: f64,
    words_words: f64,
    words_time: f64,
    since_look: u32,
    /// The longest hole that is worth reading over, as last said.
    bridge: Option<u32>,
}

impl Pace {
    /// What an earlier run found out.
    pub(crate) fn remember(&mut self, bridge: u32) {
        self.bridge = Some(bridge.min(READ_WORDS_MAX));
    }

    /// The longest hole that costs less than a second request, if it is known.
    pub(crate) fn bridge(&self) -> Option<u32> {
        self.bridge
    }

    /// So many registers came so long after they were asked for. True: something worth remembering was learned.
    pub(crate) fn answered(&mut self, words: u32, took: Duration) -> bool {
        let (words, time, fade) = (f64::from(words), took.as_secs_f64(), 1.0 - 1.0 / MEMORY);
        for (sum, more) in [
            (&mut self.count, 1.0),
            (&mut self.words, words),
            (&mut self.time, time),
            (&mut self.words_words, words * words),
            (&mut self.words_time, words * time),
        ] {
            *sum = *sum * fade + more;
        }
        self.since_look += 1;
        if self.since_look < LOOK_EVERY {
            return false;
        }
        self.since_look = 0;
        let Some(now) = self.measure() else { return false };
        // What moves by less than a quarter makes no other plan worth a write to flash.
        let is_news = self.bridge.is_none_or(|known| now.abs_diff(known) * 4 > known.max(4));
        if is_news {
            self.bridge = Some(now);
        }
        is_news
    }

    fn measure(&self) -> Option<u32> {
        if self.count < ANSWERS_MIN {
            return None;
        }
        let (words, time) = (self.words / self.count, self.time / self.count);
        let spread = self.words_words / self.count - words * words;
        if spread < SPREAD_MIN * SPREAD_MIN {
            return None;
        }
        let per_word = (self.words_time / self.count - words * time) / spread;
        let per_request = time - per_word * words;
        // Noise may tilt the line of a device for which registers are free: as many as one request takes, then.
        let free = per_word * f64::from(READ_WORDS_MAX) <= per_request;
        Some(if free { READ_WORDS_MAX } else { (per_request / per_word).max(0.0) as u32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(sizes: &[u32], request_us: u64, word_us: u64) -> Option<u32> {
        let mut pace = Pace::default();
        for n in 0..400_u64 {
            let size = sizes[n as usize % sizes.len()];
            // A tenth of noise.
            let us = request_us + word_us * u64::from(size);
            pace.answered(size, Duration::from_micros(us + us / 10 * (n * 7919 % 11) / 10));
        }
        pace.bridge()
    }

    #[test]
    fn a_hole_is_worth_what_a_request_costs() {
        // A PLC on the same switch, a modem's round trip, a gateway at 9600 baud, one at 1200.
        for (request_us, word_us, low, high) in
            [(1500, 2, 125, 125), (60_000, 170, 125, 125), (28_000, 2300, 9, 15), (150_000, 18_300, 6, 10)]
        {
            let bridge = measured(&[2, 10, 40, 100], request_us, word_us).unwrap();
            assert!((low..=high).contains(&bridge), "{request_us} µs a request, {word_us} a register: {bridge}");
        }
        assert_eq!(measured(&[40], 28_000, 2300), None, "answers of one size tell nothing");
    }

    #[test]
    fn what_hardly_moves_is_not_news() {
        let mut pace = Pace::default();
        let news = (0..6400_u32)
            .filter(|n| pace.answered([2, 40][*n as usize % 2], Duration::from_millis(25 + u64::from(n % 3))));
        assert_eq!(news.count(), 1);
        pace.remember(12);
        assert_eq!(pace.bridge(), Some(12));
    }
}
