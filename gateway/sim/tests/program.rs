//! The program itself: its ready line, its control socket, its mistakes.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_forebay-sim");
const PLANT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/plant.yaml");

/// A folder of one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("forebay-sim-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A program that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn say(hand: &mut BufReader<UnixStream>, line: &str) -> String {
    hand.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    let mut answer = String::new();
    hand.read_line(&mut answer).unwrap();
    answer.trim_end().to_owned()
}

#[test]
fn another_process_commands_it_through_its_socket() {
    // The shipped plant on free ports: peek, poke, misbehave, kill, restart, quit.
    let folder = Folder::new("control");
    let (control, fan) = (folder.0.join("control"), folder.0.join("fan"));
    let mut command = Command::new(PROGRAM);
    command.args(["--plant", PLANT, "--port-base", "0", "--calm", "--control"]).arg(&control);
    command.env("FOREBAY_DEMO_SERIAL", &fan).stdout(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let mut ready = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    assert_eq!((&ready["ready"], ready["rtu"]["fan"].as_str().unwrap()), (&true.into(), fan.to_str().unwrap()));
    let demo = ready["tcp"]["demo"].as_str().unwrap().to_owned();
    assert!(std::net::TcpStream::connect(&demo).is_ok());

    let mut hand = BufReader::new(UnixStream::connect(&control).unwrap());
    let mut said = |line: &str| say(&mut hand, line);
    assert_eq!(said("ready?"), "ok ready");
    assert_eq!(said("devices"), "ok plc1 station meter fan");
    assert_eq!(said("peek plc1 4x:1"), "ok 1");
    assert_eq!(said("poke plc1 4x:1 33"), "ok");
    assert_eq!(said("peek plc1 4x:1 1"), "ok 33");
    assert_eq!(said("value plc1 4x:3 float32"), "ok 2");
    assert_eq!(said("behaviour plc1 slow 250"), "ok");
    assert_eq!(said("behaviour plc1"), "ok slow 250");
    assert_eq!(said("trouble trip1"), "ok");
    assert_eq!(said("count plc1"), "ok 0 0");
    for (wrong, why) in [
        ("behaviour plc1 rude", "not a behaviour"),
        ("behaviour plc9 silent", "no device"),
        ("peek plc1 4x:0", "not a place"),
        ("peek plc1 4x:999", "nothing at"),
        ("poke plc1 4x:1 70000", "0 to 65535"),
        ("value plc1 4x:1 text", "no type"),
        ("trouble war", "no trouble"),
        ("", "no command"),
    ] {
        let answer = said(wrong);
        assert!(answer.starts_with("error ") && answer.contains(why), "{wrong:?}: {answer}");
    }
    assert_eq!(said("kill"), "ok");
    assert_eq!(said("ready?"), "error killed");
    assert!(std::net::TcpStream::connect(&demo).is_err() && !fan.exists());
    assert_eq!(said("restart"), "ok");
    assert!(std::net::TcpStream::connect(&demo).is_ok() && fan.exists());
    assert_eq!(said("quit"), "ok");
    assert!(running.0.wait().unwrap().success());
    assert!(!control.exists() && !fan.exists(), "nothing is left behind");
}

#[test]
fn mistakes_are_one_sentence_and_status_78() {
    let folder = Folder::new("mistakes");
    let wrong = folder.0.join("wrong.yaml");
    std::fs::write(&wrong, "lines: []\ncolour: red\n").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (wrong, nowhere) = (wrong.to_str().unwrap(), folder.0.join("nowhere.yaml"));
    for (arguments, why) in [
        (vec!["--plant", wrong], "colour"),
        (vec!["--plant", nowhere.to_str().unwrap()], "nowhere.yaml"),
        (vec!["--plant", PLANT, "--port-base", &port], "is taken"),
        (vec!["--plant", PLANT, "--port-base", "0", "--pty", "demo=/tmp/x"], "no serial line \"demo\""),
        (vec!["--plant", PLANT, "--port-base", "0", "--pty", "fan=/proc/nowhere/fan"], "linking"),
    ] {
        let output = Command::new(PROGRAM).args(&arguments).env_remove("JOURNAL_STREAM").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{arguments:?}: {said}");
        assert!(said.contains(why) && said.lines().count() <= 2, "{arguments:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}
