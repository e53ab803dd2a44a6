//! Exit codes, and the errors that choose them.

use std::fmt;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything succeeded.
    Ok,
    /// A checked server failed a behaviour.
    FellShort,
    /// A compared figure has become worse.
    Worse,
    /// There is a result, but it cannot be trusted.
    Untrusted,
    /// The user interrupted it; results so far are saved.
    Interrupted,
    /// The exit code of a server that the program ran.
    Server(u8),
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::FellShort => 1,
            Self::Worse => 3,
            Self::Untrusted => 4,
            Self::Interrupted => 130,
            Self::Server(code) => code,
        }
    }
}

/// The request cannot be fulfilled as it was given; exit code 2.
#[derive(Debug)]
pub(crate) struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error in the request itself: the program ends with code 2.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Usage(message.into()))
}

/// No result can be trusted; exit code 4.
#[derive(Debug)]
pub(crate) struct Untrusted(String);

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Untrusted {}

/// An error that leaves no trustworthy result although the request was right: the program ends with
/// code 4.
pub fn untrusted(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Untrusted(message.into()))
}

/// The user interrupted it before there was a result; exit code 130.
#[derive(Debug)]
pub(crate) struct Interrupted(String);

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Interrupted {}

/// An error that is nobody's fault: it was ended before there was a result. The program ends with code 130.
pub(crate) fn interrupted(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Interrupted(message.into()))
}

/// The exit code of an error.
pub(crate) fn code_of(error: &anyhow::Error) -> u8 {
    if error.is::<Usage>() {
        2
    } else if error.is::<Untrusted>() {
        Exit::Untrusted.code()
    } else if error.is::<Interrupted>() {
        Exit::Interrupted.code()
    } else {
        1
    }
}

/// An error with its causes, each once, because some messages already contain their cause.
pub(crate) fn words(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{code_of, interrupted, untrusted, usage, words};

    #[test]
    fn an_error_has_the_code_of_its_kind_whatever_it_was_found_in() {
        for (error, code) in [
            (usage("x"), 2),
            (untrusted("x"), 4),
            (interrupted("x"), 130),
            (anyhow::anyhow!("x"), 1),
        ] {
            assert_eq!(code_of(&error), code);
            assert_eq!(code_of(&error.context("y")), code);
        }
    }

    #[test]
    fn a_cause_that_was_named_is_not_named_again() {
        let cause = anyhow::anyhow!("Address already in use (os error 98)");
        let told = cause.context("cannot listen: Address already in use (os error 98); stop it");
        assert_eq!(words(&told), "cannot listen: Address already in use (os error 98); stop it");
        let other = anyhow::anyhow!("No such file or directory").context("cannot read a");
        assert_eq!(
            words(&other.context("no result")),
            "no result: cannot read a: No such file or directory"
        );
    }
}
