//! How the program ends when something is wrong.

use std::error::Error;
use std::process::ExitCode;

/// `EX_CONFIG` of sysexits.h: a mistake a restart doesn't mend. Units name it in `RestartPreventExitStatus`.
const EX_CONFIG: u8 = 78;

/// Why the program ends.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The site, the command line or the installation is wrong: nothing was started.
    Config(String),
    /// It failed at its work; trying again may help.
    Work(String),
}

impl Failure {
    /// A mistake to be mended by a person: the whole chain of reasons in one sentence.
    pub(crate) fn config(error: &dyn Error) -> Self {
        Self::Config(chain(error))
    }

    /// A failure at work.
    pub(crate) fn work(error: &dyn Error) -> Self {
        Self::Work(chain(error))
    }

    /// Says it on standard error and chooses the exit code.
    pub(crate) fn report(self) -> ExitCode {
        let (text, code) = match self {
            Self::Config(text) => (text, EX_CONFIG),
            Self::Work(text) => (text, 1),
        };
        if !text.is_empty() {
            log::error!("{text}");
        }
        ExitCode::from(code)
    }
}

/// An error and its causes, outermost first: `listening for scripts on 127.0.0.1:1324: Address already in use`.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
