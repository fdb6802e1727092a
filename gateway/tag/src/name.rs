//! What a tag is called.

use std::fmt;
use std::sync::Arc;

/// The longest name, in bytes of UTF-8. A bus name travels with a length of one byte in protocol 2.
pub const NAME_BYTES_MAX: usize = 255;

/// A checked tag name: 1 to 255 bytes of UTF-8 without control characters. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagName(Arc<str>);

/// Why a text is not a tag name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text has no characters.
    #[error("a tag name can't be empty")]
    Empty,
    /// The text is longer than [`NAME_BYTES_MAX`].
    #[error("a tag name has at most {NAME_BYTES_MAX} bytes, this one has {0}")]
    TooLong(usize),
    /// The text holds a line break, a tab or another control character.
    #[error("a tag name can't hold the control character {0:?}")]
    Control(char),
}

impl TagName {
    /// Checks a text and makes it a name.
    pub fn parse(raw: &str) -> Result<Self, NameError> {
        if raw.is_empty() {
            return Err(NameError::Empty);
        }
        if raw.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong(raw.len()));
        }
        if let Some(c) = raw.chars().find(|c| c.is_control()) {
            return Err(NameError::Control(c));
        }
        Ok(Self(raw.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TagName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TagName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl AsRef<str> for TagName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for TagName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_checked_at_the_door() {
        assert_eq!(TagName::parse("pump1.flow").unwrap().as_str(), "pump1.flow");
        assert_eq!(TagName::parse("Pegel Süd").unwrap().as_str(), "Pegel Süd");
        assert_eq!(TagName::parse(""), Err(NameError::Empty));
        assert_eq!(TagName::parse("a\nb"), Err(NameError::Control('\n')));
        assert!(TagName::parse(&"x".repeat(255)).is_ok());
        assert_eq!(TagName::parse(&"ü".repeat(128)), Err(NameError::TooLong(256)));
    }
}
