//! An io_uring, as the completion loops use it: operations go in, completions come out, and
//! nothing that was started is forgotten.
//!
//! What the kernel works on must stay where it is until it says that it is done. The functions
//! that hand it memory of ours are `unsafe` for that reason and no other.

mod buffers;

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::panic::resume_unwind;
use std::ptr;
use std::thread;
use std::time::Duration;

use io_uring::squeue::Entry;
use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, Probe, cqueue, opcode};
use rustix::event::PollFlags;
use rustix::io::Errno;

use crate::net::Listener;

pub(crate) use buffers::Buffers;

/// Operations handed over at a time.
const SUBMISSIONS: u32 = 256;
/// Completions that the kernel can lay down before it has to keep them elsewhere, which is slower
/// and loses none.
const COMPLETIONS: u32 = 4096;
/// Completions taken at a time. More would only make the first wait for the last.
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

/// What came of an operation.
#[derive(Debug)]
pub(crate) struct Completion {
    /// What was to be done.
    pub(crate) op: Op,
    /// For whom.
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
    /// What a full queue had no room for.
    backlog: VecDeque<Entry>,
}

impl Ring {
    /// Makes a ring.
    ///
    /// # Errors
    /// When the kernel has none, or does not give us one.
    pub(crate) fn new() -> io::Result<Self> {
        let mut builder = IoUring::builder();
        builder.setup_clamp().setup_cqsize(COMPLETIONS);
        let plain = builder.clone();
        // The kernel does its part when this thread asks for completions, instead of interrupting
        // it whenever bytes arrive; Linux 6.1 and later.
        builder.setup_single_issuer().setup_defer_taskrun();
        let ring = match builder.build(SUBMISSIONS) {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => plain.build(SUBMISSIONS),
            ring => ring,
        }?;
        Ok(Self { ring, backlog: VecDeque::new() })
    }

    /// A ring that does all of these, or why there is none.
    fn that_does(opcodes: &[(u8, &str)]) -> Result<Self, String> {
        let ring = Self::new().map_err(|error| {
            let disabled = fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
            refusal(&error, disabled.unwrap_or_default().trim())
        })?;
        let parameters = ring.ring.params();
        if !parameters.is_feature_nodrop() || !parameters.is_feature_ext_arg() {
            return Err("io_uring lacks waits with a timeout: Linux 5.11 or later is needed".into());
        }
        let mut probe = Probe::new();
        let registered = ring.ring.submitter().register_probe(&mut probe);
        registered.map_err(|error| format!("cannot probe io_uring's operations: {error}"))?;
        match opcodes.iter().find(|(code, _)| !probe.is_supported(*code)) {
            Some((_, name)) => Err(format!("io_uring lacks {name}: a later Linux is needed")),
            None => Ok(ring),
        }
    }

    /// Accepts one client. Its socket will block: an operation on one that does not could be told
    /// to try again, instead of being waited for.
    pub(crate) fn accept(&mut self, listener: Listener) {
        let entry = opcode::Accept::new(fd(&listener), ptr::null_mut(), ptr::null_mut());
        self.push(Op::Accept, 0, entry.flags(libc::SOCK_CLOEXEC).build());
    }

    /// Accepts clients until it fails.
    pub(crate) fn accept_all(&mut self, listener: Listener) {
        let entry = opcode::AcceptMulti::new(fd(&listener)).flags(libc::SOCK_CLOEXEC);
        self.push(Op::Accept, 0, entry.build());
    }

    /// Waits until it is readable, and does not read it: a client to accept, or one that can go on.
    pub(crate) fn await_readable(&mut self, op: Op, descriptor: &impl AsFd) {
        let flags = u32::from(PollFlags::IN.bits());
        self.push(op, 0, opcode::PollAdd::new(fd(descriptor), flags).build());
    }

    /// Receives into `space`.
    ///
    /// # Safety
    /// Until the completion, `space` stays allocated and nobody reads or writes it.
    #[expect(unsafe_code, reason = "the kernel writes after we have returned")]
    pub(crate) unsafe fn recv(&mut self, place: u32, socket: &impl AsFd, space: &mut [u8]) {
        let entry = opcode::Recv::new(fd(socket), space.as_mut_ptr(), length(space.len()));
        self.push(Op::Recv, place, entry.build());
    }

    /// Receives so many bytes at most, and drops them.
    pub(crate) fn recv_nowhere(&mut self, place: u32, socket: &impl AsFd, most: usize) {
        let entry = opcode::Recv::new(fd(socket), ptr::null_mut(), length(most));
        self.push(Op::Recv, place, entry.flags(libc::MSG_TRUNC).build());
    }

    /// Receives until it fails, each time into one of the provided buffers.
    pub(crate) fn recv_all(&mut self, place: u32, socket: &impl AsFd, buffers: &Buffers) {
        let entry = opcode::RecvMulti::new(fd(socket), buffers.group());
        self.push(Op::Recv, place, entry.build());
    }

    /// Sends `bytes`, or some of them.
    ///
    /// # Safety
    /// Until the completion, `bytes` stay allocated and nobody writes them.
    #[expect(unsafe_code, reason = "the kernel reads after we have returned")]
    pub(crate) unsafe fn send(&mut self, place: u32, socket: &impl AsFd, bytes: &[u8]) {
        let entry = opcode::Send::new(fd(socket), bytes.as_ptr(), length(bytes.len()));
        self.push(Op::Send, place, entry.flags(libc::MSG_NOSIGNAL).build());
    }

    /// Ends an operation that was started for `place`; its last completion still comes.
    pub(crate) fn cancel(&mut self, op: Op, place: u32) {
        let entry = opcode::AsyncCancel::new(user_data(op, place));
        self.push(Op::Cancel, place, entry.build());
    }

    /// Hands over what was pushed and waits for completions, but no longer than `timeout`.
    ///
    /// # Errors
    /// When the kernel refuses for a reason that is ours.
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
        // Also without a wait one completion is asked for: only who asks lets the kernel do what
        // it has deferred.
        pass(self.ring.submitter().submit_with_args(1, &args))?;
        completions.extend(self.ring.completion().map(read).take(COMPLETIONS_PER_TURN_MAX));
        Ok(())
    }

    fn push(&mut self, op: Op, place: u32, entry: Entry) {
        let entry = entry.user_data(user_data(op, place));
        // In order: what waits was first.
        if !self.backlog.is_empty() || !self.has_pushed(&entry) && !self.has_pushed_on(&entry) {
            self.backlog.push_back(entry);
        }
    }

    /// Pushes into a queue that was full. Whatever the kernel refuses now it is offered again.
    fn has_pushed_on(&mut self, entry: &Entry) -> bool {
        self.has_made_room().unwrap_or(false) && self.has_pushed(entry)
    }

    /// Hands over a full queue; `false` when the kernel does not take it now.
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

/// Whether a ring can be made here that does all of these, and passes a trial of the model's own.
///
/// # Errors
/// What refuses it, by name.
pub(crate) fn probe(
    opcodes: &[(u8, &str)],
    trial: impl FnOnce(&Ring) -> Result<(), String> + Send,
) -> Result<(), String> {
    // In a thread of its own: the kernel takes a ring down later, and interrupts whatever call its
    // maker is in by then.
    let tried = thread::scope(|scope| {
        let probe = || trial(&Ring::that_does(opcodes)?);
        let thread = thread::Builder::new().spawn_scoped(scope, probe);
        thread.map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    tried.unwrap_or_else(|error| {
        Err(format!("cannot start a thread to probe io_uring: {error}; see ulimit -u"))
    })
}

/// Why there is no ring. `disabled` is what the system says about rings.
fn refusal(error: &io::Error, disabled: &str) -> String {
    match (Errno::from_io_error(error), disabled) {
        (Some(Errno::NOSYS), _) => {
            "the kernel has no io_uring, or a seccomp filter blocks it (ENOSYS)".into()
        }
        (Some(Errno::PERM), "2") => {
            "io_uring is disabled (EPERM): sysctl kernel.io_uring_disabled is 2".into()
        }
        (Some(Errno::PERM), "1") => "io_uring is restricted to privileged processes and \
            kernel.io_uring_group (EPERM): sysctl kernel.io_uring_disabled is 1"
            .into(),
        (Some(Errno::PERM), _) => "io_uring_setup(2) is forbidden (EPERM), probably by a \
            container's seccomp filter"
            .into(),
        (Some(Errno::NOMEM), _) => {
            "not enough lockable memory for io_uring (ENOMEM): raise ulimit \
            -l"
            .into()
        }
        (Some(Errno::MFILE), _) => format!("no descriptor for io_uring: {error}; see ulimit -n"),
        _ => format!("io_uring_setup(2) failed: {error}"),
    }
}

/// What is no failure: a signal came, the time is over, or the kernel wants completions to be taken
/// first. What it did not take is still in the queue.
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
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    /// So many completions, in the order in which they came.
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
        let Ok(mut ring) = Ring::new() else { return };
        let (socket, peer) = UnixStream::pair().unwrap();
        drop(peer);
        (0..OPERATIONS).for_each(|place| ring.recv_nowhere(place, &socket, 1));
        let completions = complete(&mut ring, OPERATIONS as usize);
        let mut places: Vec<u32> = completions.iter().map(|completion| completion.place).collect();
        places.sort_unstable();
        assert!(places.into_iter().eq(0..OPERATIONS));
    }

    #[test]
    fn a_probe_interrupts_nobody_afterwards() {
        let (mut socket, _peer) = UnixStream::pair().unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        for _ in 0..5 {
            // Whether there is a ring or none is the same here.
            let _ = probe(&[], |_| Ok(()));
            let silence = socket.read(&mut [0]).unwrap_err();
            assert_eq!(silence.kind(), io::ErrorKind::WouldBlock, "{silence}");
        }
    }

    #[test]
    fn provided_buffers_are_used_again() {
        let Ok(mut ring) = Ring::new() else { return };
        let mut buffers = Buffers::new(&ring, 2, 4).unwrap();
        let (socket, mut peer) = UnixStream::pair().unwrap();
        let (mut received, mut without_buffer) = (Vec::new(), 0);
        let message: Vec<u8> = (0..100).collect();
        peer.write_all(&message).unwrap();
        ring.recv_all(7, &socket, &buffers);
        while received.len() < message.len() {
            for completion in complete(&mut ring, 1) {
                assert_eq!((completion.op, completion.place), (Op::Recv, 7));
                received.extend_from_slice(buffers.bytes(&completion));
                buffers.give_back(&completion);
                if completion.result == Err(Errno::NOBUFS) {
                    without_buffer += 1;
                    ring.recv_all(7, &socket, &buffers);
                }
            }
        }
        assert_eq!(received, message);
        assert!(without_buffer > 0, "eight bytes of buffers hold no hundred");
    }

    #[test]
    fn whatever_refuses_a_ring_is_named() {
        let refused = |errno: Errno, disabled| refusal(&errno.into(), disabled);
        assert!(refused(Errno::NOSYS, "").contains("ENOSYS"));
        assert!(refused(Errno::PERM, "2").contains("kernel.io_uring_disabled is 2"));
        assert!(refused(Errno::PERM, "1").contains("kernel.io_uring_group"));
        assert!(refused(Errno::PERM, "0").contains("seccomp"));
        assert!(refused(Errno::NOMEM, "0").contains("ulimit -l"));
        assert!(refused(Errno::MFILE, "0").contains("Too many open files"));
    }
}
