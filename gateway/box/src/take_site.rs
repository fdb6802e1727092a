//! `forebay take-site`: a site brought to the box is checked and copied to where the daemons read.
//!
//! In: the folder somebody brought, the folder the daemons read. Out: the copy, the findings for the page, an exit code
//! for the unit. Never: touches what it takes from, takes over a site with a mistake in it, or leaves half a copy: a
//! power cut at any instruction leaves the old site or the new one.

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use site::{Env, Finding, Pos, Severity};

use crate::args;
use crate::check::env;
use crate::fail::Failure;
use crate::say;

mod folder;
#[cfg(test)]
mod tests;

use folder::Folder;

/// Findings left for the page: a person mends a screenful or two and tries again; more would only be waited for.
const FINDINGS_MAX: usize = 100;

/// A finding is a line or two on a phone, whatever stands in the file.
const TEXT_CHARS_MAX: usize = 500;

/// The findings are for the web server, which is another user.
const FINDINGS_MODE: u32 = 0o644;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The daemons read the site that was brought.
    Taken,
    /// They did already.
    Unchanged,
    /// Nobody brought a site; the one taken last is good.
    NothingNew,
    /// What was brought can't be taken; the one taken last is good.
    KeptLast,
    /// There is no site that can run.
    NoSite,
}

impl End {
    fn code(self) -> u8 {
        match self {
            Self::Taken | Self::Unchanged | Self::NothingNew => 0,
            Self::KeptLast => 3,
            Self::NoSite => 4,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Taken => "the site was taken over",
            Self::Unchanged => "the site is unchanged",
            Self::NothingNew => "no new site; the one taken last runs",
            Self::KeptLast => "the site was not taken over; the last good one runs",
            Self::NoSite => "there is no good site on this box",
        }
    }
}

/// What became of a site that was brought, and all there is to say of it.
#[derive(Debug)]
struct Taken {
    end: End,
    findings: Vec<Finding>,
}

/// What was brought, as far as the decision goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Brought {
    Nothing,
    WithMistakes,
    SameAsLast,
    Good,
}

/// What to do. `None`: copy it. `last_good` is asked only when it matters: it is a whole check.
fn decide(brought: Brought, last_good: impl Fn() -> bool) -> Option<End> {
    match brought {
        Brought::Good => None,
        Brought::SameAsLast => Some(End::Unchanged),
        Brought::Nothing if last_good() => Some(End::NothingNew),
        Brought::WithMistakes if last_good() => Some(End::KeptLast),
        Brought::Nothing | Brought::WithMistakes => Some(End::NoSite),
    }
}

/// Takes a site over, says what became of it, and leaves the findings for the page.
pub(crate) fn take_site(args: &args::TakeSite) -> Result<ExitCode, Failure> {
    let (from, to) = (&args.from, &args.to);
    if to.file_name().is_none() {
        return Err(Failure::Config(format!("{} is no folder that can be replaced", to.display())));
    }
    if let (Ok(from), Ok(to)) = (from.canonicalize(), to.canonicalize()) {
        if from.starts_with(&to) || to.starts_with(&from) {
            return Err(Failure::Config(format!("{} and {} are not two folders", from.display(), to.display())));
        }
    }
    let taken = take(from, to, &env);
    for finding in &taken.findings {
        match finding.severity {
            Severity::Error => log::error!("{finding}"),
            Severity::Warning => log::warn!("{finding}"),
            Severity::Notice => log::info!("{finding}"),
        }
    }
    say::line(&format!("{}: {}", from.display(), taken.end.words()));
    if let Some(file) = &args.findings {
        // What runs goes on all the same; the log has the findings too.
        if let Err(error) = leave(file, &taken) {
            log::error!("the page won't show the findings: {}: {error}", file.display());
        }
    }
    Ok(ExitCode::from(taken.end.code()))
}

fn take(from: &Path, to: &Path, env: Env<'_>) -> Taken {
    if let Err(error) = folder::clear(to) {
        log::warn!("removing what is left of an earlier copy beside {}: {error}", to.display());
    }
    let Some(brought) = Folder::read(from) else {
        let end = decide(Brought::Nothing, || last_good(to, env)).expect("nothing is never copied");
        let mut findings = Vec::new();
        if end == End::NoSite {
            let found = "no site was brought to this box yet";
            findings.push(error(
                from,
                found,
                format!("expected a folder with tags.yaml and a file for each module, {}", from.display()),
            ));
        }
        return Taken { end, findings };
    };
    let loaded = site::load_files(to, &brought.files, env);
    let mut findings = brought.findings;
    findings.extend(loaded.findings);
    let state = if has_errors(&findings) {
        Brought::WithMistakes
    } else if Folder::read(to).is_some_and(|last| last.files == brought.files && !has_errors(&last.findings)) {
        Brought::SameAsLast
    } else {
        Brought::Good
    };
    if let Some(end) = decide(state, || last_good(to, env)) {
        return Taken { end, findings };
    }
    let Err(failed) = folder::replace(to, &brought.files, &mut || Ok(())) else {
        return Taken { end: End::Taken, findings };
    };
    // Best effort: the next run clears it, too.
    let _ = folder::clear(to);
    findings.push(error(from, "this site is good and can't be copied", format!("writing {}: {failed}", to.display())));
    Taken { end: if last_good(to, env) { End::KeptLast } else { End::NoSite }, findings }
}

/// Does what the daemons read check with this release?
fn last_good(to: &Path, env: Env<'_>) -> bool {
    Folder::read(to)
        .is_some_and(|last| !has_errors(&last.findings) && site::load_files(to, &last.files, env).site.is_some())
}

fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

/// A mistake of a folder or a file as a whole.
fn error(file: &Path, found: impl Into<String>, expected: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Error,
        file: file.display().to_string(),
        pos: Pos::WHOLE_FILE,
        found: found.into(),
        expected: expected.into(),
        hint: None,
        excerpt: None,
    }
}

/// Leaves the findings for the page; without a mistake there is no such file.
fn leave(file: &Path, taken: &Taken) -> io::Result<()> {
    if taken.end.code() == 0 {
        return match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    shell::write_atomic(file, as_json(&taken.findings).as_bytes(), FINDINGS_MODE)
}

/// The findings as the web server reads them, the gravest first.
pub(crate) fn as_json(findings: &[Finding]) -> String {
    let mut ordered: Vec<&Finding> = findings.iter().collect();
    ordered.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let mut list: Vec<serde_json::Value> = ordered.iter().take(FINDINGS_MAX).map(|finding| told(finding)).collect();
    if let Some(more @ 1..) = findings.len().checked_sub(FINDINGS_MAX) {
        let text = format!("{more} more findings: `forebay check` prints them all");
        list.push(json!({"severity": "notice", "file": "", "line": 0, "column": 0, "text": text}));
    }
    serde_json::Value::from(list).to_string()
}

fn told(finding: &Finding) -> serde_json::Value {
    let mut text = finding.found.clone();
    if !finding.expected.is_empty() {
        text.push_str(&format!(" — {}", finding.expected));
    }
    if let Some(hint) = &finding.hint {
        text.push_str(&format!("; {hint}"));
    }
    if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
    json!({
        "severity": finding.severity.to_string(), "file": finding.file,
        "line": finding.pos.line, "column": finding.pos.column, "text": text,
    })
}
