//! State that all threads of a run share.

#[cfg(doc)]
use crate::ConnectFailure;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize};

use crate::Load;
use crate::clock::Clock;
use crate::live::{self, Slot};
use crate::target::Route;

/// What all threads of a run look at.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    /// Which of its addresses the server is at.
    pub(crate) route: Route,
    /// Stop connecting, and do not begin the load.
    pub(crate) abort: AtomicBool,
    /// How the latest attempt to connect failed before the load, as [`ConnectFailure`] and one more;
    /// 0 while none did, and once a connection was opened.
    pub(crate) refusal: AtomicU8,
    /// Where greetings are expected: something has come in the place of one, or an end has.
    pub(crate) heard: AtomicBool,
    /// When the measurement ends, on `clock`; earlier when the run is interrupted.
    pub(crate) end: AtomicU64,
    /// Of a number of requests: how many threads have the replies to all of theirs.
    pub(crate) through: AtomicUsize,
    /// When the last of these came, on `clock`.
    pub(crate) last_reply: AtomicU64,
    /// When the drain ends, on `clock`.
    pub(crate) drain_end: AtomicU64,
    /// Whoever watches has seen the drain begin. It may look at the server then, with all its
    /// connections: until it has, none is closed.
    pub(crate) seen: AtomicBool,
    /// Right replies so far, of each thread.
    pub(crate) done: Vec<Lonely>,
    /// Where the threads publish how it goes; empty where nobody watches.
    pub(crate) live: Vec<Slot>,
}

impl Shared {
    /// Before anything has happened.
    pub(crate) fn for_load(load: &Load) -> Self {
        Self {
            clock: Clock::starting_now(),
            route: Route::to(load.target.clone()),
            abort: AtomicBool::new(false),
            refusal: AtomicU8::new(0),
            heard: AtomicBool::new(false),
            end: AtomicU64::new(u64::MAX),
            through: AtomicUsize::new(0),
            last_reply: AtomicU64::new(0),
            drain_end: AtomicU64::new(u64::MAX),
            seen: AtomicBool::new(false),
            done: (0..load.threads).map(|_| Lonely::default()).collect(),
            live: live::slots(load),
        }
    }
}

/// A counter on cache lines of its own, so that threads do not slow each other down.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Lonely(pub(crate) AtomicU64);
