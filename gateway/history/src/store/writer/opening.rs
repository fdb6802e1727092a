//! How the writer opens its database, or begins a new one.

use std::sync::atomic::Ordering;

use super::super::engine::{Engine, lock};
use super::super::file::{self, sqlite};
use super::super::salvage::Progress;
use super::{Writer, chain};
use crate::entry::Whom;
use crate::error::StoreError;
use crate::levels::Calendar;

impl Writer {
    /// Opens the database; an error is one that trying again can't heal.
    pub(in crate::store) fn open_first(&mut self) -> Result<(), StoreError> {
        let opened = match self.open() {
            Err(error) if file::is_damage(&error) => self.start_anew(&error),
            opened => opened,
        };
        match opened {
            Err(error @ StoreError::Sqlite { .. }) => {
                self.fail(&error);
                Ok(())
            }
            opened => opened,
        }
    }

    pub(super) fn open(&mut self) -> Result<(), StoreError> {
        let calendar = Calendar::new(self.config.zone.clone());
        let head = self.shared.head.clone();
        let (boot, told) = (self.clock.boot(), self.told.clone());
        let mut engine = Engine::open_in(Some(&boot), told, &self.path, &self.config.tags, calendar, head)?;
        engine.keep_bytes = self.config.keep_bytes;
        engine.own.extend(self.config.own.iter().map(|tag| engine.id(Whom::Tag(*tag))).collect::<Vec<_>>());
        if !self.looked_back {
            let now = self.clock.wall();
            self.owed = engine.unfinished_since(now).map_err(sqlite("reading", &self.path))?;
            let newest = engine.newest_own().map_err(sqlite("reading", &self.path))?;
            self.shared.newest_own.store(newest.map_or(0, |at| at.0), Ordering::Relaxed);
            self.spending.go_on(&engine.conn, &self.clock).map_err(sqlite("reading", &self.path))?;
            self.looked_back = true;
        }
        let wreck = engine.find_wreck(&self.config.folder, self.aside.clone());
        wreck.map_err(sqlite("noting what was set aside in", &self.path))?;
        self.aside = None;
        let now = (self.clock.wall(), self.clock.uptime());
        let places = self.pending.iter().try_for_each(|entry| engine.make_place(entry.at, now));
        places.map_err(sqlite("reading", &self.path))?;
        engine.show(&self.pending);
        self.engine = Some(engine);
        Ok(())
    }

    /// Sets a damaged database aside and begins a new one.
    pub(super) fn start_anew(&mut self, why: &StoreError) -> Result<(), StoreError> {
        self.engine = None;
        *lock(&self.shared.head) = Default::default();
        let aside = file::set_aside(&self.path, self.clock.wall())?;
        log::error!("the history is damaged ({}); set aside as {}, starting a new one", chain(why), aside.display());
        self.owed = None;
        self.looked_back = true;
        self.aside = Some(Progress::begin(&aside, self.clock.wall()));
        self.shared.generation.fetch_add(1, Ordering::AcqRel);
        self.open()
    }
}
