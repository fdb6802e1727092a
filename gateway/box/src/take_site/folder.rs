//! A site's folder on disk: read whole within limits, and replaced in one step.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use site::{Finding, Severity};

use super::error;

/// Entries of a folder that are looked at: more is not a site but a card full of photos.
const ENTRIES_MAX: usize = 4096;
/// Files of a site: pymscada's modules are two dozen.
const FILES_MAX: usize = 128;
/// The largest file, as everywhere a site is read.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// All files together; two such folders must fit into the memory of a small box.
const SITE_BYTES_MAX: u64 = 16 << 20;
/// The folder of a site's own devices.
const DEVICES: &str = "devices";
/// Names of what is left out that are said; the rest is counted.
const JUNK_SAID_MAX: usize = 8;
/// The longest name that is said.
const NAME_CHARS_MAX: usize = 64;

/// The files of a folder that make a site, by name, and what is to be said of the others.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) files: Vec<site::File>,
    pub(super) findings: Vec<Finding>,
}

/// What an entry is to a site.
#[derive(Debug, PartialEq)]
enum Entry {
    /// A file of the site.
    Ours,
    /// A file that is probably meant to be one: say how it must be called.
    Misnamed,
    /// What systems and cameras leave on cards: nothing to say.
    Hidden,
    /// Anything else.
    Junk,
}

fn sort_of(name: &str) -> Entry {
    if name.starts_with('.') {
        Entry::Hidden
    } else if name.chars().any(char::is_control) {
        Entry::Junk
    } else if name.ends_with(".yaml") {
        Entry::Ours
    } else if name.ends_with(".yml") {
        Entry::Misnamed
    } else {
        Entry::Junk
    }
}

impl Folder {
    /// Reads a folder; `None` when there is none.
    pub(super) fn read(dir: &Path) -> Option<Self> {
        let mut folder = Self { files: Vec::new(), findings: Vec::new() };
        let (mut names, mut junk) = (Vec::new(), Vec::new());
        match folder.look(dir, "", &mut names, &mut junk) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(why) => {
                folder.findings.push(error(dir, "can't read this folder", why.to_string()));
                return Some(folder);
            }
            Ok(()) => {}
        }
        // The site's own devices lie in the one folder that a site has.
        if let Some(at) = junk.iter().position(|name| name == DEVICES) {
            let below = dir.join(DEVICES);
            let mut odd = Vec::new();
            let is_folder = fs::symlink_metadata(&below).is_ok_and(|meta| meta.is_dir());
            if is_folder && folder.look(&below, &format!("{DEVICES}/"), &mut names, &mut odd).is_ok() {
                junk.remove(at);
                junk.extend(odd.into_iter().map(|name| Path::new(DEVICES).join(name).into_os_string()));
            }
        }
        names.sort();
        junk.sort();
        folder.read_files(dir, names);
        folder.speak_of(dir, &junk);
        Some(folder)
    }

    /// Sorts the entries of a folder into those of a site, by their names with `before` before them, and others.
    fn look(&mut self, dir: &Path, before: &str, names: &mut Vec<String>, junk: &mut Vec<OsString>) -> io::Result<()> {
        let entries = fs::read_dir(dir)?;
        for (count, entry) in entries.enumerate() {
            if count >= ENTRIES_MAX {
                let found = format!("more than {ENTRIES_MAX} files in this folder");
                self.findings.push(error(dir, found, "expected a site and little else"));
                break;
            }
            let name = match entry {
                Ok(entry) => entry.file_name(),
                Err(why) => {
                    self.findings.push(error(dir, "can't read all of this folder", why.to_string()));
                    break;
                }
            };
            let shown = name.to_string_lossy();
            match name.to_str().map_or(Entry::Junk, sort_of) {
                Entry::Ours => names.push(format!("{before}{shown}")),
                Entry::Misnamed => self.findings.push(misnamed(&format!("{before}{shown}"))),
                Entry::Hidden => {}
                Entry::Junk => junk.push(name),
            }
        }
        Ok(())
    }

    fn read_files(&mut self, dir: &Path, names: Vec<String>) {
        if names.len() > FILES_MAX {
            let found = format!("{} .yaml files in this folder", names.len());
            self.findings.push(error(dir, found, format!("expected at most {FILES_MAX}")));
            return;
        }
        let mut left = SITE_BYTES_MAX;
        for name in names {
            match read_file(dir, &name, left) {
                Ok(bytes) => {
                    left -= bytes.len() as u64;
                    self.files.push((name, bytes));
                }
                Err(why) => self.findings.push(error(Path::new(&name), why, "")),
            }
        }
    }

    fn speak_of(&mut self, dir: &Path, junk: &[OsString]) {
        let no_module = self.files.iter().all(|(name, _)| name.contains('/'));
        if no_module && !super::has_errors(&self.findings) {
            let mut finding = error(dir, "no .yaml file in this folder", "expected a site");
            let below = junk.iter().find(|name| holds_yaml(&dir.join(name)));
            finding.hint = below.map(|name| format!("those in {} must lie here", shown(name)));
            self.findings.push(finding);
        }
        if junk.is_empty() {
            return;
        }
        let said: Vec<String> = junk.iter().take(JUNK_SAID_MAX).map(shown).collect();
        let more = junk.len().saturating_sub(JUNK_SAID_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let mut finding = error(dir, format!("left out: {}{more}", said.join(", ")), "only .yaml files are a site's");
        finding.severity = Severity::Notice;
        self.findings.push(finding);
    }
}

fn misnamed(name: &str) -> Finding {
    let mut finding = error(Path::new(name), "this file is not read", "");
    finding.severity = Severity::Warning;
    finding.hint = name.strip_suffix(".yml").map(|stem| format!("call it {stem}.yaml"));
    finding
}

/// A foreign name, safe to print.
fn shown(name: impl AsRef<std::ffi::OsStr>) -> String {
    name.as_ref()
        .to_string_lossy()
        .chars()
        .take(NAME_CHARS_MAX)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn holds_yaml(dir: &Path) -> bool {
    let is_dir = fs::symlink_metadata(dir).is_ok_and(|meta| meta.is_dir());
    is_dir
        && fs::read_dir(dir).is_ok_and(|entries| {
            let mut names = entries.take(ENTRIES_MAX).flatten().map(|entry| entry.file_name());
            names.any(|name| name.to_str().is_some_and(|name| sort_of(name) == Entry::Ours))
        })
}

/// A file of the folder, or why not, in words. A link is followed only to a file of the same folder or below it: a card
/// must not make the box copy its own secrets.
fn read_file(dir: &Path, name: &str, left: u64) -> Result<Vec<u8>, String> {
    let cant = |error: io::Error| format!("can't read this file: {error}");
    let path = dir.join(name).canonicalize().map_err(cant)?;
    if !path.starts_with(dir.canonicalize().map_err(cant)?) {
        return Err("this is a link to a file outside the site".to_owned());
    }
    // A pipe would wait for ever, a folder says something cryptic.
    if !fs::symlink_metadata(&path).map_err(cant)?.is_file() {
        return Err("this is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    let most = left.min(FILE_BYTES_MAX);
    File::open(&path).map_err(cant)?.take(most + 1).read_to_end(&mut bytes).map_err(cant)?;
    match bytes.len() as u64 {
        len if len > FILE_BYTES_MAX => Err(format!("this file is larger than {} MB", FILE_BYTES_MAX >> 20)),
        len if len > left => Err(format!("with this file the site is larger than {} MB", SITE_BYTES_MAX >> 20)),
        _ => Ok(bytes),
    }
}

/// Where a copy is made, and where the old one ends: `site.new` beside `site`.
pub(super) fn beside(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    to.with_file_name(name)
}

/// Removes what an earlier copy left beside the folder. It is never what the daemons read.
pub(super) fn clear(to: &Path) -> io::Result<()> {
    let leftover = beside(to);
    match fs::symlink_metadata(&leftover) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(&leftover),
        Ok(_) => fs::remove_file(&leftover),
    }
}

/// Replaces the folder by one with these files: made beside it, synced, and exchanged with it in one step of the file
/// system, so that its name always stands for the old folder or the new one, whole. `step` is called before each thing
/// that reaches the disk; tests cut the power there.
pub(super) fn replace(to: &Path, files: &[site::File], step: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
    let fresh = beside(to);
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    step()?;
    clear(to)?;
    step()?;
    fs::create_dir(&fresh)?;
    let below = files.iter().any(|(name, _)| name.starts_with("devices/")).then(|| fresh.join(DEVICES));
    if let Some(below) = &below {
        step()?;
        fs::create_dir(below)?;
    }
    for (name, bytes) in files {
        step()?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(fresh.join(name))?;
        let half = bytes.len() / 2;
        file.write_all(&bytes[..half])?;
        step()?;
        file.write_all(&bytes[half..])?;
        step()?;
        file.sync_all()?;
    }
    for folder in below.iter().chain([&fresh]) {
        step()?;
        File::open(folder)?.sync_all()?;
    }
    step()?;
    match fs::symlink_metadata(to) {
        Ok(_) => renameat2(AT_FDCWD, &fresh, AT_FDCWD, to, RenameFlags::RENAME_EXCHANGE)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(&fresh, to)?,
        Err(error) => return Err(error),
    }
    step()?;
    File::open(parent)?.sync_all()?;
    step()?;
    // The old one now. If this fails the next run does it; the site is taken.
    if let Err(error) = clear(to) {
        log::warn!("removing the site before this one, {}: {error}", fresh.display());
    }
    Ok(())
}
