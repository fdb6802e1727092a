//! Why something could not be measured.

use std::fmt;

/// One sentence: what was tried, and what came instead.
#[derive(Debug)]
pub(crate) struct Fail(pub(crate) String);

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Fail {
    fn from(why: String) -> Self {
        Self(why)
    }
}

impl From<&str> for Fail {
    fn from(why: &str) -> Self {
        Self(why.to_owned())
    }
}

/// Says what was being done when something failed.
pub(crate) trait Doing<T> {
    /// `what` as in "starting the bus".
    fn doing(self, what: &str) -> Result<T, Fail>;
}

impl<T, E: fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, what: &str) -> Result<T, Fail> {
        self.map_err(|error| Fail(format!("{what}: {error}")))
    }
}

impl<T> Doing<T> for Option<T> {
    fn doing(self, what: &str) -> Result<T, Fail> {
        self.ok_or_else(|| Fail(what.to_owned()))
    }
}
