//! The requests of one connection that have no reply yet.

use std::collections::VecDeque;

use crate::recorder::Stamps;

/// A request without a reply yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InFlight {
    pub(crate) stamps: Stamps,
    /// Whether it belongs to the measurement.
    pub(crate) measured: bool,
}

/// The requests in flight of one connection, in the order of their replies. Nothing is allocated after
/// `new`. Without pipelining only `oldest` is used.
#[derive(Debug)]
pub(crate) struct InFlights {
    oldest: Option<InFlight>,
    /// The requests that were sent after it.
    younger: VecDeque<InFlight>,
}

impl InFlights {
    /// No requests yet, with room for `depth`.
    pub(crate) fn new(depth: usize) -> Self {
        Self { oldest: None, younger: VecDeque::with_capacity(depth - 1) }
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.oldest.is_some()) + self.younger.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.oldest.is_none()
    }

    pub(crate) fn oldest(&self) -> Option<&InFlight> {
        self.oldest.as_ref()
    }

    pub(crate) fn push(&mut self, request: InFlight) {
        if self.oldest.is_none() {
            self.oldest = Some(request);
        } else {
            self.younger.push_back(request);
        }
    }

    pub(crate) fn take_oldest(&mut self) -> Option<InFlight> {
        let oldest = self.oldest.take();
        if !self.younger.is_empty() {
            self.oldest = self.younger.pop_front();
        }
        oldest
    }

    /// The request that was sent after `n` others.
    pub(crate) fn nth_mut(&mut self, n: usize) -> &mut InFlight {
        let found = match n.checked_sub(1) {
            None => self.oldest.as_mut(),
            Some(n) => self.younger.get_mut(n),
        };
        found.expect("so many are in flight")
    }

    pub(crate) fn clear(&mut self) {
        self.oldest = None;
        self.younger.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_taken_in_the_order_of_their_requests() {
        let request =
            |sent| InFlight { stamps: Stamps { due: 0, free_at: 0, sent }, measured: true };
        for depth in [1, 3] {
            let mut flights = InFlights::new(depth);
            assert!(flights.is_empty() && flights.take_oldest().is_none());
            (0..depth as u64).for_each(|sent| flights.push(request(sent)));
            assert_eq!(flights.len(), depth);
            for sent in 0..depth as u64 {
                assert_eq!(flights.oldest().map(|r| r.stamps.sent), Some(sent));
                assert_eq!(flights.take_oldest().map(|r| r.stamps.sent), Some(sent));
            }
            assert!(flights.is_empty());
            flights.push(request(9));
            flights.clear();
            assert_eq!(flights.len(), 0);
        }
    }
}
