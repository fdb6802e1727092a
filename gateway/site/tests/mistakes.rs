//! Sites with mistakes, each in a folder of `mistakes/`, and what `check` says of them: every kind of finding with its
//! place and its words. `FOREBAY_BLESS=1` writes the findings anew, to be read before they are kept.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;

use forebay_site::{Severity, load_dir};

/// The environment of all of these sites.
fn env(name: &str) -> Option<String> {
    match name {
        "PLC_HOST" => Some("192.168.7.9".to_owned()),
        "PLC_PORT" => Some("1502".to_owned()),
        "WORD" => Some("yes".to_owned()),
        // The devices that come with the gateway.
        "FOREBAY_DEVICES" => Some(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/devices").to_owned()),
        _ => None,
    }
}

#[test]
fn every_mistake_is_named_with_its_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes");
    let mut cases: Vec<_> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 10, "the folders of {} are the test", root.display());
    let mut differ = Vec::new();
    for case in cases {
        let loaded = load_dir(&case, &env);
        let said: String = loaded.findings.iter().map(|finding| format!("{finding}\n")).collect();
        let errors = loaded.findings.iter().any(|finding| finding.severity == Severity::Error);
        assert_eq!(
            loaded.site.is_none(),
            errors,
            "{}: a site without errors loads, one with errors doesn't",
            case.display()
        );
        for finding in &loaded.findings {
            if let Some(excerpt) = &finding.excerpt {
                assert!(excerpt.caret <= excerpt.line.chars().count(), "the caret is in the line: {finding}");
            }
        }
        let golden = case.join("findings.txt");
        if std::env::var_os("FOREBAY_BLESS").is_some() {
            fs::write(&golden, &said).unwrap();
        }
        let kept = fs::read_to_string(&golden).unwrap_or_default();
        if said != kept {
            differ.push(format!("{}:\n--- expected\n{kept}--- found\n{said}", case.display()));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn the_pretty_form_shows_the_line() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes/tags");
    let loaded = load_dir(&root, &env);
    let typo = loaded.findings.iter().find(|finding| finding.found.contains("deadbnd")).unwrap();
    let pretty = typo.pretty();
    let lines: Vec<&str> = pretty.lines().collect();
    assert_eq!(lines[1], " 3 |   deadbnd: 0.1");
    assert_eq!(lines[2], "   |   ^");
}
