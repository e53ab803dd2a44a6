//! An observer of a session: each request, its reply, and their times.
//!
//! A session has no clock and prints nothing. A program that wants to see its requests gives it a
//! witness. A session without one only checks for it on each request.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt::Debug;

/// Watches one session.
pub trait Witness: Debug + Send + Sync {
    /// Bytes have come. Every request that is answered before this is called again was complete now.
    fn arrived(&mut self);
    /// This request has this reply, which waits to be written.
    fn answered(&mut self, request: &[u8], reply: &[u8]);
    /// Everything that was answered has left.
    fn written(&mut self);
}

/// A session's witness, if it has one, and the request that is being answered.
#[derive(Debug, Default)]
pub(crate) struct Watched(Option<Box<Watch>>);

#[derive(Debug)]
struct Watch {
    witness: Box<dyn Witness>,
    request: Vec<u8>,
    /// Where in the outbox the reply begins.
    reply_at: usize,
}

impl Watched {
    pub(crate) fn by(witness: Box<dyn Witness>) -> Self {
        Self(Some(Box::new(Watch { witness, request: Vec::new(), reply_at: 0 })))
    }

    #[inline]
    pub(crate) fn arrived(&mut self) {
        if let Some(watch) = &mut self.0 {
            watch.witness.arrived();
        }
    }

    /// This is asked now; the reply comes at the end of what is in the outbox, or later.
    #[inline]
    pub(crate) fn asked(&mut self, request: &[u8], outbox: &[u8]) {
        if let Some(watch) = &mut self.0 {
            watch.asked(request, outbox.len());
        }
    }

    /// The reply to a job comes at the end of what is in the outbox now.
    pub(crate) fn done(&mut self, outbox: &[u8]) {
        if let Some(watch) = &mut self.0 {
            watch.reply_at = outbox.len();
        }
    }

    #[inline]
    pub(crate) fn answered(&mut self, outbox: &[u8]) {
        if let Some(watch) = &mut self.0 {
            watch.answered(outbox);
        }
    }

    #[inline]
    pub(crate) fn written(&mut self) {
        if let Some(watch) = &mut self.0 {
            watch.witness.written();
        }
    }
}

impl Watch {
    // Few sessions are watched: what that takes is kept out of the code of the others.
    #[cold]
    fn asked(&mut self, request: &[u8], reply_at: usize) {
        self.request.clear();
        self.request.extend_from_slice(request);
        self.reply_at = reply_at;
    }

    #[cold]
    fn answered(&mut self, outbox: &[u8]) {
        let reply = outbox.get(self.reply_at..).unwrap_or_default();
        self.witness.answered(&self.request, reply);
    }
}
