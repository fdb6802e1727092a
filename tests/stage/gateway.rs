//! A gateway of a test: its folders, its ports, its processes, its command line.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use super::{Browser, Folder, PATIENCE, Plant, Process, Site, Watch, program, root, wait_for};

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Said {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// A site in a folder of its own, with a runtime and a state folder beside it. Nothing runs until it is started.
#[derive(Debug)]
pub struct Gateway {
    /// Holds `site/`, `run/`, `state/` and the logs.
    pub folder: Folder,
    /// The site as it was written.
    pub site: Site,
    serial: Option<PathBuf>,
}

impl Gateway {
    /// Writes the site.
    pub fn new(site: Site) -> Self {
        let folder = Folder::new();
        site.write(&folder);
        Self { folder, site, serial: None }
    }

    /// The shipped site on this plant.
    pub fn demo(plant: &Plant) -> Self {
        Self::on(plant, Site::demo(plant))
    }

    /// A site of devices that are this plant's.
    pub fn on(plant: &Plant, site: Site) -> Self {
        Self { serial: Some(plant.serial.clone()), ..Self::new(site) }
    }

    /// The site's folder.
    pub fn dir(&self) -> PathBuf {
        self.folder.join("site")
    }

    /// A command line of the binary, in the folder of the site, away from the machine's own sockets and journals.
    pub fn command<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        self.command_as(&program("forebay"), words)
    }

    /// The same for the binary under another name.
    pub fn command_as<S: AsRef<OsStr>>(&self, binary: &Path, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(binary);
        command.args(words).current_dir(self.dir());
        for unwanted in ["JOURNAL_STREAM", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "RUNTIME_DIRECTORY"] {
            command.env_remove(unwanted);
        }
        command.env("FOREBAY_RUNTIME", self.folder.join("run")).env("FOREBAY_STATE", self.folder.join("state"));
        command.env("FOREBAY_WEB", root().join("web/dist")).env("FOREBAY_DEVICES", root().join("config/devices"));
        if let Some(serial) = &self.serial {
            command.env("FOREBAY_DEMO_SERIAL", serial);
        }
        command
    }

    /// Runs a command to its end.
    pub fn say<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Said {
        let output = self.command(words).stdin(std::process::Stdio::null()).output();
        output.expect("the binary starts").into()
    }

    /// Runs a tool (`get`, `set`, `list`, `link` …) against this gateway.
    pub fn tool(&self, words: &[&str]) -> Said {
        let port = self.site.bus_port.to_string();
        self.say(words.iter().copied().chain(["--bus-port", &port]))
    }

    /// `forebay run`, waited for until the bus and, if there is one, the page accept.
    pub fn run(&self) -> Process {
        let mut process = Process::start("forebay-run", &mut self.command(["run", "."]), self.folder.path());
        self.wait_listening(&mut process, self.site.bus_port);
        if self.site.files.iter().any(|(name, _)| name == "wwwserver.yaml") {
            self.wait_page(&mut process);
        }
        process
    }

    /// One daemon by its name, as a unit file starts it.
    pub fn daemon(&self, name: &str) -> Process {
        Process::start(name, &mut self.command(self.daemon_words(name)), self.folder.path())
    }

    /// The words that start one daemon.
    pub fn daemon_words(&self, name: &str) -> Vec<String> {
        let file = match name {
            "modbus" => "modbusclient",
            "www" => "wwwserver",
            other => other,
        };
        let mut words = vec![name.to_owned(), "--config".into(), format!("{file}.yaml")];
        if file != "bus" {
            words.extend(["--tags".into(), "tags.yaml".into()]);
        }
        words
    }

    /// Waits until somebody accepts at a port.
    #[track_caller]
    pub fn wait_listening(&self, process: &mut Process, port: u16) {
        self.wait_listening_within(process, port, PATIENCE);
    }

    /// The same for a program that takes its time to start.
    #[track_caller]
    pub fn wait_listening_within(&self, process: &mut Process, port: u16, within: Duration) {
        let look = || (std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(), process.ended());
        let (listens, ended) =
            wait_for(&format!("port {port}"), within, look, |(listens, ended)| *listens || ended.is_some());
        assert!(listens, "it ended before it listened at {port}: {ended:?}");
    }

    /// Waits until the page is served and links to it can be made: the key of a process that was killed lies there until
    /// the next one has written its own.
    #[track_caller]
    pub fn wait_page(&self, process: &mut Process) {
        self.wait_listening(process, self.site.page_port);
        wait_for("the page's first link", PATIENCE, || process.log(), |log| log.contains("The page, once: "));
    }

    /// A fresh one-time link to the page.
    #[track_caller]
    pub fn link(&self) -> String {
        let look = || self.say(["link"]);
        let said = wait_for("a link", PATIENCE, look, |said| said.code == Some(0));
        said.out.trim().to_owned()
    }

    /// A browser that was let in.
    #[track_caller]
    pub fn browser(&self) -> Browser {
        Browser::admitted(&self.link())
    }

    /// Watches tags through `forebay watch`.
    pub fn watch(&self, tags: &[&str]) -> Watch {
        let port = self.site.bus_port.to_string();
        let words = ["watch", "--bus-port", &port].into_iter().chain(tags.iter().copied());
        Watch::start(&mut self.command(words), self.folder.path())
    }

    /// Waits until `forebay get` shows a line that `good` accepts.
    #[track_caller]
    pub fn wait_tag(&self, tag: &str, good: impl Fn(&str) -> bool) -> String {
        let look = || self.tool(&["get", tag]);
        wait_for(tag, PATIENCE, look, |said| !said.out.is_empty() && good(said.out.trim())).out.trim().to_owned()
    }

    /// Waits until the history listens: what is set before is heard late, and what is set twice before only once.
    #[track_caller]
    pub fn wait_history(&self) {
        self.wait_owner("__history__", "history");
    }

    /// Waits until a module owns a tag.
    #[track_caller]
    pub fn wait_owner(&self, tag: &str, owner: &str) {
        let line = format!("{tag}  {owner}");
        let look = || self.tool(&["list", &format!("^{tag}")]);
        wait_for(&line, PATIENCE, look, |said| said.out.lines().any(|listed| listed == line));
    }
}
