//! The table.

use std::fmt::Write;

use crate::stats::{median, ratio};

/// What a figure is counted in, which says how it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Micros,
    PerSecond,
    Percent,
    /// Of a core.
    Core,
    Megabytes,
    Seconds,
    Kilobytes,
    Bytes,
}

/// What was hoped for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Aim {
    /// At most so many times the bare one.
    TimesBare(f64),
    /// At least so many times the peer.
    TimesPeer(f64),
    /// Less than.
    Below(f64),
    /// At least.
    AtLeast(f64),
    /// Only told.
    Nothing,
}

/// One measurement: the figure of each round.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: Unit,
    pub(crate) aim: Aim,
    pub(crate) ours: Vec<f64>,
    pub(crate) peer: Vec<f64>,
    /// The least that does it: a relay for the bus, a loop in C for Modbus, a table in SQLite for the history.
    pub(crate) bare: Vec<f64>,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, unit: Unit, aim: Aim) -> Self {
        Self { what: what.into(), unit, aim, ours: Vec::new(), peer: Vec::new(), bare: Vec::new() }
    }

    /// A measurement that failed: said on stderr, and not hidden here.
    pub(crate) fn failed(what: &str) -> Self {
        Self::new(format!("{what}: could not be measured"), Unit::Seconds, Aim::Nothing)
    }

    fn ratio(&self) -> String {
        let more_is_better = self.unit == Unit::PerSecond;
        if let (Aim::TimesBare(_), false) = (self.aim, self.bare.is_empty()) {
            return format!("{:.2}× bare", ratio(&self.ours, &self.bare));
        }
        // Differences, not amounts: a ratio of them says nothing.
        if self.peer.is_empty() || self.ours.is_empty() || self.unit == Unit::Percent {
            return "–".into();
        }
        let (times, word) = match more_is_better {
            true => (ratio(&self.ours, &self.peer), "more"),
            false => (ratio(&self.peer, &self.ours), "less"),
        };
        if times >= 1.0 { format!("{times:.1}× {word}") } else { format!("{times:.2}× {word}") }
    }

    fn aim(&self) -> String {
        match self.aim {
            Aim::TimesBare(times) => format!("≤ {times}× bare"),
            Aim::TimesPeer(times) => format!("≥ {times}× peer"),
            Aim::Below(limit) => format!("< {}", self.unit.say(limit)),
            Aim::AtLeast(limit) => format!("≥ {}", self.unit.say(limit)),
            Aim::Nothing => "–".into(),
        }
    }

    fn met(&self) -> &'static str {
        let is_met = match self.aim {
            Aim::TimesBare(_) if self.bare.is_empty() => return "?",
            Aim::TimesPeer(_) if self.peer.is_empty() => return "?",
            _ if self.ours.is_empty() => return "–",
            Aim::TimesBare(times) => ratio(&self.ours, &self.bare) <= times,
            Aim::TimesPeer(times) => ratio(&self.ours, &self.peer) >= times,
            Aim::Below(limit) => median(&self.ours) < limit,
            Aim::AtLeast(limit) => median(&self.ours) >= limit,
            Aim::Nothing => return "–",
        };
        if is_met { "yes" } else { "**no**" }
    }
}

impl Unit {
    fn say(self, value: f64) -> String {
        match self {
            Self::Micros if value >= 1000.0 => format!("{:.1} ms", value / 1000.0),
            Self::Micros => format!("{value:.0} µs"),
            Self::PerSecond => format!("{}/s", thousands(value)),
            Self::Percent => format!("{value:.1} %"),
            Self::Core => format!("{value:.2} %"),
            Self::Megabytes => format!("{value:.1} MB"),
            Self::Seconds => format!("{value:.2} s"),
            Self::Kilobytes => format!("{value:.1} kB"),
            Self::Bytes => format!("{value:.2} B"),
        }
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Everything, in Markdown.
pub(crate) fn text(facts: &str, rows: &[Row]) -> String {
    let mut text = format!("# Measured\n\n{facts}.\n\n");
    text.push_str(
        "Medians of several rounds; all were measured in turns in the same run, and a ratio is the median of the rounds' \
         ratios.\nBare is the least that does it: for the bus a relay, for Modbus a loop in C with libmodbus or a chain of two\nprocesses \
         that pass on what a PLC said, for the history a table in SQLite of time, tag and value. Bytes written are those of pages\nthat the kernel wrote \
         to the disk. `scripts/bench` measures again.\n\n",
    );
    text.push_str("| measurement | Forebay | pymscada | bare | ratio | aim | met? |\n|---|--:|--:|--:|--:|--:|---|\n");
    for row in rows {
        let cell = |values: &[f64]| if values.is_empty() { "–".into() } else { row.unit.say(median(values)) };
        let (ours, peer, bare) = (cell(&row.ours), cell(&row.peer), cell(&row.bare));
        let (ratio, aim, met) = (row.ratio(), row.aim(), row.met());
        writeln!(text, "| {} | {ours} | {peer} | {bare} | {ratio} | {aim} | {met} |", row.what)
            .expect("a String takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_aim_says_so() {
        let mut row = Row::new("updates", Unit::PerSecond, Aim::TimesPeer(20.0));
        row.ours = vec![1_234_567.0];
        assert_eq!(row.met(), "?", "nothing to compare with is not a success");
        row.peer = vec![87_000.0];
        assert_eq!(row.met(), "**no**");
        let table = text("here", &[row]);
        assert!(
            table.contains("| updates | 1,234,567/s | 87,000/s | – | 14.2× more | ≥ 20× peer | **no** |"),
            "{table}"
        );
    }

    #[test]
    fn less_is_better_where_it_is() {
        let mut row = Row::new("p50", Unit::Micros, Aim::TimesBare(1.5));
        (row.ours, row.peer, row.bare) = (vec![30.0], vec![111.0], vec![25.0]);
        assert_eq!((row.ratio().as_str(), row.met()), ("1.20× bare", "yes"));
        row.aim = Aim::Below(20.0);
        assert_eq!((row.ratio().as_str(), row.met()), ("3.7× less", "**no**"));
    }
}
