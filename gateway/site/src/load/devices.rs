//! Devices that are described once: the site's own in its folder `devices`, and those that come with the gateway.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::finding::{Finding, Severity};
use crate::marked::{self, Node, Purpose};
use crate::report::Report;
use crate::{Device, Env, hint};

mod brought;
mod template;

pub(super) use brought::{Brought, brought, names};
pub(super) use template::{Template, load};

/// The variable of the environment that names the folder of the devices that come with the gateway.
pub const DEVICES_VARIABLE: &str = "FOREBAY_DEVICES";

/// The folder of a site's own devices.
pub(super) const FOLDER: &str = "devices";

/// More files than a folder of devices has.
const NAMES_MAX: usize = 1024;

/// A device that was looked for.
#[derive(Debug)]
enum Found {
    Good(Box<Template>),
    /// It has mistakes; the first, in words.
    Bad(String),
}

/// The devices that a site may use.
pub(super) struct Shelf<'e> {
    env: Env<'e>,
    /// Those that were opened: the site's own, and shipped ones that somebody asked for.
    opened: BTreeMap<String, Found>,
    /// The folder of the shipped ones, and what lies there.
    shipped: Option<PathBuf>,
    names: Vec<String>,
}

impl<'e> Shelf<'e> {
    /// A shelf with the shipped devices on it.
    pub(super) fn new(env: Env<'e>) -> Self {
        let shipped = env(DEVICES_VARIABLE).map(PathBuf::from);
        let names = shipped.as_deref().map(names_in).unwrap_or_default();
        Self { env, opened: BTreeMap::new(), shipped, names }
    }

    /// Puts one of the site's own on it, before the shipped one of that name.
    pub(super) fn put(&mut self, name: &str, template: Option<Template>) {
        let found = match template {
            Some(template) => Found::Good(Box::new(template)),
            None => Found::Bad("it has mistakes".to_owned()),
        };
        self.opened.insert(name.to_owned(), found);
    }

    /// Opens a shipped one, unless it is open.
    fn open(&mut self, name: &str) {
        let is_shipped = self.names.iter().any(|known| known == name);
        let (false, true, Some(folder)) = (self.opened.contains_key(name), is_shipped, &self.shipped) else { return };
        let path = folder.join(format!("{name}.yaml"));
        let found = match super::read_file(&path) {
            Err(why) => Found::Bad(format!("{}: {why}", path.display())),
            Ok(bytes) => {
                let (template, findings) = read(name, &path.display().to_string(), &bytes, self.env);
                let bad = findings.iter().find(|finding| finding.severity == Severity::Error);
                match (template, bad) {
                    (Some(template), None) => Found::Good(Box::new(template)),
                    (_, bad) => Found::Bad(bad.map_or_else(|| "it is no device".to_owned(), ToString::to_string)),
                }
            }
        };
        self.opened.insert(name.to_owned(), found);
    }

    /// The device of that name; else why there is none, and what may be meant. Only of those that were opened.
    pub(super) fn get(&self, name: &str) -> Result<&Template, (String, Option<String>)> {
        match self.opened.get(name) {
            Some(Found::Good(template)) => Ok(template),
            Some(Found::Bad(why)) => Err((format!("that device can't be used: {why}"), None)),
            None => {
                let names = || self.opened.keys().map(String::as_str).chain(self.names.iter().map(String::as_str));
                let mut known: Vec<&str> = names().collect();
                known.sort_unstable();
                known.dedup();
                let expected = match known[..] {
                    [] => format!("there are no devices: expected a file {FOLDER}/NAME.yaml"),
                    _ => format!("expected one of {}, or a file {FOLDER}/NAME.yaml of your own", known.join(", ")),
                };
                Err((expected, hint::did_you_mean(name, names())))
            }
        }
    }
}

/// The names of the devices of a folder.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().take(NAMES_MAX).flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names
        .filter_map(|name| Some(name.strip_suffix(".yaml").filter(|stem| !stem.starts_with('.'))?.to_owned()))
        .collect();
    names.sort();
    names
}

fn read(name: &str, file: &str, bytes: &[u8], env: Env<'_>) -> (Option<Template>, Vec<Finding>) {
    match tree(file, bytes, env) {
        Err(findings) => (None, findings),
        Ok((node, mut report)) => {
            let template = load(name, &node, &mut report);
            (template, report.finish())
        }
    }
}

/// A file as a tree, with a report of its own.
fn tree<'f>(file: &'f str, bytes: &'f [u8], env: Env<'_>) -> Result<(Node, Report<'f>), Vec<Finding>> {
    let Ok(source) = marked::decode(bytes) else {
        let mut report = Report::new(file, "");
        report.error(crate::Pos::WHOLE_FILE, "this file is not UTF-8 text", "expected a file saved as UTF-8");
        return Err(report.finish());
    };
    let mut report = Report::new(file, source);
    match marked::read(source, Purpose::Ours, env, &mut report) {
        Some(node) => Ok((node, report)),
        None => Err(report.finish()),
    }
}

/// Reads one device's file: the device if it has no mistakes, and all there is to say of it.
pub fn load_device(path: &Path, env: Env<'_>) -> (Option<Device>, Vec<Finding>) {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    match super::read_file(path) {
        Ok(bytes) => of_bytes(&name, &path.display().to_string(), &bytes, env),
        Err(why) => (None, vec![super::whole_file(path.display().to_string(), why, String::new())]),
    }
}

/// The same of a file that is in memory already.
pub fn read_device(name: &str, bytes: &[u8], env: Env<'_>) -> (Option<Device>, Vec<Finding>) {
    of_bytes(name, &format!("{FOLDER}/{name}.yaml"), bytes, env)
}

fn of_bytes(name: &str, file: &str, bytes: &[u8], env: Env<'_>) -> (Option<Device>, Vec<Finding>) {
    let (template, findings) = read(name, file, bytes, env);
    let good = findings.iter().all(|finding| finding.severity != Severity::Error);
    (template.filter(|_| good).map(|template| template.device), findings)
}

/// Where devices lie: the site's own first.
#[derive(Debug, Clone)]
pub struct Devices {
    folders: Vec<PathBuf>,
}

impl Devices {
    /// Those of a site, if there is one, and those that come with the gateway.
    pub fn of(site: Option<&Path>, env: Env<'_>) -> Self {
        let own = site.map(|dir| dir.join(FOLDER));
        Self { folders: own.into_iter().chain(env(DEVICES_VARIABLE).map(PathBuf::from)).collect() }
    }

    /// Their files by name, each name once.
    pub fn files(&self) -> BTreeMap<String, PathBuf> {
        let of = |folder: &PathBuf| -> Vec<_> {
            names_in(folder).into_iter().map(|name| (name.clone(), folder.join(format!("{name}.yaml")))).collect()
        };
        // The site's own come last, over the shipped ones.
        self.folders.iter().rev().flat_map(of).collect()
    }
}
