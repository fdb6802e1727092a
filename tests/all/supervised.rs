//! What a supervisor hears: READY and the watchdog, from every daemon, on a real notify socket.

use forebay_tests::{Gateway, NotifySocket, PATIENCE, Process, Site};

/// A tenth of a second between pats, so that three of them are soon there.
const WATCHDOG_USEC: &str = "200000";

fn site() -> Site {
    Site::small()
        .file("modbusclient.yaml", "bus_ip: 127.0.0.1\nbus_port: @BUS@\nrtus: []\ntags: {}\n")
        .file("initvalues.yaml", "bus_port: @BUS@\n")
}

/// Starts a command as systemd starts a service of `Type=notify` with `WatchdogSec=`.
fn supervised(gateway: &Gateway, name: &str, words: &[String], ear: &NotifySocket) -> Process {
    let mut command = gateway.command(words);
    command.env("NOTIFY_SOCKET", ear.path()).env("WATCHDOG_USEC", WATCHDOG_USEC);
    Process::start(name, &mut command, gateway.folder.path())
}

#[test]
fn every_daemon_says_ready_and_pats_the_watchdog() {
    let gateway = Gateway::new(site());
    let mut running = Vec::new();
    for name in ["bus", "modbus", "history", "www"] {
        let mut ear = NotifySocket::new();
        let process = supervised(&gateway, name, &gateway.daemon_words(name), &ear);
        ear.hears("READY=1", 1, PATIENCE);
        if name == "bus" {
            // Ready means ready: no second attempt is needed.
            std::net::TcpStream::connect(("127.0.0.1", gateway.site.bus_port)).expect("the bus was ready");
        }
        if name == "www" {
            std::net::TcpStream::connect(("127.0.0.1", gateway.site.page_port)).expect("the page was ready");
        }
        ear.hears("WATCHDOG=1", 3, PATIENCE);
        assert_eq!(ear.count("READY=1"), 1, "{name}: once");
        running.push((name, process, ear));
    }
    for (name, mut process, mut ear) in running.into_iter().rev() {
        process.term();
        ear.hears("STOPPING=1", 1, PATIENCE);
        assert_eq!(process.wait(PATIENCE).code(), Some(0), "{name}");
    }
}

#[test]
fn a_whole_site_says_ready_once() {
    let gateway = Gateway::new(site());
    let mut ear = NotifySocket::new();
    let mut process = supervised(&gateway, "run", &["run".into(), ".".into()], &ear);
    ear.hears("READY=1", 1, PATIENCE);
    ear.hears("WATCHDOG=1", 3, PATIENCE);
    assert_eq!(ear.count("READY=1"), 1);
    process.term();
    assert_eq!(process.wait(PATIENCE).code(), Some(0));
}

#[test]
fn a_daemon_that_stands_still_pats_no_more() {
    // A frozen process is what the watchdog is for: silence, and pats again when it goes on.
    let gateway = Gateway::new(site());
    let mut ear = NotifySocket::new();
    let bus = supervised(&gateway, "bus", &gateway.daemon_words("bus"), &ear);
    ear.hears("WATCHDOG=1", 1, PATIENCE);
    bus.freeze(true);
    let quiet = ear.quiet_for(std::time::Duration::from_millis(600));
    bus.freeze(false);
    assert!(quiet, "a frozen daemon can't pat");
    let before = ear.count("WATCHDOG=1");
    ear.hears("WATCHDOG=1", before + 1, PATIENCE);
}

#[test]
fn without_a_supervisor_nothing_is_missed() {
    // No socket, and a socket that nobody serves any more.
    let gateway = Gateway::new(site());
    let mut bus = gateway.daemon("bus");
    gateway.wait_listening(&mut bus, gateway.site.bus_port);
    bus.term();
    assert_eq!(bus.wait(PATIENCE).code(), Some(0));
    let mut command = gateway.command(gateway.daemon_words("bus"));
    command.env("NOTIFY_SOCKET", gateway.folder.join("nobody")).env("WATCHDOG_USEC", WATCHDOG_USEC);
    let mut bus = Process::start("bus-2", &mut command, gateway.folder.path());
    gateway.wait_listening(&mut bus, gateway.site.bus_port);
    bus.term();
    assert_eq!(bus.wait(PATIENCE).code(), Some(0));
    assert!(!bus.log().contains("ERROR") && !bus.log().contains("WARN"), "{}", bus.log());
}
