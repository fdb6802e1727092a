//! What a site is once it is loaded: defaults, pages, folders, single daemons.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use forebay_site::{Item, ItemTag, Loaded, Severity, Site, load_dir, load_files, load_module};
use serde_json::json;
use tag::{Format, Kind, PastLimits, TagName, Value};

fn load(files: &[(&str, &str)]) -> Loaded {
    let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    load_files(Path::new("site"), &files, &|name| (name == "PORT").then(|| "1502".to_owned()))
}

#[track_caller]
fn site(files: &[(&str, &str)]) -> Site {
    let Loaded { site, findings } = load(files);
    assert!(findings.is_empty(), "{findings:#?}");
    site.expect("no findings")
}

fn name(text: &str) -> TagName {
    TagName::parse(text).unwrap()
}

#[test]
fn a_tag_has_pymscadas_defaults() {
    let site = site(&[(
        "tags.yaml",
        "Nothing:\nInt: {type: int}\nText: {type: str}\nStates: {multi: [Off, On, no], init: 2}\n\
         All: {desc: D, type: int, min: -1, max: 1.5e+3, deadband: 2, units: 5, dp: 1, init: 7, format: date dd,\n\
         \x20 alarm: ['> 5', '< 1 for 3'], group: G, age_us: 1000000, stale_s: 0.5}\n\
         L: {type: list, init: [1, yes]}\nD: {type: dict, init: {a: [1.5]}}\nB: {type: bytes, init: !!binary aGk=}\n\
         F: {init: 2}\nT: {type: str, init: on}\n",
    )]);
    let def = |text: &str| site.tag(&name(text)).unwrap();
    let nothing = def("Nothing");
    assert_eq!((nothing.kind, nothing.dp, &*nothing.desc), (Kind::Float, Some(2), "Nothing"));
    assert_eq!((nothing.min, nothing.max, nothing.init.clone(), nothing.stale), (None, None, None, None));
    assert_eq!((def("Int").dp, def("Text").dp), (Some(0), None));
    let states = def("States");
    assert_eq!((states.kind, states.min, states.max), (Kind::Int, Some(0.0), Some(2.0)));
    assert_eq!(states.multi.as_deref(), Some(&["Off".to_owned(), "On".to_owned(), "no".to_owned()][..]));
    assert_eq!(states.init, Some(Value::Int(2)));
    let all = def("All");
    assert_eq!((&*all.desc, all.kind, all.min, all.max), ("D", Kind::Int, Some(-1.0), Some(1500.0)));
    assert_eq!((all.deadband, all.units.as_deref(), all.dp), (Some(2.0), Some("5"), Some(1)));
    assert_eq!((all.format, all.group.as_deref()), (Some(Format::Date), Some("G")));
    assert_eq!(all.alarm, ["> 5", "< 1 for 3"]);
    assert_eq!((all.age, all.stale), (Duration::from_secs(1), Some(Duration::from_millis(500))));
    assert_eq!(def("L").init, Some(Value::Json("[1,true]".into())));
    assert_eq!(def("D").init, Some(Value::Json("{\"a\":[1.5]}".into())));
    assert_eq!(def("B").init, Some(Value::Bytes(b"hi"[..].into())));
    assert_eq!(def("F").init, Some(Value::Float(2.0)));
    assert_eq!(def("T").init, Some(Value::from("on")));
    assert_eq!(site.tags[0].name, name("Nothing"), "in the file's order");
}

#[test]
fn a_site_without_files_but_tags_stands_at_its_defaults() {
    let site = site(&[("tags.yaml", "A:\n")]);
    assert_eq!((site.bus.ip.to_string(), site.bus.port, site.bus.bus_tag), ("127.0.0.1".into(), 1324, name("__bus__")));
    assert!(site.modbus_client.is_none() && site.history.is_none() && site.www.is_none() && site.init_values.is_none());
    assert_eq!(site.dir, PathBuf::from("site"));
}

#[test]
fn a_tag_says_what_becomes_of_a_value_past_its_limits() {
    let tags = "A: {max: 10}\nB: {max: 10, past_limits: refuse}\nC: {type: int, min: 0, past_limits: clamp}\n\
                D: {past_limits: refuse}\n";
    let client = "rtus: [{name: P, ip: 10.0.0.1}]\ntags:\n  C: {type: int16, read: 'P:1:4x:1', write: 'P:1:4x:1'}\n";
    let site = site(&[("tags.yaml", tags), ("modbusclient.yaml", client)]);
    let past: Vec<_> = site.tags.iter().map(|tag| tag.past_limits).collect();
    assert_eq!(past, [PastLimits::Refuse, PastLimits::Refuse, PastLimits::Clamp, PastLimits::Refuse]);
}

#[test]
fn a_site_names_itself_and_its_hosts() {
    let www =
        site(&[("tags.yaml", ""), ("wwwserver.yaml", "title: Mill weir\nhosts: [SCADA.lan, weir]\n")]).www.unwrap();
    assert_eq!((www.title.as_deref(), www.hosts), (Some("Mill weir"), vec!["scada.lan".to_owned(), "weir".to_owned()]));
    let www = site(&[("tags.yaml", ""), ("wwwserver.yaml", "hosts: scada.lan\n")]).www.unwrap();
    assert_eq!(www.hosts, ["scada.lan"]);
}

#[test]
fn an_empty_file_runs_its_module() {
    let site = site(&[("tags.yaml", ""), ("history.yaml", ""), ("initvalues.yaml", ""), ("wwwserver.yaml", "")]);
    let history = site.history.unwrap();
    assert_eq!((history.path, history.rta_tag), (PathBuf::from("history"), name("__history__")));
    assert_eq!((history.bus.ip.to_string(), history.bus.port), ("127.0.0.1".into(), 1324));
    assert!(site.init_values.is_some());
    let www = site.www.unwrap();
    assert_eq!((www.ip.to_string(), www.port, www.title, www.hosts), ("127.0.0.1".into(), 8324, None, vec![]));
    assert_eq!((www.config, www.pages.len()), (json!({}), 0));
}

#[test]
fn modules_find_the_sites_bus_when_they_say_nothing() {
    let site =
        site(&[("tags.yaml", ""), ("bus.yaml", "port: 2000\nbus_tag: b\n"), ("history.yaml", "bus_ip: localhost\n")]);
    assert_eq!((site.bus.port, site.bus.bus_tag), (2000, name("b")));
    assert_eq!(site.history.unwrap().bus.port, 2000);
}

#[test]
fn pages_and_items_are_what_the_browser_gets() {
    let www = "\
ip: 0.0.0.0
config: {primary_color: green, sites: [{name: 1}], on: yes}
pages:
- name: Main page
  parent:
  items:
  - {type: h1, desc: Hello}
  - {type: h2}
  - {type: p, desc: 5}
  - {type: br}
  - {type: hr}
  - {type: linebreak}
  - {type: value, tagname: Flow}
  - {type: setpoint, tagname: Flow}
  - {type: selectdict, tagname: Gates, opts: {type: multi, multi: [Off, On]}}
  - type: uplot
    ms: {desc: Trend, legend_show: no}
    axes: [{scale: x, range: [-60, 0]}, {scale: 1, range: [0, 1.5]}]
    series: [{tagname: Flow, scale: 1, color: red}]
- {name: main-page, parent: More}
";
    let site = site(&[("tags.yaml", "Flow:\nGates: {type: dict}\n"), ("wwwserver.yaml", www)]);
    let www = site.www.unwrap();
    assert_eq!(www.config, json!({"primary_color": "green", "sites": [{"name": 1}], "on": true}));
    assert_eq!((www.pages[1].id.as_str(), www.pages[1].parent.as_deref()), ("main-page-2", Some("More")));
    assert_eq!(
        serde_json::to_value(&www.pages[0]).unwrap(),
        json!({"id": "main-page", "name": "Main page", "parent": null, "items": [
            {"type": "h1", "desc": "Hello"}, {"type": "h2", "desc": ""}, {"type": "p", "desc": "5"},
            {"type": "br"}, {"type": "hr"}, {"type": "linebreak"},
            {"type": "value", "tagname": "Flow"}, {"type": "setpoint", "tagname": "Flow"},
            {"type": "selectdict", "tagname": "Gates", "opts": {"type": "multi", "multi": ["Off", "On"]}},
            {"type": "uplot", "ms": {"desc": "Trend", "legend_show": false},
             "axes": [{"scale": "x", "range": [-60, 0]}, {"scale": "1", "range": [0, 1.5]}],
             "series": [{"tagname": "Flow", "scale": "1", "color": "red"}], "bands": []},
        ]})
    );
}

#[test]
fn what_cannot_be_shown_is_a_placeholder_that_says_why() {
    let www = "\
pages:
- name: P
  items:
  - {type: value, tagname: Gone}
  - {type: alarms}
  - {type: uplot, series: [{tagname: Gone}, {tagname: Flow}], bands: [{series: [Gone, Flow]}]}
  - {type: uplot, series: [{tagname: Gone}]}
";
    let loaded = load(&[("tags.yaml", "Flow:\n"), ("wwwserver.yaml", www)]);
    assert!(loaded.findings.iter().all(|finding| finding.severity < Severity::Error));
    let items = loaded.site.unwrap().www.unwrap().pages.remove(0).items;
    let placeholder = |kind: &str, why: &str, at: &str| Item::Placeholder {
        kind: kind.into(),
        why: why.into(),
        at: format!("wwwserver.yaml:{at}"),
    };
    assert_eq!(items[0], placeholder("value", "no tag Gone", "4"));
    assert_eq!(items[1], placeholder("alarms", "not built yet", "5"));
    let Item::Uplot { series, bands, .. } = &items[2] else { panic!("{:?}", items[2]) };
    assert_eq!((series, bands), (&json!([{"tagname": "Flow"}]), &json!([])), "the pen that is there is drawn");
    assert_eq!(items[3], placeholder("uplot", "no tag Gone", "7"));
}

#[test]
fn a_placeholder_stands_for_each_item_but_is_said_once() {
    let www = "pages: [{name: P, items: [{type: alarms}, {type: alarms}]}]";
    let loaded = load(&[("tags.yaml", ""), ("wwwserver.yaml", www)]);
    assert_eq!(loaded.findings.len(), 1);
    assert_eq!(loaded.findings[0].severity, Severity::Notice);
    assert_eq!(loaded.site.unwrap().www.unwrap().pages[0].items.len(), 2);
}

#[test]
fn one_daemon_is_started_with_its_file_and_the_tags() {
    let dir = tempdir("module");
    let write = |file: &str, text: &str| std::fs::write(dir.join(file), text).unwrap();
    write("web.yaml", "pages: [{name: P, items: [{type: value, tagname: A}]}]");
    write("t.yaml", "A:\n");
    write("wrong.yaml", "pages: 5");
    let load = |module: &str, config: &str, tags: Option<&str>| {
        load_module(module, Some(&dir.join(config)), tags.map(|tags| dir.join(tags)).as_deref(), &|_| None)
    };
    for module in ["wwwserver", "www"] {
        let loaded = load(module, "web.yaml", Some("t.yaml"));
        assert!(loaded.findings.is_empty(), "{:#?}", loaded.findings);
        let site = loaded.site.unwrap();
        assert_eq!(site.dir, dir);
        let tagname = ItemTag(name("A"));
        assert_eq!(site.www.unwrap().pages[0].items, [Item::Value { tagname }]);
    }
    let said = |loaded: Loaded| {
        assert!(loaded.site.is_none());
        loaded.findings[0].to_string().replace(&dir.display().to_string(), "DIR")
    };
    assert_eq!(
        said(load("www", "wrong.yaml", Some("t.yaml"))),
        "DIR/wrong.yaml:1:8: error: pages = 5 — expected a list"
    );
    assert!(said(load("www", "none.yaml", Some("t.yaml"))).starts_with("DIR/none.yaml: error: can't read this file: "));
    assert_eq!(
        said(load("alarms", "a.yaml", None)),
        "alarms: error: the module alarms isn't built yet — pymscada's own can run beside the gateway"
    );
    assert_eq!(
        said(load("histroy", "a.yaml", None)),
        "histroy: error: there is no module of this name — expected one of bus, modbusclient, modbusserver, history, wwwserver, \
         initvalues; did you mean \"history\"?"
    );
    assert_eq!(
        said(load("www", "web.yaml", None)),
        "tags.yaml: error: there is no tags.yaml — DIR/web.yaml needs the site's tags"
    );
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn folders_that_are_no_site() {
    let dir = tempdir("empty");
    let loaded = load_dir(&dir, &|_| None);
    assert!(loaded.site.is_none());
    let said = loaded.findings[0].to_string().replace(&dir.display().to_string(), "DIR");
    assert_eq!(
        said,
        "DIR: error: no .yaml file in this folder — expected a site; forebay init DIR writes one to start from"
    );
    std::fs::write(dir.join("tags.yaml"), vec![b'#'; (4 << 20) + 1]).unwrap();
    let loaded = load_dir(&dir, &|_| None);
    assert_eq!(loaded.findings[0].to_string(), "tags.yaml: error: this file has 5 MB — expected at most 4 MB");
    std::fs::remove_dir_all(&dir).unwrap();
    let loaded = load_dir(&dir, &|_| None);
    assert!(loaded.site.is_none());
    assert!(loaded.findings[0].to_string().contains("can't read this folder"), "{}", loaded.findings[0]);
}

#[test]
fn a_large_site_loads_and_its_limits_are_said() {
    let mut text = String::new();
    for n in 0..20_000 {
        text.push_str(&format!(
            "Tag_{n}:\n  desc: Number {n}\n  type: float\n  units: m\n  dp: 1\n  min: 0\n  max: 10\n"
        ));
    }
    let loaded = load(&[("tags.yaml", &text)]);
    assert_eq!(loaded.site.unwrap().tags.len(), 20_000);
    // As many mistakes as there are tags: the first are named, the rest counted.
    let loaded = load(&[("tags.yaml", &text.replace("dp: 1", "pd: 1"))]);
    assert_eq!(loaded.findings.len(), 201);
    assert_eq!(loaded.findings[200].found, "19800 more findings in this file");
    let many: String = (0..65_535).map(|n| format!("T{n}:\n")).collect();
    let loaded = load(&[("tags.yaml", &many)]);
    assert_eq!(loaded.findings[0].to_string(), "tags.yaml:65535:1: error: 65535 tags — expected at most 65534");
}

/// A fresh folder of this test process.
fn tempdir(what: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("forebay-site-{what}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}
