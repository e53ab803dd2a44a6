//! The client's end, and a server that sends anything: correct replies, damaged ones, refusals and
//! garbage, in any pieces.

use protocol::job::WORK_REPLY_BYTES_MAX;
use protocol::{Exchange, FRAME_BYTES_MAX, Framing, Recipe, Reply};
use std::collections::VecDeque;
use std::sync::Arc;

use super::script::Script;
use crate::spec::answer;
use crate::support::{kinds, request};

/// In a hostile stream: the correct reply to the next request.
const RIGHT: u8 = 0xfe;
/// The same with one bit changed, and the place of that bit after it.
const DAMAGED: u8 = 0xfd;
/// Requests that wait for a reply at most.
const OPEN_MAX: u8 = 8;

/// A hostile server's stream, and what the client may make of it.
#[derive(Debug)]
struct Hostile {
    framing: Framing,
    /// The open requests and the one correct reply to each.
    open: VecDeque<(u64, Vec<u8>)>,
    stream: Vec<u8>,
    /// How much has arrived, and how much of it replies have used up.
    fed: usize,
    used: usize,
}

/// Whatever arrives, only the correct reply is called right, at the moment when it is complete;
/// what is called wrong cannot become right any more; and memory is bounded.
pub(crate) fn exchange(bytes: &[u8]) {
    let mut script = Script(bytes);
    let (kind, flags) = (usize::from(script.byte()), script.byte());
    let (app, kind) = kinds()[kind % kinds().len()];
    let framing = Framing::ALL[usize::from(flags & 1)].1;
    let recipe = Arc::new(Recipe::new(app, framing, kind).expect("an allowed request"));
    let mut exchange = Exchange::new(recipe.clone());
    let first = u64::from(script.byte()).wrapping_mul(0x0123_4567_89ab_cdef);
    let tags = (0..u64::from((flags >> 1) % (OPEN_MAX + 1))).map(|i| first.wrapping_add(i));
    let open: VecDeque<_> =
        tags.map(|tag| (tag, right_reply(app, framing, &recipe, tag))).collect();
    for (tag, _) in &open {
        exchange.request(*tag, &mut Vec::new());
    }
    let moves = script.moves();
    let stream = hostile_stream(script, open.iter().map(|(_, reply)| reply));
    let mut moves = moves.over(stream.len());
    let mut hostile = Hostile { framing, open, stream, fed: 0, used: 0 };
    let mut trusted = true;
    while hostile.fed < hostile.stream.len() {
        let space = exchange.space();
        assert!((1..=WORK_REPLY_BYTES_MAX).contains(&space.len()), "offered {}", space.len());
        let rest = &hostile.stream[hostile.fed..];
        let n = rest.len().min(space.len()).min(moves.next().size);
        space[..n].copy_from_slice(&rest[..n]);
        exchange.received(n);
        hostile.fed += n;
        loop {
            let reply = exchange.reply();
            if trusted {
                hostile.check(reply.as_ref());
                assert_eq!(exchange.open(), hostile.open.len());
            }
            // What follows a wrong reply means nothing, but must do no harm.
            trusted &= !matches!(reply, Some(Reply::Wrong { .. }));
            if reply.is_none() {
                break;
            }
        }
        assert!(exchange.heap_bytes() <= WORK_REPLY_BYTES_MAX, "{} bytes", exchange.heap_bytes());
    }
}

fn right_reply(app: protocol::App, framing: Framing, recipe: &Arc<Recipe>, tag: u64) -> Vec<u8> {
    let request = request(recipe, tag);
    let message = request.strip_suffix(b"\n").unwrap_or(&request);
    let (mut reply, _) = answer(app, framing, message);
    if framing == Framing::Line {
        reply.push(b'\n');
    }
    reply
}

fn hostile_stream<'a>(script: Script<'_>, replies: impl Iterator<Item = &'a Vec<u8>>) -> Vec<u8> {
    let mut replies = replies.cloned();
    script.stream(|byte, script| match byte {
        RIGHT => replies.next().unwrap_or_default(),
        DAMAGED => {
            let mut reply = replies.next().unwrap_or_default();
            let at = usize::from(script.byte());
            let len = reply.len().max(1);
            if let Some(byte) = reply.get_mut((at >> 3) * 31 % len) {
                *byte ^= 1 << (at & 7);
            }
            reply
        }
        byte => vec![byte],
    })
}

impl Hostile {
    /// Compares a verdict with what has arrived.
    fn check(&mut self, reply: Option<&Reply>) {
        let bytes = &self.stream[self.used..self.fed];
        let right = self.open.front().map_or(&[][..], |(_, reply)| reply);
        let is_right = !right.is_empty() && bytes.starts_with(right);
        let may_be_right = right.starts_with(bytes);
        let end = bytes.iter().position(|b| *b == b'\n');
        match reply {
            Some(Reply::Right { tag }) => {
                assert_eq!(Some(*tag), self.open.front().map(|(tag, _)| *tag), "in order");
                assert!(is_right, "only the correct reply is right");
                self.used += right.len();
                self.open.pop_front();
            }
            Some(Reply::Greeting(_)) => panic!("a greeting that nobody expects"),
            Some(Reply::Status { .. } | Reply::Length { .. }) => {
                panic!("a status where there are none")
            }
            Some(Reply::Refused { code }) => {
                assert!(bytes.starts_with(b"ERR ") && !is_right);
                assert!(end.is_some() || self.framing == Framing::Raw, "a whole line");
                let line = &bytes[4..end.unwrap_or(bytes.len())];
                assert!(String::from_utf8_lossy(line).starts_with(code.as_str()), "{code}");
                self.used += end.map_or(bytes.len(), |at| at + 1);
                self.open.pop_front();
            }
            Some(Reply::Wrong { .. }) => {
                let may_be_right = may_be_right && !right.is_empty();
                assert!(!is_right && !may_be_right, "it is or may be right");
                self.open.pop_front();
            }
            None => {
                let refusal = self.framing == Framing::Line
                    && end.is_none()
                    && bytes.len() < FRAME_BYTES_MAX
                    && b"ERR ".starts_with(&bytes[..bytes.len().min(4)]);
                assert!(!is_right && (may_be_right || refusal), "nothing is held back");
            }
        }
    }
}
