//! Clients in the listen queue when the server stops.
//!
//! Shutting down a listening socket resets all connections in its queue, with the requests that
//! they have sent. So the handler of the first signal accepts them first and stores their
//! descriptors here, in atomics. The accepting code finds them here once the listener is shut down.

use std::os::fd::RawFd;

use crate::sync::{AtomicBool, AtomicI32, AtomicUsize, Ordering::SeqCst};

/// The clients.
#[derive(Debug)]
pub(super) struct Rescued {
    /// Each descriptor plus one, in the order of their coming; zero is none.
    places: Box<[AtomicI32]>,
    filled: AtomicUsize,
    taken: AtomicUsize,
    /// Whether somebody has begun to rescue. A second signal does not wait for the first one's
    /// handler, which it may have interrupted: it cuts, and rescues nobody.
    begun: AtomicBool,
}

impl Rescued {
    /// Room for so many.
    pub(super) fn new(most: usize) -> Self {
        Self {
            places: (0..most).map(|_| AtomicI32::new(0)).collect(),
            filled: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            begun: AtomicBool::new(false),
        }
    }

    /// Whether the caller is the one who is to rescue. For signal handlers, like [`Self::keep`].
    pub(super) fn begin(&self) -> bool {
        !self.begun.swap(true, SeqCst)
    }

    /// Keeps a client. Returns whether there was room. Only for the one who has begun.
    pub(super) fn keep(&self, descriptor: RawFd) -> bool {
        let next = self.filled.load(SeqCst);
        let Some(place) = self.places.get(next) else { return false };
        place.store(descriptor + 1, SeqCst);
        // Whoever sees the number sees the place.
        self.filled.store(next + 1, SeqCst);
        true
    }

    /// Takes the next one, which nobody else gets.
    pub(super) fn take(&self) -> Option<RawFd> {
        let next = |taken| (taken < self.filled.load(SeqCst)).then_some(taken + 1);
        let place = self.taken.fetch_update(SeqCst, SeqCst, next).ok()?;
        match self.places[place].swap(0, SeqCst) {
            0 => None,
            descriptor => Some(descriptor - 1),
        }
    }

    /// Whether nobody is left.
    pub(super) fn is_empty(&self) -> bool {
        self.taken.load(SeqCst) >= self.filled.load(SeqCst)
    }
}

#[cfg(all(test, c10k_loom))]
mod races {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    fn take_all(rescued: &Rescued) -> Vec<RawFd> {
        std::iter::from_fn(|| rescued.take()).collect()
    }

    /// Another thread takes clients while the handler still keeps some.
    #[test]
    fn races_of_keeping_and_taking_lose_and_repeat_nobody() {
        loom::model(|| {
            let rescued = Arc::new(Rescued::new(2));
            let taker = {
                let rescued = rescued.clone();
                thread::spawn(move || take_all(&rescued))
            };
            assert!(rescued.begin());
            assert!(rescued.keep(0) && rescued.keep(7));
            assert!(!rescued.keep(8), "there is no third place");
            let mut all = take_all(&rescued);
            all.extend(taker.join().expect("the taker"));
            all.sort_unstable();
            assert_eq!(all, [0, 7]);
            assert!(rescued.is_empty());
        });
    }

    #[test]
    fn races_of_two_handlers_have_one_that_rescues() {
        loom::model(|| {
            let rescued = Arc::new(Rescued::new(1));
            let other = {
                let rescued = rescued.clone();
                thread::spawn(move || rescued.begin())
            };
            let first = rescued.begin();
            assert!(first ^ other.join().expect("the other"), "one of the two");
        });
    }
}
