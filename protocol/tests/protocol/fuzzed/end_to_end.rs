//! Both ends, joined by two pipes that hold little: every request is answered, and right.

use protocol::{
    App, Exchange, Framing, RAW_BYTES_MAX, Recipe, Reply, Request, Service, Session, Step,
};
use std::collections::VecDeque;
use std::sync::Arc;

use super::script::{Moves, Script, compute, least_move};
use crate::support::{check_step, kinds};

/// A client, a server, and what is on its way between them.
#[derive(Debug)]
struct Joined {
    exchange: Exchange,
    session: Session,
    framing: Framing,
    /// Requests still to be made, and how many may wait for a reply.
    to_make: u64,
    window: usize,
    next_tag: u64,
    /// The next tag whose reply must come.
    next_reply: u64,
    unsent: Vec<u8>,
    /// Where each request ends in the stream of all requests.
    ends: Vec<usize>,
    made_bytes: usize,
    up: VecDeque<u8>,
    down: VecDeque<u8>,
    /// What each pipe holds at most.
    room: usize,
    /// How much the server has read, and what of its last write has not left.
    read: usize,
    unwritten: usize,
    closed: bool,
}

/// Client and server take turns with whatever fits; all requests are answered right, in order.
/// A server that winds down in between answers those that had arrived in full.
pub(crate) fn end_to_end(bytes: &[u8]) {
    let mut script = Script(bytes);
    let (kind, flags) = (usize::from(script.byte()), script.byte());
    let (app, kind) = kinds()[kind % kinds().len()];
    let framing = Framing::ALL[usize::from(flags & 1)].1;
    let first = u64::from(script.byte()).wrapping_mul(0x0123_4567_89ab_cdef);
    let recipe = Arc::new(Recipe::new(app, framing, kind).expect("an allowed request"));
    let stop = script.moment();
    let mut joined = joined(app, framing, recipe, first);
    let count = 1 + script.byte() % 40;
    joined.to_make = count.into();
    let bytes = usize::from(count) * size(kind);
    if framing == Framing::Line {
        joined.window = 1 + usize::from(flags >> 1);
        joined.room = least_move(bytes).max(1 << (script.byte() % 18));
    }
    let moves = script.moves().over(bytes);
    let asked = joined.to_make;
    let wound_down = joined.play(moves, stop);
    let answered = joined.next_reply.wrapping_sub(first);
    assert_eq!(joined.session.tally().requests, answered, "every reply has arrived");
    assert_eq!(joined.session.tally().refused, 0);
    let arrived = joined.ends.iter().filter(|end| **end <= joined.read).count();
    assert_eq!(arrived as u64, answered, "what arrived in full is answered");
    assert!(wound_down || answered == asked, "{answered} of {asked} are answered");
}

/// The length of a request or its reply, about.
fn size(kind: Request) -> usize {
    match kind {
        Request::Echo { bytes } => bytes,
        Request::Multiply { digits } => 2 * digits,
        Request::Work(work) => work.reply_bytes,
        Request::Drawn(_) | Request::Session(_) => {
            unreachable!("no target draws requests, or has sessions")
        }
    }
}

fn joined(app: App, framing: Framing, recipe: Arc<Recipe>, first: u64) -> Joined {
    Joined {
        exchange: Exchange::new(recipe),
        session: Session::new(Service { app, framing, close_after: None }),
        framing,
        to_make: 0,
        // One raw message at a time, and in one piece.
        window: 1,
        next_tag: first,
        next_reply: first,
        unsent: Vec::new(),
        ends: Vec::new(),
        made_bytes: 0,
        up: VecDeque::new(),
        down: VecDeque::new(),
        room: RAW_BYTES_MAX,
        read: 0,
        unwritten: 0,
        closed: false,
    }
}

impl Joined {
    /// Plays the connection until the server has closed and the client has read everything.
    /// Returns whether the server was wound down before the client was done.
    fn play(&mut self, mut moves: Moves<'_>, stop: Option<usize>) -> bool {
        let mut wound_down = false;
        for turn in 0.. {
            // Each turn moves a byte up or down, or it is the last but a few.
            let bytes = (self.made_bytes + RAW_BYTES_MAX + 1) * 45;
            assert!(turn <= 4 * bytes + 100, "the connection is stuck");
            if stop == Some(turn) && !self.closed {
                let queued = self.up.len();
                self.session.wind_down(|| queued);
                wound_down = true;
            }
            if self.closed && self.down.is_empty() {
                break;
            }
            self.client_reads(moves.next().size.max(1));
            self.client_sends(moves.next().size.max(1));
            let next = moves.next();
            if next.rests {
                self.session.rest();
            }
            self.server_steps(next.size.max(1), wound_down);
        }
        assert_eq!(self.exchange.reply(), None, "nothing is left over");
        wound_down
    }

    fn client_reads(&mut self, size: usize) {
        let space = self.exchange.space();
        let n = self.down.len().min(space.len()).min(size);
        for (to, from) in space.iter_mut().zip(self.down.drain(..n)) {
            *to = from;
        }
        self.exchange.received(n);
        while let Some(reply) = self.exchange.reply() {
            assert_eq!(reply, Reply::Right { tag: self.next_reply });
            self.next_reply = self.next_reply.wrapping_add(1);
        }
    }

    fn client_sends(&mut self, size: usize) {
        if self.unsent.is_empty() && self.to_make > 0 && self.exchange.open() < self.window {
            self.exchange.request(self.next_tag, &mut self.unsent);
            self.next_tag = self.next_tag.wrapping_add(1);
            self.to_make -= 1;
            self.made_bytes += self.unsent.len();
            self.ends.push(self.made_bytes);
        }
        let size = if self.framing == Framing::Raw { usize::MAX } else { size };
        let n = self.unsent.len().min(size).min(self.room - self.up.len());
        self.up.extend(self.unsent.drain(..n));
    }

    fn server_steps(&mut self, size: usize, wound_down: bool) {
        check_step(&mut self.session, self.unwritten);
        match self.session.step() {
            Step::Read(space) => {
                let size = if self.framing == Framing::Raw { usize::MAX } else { size };
                let n = self.up.len().min(space.len()).min(size);
                let done = self.to_make == 0 && self.unsent.is_empty() && self.exchange.open() == 0;
                // Nothing there is no end, until the client is done or the server stops.
                if n > 0 || done || wound_down {
                    for (to, from) in space.iter_mut().zip(self.up.drain(..n)) {
                        *to = from;
                    }
                    self.session.received(n);
                    self.read += n;
                }
            }
            Step::Write(bytes) => {
                let n = bytes.len().min(size).min(self.room - self.down.len());
                self.down.extend(&bytes[..n]);
                self.unwritten = bytes.len() - n;
                self.session.sent(n);
            }
            Step::Outside(_) => unreachable!("no request of these leads outside"),
            Step::Run(job) => self.session.finished(&compute(&job)),
            Step::Close => self.closed = true,
        }
    }
}
