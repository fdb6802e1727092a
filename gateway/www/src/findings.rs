//! What is wrong with the site of a box, as `forebay take-site` left it for the page.
//!
//! Pure but for one read. The file is ours, and still looked at like a stranger's: a card may rot.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A hundred findings of the longest text; more was not written by us.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// As many as take-site leaves, and its line about the rest.
const FINDINGS_MAX: usize = 101;
/// A finding is a line or two on a phone.
const TEXT_CHARS_MAX: usize = 600;

/// Which site the box runs while there are findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Runs {
    /// The last good one: what was brought has mistakes.
    Last,
    /// None: the page runs alone.
    None,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Notice,
    /// It would run, but probably not as meant.
    Warning,
    /// It can't run like this.
    Error,
}

/// One finding, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The file, as the site's folder calls it; may be empty.
    pub file: String,
    /// From 1; 0 stands for the file as a whole.
    pub line: u32,
    /// From 1, in characters; 0 with line 0.
    pub column: u32,
    /// What was found, what was expected, what to do.
    pub text: String,
}

/// What is wrong with the site of this box. Becomes two members of `hello`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistakes {
    /// What the page shows meanwhile.
    pub runs: Runs,
    /// The gravest first.
    pub findings: Vec<Finding>,
}

/// What a file of findings says, the gravest first; none when there is no file.
pub fn read_findings(file: &Path) -> Vec<Finding> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    let cant = |why: String| {
        log::error!("the findings of the site, {}: {why}", file.display());
        let text = format!("the site has mistakes, and the list of them can't be read: {why}");
        vec![Finding { severity: Severity::Error, file: String::new(), line: 0, column: 0, text }]
    };
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => cant(error.to_string()),
        Ok(_) => parse_findings(&bytes).unwrap_or_else(cant),
    }
}

/// Findings as take-site writes them: a JSON list, cut to what a phone can show.
pub fn parse_findings(bytes: &[u8]) -> Result<Vec<Finding>, String> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it is larger than {FILE_BYTES_MAX} bytes"));
    }
    let mut findings: Vec<Finding> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    findings.truncate(FINDINGS_MAX);
    for finding in &mut findings {
        for text in [&mut finding.text, &mut finding.file] {
            if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS_MAX) {
                text.truncate(end);
                text.push('…');
            }
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"severity":"error","file":"tags.yaml","line":2,"column":9,"text":"no such type"}"#;

    #[test]
    fn what_take_site_leaves_is_understood_and_cut_to_size() {
        let findings = parse_findings(format!("[{ONE}]").as_bytes()).unwrap();
        assert_eq!((findings[0].severity, findings[0].line, &*findings[0].file), (Severity::Error, 2, "tags.yaml"));
        let many = format!("[{}]", [ONE; 500].join(","));
        assert_eq!(parse_findings(many.as_bytes()).unwrap().len(), FINDINGS_MAX);
        let long = format!("[{}]", ONE.replace("no such type", &"ß".repeat(5000)));
        assert_eq!(parse_findings(long.as_bytes()).unwrap()[0].text.chars().count(), TEXT_CHARS_MAX + 1);
        assert_eq!(parse_findings(b"[]"), Ok(Vec::new()));
    }

    #[test]
    fn a_file_that_is_missing_says_nothing_and_a_damaged_one_says_so() {
        let file = std::env::temp_dir().join(format!("forebay-findings-{}", std::process::id()));
        let _ = std::fs::remove_file(&file);
        assert!(read_findings(&file).is_empty());
        for rubbish in [&b""[..], b"[", b"{}", b"[1]", &[b' '; FILE_BYTES_MAX as usize + 1]] {
            std::fs::write(&file, rubbish).unwrap();
            let said = read_findings(&file);
            assert!(said.len() == 1 && said[0].text.contains("can't be read"), "{said:?}");
        }
        std::fs::remove_file(&file).unwrap();
    }
}
