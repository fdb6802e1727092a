//! What the site says, checked, and what the lines make of it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;

use std::time::Duration;

use forebay_modbus::{Config, ConfigError, Report, Reporter, Say};
use site::{Address, Area, Form, ModbusClient, ModbusTag, Order, Rtu, Table, Transport, WordType};
use stepped::{at, client, limits, name, serial, tag_of, tcp};
use tag::{Fault, Kind, Reading, TagDef, Timestamp, Value};

fn one(tag: ModbusTag) -> ModbusClient {
    client(vec![tcp(Form::Poll)], vec![tag])
}

fn refusal(client: &ModbusClient) -> ConfigError {
    Config::new(client, &[]).unwrap_err()
}

#[test]
fn each_mistake_is_one_sentence() {
    let t = || name("t");
    let input = Some(Address { table: Table::InputRegisters, ..at(1) });
    let coil = Some(Address { table: Table::Coils, ..at(1) });
    let bit = |bit| Some(Address { bit: Some(bit), ..at(1) });
    let table = [
        (one(tag_of("t", WordType::Int16, None, None)), ConfigError::NoAddress { tag: t() }),
        (one(tag_of("t", WordType::Int16, Some(Address { rtu: 1, ..at(1) }), None)), ConfigError::NoLine { tag: t() }),
        (one(tag_of("t", WordType::Int16, input, input)), ConfigError::ReadOnlyTable { tag: t() }),
        (one(ModbusTag { scale: 0.0, ..tag_of("t", WordType::Int16, input, None) }), ConfigError::Scale { tag: t() }),
        (
            one(ModbusTag { offset: f64::NAN, ..tag_of("t", WordType::Int16, input, None) }),
            ConfigError::Scale { tag: t() },
        ),
        (one(tag_of("t", WordType::Bool, input, None)), ConfigError::BitAndType { tag: t() }),
        (one(tag_of("t", WordType::Bool, bit(16), None)), ConfigError::BitAndType { tag: t() }),
        (one(tag_of("t", WordType::Int16, bit(3), None)), ConfigError::BitAndType { tag: t() }),
        (one(tag_of("t", WordType::Int16, coil, None)), ConfigError::BitAndType { tag: t() }),
        (
            one(tag_of("t", WordType::Int32, Some(Address { start: 65535, ..at(1) }), None)),
            ConfigError::PastEnd { tag: t() },
        ),
        (
            client(
                vec![serial(Form::Poll)],
                vec![tag_of("t", WordType::Int16, Some(Address { unit: 0, ..at(1) }), None)],
            ),
            ConfigError::Broadcast { tag: t() },
        ),
        (client(vec![tcp(Form::Poll); 2], vec![]), ConfigError::LineTwice { line: "RTU".into() }),
        (
            client(vec![Rtu { rate: Duration::ZERO, ..tcp(Form::Poll) }], vec![]),
            ConfigError::Times { line: "RTU".into() },
        ),
        (
            client(vec![Rtu { name: "a\nb".into(), ..tcp(Form::Poll) }], vec![]),
            ConfigError::LineName { line: "a\nb".into() },
        ),
        (
            client(vec![serial(Form::Poll), Rtu { name: "OTHER".into(), ..serial(Form::Poll) }], vec![]),
            ConfigError::PortTwice { line: "OTHER".into(), path: "/dev/ttyS9".into() },
        ),
    ];
    for (client, error) in table {
        assert_eq!(refusal(&client), error);
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    let area = Area { unit: 1, table: Table::HoldingRegisters, start: 65535, count: 2 };
    let bad = Rtu { reads: vec![area], ..tcp(Form::Poll) };
    assert_eq!(refusal(&client(vec![bad], vec![])), ConfigError::Area { line: "RTU".into() });
    let bad = Rtu { writes: vec![Area { table: Table::InputRegisters, start: 0, ..area }], ..tcp(Form::Areas) };
    assert_eq!(refusal(&client(vec![bad], vec![])), ConfigError::ReadOnlyArea { line: "RTU".into() });
    let bad = Rtu { writes: vec![Area { unit: 0, start: 0, ..area }], ..serial(Form::Areas) };
    assert_eq!(refusal(&client(vec![bad], vec![])), ConfigError::BroadcastArea { line: "RTU".into() });
    assert!(matches!(tcp(Form::Poll).transport, Transport::Tcp { .. }));
}

#[test]
fn freshness_is_three_polls_and_a_timeout_unless_the_site_says_more() {
    let second = Duration::from_secs(1);
    let tags = vec![
        tag_of("a", WordType::Int16, Some(at(1)), None),
        ModbusTag { stale: Some(9 * second), ..tag_of("b", WordType::Int16, Some(at(2)), None) },
        tag_of("c", WordType::Int16, Some(at(3)), None),
    ];
    let def = TagDef { stale: Some(7 * second), ..TagDef::new(name("c"), Kind::Int) };
    let config = Config::new(&client(vec![tcp(Form::Poll)], tags), &[def]).unwrap();
    let limits: Vec<_> = config.tags.iter().map(|tag| tag.stale).collect();
    assert_eq!(limits, [second * 5 / 2, 9 * second, 7 * second]);
    // One block, but three limits: three groups, which are confirmed together.
    let mut reporter = Reporter::new(&config);
    assert_eq!(reporter.groups().len(), 3);
    let says = reporter.on_reports(0, Timestamp(5), vec![Report::Confirmed { block: 0, at: Timestamp(5) }]);
    assert_eq!(says, [Say::Confirm(0), Say::Confirm(1), Say::Confirm(2)]);
}

#[test]
fn limits_come_from_tags_yaml_and_from_the_states() {
    let tags = ["a", "b", "c"].map(|tag| tag_of(tag, WordType::Int16, Some(at(1)), Some(at(1)))).to_vec();
    let states = TagDef { multi: Some(vec!["Off".into(), "On".into()]), ..TagDef::new(name("b"), Kind::Int) };
    let config = Config::new(&client(vec![tcp(Form::Poll)], tags), &[limits("a", -1.0, 2.5), states]).unwrap();
    let of = |n: usize| (config.lines[0].points[n].limits.min, config.lines[0].points[n].limits.max);
    assert_eq!(of(0), (Some(-1.0), Some(2.5)));
    assert_eq!(of(1), (Some(0.0), Some(1.0)));
    assert_eq!(of(2), (None, None));
}

#[test]
fn a_stated_order_holds_for_reading_and_writing() {
    for form in [Form::Poll, Form::Areas] {
        let both = (Some(at(1)), if form == Form::Poll { Some(at(1)) } else { None });
        let tag = ModbusTag { order: Some(Order::Dcba), ..tag_of("t", WordType::Int32, both.0, both.1) };
        let config = Config::new(&client(vec![tcp(form)], vec![tag]), &[]).unwrap();
        let point = &config.lines[0].points[0];
        assert_eq!(point.read.layout.order, Order::Dcba);
        assert!(point.write.as_ref().is_none_or(|spot| spot.layout.order == Order::Dcba));
    }
}

/// Read over one connection, written over another: the value comes from where it is read.
#[test]
fn a_tag_may_be_read_on_one_line_and_written_on_another() {
    let other = Rtu { name: "OTHER".into(), ..tcp(Form::Poll) };
    let tag = tag_of("t", WordType::Int16, Some(at(1)), Some(Address { rtu: 1, ..at(7) }));
    let config = Config::new(&client(vec![tcp(Form::Poll), other], vec![tag]), &[]).unwrap();
    assert_eq!(config.lines[0].points[0].tag, Some(0));
    assert!(config.lines[0].points[0].write.is_none());
    assert_eq!(config.lines[1].points[0].tag, None);
    assert_eq!(config.lines[1].blocks.len(), 1, "read there too, for the read-back");
    let mut reporter = Reporter::new(&config);
    assert_eq!(reporter.groups().len(), 1);
    let read_back = Report::Value { point: 0, at: Timestamp(1), value: Value::Int(1) };
    assert_eq!(reporter.on_reports(1, Timestamp(1), vec![read_back]), []);
}

#[test]
fn only_changes_are_said_and_a_held_value_keeps_its_time() {
    let config = Config::new(&one(tag_of("t", WordType::Int16, Some(at(1)), None)), &[]).unwrap();
    let mut reporter = Reporter::new(&config);
    let value = |at, n| Report::Value { point: 0, at: Timestamp(at), value: Value::Int(n) };
    let fault = |because| Report::Fault { point: 0, because };
    let mut tell = |now, report| match &reporter.on_reports(0, Timestamp(now), vec![report])[..] {
        [Say::Publish(0, sample)] => Some((sample.at.0, sample.reading.clone())),
        [] | [Say::Confirm(0)] => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(tell(1, fault(Fault::Offline)), Some((1, Reading::Missing(Fault::Offline))));
    assert_eq!(tell(2, fault(Fault::Offline)), None);
    assert_eq!(tell(3, value(3, 7)), Some((3, Reading::Good(Value::Int(7)))));
    assert_eq!(tell(4, value(4, 7)), None);
    assert_eq!(tell(9, Report::Confirmed { block: 0, at: Timestamp(9) }), None);
    let held = |because| Reading::Held { last: Value::Int(7), because };
    assert_eq!(tell(20, fault(Fault::TimedOut)), Some((9, held(Fault::TimedOut))), "as last confirmed");
    assert_eq!(tell(30, fault(Fault::Offline)), Some((9, held(Fault::Offline))));
    assert_eq!(tell(40, value(40, 7)), Some((40, Reading::Good(Value::Int(7)))));
}

/// The shipped site, as its loader reads it: every tag that is polled lies in one block, and the demo is few requests.
#[test]
fn the_shipped_site_is_planned() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let loaded = site::load_dir(&folder, &|_| None);
    let site = loaded.site.unwrap_or_else(|| panic!("{:?}", loaded.findings));
    let config = Config::new(site.modbus_client.as_ref().unwrap(), &site.tags).unwrap();
    for line in &config.lines {
        let mut served: Vec<usize> = line.blocks.iter().flat_map(|block| block.points.clone()).collect();
        served.sort_unstable();
        assert_eq!(served, (0..line.points.len()).collect::<Vec<_>>(), "{}", line.name);
        assert!(line.blocks.len() <= 8, "{} takes {} requests a period", line.name, line.blocks.len());
    }
    let reporter = Reporter::new(&config);
    let mut tags: Vec<usize> = reporter.groups().iter().flat_map(|group| group.tags.clone()).collect();
    tags.sort_unstable();
    assert_eq!(tags, (0..config.tags.len()).collect::<Vec<_>>());
}
