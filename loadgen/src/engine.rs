//! How the threads of the generator talk to the kernel.

use crate::LoadError;
use crate::wire::probe_uring;

/// How the threads talk to the kernel. All engines send the same requests, and check and time replies in
/// the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The engine that measurements found to cost less.
    #[default]
    Auto,
    /// epoll(7), and a system call for every read and write.
    Epoll,
    /// `io_uring(7)`: several requests are submitted at a time, together with the wait for replies.
    IoUring,
}

impl Engine {
    /// Every choice, in the order in which users read them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Epoll, Self::IoUring];

    /// The name on command lines and in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Epoll => "epoll",
            Self::IoUring => "io-uring",
        }
    }

    /// The engine of a run: never [`Engine::Auto`].
    ///
    /// # Errors
    /// [`LoadError::Engine`] with the reason, if this machine does not offer it.
    pub fn resolve(self) -> Result<Self, LoadError> {
        match self {
            Self::Auto | Self::Epoll => Ok(Self::Epoll),
            Self::IoUring => match probe_uring() {
                Ok(()) => Ok(self),
                Err(why) => Err(LoadError::Engine { engine: self.name(), why }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_an_engine() {
        for engine in Engine::ALL {
            match engine.resolve() {
                Ok(found) => assert_ne!(found, Engine::Auto),
                Err(error) => assert!(engine == Engine::IoUring, "{error}"),
            }
        }
    }
}
