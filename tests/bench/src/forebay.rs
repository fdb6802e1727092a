//! Forebay's side: its release binary, as separate daemons or as one process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Bench;
use crate::fail::{Doing, Fail};
use crate::process::{Process, free_port, here};
use crate::site::{self, Device, Plan};

/// A folder for everything, and the site in it.
#[derive(Debug)]
pub(crate) struct Forebay {
    binary: PathBuf,
    web: PathBuf,
    folder: tempfile::TempDir,
    pub(crate) bus_port: u16,
    pub(crate) www_port: u16,
}

impl Forebay {
    /// A fresh site of so many tags; nothing runs yet.
    pub(crate) fn new(bench: &Bench, tags: usize, device: Option<Device>) -> Result<Self, Fail> {
        let forebay = Self::empty(bench)?;
        let Self { bus_port, www_port, .. } = forebay;
        site::write(&forebay.site(), &Plan { tags, bus_port, www_port, device })?;
        Ok(forebay)
    }

    /// The same with a folder that somebody else fills.
    pub(crate) fn empty(bench: &Bench) -> Result<Self, Fail> {
        let folder = tempfile::tempdir().doing("making a folder")?;
        std::fs::create_dir(folder.path().join("site")).doing("making a folder")?;
        Ok(Self {
            binary: bench.bin.join("forebay"),
            web: bench.root.join("web/dist"),
            folder,
            bus_port: free_port()?,
            www_port: free_port()?,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn site(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    pub(crate) fn bus(&self) -> SocketAddr {
        here(self.bus_port)
    }

    fn command(&self, word: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg(word).stdout(Stdio::null()).env("FOREBAY_DEMO_SERIAL", self.folder.path().join("fan.tty"));
        command
    }

    fn folders(&self, command: &mut Command) {
        let path = self.folder.path();
        command.arg("--runtime").arg(path.join("run")).arg("--state").arg(path.join("state"));
        command.arg("--web").arg(&self.web);
    }

    /// One daemon alone; the bus and the web server are waited for.
    pub(crate) fn daemon(&self, module: &str) -> Result<Process, Fail> {
        let mut command = self.command(module);
        let site = self.site();
        command.arg("--config").arg(site.join(format!("{module}.yaml")));
        // As pymscada's units do: a bus learns its tags from those who come.
        if module != "bus" {
            command.arg("--tags").arg(site.join("tags.yaml"));
        }
        self.folders(&mut command);
        let mut process = Process::start(&mut command, self.folder.path(), module)?;
        match module {
            "bus" => process.listens(here(self.bus_port))?,
            "wwwserver" => process.listens(here(self.www_port))?,
            _ => {}
        }
        Ok(process)
    }

    /// The whole site in one process; not waited for.
    pub(crate) fn run(&self) -> Result<Process, Fail> {
        let mut command = self.command("run");
        command.arg(self.site());
        self.folders(&mut command);
        Process::start(&mut command, self.folder.path(), "forebay")
    }

    /// A fresh one-time link.
    pub(crate) fn link(&self) -> Result<String, Fail> {
        let mut command = self.command("link");
        let said = command.arg("--runtime").arg(self.folder.path().join("run")).stdout(Stdio::piped()).output();
        let said = said.doing("asking for a link")?;
        let link = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        if link.is_empty() {
            return Err(Fail(format!("no link: {}", String::from_utf8_lossy(&said.stderr))));
        }
        Ok(link)
    }
}
