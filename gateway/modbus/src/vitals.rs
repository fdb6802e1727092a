//! How lines and their units are, as tags: `sys.modbus.PLC1.load`, `sys.modbus.PLC1:5.p95_ms`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use link::{Group, Handle, Link};
use serde_json::{Map, Value as Json, json};
use tag::{Reading, Sample, TagName, Timestamp, Value};
use tokio::sync::mpsc;

use crate::config::LineConfig;
use crate::device::{Counters, Stats, Status, UnitStats};
use crate::flaps::{Flap, Flaps};
use crate::line::SharedTrace;
use crate::trace::Trace;
use crate::write::WriteRequest;

/// Whole numbers of a line.
const COUNTED: [&str; 6] = ["requests", "timeouts", "exceptions", "crc_errors", "bad_answers", "overruns"];
/// Shares of a line's time since it was last told, in percent.
const SHARES: [&str; 2] = ["load", "offline_cost"];
/// How long answers take on a line.
const TIMES: [&str; 2] = ["p50_ms", "p95_ms"];
/// Of a unit.
const OF_UNIT: [&str; 9] =
    ["state", "timeouts", "exceptions", "crc_errors", "bad_answers", "load", "p50_ms", "p95_ms", "offline_cost_s"];

/// A tag that tells of a line, and what it was told last.
struct Figure {
    tag: Handle,
    last: Option<Value>,
}

impl Figure {
    fn new(tag: Handle) -> Self {
        Self { tag, last: None }
    }

    fn say(&mut self, link: &mut Link, at: Timestamp, value: Value) {
        self.last = Some(value.clone());
        link.publish(self.tag, Sample { at, reading: Reading::Good(value) });
    }

    fn json(&self) -> Json {
        match &self.last {
            Some(Value::Int(n)) => json!(n),
            Some(Value::Float(x)) => json!(x),
            Some(Value::Text(text)) => json!(**text),
            _ => Json::Null,
        }
    }
}

/// The loop's end of a line.
pub(crate) struct LineEnd {
    pub(crate) name: String,
    pub(crate) writes: Option<mpsc::Sender<WriteRequest>>,
    pub(crate) trace: SharedTrace,
    state: Figure,
    why: Figure,
    /// Asked, it answers with the line's last frames.
    pub(crate) frames: Handle,
    counted: [Figure; COUNTED.len()],
    shares: [Figure; SHARES.len()],
    times: [Figure; TIMES.len()],
    units: Vec<(u8, [Figure; OF_UNIT.len()])>,
    pub(crate) counters: Counters,
    published: Option<(Counters, Instant)>,
    /// As last told, and when.
    stats: Option<(Instant, Stats)>,
    /// Of which a load was said that isn't 0.
    busy_units: Vec<u8>,
    /// As last logged.
    pub(crate) ok: Option<bool>,
    flaps: Flaps,
    state_name: String,
}

impl LineEnd {
    pub(crate) fn new(link: &mut Link, group: Group, config: &LineConfig) -> Self {
        let name = &config.name;
        let mut own = |what: &str| {
            let name = TagName::parse(&format!("sys.modbus.{name}.{what}")).expect("config checked the line's name");
            link.own(&name, group)
        };
        let (state, why, frames) = (own("state"), own("why"), own("frames"));
        let mut figure = |what: &str| Figure::new(own(what));
        let (counted, shares, times) = (COUNTED.map(&mut figure), SHARES.map(&mut figure), TIMES.map(&mut figure));
        let mut ids: Vec<u8> = config.blocks.iter().map(|block| block.unit).collect();
        ids.sort_unstable();
        ids.dedup();
        // As in addresses; no line's name has a colon.
        let mut of_unit = |unit: u8, what: &str| {
            let name =
                TagName::parse(&format!("sys.modbus.{name}:{unit}.{what}")).expect("config checked the line's name");
            Figure::new(link.own(&name, group))
        };
        Self {
            name: name.clone(),
            writes: None,
            trace: Arc::new(Mutex::new(Trace::new(config.transport.is_rtu()))),
            state: Figure::new(state),
            why: Figure::new(why),
            frames,
            counted,
            shares,
            times,
            units: ids.into_iter().map(|unit| (unit, OF_UNIT.map(|what| of_unit(unit, what)))).collect(),
            counters: Counters::default(),
            published: None,
            stats: None,
            busy_units: Vec::new(),
            ok: None,
            flaps: Flaps::default(),
            state_name: format!("sys.modbus.{name}.state"),
        }
    }

    /// The last frames, as a file for Wireshark.
    pub(crate) fn pcap(&self) -> Vec<u8> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner).pcap()
    }

    /// Its tag `state`, when asked, tells all figures at once.
    pub(crate) fn is_state(&self, tag: Handle) -> bool {
        self.state.tag == tag
    }

    /// All its figures as last said, by the last words of their tags' names; `null`: not known yet.
    pub(crate) fn told(&self) -> Json {
        let mut line = Map::from_iter([("name".to_owned(), json!(self.name))]);
        line.extend(
            [("state", &self.state), ("why", &self.why)].map(|(what, figure)| (what.to_owned(), figure.json())),
        );
        let named = COUNTED.iter().zip(&self.counted).chain(SHARES.iter().zip(&self.shares));
        let named = named.chain(TIMES.iter().zip(&self.times));
        line.extend(named.map(|(what, figure)| ((*what).to_owned(), figure.json())));
        let unit = |(unit, figures): &(u8, [Figure; OF_UNIT.len()])| {
            let figures = OF_UNIT.iter().zip(figures).map(|(what, figure)| ((*what).to_owned(), figure.json()));
            Json::Object(std::iter::once(("unit".to_owned(), json!(unit))).chain(figures).collect())
        };
        line.insert("units".to_owned(), self.units.iter().map(unit).collect());
        Json::Object(line)
    }

    /// Says how the line is as a whole.
    pub(crate) fn status(&mut self, link: &mut Link, now: Instant, at: Timestamp, status: &Status) {
        self.log(now, status);
        self.state.say(link, at, Value::Int(status.ok.into()));
        self.why.say(link, at, Value::Text(status.why.as_str().into()));
    }

    fn log(&mut self, now: Instant, status: &Status) {
        let was = self.ok.replace(status.ok);
        // The reason has changed; the page shows it, the log has had its line.
        if !status.ok && was == Some(false) {
            return;
        }
        let name = &self.name;
        match self.flaps.change(now) {
            Flap::Counted => return,
            Flap::Last => {
                log::warn!(
                    "{name} comes and goes: its changes are not logged until it has stayed for a minute; see {}",
                    self.state_name
                );
                return;
            }
            Flap::Said => {}
        }
        match (status.ok, status.last_answer) {
            (true, _) if !status.why.is_empty() => log::warn!("{name}: {}", status.why),
            (true, _) => log::info!("{name} is online"),
            (false, Some(ago)) => {
                log::warn!("{name} went offline: {}, last answer {} s ago", status.why, ago.as_secs())
            }
            (false, None) => log::warn!("{name} is offline: {}, never answered", status.why),
        }
    }

    /// Says what was counted, if anything was.
    pub(crate) fn counts(&mut self, link: &mut Link, now: Instant, at: Timestamp) {
        let before = self.published.replace((self.counters, now));
        let (was, since) = match before {
            Some((was, then)) => (was, now.saturating_duration_since(then)),
            None => (Counters::default(), Duration::ZERO),
        };
        let is = self.counters;
        let counts = [is.requests, is.timeouts, is.exceptions, is.crc, is.bad, is.overruns];
        if before.is_none() || was != is {
            for (figure, count) in self.counted.iter_mut().zip(counts) {
                figure.say(link, at, whole(count));
            }
        }
        if since.is_zero() {
            return;
        }
        // Also of a line that does nothing any more: it is at 0 %, not at what it was last.
        for (n, spent) in [is.busy - was.busy, is.in_vain - was.in_vain].into_iter().enumerate() {
            let share = Value::Float(percent(spent, since));
            if self.shares[n].last.as_ref() != Some(&share) {
                self.shares[n].say(link, at, share);
            }
        }
    }

    /// Says how the line and those units are that have changed.
    pub(crate) fn stats(&mut self, link: &mut Link, now: Instant, at: Timestamp, stats: Stats) {
        let before = self.stats.take();
        let was = |unit: &UnitStats| before.as_ref()?.1.units.iter().find(|known| known.unit == unit.unit);
        let since =
            before.as_ref().map(|(then, _)| now.saturating_duration_since(*then)).filter(|since| !since.is_zero());
        for unit in &stats.units {
            let Some((_, figures)) = self.units.iter_mut().find(|(id, _)| *id == unit.unit) else { continue };
            let busy = unit.busy.saturating_sub(was(unit).map_or(Duration::ZERO, |was| was.busy));
            // Twice the same and nothing done in between: that is what was said last.
            if was(unit) == Some(unit) && !self.busy_units.contains(&unit.unit) {
                continue;
            }
            let values = [
                Some(Value::Int(unit.online.into())),
                Some(whole(unit.timeouts)),
                Some(whole(unit.exceptions)),
                Some(whole(unit.crc)),
                Some(whole(unit.bad)),
                since.map(|since| Value::Float(percent(busy, since))),
                ms(unit.p50),
                ms(unit.p95),
                Some(Value::Float((unit.in_vain.as_secs_f64() * 10.0).round() / 10.0)),
            ];
            say_all(link, figures, at, values);
            self.busy_units.retain(|known| *known != unit.unit);
            if !busy.is_zero() {
                self.busy_units.push(unit.unit);
            }
        }
        let times = |stats: &Stats| (stats.p50, stats.p95);
        if before.as_ref().map(|(_, before)| times(before)) != Some(times(&stats)) {
            say_all(link, &mut self.times, at, [ms(stats.p50), ms(stats.p95)]);
        }
        self.stats = Some((now, stats));
    }
}

/// What part of a time was spent. A request that was under way at the last look counts here whole.
fn percent(spent: Duration, since: Duration) -> f64 {
    ((spent.as_secs_f64() / since.as_secs_f64() * 1000.0).round() / 10.0).min(100.0)
}

fn ms(time: Option<Duration>) -> Option<Value> {
    time.map(|time| Value::Float((time.as_secs_f64() * 10_000.0).round() / 10.0))
}

fn say_all<const N: usize>(link: &mut Link, figures: &mut [Figure; N], at: Timestamp, values: [Option<Value>; N]) {
    for (figure, value) in figures.iter_mut().zip(values) {
        if let Some(value) = value {
            figure.say(link, at, value);
        }
    }
}

fn whole(count: u64) -> Value {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}
