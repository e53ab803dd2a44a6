//! The server's end: any bytes, cut anyhow, stopped at any moment, against the specification.

use protocol::{App, FRAME_BYTES_MAX, Framing, Greeting, Service, Tally};

use super::play::{OUTPUT_BYTES_MAX, Played, play, whole_and_cut};
use super::script::Script;
use crate::spec::{answer, is_refusal, line_answers, without_err_texts};

const GREETING: Greeting = Greeting { worker: 3, sequence: 17, accepted_ns: 1, taken_ns: u64::MAX };

/// Any bytes in any pieces, with short writes, rests and a wind-down: the session answers what
/// the specification says, counts it, holds no more than it may, and closes when it has to.
pub(crate) fn session(bytes: &[u8]) {
    let mut script = Script(bytes);
    let (service, greets) = script.service();
    let stop = script.moment();
    let moves = script.moves();
    let input = script.plain_stream();
    let greeting = (greets && service.framing == Framing::Line).then_some(GREETING);
    let mut played = play(service, &input, moves.over(input.len()), stop, greeting);
    if let Some(greeting) = greeting {
        let line = format!("{greeting}\n");
        assert!(played.output.starts_with(line.as_bytes()), "the greeting comes first and always");
        played.output.drain(..line.len());
    }
    match service.framing {
        Framing::Line => check_lines(service, &input, &played),
        Framing::Raw => check_raw(service, &input, &played),
        Framing::Http => unreachable!("it has a target of its own"),
    }
}

/// The same lines in one piece and in any pieces are answered with the same bytes.
pub(crate) fn framing(bytes: &[u8]) {
    let mut script = Script(bytes);
    let service = Service { framing: Framing::Line, ..script.service().0 };
    let moves = script.moves();
    let input = script.plain_stream();
    if let Some((whole, cut)) = whole_and_cut(service, &input, moves) {
        assert!(whole.output == cut.output, "the same bytes");
        assert_eq!((whole.tally, whole.ended), (cut.tally, cut.ended));
    }
}

fn check_lines(service: Service, input: &[u8], played: &Played) {
    let read = &input[..played.read];
    // A session that winds down answers whole lines only.
    let answered = if played.wound_down { whole_lines(read) } else { read };
    let owed = line_answers(service, answered, OUTPUT_BYTES_MAX);
    let output = without_err_texts(&played.output);
    if played.left {
        let len = output.len().min(owed.output.len());
        assert!(output[..len] == owed.output[..len], "the right bytes as far as they go");
        return;
    }
    assert!(output == owed.output, "the right bytes");
    let counted = Tally { requests: owed.requests, refused: owed.refused };
    assert_eq!(played.tally, counted, "what was counted");
    assert!(owed.closes || played.ended || played.wound_down, "it closed too early");
    let before = whole_lines(&input[..played.read_before]);
    let before = line_answers(service, before, OUTPUT_BYTES_MAX);
    assert!(!before.closes, "it read on after the last reply");
}

/// Without the part of a line at the end; an over-long one is as good as whole.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let part = bytes.iter().rev().position(|b| *b == b'\n').unwrap_or(bytes.len());
    if part < FRAME_BYTES_MAX { &bytes[..bytes.len() - part] } else { bytes }
}

fn check_raw(service: Service, input: &[u8], played: &Played) {
    let Service { app, framing, close_after } = service;
    let (mut start, mut tally, mut closes) = (0, Tally::default(), false);
    for (i, &(end, from)) in played.reads.iter().enumerate() {
        let to = played.reads.get(i + 1).map_or(played.output.len(), |next| next.1);
        let (message, reply) = (&input[start..end], &played.output[from..to]);
        start = end;
        if message.is_empty() {
            assert!(reply.is_empty(), "nothing is answered with nothing");
            continue;
        }
        assert!(!closes, "it read on after the last reply");
        let (right, last) = answer(app, framing, message);
        let (reply, right) = (without_err_texts(reply), without_err_texts(&right));
        if played.left && i + 1 == played.reads.len() {
            assert!(right.starts_with(&reply), "the right bytes as far as they go");
            return;
        }
        assert!(reply == right, "the right bytes");
        tally.requests += 1;
        tally.refused += u64::from(is_refusal(app, &right));
        closes = last || close_after.is_some_and(|k| tally.requests == k.get().into());
    }
    assert_eq!(played.tally, tally, "what was counted");
    assert!(app == App::Bench || close_after.is_some() || !closes);
    assert!(closes || played.ended || played.wound_down, "it closed too early");
}
