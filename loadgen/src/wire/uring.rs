//! Sockets, and one thread that submits and waits with `io_uring_enter(2)`.
//!
//! One system call serves many requests: sends are queued, and submitted with the next wait or when
//! [`QUEUED_MAX`] operations are queued. One multishot receive serves each connection, and the
//! kernel places its bytes in buffers of a pool. To the worker this looks like readiness, as with
//! epoll(7).

mod buffers;
mod completions;
mod link;
mod probe;
mod ring;

use std::net::IpAddr;
use std::num::NonZeroU64;
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread;
use std::time::Duration;

use io_uring::opcode;
use io_uring::squeue::{Entry, Flags};
use io_uring::types::{CancelBuilder, Fd};
use rustix::event::PollFlags;
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{SendFlags, send, sockopt};

use super::socket::{self, Dial};
use super::{READY_MAX, Ready, Wire};
use crate::Address;
use crate::clock::Clock;
use crate::pacing::Pacer;
use buffers::{Buffers, GROUP};
use link::{Link, Op, user_data};
pub(crate) use probe::probe;
use ring::Ring;

/// Operations queued before they are submitted. A request is stamped before it is queued, so a longer
/// queue would add the generator's own work to the service times.
const QUEUED_MAX: u32 = 16;

/// Longer requests are sent at once, because short writes of them are common.
const SLOT_MAX: usize = 16_384;

/// The minimum and maximum number of buffers; between them, one for each connection.
const BUFFERS: (usize, usize) = (16, 1024);

/// Connections through one ring, and which of them are ready.
pub(crate) struct UringWire {
    // First, so that the kernel's side is dropped before the memory that it uses.
    ring: Ring,
    buffers: Buffers,
    clock: Clock,
    dial: Dial,
    links: Vec<Link>,
    /// Connections that were ready at the last wait.
    ready: Vec<usize>,
    /// Connections that were ready at the wait before, while they are checked again.
    before: Vec<usize>,
    /// Connections that cannot receive until there are buffers again.
    starved: Vec<(usize, u32)>,
    /// Closed sockets that queued operations may still name.
    graves: Vec<OwnedFd>,
    /// Operations queued since the last submission.
    queued: u32,
    pacer: Pacer,
    /// Whether requests are pipelined. Then each send is a system call of its own: if a queued send were
    /// short, the next one would go out in the middle of it.
    pipelined: bool,
}

impl UringWire {
    /// Connections to `target`, all closed; to be called on the thread that will wait.
    pub(crate) fn new(target: &Address, connections: usize, clock: Clock) -> Result<Self, Errno> {
        let ring = Ring::new();
        let ring = ring.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        Self::with(ring, target, connections, clock)
    }

    fn with(ring: Ring, target: &Address, connections: usize, clock: Clock) -> Result<Self, Errno> {
        // As with epoll: the kernel's default slack would make every request late.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let count = connections.next_power_of_two().clamp(BUFFERS.0, BUFFERS.1);
        let buffers = Buffers::new(&ring, u16::try_from(count).expect("it is clamped"))?;
        Ok(Self {
            ring,
            buffers,
            clock,
            dial: Dial::new(target),
            links: (0..connections).map(|_| Link::closed()).collect(),
            ready: Vec::with_capacity(READY_MAX),
            before: Vec::with_capacity(READY_MAX),
            starved: Vec::with_capacity(connections),
            graves: Vec::new(),
            queued: 0,
            pacer: Pacer::default(),
            pipelined: false,
        })
    }

    /// Allows this many requests in flight on a connection.
    pub(crate) fn with_depth(mut self, depth: usize) -> Self {
        self.pipelined = depth > 1;
        self
    }

    /// Uses these source addresses in turn, beginning with number `first`.
    pub(crate) fn coming_from(mut self, sources: &[IpAddr], first: usize) -> Self {
        self.dial.come_from(sources, first);
        self
    }

    /// Waits as `pacer` does.
    pub(crate) fn paced(mut self, pacer: Pacer) -> Self {
        self.pacer = pacer;
        self
    }

    /// Takes over a connected, blocking socket.
    pub(crate) fn adopt(&mut self, token: usize, socket: OwnedFd) {
        self.links[token].socket = Some(socket);
        self.begin_receiving(token);
    }

    fn fd(&self, token: usize) -> Fd {
        Fd(self.socket(token).as_raw_fd())
    }

    fn socket(&self, token: usize) -> &OwnedFd {
        self.links[token].socket.as_ref().expect("an open connection has a socket")
    }

    /// Queues an operation. Returns its number.
    fn push(&mut self, op: Op, token: usize, entry: Entry) -> u64 {
        let entry = entry.user_data(user_data(op, token, self.links[token].generation));
        #[expect(unsafe_code, reason = "an operation works on memory that it only names")]
        // SAFETY: the only operation that names memory is the send of a slot: see `queue_send`. The
        // buffers belong to the ring, and are dropped after it.
        let number = unsafe { self.ring.push(entry) };
        self.queued += 1;
        if self.queued >= QUEUED_MAX {
            // If the ring is broken, the next wait reports it.
            let _ = self.submit();
        }
        number
    }

    fn submit(&mut self) -> Result<(), Errno> {
        self.queued = 0;
        self.ring.submit()?;
        if self.ring.is_flushed() {
            self.graves.clear();
        }
        Ok(())
    }

    fn begin_receiving(&mut self, token: usize) {
        self.links[token].receiving = true;
        let entry = opcode::RecvMulti::new(self.fd(token), GROUP).build();
        self.push(Op::Receive, token, entry);
    }

    fn look_for_room(&mut self, token: usize) {
        if !std::mem::replace(&mut self.links[token].polling, true) {
            let flags = u32::from(PollFlags::OUT.bits());
            let entry = opcode::PollAdd::new(self.fd(token), flags).build();
            self.push(Op::Room, token, entry);
        }
    }

    /// Queues the sending of a slot from `from` on.
    ///
    /// The slot does not change until the kernel has taken the operation. With `MSG_DONTWAIT` the
    /// kernel no longer needs the slot by then, because it does not wait to send the rest. A slot is
    /// freed only with the wire, after the ring.
    fn queue_send(&mut self, token: usize, from: usize) {
        let rest = &self.links[token].slot[from..];
        let length = u32::try_from(rest.len()).expect("a slot is small");
        // With MSG_WAITALL a short write counts as a failure, and only failures are reported.
        let entry = opcode::Send::new(self.fd(token), rest.as_ptr(), length)
            .flags(libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT | libc::MSG_WAITALL)
            .build()
            .flags(Flags::SKIP_SUCCESS);
        let number = self.push(Op::Send, token, entry);
        let link = &mut self.links[token];
        (link.queued_as, link.queued_from, link.sent) = (number, from, None);
    }

    /// Checks the reported connections again: those that were not read to their end are still ready.
    fn look_again(&mut self) {
        std::mem::swap(&mut self.ready, &mut self.before);
        self.ready.clear();
        for at in 0..self.before.len() {
            let token = self.before[at];
            let link = &mut self.links[token];
            link.listed = false;
            link.writable = false;
            if link.is_readable() {
                self.list(token);
            }
            let link = &self.links[token];
            if link.wants_room && link.socket.is_some() {
                self.look_for_room(token);
            }
        }
        // Buffers that were read are available again.
        for (token, generation) in std::mem::take(&mut self.starved) {
            let link = &self.links[token];
            if link.generation == generation && !link.receiving {
                self.begin_receiving(token);
            }
        }
    }

    /// Submits all queued operations, waits at most `ns`, and returns how many connections are ready.
    fn poll(&mut self, ns: u64) -> Result<usize, Errno> {
        self.queued = 0;
        let has_some = !self.ready.is_empty();
        self.ring.wait(if has_some { 0 } else { ns })?;
        while self.ready.len() < READY_MAX
            && let Some(completion) = self.ring.completion()
        {
            self.complete(&completion);
        }
        Ok(self.ready.len())
    }

    fn list(&mut self, token: usize) {
        if !std::mem::replace(&mut self.links[token].listed, true) {
            self.ready.push(token);
        }
    }
}

impl Wire for UringWire {
    fn now(&self) -> u64 {
        self.clock.now()
    }

    fn wait(&mut self, now: u64, until: u64) -> Result<usize, Errno> {
        self.look_again();
        if !self.graves.is_empty() {
            // The server may have to see these connections end before it answers others.
            self.submit()?;
        }
        let (clock, mut pacer) = (self.clock, std::mem::take(&mut self.pacer));
        let ready = pacer.wait(now, until, |ns| self.poll(ns), || clock.now());
        self.pacer = pacer;
        ready
    }

    fn spun(&self) -> u64 {
        self.pacer.spun()
    }

    fn event(&self, at: usize) -> (usize, Ready) {
        let token = self.ready[at];
        let link = &self.links[token];
        let ready = Ready {
            readable: link.is_readable(),
            writable: link.writable,
            goodbye: link.ended == Some(Ok(())),
        };
        (token, ready)
    }

    fn sleep(&mut self, until: u64) {
        // If the ring is broken, the next wait reports it.
        let _ = self.submit();
        thread::sleep(Duration::from_nanos(until.saturating_sub(self.clock.now())));
    }

    fn aim(&mut self, address: &Address) {
        self.dial.aim(address);
    }

    fn open(&mut self, token: usize) -> Result<u64, Errno> {
        let (socket, since) = self.dial.begin(|| self.clock.now())?;
        let link = &mut self.links[token];
        link.socket = Some(socket);
        link.wants_room = true;
        self.look_for_room(token);
        Ok(since)
    }

    fn opened(&mut self, token: usize) -> Result<(), Errno> {
        sockopt::socket_error(self.socket(token))??;
        // The kernel does not wait for input on a non-blocking socket.
        ioctl_fionbio(self.socket(token), false)?;
        self.links[token].wants_room = false;
        self.begin_receiving(token);
        Ok(())
    }

    fn send(&mut self, token: usize, bytes: &[u8]) -> Result<usize, Errno> {
        if self.pipelined || bytes.len() > SLOT_MAX {
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            return send(self.socket(token), bytes, flags);
        }
        if !self.ring.has_submitted(self.links[token].queued_as) {
            self.submit()?;
        }
        let link = &mut self.links[token];
        if link.sent.is_some() || !self.ring.has_submitted(link.queued_as) {
            return Err(Errno::AGAIN);
        }
        link.slot.clear();
        link.slot.extend_from_slice(bytes);
        self.queue_send(token, 0);
        Ok(bytes.len())
    }

    fn watch_room(&mut self, token: usize, watched: bool) -> Result<(), Errno> {
        self.links[token].wants_room = watched;
        if watched {
            self.look_for_room(token);
        }
        Ok(())
    }

    fn receive(&mut self, token: usize, space: &mut [u8]) -> Result<usize, Errno> {
        let link = &mut self.links[token];
        match (self.buffers.take(&mut link.inbox, space), link.ended) {
            (moved @ 1.., _) => Ok(moved),
            (_, None) => Err(Errno::AGAIN),
            (_, Some(Ok(()))) if link.refused => Err(Errno::CONNRESET),
            (_, Some(end)) => end.map(|()| 0),
        }
    }

    fn heard_for(&self, token: usize) -> Option<u64> {
        socket::heard_for(self.socket(token))
    }

    fn close(&mut self, token: usize) {
        let link = &mut self.links[token];
        let Some(socket) = link.socket.take() else { return };
        self.buffers.discard(&mut link.inbox);
        if link.receiving || link.polling {
            // The kernel's operations also hold the socket, so it closes only when they end.
            let all = CancelBuilder::fd(Fd(socket.as_raw_fd())).all();
            let entry = opcode::AsyncCancel2::new(all).build().flags(Flags::SKIP_SUCCESS);
            self.push(Op::Cancel, token, entry);
        }
        self.links[token].forget();
        // Queued operations name the descriptor, so no other socket may get that number yet.
        self.graves.push(socket);
    }
}

impl Drop for UringWire {
    /// Closes all connections, so that the server sees their end now and not when the kernel removes the
    /// ring.
    fn drop(&mut self) {
        (0..self.links.len()).for_each(|token| self.close(token));
        if self.submit().is_ok() {
            let _ = self.ring.wait(0);
        }
    }
}

#[cfg(test)]
mod tests;
