//! Collects what is found in one file.

use std::collections::HashSet;

use crate::finding::{Excerpt, Finding, Pos, Severity};
use crate::hint;

/// A person mends a screenful or two and runs the check again; more would only hide the first.
const FINDINGS_PER_FILE_MAX: usize = 200;

/// How many findings of a file get a search for a near name: each looks at every tag of the site.
const HINTS_PER_FILE_MAX: usize = 40;

/// The findings of one file while it is read.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    file: &'a str,
    source: &'a str,
    /// Byte where each line starts; made for the first finding.
    line_starts: Vec<usize>,
    findings: Vec<Finding>,
    /// What is only said once per file.
    said: HashSet<String>,
    hints_left: usize,
    /// How many were not kept, and the gravest of them.
    dropped: usize,
    dropped_worst: Severity,
}

impl<'a> Report<'a> {
    /// An empty report of a file with this text.
    pub(crate) fn new(file: &'a str, source: &'a str) -> Self {
        Self {
            file,
            source,
            line_starts: Vec::new(),
            findings: Vec::new(),
            said: HashSet::new(),
            hints_left: HINTS_PER_FILE_MAX,
            dropped: 0,
            dropped_worst: Severity::Notice,
        }
    }

    /// The file's name.
    pub(crate) fn file(&self) -> &'a str {
        self.file
    }

    /// The site can't run like this.
    pub(crate) fn error(&mut self, pos: Pos, found: impl Into<String>, expected: impl Into<String>) {
        self.add(Severity::Error, pos, found.into(), expected.into(), None);
    }

    /// The site can't run like this, and this is the way out.
    pub(crate) fn error_hint(
        &mut self,
        pos: Pos,
        found: impl Into<String>,
        expected: impl Into<String>,
        hint: Option<String>,
    ) {
        self.add(Severity::Error, pos, found.into(), expected.into(), hint);
    }

    /// It runs, but probably not as meant.
    pub(crate) fn warning(&mut self, pos: Pos, found: impl Into<String>, expected: impl Into<String>) {
        self.add(Severity::Warning, pos, found.into(), expected.into(), None);
    }

    /// It runs, but probably not as meant, and this is the way out.
    pub(crate) fn warning_hint(
        &mut self,
        pos: Pos,
        found: impl Into<String>,
        expected: impl Into<String>,
        hint: Option<String>,
    ) {
        self.add(Severity::Warning, pos, found.into(), expected.into(), hint);
    }

    /// Good to know.
    pub(crate) fn notice(&mut self, pos: Pos, found: impl Into<String>, expected: impl Into<String>) {
        self.add(Severity::Notice, pos, found.into(), expected.into(), None);
    }

    /// Whether this is the first time that `what` is to be said of this file.
    pub(crate) fn first_time(&mut self, what: &str) -> bool {
        self.said.insert(what.to_owned())
    }

    /// `did you mean "x"?`, as long as the file hasn't used up its searches.
    pub(crate) fn did_you_mean<'n>(&mut self, word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
        self.hints_left = self.hints_left.checked_sub(1)?;
        hint::did_you_mean(word, names)
    }

    fn add(&mut self, severity: Severity, pos: Pos, found: String, expected: String, hint: Option<String>) {
        if self.findings.len() >= FINDINGS_PER_FILE_MAX {
            self.dropped += 1;
            self.dropped_worst = self.dropped_worst.max(severity);
            return;
        }
        let excerpt = self.excerpt(pos);
        self.findings.push(Finding { severity, file: self.file.to_owned(), pos, found, expected, hint, excerpt });
    }

    fn excerpt(&mut self, pos: Pos) -> Option<Excerpt> {
        if pos == Pos::WHOLE_FILE {
            return None;
        }
        if self.line_starts.is_empty() {
            let ends = self.source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
            self.line_starts = std::iter::once(0).chain(ends).collect();
        }
        let start = *self.line_starts.get(pos.line as usize - 1)?;
        Some(Excerpt::around(self.source[start..].lines().next().unwrap_or(""), pos.column))
    }

    /// All of them in the order of the file.
    pub(crate) fn finish(mut self) -> Vec<Finding> {
        self.findings.sort_by_key(|finding| finding.pos);
        if self.dropped > 0 {
            self.findings.push(Finding {
                severity: self.dropped_worst,
                file: self.file.to_owned(),
                pos: Pos::WHOLE_FILE,
                found: format!("{} more findings in this file", self.dropped),
                expected: format!("only the first {FINDINGS_PER_FILE_MAX} are shown"),
                hint: None,
                excerpt: None,
            });
        }
        self.findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_error_still_counts_as_one() {
        let mut report = Report::new("a.yaml", "x\ny\n");
        for _ in 0..FINDINGS_PER_FILE_MAX {
            report.warning(Pos { line: 2, column: 1 }, "y", "");
        }
        report.error(Pos { line: 1, column: 1 }, "x", "");
        let findings = report.finish();
        assert_eq!(findings.len(), FINDINGS_PER_FILE_MAX + 1);
        assert_eq!(findings[0].excerpt.as_ref().unwrap().line, "y");
        assert_eq!(findings.last().unwrap().severity, Severity::Error);
        assert_eq!(findings.last().unwrap().found, "1 more findings in this file");
    }
}
