//! Files of a site, read.

use std::io::Read;
use std::path::Path;

use super::devices;
use super::role::Role;
use super::whole_file;
use crate::finding::{Finding, Severity};
use crate::marked::FILE_BYTES_MAX;

/// More files than a site's folder has.
const NAMES_MAX: usize = 4096;

/// A file that was read, or why it wasn't.
pub(super) struct Input {
    pub(super) role: Role,
    pub(super) name: String,
    pub(super) bytes: Result<Vec<u8>, String>,
}

/// The same, lent.
pub(super) type Lent<'f> = (Role, &'f str, Result<&'f [u8], &'f str>);

impl Input {
    pub(super) fn read(role: Role, path: &Path, name: String) -> Self {
        Self { role, name, bytes: read_file(path) }
    }

    pub(super) fn borrow(&self) -> Lent<'_> {
        (self.role, &self.name, self.bytes.as_deref().map_err(String::as_str))
    }
}

/// The devices of a site's folder, by their names in it. What else lies there is nobody's business but for a `.yml`.
pub(super) fn own_devices(dir: &Path, findings: &mut Vec<Finding>) -> Vec<Input> {
    let folder = dir.join(devices::FOLDER);
    let names = yaml_files(&folder, findings).unwrap_or_default();
    names
        .into_iter()
        .map(|name| {
            let path = folder.join(&name);
            Input::read(Role::Device, &path, format!("{}/{name}", devices::FOLDER))
        })
        .collect()
}

/// The names of a folder's `.yaml` files, sorted; a file that only seems to be one is a finding.
pub(super) fn yaml_files(dir: &Path, findings: &mut Vec<Finding>) -> std::io::Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(dir)?.take(NAMES_MAX).flatten() {
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
    Ok(names)
}

/// The bytes of a file, one more than allowed at most; or why not, in words.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, String> {
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
