//! What must hold at every step, each as a sentence.

use std::time::Duration;

use super::phone::TAKES_WITHIN;
use super::site::{COUNT, COUNT_STALE, FREE, LINES, TAGS, WWW};
use super::window::BEAT_EVERY;
use super::wire::RESEND_MS;
use super::world::World;

/// Time in which bytes travel and a tick of the bus is late: not a matter of the plant's.
const TRAVEL: Duration = Duration::from_millis(250);
/// A write that hasn't reached the device by then never does.
const WRITE_EXPIRES: Duration = Duration::from_secs(5);
/// Of what waits for a phone, readings are every other message: those that were on their way, one of something else, and the
/// new ones each take the phone's time.
const READINGS_WITHIN: Duration = Duration::from_millis(3 * TAKES_WITHIN.as_millis() as u64 + 250);
/// Beside the poll period: so soon is everything good again.
const RECOVERS_WITHIN: Duration = Duration::from_secs(1);

impl World {
    /// Everything that must hold at every step.
    pub(crate) fn check(&mut self) {
        self.look_at_pipes();
        self.check_screens();
        self.check_recovered();
        self.check_queues();
        self.check_listener();
        self.check_outcomes();
    }

    /// Nothing is shown as good that the plant didn't hold within its freshness limit, or that is older than a slow phone
    /// explains.
    fn check_screens(&mut self) {
        let (mut wrong, mut old) = (None, None);
        for (n, phone) in self.phones.iter().enumerate() {
            let as_of = phone.as_of(self.now);
            let shows = (0..WWW.tags.len()).any(|tag| phone.shows_good(tag, self.now).is_some());
            if shows && phone.lost_since.is_none() && as_of + READINGS_WITHIN < self.now {
                old = Some((n, self.now.duration_since(as_of)));
            }
            for (tag, spec) in TAGS.iter().enumerate() {
                let Some(shown) = phone.shows_good(tag, self.now) else { continue };
                if self.truth.now(tag) == Some(shown) {
                    continue;
                }
                // The device said it when it was asked; its answer may take as long as the master waits.
                let limit = spec.limit() + LINES[spec.line].timeout + TRAVEL;
                if !self.truth.held(tag, shown, as_of - limit, self.now) {
                    wrong = Some((n, tag, shown, limit));
                }
            }
            if let Some(shown) = phone.shows_good(COUNT, self.now) {
                let fresh = as_of - COUNT_STALE - TRAVEL;
                if !self.truth.was_asked(COUNT, shown, fresh) {
                    self.complain(format!("phone {n} shows {shown} of {} as good, which is stale", FREE[0]));
                    return;
                }
            }
        }
        if let Some((n, ago)) = old {
            self.complain(format!("phone {n} says the link is there and was told of no reading for {ago:?}"));
        }
        if let Some((n, tag, shown, limit)) = wrong {
            let (name, story) = (TAGS[tag].name, self.truth.story(tag, self.start));
            self.complain(format!(
                "phone {n} shows {name} {shown} as good; in the last {limit:?} the plant held {story}"
            ));
        }
    }

    /// Everything is good again within the poll period and a second after the last fault.
    fn check_recovered(&mut self) {
        let mut late = None;
        for (n, phone) in self.phones.iter().enumerate() {
            for (tag, spec) in TAGS.iter().enumerate() {
                if phone.shows_good(tag, self.now).is_some() {
                    continue;
                }
                let line = &LINES[spec.line];
                let calm =
                    [&self.quiet.lines[spec.line], &self.quiet.tags[tag], &self.quiet.phones[n], &self.quiet.house];
                let Some(calm) = calm.into_iter().map(|calm| calm.since()).collect::<Option<Vec<_>>>() else {
                    continue;
                };
                let wire = &self.wires[spec.line];
                let last = calm.into_iter().max().expect("there are four").max(wire.late_until).max(wire.doubt_until);
                let allowed = line.rate + RECOVERS_WITHIN;
                let as_of = phone.as_of(self.now);
                if as_of > last + allowed {
                    late = Some((n, tag, as_of.duration_since(last), allowed));
                }
            }
        }
        if let Some((n, tag, after, allowed)) = late {
            let (name, cell) = (TAGS[tag].name, &self.phones[n].screen[tag]);
            self.complain(format!(
                "phone {n} doesn't show {name} as good {after:?} after the last fault, {allowed:?} are allowed: \
                 {:?}, {:?}, link {}",
                cell.value,
                cell.why,
                self.phones[n].link(self.now)
            ));
        }
    }

    /// No write is confirmed that the plant doesn't hold.
    pub(crate) fn check_confirmed(&mut self, tag: usize, value: f64) {
        let since = self.now - LINES[TAGS[tag].line].timeout - TRAVEL;
        if !self.truth.held(tag, value, since, self.now) {
            let (name, story) = (TAGS[tag].name, self.truth.story(tag, self.start));
            self.complain(format!("{value} to {name} is confirmed and the plant doesn't hold it: {story}"));
        }
    }

    /// No other value is said to be there than the one that is.
    pub(crate) fn check_mismatch(&mut self, tag: usize, held: Option<f64>) {
        let since = self.now - LINES[TAGS[tag].line].timeout - TRAVEL;
        if !held.is_some_and(|held| self.truth.held(tag, held, since, self.now)) {
            let (name, story) = (TAGS[tag].name, self.truth.story(tag, self.start));
            self.complain(format!("{name} is said to hold {held:?} instead of what was written, and it held {story}"));
        }
    }

    /// Nothing is written that nobody asked for just now, or that the site doesn't allow.
    pub(crate) fn check_written(&mut self, tag: usize, value: f64, writable: bool) {
        let spec = &TAGS[tag];
        // A request that left in time and was lost on the way is sent again by the kernel: the daemon can't call it back.
        let latest = WRITE_EXPIRES + TRAVEL + Duration::from_millis(RESEND_MS.end);
        self.tell(|| format!("{value} is written to {}", spec.name));
        let name = spec.name;
        if !writable {
            self.complain(format!("{value} was written to {name}, which is only read"));
        } else if value < spec.limits.0 || value > spec.limits.1 {
            self.complain(format!("{value} was written to {name}, outside {:?}", spec.limits));
        } else if !self.truth.was_asked(tag, value, self.now - latest) {
            self.complain(format!("{value} was written to {name}, and nobody asked for it in the last {latest:?}"));
        }
    }

    /// At the end of a run nothing may be held any more, whatever was.
    pub(crate) fn check_all_good(&mut self) {
        for n in 0..self.phones.len() {
            let bad = (0..TAGS.len()).find(|tag| self.phones[n].shows_good(*tag, self.now).is_none());
            if let Some(tag) = bad {
                self.complain(format!("phone {n} doesn't show {} as good at the end", TAGS[tag].name));
            }
        }
        assert!(BEAT_EVERY < super::phone::LINK_GONE, "a page that hears every beat says the link is there");
    }
}
