//! How lines and their units are, as tags: `sys.modbus.PLC1.load`, `sys.modbus.PLC1:5.p95_ms`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use link::{Group, Handle, Link};
use tag::{Reading, Sample, TagName, Timestamp, Value};
use tokio::sync::mpsc;

use crate::config::LineConfig;
use crate::device::{Counters, Status, UnitStats};
use crate::line::SharedTrace;
use crate::trace::Trace;
use crate::write::WriteRequest;

/// Whole numbers of a line.
const COUNTED: [&str; 5] = ["requests", "timeouts", "exceptions", "crc_errors", "overruns"];
/// Shares of a line's time since it was last told, in percent.
const SHARES: [&str; 2] = ["load", "offline_cost"];
/// Of a unit.
const OF_UNIT: [&str; 7] = ["state", "timeouts", "exceptions", "crc_errors", "p50_ms", "p95_ms", "offline_cost_s"];

/// The loop's end of a line.
pub(crate) struct LineEnd {
    pub(crate) name: String,
    pub(crate) writes: Option<mpsc::Sender<WriteRequest>>,
    pub(crate) trace: SharedTrace,
    pub(crate) state: Handle,
    pub(crate) why: Handle,
    /// Asked, it answers with the line's last frames.
    pub(crate) frames: Handle,
    counted: [Handle; COUNTED.len()],
    shares: [Handle; SHARES.len()],
    units: Vec<(u8, [Handle; OF_UNIT.len()])>,
    pub(crate) counters: Counters,
    published: Option<(Counters, Instant)>,
    stats: Vec<UnitStats>,
    /// As last logged.
    pub(crate) ok: Option<bool>,
}

impl LineEnd {
    pub(crate) fn new(link: &mut Link, group: Group, config: &LineConfig) -> Self {
        let name = &config.name;
        let mut own = |what: &str| {
            let name = TagName::parse(&format!("sys.modbus.{name}.{what}")).expect("config checked the line's name");
            link.own(&name, group)
        };
        let (state, why, frames) = (own("state"), own("why"), own("frames"));
        let (counted, shares) = (COUNTED.map(&mut own), SHARES.map(&mut own));
        let mut ids: Vec<u8> = config.blocks.iter().map(|block| block.unit).collect();
        ids.sort_unstable();
        ids.dedup();
        // As in addresses; no line's name has a colon.
        let mut of_unit = |unit: u8, what: &str| {
            let name =
                TagName::parse(&format!("sys.modbus.{name}:{unit}.{what}")).expect("config checked the line's name");
            link.own(&name, group)
        };
        Self {
            name: name.clone(),
            writes: None,
            trace: Arc::new(Mutex::new(Trace::new(config.transport.is_rtu()))),
            state,
            why,
            frames,
            counted,
            shares,
            units: ids.into_iter().map(|unit| (unit, OF_UNIT.map(|what| of_unit(unit, what)))).collect(),
            counters: Counters::default(),
            published: None,
            stats: Vec::new(),
            ok: None,
        }
    }

    /// The last frames, as a file for Wireshark.
    pub(crate) fn pcap(&self) -> Vec<u8> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner).pcap()
    }

    /// Says how the line is as a whole.
    pub(crate) fn status(&mut self, link: &mut Link, at: Timestamp, status: &Status) {
        let was = self.ok.replace(status.ok);
        match (status.ok, status.last_answer) {
            // The reason has changed; the page shows it, the log has had its line.
            (false, _) if was == Some(false) => {}
            (true, _) if !status.why.is_empty() => log::warn!("{}: {}", self.name, status.why),
            (true, _) => log::info!("{} is online", self.name),
            (false, Some(ago)) => {
                log::warn!("{} went offline: {}, last answer {} s ago", self.name, status.why, ago.as_secs());
            }
            (false, None) => log::warn!("{} is offline: {}, never answered", self.name, status.why),
        }
        say(link, self.state, at, Value::Int(status.ok.into()));
        say(link, self.why, at, Value::Text(status.why.as_str().into()));
    }

    /// Says what was counted, if anything was.
    pub(crate) fn counts(&mut self, link: &mut Link, now: Instant, at: Timestamp) {
        let before = self.published.replace((self.counters, now));
        let is = self.counters;
        let (was, since) = match before {
            Some((was, _)) if was == is => return,
            Some((was, then)) => (was, now.saturating_duration_since(then)),
            None => (Counters::default(), Duration::ZERO),
        };
        let counts = [is.requests, is.timeouts, is.exceptions, is.bad, is.overruns];
        for (handle, count) in self.counted.iter().zip(counts) {
            say(link, *handle, at, whole(count));
        }
        if since.is_zero() {
            return;
        }
        for (handle, spent) in self.shares.iter().zip([is.busy - was.busy, is.in_vain - was.in_vain]) {
            let share = (spent.as_secs_f64() / since.as_secs_f64() * 1000.0).round() / 10.0;
            // A request that was under way at the last look counts here whole.
            say(link, *handle, at, Value::Float(share.min(100.0)));
        }
    }

    /// Says how the units are that have changed.
    pub(crate) fn units(&mut self, link: &mut Link, at: Timestamp, stats: Vec<UnitStats>) {
        for unit in &stats {
            if self.stats.contains(unit) {
                continue;
            }
            let Some((_, handles)) = self.units.iter().find(|(id, _)| *id == unit.unit) else { continue };
            let ms =
                |time: Option<Duration>| time.map(|time| Value::Float((time.as_secs_f64() * 10_000.0).round() / 10.0));
            let values = [
                Some(Value::Int(unit.online.into())),
                Some(whole(unit.timeouts)),
                Some(whole(unit.exceptions)),
                Some(whole(unit.bad)),
                ms(unit.p50),
                ms(unit.p95),
                Some(Value::Float((unit.in_vain.as_secs_f64() * 10.0).round() / 10.0)),
            ];
            for (handle, value) in handles.iter().zip(values) {
                if let Some(value) = value {
                    say(link, *handle, at, value);
                }
            }
        }
        self.stats = stats;
    }
}

fn whole(count: u64) -> Value {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

fn say(link: &mut Link, handle: Handle, at: Timestamp, value: Value) {
    link.publish(handle, Sample { at, reading: Reading::Good(value) });
}
