//! Standard output: what a person or a script asked for. A closed pipe is a normal end.

use std::io::Write;
use std::process::exit;

/// Prints a line.
#[expect(clippy::disallowed_methods, reason = "`forebay list | head` ends here, in the middle of whatever it does")]
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        exit(0);
    }
}
