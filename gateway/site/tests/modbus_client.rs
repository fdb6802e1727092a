//! `modbusclient.yaml` once it is loaded, in the forms of every generation.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::time::Duration;

use forebay_site::{Address, Area, Form, Loaded, Order, Parity, Serial, Site, Table, Transport, WordType, load_files};

#[track_caller]
fn site(files: &[(&str, &str)]) -> Site {
    let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    let env = |name: &str| (name == "PORT").then(|| "1502".to_owned());
    let Loaded { site, findings } = load_files(Path::new("site"), &files, &env);
    assert!(findings.is_empty(), "{findings:#?}");
    site.expect("no findings")
}

#[test]
fn modbus_connections_and_tags() {
    let modbus = "\
rtus:
- name: P
  ip: 10.0.0.1
  port: ${PORT}
  tcp_udp: tcp
  rate: 0.2
  poll:
  - {unit: 1, file: 4x, start: 1, end: 250}
  - {unit: 255, file: 0x, start: 65536, end: 65536}
- {name: S, serial: /dev/ttyS1, baud: 19200, parity: even, stop_bits: 2, timeout_ms: 250, order: badc}
- name: R
  ip: plc.lan
  reads: [{unit: 1, file: 4x, start: 1, end: 4}]
  writes: [{unit: 1, file: 4x, start: 5, end: 6}]
tags:
  A: {type: float32, read: 'P:1:4x:3', write: 'P:1:4x:3'}
  B: {type: int16, read: 'S:7:3x:1', scale: 0.1, offset: -40}
  C: {type: bool, read: 'P:1:4x:9.15'}
  D: {type: float64, read: 'S:7:3x:2', order: cdab}
  E: {type: bool, write: 'P:255:0x:65536'}
  F: {type: float32, write: 'R:1:4x:5'}
";
    let site = site(&[
        ("tags.yaml", "A: {stale_s: 3}\nB:\nC: {type: int}\nD:\nE: {type: int}\nF:\n"),
        ("modbusclient.yaml", modbus),
    ]);
    let modbus = site.modbus_client.unwrap();
    let [p, s, r] = &modbus.rtus[..] else { panic!("{:?}", modbus.rtus) };
    assert_eq!(p.transport, Transport::Tcp { host: "10.0.0.1".into(), port: 1502 });
    assert_eq!((p.form, p.rate, p.timeout), (Form::Poll, Duration::from_millis(200), Duration::from_secs(1)));
    let area = |unit, table, start, count| Area { unit, table, start, count };
    assert_eq!(p.reads, [area(1, Table::HoldingRegisters, 0, 250), area(255, Table::Coils, 65535, 1)]);
    let serial = Serial { path: "/dev/ttyS1".into(), baud: 19200, parity: Parity::Even, stop_bits: 2, rs485: false };
    assert_eq!(s.transport, Transport::Rtu(serial));
    assert_eq!((s.form, s.timeout, s.reads.len()), (Form::Poll, Duration::from_millis(250), 0));
    assert_eq!(r.transport, Transport::Tcp { host: "plc.lan".into(), port: 502 });
    assert_eq!((r.form, &r.writes[..]), (Form::Areas, &[area(1, Table::HoldingRegisters, 4, 2)][..]));

    let at = |rtu, unit, table, start, bit| Some(Address { rtu, unit, table, start, bit });
    let [a, b, c, d, e, f] = &modbus.tags[..] else { panic!("{:?}", modbus.tags) };
    assert_eq!(
        (a.read, a.write),
        (at(0, 1, Table::HoldingRegisters, 2, None), at(0, 1, Table::HoldingRegisters, 2, None))
    );
    assert_eq!((a.word_type, a.stale, a.order), (WordType::Float32, Some(Duration::from_secs(3)), None));
    assert_eq!((b.scale, b.offset, b.order), (0.1, -40.0, Some(Order::Badc)));
    assert_eq!((b.read, b.write), (at(1, 7, Table::InputRegisters, 0, None), None));
    assert_eq!(c.read, at(0, 1, Table::HoldingRegisters, 8, Some(15)));
    assert_eq!(d.order, Some(Order::Cdab), "the tag's own order counts");
    assert_eq!(e.write, at(0, 255, Table::Coils, 65535, None));
    assert_eq!((f.read, f.write), (None, at(2, 1, Table::HoldingRegisters, 4, None)));
}

#[test]
fn the_form_of_2023_is_still_read() {
    let text = "rtus: [{name: P, ip: x, read: [{unit: 1, file: 4x, start: 1, end: 9}], writeok: [{unit: 1, file: 4x, start: 3, end: 4}]}]\n\
                tags: {A: {type: int16, addr: 'P:1:4x:1'}, B: {type: float32, addr: 'P:1:4x:3'}}\n";
    let modbus = site(&[("modbusclient.yaml", text)]).modbus_client.unwrap();
    assert_eq!((modbus.rtus[0].form, modbus.rtus[0].reads[0].count), (Form::Poll, 9));
    let [a, b] = &modbus.tags[..] else { panic!("{:?}", modbus.tags) };
    assert_eq!((a.read.unwrap().start, a.write), (0, None));
    assert_eq!((b.read.unwrap().start, b.write), (2, b.read), "what lies in a block of writeok is written there");
}

#[test]
fn the_last_words_of_a_table_can_be_reached() {
    let text = "rtus: [{name: P, ip: x}]\ntags:\n  A: {type: int64, read: 'P:0:4x:65533'}\n  B: {type: uint16, read: 'P:0:3x:65536'}\n";
    let site = site(&[("modbusclient.yaml", text)]);
    assert_eq!(site.modbus_client.unwrap().tags[1].read.unwrap().start, 65535);
}
