//! A payload that needs no allocation while it is small.

/// The bytes of a value. Numbers (9 bytes) and short texts lie in place: 10,000 tags cost no allocation each.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    Small { length: u8, bytes: [u8; SMALL] },
    Large(Box<[u8]>),
}

const SMALL: usize = 22;

impl Payload {
    pub(crate) const EMPTY: Self = Self::Small { length: 0, bytes: [0; SMALL] };

    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Small { length, bytes } => &bytes[..usize::from(*length)],
            Self::Large(bytes) => bytes,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn set(&mut self, bytes: &[u8]) {
        *self = Self::from(bytes);
    }
}

impl From<&[u8]> for Payload {
    fn from(from: &[u8]) -> Self {
        if from.len() > SMALL {
            return Self::Large(from.into());
        }
        let mut bytes = [0; SMALL];
        bytes[..from.len()].copy_from_slice(from);
        Self::Small { length: from.len() as u8, bytes }
    }
}
