//! A process of a test: its log is kept, its end is ours.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{PATIENCE, wait_for, wait_some};

/// Bytes of a log that a failing test shows.
const TAIL: usize = 6000;

/// A program built beside this test: `target/debug/NAME`. `FOREBAY_BINARY` names another `forebay` to test, one of another
/// processor for instance.
pub fn program(name: &str) -> PathBuf {
    if let Some(other) = std::env::var_os("FOREBAY_BINARY").filter(|_| name == "forebay") {
        let path = PathBuf::from(other);
        assert!(
            path.is_absolute() && path.is_file(),
            "FOREBAY_BINARY is {}: no absolute path of a file",
            path.display()
        );
        return path;
    }
    let test = std::env::current_exe().expect("the test has a path");
    let folder = test.parent().and_then(Path::parent).expect("tests are built into target/PROFILE/deps");
    let path = folder.join(name);
    assert!(path.is_file(), "{} isn't there: cargo build -p forebay-box -p forebay-sim", path.display());
    path
}

/// A running program. Killed when it is dropped; a failing test shows the end of its log.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    /// Open, so that it can be read when its folder is gone already.
    log: File,
    /// Bytes in the log that an earlier process of this name wrote.
    before: u64,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts it with both outputs in `folder/NAME.log`, appended.
    pub fn start(name: &str, command: &mut Command, folder: &Path) -> Self {
        let (log, before) = open_log(name, folder);
        let out = || log.try_clone().expect("a handle more");
        let child = command.stdin(Stdio::null()).stdout(out()).stderr(out()).spawn();
        let child = child.unwrap_or_else(|error| panic!("starting {name}: {error}"));
        Self { name: name.into(), child, log, before, ended: None }
    }

    /// Starts it with its input and output in the test's hands; only what it says on stderr is in the log.
    pub fn start_piped(name: &str, command: &mut Command, folder: &Path) -> Self {
        let (log, before) = open_log(name, folder);
        let err = log.try_clone().expect("a handle more");
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(err).spawn();
        let child = child.unwrap_or_else(|error| panic!("starting {name}: {error}"));
        Self { name: name.into(), child, log, before, ended: None }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        let end = self.log.metadata().map_or(0, |meta| meta.len());
        let mut log = vec![0; usize::try_from(end.saturating_sub(self.before)).unwrap_or(0)];
        let read = self.log.read_at(&mut log, self.before).unwrap_or(0);
        String::from_utf8_lossy(&log[..read]).into_owned()
    }

    /// Its output, once.
    pub fn stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().expect("started with pipes")
    }

    /// Its input.
    pub fn stdin(&mut self) -> &mut std::process::ChildStdin {
        self.child.stdin.as_mut().expect("started with pipes")
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("our own child");
        }
        self.ended
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self, within: Duration) -> ExitStatus {
        let name = self.name.clone();
        wait_some(&format!("the end of {name}"), within, || self.ended())
    }

    /// Asks it to end, as systemd does.
    pub fn term(&mut self) {
        self.signal(Signal::SIGTERM);
    }

    /// Ends it between two instructions, as a power cut does.
    pub fn kill9(&mut self) {
        self.signal(Signal::SIGKILL);
        self.ended = Some(self.child.wait().expect("our own child"));
    }

    /// Stops it in its tracks, or lets it go on. Stopped it stands when this returns: the signal alone comes a moment later.
    #[track_caller]
    pub fn freeze(&self, frozen: bool) {
        self.signal(if frozen { Signal::SIGSTOP } else { Signal::SIGCONT });
        let stat = || std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // The state stands behind the name, which is in brackets.
        let stands = |stat: &String| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'));
        wait_for("stopped, or going on", PATIENCE, stat, |stat| stands(stat) == frozen);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().expect("a process id"));
        if self.ended.is_none() {
            kill(pid, signal).unwrap_or_else(|error| panic!("{signal} to {}: {error}", self.name));
        }
    }

    fn tail(&self) -> String {
        let log = self.log();
        let start = log.char_indices().map(|(at, _)| at).find(|at| log.len() - at <= TAIL).unwrap_or(0);
        log[start..].to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- log of {} ({:?})\n{}", self.name, self.ended, self.tail());
        }
    }
}

fn open_log(name: &str, folder: &Path) -> (File, u64) {
    let path = folder.join(format!("{name}.log"));
    let log = File::options().create(true).append(true).read(true).open(path).expect("the log");
    let before = log.metadata().map_or(0, |meta| meta.len());
    (log, before)
}
