//! Admission: the number of live connections, their limit, and waiting for the last to close.

use std::sync::PoisonError;

use crate::sync::{AtomicUsize, Condvar, Mutex, MutexGuard, Ordering::SeqCst};

/// The places of a server. The count is shared by all of its processes; who waits for the last
/// connection waits in its own.
#[derive(Debug)]
pub(crate) struct Admission {
    live: &'static AtomicUsize,
    limit: usize,
    /// Whether somebody waits for the last connection.
    awaited: Mutex<bool>,
    empty: Condvar,
}

impl Admission {
    /// So many places, counted there.
    pub(crate) fn new(live: &'static AtomicUsize, limit: usize) -> Self {
        Self { live, limit, awaited: Mutex::new(false), empty: Condvar::new() }
    }

    /// Takes a place, if there is one. The count never exceeds the limit, not even for a moment,
    /// or a client could be refused because of another that is being refused.
    pub(crate) fn enter(&self) -> bool {
        let next = |live| (live < self.limit).then_some(live + 1);
        self.live.fetch_update(SeqCst, SeqCst, next).is_ok()
    }

    /// Gives a place back, and wakes who waits for the last one.
    pub(crate) fn leave(&self) {
        if self.live.fetch_sub(1, SeqCst) == 1 {
            // Under the lock, or the wake-up could fall between a waiter's check and its wait.
            // Nobody waits while the server runs: then it is a lock and no system call.
            let awaited = self.lock();
            if *awaited {
                self.empty.notify_all();
            }
        }
    }

    /// Gives the place of a process that has died back, in a signal handler, where no lock may be
    /// taken: so it wakes nobody.
    pub(crate) fn lost(&self) {
        self.live.fetch_sub(1, SeqCst);
    }

    /// Places taken now.
    pub(crate) fn live(&self) -> usize {
        self.live.load(SeqCst)
    }

    /// Waits until every place is free.
    pub(crate) fn wait_until_empty(&self) {
        let mut awaited = self.lock();
        *awaited = true;
        while self.live() > 0 {
            awaited = self.empty.wait(awaited).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, c10k_loom))]
mod races {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// The count lives as long as the program; here that is one run of the model.
    fn admission(limit: usize) -> Arc<Admission> {
        let live = Box::leak(Box::new(AtomicUsize::new(0)));
        Arc::new(Admission::new(live, limit))
    }

    /// What an acceptor does with a client; returns whether it was admitted.
    fn serve(admission: &Admission) -> bool {
        let admitted = admission.enter();
        if admitted {
            assert!((1..=admission.limit).contains(&admission.live()), "above the limit");
            admission.leave();
        }
        admitted
    }

    #[test]
    fn races_of_acceptors_never_exceed_the_limit() {
        loom::model(|| {
            let admission = admission(1);
            let acceptors = [(); 2].map(|()| {
                let admission = admission.clone();
                thread::spawn(move || serve(&admission))
            });
            assert!(admission.live() <= 1, "above the limit");
            let served = acceptors.map(|acceptor| acceptor.join().expect("an acceptor"));
            assert!(served.contains(&true), "one at least finds the place free");
            assert_eq!(admission.live(), 0);
        });
    }

    /// A client that is being refused takes no place away from another.
    #[test]
    fn races_of_refusals_refuse_nobody_else() {
        loom::model(|| {
            let admission = admission(1);
            assert!(admission.enter());
            let refused = {
                let admission = admission.clone();
                thread::spawn(move || admission.enter())
            };
            // The only place is free from here on: one of the two must get it.
            admission.leave();
            let again = admission.enter();
            let other = refused.join().expect("the other");
            assert!(again ^ other, "one place, one client: {again} {other}");
        });
    }

    /// A lost wake-up is a deadlock, which the model reports.
    #[test]
    fn races_of_the_last_two_wake_who_waits() {
        loom::model(|| {
            let admission = admission(2);
            let clients = [(); 2].map(|()| {
                assert!(admission.enter());
                let admission = admission.clone();
                thread::spawn(move || admission.leave())
            });
            admission.wait_until_empty();
            assert_eq!(admission.live(), 0);
            for client in clients {
                client.join().expect("a client");
            }
        });
    }

    /// Another thread still accepts, and is refused, while one waits for the last connection.
    #[test]
    fn races_of_a_refusal_and_the_last_one_wake_who_waits() {
        loom::model(|| {
            let admission = admission(1);
            assert!(admission.enter());
            let last = {
                let admission = admission.clone();
                thread::spawn(move || admission.leave())
            };
            let late = {
                let admission = admission.clone();
                thread::spawn(move || serve(&admission))
            };
            admission.wait_until_empty();
            last.join().expect("the last one");
            late.join().expect("the late one");
            assert_eq!(admission.live(), 0);
        });
    }
}
