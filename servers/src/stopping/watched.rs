//! The listeners and live connections to shut down when the server stops: by descriptor number, in
//! atomics, because a signal handler reads them.
//!
//! The race of stopping is here. A descriptor may enter the table while the handler scans it. So
//! each side writes first and then reads, with a fence between. The code that adds a descriptor
//! marks it and then reads the stage of stopping. The handler advances the stage and then reads the
//! marks. In any order, at least one of the two sees the other.

use std::os::fd::RawFd;

use rustix::net::Shutdown;

use crate::sync::{AtomicBool, AtomicI32, AtomicU8, Ordering::Relaxed, Ordering::SeqCst, fence};

/// How far stopping has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) enum Stage {
    /// Serving.
    Running,
    /// No new connections; what was received is answered.
    Draining,
    /// Nothing is answered any more.
    Cut,
}

impl Stage {
    /// The stage as it is kept where all processes see it.
    pub(crate) fn load(stage: &AtomicU8) -> Self {
        match stage.load(SeqCst) {
            0 => Self::Running,
            1 => Self::Draining,
            _ => Self::Cut,
        }
    }

    /// Goes on: from running to draining, and from there to the cut, which is the last. Returns
    /// the stage that this call has reached, and `None` when there is no further one.
    fn advance(stage: &AtomicU8) -> Option<Self> {
        let (running, draining) = (Self::Running as u8, Self::Draining as u8);
        if stage.compare_exchange(running, draining, SeqCst, SeqCst).is_ok() {
            return Some(Self::Draining);
        }
        (stage.swap(Self::Cut as u8, SeqCst) != Self::Cut as u8).then_some(Self::Cut)
    }

    /// What a connection is to lose in this stage.
    fn ends(self) -> Option<Shutdown> {
        match self {
            Self::Running => None,
            Self::Draining => Some(Shutdown::Read),
            Self::Cut => Some(Shutdown::Both),
        }
    }
}

/// The table.
#[derive(Debug)]
pub(crate) struct Watched {
    listeners: Box<[AtomicI32]>,
    /// One flag for each descriptor number, set while it is a live connection.
    connections: Box<[AtomicBool]>,
}

impl Watched {
    /// Room for so many listeners, and for connections with descriptors below that number.
    pub(crate) fn new(listeners: usize, descriptors: usize) -> Self {
        Self {
            listeners: (0..listeners).map(|_| AtomicI32::new(-1)).collect(),
            connections: flags(descriptors),
        }
    }

    /// Has the listener shut down when the server stops. Returns whether there was room for it.
    pub(crate) fn watch_listener(
        &self,
        fd: RawFd,
        stage: &AtomicU8,
        shutdown: impl Fn(RawFd, Shutdown),
    ) -> bool {
        let free = |place: &&AtomicI32| place.compare_exchange(-1, fd, SeqCst, SeqCst).is_ok();
        let found = self.listeners.iter().find(free).is_some();
        fence(SeqCst);
        if Stage::load(stage) != Stage::Running {
            shutdown(fd, Shutdown::Both);
        }
        found
    }

    /// Has the connection shut down, in one direction or in both, as the server stops.
    pub(crate) fn watch(&self, fd: RawFd, stage: &AtomicU8, shutdown: impl Fn(RawFd, Shutdown)) {
        if let Some(flag) = self.flag(fd) {
            flag.store(true, Relaxed);
        }
        fence(SeqCst);
        if let Some(how) = Stage::load(stage).ends() {
            shutdown(fd, how);
        }
    }

    /// The connection is about to be closed.
    pub(crate) fn forget(&self, fd: RawFd) {
        if let Some(flag) = self.flag(fd) {
            flag.store(false, SeqCst);
        }
    }

    /// Goes on to the next stage of stopping and shuts down what it demands, and what the stages
    /// before it demand: whoever was to do that may still be at it. Returns the stage, and `None`
    /// when it was the last before.
    pub(crate) fn stop(
        &self,
        stage: &AtomicU8,
        shutdown: impl Fn(RawFd, Shutdown),
    ) -> Option<Stage> {
        let reached = Stage::advance(stage);
        self.end_listeners(&shutdown);
        self.end_connections(reached.unwrap_or(Stage::Cut), shutdown);
        reached
    }

    /// Shuts the listeners down.
    pub(crate) fn end_listeners(&self, shutdown: impl Fn(RawFd, Shutdown)) {
        fence(SeqCst);
        for listener in &self.listeners {
            match listener.load(Relaxed) {
                -1 => break,
                fd => shutdown(fd, Shutdown::Both),
            }
        }
    }

    /// Shuts the connections down as the stage demands, which another process has gone on to.
    pub(crate) fn end_connections(&self, stage: Stage, shutdown: impl Fn(RawFd, Shutdown)) {
        let Some(how) = stage.ends() else { return };
        fence(SeqCst);
        for (fd, live) in self.connections.iter().enumerate() {
            if live.load(Relaxed)
                && let Ok(fd) = RawFd::try_from(fd)
            {
                shutdown(fd, how);
            }
        }
    }

    fn flag(&self, fd: RawFd) -> Option<&AtomicBool> {
        self.connections.get(usize::try_from(fd).ok()?)
    }
}

#[cfg(not(c10k_loom))]
fn flags(n: usize) -> Box<[AtomicBool]> {
    let flags = Box::<[AtomicBool]>::new_zeroed_slice(n);
    #[expect(unsafe_code, reason = "a million flags must not be touched before they are used")]
    // SAFETY: a flag whose byte is zero is false.
    unsafe {
        flags.assume_init()
    }
}

#[cfg(c10k_loom)]
fn flags(n: usize) -> Box<[AtomicBool]> {
    (0..n).map(|_| AtomicBool::new(false)).collect()
}

#[cfg(all(test, c10k_loom))]
mod races {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    const READ: u8 = 1;
    const BOTH: u8 = 3;

    /// A process with its table, and what shutdown(2) has done to each descriptor.
    struct Process {
        stage: AtomicU8,
        watched: Watched,
        shut: [AtomicU8; 3],
    }

    impl Process {
        fn new() -> Arc<Self> {
            let shut = [(); 3].map(|()| AtomicU8::new(0));
            let (stage, watched) = (AtomicU8::new(0), Watched::new(3, 3));
            Arc::new(Self { stage, watched, shut })
        }

        fn shutdown(&self, fd: RawFd, how: Shutdown) {
            let bits = if how == Shutdown::Read { READ } else { BOTH };
            self.shut[usize::try_from(fd).expect("a descriptor")].fetch_or(bits, SeqCst);
        }

        fn accepted(&self, fd: RawFd) {
            self.watched.watch(fd, &self.stage, |fd, how| self.shutdown(fd, how));
        }

        fn listens(&self, fd: RawFd) {
            let watch = |fd, how| self.shutdown(fd, how);
            assert!(self.watched.watch_listener(fd, &self.stage, watch));
        }

        /// What the signal handler does.
        fn signal(&self) {
            self.watched.stop(&self.stage, |fd, how| self.shutdown(fd, how));
        }

        fn shut(&self) -> [u8; 3] {
            [0, 1, 2].map(|fd: usize| self.shut[fd].load(SeqCst))
        }
    }

    fn together(
        process: &Arc<Process>,
        act: impl Fn(&Process) + 'static,
    ) -> thread::JoinHandle<()> {
        let process = process.clone();
        thread::spawn(move || act(&process))
    }

    #[test]
    fn races_of_a_signal_and_an_accept_miss_no_connection() {
        loom::model(|| {
            let process = Process::new();
            let acceptor = together(&process, |process| process.accepted(1));
            process.signal();
            acceptor.join().expect("the acceptor");
            assert_eq!(process.shut(), [0, READ, 0]);
        });
    }

    #[test]
    fn races_of_two_signals_and_an_accept_end_in_a_cut() {
        loom::model(|| {
            let process = Process::new();
            let acceptor = together(&process, |process| process.accepted(1));
            process.signal();
            process.signal();
            acceptor.join().expect("the acceptor");
            assert_eq!(process.shut(), [0, BOTH, 0]);
        });
    }

    /// Two signals may be handled by two threads at once.
    #[test]
    fn races_of_two_handlers_end_in_a_cut() {
        loom::model(|| {
            let process = Process::new();
            let acceptor = together(&process, |process| process.accepted(0));
            let other = together(&process, Process::signal);
            process.signal();
            acceptor.join().expect("the acceptor");
            other.join().expect("the other handler");
            assert_eq!(process.shut(), [BOTH, 0, 0]);
            assert_eq!(Stage::load(&process.stage), Stage::Cut);
        });
    }

    #[test]
    fn races_of_a_signal_and_new_listeners_miss_none() {
        loom::model(|| {
            let process = Process::new();
            let first = together(&process, |process| process.listens(0));
            let second = together(&process, |process| process.listens(2));
            process.signal();
            first.join().expect("the first");
            second.join().expect("the second");
            assert_eq!(process.shut(), [BOTH, 0, BOTH]);
        });
    }

    /// One thread handles the first signal and another one the second, which goes on to the cut
    /// before the first has ended the listeners.
    #[test]
    fn races_of_two_handlers_end_every_listener() {
        loom::model(|| {
            let process = Process::new();
            process.listens(0);
            let other = together(&process, Process::signal);
            process.signal();
            // Whichever handler was first: this one has seen to what both are to do.
            assert_eq!(process.shut()[0], BOTH, "a listener outlives a handler");
            other.join().expect("the other handler");
        });
    }

    /// The first signal's handler has announced the drain and is then held up for good.
    #[test]
    fn races_with_a_handler_that_lags_leave_nothing_undone() {
        loom::model(|| {
            let process = Process::new();
            process.listens(0);
            process.stage.store(Stage::Draining as u8, SeqCst);
            let acceptor = together(&process, |process| process.accepted(1));
            process.signal();
            acceptor.join().expect("the acceptor");
            assert_eq!(process.shut(), [BOTH, BOTH, 0]);
            assert_eq!(process.watched.stop(&process.stage, |_, _| ()), None, "a third signal");
        });
    }

    /// Who has forgotten a connection before the signal came may close it and use its number.
    #[test]
    fn races_leave_what_is_forgotten_alone() {
        loom::model(|| {
            let process = Process::new();
            process.accepted(1);
            process.watched.forget(1);
            let acceptor = together(&process, |process| process.accepted(2));
            process.signal();
            acceptor.join().expect("the acceptor");
            assert_eq!(process.shut(), [0, 0, READ]);
        });
    }
}
