//! How the writer opens its database, or begins a new one.

use std::fs;
use std::sync::atomic::Ordering;

use super::super::engine::{Engine, lock};
use super::super::file::{self, sqlite};
use super::super::held::{Lock, Named, may_heal};
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
            Err(error) if may_heal(&error) => {
                self.fail(&error);
                Ok(())
            }
            opened => opened,
        }
    }

    /// Sees to it that nobody else writes, as far as that can be known.
    fn take_lock(&mut self) -> Result<(), StoreError> {
        if self.lock.as_ref().is_some_and(Lock::holds) {
            return Ok(());
        }
        self.lock = None;
        let folder = &self.config.folder;
        fs::create_dir_all(folder).map_err(|source| StoreError::Folder { path: folder.clone(), source })?;
        self.lock = Some(Lock::take(folder)?);
        Ok(())
    }

    /// Whether what is written arrives where somebody will look for it: a file that was removed, or that another one has
    /// taken the place of, takes all that is written, and it is lost.
    pub(super) fn still_ours(&mut self) -> Result<(), StoreError> {
        if self.opened.as_ref().is_some_and(|opened| !opened.is_whole()) {
            let why = "it was removed, replaced or emptied while it was open".into();
            return Err(StoreError::NotSound { path: self.path.clone(), why });
        }
        self.take_lock()
    }

    pub(super) fn open(&mut self) -> Result<(), StoreError> {
        self.take_lock()?;
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
        self.opened = Named::of(&self.path);
        Ok(())
    }

    /// Sets a damaged database aside and begins a new one.
    pub(super) fn start_anew(&mut self, why: &StoreError) -> Result<(), StoreError> {
        self.engine = None;
        *lock(&self.shared.head) = Default::default();
        self.opened = None;
        let aside = file::set_aside(&self.path, self.clock.wall())?;
        self.aside = aside.exists().then(|| Progress::begin(&aside, self.clock.wall()));
        match &self.aside {
            Some(aside) => {
                let file = self.config.folder.join(&aside.file);
                log::error!(
                    "the history is damaged ({}); set aside as {}, starting a new one",
                    chain(why),
                    file.display()
                );
            }
            None => log::error!("the history is gone ({}); starting a new one", chain(why)),
        }
        self.owed = None;
        self.looked_back = true;
        self.shared.generation.fetch_add(1, Ordering::AcqRel);
        self.open()
    }
}
