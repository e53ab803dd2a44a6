//! The two buffers of a connection.
//!
//! Both are empty `Vec`s while they hold nothing and the connection is idle, so an idle connection
//! uses no heap. Ten thousand idle clients are the usual case.

use alloc::vec::Vec;
use core::mem;

/// The first read of a connection offers this many bytes. One small request fits, and the
/// allocation stays in the size classes that common allocators keep ready per thread.
pub(crate) const READ_BYTES_MIN: usize = 1024;

/// Larger buffers are not kept as spare ones: a burst would stay in memory for ever.
const SPARE_BYTES_MAX: usize = 64 * 1024;

/// The buffers that the last resting connection has left, for the next that has a turn. With one for
/// each thread that gives turns, a request costs no allocation, and still no idle client holds memory.
#[derive(Debug, Default)]
pub struct Spare {
    inbox: Vec<u8>,
    outbox: Vec<u8>,
}

impl Spare {
    /// No buffers yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { inbox: Vec::new(), outbox: Vec::new() }
    }
}

/// Gives a buffer's memory back, or leaves it as the spare one.
#[inline]
fn leave(buffer: &mut Vec<u8>, spare: Option<&mut Vec<u8>>) {
    match spare {
        Some(spare) if (1..=SPARE_BYTES_MAX).contains(&buffer.capacity()) => {
            *spare = mem::take(buffer);
        }
        _ => *buffer = Vec::new(),
    }
}

/// Bytes received and not yet consumed.
#[derive(Debug)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// How much the first read offers.
    least: usize,
    /// How much to have room for; doubles when a read filled everything it was offered.
    want: usize,
}

impl Inbox {
    /// An empty inbox whose first read offers `least` bytes. Nothing is allocated yet.
    #[must_use]
    pub(crate) fn new(least: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, end: 0, least, want: least }
    }

    /// Makes room for the next read, never making the buffer larger than `max` bytes. Returns `false`
    /// when there is no memory for it.
    ///
    /// The caller consumes what it can first; an inbox that holds `max` unconsumed bytes is the
    /// caller's to refuse (see [`Inbox::is_full`]).
    #[must_use]
    #[inline]
    pub(crate) fn make_room(&mut self, max: usize) -> bool {
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
        let fits = self.end < self.bytes.len() && self.bytes.len() >= self.want.min(max);
        fits || self.make_more_room(max)
    }

    fn make_more_room(&mut self, max: usize) -> bool {
        if self.end == self.bytes.len() && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let want = self.want.min(max);
        if self.end == self.bytes.len() || self.bytes.len() < want {
            let len = want.max(self.bytes.len() * 2).min(max);
            // The doubling is ours: `Vec`'s own growth would step over `max`.
            if self.bytes.try_reserve_exact(len - self.bytes.len()).is_err() {
                return self.end < self.bytes.len();
            }
            self.bytes.resize(len, 0);
        }
        true
    }

    /// The room that [`Inbox::make_room`] has made, which is never empty.
    #[inline]
    pub(crate) fn space(&mut self) -> &mut [u8] {
        &mut self.bytes[self.end..]
    }

    /// Notes that `n` bytes were put at the start of the slice [`Inbox::space`] gave. Returns
    /// whether the read was short, which proves that the kernel had no more at that moment.
    ///
    /// # Panics
    /// When `n` is more than was offered: the driver is wrong, whatever the peer did.
    #[inline]
    pub(crate) fn received(&mut self, n: usize) -> bool {
        let offered = self.bytes.len() - self.end;
        assert!(n <= offered, "a driver reported {n} bytes of {offered} offered");
        self.end += n;
        if n == offered {
            self.want = self.bytes.len() * 2;
        }
        n < offered
    }

    /// What is there and not consumed.
    #[must_use]
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Whether everything that came has been consumed.
    #[must_use]
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Drops the first `n` unconsumed bytes.
    #[inline]
    pub(crate) fn consume(&mut self, n: usize) {
        self.start += n;
        debug_assert!(self.start <= self.end);
    }

    /// Whether `max` bytes are waiting and none of them could be consumed.
    #[must_use]
    #[inline]
    pub(crate) fn is_full(&self, max: usize) -> bool {
        self.end - self.start >= max
    }

    /// Gives the memory back, to the spare one if there may be one, when nothing is waiting in it.
    #[inline]
    pub(crate) fn rest(&mut self, spare: Option<&mut Spare>) {
        if self.is_empty() {
            // A burst is over when the connection rests; the next read may ask for less.
            self.want = (self.want / 2).max(self.least);
            leave(&mut self.bytes, spare.map(|spare| &mut spare.inbox));
            (self.start, self.end) = (0, 0);
        }
    }

    /// Uses the spare memory, unless it has some. What a burst has left is more than the next read
    /// asks for, and is not used again.
    #[inline]
    pub(crate) fn take_spare(&mut self, spare: &mut Spare) {
        if self.bytes.is_empty() && spare.inbox.len() <= self.want {
            mem::swap(&mut self.bytes, &mut spare.inbox);
        }
    }

    /// Bytes of heap held now.
    #[must_use]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

/// Bytes to be sent, and how many of them have left.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outbox {
    /// Makes room for a reply of so many bytes. Returns `false` when there is no memory for it.
    #[must_use]
    #[inline]
    pub(crate) fn make_room(&mut self, bytes: usize) -> bool {
        self.bytes.try_reserve(bytes).is_ok()
    }

    /// Where replies are appended.
    #[inline]
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What has not left yet.
    #[must_use]
    #[inline]
    pub(crate) fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Notes that the first `n` pending bytes have left.
    ///
    /// # Panics
    /// When `n` is more than was pending: the driver is wrong, whatever the peer did.
    #[inline]
    pub(crate) fn sent(&mut self, n: usize) {
        assert!(n <= self.pending().len(), "a driver reported more bytes sent than offered");
        self.sent += n;
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        }
    }

    /// Gives the memory back, to the spare one if there may be one, when nothing is pending.
    #[inline]
    pub(crate) fn rest(&mut self, spare: Option<&mut Spare>) {
        if self.pending().is_empty() {
            self.bytes.clear();
            self.sent = 0;
            leave(&mut self.bytes, spare.map(|spare| &mut spare.outbox));
        }
    }

    /// Uses the spare memory, unless it has some.
    #[inline]
    pub(crate) fn take_spare(&mut self, spare: &mut Spare) {
        if self.bytes.capacity() == 0 {
            mem::swap(&mut self.bytes, &mut spare.outbox);
        }
    }

    /// Bytes of heap held now.
    #[must_use]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Room in an inbox of at most `max` bytes.
    fn space(inbox: &mut Inbox, max: usize) -> &mut [u8] {
        assert!(inbox.make_room(max));
        inbox.space()
    }

    /// Receives all of `bytes` in one read.
    fn receive(inbox: &mut Inbox, bytes: &[u8], max: usize) -> bool {
        space(inbox, max)[..bytes.len()].copy_from_slice(bytes);
        inbox.received(bytes.len())
    }

    #[test]
    fn an_inbox_offers_the_same_space_until_something_is_received() {
        let mut inbox = Inbox::new(8);
        for _ in 0..3 {
            assert_eq!(space(&mut inbox, 64).len(), 8);
        }
        assert!(receive(&mut inbox, b"abc", 64), "a short read");
        for _ in 0..3 {
            assert_eq!((space(&mut inbox, 64).len(), inbox.bytes()), (5, &b"abc"[..]));
        }
    }

    #[test]
    fn an_inbox_grows_to_its_limit_and_no_further() {
        let mut inbox = Inbox::new(8);
        let mut received = Vec::new();
        while !inbox.is_full(40) {
            let space = space(&mut inbox, 40);
            space.fill(u8::try_from(received.len()).expect("a small limit"));
            received.extend_from_slice(space);
            let n = space.len();
            assert!(!inbox.received(n), "a full read");
        }
        assert_eq!((inbox.bytes(), inbox.heap_bytes()), (&received[..], 40));
    }

    #[test]
    fn what_does_not_fit_into_memory_leaves_an_outbox_as_it_was() {
        let mut outbox = Outbox::default();
        outbox.tail().extend_from_slice(b"reply");
        assert!(!outbox.make_room(usize::MAX / 2));
        assert_eq!(outbox.pending(), b"reply");
    }

    #[test]
    fn consumed_bytes_make_room_for_others() {
        let mut inbox = Inbox::new(8);
        receive(&mut inbox, b"abcdefgh", 8);
        inbox.consume(3);
        assert_eq!(space(&mut inbox, 8).len(), 3, "what is left moved to the start");
        receive(&mut inbox, b"ijk", 8);
        assert_eq!(inbox.bytes(), b"defghijk");
        inbox.consume(8);
        assert_eq!(space(&mut inbox, 8).len(), 8);
    }

    #[test]
    fn rest_keeps_what_is_waiting() {
        let mut inbox = Inbox::new(8);
        receive(&mut inbox, b"ab", 64);
        inbox.rest(None);
        assert_eq!(inbox.bytes(), b"ab");
        inbox.consume(2);
        inbox.rest(None);
        assert_eq!(inbox.heap_bytes(), 0);

        let mut outbox = Outbox::default();
        outbox.tail().extend_from_slice(b"reply");
        outbox.sent(2);
        outbox.rest(None);
        assert_eq!(outbox.pending(), b"ply");
        outbox.sent(3);
        outbox.rest(None);
        assert_eq!((outbox.pending(), outbox.heap_bytes()), (&b""[..], 0));
    }

    #[test]
    fn an_outbox_is_appended_to_while_part_of_it_has_left() {
        let mut outbox = Outbox::default();
        outbox.tail().extend_from_slice(b"one");
        outbox.sent(1);
        outbox.tail().extend_from_slice(b"two");
        assert_eq!(outbox.pending(), b"netwo");
        outbox.sent(5);
        outbox.tail().extend_from_slice(b"x");
        assert_eq!(outbox.pending(), b"x");
    }

    /// Bytes of heap that are kept for the next connection.
    fn kept(spare: &Spare) -> usize {
        spare.inbox.capacity() + spare.outbox.capacity()
    }

    #[test]
    fn spare_memory_serves_the_next_and_only_what_is_empty_leaves_any() {
        let (mut spare, mut first, mut second) = (Spare::new(), Inbox::new(8), Inbox::new(8));
        receive(&mut first, b"ab", 64);
        first.rest(Some(&mut spare));
        assert_eq!((first.bytes(), kept(&spare)), (&b"ab"[..], 0));
        first.consume(2);
        first.rest(Some(&mut spare));
        assert_eq!((first.heap_bytes(), kept(&spare)), (0, 8));
        second.take_spare(&mut spare);
        assert_eq!((second.heap_bytes(), kept(&spare)), (8, 0));
        assert_eq!(second.bytes(), b"", "bytes of another connection are no input");
        receive(&mut second, b"cd", 64);
        first.rest(Some(&mut spare));
        assert_eq!(kept(&spare), 0, "an inbox without memory leaves none");
        spare.inbox = alloc::vec![0; 4];
        second.take_spare(&mut spare);
        assert_eq!((second.bytes(), kept(&spare)), (&b"cd"[..], 4), "it has its own");
        spare.inbox = alloc::vec![0; 32];
        first.take_spare(&mut spare);
        assert_eq!((first.heap_bytes(), kept(&spare)), (0, 32), "a burst has left it");

        let mut outbox = Outbox::default();
        outbox.tail().extend_from_slice(b"reply");
        outbox.rest(Some(&mut spare));
        assert_eq!((outbox.pending(), spare.outbox.capacity()), (&b"reply"[..], 0));
        outbox.sent(5);
        outbox.rest(Some(&mut spare));
        assert_eq!((outbox.heap_bytes(), spare.outbox.len()), (0, 0));
        let mut other = Outbox::default();
        other.take_spare(&mut spare);
        assert!(other.heap_bytes() >= 5 && other.pending().is_empty());
    }

    #[test]
    fn a_burst_leaves_no_spare_memory() {
        let mut spare = Spare::new();
        let mut inbox = Inbox::new(SPARE_BYTES_MAX + 1);
        assert!(inbox.make_room(usize::MAX));
        inbox.rest(Some(&mut spare));
        let mut outbox = Outbox::default();
        assert!(outbox.make_room(SPARE_BYTES_MAX + 1));
        outbox.rest(Some(&mut spare));
        assert_eq!((inbox.heap_bytes(), outbox.heap_bytes(), kept(&spare)), (0, 0, 0));
    }
}
