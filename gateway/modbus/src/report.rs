//! From what lines report to what the bus hears: changes only, and never a value without its quality.

use std::collections::BTreeMap;
use std::time::Duration;

use link::Outcome;
use tag::{Fault, Reading, Sample, Timestamp};

use crate::config::Config;
use crate::device::{Report, Status};
use crate::write::Ticket;

/// What the bus shall hear.
#[derive(Debug, Clone, PartialEq)]
pub enum Say {
    /// A tag (index into [`Config::tags`]) changed.
    Publish(usize, Sample),
    /// A group (by its number, see [`Reporter::groups`]) still is as published.
    Confirm(usize),
    /// What became of a write.
    Settle(Ticket, Outcome),
    /// A line (by index) came or went.
    Status(usize, Status),
}

/// Tags that are confirmed together: of one block, with one freshness limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPlan {
    /// Their limit.
    pub stale: Duration,
    /// Indices into [`Config::tags`].
    pub tags: Vec<usize>,
}

#[derive(Debug)]
struct Known {
    sample: Sample,
    deadband: Option<f64>,
    /// When it was last confirmed: where a held value's time comes from.
    confirmed: Option<Timestamp>,
}

/// What the bus was told last.
#[derive(Debug)]
pub struct Reporter {
    /// Per line, per point: the tag.
    tag_of: Vec<Vec<Option<usize>>>,
    /// Per line, per block: its groups.
    groups_of: Vec<Vec<Vec<usize>>>,
    groups: Vec<GroupPlan>,
    tags: Vec<Known>,
}

impl Reporter {
    /// Nothing is known yet.
    pub fn new(config: &Config) -> Self {
        let mut groups: Vec<GroupPlan> = Vec::new();
        let mut groups_of = Vec::new();
        for line in &config.lines {
            let mut of_line = Vec::new();
            for block in &line.blocks {
                let mut by_limit: BTreeMap<Duration, Vec<usize>> = BTreeMap::new();
                for tag in block.points.iter().filter_map(|point| line.points[*point].tag) {
                    by_limit.entry(config.tags[tag].stale).or_default().push(tag);
                }
                let first = groups.len();
                groups.extend(by_limit.into_iter().map(|(stale, tags)| GroupPlan { stale, tags }));
                of_line.push((first..groups.len()).collect());
            }
            groups_of.push(of_line);
        }
        let unread = || Sample { at: Timestamp(0), reading: Reading::Missing(Fault::NotYetRead) };
        Self {
            tag_of: config.lines.iter().map(|line| line.points.iter().map(|point| point.tag).collect()).collect(),
            groups_of,
            groups,
            tags: config
                .tags
                .iter()
                .map(|tag| Known { sample: unread(), deadband: tag.deadband, confirmed: None })
                .collect(),
        }
    }

    /// Every tag is in exactly one group.
    pub fn groups(&self) -> &[GroupPlan] {
        &self.groups
    }

    /// What was last said of a tag.
    pub fn last(&self, tag: usize) -> &Sample {
        &self.tags[tag].sample
    }

    /// What the reports of a line are worth saying.
    pub fn on_reports(&mut self, line: usize, now: Timestamp, reports: Vec<Report>) -> Vec<Say> {
        // Nearly each of them is worth saying.
        let mut says = Vec::with_capacity(reports.len());
        for report in reports {
            match report {
                Report::Value { point, at, value } => {
                    self.set(&mut says, line, point, Sample { at, reading: Reading::Good(value) });
                }
                Report::Fault { point, because } => {
                    let Some(tag) = self.tag_of[line][point] else { continue };
                    let known = &self.tags[tag];
                    let reading = known.sample.reading.clone().fallen(because);
                    // A held value keeps the time at which it was last known to be so.
                    let at = match (&known.sample.reading, &reading) {
                        (Reading::Good(_), _) => known.confirmed.unwrap_or(known.sample.at),
                        (_, Reading::Missing(_)) => now,
                        _ => known.sample.at,
                    };
                    self.set(&mut says, line, point, Sample { at, reading });
                }
                Report::Confirmed { block, at } => {
                    for group in &self.groups_of[line][block] {
                        self.groups[*group].tags.iter().for_each(|tag| self.tags[*tag].confirmed = Some(at));
                        says.push(Say::Confirm(*group));
                    }
                }
                Report::Outcome(ticket, outcome) => says.push(Say::Settle(ticket, outcome)),
                Report::Status(status) => says.push(Say::Status(line, status)),
            }
        }
        says
    }

    fn set(&mut self, says: &mut Vec<Say>, line: usize, point: usize, sample: Sample) {
        let Some(tag) = self.tag_of[line][point] else { return };
        let known = &mut self.tags[tag];
        if sample.reading.good().is_some() {
            known.confirmed = Some(sample.at);
        }
        if known.deadband.is_some_and(|band| is_within(band, &known.sample.reading, &sample.reading)) {
            return;
        }
        if known.sample.reading != sample.reading {
            known.sample = sample.clone();
            says.push(Say::Publish(tag, sample));
        }
    }
}

/// Both are good numbers, and less than the deadband apart.
fn is_within(band: f64, was: &Reading, is: &Reading) -> bool {
    let number = |reading: &Reading| reading.good().and_then(tag::Value::as_f64);
    number(was).zip(number(is)).is_some_and(|(was, is)| (is - was).abs() < band)
}
