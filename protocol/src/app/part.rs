//! The state of a connection in a classroom application, and the lines that it sends unasked.
//!
//! The applications for measurements answer each request with one reply and keep no state. The
//! classroom applications greet, wait, or take input without a reply.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::clock::{self, Visit};
use super::dispatch::{Dispatch, Taken};
use super::peer::Peer;
use super::shell::Shell;
use super::{Answer, App, Pending};
use crate::Framing;
use crate::context::Context;

/// What one connection keeps.
#[derive(Debug)]
pub(crate) enum Part {
    /// The client is told when it connected.
    Clock(Visit),
    /// The client gets the date, and nothing else.
    Daytime,
    /// What it sends goes to the server's standard output.
    Sink,
    /// What it sends is run.
    Shell(Shell),
    /// What it sends goes to all.
    Chat(Chatter),
    /// It is sent what it is to run.
    Dispatch(Box<Dispatch>),
}

/// A member of a room, as its session knows it.
#[derive(Debug)]
pub(crate) struct Chatter {
    peer: Peer,
    /// The lengths of the message at the front of the inbox and of its frame, until it is said.
    pub(crate) heard: Option<(u32, u32)>,
}

/// How a connection begins.
pub(crate) enum Beginning {
    /// It waits for its client.
    Waits(Part),
    /// The client runs a command before it sends anything.
    Works(Part, Pending),
    /// The connection ends after its message.
    Ends(Part),
}

impl Part {
    /// What a fresh connection of this application does by itself; `None` where it only answers.
    pub(crate) fn begin(
        app: App,
        context: &Context,
        peer: Option<SocketAddr>,
        framing: Framing,
        out: &mut Vec<u8>,
    ) -> Option<Beginning> {
        Some(match app {
            App::Bench | App::Echo | App::Multiply => return None,
            App::Clock => Beginning::Waits(Self::Clock(Visit::begin(context, peer, framing, out))),
            App::Daytime if context.delay.is_zero() => {
                say_date(context, framing, out);
                Beginning::Ends(Self::Daytime)
            }
            App::Daytime => Beginning::Works(Self::Daytime, Pending::pause(context.delay)),
            App::Sink => Beginning::Waits(Self::Sink),
            App::Shell => Beginning::Waits(Self::Shell(Shell::default())),
            App::Chat => Beginning::Waits(Self::Chat(Chatter { peer: peer.into(), heard: None })),
            App::Dispatch => {
                let dispatch = Dispatch::begin(context, peer, framing, out);
                Beginning::Waits(Self::Dispatch(Box::new(dispatch)))
            }
        })
    }

    /// Answers a message.
    pub(crate) fn answer(
        &mut self,
        context: &Context,
        framing: Framing,
        message: &[u8],
        out: &mut Vec<u8>,
    ) -> Answer {
        match self {
            Self::Clock(visit) if visit.answer(context, framing, message, out) => Answer::Last,
            Self::Clock(_) => Answer::Replied,
            Self::Shell(shell) => {
                shell.ask(message);
                Answer::NoneYet
            }
            Self::Dispatch(dispatch) => match dispatch.take(context, framing, message, out) {
                Taken::Part => Answer::NoneYet,
                Taken::Result => Answer::Replied,
                Taken::Last => Answer::Last,
            },
            Self::Daytime | Self::Sink | Self::Chat(_) => unreachable!("nothing is asked here"),
        }
    }

    /// Goes on after the work that it began with.
    pub(crate) fn go_on(&self, context: &Context, framing: Framing, out: &mut Vec<u8>) {
        debug_assert!(matches!(self, Self::Daytime), "nobody else begins with work");
        say_date(context, framing, out);
    }

    /// Who the client is, where its coming and going is told of.
    pub(crate) fn visitor(&self) -> Option<SocketAddr> {
        match self {
            Self::Clock(visit) => visit.peer.into(),
            Self::Chat(chatter) => chatter.peer.into(),
            Self::Daytime | Self::Sink | Self::Shell(_) | Self::Dispatch(_) => None,
        }
    }

    /// Whether what a client sends is a request, which may come in pieces.
    pub(crate) fn takes_requests(&self) -> bool {
        matches!(self, Self::Clock(_) | Self::Shell(_) | Self::Dispatch(_))
    }

    /// What it has sent that is no request of its own: lines of a result.
    pub(crate) fn lines(&self) -> u64 {
        if let Self::Dispatch(dispatch) = self { dispatch.lines() } else { 0 }
    }

    /// The client has gone.
    pub(crate) fn left(&self, context: &Context) {
        if let Self::Dispatch(dispatch) = self {
            dispatch.left(context);
        }
    }

    /// What a client that waits for nothing is told when the server stops.
    pub(crate) fn farewell(&self, framing: Framing, out: &mut Vec<u8>) {
        if let Self::Clock(_) = self {
            Visit::farewell(framing, out);
        }
    }
}

/// With the 8 bytes that common allocators add it takes a block of 48.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Part>() <= 40);

fn say_date(context: &Context, framing: Framing, out: &mut Vec<u8>) {
    clock::say(framing, out, format_args!("{}", context.clock.date_now()));
}
