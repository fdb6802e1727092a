use std::path::Path;

use super::*;

/// What a site of these files answers for a tag, and where it says the tag is set.
fn asked(modbus: &str, tags: &str, tag: &str) -> Option<Json> {
    let pages = "title: T\npages:\n- name: One\n  items:\n  - {type: value, tagname: a}\n  - {type: value, tagname: M_power}\n  - {type: value, tagname: own}\n";
    let device = "desc: A meter\nsource: [its manual]\nbase: 100\nregisters:\n  power: {type: uint32, read: '3x:1', scale: 0.001, units: kW}\n";
    let files =
        [("tags.yaml", tags), ("modbusclient.yaml", modbus), ("wwwserver.yaml", pages), ("devices/meter.yaml", device)];
    let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    let loaded = site::load_files(Path::new("site"), &files, &|_| None);
    let site = loaded.site.unwrap_or_else(|| panic!("{:?}", loaded.findings));
    answer(&Config::from_site(&site, "nowhere".into()).unwrap(), &format!("tag={tag}"))
}

#[test]
fn a_tag_says_its_register_and_one_of_a_described_device_as_well() {
    let modbus = "rtus:\n- {name: PLC1, ip: 192.168.0.10, port: 502, rate: 0.5}\n\
                  devices:\n- {device: meter, line: PLC1, unit: 3, prefix: M_}\n\
                  tags:\n  a: {type: int16, read: 'PLC1:1:4x:101', write: 'PLC1:1:4x:201', scale: 0.1, offset: -40, rate: 2}\n";
    let tags = "a: {desc: A, type: float}\nown: {desc: Own, type: int}\n";
    let told = asked(modbus, tags, "a").unwrap();
    // The example that the page's own tests read too.
    let golden = include_str!("../../../tests/golden/page/source.json");
    assert_eq!(told, serde_json::from_str::<Json>(golden).unwrap());
    let told = asked(modbus, tags, "M%5Fpower").unwrap();
    assert_eq!((&told["read"], &told["write"]), (&json!("PLC1:3:3x:101"), &Json::Null), "{told}");
    assert_eq!((&told["type"], &told["every_ms"]), (&json!("uint32"), &json!(500)), "{told}");
    assert_eq!(asked(modbus, tags, "own"), Some(json!({"device": null})));
    assert_eq!(asked(modbus, tags, "nowhere"), None);
    assert_eq!(asked(modbus, tags, "%zz"), None);
}
