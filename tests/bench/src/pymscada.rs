//! The peer's side: unmodified pymscada, started and watched by tests/peers/bench_bus.py.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::Bench;
use crate::fail::{Doing, Fail};
use crate::process::here;
use crate::site::Device;

/// A running set of pymscada's modules; dropping it ends them.
#[derive(Debug)]
pub(crate) struct Pymscada {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    ready: Value,
    _folder: tempfile::TempDir,
}

impl Pymscada {
    /// Starts modules in this order on a site of so many tags. `None` where there is no pymscada.
    pub(crate) fn start(
        bench: &Bench,
        modules: &str,
        tags: usize,
        device: Option<Device>,
        www_port: Option<u16>,
    ) -> Result<Option<Self>, Fail> {
        let Some(python) = &bench.python else { return Ok(None) };
        let folder = tempfile::tempdir().doing("making a folder")?;
        let log = File::create(folder.path().join("driver.log")).doing("making a log file")?;
        let mut command = Command::new(python);
        command.arg(bench.root.join("tests/peers/bench_bus.py")).args(["--modules", modules]);
        command.args(["--tags", &tags.to_string()]).arg("--site").arg(folder.path());
        if let Some(Device { address, poll_s, per_block, .. }) = device {
            command.args(["--plc", &address.to_string(), "--rate", &poll_s.to_string()]);
            command.args(["--per-block", &per_block.to_string()]);
        }
        if let Some(port) = www_port {
            command.args(["--www-port", &port.to_string()]);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .doing("starting tests/peers/bench_bus.py")?;
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().doing("pymscada's driver has no stdout")?);
        let mut peer = Self { child, stdin, stdout, ready: Value::Null, _folder: folder };
        peer.ready = peer.read()?;
        if peer.ready["ready"] != true {
            return Err(Fail(format!("pymscada did not start: {}", peer.ready)));
        }
        Ok(Some(peer))
    }

    pub(crate) fn bus(&self) -> Result<SocketAddr, Fail> {
        self.port("bus_port").map(here)
    }

    pub(crate) fn www_port(&self) -> Result<u16, Fail> {
        self.port("www_port")
    }

    /// When its first module was started, µs since 1970.
    pub(crate) fn began_us(&self) -> Result<u64, Fail> {
        self.ready["began_us"].as_u64().doing("pymscada's driver doesn't say when it began")
    }

    /// The process of each module.
    pub(crate) fn pids(&self) -> BTreeMap<String, u32> {
        let pids = self.ready["pids"].as_object().into_iter().flatten();
        pids.filter_map(|(name, pid)| Some((name.clone(), u32::try_from(pid.as_u64()?).ok()?))).collect()
    }

    fn port(&self, key: &str) -> Result<u16, Fail> {
        let port = self.ready[key].as_u64().and_then(|port| u16::try_from(port).ok());
        port.doing("pymscada's driver doesn't say its ports")
    }

    fn read(&mut self) -> Result<Value, Fail> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).doing("hearing from pymscada's driver")?;
        serde_json::from_str(&line).doing(&format!("understanding pymscada's driver, which said {line:?}"))
    }
}

impl Drop for Pymscada {
    fn drop(&mut self) {
        // The end of its stdin ends it too, if it doesn't hear the word.
        if let Some(mut stdin) = self.stdin.take() {
            let _ = stdin.write_all(b"quit\n");
        }
        let _ = self.child.wait();
    }
}
