//! The YAML that the pymscada package itself ships loads without an error once its placeholders are filled in.
//! `FOREBAY_PYMSCADA_YAML` names the folder: `pymscada/demo/yaml` of an installed package. `scripts/test` sets it.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::Write;
use std::path::Path;

use forebay_site::{Form, Item, Severity, load_files};

#[test]
fn the_shipped_site_loads_without_an_error() {
    let Some(dir) = std::env::var_os("FOREBAY_PYMSCADA_YAML") else {
        // Not eprintln!, which the test runner keeps to itself when a test passes.
        let said = "\nSKIPPED: FOREBAY_PYMSCADA_YAML is not set, so the YAML that pymscada ships was not tried\n";
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return;
    };
    let mut files = Vec::new();
    let mut raw = Vec::new();
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.ends_with(".yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        raw.push((name.clone(), text.clone().into_bytes()));
        let text = text.replace("__ADDRESS__", "127.0.0.1").replace("__PORT__", "1324").replace("__DIR__", "/srv/site");
        files.push((name, text.into_bytes()));
    }
    assert!(files.len() >= 20, "{} files in {}", files.len(), Path::new(&dir).display());

    let loaded = load_files(Path::new("demo"), &files, &|_| None);
    let errors: Vec<_> = loaded.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let site = loaded.site.unwrap();
    assert!(site.tags.len() >= 30 && site.history.is_some() && site.init_values.is_some());
    let modbus = site.modbus_client.unwrap();
    assert_eq!((modbus.rtus[0].form, modbus.rtus[0].reads.len(), modbus.tags.len()), (Form::Poll, 2, 15));
    let www = site.www.unwrap();
    assert!(www.pages.iter().flat_map(|page| &page.items).any(|item| matches!(item, Item::Uplot { .. })));
    assert_eq!(www.config["primary_color"], "darkmagenta", "through __vars__ and its anchors");
    let ours = ["tags", "bus", "modbusclient", "history", "wwwserver", "initvalues"].len();
    assert_eq!(site.unbuilt.len(), files.len() - ours, "every other file is a module to come");
    let notices = loaded.findings.iter().filter(|finding| finding.found.starts_with("the module")).count();
    assert_eq!(notices, site.unbuilt.len(), "one notice each");

    let loaded = load_files(Path::new("demo"), &raw, &|_| None);
    assert!(loaded.site.is_none(), "with its placeholders it doesn't load");
    for finding in loaded.findings.iter().filter(|finding| finding.severity == Severity::Error) {
        assert!(finding.found.contains("checkout placeholders"), "{finding}");
    }
}
