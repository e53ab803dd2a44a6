//! A mailbox: many threads send, one event loop receives.
//!
//! A loop cannot wait for a channel and for sockets together. A sender therefore signals through a
//! descriptor, which the loop watches like any other. The loop takes all messages at once, with one
//! lock for a batch. It hands in an empty vector that becomes the next one to be filled, so neither
//! side allocates once both vectors have grown.
//!
//! A flag remembers that a signal is pending. Senders write to the descriptor only if none is: once
//! for each batch, not once for each message.

use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::PoisonError;

use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering::SeqCst, Signal};

/// A queue with a descriptor that is readable while there is something to take.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    queue: Mutex<Queue<T>>,
    /// Whether the descriptor is readable, or is about to be.
    signalled: AtomicBool,
    signal: Signal,
}

#[derive(Debug)]
struct Queue<T> {
    messages: Vec<T>,
    closed: bool,
}

impl<T> Mailbox<T> {
    /// An empty mailbox.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            queue: Mutex::new(Queue { messages: Vec::new(), closed: false }),
            signalled: AtomicBool::new(false),
            signal: Signal::new()?,
        })
    }

    /// Hands a message over. It never waits for the receiver.
    pub(crate) fn send(&self, message: T) {
        self.lock().messages.push(message);
        self.wake();
    }

    /// Closes the mailbox: no more will be sent.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.wake();
    }

    /// Moves everything that was sent to the end of `into`, and clears the signal. Returns false
    /// once the mailbox is closed and was found empty. Until then another signal is, or will be,
    /// there: a loop that watches the descriptor learns of it, edge- or level-triggered.
    pub(crate) fn take(&self, into: &mut Vec<T>) -> bool {
        // First the descriptor, then the flag, then the queue. A sender that finds the flag set
        // relies on a take that has not looked into the queue yet. If the flag were cleared before
        // the descriptor, a signal written in between would be wiped out while the flag stays set,
        // and no sender would ever signal again. The flag is exchanged and not stored, so all its
        // changes are read-modify-writes, one after the other.
        self.signal.clear();
        self.signalled.swap(false, SeqCst);
        let mut queue = self.lock();
        let found = !queue.messages.is_empty();
        if into.is_empty() {
            mem::swap(into, &mut queue.messages);
        } else {
            into.append(&mut queue.messages);
        }
        let closed = queue.closed;
        drop(queue);
        if closed && found {
            self.wake();
        }
        found || !closed
    }

    /// Called after the change that the receiver is to see.
    fn wake(&self) {
        if !self.signalled.swap(true, SeqCst) {
            self.signal.raise();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> AsFd for Mailbox<T> {
    /// Readable while there is something to take. A loop watches it and does not read it.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signal.as_fd()
    }
}

#[cfg(all(test, not(c10k_loom)))]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn readable(mailbox: &Mailbox<u32>) -> bool {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(mailbox, PollFlags::IN)], Some(&at_once)).expect("poll") == 1
    }

    /// Waits on the descriptor as an event loop does; a wake-up that is lost hangs no test.
    fn wait(mailbox: &Mailbox<u32>) {
        let generous = Timespec { tv_sec: 30, tv_nsec: 0 };
        let ready =
            poll(&mut [PollFd::new(mailbox, PollFlags::IN)], Some(&generous)).expect("poll");
        assert_eq!(ready, 1, "a wake-up was lost");
    }

    #[test]
    fn what_is_sent_is_taken_in_order_and_at_once() {
        let mailbox = Mailbox::new().unwrap();
        assert!(!readable(&mailbox));
        for message in 1..=3 {
            mailbox.send(message);
        }
        assert!(readable(&mailbox));
        let mut taken = vec![0];
        assert!(mailbox.take(&mut taken));
        assert_eq!(taken, [0, 1, 2, 3]);
        assert!(!readable(&mailbox));
        assert!(mailbox.take(&mut taken), "nothing there, but more may come");
        mailbox.send(4);
        assert!(readable(&mailbox), "the signal works more than once");
    }

    #[test]
    fn a_batch_costs_one_signal() {
        let mailbox = Mailbox::new().unwrap();
        for message in 0..100 {
            mailbox.send(message);
        }
        let mut count = [0; 8];
        rustix::io::read(&mailbox, &mut count).unwrap();
        assert_eq!(u64::from_ne_bytes(count), 1);
    }

    #[test]
    fn the_vectors_change_places() {
        let mailbox = Mailbox::new().unwrap();
        let mut taken = Vec::with_capacity(64);
        let given = taken.as_ptr();
        mailbox.send(1);
        mailbox.take(&mut taken);
        taken.clear();
        mailbox.send(2);
        mailbox.take(&mut taken);
        assert_eq!((taken.as_ptr(), taken.as_slice()), (given, [2].as_slice()));
    }

    #[test]
    fn the_end_is_seen_after_the_last_message() {
        let mailbox = Mailbox::new().unwrap();
        mailbox.send(1);
        mailbox.close();
        let mut taken = Vec::new();
        assert!(mailbox.take(&mut taken));
        assert_eq!(taken, [1]);
        assert!(readable(&mailbox), "the end has a signal of its own");
        assert!(!mailbox.take(&mut taken));
        assert!(!mailbox.take(&mut taken));
    }

    #[test]
    fn many_threads_send_and_nothing_is_lost_or_repeated() {
        const SENDERS: u32 = 4;
        const EACH: u32 = 2000;
        let mailbox = Mailbox::new().unwrap();
        let (mut all, mut batch) = (Vec::new(), Vec::new());
        std::thread::scope(|scope| {
            let mailbox = &mailbox;
            scope.spawn(move || {
                std::thread::scope(|senders| {
                    for sender in 0..SENDERS {
                        senders.spawn(move || {
                            for n in 0..EACH {
                                mailbox.send(sender * EACH + n);
                            }
                        });
                    }
                });
                mailbox.close();
            });
            wait(mailbox);
            while mailbox.take(&mut batch) {
                all.append(&mut batch);
                wait(mailbox);
            }
        });
        for sender in 0..SENDERS {
            let its: Vec<u32> = all.iter().copied().filter(|n| n / EACH == sender).collect();
            let expected: Vec<u32> = (sender * EACH..(sender + 1) * EACH).collect();
            assert_eq!(its, expected, "each sender's messages arrive once and in order");
        }
    }
}

#[cfg(all(test, c10k_loom))]
mod races {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// An event loop: waits for the descriptor, takes, and stops when told that no more comes.
    fn receive_all(mailbox: &Mailbox<u32>) -> Vec<u32> {
        let (mut all, mut batch) = (Vec::new(), Vec::new());
        loop {
            mailbox.signal.wait();
            let more = mailbox.take(&mut batch);
            all.append(&mut batch);
            if !more {
                return all;
            }
        }
    }

    fn shared() -> Arc<Mailbox<u32>> {
        Arc::new(Mailbox::new().expect("a modelled descriptor"))
    }

    /// A loop that waits for what never came would be a deadlock, which the model reports.
    #[test]
    fn races_of_two_senders_lose_and_repeat_nothing() {
        loom::model(|| {
            let mailbox = shared();
            let senders = [1, 2].map(|message| {
                let mailbox = mailbox.clone();
                thread::spawn(move || mailbox.send(message))
            });
            let mut all = Vec::new();
            while all.len() < 2 {
                mailbox.signal.wait();
                assert!(mailbox.take(&mut all), "it is not closed");
            }
            all.sort_unstable();
            assert_eq!(all, [1, 2]);
            for sender in senders {
                sender.join().expect("a sender");
            }
        });
    }

    #[test]
    fn races_of_a_burst_keep_its_order() {
        loom::model(|| {
            let mailbox = shared();
            let sender = {
                let mailbox = mailbox.clone();
                thread::spawn(move || (1..=3).for_each(|message| mailbox.send(message)))
            };
            let mut all = Vec::new();
            while all.len() < 3 {
                mailbox.signal.wait();
                mailbox.take(&mut all);
            }
            assert_eq!(all, [1, 2, 3]);
            sender.join().expect("the sender");
        });
    }

    #[test]
    fn races_of_the_end_leave_nothing_behind() {
        loom::model(|| {
            let mailbox = shared();
            let sender = {
                let mailbox = mailbox.clone();
                thread::spawn(move || {
                    mailbox.send(1);
                    mailbox.send(2);
                    mailbox.close();
                })
            };
            assert_eq!(receive_all(&mailbox), [1, 2]);
            sender.join().expect("the sender");
        });
    }

    /// A loop also takes when something else woke it, and must not lose a wake-up by that.
    #[test]
    fn races_with_a_take_that_nobody_asked_for() {
        loom::model(|| {
            let mailbox = shared();
            let sender = {
                let mailbox = mailbox.clone();
                thread::spawn(move || {
                    mailbox.send(1);
                    mailbox.send(2);
                })
            };
            let mut all = Vec::new();
            mailbox.take(&mut all);
            while all.len() < 2 {
                mailbox.signal.wait();
                mailbox.take(&mut all);
            }
            assert_eq!(all, [1, 2]);
            sender.join().expect("the sender");
        });
    }
}
