//! What `forebay check` says: one finding per mistake, with its place, what stands there and what was expected.

use std::fmt;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know: something of the site isn't built yet.
    Notice,
    /// It runs, but probably not as meant. `--strict` makes these errors.
    Warning,
    /// The site can't run: exit 78.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A place in a file: both count from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pos {
    /// 1 is the first; 0 stands for the file as a whole.
    pub line: u32,
    /// 1 is the first.
    pub column: u32,
}

impl Pos {
    /// The file as a whole: it is missing, too large, not a file.
    pub const WHOLE_FILE: Self = Self { line: 0, column: 0 };
}

impl fmt::Display for Pos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One thing that `check` has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The file, as the site's folder calls it.
    pub file: String,
    /// Where in the file.
    pub pos: Pos,
    /// What stands there: `word_order = "cdba"`.
    pub found: String,
    /// What should: `expected one of abcd, cdab, badc, dcba`. May be empty.
    pub expected: String,
    /// What to do: `did you mean "cdab"?`
    pub hint: Option<String>,
    /// The source line, shortened around the column when it is very long, and where the caret goes in it.
    pub excerpt: Option<Excerpt>,
}

/// A line of the source and the place in it, in characters from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, without its end.
    pub line: String,
    /// Where the caret goes.
    pub caret: usize,
}

/// The longest piece of a source line that is kept: two terminal lines.
const EXCERPT_CHARS_MAX: usize = 160;

impl Excerpt {
    /// The part of a line around a column (from 1).
    pub(crate) fn around(line: &str, column: u32) -> Self {
        let at = (column as usize).saturating_sub(1);
        let skip = at.saturating_sub(EXCERPT_CHARS_MAX / 2);
        let line = line.trim_end().chars().skip(skip).take(EXCERPT_CHARS_MAX);
        let line = line.map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
        Self { line, caret: at - skip }
    }
}

impl Finding {
    /// The finding with its source line and a caret below the place, for a terminal.
    pub fn pretty(&self) -> String {
        let mut text = format!("{self}\n");
        if let Some(Excerpt { line, caret }) = &self.excerpt {
            let number = self.pos.line.to_string();
            let margin = " ".repeat(number.len());
            // A tab below a tab keeps the caret in its column whatever the terminal's tab width.
            let under: String = line
                .chars()
                .chain(std::iter::repeat(' '))
                .take(*caret)
                .map(|c| if c == '\t' { c } else { ' ' })
                .collect();
            text.push_str(&format!(" {number} | {line}\n {margin} | {under}^\n"));
        }
        text
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.pos != Pos::WHOLE_FILE {
            write!(f, ":{}", self.pos)?;
        }
        write!(f, ": {}: {}", self.severity, self.found)?;
        if !self.expected.is_empty() {
            write!(f, " — {}", self.expected)?;
        }
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// A mistake of a file as a whole.
pub(crate) fn whole_file(file: String, found: String, expected: String) -> Finding {
    Finding { severity: Severity::Error, file, pos: Pos::WHOLE_FILE, found, expected, hint: None, excerpt: None }
}

/// Whether nothing of it keeps a site from being used.
pub(crate) fn no_error<'f>(found: impl IntoIterator<Item = &'f Finding>) -> bool {
    found.into_iter().all(|finding| finding.severity != Severity::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding() -> Finding {
        Finding {
            severity: Severity::Error,
            file: "tags.yaml".into(),
            pos: Pos { line: 14, column: 9 },
            found: "word_order = \"cdba\"".into(),
            expected: "expected one of abcd, cdab, badc, dcba".into(),
            hint: Some("did you mean \"cdab\"?".into()),
            excerpt: Some(Excerpt::around("\torder: cdba\r", 9)),
        }
    }

    #[test]
    fn says_place_found_expected_and_hint_in_one_line() {
        assert_eq!(
            finding().to_string(),
            "tags.yaml:14:9: error: word_order = \"cdba\" — expected one of abcd, cdab, badc, dcba; did you mean \"cdab\"?"
        );
    }

    #[test]
    fn pretty_points_at_the_column_under_tabs_too() {
        let pretty = finding().pretty();
        let lines: Vec<&str> = pretty.lines().collect();
        assert_eq!(lines[1], " 14 | \torder: cdba");
        assert_eq!(lines[2], "    | \t       ^");
    }

    #[test]
    fn a_very_long_line_is_shown_around_the_column() {
        let line = format!("{}X{}", "a".repeat(5000), "b".repeat(5000));
        let excerpt = Excerpt::around(&line, 5001);
        assert_eq!(excerpt.line.chars().count(), EXCERPT_CHARS_MAX);
        assert_eq!(excerpt.line.chars().nth(excerpt.caret), Some('X'));
    }
}
