//! Standard output: what a person or a script asked for. A closed pipe is a normal end.

use std::io::{ErrorKind, Write};
use std::process::exit;

/// Prints a line. What can't be written for another reason, like a full disk, is no success.
#[expect(clippy::disallowed_methods, reason = "`forebay list | head` ends here, in the middle of whatever it does")]
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(0),
        Err(error) => {
            log::error!("can't print: {error}");
            exit(1);
        }
    }
}
