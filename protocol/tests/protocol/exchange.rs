//! What the client's end tells apart.

use crate::support::{BARE, Pace, feed, kinds, request, round_trip, service, talk};
use protocol::app::BUSY;

use protocol::job::{WORK_REPLY_BYTES_MAX, WORK_ROUNDS_MAX, WORK_WAIT_MAX};
use protocol::{
    App, Exchange, FRAME_BYTES_MAX, Framing, RAW_BYTES_MAX, Recipe, RecipeError, Reply, Request,
    Service, Session, Work,
};
use std::sync::Arc;
use std::time::Duration;

const WHOLE: &[usize] = &[usize::MAX];
const REFUSALS: [(&[u8], &str); 4] = [
    (b"ERR too-long a line holds 65536 bytes at most\n", "too-long"),
    (b"ERR unknown-verb\n", "unknown-verb"),
    (b"ERR \n", ""),
    (BUSY, "busy"),
];

fn recipe(app: App, framing: Framing, request: Request) -> Arc<Recipe> {
    Arc::new(Recipe::new(app, framing, request).expect("an allowed request"))
}

/// An exchange that has asked for these tags.
fn asked(recipe: &Arc<Recipe>, tags: &[u64]) -> Exchange {
    let mut exchange = Exchange::new(recipe.clone());
    for tag in tags {
        exchange.request(*tag, &mut Vec::new());
    }
    assert_eq!(exchange.open(), tags.len());
    exchange
}

/// What a server answers to the request with this tag.
fn right(app: App, framing: Framing, recipe: &Arc<Recipe>, tag: u64) -> Vec<u8> {
    round_trip(&mut Session::new(service(app, framing)), &request(recipe, tag))
}

fn each(mut check: impl FnMut(App, Framing, Arc<Recipe>)) {
    for (app, kind) in kinds() {
        for framing in BARE {
            check(app, framing, recipe(app, framing, kind));
        }
    }
}

#[test]
fn a_reply_is_right_when_its_last_byte_came_and_not_before() {
    each(|app, framing, recipe| {
        let reply = right(app, framing, &recipe, 77);
        let mut exchange = asked(&recipe, &[77]);
        let (last, before) = reply.split_last().expect("a reply");
        assert_eq!(feed(&mut exchange, before, &[1, 50, 3000]), []);
        assert_eq!(exchange.open(), 1);
        assert_eq!(feed(&mut exchange, &[*last], WHOLE), [Reply::Right { tag: 77 }]);
        assert_eq!(exchange.open(), 0);
    });
}

#[test]
fn one_changed_byte_anywhere_is_wrong() {
    each(|app, framing, recipe| {
        let reply = right(app, framing, &recipe, 77);
        let pieces = [1 + reply.len() / 20];
        for at in (0..reply.len()).step_by(1 + reply.len() / 20).chain([reply.len() - 1]) {
            for flip in [1, 0x20, 0x80] {
                let mut damaged = reply.clone();
                damaged[at] ^= flip;
                let replies = feed(&mut asked(&recipe, &[77]), &damaged, WHOLE);
                assert!(matches!(replies[0], Reply::Wrong { .. }), "byte {at}: {replies:?}");
                let replies = feed(&mut asked(&recipe, &[77]), &damaged, &pieces);
                let is_right = |reply: &Reply| matches!(reply, Reply::Right { .. });
                assert!(!replies.is_empty() && !replies.iter().any(is_right), "byte {at}");
            }
        }
    });
}

#[test]
fn a_missing_and_a_surplus_byte_are_noticed() {
    for (app, kind) in kinds() {
        let recipe = recipe(app, Framing::Line, kind);
        let reply = right(app, Framing::Line, &recipe, 77);
        for at in [0, reply.len() / 2, reply.len() - 2] {
            let mut short = reply.clone();
            short.remove(at);
            // The next reply must not fill the gap.
            short.extend_from_slice(&reply);
            let replies = feed(&mut asked(&recipe, &[77, 77]), &short, &[5]);
            assert_ne!(replies.first(), Some(&Reply::Right { tag: 77 }), "{at} of {kind:?}");
            let mut long = reply.clone();
            long.insert(at, b'#');
            let replies = feed(&mut asked(&recipe, &[77]), &long, &[5]);
            assert_ne!(replies.first(), Some(&Reply::Right { tag: 77 }), "{at} of {kind:?}");
        }
    }
}

#[test]
fn a_stale_reply_is_wrong() {
    each(|app, framing, recipe| {
        let reply = right(app, framing, &recipe, 1);
        let twice = [&reply[..], &reply].concat();
        let replies = feed(&mut asked(&recipe, &[1, 2]), &twice, WHOLE);
        assert_eq!(replies[0], Reply::Right { tag: 1 });
        assert!(matches!(replies[1], Reply::Wrong { .. }), "{replies:?}");
    });
}

#[test]
fn swapped_replies_are_wrong() {
    each(|app, framing, recipe| {
        let swapped = [right(app, framing, &recipe, 2), right(app, framing, &recipe, 1)].concat();
        let replies = feed(&mut asked(&recipe, &[1, 2]), &swapped, &[7]);
        assert!(matches!(replies[0], Reply::Wrong { .. }), "{replies:?}");
    });
}

#[test]
fn a_refusal_is_told_with_its_code_and_framing_goes_on() {
    for (app, kind) in kinds() {
        let recipe = recipe(app, Framing::Line, kind);
        let reply = right(app, Framing::Line, &recipe, 2);
        for (refusal, code) in REFUSALS {
            let input = [refusal, &reply].concat();
            let refused = Reply::Refused { code: code.to_owned() };
            let expected = [refused, Reply::Right { tag: 2 }];
            for chunk in [1, 3, usize::MAX] {
                assert_eq!(feed(&mut asked(&recipe, &[1, 2]), &input, &[chunk]), expected);
            }
        }
    }
}

#[test]
fn a_refusal_split_anywhere_is_told_once() {
    let recipe = recipe(App::Bench, Framing::Line, Request::Echo { bytes: 8 });
    for (refusal, code) in REFUSALS {
        for at in 1..refusal.len() {
            let mut exchange = asked(&recipe, &[1]);
            assert_eq!(feed(&mut exchange, &refusal[..at], WHOLE), [], "{at} bytes");
            let refused = [Reply::Refused { code: code.to_owned() }];
            assert_eq!(feed(&mut exchange, &refusal[at..], WHOLE), refused);
            assert_eq!(exchange.open(), 0);
        }
    }
}

#[test]
fn a_raw_refusal_is_told_with_its_code() {
    let recipe = recipe(App::Multiply, Framing::Raw, Request::Multiply { digits: 3 });
    let mut session = Session::new(service(App::Multiply, Framing::Raw));
    let refusal = round_trip(&mut session, b"no numbers");
    let refused = |code: &str| [Reply::Refused { code: code.to_owned() }];
    assert_eq!(feed(&mut asked(&recipe, &[1]), &refusal, WHOLE), refused("bad-argument"));
    assert_eq!(feed(&mut asked(&recipe, &[1]), BUSY, WHOLE), refused("busy"));
}

#[test]
fn a_refusal_before_any_request_is_told_too() {
    let recipe = recipe(App::Bench, Framing::Line, Request::Echo { bytes: 8 });
    for chunk in [1, usize::MAX] {
        let replies = feed(&mut asked(&recipe, &[]), BUSY, &[chunk]);
        assert_eq!(replies, [Reply::Refused { code: "busy".to_owned() }]);
    }
}

#[test]
fn a_refusal_without_end_is_wrong() {
    let recipe = recipe(App::Bench, Framing::Line, Request::Echo { bytes: 8 });
    let mut endless = b"ERR ".to_vec();
    endless.resize(FRAME_BYTES_MAX, b'x');
    let replies = feed(&mut asked(&recipe, &[1]), &endless, &[1000]);
    assert!(matches!(replies[..], [Reply::Wrong { .. }]), "{replies:?}");
}

#[test]
fn bytes_that_nobody_asked_for_are_wrong() {
    each(|app, framing, recipe| {
        let reply = right(app, framing, &recipe, 5);
        let unasked = feed(&mut asked(&recipe, &[]), &reply, WHOLE);
        assert!(matches!(unasked[0], Reply::Wrong { .. }));
        let more = [&reply[..], b"x"].concat();
        let replies = feed(&mut asked(&recipe, &[5]), &more, WHOLE);
        assert_eq!(replies.first(), Some(&Reply::Right { tag: 5 }));
        assert!(matches!(replies[1..], [Reply::Wrong { .. }]), "{replies:?}");
    });
}

#[test]
fn what_was_wrong_is_shown_in_short() {
    let recipe = recipe(App::Bench, Framing::Line, Request::Echo { bytes: 8 });
    let wrong = |bytes: &[u8]| feed(&mut asked(&recipe, &[1]), bytes, WHOLE).swap_remove(0);
    assert_eq!(wrong(b"OK nothing\n"), Reply::Wrong { got: "OK nothing".to_owned() });
    let Reply::Wrong { got } = wrong(&[0xff; 500]) else { panic!("not a reply") };
    assert_eq!(got.chars().count(), 80);
}

#[test]
fn requests_are_as_long_as_asked_for() {
    for bytes in [1, 15, 16, 17, 1000] {
        let echo = recipe(App::Echo, Framing::Raw, Request::Echo { bytes });
        assert_eq!(request(&echo, u64::MAX).len(), bytes);
        let echo = recipe(App::Bench, Framing::Line, Request::Echo { bytes });
        assert_eq!(request(&echo, u64::MAX).len(), bytes + "ECHO \n".len());
    }
    for digits in [1, 2, 18, 19, 20, 400] {
        let multiply = recipe(App::Multiply, Framing::Line, Request::Multiply { digits });
        for tag in [0, 1, 12_345, u64::MAX] {
            let text = String::from_utf8(request(&multiply, tag)).expect("digits");
            let lengths: Vec<_> = text.split_whitespace().map(str::len).collect();
            assert_eq!(lengths, [digits, digits]);
            assert!(text.split_whitespace().all(|factor| !factor.starts_with('0')));
        }
    }
}

#[test]
fn every_tag_has_its_own_request() {
    for (app, kind) in kinds() {
        let recipe = recipe(app, Framing::Line, kind);
        let tags = 0..16;
        let unique: std::collections::HashSet<_> =
            tags.clone().map(|tag| request(&recipe, tag)).collect();
        assert_eq!(unique.len(), tags.count(), "{kind:?}");
    }
}

fn work(rounds: u64, wait: Duration, reply_bytes: usize) -> Request {
    Request::Work(Work { rounds, wait, reply_bytes })
}

#[test]
fn the_largest_loads_are_served_and_one_more_is_refused() {
    let zero = Duration::ZERO;
    let largest = [
        (App::Bench, Framing::Line, Request::Echo { bytes: FRAME_BYTES_MAX - 6 }),
        (App::Echo, Framing::Line, Request::Echo { bytes: FRAME_BYTES_MAX - 1 }),
        (App::Echo, Framing::Raw, Request::Echo { bytes: RAW_BYTES_MAX }),
        (App::Bench, Framing::Raw, Request::Echo { bytes: RAW_BYTES_MAX - 5 }),
        (App::Bench, Framing::Line, Request::Multiply { digits: (FRAME_BYTES_MAX - 6) / 2 }),
        (App::Bench, Framing::Line, work(0, zero, WORK_REPLY_BYTES_MAX)),
        (App::Bench, Framing::Raw, work(0, zero, RAW_BYTES_MAX)),
    ];
    for (app, framing, kind) in largest {
        let made = recipe(app, framing, kind);
        let reply = right(app, framing, &made, 3);
        assert_eq!(feed(&mut asked(&made, &[3]), &reply, WHOLE), [Reply::Right { tag: 3 }]);
        let more = match kind {
            Request::Echo { bytes } => Request::Echo { bytes: bytes + 1 },
            Request::Multiply { digits } => Request::Multiply { digits: digits + 1 },
            Request::Work(w) => work(0, zero, w.reply_bytes + 1),
            Request::Drawn(_) | Request::Session(_) => unreachable!("none of them is drawn"),
        };
        let refused = Recipe::new(app, framing, more);
        assert_eq!(refused.expect_err("one more"), RecipeError::TooLong, "{more:?}");
    }
}

#[test]
fn absurd_loads_are_refused_and_not_built() {
    for (_, framing) in Framing::ALL {
        for size in [1 << 40, usize::MAX / 2, usize::MAX - 1, usize::MAX] {
            let kinds = [
                (App::Bench, Request::Echo { bytes: size }),
                (App::Echo, Request::Echo { bytes: size }),
                (App::Bench, Request::Multiply { digits: size }),
                (App::Multiply, Request::Multiply { digits: size }),
                (App::Bench, work(0, Duration::ZERO, size)),
            ];
            for (app, kind) in kinds {
                let refused = Recipe::new(app, framing, kind).expect_err("too long");
                assert_eq!(refused, RecipeError::TooLong, "{kind:?}");
            }
        }
    }
}

#[test]
fn loads_that_no_server_takes_are_refused() {
    let second = Duration::from_secs(1);
    let line = |app, request| Recipe::new(app, Framing::Line, request).expect_err("not a load");
    assert_eq!(line(App::Bench, Request::Echo { bytes: 0 }), RecipeError::Empty);
    assert_eq!(line(App::Multiply, Request::Multiply { digits: 0 }), RecipeError::Empty);
    let too_much = RecipeError::TooMuchWork;
    assert_eq!(line(App::Bench, work(WORK_ROUNDS_MAX + 1, second, 0)), too_much);
    assert_eq!(line(App::Bench, work(0, WORK_WAIT_MAX + second, 0)), too_much);
    let not_offered = |request, app| RecipeError::NotOffered { request, app };
    let (echo, multiply) = (Request::Echo { bytes: 1 }, Request::Multiply { digits: 1 });
    assert_eq!(line(App::Multiply, echo), not_offered("echo", App::Multiply));
    assert_eq!(line(App::Echo, multiply), not_offered("multiply", App::Echo));
    assert_eq!(line(App::Echo, work(0, second, 0)), not_offered("work", App::Echo));
    assert_eq!(line(App::Multiply, work(0, second, 0)), not_offered("work", App::Multiply));
}

#[test]
fn a_load_that_is_refused_says_why() {
    let error = |app, request| {
        Recipe::new(app, Framing::Line, request).expect_err("not a load").to_string()
    };
    let text = error(App::Echo, Request::Multiply { digits: 3 });
    assert_eq!(text, "the application echo has no multiply request");
    assert!(error(App::Bench, Request::Echo { bytes: 0 }).contains("empty"));
    assert!(error(App::Bench, Request::Echo { bytes: 70_000 }).contains("65536"));
    let text = error(App::Bench, work(WORK_ROUNDS_MAX + 1, Duration::ZERO, 0));
    assert!(text.contains("10000000 rounds and 60 s"), "{text}");
}

#[test]
fn the_server_answers_what_the_client_expects_over_one_connection() {
    let recipe = recipe(App::Bench, Framing::Line, work(1, Duration::ZERO, 5000));
    let mut exchange = Exchange::new(recipe);
    let mut requests = Vec::new();
    for tag in 0..200 {
        exchange.request(tag, &mut requests);
    }
    let transcript = talk(Service::BENCH, &requests, &Pace::reads(333));
    let replies = feed(&mut exchange, &transcript.output, &[4096, 17]);
    let expected: Vec<_> = (0..200).map(|tag| Reply::Right { tag }).collect();
    assert_eq!(replies, expected);
}
