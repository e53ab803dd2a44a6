//! Plays a connection: a session that reads a stream in any pieces, and is checked at every step.

use protocol::{
    FRAME_BYTES_MAX, Framing, Greeting, Job, OUTBOX_BYTES_MARK, Service, Session, Step, Tally,
};

use super::script::{Moves, compute};
use crate::support::{HEAP_BYTES_MAX_WITHOUT_WORK, check_step};

/// A connection is left once it has answered so much; one request can ask for a mebibyte.
pub(crate) const OUTPUT_BYTES_MAX: usize = 3 << 20;

/// More than the head of a reply.
const HEAD_BYTES_MAX: usize = 256;
/// A session whose client asks for no long replies holds a request, and the mark and a reply in a
/// buffer that has just grown.
const HTTP_HEAP_BYTES_MAX: usize =
    FRAME_BYTES_MAX + 2 * (OUTBOX_BYTES_MARK + FRAME_BYTES_MAX + HEAD_BYTES_MAX);

/// What a connection came to.
#[derive(Debug, Default)]
pub(crate) struct Played {
    pub(crate) output: Vec<u8>,
    pub(crate) tally: Tally,
    /// How much of the input was read, and how much of it before the last read.
    pub(crate) read: usize,
    pub(crate) read_before: usize,
    /// For each read its end in the input, and where its replies begin in the output.
    pub(crate) reads: Vec<(usize, usize)>,
    /// Whether the end of input was read before the session was wound down.
    pub(crate) ended: bool,
    pub(crate) wound_down: bool,
    /// How much of the input was read or known to be there when it was.
    pub(crate) known_to: usize,
    /// Whether the session was left before it closed.
    pub(crate) left: bool,
}

/// Plays a connection to its close, checking what holds at every step.
pub(crate) fn play(
    service: Service,
    input: &[u8],
    mut moves: Moves<'_>,
    stop: Option<usize>,
    greeting: Option<Greeting>,
) -> Played {
    let http = service.framing == Framing::Http;
    let heap_bytes_max = if http { HTTP_HEAP_BYTES_MAX } else { HEAP_BYTES_MAX_WITHOUT_WORK };
    let mut session = Session::new(service);
    if let Some(greeting) = greeting {
        session.greet(&greeting);
    }
    let mut played = Played::default();
    let (mut unsent, mut over, mut worked) = (0, false, false);
    // What a kernel knew to have when the session began to wind down and was not read since.
    let mut known = 0;
    for step in 0.. {
        // Every second step moves a byte, answers a message or is the last.
        assert!(step <= 3 * (input.len() + played.output.len()) + 8, "it goes round in circles");
        assert!(session.tally().requests <= played.read as u64, "a request has a byte at least");
        let next = moves.next();
        if stop == Some(step) {
            known = next.size.min(input.len() - played.read);
            session.wind_down(|| known);
            played.wound_down = !played.ended;
            played.known_to = played.read + known;
        }
        if next.rests {
            session.rest();
        }
        check_step(&mut session, unsent);
        let (heap_bytes, mid_request) = (session.heap_bytes(), session.is_mid_request());
        assert!(worked || heap_bytes <= heap_bytes_max, "{heap_bytes} bytes without any work");
        match session.step() {
            Step::Read(space) => {
                assert!(!over, "it reads although its input is over");
                let part = service.framing == Framing::Line
                    && input[..played.read].last().is_some_and(|b| *b != b'\n');
                assert!(http || mid_request == part, "whether part of a request is there");
                if next.rests && !mid_request {
                    // `check_step` has asked for room again; nothing else may be held.
                    assert!(heap_bytes <= space.len(), "{heap_bytes} bytes at rest");
                }
                let rest = &input[played.read..];
                let n = rest.len().min(space.len()).min(next.size.max(1));
                let short = n < space.len();
                space[..n].copy_from_slice(&rest[..n]);
                session.received(n);
                played.ended |= n == 0 && !played.wound_down;
                over = n == 0 || played.wound_down && known == 0 && short;
                known = known.saturating_sub(n);
                played.read_before = played.read;
                played.read += n;
                played.reads.push((played.read, played.output.len()));
            }
            Step::Write(bytes) => {
                let n = bytes.len().min(next.size);
                played.output.extend_from_slice(&bytes[..n]);
                unsent = bytes.len() - n;
                session.sent(n);
            }
            Step::Outside(_) => unreachable!("no request of these leads outside"),
            Step::Run(job) => {
                worked |= http || matches!(job, Job::Work(_));
                session.finished(&compute(&job));
            }
            Step::Close => break,
        }
        if played.output.len() >= OUTPUT_BYTES_MAX {
            played.left = true;
            break;
        }
    }
    played.tally = session.tally();
    if !played.left {
        assert_eq!(session.input_ended(), played.ended, "whether the peer's end was seen");
    }
    played
}

/// Plays a stream in one piece and in these, which is to come to the same. `None` where one of the
/// two was left: then they are the same as far as they go, and nothing else can be told of them.
pub(crate) fn whole_and_cut(
    service: Service,
    input: &[u8],
    moves: Moves<'_>,
) -> Option<(Played, Played)> {
    let whole = play(service, input, Moves::full(), None, None);
    let cut = play(service, input, moves.over(input.len()), None, None);
    if whole.left || cut.left {
        let len = whole.output.len().min(cut.output.len());
        assert!(whole.output[..len] == cut.output[..len], "the same bytes as far as they go");
        return None;
    }
    Some((whole, cut))
}
