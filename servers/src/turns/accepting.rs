//! Whether a loop accepts.

use std::time::Instant;

use crate::net::ACCEPT_PAUSE;

/// Whether the loop accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepting {
    /// It does.
    Open,
    /// Descriptors are gone and nobody is waiting: an accept that is started would fail at once, over
    /// and over.
    WhenSomebodyComes,
    /// Not for a moment: what accepting takes has run out.
    PausedUntil(Instant),
    /// Not any more.
    Stopped,
}

impl Accepting {
    /// Stopped is for ever, whatever accepts that were in flight with it say.
    pub(crate) fn becomes(&mut self, next: Self) {
        if *self != Self::Stopped {
            *self = next;
        }
    }

    /// Nobody will be accepted for a moment.
    pub(crate) fn pause(&mut self, now: Instant) {
        self.becomes(Self::PausedUntil(now + ACCEPT_PAUSE));
    }

    /// Whether a pause is over, which opens it again.
    pub(crate) fn has_paused(&mut self, now: Instant) -> bool {
        let over = self.paused_until().is_some_and(|at| at <= now);
        if over {
            *self = Self::Open;
        }
        over
    }

    /// When a pause will be over.
    pub(crate) fn paused_until(self) -> Option<Instant> {
        match self {
            Self::PausedUntil(at) => Some(at),
            Self::Open | Self::WhenSomebodyComes | Self::Stopped => None,
        }
    }
}
