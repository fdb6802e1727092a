//! What `forebay modbus …` says of slips that no device need hear of, and of output that can't be written.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

const DEVICES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/devices");

/// Its exit code, and all it said.
fn say(folder: &Path, words: &[&str], out: Stdio) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
    command.arg("modbus").args(words).current_dir(folder).env("FOREBAY_DEVICES", DEVICES).stdout(out);
    let said = command.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    let text = [said.stdout, said.stderr].concat();
    (said.status.code(), String::from_utf8(text).unwrap())
}

/// A list on a full disk is half a list: that is no success. A reader that has seen enough is.
#[test]
fn output_that_cannot_be_written_is_said() {
    let here = Path::new(".");
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (code, text) = say(here, &["export", "--device", "sunspec-meter"], full.into());
    assert!(code == Some(1) && text.contains("No space left"), "{code:?}: {text}");
    let (ours, theirs) = UnixStream::pair().unwrap();
    drop(ours);
    let gone = say(here, &["export", "--device", "sunspec-meter"], OwnedFd::from(theirs).into());
    assert_eq!(gone, (Some(0), String::new()));
}

/// A wrong name of a connection, of a file, a number that isn't one: each is told with what was meant, by its own name.
#[test]
fn slips_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("tags.yaml", "{}");
    write(
        "modbusclient.yaml",
        "rtus: [{name: L, ip: 127.0.0.1}, {name: M, ip: 127.0.0.2}]\n\
         tags: {a: {type: int16, read: 'L:1:4x:1'}, b: {type: int16, write: 'M:7:4x:1'}, c: {type: int16, read: 'L:1:4x:2'}}\n",
    );
    write("map.csv", "name,type,address\na,int16,4x:1\n");
    fs::create_dir_all(folder.path().join("other/devices")).unwrap();
    write("other/devices/pump.yaml", "registers: {a: {type: int99, read: '4x:1'}}");
    let table: [(&[&str], i32, &str); 10] = [
        (&["devices", "other"], 78, "with mistakes, which `forebay check` names: other/devices/pump.yaml"),
        (&["devices", "nosuch"], 78, "nosuch: there is no such folder"),
        (&["export", ".", "--line", "NOPE"], 78, "no tag of the site lies at NOPE:1; expected one of L:1, M:7"),
        (&["export", ".", "--line", "L", "--unit", "7"], 78, "no tag of the site lies at L:7;"),
        (&["export", ".", "--line", "M", "--unit", "7"], 0, "b,int16,4x:1"),
        (&["import", "nosuch.csv", "--device"], 1, "nosuch.csv: No such file"),
        (&["import", "map.csv", "--line", "A:B"], 78, "--line A:B: a connection's name has no colon"),
        (&["watch", "127.0.0.1:9", "4x:1", "--every=-1"], 78, "--every"),
        (&["scan", "/dev/ttyNOPE", "--bauds", "9600,0"], 2, "--bauds"),
        (&["scan", "/dev/ttyNOPE", "--bauds", "9600,19200"], 1, "can't open /dev/ttyNOPE"),
    ];
    for (words, code_is, said) in table {
        let (code, text) = say(folder.path(), words, Stdio::piped());
        assert!(code == Some(code_is) && text.contains(said), "{words:?}: {code:?}: {text}");
    }
}
