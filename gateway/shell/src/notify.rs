//! Telling systemd how we are (`sd_notify(3)`), harmless without it.

use std::time::Duration;

use systemd::daemon;

/// The daemon's word to its supervisor.
#[derive(Debug, Clone, Copy)]
pub struct Notify {
    speaks: bool,
    watchdog: Option<Duration>,
}

impl Notify {
    /// Reads what the supervisor asks for (`NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`).
    pub fn from_env() -> Self {
        let micros = daemon::watchdog_enabled().unwrap_or(0);
        Self { speaks: true, watchdog: (micros > 0).then(|| Duration::from_micros(micros)) }
    }

    /// For a daemon that shares its process with another one that speaks for both.
    pub fn silent() -> Self {
        Self { speaks: false, watchdog: None }
    }

    /// "I'm ready": sockets are open, the config is good.
    pub fn ready(&self) {
        self.send(&[("READY", "1")]);
    }

    /// "I'm about to end."
    pub fn stopping(&self) {
        self.send(&[("STOPPING", "1")]);
    }

    /// How often the main loop must pat the watchdog: half its limit. A long time when nobody watches.
    pub fn pat_interval(&self) -> Duration {
        self.watchdog.map_or(Duration::from_secs(3600), |limit| limit / 2)
    }

    /// "Still going round." Called from the main loop, so that a stuck loop is seen.
    pub fn pat(&self) {
        if self.watchdog.is_some() {
            self.send(&[("WATCHDOG", "1")]);
        }
    }

    fn send(&self, state: &[(&str, &str)]) {
        if !self.speaks {
            return;
        }
        // Without a supervisor this does nothing and says so with `Ok(false)`.
        if let Err(error) = daemon::notify(state.iter()) {
            log::debug!("telling the supervisor {state:?}: {error}");
        }
    }
}
