//! State that all threads of a run share.

#[cfg(doc)]
use crate::ConnectFailure;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize};

use crate::Load;
use crate::clock::Clock;
use crate::live::{self, Slot};
use crate::target::Route;

/// The state that all threads of a run share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    /// The server's address in use.
    pub(crate) route: Route,
    /// Stop connecting, and do not begin the load.
    pub(crate) abort: AtomicBool,
    /// How the latest attempt to connect before the load failed: its [`ConnectFailure`] plus one. 0 if
    /// none failed, and after a connection was opened.
    pub(crate) refusal: AtomicU8,
    /// With greetings: a greeting has arrived on some connection, or has failed.
    pub(crate) heard: AtomicBool,
    /// When the measurement ends, on `clock`; earlier if the run is interrupted.
    pub(crate) end: AtomicU64,
    /// With a fixed number of requests: how many threads have all their replies.
    pub(crate) through: AtomicUsize,
    /// When the last of these replies arrived, on `clock`.
    pub(crate) last_reply: AtomicU64,
    /// When the drain ends, on `clock`.
    pub(crate) drain_end: AtomicU64,
    /// The caller's callback for the drain has returned. It may observe the server with all its
    /// connections, so none is closed before.
    pub(crate) seen: AtomicBool,
    /// Correct replies so far, of each thread.
    pub(crate) done: Vec<Lonely>,
    /// Where the threads publish live figures; empty without an observer.
    pub(crate) live: Vec<Slot>,
}

impl Shared {
    /// The state at the beginning of a run.
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
