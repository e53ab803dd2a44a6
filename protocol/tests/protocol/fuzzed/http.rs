//! HTTP at both ends: any requests in any pieces mean what they mean in one piece, every reply to
//! them can be cut out again, and no stream of replies makes a client do what it must not.

use std::num::NonZeroU32;
use std::sync::Arc;

use protocol::http::Method;
use protocol::{App, Ask, Exchange, FRAME_BYTES_MAX, Framing, Recipe, Reply, Service};

use super::play::{play, whole_and_cut};
use super::script::{Moves, Script};

/// Either end, by the first byte.
pub(crate) fn http(bytes: &[u8]) {
    let mut script = Script(bytes);
    let settings = usize::from(script.byte());
    if settings & 1 == 0 { requests(settings / 2, script) } else { replies(settings / 2, script) }
}

fn requests(settings: usize, mut script: Script<'_>) {
    let service = Service {
        app: App::REQUEST_REPLY[settings % 3].1,
        framing: Framing::Http,
        close_after: NonZeroU32::new([0, 1, 2, 7][settings / 3 % 4]),
    };
    let moves = script.moves();
    // An empty input ends at once; every stream ends.
    let input = script.plain_stream();
    // By the settings too, so that what was found before is still played.
    stopped(service, &input, moves.clone(), 3 * (settings / 12));
    let Some((whole, cut)) = whole_and_cut(service, &input, moves) else { return };
    let (whole_replies, cut_replies) = (statuses(&whole.output), statuses(&cut.output));
    assert_eq!(whole_replies, cut_replies, "the same statuses and bodies");
    assert_eq!(whole.tally, cut.tally);
    assert_eq!(whole_replies.len() as u64, whole.tally.requests, "a reply for each request");
    let refused = whole_replies.iter().filter(|(status, _)| *status != 200).count();
    assert_eq!(refused as u64, whole.tally.refused);
}

/// A server that stops in this step answers what it has read or the kernel has then, as if no more had
/// ever come.
fn stopped(service: Service, input: &[u8], moves: Moves<'_>, step: usize) {
    let stopped = play(service, input, moves.over(input.len()), Some(step), None);
    let there = stopped.read.max(stopped.known_to);
    let read = play(service, &input[..there], Moves::full(), None, None);
    if stopped.left || read.left {
        return;
    }
    assert_eq!(statuses(&stopped.output), statuses(&read.output), "what was read is answered");
    assert_eq!(stopped.tally, read.tally);
}

/// Every final reply of an output, cut by an independent and simple reader. What says that it is the
/// last has to be. Replies to HEAD have no body where their heads tell of one: a head follows.
fn statuses(mut output: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut found = Vec::new();
    while !output.is_empty() {
        let end = output.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head") + 4;
        let (head, rest) = output.split_at(end);
        let head = std::str::from_utf8(head).expect("text");
        let status = head.strip_prefix("HTTP/1.1 ").expect("a status line")[..3].parse();
        let status = status.expect("a status");
        output = rest;
        if status == 100 {
            continue;
        }
        let length = head.split("\r\n").find_map(|line| line.strip_prefix("Content-Length: "));
        let length: usize = length.expect("its length").parse().expect("a number");
        let bodiless = output.is_empty() || output.starts_with(b"HTTP/1.1 ");
        let (body, rest) = output.split_at(if bodiless { 0 } else { length });
        let closes = head.contains("\r\nConnection: close\r\n");
        assert!(!closes || rest.is_empty(), "nothing follows the last reply");
        found.push((status, body.to_vec()));
        output = rest;
    }
    found
}

/// A stream of replies: what comes of it does not depend on how it is cut, and costs no more
/// memory than one read.
fn replies(settings: usize, mut script: Script<'_>) {
    let method = ["GET", "HEAD"][settings % 2];
    let method = Method::new(method).expect("a method");
    let ask = || Ask::new(&method, "/", "h", &[], b"").expect("an ask");
    let strict = settings / 2 % 2 == 1;
    let recipe = || {
        let ask = if strict { ask().expect_bytes(5) } else { ask().of_any_length() };
        Arc::new(Recipe::asking(ask))
    };
    let open = settings / 4 % 8;
    let moves = script.moves();
    let stream = script.plain_stream();
    let whole = judge(&recipe(), open, &stream, Moves::full());
    let cut = judge(&recipe(), open, &stream, moves.over(stream.len()));
    // What is shown of something wrong is what had come by then.
    assert_eq!(whole, cut, "the same replies");
}

fn judge(recipe: &Arc<Recipe>, open: usize, stream: &[u8], mut moves: Moves<'_>) -> Vec<Verdict> {
    let mut exchange = Exchange::new(Arc::clone(recipe));
    (0..open).for_each(|tag| exchange.request(tag as u64, &mut Vec::new()));
    let (mut verdicts, mut fed) = (Vec::new(), 0);
    while fed < stream.len() && exchange.open() > 0 {
        let space = exchange.space();
        assert!((1..=FRAME_BYTES_MAX).contains(&space.len()));
        let n = space.len().min(stream.len() - fed).min(moves.next().size.max(1));
        space[..n].copy_from_slice(&stream[fed..fed + n]);
        exchange.received(n);
        fed += n;
        while exchange.open() > 0
            && let Some(reply) = exchange.reply()
        {
            let verdict = Verdict::of(&reply);
            verdicts.push(verdict);
            if verdict == Verdict::Wrong {
                return verdicts;
            }
        }
    }
    if exchange.open() > 0
        && let Some(reply) = exchange.ended()
    {
        assert!(exchange.is_over());
        verdicts.push(Verdict::of(&reply));
    }
    verdicts
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Right(u64),
    Status(u16),
    Length(u64),
    Wrong,
}

impl Verdict {
    fn of(reply: &Reply) -> Self {
        match reply {
            Reply::Right { tag } => Self::Right(*tag),
            Reply::Status { status } => Self::Status(*status),
            Reply::Length { bytes, .. } => Self::Length(*bytes),
            Reply::Wrong { .. } => Self::Wrong,
            Reply::Refused { .. } | Reply::Greeting(_) => panic!("{reply:?} of any server"),
        }
    }
}
