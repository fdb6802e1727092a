//! Asks the drives in the background, at most once a day: a drive may take its time, and nobody waits for it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::smart;
use crate::store::Wear;

/// Wear moves slowly, and a drive that is asked may wake up.
const AGAIN: Duration = Duration::from_secs(86_400);

/// What drives said last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Drives {
    said: Arc<Mutex<Said>>,
}

#[derive(Debug, Default)]
struct Said {
    asked_at: Option<Instant>,
    told: Vec<Wear>,
}

impl Drives {
    /// Has them asked with this program, if that was long ago.
    pub(crate) fn look(&self, now: Instant, root: PathBuf, program: OsString) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.asked_at.is_some_and(|at| now.saturating_duration_since(at) < AGAIN) {
            return;
        }
        said.asked_at = Some(now);
        let answer = self.said.clone();
        let ask = move || {
            let told = smart::ask(&root, &program);
            answer.lock().unwrap_or_else(PoisonError::into_inner).told = told;
        };
        if let Err(error) = thread::Builder::new().name("history-wear".into()).spawn(ask) {
            log::debug!("the drives aren't asked for their wear: {error}");
        }
    }

    /// What they said.
    pub(crate) fn told(&self) -> Vec<Wear> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).told.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[allow(clippy::disallowed_methods, reason = "a test looks at the machine's own clock for its deadline")]
    #[test]
    fn they_are_asked_once_a_day() {
        let _alone = crate::wear::tests::ONE_AT_A_TIME.lock();
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("sys/block/sda")).unwrap();
        let program = root.path().join("smartctl");
        let script = "#!/bin/sh\necho >>\"$0.log\"; n=$(wc -l <\"$0.log\"); echo \"{\\\"endurance_used\\\":{\\\"current_percent\\\":$n}}\"\n";
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let (drives, start) = (Drives::default(), Instant::now());
        let look = |hours: u64| {
            let now = start + Duration::from_secs(hours * 3600);
            drives.look(now, root.path().into(), program.clone().into());
        };
        let until = |percent: u8| {
            while drives.told().first().and_then(|wear| wear.used_percent) != Some(percent) {
                assert!(start.elapsed() < Duration::from_secs(30), "wanted {percent}, saw {:?}", drives.told());
                thread::sleep(Duration::from_millis(2));
            }
        };
        assert_eq!(drives.told(), []);
        look(0);
        until(1);
        look(1);
        look(23);
        look(24);
        until(2);
        assert_eq!(fs::read_to_string(root.path().join("smartctl.log")).unwrap().lines().count(), 2);
    }
}
