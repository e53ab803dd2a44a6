//! The connections that are free, longest free first.

/// A queue of numbers below a fixed bound, each in it at most once. A number can be taken from the
/// middle in constant time: a connection that the server closes while it is free must leave the queue,
/// and a search among ten thousand would be too slow.
///
/// A doubly linked list in one vector: nothing is allocated after `new`.
#[derive(Debug)]
pub(crate) struct Fifo {
    /// The neighbours of each number. The last entry is the list's head, so that the ends are no
    /// special cases. A number that is not in the queue is its own neighbour.
    links: Vec<Link>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    before: usize,
    after: usize,
}

impl Fifo {
    /// An empty queue for the numbers below `bound`.
    pub(crate) fn new(bound: usize) -> Self {
        Self { links: (0..=bound).map(|i| Link { before: i, after: i }).collect() }
    }

    fn head(&self) -> usize {
        self.links.len() - 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.links[self.head()].after == self.head()
    }

    pub(crate) fn contains(&self, item: usize) -> bool {
        self.links[item].after != item
    }

    /// Puts `item` last; it must not be in the queue.
    pub(crate) fn push_back(&mut self, item: usize) {
        debug_assert!(!self.contains(item));
        let (head, last) = (self.head(), self.links[self.head()].before);
        self.links[item] = Link { before: last, after: head };
        self.links[last].after = item;
        self.links[head].before = item;
    }

    pub(crate) fn pop_front(&mut self) -> Option<usize> {
        let first = self.links[self.head()].after;
        self.remove(first).then_some(first)
    }

    /// Takes `item` out, wherever it is. Returns whether it was in the queue.
    pub(crate) fn remove(&mut self, item: usize) -> bool {
        let Link { before, after } = self.links[item];
        if item == after || item == self.head() {
            return false;
        }
        self.links[before].after = after;
        self.links[after].before = before;
        self.links[item] = Link { before: item, after: item };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn it_is_a_queue_with_removal(steps in prop::collection::vec((0..3, 0_usize..5), 0..60)) {
            let (mut fifo, mut model) = (Fifo::new(5), VecDeque::new());
            for (step, item) in steps {
                match step {
                    0 if !model.contains(&item) => {
                        fifo.push_back(item);
                        model.push_back(item);
                    }
                    0 => {}
                    1 => prop_assert_eq!(fifo.pop_front(), model.pop_front()),
                    _ => {
                        prop_assert_eq!(fifo.remove(item), model.contains(&item));
                        model.retain(|other| *other != item);
                    }
                }
                prop_assert_eq!(fifo.is_empty(), model.is_empty());
                prop_assert!((0..5).all(|i| fifo.contains(i) == model.contains(&i)));
            }
        }
    }
}
