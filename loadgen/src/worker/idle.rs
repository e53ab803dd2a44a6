//! Connections that are opened before the load and send nothing.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv, sockopt};
use rustix::time::Timespec;

use super::opening::CONNECTING_MAX;
use crate::Load;
use crate::clock::{Clock, to_ns};
use crate::outcome::IdleTally;
use crate::target::Route;
use crate::wire::socket;

/// How long to wait for connections before more are tried or the deadline is checked.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// The pause after a failure before more are tried.
const PAUSE: Duration = Duration::from_millis(20);

/// If no connection opens within this time, the load begins to connect without them.
const PATIENCE_NS: u64 = 900_000_000;

/// The idle connections of a load.
pub(super) struct Idle {
    asked: usize,
    sockets: Vec<OwnedFd>,
}

impl Idle {
    /// Opens all of them, or as many as open within the connect timeout.
    pub(super) fn open(load: &Load, clock: Clock, route: &Route) -> Self {
        let asked = load.conduct.idle;
        let deadline = clock.now().saturating_add(to_ns(load.connect_timeout));
        let (mut sockets, mut opening) = (Vec::with_capacity(asked), Vec::new());
        let (mut next, sources) = (0, &load.conduct.sources);
        // If no server listens, the load's own connections report it.
        let patience = clock.now().saturating_add(PATIENCE_NS);
        while sockets.len() < asked
            && clock.now() < if sockets.is_empty() { patience.min(deadline) } else { deadline }
        {
            while sockets.len() + opening.len() < asked && opening.len() < CONNECTING_MAX {
                let source = sources.get(next % sources.len().max(1)).copied();
                next += 1;
                let address = route.address();
                let socket = socket::stream(address, source);
                match socket.and_then(|socket| socket::connecting(socket, address)) {
                    Ok(socket) => opening.push(socket),
                    Err(_) => break,
                }
            }
            if !settle(&mut opening, &mut sockets) {
                if sockets.is_empty() {
                    route.leads_nowhere(route.at());
                }
                // A server that refuses may be about to listen.
                std::thread::sleep(PAUSE);
            }
        }
        Self { asked, sockets }
    }

    /// Counts the connections that are still open. Bytes from the server are read and ignored.
    pub(super) fn count(self) -> IdleTally {
        let (asked, opened) = (self.asked, self.sockets.len());
        let lost = self.sockets.iter().filter(|socket| !is_open(socket)).count();
        IdleTally { asked, opened, lost }
    }
}

/// Waits until some of these sockets have connected or failed, and takes them out. Returns whether none
/// has failed.
fn settle(opening: &mut Vec<OwnedFd>, open: &mut Vec<OwnedFd>) -> bool {
    let mut all_well = !opening.is_empty();
    let mut polled: Vec<_> = opening.iter().map(|s| PollFd::new(s, PollFlags::OUT)).collect();
    // An interrupted wait is only a short one.
    let _ = poll(&mut polled, Some(&LOOK));
    let settled: Vec<bool> = polled.iter().map(|fd| !fd.revents().is_empty()).collect();
    for at in (0..settled.len()).rev().filter(|at| settled[*at]) {
        let socket = opening.swap_remove(at);
        if matches!(sockopt::socket_error(&socket), Ok(Ok(()))) {
            open.push(socket);
        } else {
            all_well = false;
        }
    }
    all_well
}

fn is_open(socket: &OwnedFd) -> bool {
    let mut heard = [0_u8; 512];
    loop {
        match recv(socket, &mut heard, RecvFlags::empty()) {
            Ok((1.., _)) | Err(Errno::INTR) => {}
            Ok((0, _)) => return false,
            Err(errno) => return errno == Errno::AGAIN,
        }
    }
}
