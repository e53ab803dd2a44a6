//! What must hold for any input, however it is cut.

use crate::spec::{answer, line_replies, without_err_texts};
use crate::support::{Pace, check_step, feed, kinds, request, round_trip, service, talk};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use protocol::{App, Exchange, Framing, RAW_BYTES_MAX, Recipe, Reply, Service, Session, Step};
use std::num::NonZeroU32;
use std::sync::Arc;

/// Cases per property: enough to meet every pair of segment kinds, and quick in a debug build.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn any_app() -> impl Strategy<Value = App> {
    select(App::REQUEST_REPLY.map(|(_, app)| app).to_vec())
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![any::<i64>().prop_map(|n| n.to_string()), "-?[0-9]{1,60}"]
}

fn valid() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        "(ECHO|echo|Echo) [ -~]{0,40}",
        (number(), number()).prop_map(|(a, b)| format!("MUL {a} {b}")),
        (number(), number()).prop_map(|(a, b)| format!("{a} {b}")),
        (0..4_u64, 0..300_u32, "( [a-zA-Z0-9]{1,16})?")
            .prop_map(|(rounds, bytes, tag)| format!("WORK {rounds} 0 {bytes}{tag}")),
        (0..4_u32, 0..4_u32, 0..2_000_000_000_u64, "(-|AgAAAAAAAAABAAAA|[A-Za-z0-9_-]{16})")
            .prop_map(|(step, steps, n, state)| format!("ADD {step} {steps} {n} {state}")),
    ];
    (text, select(vec!["\n", "\r\n"])).prop_map(|(text, end)| (text + end).into_bytes())
}

fn garbage() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..60),
        "(MUL|WORK|ECHO|ADD|QUIX|ERR)?[ \t0-9a-z+.-]{0,20}\r?\n".prop_map(String::into_bytes),
        "[\r\n ]{0,9}".prop_map(String::into_bytes),
    ]
}

/// A run of one byte around the longest line.
fn long_line() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![65_520..65_550_usize, Just(200_000)];
    let end = select(vec![&b"\n"[..], b"\r\n", b""]);
    (len, end).prop_map(|(len, end)| [&vec![b'x'; len], end].concat())
}

/// Messages as long as one raw read may be.
fn raw_messages() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let without_end = |line: Vec<u8>| line.trim_ascii_end().to_vec();
    let message = prop_oneof![
        20 => valid(),
        20 => valid().prop_map(without_end),
        20 => garbage(),
        2 => Just(b"QUIT".to_vec()),
        2 => long_line(),
    ];
    let not_empty = |message: &Vec<u8>| !message.is_empty();
    vec(message.prop_map(cut_to_raw).prop_filter("a read of nothing", not_empty), 0..25)
}

fn cut_to_raw(mut message: Vec<u8>) -> Vec<u8> {
    message.truncate(RAW_BYTES_MAX);
    message
}

pub(crate) fn stream() -> impl Strategy<Value = Vec<u8>> {
    let segment = prop_oneof![
        40 => valid(),
        20 => garbage(),
        2 => Just(b"QUIT\n".to_vec()),
        1 => long_line(),
        1 => Just(b"WORK 0 0 70000 big\n".to_vec()),
    ];
    vec(segment, 0..25).prop_map(|segments| segments.concat())
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    let size = prop_oneof![1..5_usize, 1..100_usize, 1..3000_usize, Just(usize::MAX)];
    vec(size, 1..12)
}

fn pace() -> impl Strategy<Value = Pace> {
    (sizes(), sizes(), any::<bool>()).prop_map(|(reads, writes, rests)| Pace {
        reads,
        writes,
        rests,
    })
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn any_chunking_of_any_lines_gives_the_same_bytes(
        app in any_app(), input in stream(), pace in pace(),
    ) {
        let service = service(app, Framing::Line);
        let whole = talk(service, &input, &Pace::full());
        let cut = talk(service, &input, &pace);
        prop_assert!(whole.output == cut.output, "the same bytes");
        prop_assert_eq!(whole.tally, cut.tally);
        let right = line_replies(app, &input);
        prop_assert!(without_err_texts(&cut.output) == right, "the right bytes");
    }

    #[test]
    fn a_limit_on_replies_cuts_the_same_bytes_short(
        app in any_app(), input in stream(), pace in pace(), k in 1..20_u32,
    ) {
        let kept_open = service(app, Framing::Line);
        let whole = talk(kept_open, &input, &Pace::full());
        let limited = Service { close_after: NonZeroU32::new(k), ..kept_open };
        let cut = talk(limited, &input, &pace);
        prop_assert!(whole.output.starts_with(&cut.output));
        prop_assert_eq!(cut.tally.requests, whole.tally.requests.min(u64::from(k)));
        let lines = cut.output.iter().filter(|b| **b == b'\n').count();
        prop_assert_eq!(lines as u64, cut.tally.requests);
    }

    #[test]
    fn every_raw_chunk_is_answered_on_its_own(
        app in any_app(), messages in raw_messages(), writes in sizes(), rests: bool,
    ) {
        let raw = service(app, Framing::Raw);
        let mut session = Session::new(raw);
        let mut expected = Vec::new();
        for message in &messages {
            let reply = round_trip(&mut session, message);
            let (right, last) = answer(app, Framing::Raw, message);
            prop_assert!(without_err_texts(&reply) == without_err_texts(&right));
            expected.extend(reply);
            prop_assert_eq!(last, matches!(session.step(), Step::Close));
            if last {
                break;
            }
        }
        let reads = messages.iter().map(Vec::len).chain([1]).collect();
        let transcript = talk(raw, &messages.concat(), &Pace { reads, writes, rests });
        prop_assert!(transcript.output == expected);
    }

    #[test]
    fn no_interruption_makes_a_session_panic_or_invent(
        app in any_app(), framing in select(vec![Framing::Line, Framing::Raw]),
        mut input in stream(), pace in pace(), stop_after in 0..60_usize,
    ) {
        if framing == Framing::Raw {
            // A session that rests between reads of one byte takes 16 KiB for each of them.
            input.truncate(1000);
        }
        let whole = talk(service(app, framing), &input, &pace);
        let stopped = wound_down(service(app, framing), &input, &pace, stop_after);
        prop_assert!(whole.output.starts_with(&stopped));
    }

    #[test]
    fn small_products_agree_with_the_machine(a: i64, b: i64) {
        let mut session = Session::new(service(App::Multiply, Framing::Line));
        let reply = round_trip(&mut session, format!("{a} {b}\n").as_bytes());
        prop_assert_eq!(reply, format!("{}\n", i128::from(a) * i128::from(b)).into_bytes());
    }

    #[test]
    fn every_reply_is_right_however_it_travels(
        kind in select(kinds()), first: u64, count in 1..12_u64, pace in pace(), chunks in sizes(),
    ) {
        let (app, kind) = kind;
        let recipe = Arc::new(Recipe::new(app, Framing::Line, kind).expect("an allowed request"));
        let mut exchange = Exchange::new(recipe);
        let mut requests = Vec::new();
        let tags: Vec<_> = (0..count).map(|i| first.wrapping_add(i)).collect();
        for tag in &tags {
            exchange.request(*tag, &mut requests);
        }
        let transcript = talk(service(app, Framing::Line), &requests, &pace);
        let replies = feed(&mut exchange, &transcript.output, &chunks);
        let expected: Vec<_> = tags.into_iter().map(|tag| Reply::Right { tag }).collect();
        prop_assert_eq!(replies, expected);
    }

    #[test]
    fn every_raw_reply_is_right_however_it_travels(
        kind in select(kinds()), first: u64, count in 1..6_u64, chunks in sizes(),
    ) {
        let (app, kind) = kind;
        let recipe = Arc::new(Recipe::new(app, Framing::Raw, kind).expect("an allowed request"));
        let mut exchange = Exchange::new(recipe.clone());
        let mut session = Session::new(service(app, Framing::Raw));
        for tag in (0..count).map(|i| first.wrapping_add(i)) {
            let mut bytes = Vec::new();
            exchange.request(tag, &mut bytes);
            let reply = round_trip(&mut session, &bytes);
            prop_assert_eq!(feed(&mut exchange, &reply, &chunks), [Reply::Right { tag }]);
        }
    }

    #[test]
    fn no_damage_to_a_reply_passes(
        kind in select(kinds()), framing in select(vec![Framing::Line, Framing::Raw]),
        tag: u64, at: prop::sample::Index, flip in 1..=255_u8, chunks in sizes(),
    ) {
        let (app, kind) = kind;
        let recipe = Arc::new(Recipe::new(app, framing, kind).expect("an allowed request"));
        let mut exchange = Exchange::new(recipe.clone());
        exchange.request(tag, &mut Vec::new());
        let mut session = Session::new(service(app, framing));
        let mut reply = round_trip(&mut session, &request(&recipe, tag));
        let at = at.index(reply.len());
        reply[at] ^= flip;
        let replies = feed(&mut exchange, &reply, &chunks);
        prop_assert!(!replies.is_empty());
        let is_right = |reply: &Reply| matches!(reply, Reply::Right { .. });
        prop_assert!(!replies.iter().any(is_right), "{:?}", replies);
    }

    #[test]
    fn no_bytes_make_an_exchange_panic(
        kind in select(kinds()), framing in select(vec![Framing::Line, Framing::Raw]),
        open in 0..4_u64, input in stream(), right in 0..4_u64, chunks in sizes(),
    ) {
        let (app, kind) = kind;
        let recipe = Arc::new(Recipe::new(app, framing, kind).expect("an allowed request"));
        let mut exchange = Exchange::new(recipe.clone());
        let mut session = Session::new(service(app, Framing::Line));
        let mut bytes = Vec::new();
        for tag in 0..open {
            exchange.request(tag, &mut Vec::new());
        }
        // Some correct replies first, so that the damage meets every state.
        for tag in 0..right {
            let request = [request(&recipe, tag), b"\n".to_vec()].concat();
            bytes.extend(round_trip(&mut session, &request));
        }
        bytes.extend_from_slice(&input);
        let replies = feed(&mut exchange, &bytes, &chunks);
        prop_assert!(replies.len() <= bytes.len());
        let rights = replies.iter().filter(|reply| matches!(reply, Reply::Right { .. })).count();
        prop_assert!(rights as u64 <= open, "no more correct replies than requests");
    }
}

/// Plays a connection and winds it down before step `stop_after`, resting at random moments.
fn wound_down(service: Service, input: &[u8], pace: &Pace, stop_after: usize) -> Vec<u8> {
    let mut session = Session::new(service);
    let (mut read, mut unsent, mut output) = (0, 0, Vec::new());
    let mut reads = pace.reads.iter().copied().cycle();
    let mut writes = pace.writes.iter().copied().cycle();
    for step in 0.. {
        if step == stop_after {
            session.wind_down(|| input.len() - read);
        }
        if pace.rests {
            session.rest();
        }
        check_step(&mut session, unsent);
        match session.step() {
            Step::Read(space) => {
                let size = reads.next().expect("a size");
                let n = (input.len() - read).min(space.len()).min(size);
                space[..n].copy_from_slice(&input[read..read + n]);
                session.received(n);
                read += n;
            }
            Step::Write(bytes) => {
                let n = bytes.len().min(writes.next().expect("a size"));
                output.extend_from_slice(&bytes[..n]);
                unsent = bytes.len() - n;
                session.sent(n);
            }
            Step::Outside(_) => unreachable!("no request of these leads outside"),
            Step::Run(job) => session.finished(&job.compute()),
            Step::Close => break,
        }
    }
    output
}
