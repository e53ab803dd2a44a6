//! Probes whether this machine offers the io_uring operations that the wire needs.

use std::thread;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair};

use super::ring::{self, Ring};
use super::{UringWire, Wire as _};
use crate::Address;
use crate::clock::Clock;

/// How long the trial may take.
const TRIAL_NS: u64 = 1_000_000_000;

/// Checks that a wire can be made here and carries a message.
///
/// # Errors
/// The cause, in words.
pub(crate) fn probe() -> Result<(), String> {
    // In a thread of its own: the kernel removes a ring later, and interrupts the system call in which
    // the thread that made it is then.
    let tried = thread::scope(|scope| scope.spawn(try_out).join());
    tried.unwrap_or_else(|_| Err("the probe panicked; this is a bug".into()))
}

fn try_out() -> Result<(), String> {
    let ring = Ring::new().map_err(|error| ring::refusal(&error))?;
    if let Some(what) = ring.lacks() {
        return Err(format!("the kernel's io_uring lacks {what}: Linux 6.0 or later is needed"));
    }
    let failed =
        |errno: Errno| format!("a test of it failed ({errno}): Linux 6.0 or later is needed");
    let nowhere = Address::Tcp(([127, 0, 0, 1], 0).into());
    let mut wire = UringWire::with(ring, &nowhere, 1, Clock::starting_now()).map_err(failed)?;
    let flags = SocketFlags::CLOEXEC;
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(failed)?;
    wire.adopt(0, ours);
    send(&theirs, b"x", SendFlags::NOSIGNAL).map_err(failed)?;
    let now = wire.now();
    wire.wait(now, now + TRIAL_NS).map_err(failed)?;
    match wire.receive(0, &mut [0; 2]) {
        Ok(1) => Ok(()),
        Ok(_) => Err("a test of it received wrong bytes".into()),
        Err(errno) => Err(failed(errno)),
    }
}
