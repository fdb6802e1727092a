use std::path::Path;

use link::Outcome;
use proptest::prelude::*;
use site::{Item, ItemTag, Page};
use tag::{Fault, Kind, Sample, TagName};

use super::*;
use crate::plant::{Device, Plant, State};
use crate::watch::SetNews;
use crate::{Finding, Runs, Severity};

/// The examples that the page's own tests read too.
fn golden(name: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/page").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn name(text: &str) -> TagName {
    TagName::parse(text).unwrap()
}

fn config() -> Config {
    let def = |text, desc: &str, kind, set| {
        let mut def = TagDef::new(name(text), kind);
        def.desc = desc.into();
        PageTag { def, set, source: None }
    };
    let mut tags = vec![
        def("level", "Forebay level", Kind::Float, false),
        def("mode", "Operating mode", Kind::Int, true),
        def("started", "Last start", Kind::Int, true),
        def("shift", "Shift message", Kind::Str, true),
        def("energy", "Energy counter", Kind::Int, false),
        def("schedule", "Dispatch schedule", Kind::Dict, true),
        def("raw", "Raw answer", Kind::Bytes, false),
        def("rounds", "Rounds", Kind::List, false),
    ];
    let level = &mut tags[0].def;
    (level.units, level.min, level.max, level.deadband) = (Some("m".into()), Some(0.0), Some(10.0), Some(0.01));
    let mode = &mut tags[1].def;
    (mode.min, mode.max) = (Some(0.0), Some(2.0));
    mode.multi = Some(["Off", "Manual", "Auto"].map(str::to_owned).to_vec());
    (tags[2].def.format, tags[2].def.dp) = (Some(Format::DateTime), None);
    tags[4].def.units = Some("Wh".into());
    let opts = json!({"type": "multi", "multi": ["Off", "Low", "High"]});
    let items = vec![
        Item::H1 { desc: "Pool".into() },
        Item::Value { tagname: ItemTag(name("level")) },
        Item::Setpoint { tagname: ItemTag(name("mode")) },
        Item::Br,
        Item::Selectdict { tagname: ItemTag(name("schedule")), opts },
    ];
    let trend = Item::Uplot {
        ms: json!({"desc": "Level and gate", "time_res": "m"}),
        axes: json!([{"scale": "x", "range": [-3600, 300]}, {"scale": "m", "range": [0, 10], "side": 1}]),
        series: json!([{"tagname": "level", "label": "Level", "scale": "m", "color": "blue", "dp": 2}]),
        bands: json!([]),
    };
    let at = "wwwserver.yaml:34".into();
    let notes = Item::Placeholder { kind: "opnotes".into(), why: "not built yet".into(), at };
    let page = |id: &str, name: &str, parent: Option<&str>, items| Page {
        id: id.into(),
        name: name.into(),
        parent: parent.map(str::to_owned),
        items,
    };
    Config {
        title: "Forebay demo".into(),
        client: json!({"primary_color": "darkmagenta", "secondary_color": "teal"}),
        pages: vec![
            page("station", "Station", None, items),
            page("levels", "Levels", Some("Trends"), vec![trend, notes]),
        ],
        tags,
        history: name("__history__"),
        devices: vec![],
        hosts: vec![],
        assets: "".into(),
        mistakes: None,
        claim_file: None,
        announce: None,
    }
}

fn said(message: &Message, now_ms: u64) -> Json {
    let text = text(message, &Hello::new(&config(), "build"), Timestamp::from_ms(now_ms), || Trust::Kept);
    serde_json::from_str(&text).unwrap()
}

#[test]
fn hello_is_as_agreed() {
    let mut ours = said(&Message::Hello, 1_700_000_000_000);
    let mut agreed = golden("hello.json");
    assert_ne!(ours["boot"], "", "it names the pages");
    (ours["boot"], agreed["boot"]) = (Json::Null, Json::Null);
    agreed["version"] = env!("CARGO_PKG_VERSION").into();
    assert_eq!(ours, agreed);
}

#[test]
fn a_clock_is_believed_unless_it_says_nonsense_or_nobody_has_set_it() {
    let (now, long_ago) = (Timestamp::from_ms(1_700_000_000_000), Timestamp::from_ms(86_400_000));
    let word = |now, trust| {
        let hello: Json = serde_json::from_str(&Hello::new(&config(), "build").text(now, trust)).unwrap();
        hello["clock"].as_str().unwrap().to_owned()
    };
    assert_eq!([word(now, Trust::Kept), word(now, Trust::Synchronised)], ["set", "set"]);
    assert_eq!([word(now, Trust::Unset), word(long_ago, Trust::Kept)], ["unset", "unset"]);
}

#[test]
fn mistakes_are_as_agreed() {
    let finding = |severity, file: &str, (line, column), text: &str| Finding {
        severity,
        file: file.into(),
        line,
        column,
        text: text.into(),
    };
    let mistake = "word_order = \"cdba\" — expected one of abcd, cdab, badc, dcba; did you mean \"cdab\"?";
    let findings = vec![
        finding(Severity::Error, "modbusclient.yaml", (14, 9), mistake),
        finding(Severity::Notice, "site", (0, 0), "left out: DSC_0001.JPG — only .yaml files are a site's"),
    ];
    let told = |config: &Config| {
        let text = Hello::new(config, "build").text(Timestamp::from_ms(1_700_000_000_000), Trust::Synchronised);
        let mut hello: Json = serde_json::from_str(&text).unwrap();
        (hello["boot"], hello["version"]) = ("5f3a".into(), "0.1.0".into());
        hello
    };
    let none = Config::without_site("".into(), Mistakes { runs: Runs::None, findings: findings.clone() });
    assert_eq!(told(&none), golden("hello-no-site.json"));
    let last = Config { mistakes: Some(Mistakes { runs: Runs::Last, findings }), ..config() };
    assert_eq!(told(&last), golden("hello-last-site.json"));
    assert_ne!(Hello::new(&last, "a").boot, Hello::new(&config(), "a").boot, "a page that is open loads again");
}

#[test]
fn boot_changes_with_pages_and_files() {
    let boot = |config: &Config, build: &str| Hello::new(config, build).boot;
    let same = boot(&config(), "a");
    assert_eq!(same, boot(&config(), "a"));
    assert_ne!(same, boot(&config(), "b"));
    let mut other = config();
    other.tags[0].def.max = Some(11.0);
    assert_ne!(same, boot(&other, "a"));
}

#[test]
fn readings_are_as_agreed() {
    let good = |value| Reading::Good(value);
    let held = Reading::Held { last: Value::Int(2), because: Fault::TimedOut };
    let dict = r#"{"labels":["00:00","00:30"],"values":[0,1],"locks":[1,0],"times":[0,0]}"#;
    let list = [
        (1_700_000_000_040, good(Value::Float(123.45)), 0),
        (1_699_999_990_000, held, 1_700_000_000_000),
        (1_700_000_000_000, good(Value::Int(1_699_999_000_000_000)), 0),
        (1_700_000_000_000, good("all quiet".into()), 0),
        (1_700_000_000_000, good(Value::Int(i64::MAX)), 0),
        (1_700_000_000_000, good(Value::Json(dict.into())), 0),
        (1_700_000_000_000, good(Value::Bytes([1, 2].as_slice().into())), 0),
        (0, Reading::Missing(Fault::NeverSet), 0),
    ];
    let shown = |(tag, (at, reading, since))| {
        let sample = Sample { at: Timestamp::from_ms(at), reading };
        Shown { tag, sample, since: Timestamp::from_ms(since) }
    };
    let message = Message::Tags((0..).zip(list).map(shown).collect());
    assert_eq!(said(&message, 1_700_000_000_050), golden("tags.json"));
}

#[test]
fn the_rest_is_as_agreed() {
    let device = |name: &str, state, why: Option<&str>, since| Device {
        name: name.into(),
        state,
        why: why.map(str::to_owned),
        since,
    };
    let devices = vec![
        device("PLC1", State::Offline, Some("timed out"), Some(1_700_000_000_000)),
        device("METER", State::Ok, None, None),
    ];
    assert_eq!(said(&Message::Plant(Plant { bus: true, devices }), 0), golden("plant.json"));
    for (file, outcome) in [
        ("set-confirmed.json", Outcome::Confirmed),
        ("set-expired.json", Outcome::Expired),
        ("set-mismatch.json", Outcome::Mismatch(Value::Float(11.9))),
        ("set-refused.json", Outcome::Refused("over max 10.0".into())),
        ("set-sent.json", Outcome::Sent),
        ("set-stored.json", Outcome::Stored),
    ] {
        assert_eq!(said(&Message::Set(SetNews { id: 7, outcome }), 0), golden(file), "{file}");
    }
    let beat: Json = serde_json::from_str(&beat(Timestamp::from_ms(1_700_000_002_000))).unwrap();
    assert_eq!(beat, golden("beat.json"));
    let complaint = crate::watch::NoSuchTag(12).to_string();
    assert_eq!(said(&Message::Error(complaint), 0), golden("error.json"));
}

#[test]
fn the_page_is_understood() {
    let hear = |file| parse(&golden(file).to_string(), 5);
    assert_eq!(hear("page-ping.json"), Ok(Said::Ping));
    assert_eq!(hear("page-watch.json"), Ok(Said::Watch(vec![0, 3, 4])));
    assert_eq!(hear("page-watch-none.json"), Ok(Said::Watch(vec![])));
    let set = |id, tag, value| Ok(Said::Set { id, tag, value });
    assert_eq!(hear("page-set.json"), set(7, 0, json!(12.5)));
    assert_eq!(hear("page-set-big.json"), set(8, 4, json!("9223372036854775807")));
    assert_eq!(hear("page-set-text.json"), set(9, 3, json!("night shift")));
}

#[test]
fn what_is_no_number_never_goes_out_as_one() {
    let values = [Value::Float(f64::NAN), Value::Float(f64::INFINITY), Value::Json("[NaN]".into())];
    for value in values {
        let at = Timestamp::from_ms(5);
        let sample = Sample { at, reading: Reading::Good(value) };
        let told = said(&Message::Tags(vec![Shown { tag: 0, sample, since: Timestamp(0) }]), 0);
        assert_eq!((&told["v"][0][2], &told["v"][0][3]), (&json!(2), &Json::Null), "{told}");
        assert_eq!(told["v"][0][5], json!(5), "since it came");
    }
}

#[test]
fn a_page_that_talks_rubbish_is_told_why() {
    for (text, why) in [
        ("", "not JSON"),
        ("[]", "without t"),
        ("null", "without t"),
        (r#"{"t":"dance"}"#, "called \"dance\""),
        (r#"{"t":"watch"}"#, "list of tags"),
        (r#"{"t":"watch","tags":[-1]}"#, "by its number"),
        (r#"{"t":"watch","tags":[4294967296]}"#, "by its number"),
        (r#"{"t":"watch","tags":[0,5]}"#, "watch: tag 5 is not in the list"),
        (r#"{"t":"set","tag":0,"value":1}"#, "as id"),
        (r#"{"t":"set","id":1,"value":1}"#, "by its number"),
        (r#"{"t":"set","id":1,"tag":1}"#, "without a value"),
    ] {
        let said = parse(text, 5).unwrap_err();
        assert!(said.contains(why), "{text}: {said}");
    }
    assert!(parse(&"x".repeat(MESSAGE_BYTES_MAX + 1), 5).unwrap_err().contains("at most"));
    assert!(parse(&"[".repeat(60_000), 5).is_err(), "deep nesting is no way down");
}

proptest! {
    #[test]
    fn nothing_a_page_says_is_too_much(text in ".{0,200}") {
        let _ = parse(&text, 5);
    }

    #[test]
    fn nearly_right_messages_are_understood_or_refused(
        t in prop_oneof!["watch", "set", "ping", ".{0,8}"],
        key in prop_oneof!["tags", "id", "tag", "value"],
        number in any::<f64>(),
    ) {
        let _ = parse(&json!({"t": t, key: number, "value": [number]}).to_string(), 5);
    }

    #[test]
    fn every_float_comes_back(float in any::<f64>().prop_filter("finite", |float| float.is_finite())) {
        let text = number(float).to_string();
        prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), float.to_bits());
    }

    #[test]
    fn every_int_comes_back(int in any::<i64>()) {
        let back = match value_json(&Value::Int(int)).unwrap() {
            Json::String(digits) => digits.parse().unwrap(),
            other => {
                prop_assert!(int.unsigned_abs() <= COUNTS_TO);
                other.as_i64().unwrap()
            }
        };
        prop_assert_eq!(back, int);
    }
}
