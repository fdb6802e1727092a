//! Two serial ports with a cable between them, made of pseudo-terminals.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::ttyname;

/// Both ends of the cable.
#[derive(Debug)]
pub struct SerialPair {
    /// One port.
    pub near: PathBuf,
    /// The other one.
    pub far: PathBuf,
    /// Held open, so that a port whose program has gone is still there.
    _ports: [OwnedFd; 2],
}

impl SerialPair {
    /// Lays the cable. It lies until the test program ends.
    pub fn new() -> Self {
        let [a, b] = [(); 2].map(|()| {
            let pty = openpty(None, None).expect("a pseudo-terminal");
            let mut raw = tcgetattr(&pty.slave).expect("its settings");
            cfmakeraw(&mut raw);
            tcsetattr(&pty.slave, SetArg::TCSANOW, &raw).expect("raw");
            let path = ttyname(&pty.slave).expect("its path");
            (File::from(pty.master), pty.slave, path)
        });
        let pass = |mut from: File, mut to: File| {
            std::thread::spawn(move || {
                let mut chunk = [0; 512];
                while let Ok(read @ 1..) = from.read(&mut chunk) {
                    if to.write_all(&chunk[..read]).is_err() {
                        return;
                    }
                }
            })
        };
        let again = |file: &File| file.try_clone().expect("a handle more");
        pass(again(&a.0), again(&b.0));
        pass(b.0, a.0);
        Self { near: a.2, far: b.2, _ports: [a.1, b.1] }
    }
}

impl Default for SerialPair {
    fn default() -> Self {
        Self::new()
    }
}
