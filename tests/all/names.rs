//! The binary under pymscada's names and words, and through symlinks.

use forebay_tests::{Gateway, PATIENCE, Process, Site, program, wait_for};

/// Starts a daemon under a name and waits for a sign that it works.
fn start_as(gateway: &Gateway, name: &str, words: &[&str]) -> Process {
    let link = gateway.folder.join(name);
    std::os::unix::fs::symlink(program("forebay"), &link).unwrap();
    Process::start(name, &mut gateway.command_as(&link, words), gateway.folder.path())
}

#[test]
fn a_unit_file_of_pymscada_needs_only_a_new_path() {
    // `ExecStart=… bus --config FILE`, and so on with --tags, in pymscada's words and module names.
    let gateway = Gateway::new(
        Site::small().file("modbusclient.yaml", "bus_ip: 127.0.0.1\nbus_port: @BUS@\nrtus: []\ntags: {}\n"),
    );
    let dir = gateway.dir();
    let file = |name: &str| dir.join(name).to_string_lossy().into_owned();
    let mut processes = Vec::new();
    for (module, with_tags) in [("bus", false), ("modbusclient", false), ("history", true), ("wwwserver", true)] {
        let mut words = vec![module.to_owned(), "--config".into(), file(&format!("{module}.yaml"))];
        if with_tags {
            words.extend(["--tags".into(), file("tags.yaml")]);
        }
        let mut command = gateway.command(&words);
        // Not in the site's folder: the words alone say where the files are.
        command.current_dir(gateway.folder.path());
        let mut process = Process::start(module, &mut command, gateway.folder.path());
        if module == "bus" {
            gateway.wait_listening(&mut process, gateway.site.bus_port);
        }
        processes.push(process);
    }
    gateway.wait_page(&mut processes[3]);
    assert_eq!(gateway.tool(&["set", "level", "2.5"]).code, Some(0));
    gateway.wait_history();
    // One that is only just starting is ended by the signal itself.
    wait_for("modbus is there", PATIENCE, || processes[1].log(), |log| log.contains("on the bus"));
    for process in &mut processes {
        assert_eq!(process.ended(), None);
        process.term();
        assert_eq!(process.wait(PATIENCE).code(), Some(0), "SIGTERM is a clean end");
    }
}

#[test]
fn symlinks_name_the_daemon() {
    let gateway = Gateway::new(Site::small());
    let mut bus = start_as(&gateway, "forebay-bus", &["--config", "bus.yaml"]);
    gateway.wait_listening(&mut bus, gateway.site.bus_port);
    let mut www = start_as(&gateway, "wwwserver", &["--config", "wwwserver.yaml", "--tags", "tags.yaml"]);
    gateway.wait_page(&mut www);
    let _history = start_as(&gateway, "forebay-history", &["--config", "history.yaml", "--tags", "tags.yaml"]);
    gateway.wait_history();
}

#[test]
fn without_words_the_files_lie_here() {
    // pymscada's defaults: bus.yaml, wwwserver.yaml and tags.yaml of the working folder.
    let gateway = Gateway::new(Site::small());
    let start = |name: &str| Process::start(name, &mut gateway.command([name]), gateway.folder.path());
    let mut bus = start("bus");
    gateway.wait_listening(&mut bus, gateway.site.bus_port);
    let mut www = start("wwwserver");
    gateway.wait_page(&mut www);
}

#[test]
fn initvalues_sets_what_nobody_has_set_and_ends() {
    let tags = "level: {type: float, init: 1.5}\nword: {type: str, init: hello}\nlist: {type: list, init: [1, 2]}\n";
    let gateway = Gateway::new(Site::small().file("tags.yaml", tags).file("initvalues.yaml", "bus_port: @BUS@\n"));
    let mut bus = gateway.daemon("bus");
    gateway.wait_listening(&mut bus, gateway.site.bus_port);
    assert_eq!(gateway.tool(&["set", "level", "7"]).code, Some(0));
    let mut init = gateway.daemon("initvalues");
    assert_eq!(init.wait(PATIENCE).code(), Some(0));
    assert!(gateway.tool(&["get", "level"]).out.starts_with("level  7  good"), "what is set stays");
    assert!(gateway.tool(&["get", "word"]).out.starts_with("word  hello  good"));
    assert!(
        gateway.tool(&["get", "list"]).out.starts_with("list  [1,2]  good")
            || gateway.tool(&["get", "list"]).out.starts_with("list  [1, 2]  good")
    );
    let log = wait_for("initvalues' log", PATIENCE, || init.log(), |log| log.contains("2 of 3"));
    assert!(!log.contains("ERROR"), "{log}");
}
