//! Accepting: each attempt ends with a client, admitted or shed, or with a pause; every errno is
//! classified. It also accepts clients that wait in the kernel's queue when the server stops.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::PoisonError;
use std::sync::atomic::Ordering::SeqCst;

use protocol::Framing;
use rustix::io::Errno;
use rustix::net::{SendFlags, SocketFlags};

use super::{SERVER, Server};
use crate::connection::{Arrival, Conn};
use crate::{processes, stopping};

/// What came of one attempt to accept.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub(crate) enum Accepted {
    /// A client, admitted.
    Conn(Conn),
    /// A client was turned away, and that was counted; there may be more.
    TurnedAway,
    /// Nobody is waiting; only where the listener does not block.
    Nobody,
    /// Descriptors or memory ran out and shedding failed too, or the kernel refuses: leave the
    /// listener alone for a moment.
    Exhausted,
    /// The server is stopping.
    Stopped,
}

impl Server {
    /// What came of one accept. Every errno ends in one of the answers, or in `None`: try again.
    pub(crate) fn classify(
        &'static self,
        accepted: Result<OwnedFd, Errno>,
        again: impl Fn() -> Result<OwnedFd, Errno>,
    ) -> Option<Accepted> {
        Some(match accepted {
            Ok(stream) => self.admit(stream),
            // Stopping, or closing it alone, shuts the listener down, which shows as EINVAL. But accept(2) takes a
            // descriptor before it looks at the listener: so whatever it says now, it is over.
            Err(_) if stopping::accepts_no_more() => {
                self.next_rescued(self.nonblocking.load(SeqCst))
            }
            Err(Errno::AGAIN) => Accepted::Nobody,
            Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                self.accept_failed();
                if self.in_accept.load(SeqCst) > 0 {
                    // Another thread waits with a descriptor in its hand: the client is its.
                    return Some(Accepted::Nobody);
                }
                self.shed_one(again)
            }
            Err(Errno::INTR) => return None,
            // Linux hands over the error of a connection that died in the queue: the next one may
            // live (accept(2)).
            Err(
                Errno::CONNABORTED
                | Errno::CONNRESET
                | Errno::PROTO
                | Errno::NETDOWN
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::NONET
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NETUNREACH
                | Errno::TIMEDOUT,
            ) => {
                self.page.counters.dead_on_arrival();
                return None;
            }
            // What nobody has foreseen, or EPERM of a firewall, may be so for a while.
            Err(_) => {
                self.accept_failed();
                self.page.counters.accept_paused();
                Accepted::Exhausted
            }
        })
    }

    /// The next of those who had connected when the server was told to stop.
    pub(super) fn next_rescued(&'static self, nonblocking: bool) -> Accepted {
        let Some(stream) = self.take_rescued() else { return Accepted::Stopped };
        if nonblocking && rustix::io::ioctl_fionbio(&stream, true).is_err() {
            return Accepted::TurnedAway;
        }
        self.admit(stream)
    }

    pub(super) fn take_rescued(&self) -> Option<OwnedFd> {
        #[expect(unsafe_code, reason = "a signal handler knows descriptors by number only")]
        // SAFETY: the handler has accepted it and given it up, and nobody else takes it.
        self.rescued.take().map(|descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) })
    }

    /// Whether some of those who had connected when the server was told to stop are to be accepted.
    pub(crate) fn has_rescued(&self) -> bool {
        !self.rescued.is_empty()
    }

    /// In a child: those are the parent's.
    pub(crate) fn forget_rescued(&self) {
        while self.take_rescued().is_some() {}
    }

    fn admit(&'static self, stream: OwnedFd) -> Accepted {
        if !self.admission.enter() {
            self.page.counters.refused();
            turn_away(&stream, self.config.service.framing);
            return Accepted::TurnedAway;
        }
        if !has_memory(self.admission.live()) {
            self.admission.leave();
            self.shed(&stream);
            return Accepted::TurnedAway;
        }
        processes::this_one_holds(true);
        match self.prepare(&stream) {
            // Another one was faster, in another thread or process.
            Ok(()) if self.config.once && !stopping::accept_no_more() => {
                processes::this_one_holds(false);
                self.admission.leave();
                self.page.counters.refused();
                turn_away(&stream, self.config.service.framing);
                Accepted::TurnedAway
            }
            Ok(()) => {
                let sequence = self.page.counters.accepted();
                Accepted::Conn(Conn::new(self, stream, Arrival::now(self, sequence)))
            }
            Err(_) => {
                // The peer reset it while it was in the queue.
                processes::this_one_holds(false);
                self.admission.leave();
                self.page.counters.dead_on_arrival();
                Accepted::TurnedAway
            }
        }
    }

    fn prepare(&self, stream: &OwnedFd) -> io::Result<()> {
        rustix::net::sockopt::set_tcp_nodelay(stream, true)?;
        if !self.nonblocking.load(SeqCst) {
            use rustix::net::sockopt::{Timeout, set_socket_timeout};
            for timeout in [Timeout::Recv, Timeout::Send] {
                set_socket_timeout(stream, timeout, Some(self.config.idle_timeout))?;
            }
        }
        Ok(())
    }

    /// Accepts everybody in the queue of one listener. In a signal handler.
    fn rescue_from(&self, listener: &OwnedFd) {
        // The queue must come to an end also where the listener blocks.
        if rustix::io::ioctl_fionbio(listener, true).is_err() {
            return;
        }
        let mut none_left = false;
        // Those who come meanwhile are behind those who were there.
        for _ in 0..=self.backlog {
            match rustix::net::accept_with(listener, SocketFlags::CLOEXEC) {
                Ok(stream) if none_left => self.shed(&stream),
                Ok(stream) if self.rescued.keep(stream.as_raw_fd()) => mem::forget(stream),
                Ok(stream) => self.shed(&stream),
                Err(Errno::MFILE | Errno::NFILE) if !none_left => {
                    // From here on there is one descriptor, to turn them away one by one.
                    none_left = true;
                    let spare = self.last_spare.swap(-1, SeqCst);
                    #[expect(unsafe_code, reason = "the spare is known by number")]
                    // SAFETY: it is open, and who takes the number out of its place owns it.
                    drop((spare >= 0).then(|| unsafe { OwnedFd::from_raw_fd(spare) }));
                }
                Err(Errno::AGAIN | Errno::INVAL | Errno::MFILE | Errno::NFILE) => return,
                // One that died in the queue, or was refused.
                Err(_) => {}
            }
        }
    }

    pub(super) fn shed(&self, stream: &OwnedFd) {
        turn_away(stream, self.config.service.framing);
        self.page.counters.shed();
    }

    /// Gives the spare descriptor up, accepts with it and turns the client away.
    fn shed_one(&self, again: impl Fn() -> Result<OwnedFd, Errno>) -> Accepted {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        *spare = None;
        let accepted = again();
        if let Ok(stream) = &accepted {
            turn_away(stream, self.config.service.framing);
        }
        // Closed before, or the next spare would find no room either.
        let outcome = accepted.map(drop);
        *spare = open_spare();
        match outcome {
            Ok(()) => {
                self.page.counters.shed();
                Accepted::TurnedAway
            }
            // accept(2) takes a descriptor before it looks for a client, and there was none.
            Err(Errno::AGAIN) => Accepted::Nobody,
            Err(_) => {
                self.page.counters.accept_paused();
                Accepted::Exhausted
            }
        }
    }
}

/// Accepts everybody in the queues. Called in a signal handler: system calls and atomics only.
pub(super) fn rescue() {
    if let Some(server) = SERVER.get()
        && server.rescued.begin()
    {
        server.listeners.iter().for_each(|listener| server.rescue_from(listener));
    }
}

/// Tells a client that it was not admitted and closes. The client may have sent a request
/// already, and closing with unread input would turn the reply into a reset: so what has arrived
/// is read first. No client is waited for.
pub(crate) fn turn_away(stream: &OwnedFd, framing: Framing) {
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    // Whatever these say, the client is turned away; it may be gone already.
    let _ = rustix::net::send(stream, protocol::app::busy(framing), flags);
    let _ = rustix::net::shutdown(stream, rustix::net::Shutdown::Write);
    let mut scratch = [0; 4096];
    let _ = rustix::net::recv(stream, &mut scratch, rustix::net::RecvFlags::DONTWAIT);
}

/// What is kept free for allocations that cannot fail softly, beside what grows with the clients.
const MEMORY_SPARE_BYTES: usize = 64 * 1024;
/// What tables, run lists and timers grow by for each client when they double, and more.
const MEMORY_SPARE_BYTES_PER_CLIENT: usize = 512;

/// Whether there is memory for one client more of so many: for its parts, and for what grows with their
/// number. Buffers are not among it, as a session that gets none ends by itself.
fn has_memory(clients: usize) -> bool {
    let mut spare: Vec<u8> = Vec::new();
    let bytes = MEMORY_SPARE_BYTES + MEMORY_SPARE_BYTES_PER_CLIENT * clients;
    let had = spare.try_reserve_exact(bytes).is_ok();
    // Or nothing would be allocated, as nothing is put into it.
    std::hint::black_box(spare.as_ptr());
    had
}

pub(super) fn open_spare() -> Option<OwnedFd> {
    rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).ok()
}
