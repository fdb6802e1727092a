//! `forebay history stats`, `check`, `export`, `import`, `thin` and `erase`: a store by hand.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use history::tools::{self, Form, Sheet};
use history::{Every, Span, StoreError, TableForm, TableOf};
use shell::{Clock, Paths, SystemClock};
use tag::{Kind, TagName, Timestamp};

use crate::args::{Export, HistoryTool, Import, StoreAt};
use crate::fail::Failure;
use crate::say;

/// How long a progress bar is.
const BAR: u64 = 40;

/// Does what was asked.
pub(crate) fn run(tool: &HistoryTool) -> Result<ExitCode, Failure> {
    match tool {
        HistoryTool::Stats(at) => stats(at),
        HistoryTool::Check(at) => check(at),
        HistoryTool::Export(export) => bring_out(export),
        HistoryTool::Import(import) => bring_in(import),
        HistoryTool::Thin(thin) => {
            let folder = folder(&thin.at)?;
            let mut bar = Bar::new("thinning");
            let bytes = tools::shrink(&folder, thin.keep_mb << 20, &mut |done, all| bar.show(done, all));
            drop(bar);
            say::line(&format!("{} are left", megabytes(bytes.map_err(|error| Failure::work(&error))?)));
            Ok(ExitCode::SUCCESS)
        }
        HistoryTool::Erase(erase) => {
            let span = Span { from: erase.from, to: erase.to };
            let count = tools::erase(&folder(&erase.at)?, span).map_err(|error| Failure::work(&error))?;
            say::line(&format!("{count} records erased"));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn folder(at: &StoreAt) -> Result<PathBuf, Failure> {
    let folder = at.store.clone().unwrap_or_else(|| Paths::find(None, at.state.as_deref()).state.join("history"));
    if folder.is_dir() {
        Ok(folder)
    } else {
        Err(Failure::Config(format!("there is no store in {}; name its folder with --store", folder.display())))
    }
}

fn stats(at: &StoreAt) -> Result<ExitCode, Failure> {
    let stats = tools::stats(&folder(at)?).map_err(|error| Failure::work(&error))?;
    let bytes = stats.chunk_bytes as f64;
    say::line(&format!("tags      {}", stats.tags));
    say::line(&format!("on flash  {}", megabytes(stats.file_bytes)));
    say::line(&format!("records   {} in chunks, {:.2} bytes each", stats.records, bytes / stats.records.max(1) as f64));
    say::line(&format!("rollups   {}", megabytes(stats.rollup_bytes)));
    say::line(&format!("waiting   {} of log", megabytes(stats.log_bytes)));
    if let Some((oldest, newest)) = stats.extent {
        say::line(&format!("from      {oldest}"));
        say::line(&format!("to        {newest}, {:.1} days later", newest.micros_since(oldest) as f64 / 86_400e6));
    }
    Ok(ExitCode::SUCCESS)
}

fn check(at: &StoreAt) -> Result<ExitCode, Failure> {
    let mut bar = Bar::new("checking");
    let found = tools::check(&folder(at)?, &mut |done, all| bar.show(done, all));
    drop(bar);
    let found = found.map_err(|error| Failure::work(&error))?;
    for line in found.file.iter().chain(&found.damaged) {
        say::line(line);
    }
    let sound = found.file.is_empty() && found.damaged.is_empty();
    say::line(&format!("{} rows read, {} damaged", found.rows, found.damaged.len()));
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn bring_out(export: &Export) -> Result<ExitCode, Failure> {
    let folder = folder(&export.at)?;
    let mut tags = Vec::new();
    for tag in &export.tags {
        tags.push(TagName::parse(tag).map_err(|error| Failure::config(&error))?);
    }
    if tags.is_empty() {
        tags = history::Reader::beside(&folder).tags().map_err(|error| Failure::work(&error))?;
    }
    let span = Span { from: export.from.unwrap_or_default(), to: export.to.unwrap_or(Timestamp(u64::MAX)) };
    let mut bar = Bar::new("exporting");
    let mut show = |done, all| bar.show(done, all);
    let count = match &export.table {
        Some(_) if export.of != "records" => {
            return Err(Failure::Config("--table holds records: leave --of out, or write CSV or JSON".into()));
        }
        Some(path) => whole(path, |part| tools::export(&folder, &tags, span, Form::Table(part.into()), &mut show)),
        None => match &export.out {
            Some(path) => whole(path, |part| {
                let file = File::create(part).map_err(|source| StoreError::Export { source })?;
                let mut out = BufWriter::new(file);
                let count = write(&folder, export, &tags, span, &mut out, &mut show)?;
                // What the kernel still holds may not fit either.
                out.get_ref().sync_all().map_err(|source| StoreError::Export { source })?;
                Ok(count)
            }),
            None => write(&folder, export, &tags, span, &mut BufWriter::new(stdout().lock()), &mut show),
        },
    };
    drop(bar);
    log::info!("{} rows of {} tags", count.map_err(|error| Failure::work(&error))?, tags.len());
    Ok(ExitCode::SUCCESS)
}

/// Writes beside the file and puts it in its place when it is whole; what couldn't be finished is removed.
fn whole(path: &Path, write: impl FnOnce(&Path) -> Result<u64, StoreError>) -> Result<u64, StoreError> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    // What an earlier try left.
    let _ = std::fs::remove_file(&part);
    let put = |source| StoreError::Export { source };
    let written = write(&part).and_then(|count| std::fs::rename(&part, path).map_err(put).map(|()| count));
    if written.is_err() {
        for left in ["", "-journal", "-wal", "-shm"] {
            let mut left_over = part.as_os_str().to_owned();
            left_over.push(left);
            let _ = std::fs::remove_file(left_over);
        }
    }
    written
}

fn write(
    folder: &Path,
    export: &Export,
    tags: &[TagName],
    span: Span,
    out: &mut dyn Write,
    show: &mut dyn FnMut(u64, u64),
) -> Result<u64, StoreError> {
    let every = Every::parse(&export.every).expect("the arguments allow no other");
    let of = match export.of.as_str() {
        "records" if !export.json => return tools::export(folder, tags, span, Form::Csv(out), show),
        "rows" => TableOf::Rows(export.step.map(|seconds| (seconds.max(0.001) * 1e6) as u64)),
        "at" => TableOf::At,
        "buckets" => TableOf::Buckets(every),
        "counters" => TableOf::Counters(every),
        "states" => TableOf::States(every),
        _ => TableOf::Records,
    };
    let form = if export.json { TableForm::Json } else { TableForm::Csv };
    let sheet = Sheet { of, form, tags, span, rollover: export.rollover };
    tools::table(folder, &sheet, SystemClock.wall(), out, show)
}

fn bring_in(import: &Import) -> Result<ExitCode, Failure> {
    let at = &import.at;
    let folder = at.store.clone().unwrap_or_else(|| Paths::find(None, at.state.as_deref()).state.join("history"));
    std::fs::create_dir_all(&folder).map_err(|error| Failure::work(&error))?;
    let loaded = site::load_module("initvalues", None, Some(&import.tags), &crate::check::env);
    let site = loaded.site.ok_or_else(|| Failure::Config(format!("{} has mistakes", import.tags.display())))?;
    let kind_of = |name: &TagName| {
        let def = site.tags.iter().find(|def| def.name == *name)?;
        Some(if def.multi.is_some() { Kind::Int } else { def.kind })
    };
    for file in &import.files {
        let mut bar = Bar::new("importing");
        let brought = tools::import(&folder, file, &kind_of, &mut |done, all| bar.show(done, all));
        drop(bar);
        let brought = brought.map_err(|error| Failure::work(&error))?;
        say::line(&format!("{}: {} records taken, {} refused", file.display(), brought.taken, brought.refused));
        for remark in brought.remarks {
            log::warn!("{}: {remark}", file.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A line on the terminal that says how far something is; nothing where nobody looks.
struct Bar {
    what: &'static str,
    shown: Option<u64>,
    is_seen: bool,
}

impl Bar {
    fn new(what: &'static str) -> Self {
        Self { what, shown: None, is_seen: stderr().is_terminal() }
    }

    fn show(&mut self, done: u64, all: u64) {
        let percent = done.min(all) * 100 / all.max(1);
        if self.is_seen && self.shown != Some(percent) {
            self.shown = Some(percent);
            let full = percent * BAR / 100;
            let bar: String = (0..BAR).map(|place| if place < full { '#' } else { '.' }).collect();
            // A terminal that is gone is no reason to stop.
            let _ = write!(stderr(), "\r{} [{bar}] {percent:3} %", self.what);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = writeln!(stderr());
        }
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / f64::from(1 << 20))
}
