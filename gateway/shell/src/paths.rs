//! Where a site keeps what lives only while it runs, and what it must remember.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The superuser.
const ROOT: u32 = 0;

/// The folders of one running site.
#[derive(Debug, Clone)]
pub struct Paths {
    /// Sockets and keys of the running daemons. Whoever may read it may speak to the bus and get a link to the page.
    pub runtime: PathBuf,
    /// What must survive a restart: history, browser sessions.
    pub state: PathBuf,
}

/// Why a folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PathsError {
    /// The folder can't be made.
    #[error("making the folder {path}")]
    Make {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Somebody else could put files there.
    #[error("{path} belongs to somebody else or may be written by others; choose another folder")]
    NotOurs {
        /// Which one.
        path: PathBuf,
    },
}

impl Paths {
    /// The folders to use: what the command line says, else what systemd gives (`RUNTIME_DIRECTORY`,
    /// `STATE_DIRECTORY`), else the user's own (`XDG_RUNTIME_DIR`, `XDG_STATE_HOME`), else `/run/forebay` and
    /// `/var/lib/forebay` for root.
    pub fn find(runtime: Option<&Path>, state: Option<&Path>) -> Self {
        let runtime = runtime.map(Path::to_path_buf).unwrap_or_else(default_runtime);
        let state = state.map(Path::to_path_buf).unwrap_or_else(default_state);
        Self { runtime, state }
    }

    /// Makes both folders, closed to others, and refuses one that others can write.
    pub fn make(&self) -> Result<(), PathsError> {
        for path in [&self.runtime, &self.state] {
            make_private(path)?;
        }
        Ok(())
    }

    /// The bus's Unix socket (protocol 2). The port of protocol 1 is in the name, so that two buses can run side by side.
    pub fn bus_socket(&self, bus_port: u16) -> PathBuf {
        self.runtime.join(format!("bus-{bus_port}.sock"))
    }
}

fn default_runtime() -> PathBuf {
    if let Some(first) = env::var_os("FOREBAY_RUNTIME").or_else(|| first_of("RUNTIME_DIRECTORY")) {
        return first.into();
    }
    match env::var_os("XDG_RUNTIME_DIR") {
        Some(dir) if !nix::unistd::geteuid().is_root() => PathBuf::from(dir).join("forebay"),
        _ if nix::unistd::geteuid().is_root() => "/run/forebay".into(),
        _ => env::temp_dir().join(format!("forebay-{}", nix::unistd::geteuid())),
    }
}

fn default_state() -> PathBuf {
    if let Some(several) = env::var_os("FOREBAY_STATE") {
        return first_usable(&several);
    }
    if let Some(first) = first_of("STATE_DIRECTORY") {
        return first.into();
    }
    if nix::unistd::geteuid().is_root() {
        return "/var/lib/forebay".into();
    }
    match (env::var_os("XDG_STATE_HOME"), env::var_os("HOME")) {
        (Some(dir), _) => PathBuf::from(dir).join("forebay"),
        (None, Some(home)) => PathBuf::from(home).join(".local/state/forebay"),
        (None, None) => env::temp_dir().join(format!("forebay-state-{}", nix::unistd::geteuid())),
    }
}

/// The first of several folders, with colons between them, that is there and ours; the last needn't be: it is made. So a
/// daemon can remember on the data partition and yet start where there is none.
fn first_usable(several: &std::ffi::OsStr) -> PathBuf {
    let mut folders: Vec<PathBuf> = env::split_paths(several).collect();
    let last = folders.pop().unwrap_or_default();
    folders.into_iter().find(|folder| folder.is_dir() && make_private(folder).is_ok()).unwrap_or(last)
}

/// systemd gives several folders with colons between them; the first is the daemon's own.
fn first_of(variable: &str) -> Option<std::ffi::OsString> {
    let all = env::var(variable).ok()?;
    all.split(':').next().filter(|first| !first.is_empty()).map(Into::into)
}

fn make_private(path: &Path) -> Result<(), PathsError> {
    let make = |source| PathsError::Make { path: path.to_path_buf(), source };
    fs::DirBuilder::new().recursive(true).mode(0o750).create(path).map_err(make)?;
    let meta = fs::metadata(path).map_err(make)?;
    let us = Us { user: nix::unistd::geteuid().as_raw(), group: nix::unistd::getegid().as_raw() };
    if !meta.is_dir() || !us.may_trust(meta.uid(), meta.gid(), meta.permissions().mode()) {
        return Err(PathsError::NotOurs { path: path.to_path_buf() });
    }
    Ok(())
}

/// Who this process is.
#[derive(Debug, Clone, Copy)]
struct Us {
    user: u32,
    group: u32,
}

impl Us {
    /// May files in such a folder be trusted? One of our own may; so may root's, which is how daemons with users of their
    /// own share `/run/forebay`: written by root and our own group, and nobody removes another's file (the sticky bit).
    fn may_trust(self, owner: u32, group: u32, mode: u32) -> bool {
        let (others_write, group_writes, sticky) = (mode & 0o002 != 0, mode & 0o020 != 0, mode & 0o1000 != 0);
        let shared_with_us = owner == ROOT && (!group_writes || group == self.group && sticky);
        !others_write && (owner == self.user || shared_with_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_closed_and_an_open_one_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::find(Some(&home.path().join("run")), Some(&home.path().join("deep/state")));
        paths.make().unwrap();
        paths.make().unwrap();
        for made in [&paths.runtime, &paths.state] {
            assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o007, 0, "closed to others");
        }
        fs::set_permissions(&paths.runtime, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(paths.make(), Err(PathsError::NotOurs { .. })));
    }

    #[test]
    fn a_folder_of_roots_is_shared_with_our_group_only() {
        let us = Us { user: 812, group: 810 };
        for (owner, group, mode, trusted) in [
            (812, 810, 0o750, true),
            (812, 99, 0o770, true),
            (812, 810, 0o757, false),
            (0, 810, 0o1770, true),
            (0, 0, 0o755, true),
            (0, 810, 0o0770, false),
            (0, 99, 0o1770, false),
            (0, 810, 0o1777, false),
            (811, 810, 0o1770, false),
            (99, 99, 0o700, false),
        ] {
            assert_eq!(us.may_trust(owner, group, mode), trusted, "{owner}:{group} {mode:o}");
        }
    }

    #[test]
    fn of_several_folders_the_first_that_is_there_and_ours_is_used() {
        let home = tempfile::tempdir().unwrap();
        let [kept, open, last] = ["kept", "open", "last"].map(|name| home.path().join(name));
        let all = env::join_paths([&kept, &open, &last]).unwrap();
        assert_eq!(first_usable(&all), last, "neither is there");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(first_usable(&all), last, "others may write there");
        fs::create_dir(&kept).unwrap();
        fs::set_permissions(&kept, fs::Permissions::from_mode(0o750)).unwrap();
        assert_eq!(first_usable(&all), kept);
        assert_eq!(first_usable(last.as_os_str()), last, "one alone is made");
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Paths::find(Some(&file), Some(home.path())).make().unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
    }
}
