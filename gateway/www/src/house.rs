//! What all connections share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shell::SharedClock;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::TaskTracker;

use crate::Config;
use crate::assets::Assets;
use crate::auth::Links;
use crate::claim::Tries;
use crate::command::Command;
use crate::limit::Limit;
use crate::origin::Names;
use crate::sessions::Sessions;
use crate::speak::Hello;

/// Holds no secret, only when; the unit that shows the code looks at it.
const CLAIMED_MODE: u32 = 0o644;

/// What all connections share. Locks are held for a look-up and never over an await.
pub(crate) struct House {
    pub(crate) config: Arc<Config>,
    pub(crate) hello: Hello,
    pub(crate) assets: Assets,
    pub(crate) names: Names,
    pub(crate) clock: SharedClock,
    pub(crate) commands: mpsc::Sender<Command>,
    /// Connections and conversations, so that the end waits for their goodbyes.
    pub(crate) tasks: TaskTracker,
    /// One permit per question to the history that may be under way.
    pub(crate) questions: Semaphore,
    /// One permit per table of the past that is longer than a page.
    pub(crate) exports: Arc<Semaphore>,
    /// How often an address may ask for tables.
    pub(crate) api_limit: Mutex<Limit>,
    pub(crate) links: Mutex<Links>,
    pub(crate) limit: Mutex<Limit>,
    pub(crate) tries: Mutex<Tries>,
    /// Written when the first browser typed the code of the box.
    pub(crate) claimed_file: PathBuf,
    pub(crate) sessions: Mutex<Sessions>,
    pub(crate) sessions_file: PathBuf,
    /// Held while the sessions are written, so that an older list never replaces a newer one.
    pub(crate) saving: tokio::sync::Mutex<()>,
}

/// Locks, whatever happened to the last one who did: what is kept here is whole after every statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl House {
    /// Is there a claim code to type? Deny by default: without the file there isn't even a place to type it.
    pub(crate) fn is_claimable(&self) -> bool {
        // One look into the kernel's cache, and only when somebody without a session comes.
        self.config.claim_file.as_ref().is_some_and(|file| file.exists())
    }

    /// Notes that somebody typed the code of the box, so that it isn't shown at the next boot. The code stays good.
    pub(crate) async fn note_claimed(&self) {
        let (path, now) = (self.claimed_file.clone(), self.clock.wall());
        let noted = tokio::task::spawn_blocking(move || match path.exists() {
            true => Ok(()),
            false => shell::write_atomic(&path, format!("{now}\n").as_bytes(), CLAIMED_MODE),
        });
        if let Ok(Err(error)) = noted.await {
            log::warn!("the claim code is shown again at the next boot: {}: {error}", self.claimed_file.display());
        }
    }

    /// Writes the sessions to disk, on a thread of its own: flash may take a while and live values must not wait.
    pub(crate) async fn save_sessions(&self) {
        let _turn = self.saving.lock().await;
        let (path, bytes) = (self.sessions_file.clone(), lock(&self.sessions).to_bytes());
        let written = tokio::task::spawn_blocking(move || shell::write_atomic(&path, &bytes, 0o600)).await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                log::error!("browser sessions end with this run: writing {}: {error}", self.sessions_file.display())
            }
            Err(error) => log::error!("browser sessions end with this run: {error}"),
        }
    }
}
