//! An io_uring for the completion loops: it submits operations, returns completions, and tracks
//! every operation to its end.
//!
//! Memory that the kernel uses must not move until the operation is complete. The functions that
//! pass such memory to the kernel are `unsafe` for that reason only.

mod buffers;
mod files;
mod probe;
mod settings;

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use io_uring::squeue::{Entry, Flags};
use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode};
use rustix::event::PollFlags;
use rustix::io::Errno;

use crate::net::Listener;

pub(crate) use buffers::Buffers;
use files::Files;
pub(crate) use probe::probe;
pub use settings::{Receives, Settings};

/// Operations in one submission at most.
const SUBMISSIONS: u32 = 256;
/// Places in the completion queue. The kernel keeps further completions elsewhere: that is slower,
/// and loses none.
const COMPLETIONS: u32 = 4096;
/// Completions taken at a time. With more, the first would only wait for the last.
const COMPLETIONS_PER_TURN_MAX: usize = 256;

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Op {
    /// Accepting a client.
    Accept,
    /// Waiting until a client can be accepted.
    Arrival,
    /// Receiving.
    Recv,
    /// Sending.
    Send,
    /// Ending another operation.
    Cancel,
    /// Waiting until a client can go on outside its connection.
    Others,
}

/// The result of an operation.
#[derive(Debug)]
pub(crate) struct Completion {
    /// The kind of the operation.
    pub(crate) op: Op,
    /// The client that it was for.
    pub(crate) place: u32,
    /// A number of bytes, or a descriptor.
    pub(crate) result: Result<u32, Errno>,
    /// The operation goes on, and will complete again.
    pub(crate) more: bool,
    /// Which of the provided buffers the kernel has put the bytes into.
    pub(crate) buffer: Option<u16>,
}

/// One ring, of the thread that made it.
pub(crate) struct Ring {
    ring: IoUring,
    settings: Settings,
    /// Clients' sockets, where they are registered.
    files: Option<Files>,
    /// Operations for which the queue had no room.
    backlog: VecDeque<Entry>,
}

impl Ring {
    /// Makes a ring.
    ///
    /// # Errors
    /// When the kernel has none, or refuses one.
    pub(crate) fn new(settings: &Settings) -> io::Result<Self> {
        let ring = settings.build()?;
        let files = settings.registered.then(|| Files::new(&ring)).transpose()?;
        Ok(Self { ring, settings: *settings, files, backlog: VecDeque::new() })
    }

    /// How it is used.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Gives a client this name from now on.
    pub(crate) fn joined(&mut self, place: u32, socket: &impl AsFd) {
        if let Some(files) = &mut self.files {
            files.put(&self.ring, place, socket);
        }
    }

    /// A client has left, and is about to be closed.
    pub(crate) fn left(&mut self, place: u32) {
        if let Some(files) = &mut self.files {
            files.remove(&self.ring, place);
        }
    }

    /// Accepts one client. Its socket is a blocking one: on a non-blocking socket an operation
    /// could complete with EAGAIN instead of waiting.
    pub(crate) fn accept(&mut self, listener: Listener) {
        let entry = opcode::Accept::new(fd(&listener), ptr::null_mut(), ptr::null_mut());
        self.push(Op::Accept, 0, entry.flags(libc::SOCK_CLOEXEC).build());
    }

    /// Accepts clients until it fails.
    pub(crate) fn accept_all(&mut self, listener: Listener) {
        let entry = opcode::AcceptMulti::new(fd(&listener)).flags(libc::SOCK_CLOEXEC);
        self.push(Op::Accept, 0, entry.build());
    }

    /// Waits until a descriptor is readable, without reading it: for a client to accept, or a
    /// client that can go on.
    pub(crate) fn await_readable(&mut self, op: Op, descriptor: &impl AsFd) {
        let flags = u32::from(PollFlags::IN.bits());
        self.push(op, 0, opcode::PollAdd::new(fd(descriptor), flags).build());
    }

    /// Receives into `space`.
    ///
    /// # Safety
    /// Until the completion, `space` stays allocated, and no other code reads or writes it.
    #[expect(unsafe_code, reason = "the kernel writes after we have returned")]
    pub(crate) unsafe fn recv(&mut self, place: u32, socket: &impl AsFd, space: &mut [u8]) {
        let entry =
            opcode::Recv::new(self.target(place, socket), space.as_mut_ptr(), length(space.len()));
        self.push_for(Op::Recv, place, entry.build());
    }

    /// Receives at most this number of bytes, and drops them.
    pub(crate) fn recv_nowhere(&mut self, place: u32, socket: &impl AsFd, most: usize) {
        let entry = opcode::Recv::new(self.target(place, socket), ptr::null_mut(), length(most));
        self.push_for(Op::Recv, place, entry.flags(libc::MSG_TRUNC).build());
    }

    /// Receives into one of the provided buffers, once or until it fails.
    pub(crate) fn recv_provided(&mut self, place: u32, socket: &impl AsFd, buffers: &Buffers) {
        let target = self.target(place, socket);
        let entry = match self.settings.receives {
            Receives::Multishot => opcode::RecvMulti::new(target, buffers.group()).build(),
            Receives::Own | Receives::Provided => {
                let into = opcode::Recv::new(target, ptr::null_mut(), 0);
                into.buf_group(buffers.group()).build().flags(Flags::BUFFER_SELECT)
            }
        };
        self.push_for(Op::Recv, place, entry);
    }

    /// Sends `bytes`, or some of them.
    ///
    /// # Safety
    /// Until the completion, `bytes` stay allocated, and no code writes them.
    #[expect(unsafe_code, reason = "the kernel reads after we have returned")]
    pub(crate) unsafe fn send(&mut self, place: u32, socket: &impl AsFd, bytes: &[u8]) {
        let entry =
            opcode::Send::new(self.target(place, socket), bytes.as_ptr(), length(bytes.len()));
        self.push_for(Op::Send, place, entry.flags(libc::MSG_NOSIGNAL).build());
    }

    /// Ends an operation that was started for `place`; its last completion still comes.
    pub(crate) fn cancel(&mut self, op: Op, place: u32) {
        let entry = opcode::AsyncCancel::new(user_data(op, place));
        self.push(Op::Cancel, place, entry.build());
    }

    /// Submits the pushed operations and waits for completions, but no longer than `timeout`.
    ///
    /// # Errors
    /// When the kernel refuses for a reason that is this program's fault.
    pub(crate) fn submit_and_wait(
        &mut self,
        timeout: Option<Duration>,
        completions: &mut Vec<Completion>,
    ) -> io::Result<()> {
        while let Some(entry) = self.backlog.pop_front() {
            if !self.has_pushed(&entry) {
                self.backlog.push_front(entry);
                if !self.has_made_room()? {
                    break;
                }
            }
        }
        let timeout = if self.backlog.is_empty() { timeout } else { Some(Duration::ZERO) };
        let timespec = timeout.map(Timespec::from);
        let mut args = SubmitArgs::new();
        if let Some(timespec) = &timespec {
            args = args.timespec(timespec);
        }
        // Even without a wait the call asks for one completion: the kernel does its deferred work
        // only when it is asked.
        if self.settings.polled && !self.ring.completion().is_empty() {
            // A system call only where the kernel's thread sleeps.
            pass(self.ring.submit())?;
        } else {
            pass(self.ring.submitter().submit_with_args(1, &args))?;
        }
        completions.extend(self.ring.completion().map(read).take(COMPLETIONS_PER_TURN_MAX));
        Ok(())
    }

    fn is_registered(&self, place: u32) -> bool {
        self.files.as_ref().is_some_and(|files| files.has(place))
    }

    /// How an operation names a client's socket, for [`Ring::push_for`].
    fn target(&self, place: u32, socket: &impl AsFd) -> Fd {
        if self.is_registered(place) { Files::name(place) } else { fd(socket) }
    }

    /// Pushes an operation on a client's socket.
    fn push_for(&mut self, op: Op, place: u32, entry: Entry) {
        let registered = self.is_registered(place);
        self.push(op, place, if registered { entry.flags(Flags::FIXED_FILE) } else { entry });
    }

    fn push(&mut self, op: Op, place: u32, entry: Entry) {
        let entry = entry.user_data(user_data(op, place));
        // In order: what waits was first.
        if !self.backlog.is_empty() || !self.has_pushed(&entry) && !self.has_pushed_on(&entry) {
            self.backlog.push_back(entry);
        }
        if !self.settings.batched {
            // Operations that the kernel does not take now are submitted at the end of the turn.
            let _ = self.ring.submit();
        }
    }

    /// Pushes into a queue that was full. The kernel gets another chance to take what it refused.
    fn has_pushed_on(&mut self, entry: &Entry) -> bool {
        self.has_made_room().unwrap_or(false) && self.has_pushed(entry)
    }

    /// Submits a full queue; `false` when the kernel does not take it now.
    fn has_made_room(&mut self) -> io::Result<bool> {
        pass(self.ring.submit())?;
        Ok(!self.ring.submission().is_full())
    }

    fn has_pushed(&mut self, entry: &Entry) -> bool {
        #[expect(unsafe_code, reason = "an operation works on memory that it only names")]
        // SAFETY: operations name no memory, or that of the two functions above whose callers
        // keep it.
        unsafe { self.ring.submission().push(entry) }.is_ok()
    }
}

impl Completion {
    /// The socket of a client that was accepted.
    pub(crate) fn accepted(self) -> Result<OwnedFd, Errno> {
        debug_assert_eq!(self.op, Op::Accept);
        let number = i32::try_from(self.result?).map_err(|_| Errno::BADF)?;
        #[expect(unsafe_code, reason = "the kernel has put a descriptor into a number")]
        // SAFETY: an accept that succeeds opens a descriptor for whoever takes its completion.
        Ok(unsafe { OwnedFd::from_raw_fd(number) })
    }
}

/// Results that are no failure: a signal arrived, the time is over, or the kernel wants its
/// completions taken first. Operations that it did not take are still in the queue.
fn pass(submitted: io::Result<usize>) -> io::Result<()> {
    match submitted {
        Ok(_) => Ok(()),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::INTR | Errno::TIME | Errno::BUSY | Errno::AGAIN) => Ok(()),
            _ => Err(error),
        },
    }
}

fn read(entry: cqueue::Entry) -> Completion {
    let (op, place) = (entry.user_data() >> 32, entry.user_data() & u64::from(u32::MAX));
    let op = [Op::Accept, Op::Arrival, Op::Recv, Op::Send, Op::Cancel, Op::Others]
        [usize::try_from(op).expect("one of ours")];
    let result = entry.result();
    Completion {
        op,
        place: u32::try_from(place).expect("32 bits are left"),
        result: u32::try_from(result).map_err(|_| Errno::from_raw_os_error(-result)),
        more: cqueue::more(entry.flags()),
        buffer: cqueue::buffer_select(entry.flags()),
    }
}

fn user_data(op: Op, place: u32) -> u64 {
    u64::from(op as u8) << 32 | u64::from(place)
}

fn fd(descriptor: &impl AsFd) -> Fd {
    Fd(descriptor.as_fd().as_raw_fd())
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    /// This number of completions, in their order of arrival.
    fn complete(ring: &mut Ring, count: usize) -> Vec<Completion> {
        let mut completions = Vec::new();
        while completions.len() < count {
            let before = completions.len();
            ring.submit_and_wait(Some(Duration::from_secs(30)), &mut completions).unwrap();
            assert!(completions.len() > before, "a completion was lost");
        }
        completions
    }

    #[test]
    fn more_operations_than_both_queues_hold_all_complete_once() {
        const OPERATIONS: u32 = 3 * COMPLETIONS;
        let Ok(mut ring) = Ring::new(&Settings::PLAIN) else { return };
        let (socket, peer) = UnixStream::pair().unwrap();
        drop(peer);
        (0..OPERATIONS).for_each(|place| ring.recv_nowhere(place, &socket, 1));
        let completions = complete(&mut ring, OPERATIONS as usize);
        let mut places: Vec<u32> = completions.iter().map(|completion| completion.place).collect();
        places.sort_unstable();
        assert!(places.into_iter().eq(0..OPERATIONS));
    }

    #[test]
    fn provided_buffers_are_used_again() {
        let multishot = Settings { receives: Receives::Multishot, ..Settings::PLAIN };
        let Ok(mut ring) = Ring::new(&multishot) else { return };
        let mut buffers = Buffers::new(&ring, 2, 4).unwrap();
        let (socket, mut peer) = UnixStream::pair().unwrap();
        let (mut received, mut without_buffer) = (Vec::new(), 0);
        let message: Vec<u8> = (0..100).collect();
        peer.write_all(&message).unwrap();
        ring.recv_provided(7, &socket, &buffers);
        while received.len() < message.len() {
            for completion in complete(&mut ring, 1) {
                assert_eq!((completion.op, completion.place), (Op::Recv, 7));
                received.extend_from_slice(buffers.bytes(&completion));
                buffers.give_back(&completion);
                if completion.result == Err(Errno::NOBUFS) {
                    without_buffer += 1;
                    ring.recv_provided(7, &socket, &buffers);
                }
            }
        }
        assert_eq!(received, message);
        assert!(without_buffer > 0, "eight bytes of buffers hold no hundred");
    }
}
