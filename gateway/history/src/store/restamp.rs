//! Times made good: what the clock's becoming known, or a step of it, means for what is kept already.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::TransactionBehavior;
use tag::{Timestamp, Uptime};

use super::engine::{ALL, Engine, lock};
use super::eras::{self, Era, State};
use super::salvage::{Progress, Wreck};
use super::seal::{ChunkIds, cut, seal};
use crate::entry::{TagNo, Whom};
use crate::era::{ERA_US, Restamp, era_of, in_era};
use crate::format::Record;

/// So long a boot's records wait for a clock; then they stay where they were guessed to be, so that they may be rolled
/// up, and thinned when the room is needed.
const WAITS_US: u64 = 30 * 86_400_000_000;

/// A guess is put right after what was recorded before.
const AFTER_US: u64 = 1000;

impl Engine {
    /// What was learned becomes durable; the moving itself is done in steps.
    pub(crate) fn restamp(&mut self, learned: &Restamp) -> rusqlite::Result<()> {
        let now = match learned {
            Restamp::Known { era, offset, now } => {
                self.tell(*era, *offset, true)?;
                *now
            }
            Restamp::Moved { from, to, by, is_sure, now, tags, given } => {
                self.move_all()?;
                let none = BTreeSet::new();
                let of_tag = |tag: &TagNo| (self.id(Whom::Tag(*tag)), given.get(tag).unwrap_or(&none));
                let tags: Vec<_> = tags.iter().map(of_tag).chain([(ALL, &none)]).collect();
                self.take_out((*from, *to), *by, *is_sure, &tags)?;
                *now
            }
        };
        self.out_of_the_future(now)
    }

    /// What the box stamped while its clock was ahead, and of which nobody knows any more by how much, happened by now.
    fn out_of_the_future(&mut self, now: Timestamp) -> rusqlite::Result<()> {
        let ahead = |newest: &Timestamp| *newest > now;
        if self.newest_own()?.filter(ahead).is_some() || !self.eras.moving.is_empty() {
            self.move_all()?;
        }
        let Some(newest) = self.newest_own()?.filter(ahead) else { return Ok(()) };
        // Just before the present: what is stamped now must not fall on it.
        let (from, by) = (Timestamp(now.0 + 1), now.0 as i64 - newest.0 as i64 - 1);
        ::log::warn!(
            "records of up to {newest} were stamped by a clock that was ahead: they are moved to before {now}"
        );
        let none = BTreeSet::new();
        let own: Vec<_> = self.own.iter().map(|tag| (*tag, &none)).collect();
        self.take_out((from, Timestamp(newest.0 + 1)), by, false, &own)
    }

    /// Before entries of this time are placed: makes them an era, if they need one. `now` is what the wall clock shows
    /// at this uptime.
    pub(super) fn make_place(&mut self, at: Timestamp, now: (Timestamp, Uptime)) -> rusqlite::Result<()> {
        if self.eras.wants_place(at) {
            let shown = offset(now.0, now.1);
            let first = Uptime(era_of(at).map_or(now.1.0, |(_, uptime)| uptime));
            let after = self.newest_own()?.map(|newest| offset(Timestamp(newest.0 + AFTER_US), first));
            self.eras.begin(after.map_or(shown, |after| after.max(shown)));
            self.show_eras();
        }
        Ok(())
    }

    /// An era that waits too long isn't waited for any more.
    pub(super) fn give_up_waiting(&mut self, era: u64, uptime: Uptime) -> rusqlite::Result<()> {
        let Some(open) = self.eras.open() else { return Ok(()) };
        let extent = eras::extent(&self.conn, &open, &lock(&self.head))?;
        if extent.is_some_and(|(first, _)| uptime.0.saturating_sub(first) > WAITS_US) {
            ::log::warn!(
                "the clock isn't set since {} days; what was recorded stays where it may have been",
                WAITS_US / 86_400_000_000
            );
            self.tell(era, open.offset, false)?;
        }
        Ok(())
    }

    fn tell(&mut self, era: u64, offset: i64, is_known: bool) -> rusqlite::Result<()> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.eras.tell(&tx, offset, is_known, &lock(&self.head))?;
        tx.commit()?;
        self.eras.told(era, offset);
        self.show_eras();
        Ok(())
    }

    /// Takes a span of these tags out, to be put back so many µs later; but for the times beside each tag, which stay. One
    /// transaction, so that a kill leaves all of it or nothing to be told again; memory holds a chunk of it at a time.
    fn take_out(
        &mut self,
        (from, to): (Timestamp, Timestamp),
        by: i64,
        is_sure: bool,
        tags: &[(i64, &BTreeSet<Timestamp>)],
    ) -> rusqlite::Result<()> {
        self.seal_all()?;
        let slices: Vec<_> = slices(from, to).map(|slice| (slice, self.eras.next_id())).collect();
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut taken = Vec::new();
        for ((from, to), id) in slices {
            let era = Era { id, offset: from.0 as i64 + by, state: State::Settled };
            let mut any = false;
            for (tag, given) in tags {
                let take = |mut records: Vec<Record>, ids: &mut ChunkIds| {
                    for record in &mut records {
                        record.at = in_era(era.id, record.at.0 - from.0);
                    }
                    any = true;
                    seal(&tx, *tag, &records, ids)
                };
                let moves = |record: &Record| !given.contains(&record.at);
                cut(&tx, &self.calendar, *tag, (from, to), &mut self.chunks, moves, take)?;
                self.to_roll.insert(*tag);
            }
            if any {
                eras::add(&tx, &era, "")?;
                taken.push(era);
            }
        }
        if !taken.is_empty() && !is_sure {
            eras::doubt(&tx, eras::calendar(from.0, by), eras::calendar(to.0, by))?;
        }
        tx.commit()?;
        lock(&self.head).newest_chunk = self.chunks.newest();
        self.eras.moving.extend(taken);
        self.show_eras();
        Ok(())
    }

    /// What is on its way must have arrived before it can be taken out again.
    fn move_all(&mut self) -> rusqlite::Result<()> {
        while self.move_some()? {}
        Ok(())
    }

    /// Moves some records of which the time is known; false when none are left.
    pub(crate) fn move_some(&mut self) -> rusqlite::Result<bool> {
        let Some(era) = self.eras.moving.first().copied() else { return Ok(false) };
        let (from, to) = eras::range(&era);
        if lock(&self.head).extent_within(from, to).is_some() {
            self.seal_all()?;
        }
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let head = self.head.clone();
        let waiting = |tag| lock(&head).fresh(tag);
        let moved = eras::step(&tx, &self.calendar, &era, &mut self.chunks, waiting)?;
        tx.commit()?;
        lock(&self.head).newest_chunk = self.chunks.newest();
        match moved {
            Some(tag) => drop(self.to_roll.insert(tag)),
            None => {
                self.eras.moving.remove(0);
                self.show_eras();
            }
        }
        Ok(true)
    }

    /// Whether records wait to be moved or to be got back.
    pub(super) fn has_more_work(&self) -> bool {
        !self.eras.moving.is_empty() || self.wreck.is_some()
    }

    /// Notes that a database was set aside, and opens the next of those that were to get back what it holds.
    pub(super) fn find_wreck(&mut self, folder: &Path, aside: Option<Progress>) -> rusqlite::Result<()> {
        if let Some(aside) = aside {
            aside.note(&self.conn)?;
        }
        for mut progress in Progress::all(&self.conn)?.into_iter().rev().filter(|progress| !progress.is_done()) {
            self.wreck = Wreck::open(folder, progress.clone());
            if self.wreck.is_some() {
                return Ok(());
            }
            ::log::error!("nothing can be got back out of {}", progress.file);
            progress.give_up();
            progress.note(&self.conn)?;
        }
        Ok(())
    }

    /// Gets something back out of a damaged database; false when there is nothing more.
    pub(super) fn get_back(&mut self, folder: &Path) -> rusqlite::Result<bool> {
        let Some(mut wreck) = self.wreck.take() else { return Ok(false) };
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let head = self.head.clone();
        let waiting = |tag| lock(&head).fresh(tag);
        let tags = wreck.step(&tx, &self.calendar, &mut self.chunks, &waiting)?;
        tx.commit()?;
        lock(&self.head).newest_chunk = self.chunks.newest();
        self.to_roll.extend(tags);
        if wreck.progress().is_done() {
            let Progress { file, got, lost, .. } = wreck.progress();
            ::log::warn!("got {got} records back out of {file}; {lost} pieces of it don't read");
            self.find_wreck(folder, None)?;
        } else {
            self.wreck = Some(wreck);
        }
        Ok(true)
    }

    /// Tells those who read.
    pub(super) fn show_eras(&self) {
        lock(&self.head).eras = self.eras.shown();
    }
}

/// A span in pieces that an era has room for: a clock may have been ahead by more.
fn slices(from: Timestamp, to: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let starts = std::iter::successors(Some(from), |start| Some(Timestamp(start.0 + ERA_US)));
    starts.take_while(move |start| *start < to).map(move |start| (start, to.min(Timestamp(start.0 + ERA_US))))
}

/// µs from an uptime to a time of the calendar.
fn offset(wall: Timestamp, uptime: Uptime) -> i64 {
    let signed = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
    signed(wall.0) - signed(uptime.0)
}
