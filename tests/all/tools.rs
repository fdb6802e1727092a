//! The command line: get, set, watch, list, link, init, check, help.

use forebay_tests::{Gateway, PATIENCE, Plant, Site, wait_for};

#[test]
fn values_are_got_set_watched_and_listed() {
    let gateway = Gateway::new(Site::small());
    let _process = gateway.run();
    assert_eq!(gateway.tool(&["get", "level"]).out, "level  -  missing: never set\n");
    assert_eq!(gateway.tool(&["get", "level"]).code, Some(1), "not good is not success");
    let said = gateway.tool(&["set", "level", "2.5"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "level  stored on the bus: nobody owns this tag\n"));
    let said = gateway.tool(&["get", "level", "word"]);
    assert!(said.out.starts_with("level  2.5  good  ") && said.out.contains("\nword  -  missing"), "{said:?}");

    let mut watch = gateway.watch(&["level", "word"]);
    watch.sees("the present value", PATIENCE, |line| line.tag == "level" && line.value == "2.5" && line.is_good());
    for (value, shown) in [("-7", "-7"), ("1e3", "1000"), ("007", "7"), ("0.1", "0.1")] {
        assert_eq!(gateway.tool(&["set", "level", value]).code, Some(0), "{value}");
        watch.sees(shown, PATIENCE, |line| line.value == shown);
    }
    for text in ["two words", "Grüße 水", "42"] {
        assert_eq!(gateway.tool(&["set", "word", text, "--text"]).code, Some(0), "{text}");
        watch.sees(text, PATIENCE, |line| line.tag == "word" && line.value == text);
    }

    gateway.wait_history();
    let listed = gateway.tool(&["list"]).out;
    assert!(listed.lines().any(|line| line == "level") && listed.contains("__history__  history"), "{listed}");
    assert_eq!(gateway.tool(&["list", "^lev"]).out, "level\n");
    assert_eq!(gateway.tool(&["list", "ord$"]).out, "word\n");
    assert_eq!(gateway.tool(&["list", "eve"]).out, "level\n");
    assert_eq!(gateway.tool(&["list", "nothing like this"]).out, "");
}

#[test]
fn the_past_is_exported_beside_the_history_and_imported_when_it_is_gone() {
    let gateway = Gateway::new(Site::small());
    let process = gateway.run();
    gateway.wait_history();
    for value in ["2.5", "3.5"] {
        assert_eq!(gateway.tool(&["set", "level", value]).code, Some(0));
    }
    let state = gateway.folder.join("state");
    let history = |words: &[&str]| {
        let state = state.to_str().unwrap();
        gateway.say(["history"].iter().chain(words).copied().chain(["--state", state]))
    };
    // What is shown at once is durable within the site's flush.
    let exported = wait_for(
        "both values on flash",
        PATIENCE,
        || history(&["export", "level"]).out,
        |csv| csv.contains(",level,2.5,good\n") && csv.contains(",level,3.5,good\n"),
    );
    assert!(exported.starts_with("time,tag,value,quality\n"), "{exported}");
    assert!(history(&["stats"]).out.starts_with("tags      "), "{:?}", history(&["stats"]));
    assert!(history(&["check"]).out.contains(" 0 damaged"), "{:?}", history(&["check"]));
    let file = gateway.folder.join("export.csv");
    std::fs::write(&file, &exported).unwrap();
    let tags = gateway.folder.join("site/tags.yaml");
    let import = ["import", file.to_str().unwrap(), "--tags", tags.to_str().unwrap()];
    let refused = history(&import);
    assert!(refused.code == Some(1) && refused.err.contains("in use"), "{refused:?}");
    drop(process);
    let taken = history(&import);
    assert!(taken.code == Some(0) && taken.out.contains(" 0 refused"), "{taken:?}");
}

#[test]
fn a_write_says_what_became_of_it() {
    // Against the plant: confirmed, refused for its limit, and refused while the device is silent.
    let mut plant = Plant::start();
    let gateway = Gateway::demo(&plant);
    let _process = gateway.run();
    gateway.wait_tag("IntSet", |line| line.contains("  good  "));
    let said = gateway.tool(&["set", "IntSet", "-42"]);
    assert_eq!((said.code, plant.peek("plc1", "4x:1")), (Some(0), (-42_i16) as u16), "{said:?}");
    assert!(said.out.lines().any(|line| line == "IntSet  confirmed: the device holds it"), "{said:?}");
    let said = gateway.tool(&["set", "IntSet", "101"]);
    assert!(said.code == Some(1) && said.out.contains("refused") && said.out.contains("100"), "{said:?}");
    assert_eq!(plant.peek("plc1", "4x:1"), (-42_i16) as u16);
    plant.say("behaviour plc1 refuse 4");
    let said = gateway.tool(&["set", "IntSet", "5"]);
    assert!(said.code == Some(1) && said.out.contains("refused"), "{said:?}");
    plant.say("behaviour plc1 silent");
    gateway.wait_tag("IntSet", |line| line.contains("held: "));
    // A value is held as soon as it is late; until the device counts as silent, a write is still tried and expires.
    gateway.wait_tag("sys.modbus.RTU.state", |line| line.starts_with("sys.modbus.RTU.state  0  good"));
    let said = gateway.tool(&["set", "IntSet", "6"]);
    assert!(said.code == Some(1) && said.out.starts_with("IntSet  refused: "), "{said:?}");
    plant.say("behaviour plc1 normal");
    gateway.wait_tag("IntSet", |line| line.starts_with("IntSet  -42  good"));
    assert_eq!(plant.peek("plc1", "4x:1"), (-42_i16) as u16, "nothing was kept for later");
}

#[test]
fn without_a_bus_the_tools_say_so() {
    let gateway = Gateway::new(Site::small());
    for words in [&["get", "level"][..], &["set", "level", "1"], &["list"]] {
        let said = gateway.tool(words);
        assert!(said.code == Some(1) && said.err.contains("no bus is running"), "{words:?}: {said:?}");
        assert_eq!(said.err.lines().count(), 1, "{said:?}");
    }
    let said = gateway.say(["link"]);
    assert!(said.code == Some(1) && said.err.contains("no page is served"), "{said:?}");
}

#[test]
fn a_starter_site_checks_and_runs() {
    let gateway = Gateway::new(Site::small());
    let said = gateway.say(["init", "../mine"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let said = gateway.say(["check", "--strict", "../mine"]);
    assert_eq!(said.code, Some(0), "what init writes has no warning: {said:?}");
    let again = gateway.say(["init", "../mine"]);
    assert!(again.code == Some(78) && again.err.contains("isn't empty"), "{again:?}");
    let (bus, page) = (gateway.site.bus_port.to_string(), gateway.site.page_port.to_string());
    let said = gateway.say(["run", "../mine", "--bus-port", &bus, "--port", &page, "--for", "3"]);
    assert_eq!(said.code, Some(0), "it runs, and ends by itself: {said:?}");
    assert!(said.out.contains(&format!("http://127.0.0.1:{page}/link/")), "{said:?}");
}

#[test]
fn help_teaches() {
    let gateway = Gateway::new(Site::small());
    let said = gateway.say(["help"]);
    for file in ["tags.yaml", "modbusclient.yaml", "wwwserver.yaml", "history.yaml", "bus.yaml"] {
        assert!(said.out.contains(file), "{said:?}");
        let explained = gateway.say(["help", file]);
        assert!(explained.code == Some(0) && explained.out.lines().count() > 5, "{file}: {explained:?}");
    }
    let tags = gateway.say(["help", "tags.yaml"]).out;
    for key in ["desc", "type", "multi", "min", "max", "deadband", "init", "dp", "units", "format", "alarm", "stale_s"]
    {
        assert!(tags.lines().any(|line| line.trim_start().starts_with(key)), "{key} isn't explained:\n{tags}");
    }
    let said = gateway.say(["--help"]);
    assert!(said.code == Some(0) && said.out.contains("forebay init DIR"), "{said:?}");
}
