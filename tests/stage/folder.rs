//! Folders that go away.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the checkout").to_path_buf()
}

/// A folder of one test. Kept when the test fails and `FOREBAY_KEEP` is set.
#[derive(Debug)]
pub struct Folder(Option<TempDir>);

impl Folder {
    /// A new one. Its path is short: a Unix socket's holds 107 bytes.
    pub fn new() -> Self {
        Self(Some(tempfile::Builder::new().prefix("fb-").tempdir().expect("a temporary folder")))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.as_ref().expect("there until dropped").path()
    }

    /// A place in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file in it and returns its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.join(name);
        std::fs::create_dir_all(path.parent().expect("in the folder")).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("FOREBAY_KEEP").is_some() {
            if let Some(folder) = self.0.take() {
                eprintln!("kept: {}", folder.keep().display());
            }
        }
    }
}
