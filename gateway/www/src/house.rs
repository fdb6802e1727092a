//! What all connections share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shell::SharedClock;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::TaskTracker;

use crate::Config;
use crate::assets::Assets;
use crate::auth::Links;
use crate::hub::Command;
use crate::limit::Limit;
use crate::origin::Names;
use crate::sessions::Sessions;
use crate::speak::Hello;

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
    pub(crate) links: Mutex<Links>,
    pub(crate) limit: Mutex<Limit>,
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
