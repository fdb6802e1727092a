// What the fuzzer and the seeded test do with some bytes: a site with one file of unknown content.

use std::path::Path;

const FILES: [&str; 7] = [
    "tags.yaml",
    "modbusclient.yaml",
    "wwwserver.yaml",
    "history.yaml",
    "bus.yaml",
    "initvalues.yaml",
    "devices/pump.yaml",
];

/// What the other files of the site say where devices are concerned.
const CLIENT: &[u8] = b"rtus: [{name: PLC, ip: a}]\ndevices: [{device: pump, line: PLC, unit: 1, base: 7, prefix: P_}]";
const DEVICE: &[u8] = b"registers: {speed: {type: int16, read: '4x:1', sunssf: '4x:3', units: rpm}}";

/// The first byte chooses the file, the rest is what it holds. Must come back, and never panic.
pub(crate) fn one(data: &[u8]) {
    let Some((which, text)) = data.split_first() else { return };
    let name = FILES[usize::from(*which) % FILES.len()];
    let mut files = vec![(name.to_owned(), text.to_vec())];
    if name != "tags.yaml" {
        let tags =
            &b"IntSet: {type: int}\nFloatVal:\nMulti: {multi: [Off, On]}\nSelect: {type: dict}\nText: {type: str}"[..];
        files.push(("tags.yaml".to_owned(), tags.to_vec()));
    }
    match name {
        "devices/pump.yaml" => files.push(("modbusclient.yaml".to_owned(), CLIENT.to_vec())),
        "modbusclient.yaml" => files.push(("devices/pump.yaml".to_owned(), DEVICE.to_vec())),
        _ => {}
    }
    let env = |name: &str| name.starts_with('P').then(|| "17".to_owned());
    let loaded = forebay_site::load_files(Path::new("fuzz"), &files, &env);
    let errors = loaded.findings.iter().any(|finding| finding.severity == forebay_site::Severity::Error);
    assert_eq!(loaded.site.is_none(), errors, "a site without errors is there, one with errors isn't");
    for finding in &loaded.findings {
        assert!(!finding.pretty().is_empty());
        assert!(!finding.to_string().contains('\n'), "a finding is one line: {finding}");
    }
    if let Some(site) = loaded.site {
        for page in site.www.iter().flat_map(|www| &www.pages) {
            serde_json::to_string(page).expect("pages are JSON");
        }
    }
}
