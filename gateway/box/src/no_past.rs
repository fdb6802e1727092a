//! `forebay history ...` in a build without the history.

use std::process::ExitCode;

use crate::args::HistoryTool;
use crate::fail::Failure;

/// Says that it isn't here.
pub(crate) fn run(_: &HistoryTool) -> Result<ExitCode, Failure> {
    Err(Failure::Config("this build has no history in it".into()))
}
