//! A driver without sockets: it plays the kernel and the peer, with any pattern of short reads
//! and short writes, and checks the rules of the step machine at every step.

use protocol::exchange::Reply;
use protocol::job::WORK_REPLY_BYTES_MAX;
use protocol::session::Tally;
use protocol::{
    App, Exchange, FRAME_BYTES_MAX, Framing, Job, OUTBOX_BYTES_MARK, Outside, RAW_BYTES_MAX,
    Recipe, Request, Service, Session, Step,
};

/// The most heap a session may hold. The inbox never grows beyond one frame. A reply is appended
/// while less than the mark is waiting, and the reply of a job only when nothing is, so the outbox
/// holds the mark and one inline reply (no longer than its request but for `OK `), or one reply of
/// `WORK`; a growing `Vec` may have room for twice that.
pub(crate) const HEAP_BYTES_MAX: usize = FRAME_BYTES_MAX
    + 2 * if OUTBOX_BYTES_MARK + FRAME_BYTES_MAX > WORK_REPLY_BYTES_MAX {
        OUTBOX_BYTES_MARK + FRAME_BYTES_MAX
    } else {
        WORK_REPLY_BYTES_MAX
    };

/// The same for a peer that never asks for a reply longer than its request.
pub(crate) const HEAP_BYTES_MAX_WITHOUT_WORK: usize =
    FRAME_BYTES_MAX + 2 * (OUTBOX_BYTES_MARK + FRAME_BYTES_MAX);

/// The framings in which a reply is its text and a terminator at most.
pub(crate) const BARE: [Framing; 2] = [Framing::Line, Framing::Raw];

/// How bytes move: sizes of reads and of writes, each repeated for ever.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    pub(crate) reads: Vec<usize>,
    pub(crate) writes: Vec<usize>,
    /// Whether the session is told to rest before every step.
    pub(crate) rests: bool,
}

impl Pace {
    /// As much as fits, always.
    pub(crate) fn full() -> Self {
        Self::reads(usize::MAX)
    }

    /// Reads of so many bytes, full writes.
    pub(crate) fn reads(n: usize) -> Self {
        Self { reads: vec![n], writes: vec![usize::MAX], rests: false }
    }
}

/// What a session asked for, and what was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Read(usize),
    Write(usize),
    Run(Job),
}

/// A connection from its first byte to its close.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    pub(crate) output: Vec<u8>,
    pub(crate) events: Vec<Event>,
    pub(crate) tally: Tally,
    /// How much of the input was read before the session closed.
    pub(crate) read: usize,
}

impl Transcript {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.output).expect("the output is text")
    }
}

/// A step as a value, to compare two of them: buffers by place and length.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    Read(*const u8, usize),
    Write(*const u8, usize),
    Run(Job),
    Deliver(*const u8, usize),
    Close,
}

fn look(session: &mut Session) -> Look {
    match session.step() {
        Step::Read(space) => Look::Read(space.as_ptr(), space.len()),
        Step::Write(bytes) => Look::Write(bytes.as_ptr(), bytes.len()),
        Step::Run(job) => Look::Run(job),
        Step::Outside(Outside::Deliver(bytes) | Outside::Run(bytes) | Outside::Say(bytes)) => {
            Look::Deliver(bytes.as_ptr(), bytes.len())
        }
        Step::Close => Look::Close,
    }
}

/// Plays a whole connection: `input`, the end of input, and the close.
pub(crate) fn talk(service: Service, input: &[u8], pace: &Pace) -> Transcript {
    let mut session = Session::new(service);
    let mut transcript = Transcript::default();
    let mut reads = pace.reads.iter().copied().cycle();
    let mut writes = pace.writes.iter().copied().cycle();
    let (mut unsent, mut ended) = (0, false);
    loop {
        if pace.rests {
            session.rest();
        }
        check_step(&mut session, unsent);
        match session.step() {
            Step::Read(space) => {
                assert!(!ended, "read again after the end of input");
                let rest = &input[transcript.read..];
                let n = rest.len().min(space.len()).min(reads.next().expect("a size"));
                space[..n].copy_from_slice(&rest[..n]);
                session.received(n);
                ended = n == 0;
                transcript.read += n;
                transcript.events.push(Event::Read(n));
            }
            Step::Write(bytes) => {
                let n = bytes.len().min(writes.next().expect("a size"));
                transcript.output.extend_from_slice(&bytes[..n]);
                unsent = bytes.len() - n;
                session.sent(n);
                transcript.events.push(Event::Write(n));
            }
            Step::Outside(_) => unreachable!("no request of these leads outside"),
            Step::Run(job) => {
                session.finished(&job.compute());
                transcript.events.push(Event::Run(job));
            }
            Step::Close => break,
        }
    }
    transcript.tally = session.tally();
    transcript
}

/// What must hold before any step, with `unsent` bytes of the last write still to go.
pub(crate) fn check_step(session: &mut Session, unsent: usize) {
    let asked = look(session);
    assert_eq!(asked, look(session), "asking twice changes nothing");
    assert!(session.heap_bytes() <= HEAP_BYTES_MAX, "{} bytes of heap", session.heap_bytes());
    match asked {
        Look::Read(_, len) => assert!((1..=FRAME_BYTES_MAX).contains(&len), "offered {len}"),
        Look::Write(_, len) => assert!(len > 0 && len >= unsent, "{len} of {unsent} unsent"),
        Look::Deliver(_, len) => assert!(len > 0),
        Look::Run(_) | Look::Close => {}
    }
    if unsent > 0 {
        assert!(matches!(look(session), Look::Write(..)), "output is pending");
    }
}

/// Gives the session `bytes` in as few reads as it offers room for (none are the end of input),
/// and returns what it answers until it reads again or closes.
pub(crate) fn round_trip(session: &mut Session, bytes: &[u8]) -> Vec<u8> {
    let mut rest = bytes;
    let mut output = Vec::new();
    loop {
        let Step::Read(space) = session.step() else { panic!("the session does not read") };
        let (now, later) = rest.split_at(rest.len().min(space.len()));
        deliver(session, now);
        output.extend(answers(session));
        rest = later;
        if rest.is_empty() {
            return output;
        }
    }
}

/// Gives the session `bytes` in one read.
pub(crate) fn deliver(session: &mut Session, bytes: &[u8]) {
    let Step::Read(space) = session.step() else { panic!("the session does not read") };
    space[..bytes.len()].copy_from_slice(bytes);
    session.received(bytes.len());
}

/// Writes and runs, all at once and inline, until the session reads again, has a command to run, or closes.
pub(crate) fn answers(session: &mut Session) -> Vec<u8> {
    let mut output = Vec::new();
    loop {
        match session.step() {
            Step::Read(_) | Step::Close | Step::Outside(Outside::Run(_)) => return output,
            Step::Write(bytes) => {
                let n = bytes.len();
                output.extend_from_slice(bytes);
                session.sent(n);
            }
            Step::Run(job) => session.finished(&job.compute()),
            Step::Outside(Outside::Deliver(bytes)) => {
                let n = bytes.len();
                session.delivered(n);
            }
            Step::Outside(Outside::Say(_)) => session.said(),
        }
    }
}

/// Feeds an exchange and takes every reply as soon as it is complete.
pub(crate) fn feed(exchange: &mut Exchange, mut bytes: &[u8], chunks: &[usize]) -> Vec<Reply> {
    let mut replies = Vec::new();
    for chunk in chunks.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let space = exchange.space();
        assert!((1..=WORK_REPLY_BYTES_MAX).contains(&space.len()));
        let n = bytes.len().min(space.len()).min(*chunk);
        space[..n].copy_from_slice(&bytes[..n]);
        exchange.received(n);
        bytes = &bytes[n..];
        while let Some(reply) = exchange.reply() {
            replies.push(reply);
        }
    }
    replies
}

/// The request of one tag.
pub(crate) fn request(recipe: &std::sync::Arc<Recipe>, tag: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    Exchange::new(recipe.clone()).request(tag, &mut bytes);
    bytes
}

/// Every kind of request, as `(app, request)`.
pub(crate) fn kinds() -> Vec<(App, Request)> {
    let work = |rounds, reply_bytes| {
        Request::Work(protocol::Work { rounds, wait: std::time::Duration::ZERO, reply_bytes })
    };
    vec![
        (App::Bench, Request::Echo { bytes: 1 }),
        (App::Bench, Request::Echo { bytes: 64 }),
        (App::Bench, Request::Echo { bytes: 10_000 }),
        (App::Echo, Request::Echo { bytes: 3 }),
        (App::Echo, Request::Echo { bytes: 300 }),
        (App::Bench, Request::Multiply { digits: 9 }),
        (App::Bench, Request::Multiply { digits: 80 }),
        (App::Multiply, Request::Multiply { digits: 18 }),
        (App::Multiply, Request::Multiply { digits: 300 }),
        (App::Bench, work(3, 0)),
        (App::Bench, work(0, 100)),
        (App::Bench, work(1, RAW_BYTES_MAX)),
    ]
}

/// A service kept open.
pub(crate) fn service(app: App, framing: Framing) -> Service {
    Service { app, framing, close_after: None }
}
