//! The settings of a ring. Each variant of a model changes one of them and keeps the others.

use std::io;

use io_uring::{IoUring, cqueue, opcode, squeue};
use rustix::io::Errno;

use super::{COMPLETIONS, SUBMISSIONS};

/// How long the kernel thread of [`Settings::polled`] looks for operations before it sleeps: long
/// against the gap between two requests of a busy server, short against the think time of a client.
const POLLED_MS: u32 = 10;

/// How a model uses its ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// One system call submits all operations of a turn; otherwise each operation has its own.
    pub batched: bool,
    /// One accept serves all clients until it fails; otherwise each client takes one.
    pub multishot_accept: bool,
    /// What one receive does.
    pub receives: Receives,
    /// Clients' sockets are in the ring's own table of files, so the kernel does not look
    /// descriptors up.
    pub registered: bool,
    /// The kernel does its part of the work when the loop asks for completions, where it can (Linux
    /// 6.1); otherwise it interrupts the loop at each completion.
    pub deferred: bool,
    /// A kernel thread looks for operations, so submitting takes no system call.
    pub polled: bool,
}

/// What one receive does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receives {
    /// It waits with its client's own buffer.
    Own,
    /// It takes a buffer from a pool when bytes arrive.
    Provided,
    /// The same, repeated until it fails.
    Multishot,
}

impl Receives {
    /// The name in the server's ready line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own-buffer",
            Self::Provided => "provided-buffers",
            Self::Multishot => "multishot",
        }
    }
}

impl Settings {
    /// Those of `io-uring`, which its variants differ from by one.
    pub(crate) const PLAIN: Self = Self {
        batched: true,
        multishot_accept: false,
        receives: Receives::Own,
        registered: false,
        deferred: true,
        polled: false,
    };

    /// Makes the ring.
    pub(super) fn build(&self) -> io::Result<IoUring> {
        let mut builder = IoUring::<squeue::Entry, cqueue::Entry>::builder();
        builder.setup_clamp().setup_cqsize(COMPLETIONS);
        if self.polled {
            // The kernel thread does this work, so there is none to defer.
            builder.setup_sqpoll(POLLED_MS);
        } else if self.deferred {
            let mut deferring = builder.clone();
            deferring.setup_single_issuer().setup_defer_taskrun();
            match deferring.build(SUBMISSIONS) {
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
                ring => return ring,
            }
        }
        builder.build(SUBMISSIONS)
    }

    /// Operations that the kernel must be able to do, by name.
    pub(super) fn needed(&self) -> Vec<(u8, &'static str)> {
        let mut needed = vec![
            (opcode::Accept::CODE, "accept"),
            (opcode::PollAdd::CODE, "poll"),
            (opcode::Recv::CODE, "recv"),
            (opcode::Send::CODE, "send"),
        ];
        // No opcode tells of multishot operations; these came with the same Linux.
        if self.multishot_accept {
            needed.push((opcode::Socket::CODE, "multishot accepts"));
        }
        if self.receives == Receives::Multishot {
            needed.push((opcode::SendZc::CODE, "multishot receives"));
        }
        if self.receives != Receives::Own {
            needed.push((opcode::AsyncCancel::CODE, "cancelling"));
        }
        needed
    }

    /// The reason why the kernel refuses this ring and makes others.
    pub(super) fn refusal(&self, error: &io::Error) -> Option<String> {
        match Errno::from_io_error(error)? {
            Errno::INVAL | Errno::PERM if self.polled => Some(format!(
                "io_uring refuses a kernel thread that polls for operations (SQPOLL): {error}"
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{MODELS, VARIANTS};

    #[test]
    fn each_variant_differs_from_its_model_by_one_setting() {
        let all = |settings: &Settings| {
            let Settings { batched, multishot_accept, receives, registered, deferred, polled } =
                *settings;
            let receives = receives.name();
            [batched, multishot_accept, registered, deferred, polled]
                .map(|on| on.to_string())
                .into_iter()
                .chain([receives.to_string()])
                .collect::<Vec<_>>()
        };
        let plain = MODELS.iter().find(|model| model.name == "io-uring");
        let plain = all(&plain.and_then(|model| model.ring).expect("it has a ring"));
        assert!(VARIANTS.len() >= 6);
        for variant in VARIANTS {
            let own = all(&variant.ring.expect("it has a ring"));
            let differ = own.iter().zip(&plain).filter(|(own, plain)| own != plain).count();
            assert_eq!(differ, 1, "{}", variant.name);
        }
    }

    #[test]
    fn a_kernel_that_refuses_the_thread_is_told_of_by_name() {
        let refused = |settings: Settings, errno: Errno| settings.refusal(&errno.into());
        let polled = Settings { polled: true, ..Settings::PLAIN };
        let said = refused(polled, Errno::INVAL).expect("a reason");
        assert!(said.contains("SQPOLL"), "{said}");
        assert_eq!(refused(polled, Errno::NOSYS), None, "there is no ring at all");
        assert_eq!(refused(Settings::PLAIN, Errno::INVAL), None);
    }
}
