//! The YAML that the pymscada package itself ships: it checks without an error, and runs.

use std::path::PathBuf;
use std::process::Command;

use forebay_tests::{Gateway, PATIENCE, Plant, Site, free_port, peers_python};

/// `pymscada/demo/yaml` of the installed package.
fn shipped() -> PathBuf {
    let find = "import importlib.util as u; print(u.find_spec('pymscada').submodule_search_locations[0])";
    let output = Command::new(peers_python()).args(["-c", find]).output().unwrap();
    let package = String::from_utf8(output.stdout).unwrap();
    PathBuf::from(package.trim()).join("demo/yaml")
}

/// All its files, with the placeholders that its own `checkout` fills in.
fn site(plant: &Plant) -> Site {
    let (bus_port, page_port) = (free_port(), free_port());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(shipped()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        // All of them marked before one is filled in: a port may hold another one's digits.
        let text = text
            .replace("__ADDRESS__", "127.0.0.1")
            .replace("__DIR__", "/srv/site")
            .replace("__PORT__", "@BUS@")
            .replace("1324", "@BUS@")
            .replace("8324", "@PAGE@")
            .replace("1502", "@PLC@")
            .replace("@BUS@", &bus_port.to_string())
            .replace("@PAGE@", &page_port.to_string())
            .replace("@PLC@", &plant.port("demo").to_string());
        files.push((name, text));
    }
    assert!(files.len() >= 20, "pymscada ships more than 20 files");
    Site { files, bus_port, page_port }
}

#[test]
fn it_checks_without_an_error_and_runs_on_its_plc() {
    // The plant plays the PLC of pymscada's demo at the port its modbusclient.yaml names.
    let mut plant = Plant::start();
    let mut site = site(&plant);
    // Its history wants an absolute folder that exists; ours is thrown away.
    let gateway = Gateway::new(site.clone());
    let keep = gateway.folder.join("kept");
    for (_, text) in &mut site.files {
        *text = text.replace("/srv/site", &keep.to_string_lossy());
    }
    site.write(&gateway.folder);
    let said = gateway.say(["check", "."]);
    assert_eq!(said.code, Some(0), "{}", said.out);
    assert!(said.out.contains(" 0 errors") || said.out.contains("\n0 errors"), "{}", said.out);

    let mut run = gateway.run();
    let mut watch = gateway.watch(&["IntSet", "IntVal", "FloatVal", "MultiVal"]);
    watch.sees_good("IntVal", PATIENCE);
    assert_eq!(gateway.tool(&["set", "IntSet", "17"]).code, Some(0));
    assert_eq!(plant.peek("plc1", "4x:1"), 17);
    watch.sees("the value follows its set-point", PATIENCE, |line| line.tag == "IntVal" && line.value == "17");
    let hello = gateway.browser().get("/").status;
    assert_eq!(hello, 200);
    run.term();
    assert_eq!(run.wait(PATIENCE).code(), Some(0));
}

#[test]
fn as_it_is_shipped_its_placeholders_are_named() {
    let plant = Plant::start();
    let mut site = site(&plant);
    for (name, text) in &mut site.files {
        *text = std::fs::read_to_string(shipped().join(name)).unwrap();
    }
    let gateway = Gateway::new(site);
    let said = gateway.say(["check", "."]);
    assert_eq!(said.code, Some(78));
    assert!(said.out.contains("__ADDRESS__") || said.out.contains("placeholder"), "{}", said.out);
}
