//! Chromium against `forebay run` and the pretend plant. Each story stands in `tests/browser/NAME.mjs`; pictures of all
//! of them lie in `target/browser`, and with `FOREBAY_BLESS=1` those of the README are taken anew.

use forebay_tests::{Site, Stage};

/// A story on a stage of its own: a killed plant of one is not the other's.
#[track_caller]
fn tell(name: &str, view: &str) {
    Stage::new().tell(name, view);
}

#[test]
fn a_one_time_link_lets_one_browser_in() {
    tell("door", "phone");
}

#[test]
fn values_move_on_a_phone() {
    tell("values", "phone");
}

#[test]
fn values_move_on_a_desktop() {
    tell("values", "desktop");
}

#[test]
fn a_set_point_reaches_the_plc_from_a_phone() {
    tell("setpoint", "phone");
}

#[test]
fn a_set_point_reaches_the_plc_from_a_desktop() {
    tell("setpoint", "desktop");
}

#[test]
fn the_trend_draws_on_a_phone() {
    tell("trend", "phone");
}

#[test]
fn the_trend_draws_on_a_desktop() {
    tell("trend", "desktop");
}

#[test]
fn what_became_of_the_past_is_said() {
    // What is got back comes with the flushes: ten seconds each would be a long story.
    let often = "bus_ip: 127.0.0.1\nbus_port: @BUS@\npath: history\nflush_s: 0.5\n";
    let keep_texts = |site: Site| {
        let (_, tags) = site.files.iter().find(|(name, _)| name == "tags.yaml").expect("a site has tags").clone();
        let kept = tags.replace("StringVal: {", "StringVal: {history: yes, ");
        assert_ne!(kept, tags, "the demo has a text");
        site.file("tags.yaml", &kept)
    };
    Stage::with(|site| keep_texts(site.file("history.yaml", often))).tell("past", "phone");
}

#[test]
fn plant_and_gateway_go_and_come_back_on_a_phone() {
    tell("faults", "phone");
}

#[test]
fn plant_and_gateway_go_and_come_back_on_a_desktop() {
    tell("faults", "desktop");
}

#[test]
fn a_phone_that_slept_is_current_within_a_second() {
    tell("sleep", "phone");
}

#[test]
fn a_tag_says_where_it_comes_from() {
    // The shipped plant, a value of it also by way of a described device with its base.
    let described = |site: Site| {
        let text = |name: &str| site.files.iter().find(|(file, _)| file == name).expect("a site has it").1.clone();
        let modbus = format!(
            "{}\ndevices:\n- {{device: river, line: STATION, unit: 1, prefix: Own_, base: 10}}\n",
            text("modbusclient.yaml")
        );
        let pages =
            text("wwwserver.yaml").replacen("  items:\n", "  items:\n  - {tagname: Own_level, type: value}\n", 1);
        let river = "desc: A gauge\nsource: [its manual]\nregisters:\n  level: {type: float32, read: '4x:1', desc: Gauge, units: m, dp: 2}\n";
        site.file("modbusclient.yaml", &modbus).file("wwwserver.yaml", &pages).file("devices/river.yaml", river)
    };
    Stage::with(described).tell("source", "phone");
}

#[test]
fn every_page_fits_every_screen() {
    tell("layout", "all");
}

#[test]
fn pictures_for_the_readme() {
    // Pictures that people will look at get an hour of history; whether they can be taken at all needs none.
    let mut stage = if std::env::var_os("FOREBAY_BLESS").is_some() { Stage::with_a_past() } else { Stage::new() };
    stage.tell("shots", "all");
}
