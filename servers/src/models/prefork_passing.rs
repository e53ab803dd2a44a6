//! Prefork with descriptor passing: the parent accepts and sends each socket to an idle child.
//!
//! Waits in: poll(2) in the parent, for clients and for children that become idle; recvmsg(2) or
//! read(2) in each child.
//! Scheduler: the parent, which chooses among the idle children. No other model of processes lets
//! the program decide instead of the kernel.
//! Runs out of: children, as `prefork.rs` does; every client also costs two more messages.
//! Compare: `prefork.rs` (the children accept); `acceptor_loops.rs` (threads share a descriptor
//! without a message). Method: unix(7), SCM_RIGHTS.
//! In C: `benches/yardstick/c/prefork_passing.c`.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use protocol::Tally;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

use super::{Family, Model, Workers, connection_pool_threads};
use crate::connection::{Arrival, Conn, Ending};
use crate::net::{ACCEPT_PAUSE, Accepted, Listener, Server};
use crate::processes::{self, Replacements};
use crate::{connection::drive, stopping};

pub(crate) const MODEL: Model = Model {
    name: "prefork-passing",
    family: Family::Process,
    summary: "the parent accepts and passes each socket to an idle process of a fixed number",
    workers: Workers::Pool(connection_pool_threads),
    descriptors_per_worker: 1,
    run,
    ..Model::PLAIN
};

/// The parent's end of the socket to one child; `None` while there is no child.
type Link = Option<OwnedFd>;

/// Clients accepted between two checks of the children. Each check covers all children.
const ACCEPTS_PER_LOOK_MAX: usize = 64;

fn run(server: &'static Server) -> io::Result<()> {
    processes::prepare(server, server.workers)?;
    server.set_listeners_nonblocking()?;
    let listener = server.listener();
    let mut links: Vec<Link> = (0..server.workers).map(|_| None).collect();
    (0..server.workers).try_for_each(|place| fork(server, place, &mut links))?;
    server.ready()?;
    let mut replacements = Replacements::new(server.workers);
    // The idle children. The last to become idle is the first to get a client.
    let mut idle = Vec::new();
    'serving: loop {
        // Without an idle child, a client is left in the kernel, where it costs least. Clients that
        // remain when the server stops have been accepted, and wait here for a child.
        let drains = stopping::accepts_no_more();
        let wanted = !idle.is_empty() || drains && !server.has_rescued();
        let flags = if wanted { PollFlags::IN } else { PollFlags::empty() };
        // poll reports a listener that was shut down at once, in every call.
        let ear = (wanted || !drains).then_some((listener, flags));
        let (acceptable, heard) = wait(ear, &links, replacements.timeout())?;
        for place in heard {
            match links[place].as_ref().map(hear) {
                Some(Heard::Idle) => idle.push(place),
                Some(Heard::Gone) => {
                    links[place] = None;
                    idle.retain(|other| *other != place);
                    processes::wait_for(place);
                    replacements.died(place);
                }
                Some(Heard::Nothing) | None => {}
            }
        }
        replacements.make(server, |place| fork(server, place, &mut links));
        for _ in 0..ACCEPTS_PER_LOOK_MAX {
            let nobody_is_free = idle.is_empty() && (!drains || server.has_rescued());
            if !acceptable || nobody_is_free {
                break;
            }
            match listener.accept() {
                Accepted::Conn(conn) => pass(conn, &links, &mut idle),
                Accepted::TurnedAway => {}
                Accepted::Nobody => break,
                Accepted::Exhausted => {
                    stopping::pause(ACCEPT_PAUSE);
                    break;
                }
                Accepted::Stopped => break 'serving,
            }
        }
    }
    // The end of the way is the end of the child, once it has served the client it has.
    drop(links);
    processes::wait_for_all();
    Ok(())
}

fn fork(server: &'static Server, place: usize, links: &mut Vec<Link>) -> io::Result<()> {
    let (family, flags) = (AddressFamily::UNIX, SocketFlags::CLOEXEC);
    let (ours, its) = socketpair(family, SocketType::SEQPACKET, flags, None)?;
    links[place] = Some(ours);
    let forked = processes::spawn(place, || {
        // Copies of the parent's ends: they would keep the ways open when the parent closes them.
        links.clear();
        while say_idle(&its)
            && let Some(message) = receive(&its)
        {
            match message {
                Some((stream, arrival)) => {
                    drive::to_end(Conn::new(server, stream, arrival), place);
                }
                // No descriptor was left for it.
                None => server.gone(Ending::Shed, Tally::default(), None),
            }
        }
    });
    forked.inspect_err(|_| links[place] = None)
}

/// Waits for a new client, for the end of the listener, or for a message from a child. Returns
/// whether to accept, and which children have messages.
fn wait(
    ear: Option<(Listener, PollFlags)>,
    links: &[Link],
    timeout: Option<Duration>,
) -> io::Result<(bool, Vec<usize>)> {
    let there =
        || links.iter().enumerate().filter_map(|(place, link)| Some((place, link.as_ref()?)));
    let mut lines: Vec<_> = there().map(|(_, link)| PollFd::new(link, PollFlags::IN)).collect();
    lines.extend(ear.as_ref().map(|(listener, flags)| PollFd::new(listener, *flags)));
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(&mut lines, timeout.as_ref()) {
        Ok(_) => {}
        // A signal: the listener tells what it was.
        Err(Errno::INTR) => return Ok((true, Vec::new())),
        // More children than descriptors: the limit has fallen. So all are listened to, now and then.
        Err(Errno::INVAL) => {
            stopping::pause(ACCEPT_PAUSE);
            return Ok((true, there().map(|(place, _)| place).collect()));
        }
        Err(error) => return Err(error.into()),
    }
    let speaks = |line: &PollFd<'_>| !line.revents().is_empty();
    let heard = there().zip(&lines).filter(|(_, line)| speaks(line));
    let heard = heard.map(|((place, _), _)| place).collect();
    Ok((ear.is_some() && lines.last().is_some_and(speaks), heard))
}

/// Sends a client to an idle child.
fn pass(conn: Conn, links: &[Link], idle: &mut Vec<usize>) {
    let arrival = conn.arrival().map_or([0; 2], |a| [a.sequence, a.accepted_ns]);
    let text: Vec<u8> = arrival.into_iter().flat_map(u64::to_ne_bytes).collect();
    while let Some(place) = idle.pop() {
        let Some(link) = &links[place] else { continue };
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut rights = SendAncillaryBuffer::new(&mut space);
        let stream = [conn.as_fd()];
        rights.push(SendAncillaryMessage::ScmRights(&stream));
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        processes::holds(place, true);
        if sendmsg(link, &[IoSlice::new(&text)], &mut rights, flags).is_ok() {
            return conn.given_away();
        }
        // It has just died, or the kernel holds too many descriptors in flight: try the next.
        processes::holds(place, false);
    }
    conn.turn_away();
}

/// A message from a child.
enum Heard {
    /// It waits for a client.
    Idle,
    Nothing,
    /// It has ended.
    Gone,
}

fn hear(link: &OwnedFd) -> Heard {
    match rustix::net::recv(link, &mut [0; 1], RecvFlags::DONTWAIT) {
        Ok((1.., _)) => Heard::Idle,
        Err(Errno::AGAIN | Errno::INTR) => Heard::Nothing,
        Ok(_) | Err(_) => Heard::Gone,
    }
}

/// In a child: reports that it waits for a client; false if the parent has closed the socket.
fn say_idle(way: &OwnedFd) -> bool {
    rustix::net::send(way, b".", SendFlags::NOSIGNAL).is_ok()
}

/// In a child: the next client. The outer `None` means the end of the socket, the inner one a
/// message without its descriptor.
#[expect(clippy::option_option, reason = "the end is one thing and a loss another")]
fn receive(way: &OwnedFd) -> Option<Option<(OwnedFd, Option<Arrival>)>> {
    let mut text = [0; 16];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        recvmsg(way, &mut [IoSliceMut::new(&mut text)], &mut rights, RecvFlags::CMSG_CLOEXEC)
    });
    if received.ok()?.bytes == 0 {
        return None;
    }
    let mut streams = rights.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut streams) => streams.next(),
        _ => None,
    });
    let word = |at: usize| u64::from_ne_bytes(text[at..at + 8].try_into().expect("8 bytes"));
    let arrival = Arrival { sequence: word(0), accepted_ns: word(8) };
    Some(streams.next().map(|stream| (stream, (arrival.accepted_ns > 0).then_some(arrival))))
}
