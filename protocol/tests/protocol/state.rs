//! Sessions of several requests: the same arithmetic in every home, and a client that believes
//! nothing.

use protocol::state::{
    Add, Added, HISTORY_BYTES_MAX, HISTORY_BYTES_MAX_RAW, InConnections, InRequests, Kept, Refusal,
    Store,
};
use protocol::{
    App, Exchange, Framing, Home, Recipe, RecipeError, Reply, Request, Service, Session,
    SessionTally, Sessions, Step,
};
use std::sync::Arc;

use crate::support::{answers, round_trip};

fn leak(store: impl Store + 'static) -> &'static dyn Store {
    Box::leak(Box::new(store))
}

/// As the external home: a store whose steps are jobs.
#[derive(Debug)]
struct Slow(InRequests);

impl Store for Slow {
    fn is_slow(&self) -> bool {
        true
    }

    fn add(&self, add: &Add<'_>, _: &mut Option<Box<Kept>>) -> Result<Added, Refusal> {
        self.0.add(add, &mut None)
    }
}

/// Fails always.
#[derive(Debug)]
struct Gone;

impl Store for Gone {
    fn is_slow(&self) -> bool {
        true
    }

    fn add(&self, _: &Add<'_>, _: &mut Option<Box<Kept>>) -> Result<Added, Refusal> {
        Err(Refusal::Store)
    }
}

/// A client and a server that exchange bytes in pieces of `piece`, and reconnect.
struct Pair {
    exchange: Exchange,
    session: Session,
    store: &'static dyn Store,
    framing: Framing,
    tag: u64,
}

impl Pair {
    fn new(framing: Framing, sessions: Sessions, store: &'static dyn Store) -> Self {
        let recipe = Recipe::new(App::Bench, framing, Request::Session(sessions));
        let exchange = Exchange::new(Arc::new(recipe.expect("a recipe")));
        let mut pair = Self { exchange, session: fresh(framing, store), store, framing, tag: 0 };
        pair.tag = 40;
        pair
    }

    /// One step. `damage` may change the reply on its way.
    fn step(&mut self, damage: impl Fn(&mut Vec<u8>)) -> Reply {
        let mut request = Vec::new();
        self.exchange.request(self.tag, &mut request);
        self.tag += 1;
        let mut reply = round_trip(&mut self.session, &request);
        damage(&mut reply);
        self.deliver(&reply)
    }

    fn deliver(&mut self, reply: &[u8]) -> Reply {
        // In raw framing nobody can tell where a refusal ends.
        let whole = self.framing == Framing::Raw && reply.starts_with(b"ERR");
        let piece = if whole { reply.len() } else { 1 + reply.len() / 9 };
        let mut rest = reply;
        while !rest.is_empty() {
            let early = (rest.len() < reply.len()).then(|| self.exchange.reply()).flatten();
            assert_eq!(early, None, "it is not complete yet");
            let space = self.exchange.space();
            let n = space.len().min(rest.len()).min(piece);
            space[..n].copy_from_slice(&rest[..n]);
            self.exchange.received(n);
            rest = &rest[n..];
        }
        self.exchange.reply().expect("a reply")
    }

    fn right(&mut self) {
        let tag = self.tag;
        assert_eq!(self.step(|_| {}), Reply::Right { tag });
    }

    fn refused(&mut self, code: &str) {
        assert_eq!(self.step(|_| {}), Reply::Refused { code: code.into() });
    }

    fn reconnect(&mut self) {
        self.exchange = Exchange::after(&mut self.exchange);
        self.session = fresh(self.framing, self.store);
    }

    fn tally(&self) -> SessionTally {
        let tally = self.exchange.sessions().expect("it has sessions");
        assert!(tally.reconciles(), "{tally:?}");
        tally
    }
}

fn fresh(framing: Framing, store: &'static dyn Store) -> Session {
    let mut session = Session::new(Service { framing, ..Service::BENCH });
    session.share(Box::leak(Box::new(protocol::Context { store, ..Default::default() })));
    session
}

fn sessions(steps: u32, history: usize, home: Home) -> Sessions {
    Sessions { steps, history, home: Some(home) }
}

#[test]
fn every_total_and_every_digest_is_what_the_client_computes_in_another_way() {
    for (_, framing) in Framing::ALL {
        for history in [0, 8, 24, 512, HISTORY_BYTES_MAX_RAW] {
            let words = history / 8;
            let stores = [
                (Home::None, leak(InRequests { words })),
                (Home::Connection, leak(InConnections { words })),
                (Home::None, leak(Slow(InRequests { words }))),
            ];
            for (home, store) in stores {
                let mut pair = Pair::new(framing, sessions(20, history, home), store);
                // Twice the steps of one: the second begins where the first has ended, and in both
                // the history is overwritten, where it is short.
                (0..40).for_each(|_| pair.right());
                let tally = pair.tally();
                assert_eq!((tally.started, tally.completed), (2, 2), "{framing:?} {history}");
            }
        }
    }
}

#[test]
fn a_client_that_is_not_told_the_home_takes_any_reference() {
    let anywhere = Sessions { steps: 3, history: 16, home: None };
    for store in [leak(InRequests { words: 2 }), leak(InConnections { words: 2 })] {
        let mut pair = Pair::new(Framing::Line, anywhere, store);
        (0..3).for_each(|_| pair.right());
        assert_eq!(pair.tally().completed, 1);
    }
    let recipe = Recipe::new(App::Bench, Framing::Raw, Request::Session(anywhere));
    assert_eq!(recipe.expect_err("nobody knows where it ends"), RecipeError::UnknownHome);
}

#[test]
fn a_session_goes_on_over_another_connection_where_its_state_is_not_in_the_first() {
    for (_, framing) in Framing::ALL {
        let mut pair =
            Pair::new(framing, sessions(4, 64, Home::None), leak(InRequests { words: 8 }));
        for _ in 0..4 {
            pair.right();
            pair.reconnect();
        }
        let tally = pair.tally();
        assert_eq!((tally.completed, tally.spanning, tally.unfinished), (1, 1, 0), "{tally:?}");

        let store = leak(InConnections { words: 8 });
        let mut pair = Pair::new(framing, sessions(4, 64, Home::Connection), store);
        pair.right();
        pair.reconnect();
        pair.refused("no-session");
        pair.right();
        let tally = pair.tally();
        assert_eq!((tally.started, tally.lost, tally.unfinished), (2, 1, 1), "{tally:?}");
    }
}

#[test]
fn a_session_whose_connection_ends_within_a_step_does_not_go_on() {
    let store = leak(InRequests { words: 0 });
    let mut pair = Pair::new(Framing::Line, sessions(4, 0, Home::None), store);
    pair.right();
    pair.exchange.request(99, &mut Vec::new());
    pair.reconnect();
    pair.right();
    let tally = pair.tally();
    assert_eq!((tally.started, tally.broken, tally.unfinished), (2, 1, 1), "{tally:?}");
}

#[test]
fn a_busy_server_has_not_looked_at_the_step() {
    let store = leak(InRequests { words: 0 });
    let mut pair = Pair::new(Framing::Line, sessions(2, 0, Home::None), store);
    pair.right();
    pair.exchange.request(99, &mut Vec::new());
    let busy = Reply::Refused { code: "busy".into() };
    assert_eq!(pair.deliver(protocol::app::busy(Framing::Line)), busy);
    pair.reconnect();
    pair.right();
    assert_eq!(pair.tally().completed, 1);
}

#[test]
fn a_total_a_digest_or_a_reference_that_was_tampered_with_is_wrong() {
    for (_, framing) in Framing::ALL {
        // The total is at 3 behind `OK `; in HTTP all three are counted from the end.
        let reference = Home::None.reference_len(16);
        let from_end = |framing| usize::from(framing == Framing::Line);
        for back in [reference + 1 + 16 + 2, reference + 2 + 3] {
            let store = leak(InRequests { words: 2 });
            let mut pair = Pair::new(framing, sessions(4, 16, Home::None), store);
            let reply = pair.step(|reply| {
                let at = reply.len() - from_end(framing) - back;
                reply[at] = if reply[at] == b'1' { b'2' } else { b'1' };
            });
            assert!(matches!(reply, Reply::Wrong { .. }), "{framing:?} {back}: {reply:?}");
            assert_eq!(pair.tally().wrong, 1);
            pair.reconnect();
            pair.right();
        }
    }
    let mut pair =
        Pair::new(Framing::Line, sessions(4, 16, Home::Table), leak(InRequests { words: 2 }));
    let reply = pair.step(|_| {});
    assert!(matches!(reply, Reply::Wrong { .. }), "no table gives such a reference: {reply:?}");
}

#[test]
fn a_history_of_another_length_shows() {
    let store = leak(InConnections { words: 4 });
    let mut pair = Pair::new(Framing::Line, sessions(4, 40, Home::Connection), store);
    assert!(matches!(pair.step(|_| {}), Reply::Wrong { .. }));
}

#[test]
fn a_refusal_of_a_job_is_counted_and_the_next_session_begins_anew() {
    for (_, framing) in Framing::ALL {
        let mut pair = Pair::new(framing, sessions(2, 0, Home::External), leak(Gone));
        pair.refused("store");
        pair.refused("store");
        let tally = pair.tally();
        assert_eq!((tally.started, tally.refused), (2, 2));
        let served = pair.session.tally();
        assert_eq!((served.requests, served.refused), (2, 2), "{framing:?}");
        assert_eq!(pair.session.state_tally().store_errors, 2);
    }
}

#[test]
fn what_no_server_gave_and_what_does_not_follow_is_refused() {
    let mut session = fresh(Framing::Line, leak(InConnections { words: 0 }));
    let mut ask = |request: &str| {
        let reply = round_trip(&mut session, format!("{request}\n").as_bytes());
        let text = String::from_utf8(reply).expect("text");
        text.split(' ').take(2).collect::<Vec<_>>().join(" ").trim_end().to_owned()
    };
    assert_eq!(ask("ADD 2 3 5 -"), "ERR no-session");
    assert_eq!(ask("ADD 1 3 5 -"), "OK 5");
    assert_eq!(ask("ADD 3 3 5 -"), "ERR bad-step");
    assert_eq!(ask("ADD 2 3 5 0000000000000001"), "ERR bad-token");
    assert_eq!(ask("add 2 3 6 -"), "OK 11", "a refused step changes nothing");
    assert_eq!(ask("ADD 3 3 1000000000 -"), "OK 1000000011");
    assert_eq!(ask("ADD 3 3 1 -"), "ERR no-session", "it has ended");
    let tally = session.state_tally();
    assert_eq!((tally.begun, tally.ended, tally.lost), (1, 1, 2));
    assert_eq!((tally.bad_tokens, tally.bad_steps), (1, 1));
    let mut ask = |request: &str| {
        let reply = round_trip(&mut session, format!("{request}\n").as_bytes());
        String::from_utf8_lossy(&reply[..16]).into_owned()
    };
    for wrong in ["1 3 5", "1 3 5 x", "0 3 5 -", "4 3 5 -", "1 1000001 5 -", "1 3 1000000001 -"] {
        assert_eq!(ask(&format!("ADD {wrong}")), "ERR bad-argument", "{wrong}");
    }
}

#[test]
fn a_state_survives_being_written_and_is_read_at_its_own_length_only() {
    let mut kept = Kept::new(3);
    for step in 1..=5 {
        let add = Add { step, steps: 9, n: u64::from(step), reference: b"-" };
        kept.step(&add).expect("it follows");
    }
    let mut bytes = Vec::new();
    kept.write(&mut bytes);
    assert_eq!(bytes.len(), kept.written_len());
    assert_eq!(Kept::from_bytes(&bytes, 3), Some(kept));
    for words in [0, 2, 4] {
        assert_eq!(Kept::from_bytes(&bytes, words), None);
    }
    assert_eq!(Kept::from_bytes(&bytes[1..], 3), None);
}

#[test]
fn the_longest_history_fits_into_a_request_of_every_framing() {
    for (framing, most) in [
        (Framing::Line, HISTORY_BYTES_MAX),
        (Framing::Http, HISTORY_BYTES_MAX),
        (Framing::Raw, HISTORY_BYTES_MAX_RAW),
    ] {
        let store = leak(InRequests { words: most / 8 });
        let mut pair = Pair::new(framing, sessions(3, most, Home::None), store);
        (0..3).for_each(|_| pair.right());
        for wrong in [most + 8, 12] {
            let request = Request::Session(sessions(3, wrong, Home::None));
            let recipe = Recipe::new(App::Bench, framing, request);
            assert_eq!(recipe.expect_err("too long, or no whole words"), RecipeError::BadSession);
        }
    }
}

#[test]
fn a_connection_that_closes_gives_its_state_back() {
    let mut session = fresh(Framing::Line, leak(InConnections { words: 1 }));
    let reply = round_trip(&mut session, b"ADD 1 1 7 -\n");
    assert_eq!(reply, b"OK 7 0000000000000007 -\n");
    assert!(answers(&mut session).is_empty() && matches!(session.step(), Step::Read(_)));
}
