//! Shared state of threads: types of the standard library, or of `loom` when tests search for races
//! (`RUSTFLAGS="--cfg c10k_loom"`). There, a flag and a condition variable model a descriptor.

#[cfg(not(c10k_loom))]
pub(crate) use std::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicUsize, Ordering, fence},
};

#[cfg(c10k_loom)]
pub(crate) use loom::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicUsize, Ordering, fence},
};

#[cfg(c10k_loom)]
pub(crate) use self::modelled::Signal;
#[cfg(not(c10k_loom))]
pub(crate) use self::real::Signal;

#[cfg(not(c10k_loom))]
mod real {
    use std::io;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    use rustix::event::{EventfdFlags, eventfd};

    /// A descriptor that is readable from [`Signal::raise`] to [`Signal::clear`].
    #[derive(Debug)]
    pub(crate) struct Signal(OwnedFd);

    impl Signal {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
        }

        pub(crate) fn raise(&self) {
            // It fails only when the counter is full, and then it is as readable as it gets.
            let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        }

        pub(crate) fn clear(&self) {
            // It fails only when there was no signal.
            let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
        }
    }

    impl AsFd for Signal {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

#[cfg(c10k_loom)]
mod modelled {
    use std::io;
    use std::os::fd::{AsFd, BorrowedFd};

    use loom::sync::{Condvar, Mutex};

    /// As the kernel's: one lock over the counter, and waiters are woken while it is not zero.
    #[derive(Debug)]
    pub(crate) struct Signal(Mutex<bool>, Condvar);

    impl Signal {
        #[expect(clippy::unnecessary_wraps, reason = "as the real one")]
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self(Mutex::new(false), Condvar::new()))
        }

        pub(crate) fn raise(&self) {
            *self.0.lock().expect("no panic under it") = true;
            self.1.notify_one();
        }

        pub(crate) fn clear(&self) {
            *self.0.lock().expect("no panic under it") = false;
        }

        /// What poll(2) does; a lost wake-up is a deadlock, which the model checker reports.
        pub(crate) fn wait(&self) {
            let mut raised = self.0.lock().expect("no panic under it");
            while !*raised {
                raised = self.1.wait(raised).expect("no panic under it");
            }
        }
    }

    impl AsFd for Signal {
        fn as_fd(&self) -> BorrowedFd<'_> {
            unreachable!("a modelled signal has no descriptor")
        }
    }
}
