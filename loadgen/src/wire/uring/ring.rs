//! The two queues of one io_uring: operations go in, completions come out.
//!
//! It differs from the servers' ring. That one waits for any completion; this one must keep to
//! instants and count its submissions. If the generator shared code with the server, it could share
//! its faults.

use std::collections::VecDeque;
use std::fs;
use std::io;

use io_uring::squeue::Entry;
use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, cqueue};
use rustix::io::Errno;

/// Operations that the queue holds.
const SUBMISSIONS: u32 = 256;
/// Completions that the queue holds. The kernel keeps further ones elsewhere, which is slower but loses
/// none.
const COMPLETIONS: u32 = 4096;

const NS_PER_S: u64 = 1_000_000_000;

/// One ring, of the thread that made it.
pub(super) struct Ring {
    ring: IoUring,
    /// Operations that a full queue had no room for.
    backlog: VecDeque<Entry>,
    /// Operations ever pushed, and how many of them the kernel has taken, in order.
    pushed: u64,
    submitted: u64,
}

impl Ring {
    /// Makes a ring with the cheapest options that this kernel knows.
    ///
    /// # Errors
    /// If the kernel has no io_uring, or refuses it.
    pub(super) fn new() -> io::Result<Self> {
        let mut plain = IoUring::builder();
        plain.setup_clamp().setup_cqsize(COMPLETIONS);
        // Linux 5.19: the kernel does its part of the work when this thread makes a system call, instead
        // of interrupting it whenever bytes arrive.
        let mut cooperative = plain.clone();
        cooperative.setup_coop_taskrun();
        // Linux 6.1: only when this thread asks for completions.
        let mut deferred = cooperative.clone();
        deferred.setup_single_issuer().setup_defer_taskrun();
        let unknown = |error: &io::Error| error.kind() == io::ErrorKind::InvalidInput;
        let mut ring = deferred.build(SUBMISSIONS);
        for simpler in [&cooperative, &plain] {
            if ring.as_ref().is_err_and(unknown) {
                ring = simpler.build(SUBMISSIONS);
            }
        }
        Ok(Self { ring: ring?, backlog: VecDeque::new(), pushed: 0, submitted: 0 })
    }

    /// The first feature that this kernel lacks and the wire needs.
    pub(super) fn lacks(&self) -> Option<&'static str> {
        let parameters = self.ring.params();
        [
            (parameters.is_feature_nodrop(), "completions that are never dropped"),
            (parameters.is_feature_ext_arg(), "waits with a timeout"),
            (parameters.is_feature_skip_cqe_on_success(), "success without a completion"),
        ]
        .into_iter()
        .find_map(|(has, what)| (!has).then_some(what))
    }

    pub(super) fn io_uring(&self) -> &IoUring {
        &self.ring
    }

    /// Queues an operation and returns its number, from 1.
    ///
    /// # Safety
    /// Memory that the operation names must stay allocated and unchanged until the kernel is done with it.
    #[expect(unsafe_code, reason = "an operation works on memory that it only names")]
    pub(super) unsafe fn push(&mut self, entry: Entry) -> u64 {
        self.pushed += 1;
        // Operations in the backlog go first, to keep the order.
        if !self.backlog.is_empty() || !self.has_pushed(&entry) {
            self.backlog.push_back(entry);
            // Operations that the kernel refuses now are offered again later.
            let _ = self.submit();
        }
        self.pushed
    }

    /// Whether the kernel has taken the operation with this number.
    pub(super) fn has_submitted(&self, number: u64) -> bool {
        number <= self.submitted
    }

    /// Whether nothing waits for the next submission.
    pub(super) fn is_flushed(&self) -> bool {
        self.pushed == self.submitted
    }

    /// Submits all pushed operations. Those that the kernel does not take now stay queued.
    ///
    /// # Errors
    /// If the kernel refuses for a reason that is a fault of this program.
    pub(super) fn submit(&mut self) -> Result<(), Errno> {
        while !self.is_flushed() {
            self.refill();
            let before = self.submitted;
            self.enter(0, EnterFlags::empty(), None)?;
            if self.submitted == before {
                break;
            }
        }
        Ok(())
    }

    /// Submits all pushed operations and waits for a completion, but no longer than `ns`. With 0, only
    /// lets the kernel put available completions into the queue.
    ///
    /// # Errors
    /// If the kernel refuses for a reason that is a fault of this program.
    pub(super) fn wait(&mut self, ns: u64) -> Result<(), Errno> {
        if !self.backlog.is_empty() {
            self.submit()?;
        }
        if ns == 0 || !self.backlog.is_empty() {
            return self.enter(0, EnterFlags::GETEVENTS, None);
        }
        let part = u32::try_from(ns % NS_PER_S).expect("a part of a second");
        let timeout = Timespec::new().sec(ns / NS_PER_S).nsec(part);
        let args = SubmitArgs::new().timespec(&timeout);
        self.enter(1, EnterFlags::GETEVENTS | EnterFlags::EXT_ARG, Some(&args))
    }

    /// The next completion in the queue.
    pub(super) fn completion(&mut self) -> Option<cqueue::Entry> {
        self.ring.completion().next()
    }

    fn enter(
        &mut self,
        wanted: u32,
        flags: EnterFlags,
        args: Option<&SubmitArgs<'_, '_>>,
    ) -> Result<(), Errno> {
        let queued = self.pushed - self.submitted - self.backlog.len() as u64;
        let queued = u32::try_from(queued).expect("the queue holds no more");
        #[expect(unsafe_code, reason = "a system call of the kernel's interface")]
        // SAFETY: the flag EXT_ARG is set exactly when the argument is one of that kind, which
        // outlives the call.
        let taken = unsafe { self.ring.submitter().enter(queued, wanted, flags.bits(), args) };
        match taken {
            Ok(taken) => self.submitted += taken as u64,
            // Not a failure: a signal arrived, the time is over, or completions must be taken first.
            // Operations that the kernel did not take are still in the queue.
            Err(error) => match Errno::from_io_error(&error).unwrap_or(Errno::IO) {
                Errno::INTR | Errno::TIME | Errno::BUSY | Errno::AGAIN => {}
                errno => return Err(errno),
            },
        }
        Ok(())
    }

    /// Moves operations from the backlog into the queue, as many as there is room for.
    fn refill(&mut self) {
        while let Some(entry) = self.backlog.pop_front() {
            if !self.has_pushed(&entry) {
                self.backlog.push_front(entry);
                break;
            }
        }
    }

    fn has_pushed(&mut self, entry: &Entry) -> bool {
        #[expect(unsafe_code, reason = "an operation works on memory that it only names")]
        // SAFETY: the caller of `push` keeps that memory.
        unsafe { self.ring.submission().push(entry) }.is_ok()
    }
}

/// Why there is no ring, in words.
pub(super) fn refusal(error: &io::Error) -> String {
    let disabled = fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
    match (Errno::from_io_error(error), disabled.trim()) {
        (Some(Errno::NOSYS), _) => {
            "the kernel has no io_uring, or a seccomp filter blocks it \
            (ENOSYS)"
        }
        (Some(Errno::PERM), "1" | "2") => {
            "io_uring is disabled (EPERM): see sysctl kernel.io_uring_disabled"
        }
        (Some(Errno::PERM), _) => {
            "io_uring_setup(2) is forbidden (EPERM), probably by the container's seccomp filter"
        }
        (Some(Errno::NOMEM), _) => {
            "not enough lockable memory for io_uring (ENOMEM): raise ulimit \
            -l"
        }
        _ => return format!("io_uring_setup(2) failed: {error}"),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use io_uring::opcode;

    #[test]
    fn more_operations_than_the_queues_hold_all_complete_once() {
        const OPERATIONS: u64 = 2 * COMPLETIONS as u64;
        let Ok(mut ring) = Ring::new() else { return };
        for number in 0..OPERATIONS {
            let entry = opcode::Nop::new().build().user_data(number);
            #[expect(unsafe_code, reason = "every operation is pushed like that")]
            // SAFETY: doing nothing names no memory.
            unsafe {
                ring.push(entry);
            }
        }
        let mut seen = Vec::new();
        while (seen.len() as u64) < OPERATIONS {
            ring.wait(30 * NS_PER_S).unwrap();
            let before = seen.len();
            while let Some(completion) = ring.completion() {
                seen.push(completion.user_data());
            }
            assert!(seen.len() > before, "a completion was lost");
        }
        assert!(ring.is_flushed());
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..OPERATIONS));
    }

    #[test]
    fn a_wait_without_completions_ends() {
        let Ok(mut ring) = Ring::new() else { return };
        ring.wait(0).unwrap();
        ring.wait(1_000_000).unwrap();
        assert!(ring.completion().is_none());
    }

    #[test]
    fn whatever_refuses_a_ring_is_named() {
        assert!(refusal(&Errno::NOSYS.into()).contains("ENOSYS"));
        assert!(refusal(&Errno::PERM.into()).contains("EPERM"));
        assert!(refusal(&Errno::NOMEM.into()).contains("ulimit -l"));
        assert!(refusal(&Errno::MFILE.into()).contains("Too many open files"));
    }
}
