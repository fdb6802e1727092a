//! libmodbus: small C programs built against the machine's own, and a cable of socat's for its serial lines.

use std::path::PathBuf;
use std::process::Command;

use super::{Folder, PATIENCE, Process, root, wait_for};

/// A program of `tests/peers/libmodbus`, built for one test.
#[derive(Debug)]
pub struct LibmodbusProgram {
    path: PathBuf,
    _folder: Folder,
}

impl LibmodbusProgram {
    /// Builds `NAME.c`.
    #[track_caller]
    pub fn build(name: &str) -> Self {
        let folder = Folder::new();
        let path = folder.join(name);
        let asked = Command::new("pkg-config").args(["--cflags", "--libs", "libmodbus"]).output().expect("pkg-config");
        let flags = String::from_utf8_lossy(&asked.stdout).into_owned();
        assert!(asked.status.success() && !flags.is_empty(), "libmodbus-dev isn't here: scripts/setup peers");
        let mut command = Command::new("cc");
        command.args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&path);
        command.arg(root().join("tests/peers/libmodbus").join(format!("{name}.c")));
        let built = command.args(flags.split_whitespace()).arg("-lm").output().expect("a C compiler");
        assert!(built.status.success(), "{name}.c: {}", String::from_utf8_lossy(&built.stderr));
        Self { path, _folder: folder }
    }

    /// A command of it.
    pub fn command(&self) -> Command {
        Command::new(&self.path)
    }
}

/// Two serial ports with a cable between them that socat holds, until this is dropped.
#[derive(Debug)]
pub struct Cable {
    /// One port.
    pub near: PathBuf,
    /// The other one.
    pub far: PathBuf,
    _socat: Process,
    _folder: Folder,
}

impl Cable {
    /// Lays it.
    #[track_caller]
    pub fn lay() -> Self {
        let folder = Folder::new();
        let (near, far) = (folder.join("near"), folder.join("far"));
        // ignoreeof: a port that its program closed is opened by the next one.
        let end = |link: &PathBuf| format!("pty,raw,echo=0,ignoreeof,link={}", link.display());
        let socat = Process::start("socat", Command::new("socat").args([end(&near), end(&far)]), folder.path());
        wait_for("socat's ports", PATIENCE, || near.exists() && far.exists(), |there| *there);
        Self { near, far, _socat: socat, _folder: folder }
    }
}
