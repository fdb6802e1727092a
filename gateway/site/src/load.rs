//! From a folder of files to a [`Site`], or to everything that is in the way.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::finding::{Finding, Pos, Severity};
use crate::hint;
use crate::marked::{self, FILE_BYTES_MAX, Node, Purpose};
use crate::report::Report;
use crate::{Bus, Env, Site, Unbuilt};

mod address;
mod alarm;
mod coverage;
mod item;
mod modbus;
mod role;
mod small;
mod tags;
mod uplot;
mod www;

use role::{OUR_FILES, Role};
pub(crate) use tags::Tags;

/// What a look at a site brought.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The site, if nothing is in its way: there is no finding of [`Severity::Error`].
    pub site: Option<Site>,
    /// Every finding, file by file, each in the order of its lines.
    pub findings: Vec<Finding>,
}

/// A file's name, as findings call it, and its bytes.
pub type File = (String, Vec<u8>);

/// Loads the site of a folder: every file of it, all findings at once.
pub fn load_dir(dir: &Path, env: Env<'_>) -> Loaded {
    let shown = dir.display().to_string();
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => {
            let expected = format!("expected a folder with tags.yaml and a file for each module ({error})");
            return failed(whole_file(shown, "can't read this folder".into(), expected));
        }
    };
    let mut names: Vec<String> = Vec::new();
    let mut findings = Vec::new();
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if let Some(stem) = name.strip_suffix(".yml") {
            if !name.starts_with('.') {
                let mut finding = whole_file(name.clone(), "this file is not read".into(), String::new());
                finding.severity = Severity::Warning;
                finding.hint = Some(format!("call it {stem}.yaml"));
                findings.push(finding);
            }
        } else if name.ends_with(".yaml") && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    if names.is_empty() {
        let mut finding = whole_file(shown, "no .yaml file in this folder".into(), "expected a site".into());
        finding.hint = Some(format!("forebay init {} writes one to start from", dir.display()));
        findings.push(finding);
        return Loaded { site: None, findings };
    }
    let mut files = Vec::new();
    for name in names {
        match read_file(&dir.join(&name)) {
            Ok(bytes) => files.push((name, bytes)),
            Err(why) => findings.push(whole_file(name, why, String::new())),
        }
    }
    let unread = findings.iter().any(|finding| finding.severity == Severity::Error);
    let mut loaded = load_files(dir, &files, env);
    findings.append(&mut loaded.findings);
    Loaded { site: loaded.site.filter(|_| !unread), findings }
}

/// Loads what one daemon needs: `forebay modbusclient --config FILE --tags FILE`. The module goes by its own name or
/// by pymscada's; the files may be called anything.
pub fn load_module(module: &str, config: Option<&Path>, tags: Option<&Path>, env: Env<'_>) -> Loaded {
    let role = Role::of(module);
    match role {
        Role::Unbuilt => {
            let found = format!("the module {module} isn't built yet");
            return failed(whole_file(module.into(), found, "pymscada's own can run beside the gateway".into()));
        }
        Role::Unknown | Role::Plant | Role::Tags => {
            let names = ["bus", "modbusclient", "history", "wwwserver", "initvalues"];
            let mut finding = whole_file(
                module.into(),
                "there is no module of this name".into(),
                format!("expected one of {}", names.join(", ")),
            );
            finding.hint = hint::did_you_mean(module, names);
            return failed(finding);
        }
        Role::Bus | Role::ModbusClient | Role::History | Role::WwwServer | Role::InitValues => {}
    }
    let mut files: Vec<(Role, File)> = Vec::new();
    let mut findings = Vec::new();
    for (role, path) in [(Role::Tags, tags), (role, config)] {
        let Some(path) = path else { continue };
        let name = path.display().to_string();
        match read_file(path) {
            Ok(bytes) => files.push((role, (name, bytes))),
            Err(why) => findings.push(whole_file(name, why, String::new())),
        }
    }
    let dir = config.or(tags).and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
    let unread = !findings.is_empty();
    let roles: Vec<(Role, &File)> = files.iter().map(|(role, file)| (*role, file)).collect();
    let mut loaded = load(dir, &roles, false, env);
    findings.append(&mut loaded.findings);
    Loaded { site: loaded.site.filter(|_| !unread), findings }
}

/// Loads a site of which the files are already in memory, by their names in the folder. What [`load_dir`] does once it
/// has read them; it touches no disk.
pub fn load_files(dir: &Path, files: &[File], env: Env<'_>) -> Loaded {
    let roles: Vec<(Role, &File)> = files.iter().map(|file| (Role::of_file(&file.0), file)).collect();
    load(dir.to_owned(), &roles, true, env)
}

fn load(dir: PathBuf, files: &[(Role, &File)], whole_site: bool, env: Env<'_>) -> Loaded {
    let mut findings: Vec<(String, Vec<Finding>)> = Vec::new();
    let mut unbuilt = Vec::new();
    let mut bus = Bus::default();
    let mut tags = Tags::default();
    let mut site_files: Vec<(Role, &str, &str, Node, Report<'_>)> = Vec::new();
    for (role, file) in files {
        let (name, bytes) = file;
        match open(*role, name, bytes, env, &mut unbuilt) {
            Ok((source, node, report)) => site_files.push((*role, name.as_str(), source, node, report)),
            Err(found) => findings.push((name.clone(), found)),
        }
    }
    // tags.yaml and bus.yaml come first: the others speak of them.
    site_files.sort_by_key(|(role, ..)| !matches!(role, Role::Tags | Role::Bus));
    let had_tags = site_files.iter().any(|(role, ..)| *role == Role::Tags);
    let broken_tags = files.iter().any(|(role, _)| *role == Role::Tags) && !had_tags;
    tags.known = had_tags;
    let (mut modbus_client, mut history, mut www, mut init_values) = (None, None, None, None);
    let mut wants_tags = None;
    for (role, name, _, node, report) in &mut site_files {
        match role {
            Role::Tags => tags = tags::load(node, report),
            Role::Bus => bus = small::bus(node, report).unwrap_or_default(),
            Role::ModbusClient => modbus_client = modbus::load(node, &tags, &bus, whole_site, report),
            Role::History => history = small::history(node, &bus, whole_site, report),
            Role::WwwServer => www = www::load(node, &tags, &bus, whole_site, report),
            Role::InitValues => init_values = small::init_values(node, &bus, whole_site, report),
            Role::Unbuilt | Role::Plant | Role::Unknown => {}
        }
        if matches!(role, Role::History | Role::WwwServer | Role::InitValues) {
            wants_tags.get_or_insert((*name).to_owned());
        }
    }
    if let (Some(module), false, false) = (wants_tags, had_tags, broken_tags) {
        let expected = format!("{module} needs the site's tags");
        findings
            .push(("tags.yaml".into(), vec![whole_file("tags.yaml".into(), "there is no tags.yaml".into(), expected)]));
    }
    for (_, name, _, _, report) in site_files {
        findings.push((name.to_owned(), report.finish()));
    }
    findings.sort_by(|a, b| a.0.cmp(&b.0));
    let findings: Vec<Finding> = findings.into_iter().flat_map(|(_, found)| found).collect();
    let good = findings.iter().all(|finding| finding.severity != Severity::Error);
    let tags: Arc<[tag::TagDef]> = tags.defs.into();
    let site = Site { dir, tags, bus, modbus_client, history, www, init_values, unbuilt };
    Loaded { site: good.then_some(site), findings }
}

/// A file as a tree, if it is one that says something of our site; else what is to be said of it.
fn open<'f>(
    role: Role,
    name: &'f str,
    bytes: &'f [u8],
    env: Env<'_>,
    unbuilt: &mut Vec<Unbuilt>,
) -> Result<(&'f str, Node, Report<'f>), Vec<Finding>> {
    if bytes.len() > FILE_BYTES_MAX {
        let found = format!("this file has {} MB", bytes.len().div_ceil(1 << 20));
        return Err(vec![whole_file(name.into(), found, format!("expected at most {} MB", FILE_BYTES_MAX >> 20))]);
    }
    let source = match marked::decode(bytes) {
        Ok(source) => source,
        Err(pos) => {
            let mut report = Report::new(name, "");
            report.error(pos, "this byte is not UTF-8 text", "expected a file saved as UTF-8");
            return Err(report.finish());
        }
    };
    let mut report = Report::new(name, source);
    let purpose = match role {
        Role::Tags => Purpose::Tags,
        Role::Unbuilt | Role::Plant | Role::Unknown => Purpose::Foreign,
        _ => Purpose::Ours,
    };
    let Some(node) = marked::read(source, purpose, env, &mut report) else { return Err(report.finish()) };
    let stem = name.strip_suffix(".yaml").unwrap_or(name);
    match role {
        Role::Plant => return Err(Vec::new()),
        Role::Unbuilt => {
            unbuilt.push(Unbuilt { file: name.to_owned(), module: stem.to_owned() });
            let mut report = Report::new(name, source);
            report.notice(
                Pos::WHOLE_FILE,
                format!("the module {stem} isn't built yet"),
                "the file is left alone; pymscada's own module can run beside the gateway",
            );
            return Err(report.finish());
        }
        Role::Unknown => {
            let mut report = Report::new(name, source);
            let hint = match stem {
                "modbus" => Some("did you mean \"modbusclient.yaml\"?".to_owned()),
                "www" => Some("did you mean \"wwwserver.yaml\"?".to_owned()),
                _ => report.did_you_mean(name, OUR_FILES),
            };
            let expected = format!("expected {} or a file of another pymscada module", OUR_FILES.join(", "));
            report.warning_hint(Pos::WHOLE_FILE, "no module reads this file", expected, hint);
            return Err(report.finish());
        }
        _ => {}
    }
    Ok((source, node, report))
}

/// A finding about a file as a whole.
fn whole_file(file: String, found: String, expected: String) -> Finding {
    Finding { severity: Severity::Error, file, pos: Pos::WHOLE_FILE, found, expected, hint: None, excerpt: None }
}

fn failed(finding: Finding) -> Loaded {
    Loaded { site: None, findings: vec![finding] }
}

/// The bytes of a file, one more than allowed at most; or why not, in words.
fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let cant = |error: std::io::Error| format!("can't read this file: {error}");
    // A pipe would wait for ever, a folder says something cryptic.
    if !std::fs::metadata(path).map_err(cant)?.is_file() {
        return Err("this is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(cant)?;
    file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(cant)?;
    Ok(bytes)
}
