//! Epoll: one thread, an event loop around epoll(7), level-triggered.
//!
//! Waits in: epoll_wait(2). The kernel keeps the list of clients and returns only the ready ones.
//! Scheduler: the loop, one turn for each ready client; a long computation delays all clients.
//! Runs out of: its one core; then descriptors and memory. Idle clients cost only descriptors and
//! memory.
//! Compare: `poll.rs` (passes the list to the kernel in every call); `epoll_edge.rs` (each event is
//! reported once); `multi_reactor.rs` (several of these loops).
//! In C: `benches/yardstick/c/epoll.c`.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;

use super::{Family, Model, chat};
use crate::net::{Listener, Server};
use crate::reactor::{Clients, Ready, Token, Turn, Want};

pub(crate) const MODEL: Model = Model {
    name: "epoll",
    family: Family::Reactor,
    summary: "an event loop around epoll(7), level-triggered",
    chat: Some(chat::epoll::run),
    run,
    ..Model::PLAIN
};

/// Events taken from the kernel at a time. With more, the first client would wait for the last.
pub(crate) const EVENTS_MAX: usize = 256;

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let watched = Listening::new(server.listener(), EventFlags::IN)?;
    server.ready()?;
    event_loop(server, watched, 0)
}

/// A listener, and the epoll that watches it. Several loops may share a listener; `accepting` holds
/// the events to watch it for.
pub(super) struct Listening {
    epoll: OwnedFd,
    listener: Listener,
    accepting: EventFlags,
}

impl Listening {
    pub(super) fn new(listener: Listener, accepting: EventFlags) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, listener, data(Token::LISTENER), accepting)?;
        Ok(Self { epoll, listener, accepting })
    }
}

/// The loop, for one worker.
pub(super) fn event_loop(
    server: &'static Server,
    Listening { epoll, listener, accepting }: Listening,
    worker: usize,
) -> io::Result<()> {
    let mut clients = Clients::new(server, worker);
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
    if let Some(others) = clients.others()? {
        epoll::add(&epoll, others, data(Token::OTHERS), EventFlags::IN)?;
    }
    let mut listening = true;
    while !clients.is_over() {
        wait(&epoll, &mut events, clients.timeout())?;
        for event in &events {
            let token = Token::from_number(event.data.u64());
            if token == Token::LISTENER {
                clients.wake_listener();
            } else if !clients.wake(token, ready(event.flags)) {
                // Level-triggered: an unhandled event would be reported again and again. A request
                // that is being answered seldom gets here. Interest is dropped only now, so a usual
                // request costs no epoll_ctl(2).
                interest(&epoll, &mut clients, token, Want::Nothing)?;
            }
        }
        let now = Instant::now();
        clients.expire(now);
        clients.accept(listener, now, |token, conn| {
            epoll::add(&epoll, conn, data(token), EventFlags::IN).is_ok()
        });
        for _ in 0..clients.turns() {
            match clients.next_turn(now) {
                Some(Turn { token, want: Some(want @ (Want::Read | Want::Write)), .. }) => {
                    interest(&epoll, &mut clients, token, want)?;
                }
                // Closing a descriptor takes it out of the kernel's list.
                Some(Turn { want: Some(Want::Nothing) | None, .. }) => {}
                None => break,
            }
        }
        if !listens(&epoll, listener, accepting, &mut listening, clients.wants_listener())? {
            clients.pause(now);
        }
    }
    Ok(())
}

/// Starts or stops watching the listener, as the loop wants; `false` if the kernel has no memory
/// for it now.
pub(super) fn listens(
    epoll: &OwnedFd,
    listener: Listener,
    accepting: EventFlags,
    listening: &mut bool,
    wanted: bool,
) -> io::Result<bool> {
    if *listening && !wanted {
        // Removed, not masked: a listener that has been shut down hangs up, and epoll always
        // reports that.
        epoll::delete(epoll, listener)?;
        *listening = false;
    } else if !*listening && wanted {
        *listening = epoll::add(epoll, listener, data(Token::LISTENER), accepting).is_ok();
        return Ok(*listening);
    }
    Ok(true)
}

/// Tells the kernel which events a client waits for, if they have changed.
pub(super) fn interest(
    epoll: &OwnedFd,
    clients: &mut Clients,
    token: Token,
    want: Want,
) -> io::Result<()> {
    let Some((socket, told)) = clients.told(token) else { return Ok(()) };
    if *told != want {
        *told = want;
        let flags = match want {
            Want::Read => EventFlags::IN,
            Want::Write => EventFlags::OUT,
            Want::Nothing => EventFlags::empty(),
        };
        epoll::modify(epoll, socket, data(token), flags)?;
    }
    Ok(())
}

pub(crate) fn ready(flags: EventFlags) -> Ready {
    let dead = flags.intersects(EventFlags::HUP | EventFlags::ERR);
    Ready {
        readable: flags.contains(EventFlags::IN) || dead,
        writable: flags.contains(EventFlags::OUT) || dead,
        dead,
        ..Ready::default()
    }
}

pub(crate) fn data(token: Token) -> EventData {
    EventData::new_u64(token.number())
}

/// epoll_pwait2(2), which takes nanoseconds where epoll_wait(2) takes milliseconds.
pub(crate) fn wait(
    epoll: &OwnedFd,
    events: &mut Vec<Event>,
    timeout: Option<Duration>,
) -> io::Result<()> {
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    events.clear();
    match epoll::wait(epoll, rustix::buffer::spare_capacity(events), timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
