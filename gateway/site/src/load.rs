//! From a folder of files to a [`Site`], or to everything that is in the way.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::finding::{Finding, Pos, no_error, whole_file};
use crate::hint;
use crate::marked::{self, FILE_BYTES_MAX, Node, Purpose};
use crate::report::Report;
use crate::{Bus, Env, Site, Unbuilt};

mod address;
mod alarm;
mod coverage;
mod devices;
mod input;
mod item;
mod modbus;
mod modbus_server;
mod role;
mod small;
mod tags;
mod uplot;
mod www;

use devices::{Brought, Shelf};
pub use devices::{DEVICES_VARIABLE, Devices, load_device, read_device};
use input::{Input, Lent, read_file};
use role::{OUR_FILES, Role, device_name};
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
    let mut findings = Vec::new();
    let names = match input::yaml_files(dir, &mut findings) {
        Ok(names) => names,
        Err(error) => {
            let expected = format!("expected a folder with tags.yaml and a file for each module ({error})");
            return failed(whole_file(shown, "can't read this folder".into(), expected));
        }
    };
    if names.is_empty() {
        let mut finding = whole_file(shown, "no .yaml file in this folder".into(), "expected a site".into());
        finding.hint = Some(format!("forebay init {} writes one to start from", dir.display()));
        findings.push(finding);
        return Loaded { site: None, findings };
    }
    let mut files = input::own_devices(dir, &mut findings);
    files.extend(names.into_iter().map(|name| Input::read(Role::of_file(&name), &dir.join(&name), name)));
    let mut loaded = load(dir.to_owned(), files.iter().map(Input::borrow).collect(), Wanted::Site, env);
    findings.append(&mut loaded.findings);
    Loaded { site: loaded.site, findings }
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
        Role::Unknown | Role::Plant | Role::Tags | Role::Device => {
            let names = ["bus", "modbusclient", "modbusserver", "history", "wwwserver", "initvalues"];
            let mut finding = whole_file(
                module.into(),
                "there is no module of this name".into(),
                format!("expected one of {}", names.join(", ")),
            );
            finding.hint = hint::did_you_mean(module, names);
            return failed(finding);
        }
        Role::Bus | Role::ModbusClient | Role::ModbusServer | Role::History | Role::WwwServer | Role::InitValues => {}
    }
    let mut paths = vec![(Role::Tags, tags.map(Path::to_path_buf)), (role, config.map(Path::to_path_buf))];
    let dir = config.or(tags).and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
    let mut own = Vec::new();
    if role == Role::ModbusClient || tags.is_some() {
        // The tags that devices bring are every module's: who uses them stands in the file beside the tags.
        let home = if role == Role::ModbusClient { config } else { tags };
        let home = home.and_then(Path::parent).unwrap_or(Path::new(""));
        own = input::own_devices(home, &mut Vec::new());
        let beside = home.join("modbusclient.yaml");
        if role != Role::ModbusClient && beside.is_file() {
            paths.push((Role::ModbusClient, Some(beside)));
        }
    }
    let files = paths
        .into_iter()
        .filter_map(|(role, path)| path.map(|path| Input::read(role, &path, path.display().to_string())));
    let files: Vec<Input> = own.into_iter().chain(files).collect();
    load(dir, files.iter().map(Input::borrow).collect(), Wanted::Module(role), env)
}

/// Loads a site of which the files are already in memory, by their names in the folder. What [`load_dir`] does once it
/// has read them; of the disk it sees only the devices that come with the gateway.
pub fn load_files(dir: &Path, files: &[File], env: Env<'_>) -> Loaded {
    let inputs = files.iter().map(|(name, bytes)| (Role::of_file(name), name.as_str(), Ok(&bytes[..]))).collect();
    load(dir.to_owned(), inputs, Wanted::Site, env)
}

/// Whether it is a module of pymscada's that this release doesn't have.
pub(crate) fn is_unbuilt(module: &str) -> bool {
    Role::of(module) == Role::Unbuilt
}

/// What is to be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// All of a site.
    Site,
    /// What one daemon needs.
    Module(Role),
}

impl Wanted {
    /// Whether a file is there only for the tags that devices bring; what is wrong with it is said to another daemon.
    fn only_for_tags(self, role: Role) -> bool {
        matches!(self, Self::Module(module) if module != Role::ModbusClient)
            && matches!(role, Role::Device | Role::ModbusClient)
    }
}

fn load(dir: PathBuf, mut files: Vec<Lent<'_>>, wanted: Wanted, env: Env<'_>) -> Loaded {
    // The order of the roles: what others speak of comes first. One tree at a time is in memory.
    files.sort_by_key(|(role, name, _)| (*role, *name));
    let mut findings: Vec<(String, Vec<Finding>)> = Vec::new();
    let mut reports: Vec<(Role, Report<'_>)> = Vec::new();
    let (shelf, brought) = shelve(&files, wanted, env, &mut findings);
    let mut tags = Tags::of_devices(&brought);
    let whole_site = wanted == Wanted::Site;
    let mut site = Site {
        dir,
        tags: Arc::new([]),
        bus: Bus::default(),
        modbus_client: None,
        modbus_server: None,
        history: None,
        www: None,
        init_values: None,
        unbuilt: Vec::new(),
    };
    for (role, name, bytes) in &files {
        if *role == Role::Device || wanted.only_for_tags(*role) {
            continue;
        }
        let (node, mut report) = match open(*role, name, *bytes, env, &mut site.unbuilt) {
            Ok(opened) => opened,
            Err(found) => {
                findings.push(((*name).to_owned(), found));
                continue;
            }
        };
        let (node, report_to, bus) = (&node, &mut report, &site.bus);
        match role {
            Role::Tags => tags = tags::load(node, &brought, report_to),
            Role::Bus => site.bus = small::bus(node, report_to).unwrap_or_default(),
            Role::ModbusClient => {
                site.modbus_client = modbus::load(node, &tags, &shelf, bus, whole_site, report_to);
                tags.only_read = site.modbus_client.iter().flat_map(modbus::only_read).collect();
            }
            Role::ModbusServer => {
                site.modbus_server = modbus_server::load(node, &tags, bus, whole_site, report_to);
            }
            Role::History => site.history = small::history(node, bus, whole_site, report_to),
            Role::WwwServer => site.www = www::load(node, &tags, bus, whole_site, report_to),
            Role::InitValues => site.init_values = small::init_values(node, bus, whole_site, report_to),
            Role::Device | Role::Unbuilt | Role::Plant | Role::Unknown => {}
        }
        reports.push((*role, report));
    }
    let tags_report = reports.iter().position(|(role, _)| *role == Role::Tags).map(|at| reports.remove(at).1);
    findings.extend(reports.into_iter().map(|(_, report)| (report.file().to_owned(), report.finish())));
    if let Some(mut report) = tags_report {
        if whole_site && no_error(findings.iter().flat_map(|(_, found)| found)) {
            tags::moves_nothing(&tags, site.modbus_client.as_ref(), &mut report);
        }
        findings.push((report.file().to_owned(), report.finish()));
    }
    let wants_tags = files.iter().find(|(role, ..)| matches!(role, Role::History | Role::WwwServer | Role::InitValues));
    if let (Some((_, module, _)), false) = (wants_tags, files.iter().any(|(role, ..)| *role == Role::Tags)) {
        let expected = format!("{module} needs the site's tags");
        let finding = whole_file("tags.yaml".into(), "there is no tags.yaml".into(), expected);
        findings.push(("tags.yaml".into(), vec![finding]));
    }
    findings.sort_by(|a, b| a.0.cmp(&b.0));
    let findings: Vec<Finding> = findings.into_iter().flat_map(|(_, found)| found).collect();
    let good = no_error(&findings);
    site.tags = tags.defs.into();
    Loaded { site: good.then_some(site), findings }
}

/// The devices of a site and of the gateway, and the tags that they bring.
fn shelve<'e>(
    files: &[Lent<'_>],
    wanted: Wanted,
    env: Env<'e>,
    findings: &mut Vec<(String, Vec<Finding>)>,
) -> (Shelf<'e>, Brought) {
    let mut shelf = Shelf::new(env);
    for (_, file, bytes) in files.iter().filter(|(role, ..)| *role == Role::Device) {
        let Some(name) = device_name(file) else { continue };
        let (template, found) = match open(Role::Device, file, *bytes, env, &mut Vec::new()) {
            Ok((node, mut report)) => (devices::load(name, &node, &mut report), report.finish()),
            Err(found) => (None, found),
        };
        let good = no_error(&found);
        shelf.put(name, template.filter(|_| good));
        if !wanted.only_for_tags(Role::Device) {
            findings.push(((*file).to_owned(), found));
        }
    }
    let client = files.iter().find(|(role, ..)| *role == Role::ModbusClient);
    let bytes = client.and_then(|(_, _, bytes)| bytes.ok()).filter(|bytes| bytes.len() <= FILE_BYTES_MAX);
    let brought = bytes.map(|bytes| devices::brought(bytes, &mut shelf, env)).unwrap_or_default();
    (shelf, brought)
}

/// A file as a tree, if it is one that says something of our site; else what is to be said of it.
fn open<'f>(
    role: Role,
    name: &'f str,
    bytes: Result<&'f [u8], &str>,
    env: Env<'_>,
    unbuilt: &mut Vec<Unbuilt>,
) -> Result<(Node, Report<'f>), Vec<Finding>> {
    let bytes = bytes.map_err(|why| vec![whole_file(name.into(), why.into(), String::new())])?;
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
    Ok((node, report))
}

fn failed(finding: Finding) -> Loaded {
    Loaded { site: None, findings: vec![finding] }
}
