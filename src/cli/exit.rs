//! How the program ends, and with what code.

use std::fmt;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All well.
    Ok,
    /// A server that was checked does not do all that it should.
    FellShort,
    /// What was compared has become worse.
    Worse,
    /// There is a result, and it is not to be trusted.
    Untrusted,
    /// Somebody ended it early; what there was is saved.
    Interrupted,
}

impl Exit {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::FellShort => 1,
            Self::Worse => 3,
            Self::Untrusted => 4,
            Self::Interrupted => 130,
        }
    }
}

/// Something was asked for that cannot be; exit code 2.
#[derive(Debug)]
pub(super) struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error for something that was asked for and cannot be: the program ends with code 2.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Usage(message.into()))
}
