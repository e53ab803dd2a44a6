//! Requests that are drawn: any server of the protocol answers them as their recipe expects.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use protocol::draw::Draw;
use protocol::{App, Exchange, Framing, Recipe, RecipeError, Reply, Request, Session};

use crate::support::{request as request_of, round_trip, service};

fn draw(text: &str) -> Draw {
    Draw::parse(text, |text| text.parse().map_err(|_| "a number".into())).expect("a law")
}

fn echo(bytes: &str) -> Request {
    Request::echo(draw(bytes), 7)
}

fn work(rounds: &str, wait_ns: &str, reply: &str) -> Request {
    Request::work(draw(rounds), draw(wait_ns), draw(reply), 7)
}

fn recipe(app: App, framing: Framing, request: Request) -> Arc<Recipe> {
    Arc::new(Recipe::new(app, framing, request).expect("in order"))
}

/// The request of a tag, and what a server answers.
fn played(app: App, framing: Framing, recipe: &Arc<Recipe>, tag: u64) -> (Vec<u8>, Vec<u8>) {
    let request = request_of(recipe, tag);
    let reply = round_trip(&mut Session::new(service(app, framing)), &request);
    (request, reply)
}

/// What an exchange makes of a reply that comes in pieces of this size.
fn judged(recipe: &Arc<Recipe>, tag: u64, reply: &[u8], piece: usize) -> Option<Reply> {
    let mut exchange = Exchange::new(Arc::clone(recipe));
    exchange.request(tag, &mut Vec::new());
    for part in reply.chunks(piece) {
        let mut part = part;
        while !part.is_empty() {
            let space = exchange.space();
            let n = space.len().min(part.len());
            space[..n].copy_from_slice(&part[..n]);
            exchange.received(n);
            part = &part[n..];
            if let Some(reply) = exchange.reply() {
                return Some(reply);
            }
        }
    }
    None
}

#[test]
fn a_server_answers_what_the_recipe_expects() {
    for (app, framing, request) in [
        (App::Bench, Framing::Line, echo("uniform:1..300")),
        (App::Bench, Framing::Raw, echo("exp:40")),
        (App::Echo, Framing::Line, echo("bimodal:3@50%,4000")),
        (App::Echo, Framing::Raw, echo("lognormal:100,1.5")),
        (App::Bench, Framing::Line, work("exp:20", "uniform:0..3000", "lognormal:60,1")),
        (App::Bench, Framing::Raw, work("uniform:0..9", "0", "uniform:0..200")),
        (App::Bench, Framing::Line, work("17", "0", "bimodal:1@50%,500")),
    ] {
        let recipe = recipe(app, framing, request);
        let mut sizes = BTreeSet::new();
        for tag in 0..200 {
            let (request, reply) = played(app, framing, &recipe, tag);
            sizes.insert((request.len(), reply.len()));
            for piece in [reply.len(), 7] {
                let found = judged(&recipe, tag, &reply, piece);
                assert_eq!(found, Some(Reply::Right { tag }), "{recipe:?}");
            }
        }
        assert!(sizes.len() > 1, "{request:?} is always the same");
    }
}

#[test]
fn any_other_reply_is_wrong() {
    for request in [echo("uniform:1..60"), work("uniform:0..50", "0", "uniform:1..80")] {
        let recipe = recipe(App::Bench, Framing::Line, request);
        for tag in 0..50 {
            let (_, reply) = played(App::Bench, Framing::Line, &recipe, tag);
            for at in 0..reply.len() {
                let mut damaged = reply.clone();
                damaged[at] ^= 1;
                let found = judged(&recipe, tag, &damaged, damaged.len());
                assert_ne!(found, Some(Reply::Right { tag }), "byte {at} of tag {tag}");
            }
            let (_, other) = played(App::Bench, Framing::Line, &recipe, tag + 1);
            assert_ne!(judged(&recipe, tag, &other, other.len()), Some(Reply::Right { tag }));
        }
    }
}

#[test]
fn the_parts_of_a_request_are_drawn_apart_and_by_their_seed() {
    let numbers = |seed| {
        let same = draw("uniform:0..1000000");
        let recipe = recipe(App::Bench, Framing::Line, Request::work(same, same, same, seed));
        let mut request = Vec::new();
        Exchange::new(recipe).request(5, &mut request);
        let text = String::from_utf8(request).expect("text");
        text.split(' ').skip(1).take(3).map(|n| n.parse().expect("a number")).collect::<Vec<u64>>()
    };
    let [rounds, wait_us, reply] = numbers(1)[..] else { panic!("three numbers") };
    assert!(rounds != reply && rounds / 1_000 != wait_us && reply / 1_000 != wait_us);
    assert_eq!(numbers(1), numbers(1));
    assert_ne!(numbers(1), numbers(2));
}

#[test]
fn what_is_always_the_same_is_a_template() {
    assert_eq!(echo("64"), Request::Echo { bytes: 64 });
    let fixed = work("5", "7000", "64");
    assert!(matches!(fixed, Request::Work(work) if work.wait.as_micros() == 7));
}

#[test]
fn limits_hold_for_all_that_can_be_drawn() {
    let error = |app, framing, request| Recipe::new(app, framing, request).expect_err("too much");
    let line = |request| error(App::Bench, Framing::Line, request);
    assert_eq!(line(echo("uniform:1..65531")), RecipeError::TooLong);
    assert_eq!(line(echo("exp:70000")), RecipeError::TooLong);
    assert_eq!(line(echo("uniform:0..0")), RecipeError::Empty);
    assert_eq!(line(work("bimodal:1@99%,10000001", "0", "0")), RecipeError::TooMuchWork);
    assert_eq!(line(work("1", "uniform:0..60000000001", "0")), RecipeError::TooMuchWork);
    assert_eq!(line(work("1", "0", "uniform:0..1048577")), RecipeError::TooLong);
    let raw = error(App::Bench, Framing::Raw, echo("uniform:1..16380"));
    assert_eq!(raw, RecipeError::TooLong);
    for (app, request) in [(App::Multiply, echo("exp:5")), (App::Echo, work("exp:5", "0", "0"))] {
        let refused = error(app, Framing::Line, request);
        assert!(matches!(refused, RecipeError::NotOffered { .. }), "{refused:?}");
    }

    // The largest that fit, and tails that are cut, and that say so.
    let largest = recipe(App::Bench, Framing::Line, echo("bimodal:1@1%,65530"));
    let (request, reply) = played(App::Bench, Framing::Line, &largest, 3);
    assert_eq!((request.len(), reply.len()), (65_536, 65_534));
    let cut = recipe(App::Bench, Framing::Line, echo("lognormal:60000,3"));
    let Some(Request::Drawn(protocol::Drawn::Echo { bytes, .. })) = cut.request() else {
        panic!("it is drawn")
    };
    assert!(bytes.is_cut() && bytes.range() == (1..=65_530));
    assert!((0..50).all(|tag| played(App::Bench, Framing::Line, &cut, tag).0.len() <= 65_536));
}

proptest! {
    #[test]
    fn every_tag_of_every_law_has_its_reply(
        tag: u64, seed: u64, law in "uniform:[1-9]\\.\\.[1-9][0-9]{2}|exp:[1-9][0-9]|lognormal:[1-9][0-9],0\\.[1-9]",
    ) {
        for request in [
            Request::echo(draw(&law), seed),
            Request::work(draw(&law), draw("0"), draw(&law), seed),
        ] {
            let recipe = recipe(App::Bench, Framing::Line, request);
            let (_, reply) = played(App::Bench, Framing::Line, &recipe, tag);
            prop_assert_eq!(judged(&recipe, tag, &reply, 16), Some(Reply::Right { tag }));
        }
    }
}
