//! The connections that can take a request, the emptiest first.

use crate::fifo::Fifo;

/// A queue of connections for each number of requests in flight. Within a queue, the connection that
/// has been free longest goes first. Without pipelining there is one queue.
#[derive(Debug)]
pub(crate) struct Free {
    levels: Vec<Fifo>,
}

impl Free {
    /// Empty queues for `connections`, each with at most `depth` requests in flight.
    pub(crate) fn new(connections: usize, depth: usize) -> Self {
        Self { levels: (0..depth).map(|_| Fifo::new(connections)).collect() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.levels.iter().all(Fifo::is_empty)
    }

    pub(crate) fn contains(&self, token: usize) -> bool {
        self.levels.iter().any(|level| level.contains(token))
    }

    /// Puts a connection with this many requests in flight at the end of its queue. It must not be in a
    /// queue yet.
    pub(crate) fn push_back(&mut self, token: usize, in_flight: usize) {
        debug_assert!(!self.contains(token));
        self.levels[in_flight].push_back(token);
    }

    pub(crate) fn pop_front(&mut self) -> Option<usize> {
        self.levels.iter_mut().find_map(Fifo::pop_front)
    }

    /// Takes a connection out of its queue. Returns whether it was in one.
    pub(crate) fn remove(&mut self, token: usize) -> bool {
        self.levels.iter_mut().any(|level| level.remove(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emptiest_goes_first_and_the_longest_free_among_equals() {
        let mut free = Free::new(4, 3);
        assert!(free.is_empty() && free.pop_front().is_none());
        for (token, in_flight) in [(0, 2), (1, 1), (2, 0), (3, 1)] {
            free.push_back(token, in_flight);
        }
        assert!(free.contains(0) && free.remove(0) && !free.remove(0) && !free.contains(0));
        let order: Vec<_> = std::iter::from_fn(|| free.pop_front()).collect();
        assert_eq!(order, [2, 1, 3]);
        assert!(free.is_empty());
    }
}
