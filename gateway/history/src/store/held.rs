//! Whether the files we write to are still ours, and still those of these names.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::error::StoreError;

/// That nobody else has the store open to write; kept as long as this is.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: Flock<File>,
    named: Named,
}

impl Lock {
    /// Takes it, or says that somebody has it.
    pub(crate) fn take(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("history.lock");
        let failed = |source| StoreError::Lock { path: path.clone(), source };
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(Self { _file: file, named: Named::new(path.clone(), &meta) }),
            Err((_, Errno::EWOULDBLOCK)) => Err(StoreError::InUse { path: folder.into() }),
            Err((_, errno)) => Err(failed(errno.into())),
        }
    }

    /// Whether it keeps others out: its file may have been removed.
    pub(super) fn holds(&self) -> bool {
        self.named.is_there()
    }
}

/// A file that is open, and its name.
#[derive(Debug)]
pub(super) struct Named {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Named {
    /// That of an open file.
    pub(super) fn new(path: PathBuf, meta: &Metadata) -> Self {
        Self { path, device: meta.dev(), inode: meta.ino() }
    }

    /// That of a file that was opened just now.
    pub(super) fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|meta| Self::new(path.into(), &meta))
    }

    /// Whether the name still leads to it. A disk that doesn't say is believed to.
    pub(super) fn is_there(&self) -> bool {
        match fs::metadata(&self.path) {
            Ok(meta) => (meta.dev(), meta.ino()) == (self.device, self.inode),
            Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
        }
    }

    /// Whether it is there and holds something: an open database is never empty.
    pub(super) fn is_whole(&self) -> bool {
        self.is_there() && fs::metadata(&self.path).map_or(true, |meta| meta.len() > 0)
    }
}

/// Whether an error at opening is one of a disk that may be well again: read-only after an error of it, full, failing.
pub(super) fn may_heal(error: &StoreError) -> bool {
    let (StoreError::Folder { source, .. } | StoreError::Lock { source, .. } | StoreError::SetAside { source, .. }) =
        error
    else {
        return matches!(error, StoreError::Sqlite { .. });
    };
    let of_disk = [Errno::EROFS, Errno::ENOSPC, Errno::EDQUOT, Errno::EIO];
    source.raw_os_error().is_some_and(|code| of_disk.contains(&Errno::from_raw(code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_its_file_until_it_is_gone_or_another_s() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(Named::of(&path).is_none());
        fs::write(&path, "something").unwrap();
        let named = Named::of(&path).unwrap();
        assert!(named.is_there() && named.is_whole());
        fs::write(&path, "").unwrap();
        assert!(named.is_there() && !named.is_whole(), "emptied");
        fs::write(folder.path().join("other"), "another").unwrap();
        fs::rename(folder.path().join("other"), &path).unwrap();
        assert!(!named.is_there(), "another one's now");
        fs::remove_file(&path).unwrap();
        assert!(!named.is_there() && !named.is_whole());
    }

    #[test]
    fn a_lock_keeps_others_out_as_long_as_its_file_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        assert!(lock.holds() && matches!(Lock::take(folder.path()), Err(StoreError::InUse { .. })));
        fs::remove_file(folder.path().join("history.lock")).unwrap();
        assert!(!lock.holds());
        let other = Lock::take(folder.path()).unwrap();
        assert!(other.holds() && !lock.holds());
        let nowhere = Lock::take(&folder.path().join("deep")).unwrap_err();
        assert!(matches!(nowhere, StoreError::Lock { .. }) && !may_heal(&nowhere), "{nowhere:?}");
    }

    #[test]
    fn what_a_disk_may_be_healed_of_isn_t_what_a_person_must_mend() {
        let of = |errno: Errno| StoreError::Folder { path: "x".into(), source: errno.into() };
        assert!(may_heal(&of(Errno::EROFS)) && may_heal(&of(Errno::ENOSPC)));
        assert!(!may_heal(&of(Errno::EACCES)) && !may_heal(&of(Errno::EEXIST)));
        assert!(!may_heal(&StoreError::InUse { path: "x".into() }));
    }
}
