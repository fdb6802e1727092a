//! What is wrong is said in one sentence, with exit status 78, and nothing is started.

use std::net::TcpListener;

use forebay_tests::{Gateway, PATIENCE, Said, Site, wait_for};

/// `EX_CONFIG`: a unit file names it in `RestartPreventExitStatus`.
const EX_CONFIG: i32 = 78;

/// One sentence that has all of `parts`, status 78, and neither a port nor a file of the site.
#[track_caller]
fn refused(gateway: &Gateway, said: &Said, parts: &[&str]) {
    assert_eq!(said.code, Some(EX_CONFIG), "{said:?}");
    let sentences: Vec<&str> = said.err.lines().filter(|line| !line.starts_with("INFO")).collect();
    let [sentence] = sentences[..] else { panic!("not one sentence: {said:?}") };
    for part in parts {
        assert!(sentence.contains(part), "{part:?} isn't in: {sentence}");
    }
    assert_eq!(said.out, "", "nothing was promised on standard output");
    assert!(!gateway.folder.join("state/history").exists(), "nothing was stored");
    assert!(!gateway.folder.join("run/www.key").exists(), "no page was served");
}

/// Small site with one file replaced.
fn with(file: &str, text: &str) -> Gateway {
    Gateway::new(Site::small().file(file, text))
}

const MODBUS: &str =
    "bus_ip: 127.0.0.1\nbus_port: @BUS@\nrtus:\n- {name: P, ip: 127.0.0.1, port: 502}\ntags:\n  level: ";

#[test]
fn mistakes_in_the_site_are_one_sentence_each() {
    for (file, text, parts) in [
        ("tags.yaml", "level: {desc: Level\nword: [\n", &["tags.yaml:2:", "not YAML"][..]),
        (
            "tags.yaml",
            "level: {type: flaot}\nword: {type: str}\n",
            &["tags.yaml:1:", "flaot", "did you mean \"float\""],
        ),
        ("tags.yaml", "level: {}\nword: {type: str}\nlevel: {}\n", &["tags.yaml:3:1", "there twice", "1:1"]),
        (
            "modbusclient.yaml",
            &format!("{MODBUS}{{type: int16, read: 'P:1:4x:70000'}}\n"),
            &["modbusclient.yaml:6:", "70000", "65536"],
        ),
        ("modbusclient.yaml", &format!("{MODBUS}{{type: int16, read: 'P:1:9x:1'}}\n"), &["modbusclient.yaml:6:", "9x"]),
        (
            "modbusclient.yaml",
            &format!("{MODBUS}{{type: int16, read: 'Q:1:4x:1'}}\n"),
            &["modbusclient.yaml:6:", "\"Q\""],
        ),
        ("wwwserver.yaml", "port: 99999\npages: []\n", &["wwwserver.yaml:1:", "99999", "65535"]),
        ("history.yaml", "paht: history\n", &["history.yaml:1:1", "paht", "did you mean"]),
    ] {
        let gateway = with(file, text);
        refused(&gateway, &gateway.say(["run", "."]), parts);
    }
}

#[test]
fn a_missing_folder_or_file_is_named() {
    let gateway = Gateway::new(Site::small());
    refused(&gateway, &gateway.say(["run", "nowhere"]), &["nowhere", "folder"]);
    refused(&gateway, &gateway.say(["check", "nowhere"]).into_stderr(), &["nowhere"]);
    refused(&gateway, &gateway.say(["bus", "--config", "nowhere.yaml"]), &["nowhere.yaml"]);
    refused(&gateway, &gateway.say(["modbusclient"]), &["modbusclient.yaml"]);
    refused(
        &gateway,
        &gateway.say(["history", "--config", "history.yaml", "--tags", "nowhere.yaml"]),
        &["nowhere.yaml"],
    );
    let mut command = gateway.command(["run", "."]);
    let said: Said = command.env("FOREBAY_WEB", gateway.folder.join("no-page")).output().unwrap().into();
    refused(&gateway, &said, &["no-page"]);
}

#[test]
fn a_module_that_is_not_there_is_named() {
    let gateway = Gateway::new(Site::small());
    refused(&gateway, &gateway.say(["witsclient", "--config", "witsclient.yaml"]), &["witsclient", "isn't built yet"]);
    refused(&gateway, &gateway.say(["histroy"]), &["histroy", "no module"]);
}

#[test]
fn a_port_in_use_is_named_and_nothing_is_stored() {
    // The bus's port, then the page's: as a site, and as a daemon of its own.
    for (whole, daemon, pick) in [("bus", "bus", 0), ("page", "www", 1)] {
        let gateway = Gateway::new(Site::small());
        let port = [gateway.site.bus_port, gateway.site.page_port][pick];
        let _taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let parts = [&*port.to_string(), "in use by another program"];
        refused(&gateway, &gateway.say(["run", "."]), &parts);
        refused(&gateway, &gateway.say(gateway.daemon_words(daemon)), &parts);
        drop(_taken);
        let _whole = gateway.run();
        // A second one on the same folder: the ports are the first one's.
        let said = gateway.say(["run", "."]);
        assert_eq!(said.code, Some(EX_CONFIG), "{whole}: {said:?}");
    }
}

#[test]
fn a_serial_line_that_cannot_be_served_is_named_with_the_reason() {
    // The Modbus server's adapter isn't plugged in: the rest runs, and the log says what is in the way.
    let server =
        "bus_port: @BUS@\nrtus: [{name: Z, serial: /dev/ttyNOPE, serve: [{unit: 1, file: 4x, start: 1, end: 9}]}]\n";
    let gateway = Gateway::new(Site::small().file("modbusserver.yaml", server));
    let run = gateway.run();
    let said = "has no line: can't open /dev/ttyNOPE: No such file or directory";
    wait_for("it is in the log", PATIENCE, || run.log(), |log| log.contains(said));
}

#[test]
fn check_lists_every_mistake_of_all_files() {
    // Five files with one mistake each, and a warning.
    let site = Site::small()
        .file("tags.yaml", "level: {type: flaot, colour: red}\nword: {type: str}\n")
        .file("bus.yaml", "port: many\n")
        .file("history.yaml", "paht: history\n")
        .file("wwwserver.yaml", "port: @PAGE@\npages:\n- name: One\n  items:\n  - {type: value, tagname: levle}\n")
        .file("modbusclient.yaml", &format!("{MODBUS}{{type: int16, read: 'P:1:4x:0'}}\n"));
    let gateway = Gateway::new(site);
    let said = gateway.say(["check", "."]);
    assert_eq!(said.code, Some(EX_CONFIG), "{said:?}");
    for part in [
        "tags.yaml:1:",
        "flaot",
        "colour",
        "bus.yaml:1:",
        "many",
        "history.yaml:1:1",
        "paht",
        "wwwserver.yaml:5:",
        "levle",
        "did you mean",
        "modbusclient.yaml:6:",
        "P:1:4x:0",
    ] {
        assert!(said.out.contains(part), "{part:?} isn't in:\n{}", said.out);
    }
    let last = said.out.lines().last().unwrap();
    assert!(last.contains("errors, ") && !last.starts_with("0 "), "{last}");
    // `run` says the same ones, and that it didn't start.
    let ran = gateway.say(["run", "."]);
    assert_eq!(ran.code, Some(EX_CONFIG));
    assert!(
        ran.err.contains("nothing was started") && ran.err.contains("levle") && ran.err.contains("paht"),
        "{ran:?}"
    );
}

#[test]
fn warnings_start_the_site_and_strict_makes_them_errors() {
    // A key of pymscada's that nobody uses any more is a warning.
    let gateway = with("history.yaml", "bus_ip: 127.0.0.1\nbus_port: @BUS@\npath: history\nsomething_else: 1\n");
    assert_eq!(gateway.say(["check", "."]).code, Some(EX_CONFIG), "an unknown key is an error");
    let gateway = with("bus.yaml", "ip: 127.0.0.1\nport: @BUS@\n");
    let said = gateway.say(["check", "--strict", "."]);
    assert_eq!(said.code, Some(0), "the small site has no warning: {said:?}");
    let gateway = with("opnotes.yaml", "bus_ip: 127.0.0.1\nbus_port: @BUS@\ndb: notes\n");
    let said = gateway.say(["check", "."]);
    assert_eq!(said.code, Some(0), "a module to come is a notice: {said:?}");
    assert!(said.out.contains("opnotes"), "{said:?}");
}

/// `forebay check` says its findings on standard output.
trait IntoStderr {
    fn into_stderr(self) -> Said;
}

impl IntoStderr for Said {
    fn into_stderr(self) -> Said {
        let first = self.out.lines().next().unwrap_or_default().to_owned();
        Said { code: self.code, out: String::new(), err: first }
    }
}
