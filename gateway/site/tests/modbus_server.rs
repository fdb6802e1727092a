//! `modbusserver.yaml` once it is loaded: as pymscada's sites have it, and with what is ours.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use forebay_site::{DoorAt, ModbusServer, Order, Parity, Serial, StaleAnswer, Table, WordType, load_files};

fn server(yaml: &str) -> (ModbusServer, Vec<String>) {
    let tags = "Set: {type: int}\nLevel: {type: float}\nTime: {type: int}\n";
    let files = [("tags.yaml", tags), ("modbusserver.yaml", yaml)];
    let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    let loaded = load_files(Path::new("site"), &files, &|_| None);
    let said = loaded.findings.iter().map(ToString::to_string).collect();
    (loaded.site.unwrap().modbus_server.unwrap(), said)
}

/// The bus where it is by default, several units behind one port, both wires, a tag that only a simulation had.
#[test]
fn pymscadas_file_is_read_as_it_is() {
    let (server, said) = server(
        "bus_ip:\nbus_port:\nrtus:\n- name: RTU\n  ip: 0.0.0.0\n  port: 1502\n  tcp_udp: tcp\n  serve:\n  \
         - {unit: 1, file: 4x, start: 1, end: 100}\n  - {unit: 2, file: 4x, start: 1, end: 100}\n\
         - name: DATAGRAMS\n  ip: 0.0.0.0\n  port: 1502\n  tcp_udp: udp\n  serve:\n  \
         - {unit: 1, file: 4x, start: 1, end: 10}\n  - {unit: 1, file: 4x, start: 5, end: 20}\n\
         tags:\n  Set:\n    type: int16\n    addr: RTU:1:4x:1\n  Gone:\n    type: int16\n    addr: RTU:2:4x:1\n  \
         Level:\n    type: float32\n    addr: DATAGRAMS:1:4x:3\n  Time:\n    type: uint64\n    addr: RTU:1:4x:9\n",
    );
    let expected = "\"Gone\" is not in tags.yaml — nobody may ever give it a value";
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].contains(expected), "{said:#?}");
    assert_eq!((server.bus.ip.to_string().as_str(), server.bus.port), ("127.0.0.1", 1324));
    let at = |n: usize| &server.doors[n].at;
    assert!(matches!(at(0), DoorAt::Tcp(at) if at.to_string() == "0.0.0.0:1502"), "{:?}", at(0));
    assert!(matches!(at(1), DoorAt::Udp(at) if at.to_string() == "0.0.0.0:1502"), "{:?}", at(1));
    let served = &server.doors[0].serve[1];
    assert_eq!((served.area.unit, served.area.table, served.area.start), (2, Table::HoldingRegisters, 0));
    assert_eq!((served.area.count, served.write, served.stale), (100, true, StaleAnswer::Exception));
    assert!(server.doors[0].allow.is_empty());
    // High word first, as pymscada serves.
    assert!(server.tags.iter().all(|tag| tag.order == Order::Abcd && tag.scale == 1.0), "{:?}", server.tags);
    let time = server.tags.iter().find(|tag| tag.name.as_str() == "Time").unwrap();
    assert_eq!((time.word_type, time.at.rtu, time.at.start), (WordType::Uint64, 0, 8));
}

#[test]
fn what_is_ours_is_said_per_span() {
    let (server, said) = server(
        "rtus:\n- name: LINE\n  serial: /dev/ttyS1\n  baud: 19200\n  parity: even\n  stop_bits: 2\n  rs485: yes\n  serve:\n  \
         - {unit: 7, file: 3x, start: 1, end: 10, stale: last, status: 11}\n  \
         - {unit: 7, file: 4x, start: 1, end: 10, stale: 0x8000, write: no}\n  \
         - {unit: 7, file: 0x, start: 1, end: 10}\n\
         - {name: PANEL, port: 1502, allow: [192.0.2.7, '::1', 10.8.0.0/16, 'fd00::/8'], serve: []}\n\
         tags:\n  Level: {type: int32, addr: 'LINE:7:3x:1', order: cdab, scale: 0.1, offset: -4}\n",
    );
    assert_eq!(said, [""; 0]);
    let line = &server.doors[0];
    let serial = Serial { path: "/dev/ttyS1".into(), baud: 19200, parity: Parity::Even, stop_bits: 2, rs485: true };
    assert_eq!(line.at, DoorAt::Rtu(serial));
    let spans: Vec<_> = line.serve.iter().map(|span| (span.write, span.stale, span.status)).collect();
    let (last, sentinel) = (StaleAnswer::Last, StaleAnswer::Sentinel(0x8000));
    assert_eq!(spans, [(false, last, Some(10)), (false, sentinel, None), (true, StaleAnswer::Exception, None)]);
    let allow: Vec<String> = server.doors[1].allow.iter().map(ToString::to_string).collect();
    assert_eq!(allow, ["192.0.2.7/32", "::1/128", "10.8.0.0/16", "fd00::/8"]);
    let tag = &server.tags[0];
    assert_eq!((tag.order, tag.scale, tag.offset), (Order::Cdab, 0.1, -4.0));
}
