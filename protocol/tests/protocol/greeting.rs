//! The greeting, from both ends: where it is expected, what is taken for one, and what is not.

use crate::spec::{First, first};
use crate::support::{answers, deliver, feed, request, round_trip};
use proptest::prelude::*;
use proptest::sample::select;
use protocol::app::BUSY;
use protocol::{
    App, Exchange, FRAME_BYTES_MAX, Framing, Greeting, Recipe, Reply, Request, Service, Session,
};
use std::sync::Arc;

const GREETING: Greeting =
    Greeting { worker: 3, sequence: 12, accepted_ns: 4_711_000_000_001, taken_ns: u64::MAX };

fn recipe(framing: Framing) -> Arc<Recipe> {
    let echo = Request::Echo { bytes: 20 };
    Arc::new(Recipe::new(App::Bench, framing, echo).expect("an allowed request"))
}

/// A client that expects a greeting and has asked for these tags already.
fn expecting(tags: &[u64]) -> Exchange {
    let mut exchange = Exchange::new(recipe(Framing::Line));
    exchange.expect_greeting();
    for tag in tags {
        exchange.request(*tag, &mut Vec::new());
    }
    exchange
}

fn line(greeting: &Greeting) -> Vec<u8> {
    format!("{greeting}\n").into_bytes()
}

#[test]
fn a_server_greets_first_and_a_client_that_expects_it_goes_on_to_replies() {
    let mut session = Session::new(Service::BENCH);
    session.greet(&GREETING);
    let mut bytes = answers(&mut session);
    assert_eq!(bytes, line(&GREETING));
    for tag in [1, 2] {
        bytes.extend(round_trip(&mut session, &request(&recipe(Framing::Line), tag)));
    }
    assert_eq!(session.tally().requests, 2, "a greeting answers nothing");
    let expected = [Reply::Greeting(GREETING), Reply::Right { tag: 1 }, Reply::Right { tag: 2 }];
    for chunk in [1, 7, usize::MAX] {
        assert_eq!(feed(&mut expecting(&[1, 2]), &bytes, &[chunk]), expected);
    }
}

#[test]
fn a_greeting_leaves_before_the_reply_to_what_has_already_arrived() {
    let mut session = Session::new(Service::BENCH);
    // The session asks to write before it asks to read, whatever waits in the socket.
    session.greet(&GREETING);
    assert_eq!(answers(&mut session), line(&GREETING));
    deliver(&mut session, b"ECHO early\n");
    assert_eq!(answers(&mut session), b"OK early\n");
}

#[test]
fn a_greeting_is_there_with_its_last_byte_and_not_before() {
    let line = line(&GREETING);
    let mut exchange = expecting(&[]);
    assert_eq!(feed(&mut exchange, &line[..line.len() - 1], &[1, 5]), []);
    assert_eq!(feed(&mut exchange, b"\n", &[1]), [Reply::Greeting(GREETING)]);
    assert_eq!(exchange.open(), 0);
}

#[test]
fn a_busy_server_is_told_from_a_wrong_one() {
    for chunk in [1, 3, usize::MAX] {
        let replies = feed(&mut expecting(&[]), BUSY, &[chunk]);
        assert_eq!(replies, [Reply::Refused { code: "busy".to_owned() }]);
    }
    for other in [&b"ERR too-long no\n"[..], b"ERR \n", b"ERR busybody\n"] {
        let replies = feed(&mut expecting(&[]), other, &[2]);
        assert!(matches!(replies[..], [Reply::Wrong { .. }]), "{replies:?}");
    }
}

#[test]
fn what_comes_in_the_place_of_a_greeting_answers_no_request() {
    let mut exchange = expecting(&[7]);
    assert!(matches!(feed(&mut exchange, BUSY, &[9])[..], [Reply::Refused { .. }]));
    assert_eq!(exchange.open(), 1);
}

#[test]
fn the_right_reply_is_wrong_in_the_place_of_the_greeting() {
    let mut session = Session::new(Service::BENCH);
    let reply = round_trip(&mut session, &request(&recipe(Framing::Line), 7));
    let replies = feed(&mut expecting(&[7]), &reply, &[usize::MAX]);
    assert!(matches!(replies[0], Reply::Wrong { .. }), "{replies:?}");
}

#[test]
fn garbage_is_wrong_before_its_line_ends() {
    for garbage in [&b"GARBAGE"[..], b"HELLO 1 2 x", b"HELLO 99999999999", b"HELLO 1 2 3 4 "] {
        let replies = feed(&mut expecting(&[]), garbage, &[usize::MAX]);
        assert!(matches!(replies[..], [Reply::Wrong { .. }]), "{replies:?}");
    }
    let mut endless = b"HELLO 1 2 3 ".to_vec();
    endless.resize(2 * FRAME_BYTES_MAX, b'1');
    let mut exchange = expecting(&[]);
    let replies = feed(&mut exchange, &endless, &[1]);
    assert!(matches!(replies[0], Reply::Wrong { .. }), "{replies:?}");
    assert!(exchange.heap_bytes() <= FRAME_BYTES_MAX);
}

#[test]
fn a_greeting_that_nobody_expects_and_a_second_one_are_wrong() {
    let unasked = feed(&mut Exchange::new(recipe(Framing::Line)), &line(&GREETING), &[usize::MAX]);
    assert!(matches!(unasked[..], [Reply::Wrong { .. }]), "{unasked:?}");
    let twice = [line(&GREETING), line(&GREETING)].concat();
    let replies = feed(&mut expecting(&[]), &twice, &[usize::MAX]);
    assert!(matches!(replies[..], [Reply::Greeting(_), Reply::Wrong { .. }]), "{replies:?}");
}

#[test]
#[should_panic(expected = "a greeting is a line")]
fn a_raw_exchange_cannot_expect_one() {
    Exchange::new(recipe(Framing::Raw)).expect_greeting();
}

/// The first bytes of a server: greetings, right or damaged, refusals, and anything at all.
fn beginnings() -> impl Strategy<Value = Vec<u8>> {
    let words = select(vec![
        "HELLO",
        "HELL",
        "ERR",
        "busy",
        "",
        "0",
        "00",
        "7",
        "01",
        "+1",
        "4294967295",
        "4294967296",
        "18446744073709551615",
        "18446744073709551616",
        "x",
        "\n",
        "\r\n",
    ]);
    let of_words = prop::collection::vec(words, 1..7).prop_map(|words| words.join(" "));
    let right = (any::<u32>(), any::<[u64; 3]>()).prop_map(|(worker, [sequence, a, b])| {
        let greeting = Greeting { worker, sequence, accepted_ns: a, taken_ns: b };
        format!("{greeting}\n").into_bytes()
    });
    let damaged = (right.clone(), any::<prop::sample::Index>(), 1..=255_u8).prop_map(
        |(mut line, at, flip)| {
            let at = at.index(line.len());
            line[at] ^= flip;
            line
        },
    );
    let cut = (right.clone(), any::<prop::sample::Index>())
        .prop_map(|(line, at)| line[..at.index(line.len())].to_vec());
    prop_oneof![
        right,
        damaged,
        cut,
        of_words.prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..90),
    ]
}

proptest! {
    #[test]
    fn whatever_comes_first_is_what_the_page_says(
        bytes in beginnings(), chunks in prop::collection::vec(1..40_usize, 1..6),
    ) {
        let replies = feed(&mut expecting(&[]), &bytes, &chunks);
        let expected = if bytes.is_empty() { First::Unknown } else { first(&bytes) };
        match (replies.first(), expected) {
            (Some(Reply::Greeting(greeting)), First::Greeting(words)) => {
                prop_assert_eq!(greeting.to_string(), format!("HELLO {}", words.join(" ")));
            }
            (Some(Reply::Refused { code }), First::Busy) => prop_assert_eq!(code, "busy"),
            (Some(Reply::Wrong { .. }), First::Wrong) | (None, First::Unknown) => {}
            (got, expected) => prop_assert!(false, "{:?} instead of {:?}", got, expected),
        }
    }
}
