//! pymscada's own Python client, unmodified, on our bus. What each script checks stands in its first lines.

use std::process::Command;

use forebay_tests::{Browser, Gateway, PATIENCE, PYTHON_STARTS, Peer, Process, Site, peers_python, program, wait_for};

/// A bus alone, with nobody on it yet.
fn bus() -> (Process, Gateway, String) {
    let gateway = Gateway::new(Site::small());
    let mut bus = gateway.daemon("bus");
    gateway.wait_listening(&mut bus, gateway.site.bus_port);
    let address = format!("127.0.0.1:{}", gateway.site.bus_port);
    (bus, gateway, address)
}

/// Runs a peer against a fresh bus, which must outlive it.
#[track_caller]
fn against_a_bus(name: &str, more: &[&str]) -> Peer {
    let (mut bus, _gateway, address) = bus();
    let id = bus.id().to_string();
    let mut arguments = vec!["--bus", &address];
    arguments.extend(more.iter().map(|word| if *word == "PID" { id.as_str() } else { word }));
    let peer = Peer::run(name, &arguments);
    assert_eq!(bus.ended(), None, "the bus runs on");
    assert!(!bus.log().contains("panicked"), "{}", bus.log());
    peer
}

#[test]
fn bus_client_tags_and_typed_tags() {
    against_a_bus("bus_semantics", &[]);
}

#[test]
fn the_same_bytes_get_the_same_answers_or_better_ones() {
    against_a_bus("compare", &["--fresh"]);
}

#[test]
fn two_processes_exchange_values() {
    let peer = against_a_bus("exchange_a", &[]);
    assert!(peer.line_with("rounds").is_some(), "{:?}", peer.lines);
}

#[test]
fn the_console() {
    against_a_bus("console", &[]);
}

#[test]
fn hostile_peers_hold_nobody_up() {
    let peer = against_a_bus("hostile", &["--pid", "PID"]);
    for figure in ["seed", "slowest_update_ms", "rss_kib_after"] {
        let line = peer.line_with(figure).unwrap_or_else(|| panic!("no {figure} in {:?}", peer.lines));
        eprintln!("hostile: {line}");
    }
}

#[test]
fn a_set_point_goes_from_python_to_the_plc_and_history_answers_python() {
    // The form of pymscada 0.2.8, with areas of reads and writes; refusals, silence, death and return of the PLC.
    let binary = program("forebay");
    let peer = Peer::run("plant_story", &["--forebay", &binary.to_string_lossy()]);
    // Each figure stands behind the check it belongs to.
    let figures: Vec<_> = peer.lines.windows(2).filter(|pair| pair[1].get("after_s").is_some()).collect();
    assert!(figures.len() >= 5, "{:?}", peer.lines);
    for pair in figures {
        eprintln!("plant story: {} after {} s", pair[0]["check"], pair[1]["after_s"]);
    }
}

#[test]
fn pymscadas_own_web_server_on_our_bus() {
    // Its module, as its users start it, between our bus and a browser of its own.
    let (mut bus, gateway, _) = bus();
    let config = format!(
        "bus_ip: 127.0.0.1\nbus_port: {}\nip: 127.0.0.1\nport: {}\nget_path:\nserve_path:\nconfig: {{}}\npages:\n- name: One\n  \
         parent:\n  items:\n  - {{type: value, tagname: level}}\n",
        gateway.site.bus_port, gateway.site.page_port
    );
    let config = gateway.folder.write("theirs.yaml", &config);
    let tags = gateway.folder.write("theirs-tags.yaml", "level: {desc: Level, type: float}\n");
    let mut command = Command::new(peers_python());
    command.args(["-m", "pymscada", "wwwserver", "--config"]).arg(config).arg("--tags").arg(tags);
    let mut theirs = Process::start("theirs", command.current_dir(gateway.folder.path()), gateway.folder.path());
    gateway.wait_listening_within(&mut theirs, gateway.site.page_port, PYTHON_STARTS);
    let page = Browser::stranger(gateway.site.page_port).get("/");
    assert!(page.status == 200 && page.body.contains("<html"), "{page:?}");
    // The tags of a page it asks for only when a browser's socket does; its own one at once.
    let own = "__wwwserver__";
    wait_for("its own tag on our bus", PATIENCE, || gateway.tool(&["list", own]).out, |out| out.trim_end() == own);
    assert_eq!((bus.ended(), theirs.ended()), (None, None), "both run on");
}
