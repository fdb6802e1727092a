//! `forebay check`, `help` and `init`.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use site::{Finding, Loaded, Severity, Site};

use crate::args;
use crate::fail::Failure;
use crate::say;

/// The environment a site's `${NAME}` is filled from.
pub(crate) fn env(name: &str) -> Option<String> {
    let said = std::env::var(name).ok();
    if name == site::DEVICES_VARIABLE { said.or_else(shipped_devices) } else { said }
}

/// The folder of the devices that come with the gateway: where a package puts them beside the binary, or the checkout's.
fn shipped_devices() -> Option<String> {
    let binary = std::env::current_exe().and_then(|path| path.canonicalize()).ok()?;
    let of = |dir: &Path| [dir.join("share/forebay/devices"), dir.join("config/devices")];
    let folder = binary.ancestors().skip(1).flat_map(of).find(|folder| folder.is_dir())?;
    Some(folder.to_str()?.to_owned())
}

/// Prints every finding and says how many there are.
pub(crate) fn check(args: &args::Check) -> Result<ExitCode, Failure> {
    let loaded = site::load_dir(&args.site, &env);
    let count = |severity| loaded.findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    for finding in &loaded.findings {
        say::line(&finding.pretty());
    }
    if let Some(site) = &loaded.site {
        say::line(&summary(site));
    }
    let (errors_said, warnings_said) = (counted(errors, "error"), counted(warnings, "warning"));
    say::line(&format!("{errors_said}, {warnings_said} in {}", args.site.display()));
    if errors > 0 || args.strict && warnings > 0 { Err(Failure::Config(String::new())) } else { Ok(ExitCode::SUCCESS) }
}

/// "1 error", "2 errors".
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn summary(site: &Site) -> String {
    let mut modules = vec!["bus"];
    modules.extend(site.modbus_client.is_some().then_some("modbusclient"));
    modules.extend(site.modbus_server.is_some().then_some("modbusserver"));
    modules.extend(site.history.is_some().then_some("history"));
    modules.extend(site.www.is_some().then_some("wwwserver"));
    modules.extend(site.init_values.is_some().then_some("initvalues"));
    let pages = site.www.as_ref().map_or(0, |www| www.pages.len());
    format!("{} tags, {pages} pages; runs {}", site.tags.len(), modules.join(", "))
}

/// The site of a loaded folder or file, or the findings as the reason why there is none. Warnings go to the log.
pub(crate) fn site_of(loaded: Loaded) -> Result<Site, Failure> {
    let is_error = |finding: &&Finding| finding.severity == Severity::Error;
    let errors: Vec<&Finding> = loaded.findings.iter().filter(is_error).collect();
    for finding in &loaded.findings {
        match finding.severity {
            // The only one is the reason itself, said once.
            Severity::Error if errors.len() == 1 => {}
            Severity::Error => log::error!("{finding}"),
            Severity::Warning => log::warn!("{finding}"),
            Severity::Notice => log::info!("{finding}"),
        }
    }
    let why = match errors[..] {
        [only] => format!("{only}; nothing was started"),
        _ => format!("nothing was started: {} mistakes in the site", errors.len()),
    };
    loaded.site.ok_or(Failure::Config(why))
}

/// Explains a file, or says which can be explained.
pub(crate) fn help(args: &args::Help) -> Result<ExitCode, Failure> {
    match &args.file {
        Some(file) => say::line(&site::help(file)),
        None => {
            say::line("Explain a file of a site with `forebay help FILE`:");
            for file in site::help_files() {
                say::line(&format!("  {file}"));
            }
            say::line("The commands: `forebay --help`.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the starter site.
pub(crate) fn init(args: &args::Init) -> Result<ExitCode, Failure> {
    let dir = &args.dir;
    let fail = |what: &str, path: &Path, error: &std::io::Error| {
        Failure::Config(format!("{what} {}: {error}", path.display()))
    };
    let is_used = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if is_used {
        return Err(Failure::Config(format!("{} isn't empty; nothing was written", dir.display())));
    }
    fs::create_dir_all(dir).map_err(|error| fail("making", dir, &error))?;
    let name = dir.file_name().map_or("site".into(), |name| name.to_string_lossy());
    for (file, text) in site::starter(&name) {
        let path = dir.join(file);
        fs::write(&path, text).map_err(|error| fail("writing", &path, &error))?;
        say::line(&format!("wrote {}", path.display()));
    }
    say::line(&format!("Next: forebay check {0} && forebay run {0}", dir.display()));
    Ok(ExitCode::SUCCESS)
}
