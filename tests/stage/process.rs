//! A process of a test: its log is kept, its end is ours.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait_some;

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
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts it with both outputs in `folder/NAME.log`, appended.
    pub fn start(name: &str, command: &mut Command, folder: &Path) -> Self {
        let (log, path) = open_log(name, folder);
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        let child = child.unwrap_or_else(|error| panic!("starting {name}: {error}"));
        Self { name: name.into(), child, log: path, ended: None }
    }

    /// Starts it with its input and output in the test's hands; only what it says on stderr is in the log.
    pub fn start_piped(name: &str, command: &mut Command, folder: &Path) -> Self {
        let (log, path) = open_log(name, folder);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn();
        let child = child.unwrap_or_else(|error| panic!("starting {name}: {error}"));
        Self { name: name.into(), child, log: path, ended: None }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
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

    /// Stops it in its tracks, or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        self.signal(if frozen { Signal::SIGSTOP } else { Signal::SIGCONT });
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

fn open_log(name: &str, folder: &Path) -> (File, PathBuf) {
    let path = folder.join(format!("{name}.log"));
    let log = File::options().create(true).append(true).open(&path).expect("the log");
    (log, path)
}
