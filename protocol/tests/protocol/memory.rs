//! A session's memory is bounded whatever its peer does, and an idle one has none.

use crate::support::{
    BARE, HEAP_BYTES_MAX, HEAP_BYTES_MAX_WITHOUT_WORK, answers, round_trip, service,
};
use protocol::{
    App, FRAME_BYTES_MAX, Framing, OUTBOX_BYTES_MARK, RAW_BYTES_MAX, Service, Session, Step,
};

/// Sends `pattern` without end, always as much as is offered, and returns the most heap held.
/// The peer takes its replies `write` bytes at a time.
fn flood(service: Service, pattern: &[u8], write: usize, steps: usize) -> usize {
    let mut session = Session::new(service);
    let mut stream = pattern.iter().copied().cycle();
    let mut heap_bytes_max = 0;
    for _ in 0..steps {
        match session.step() {
            Step::Read(space) => {
                space.fill_with(|| stream.next().expect("the pattern repeats"));
                let n = space.len();
                session.received(n);
            }
            Step::Write(bytes) => {
                let n = bytes.len().min(write);
                session.sent(n);
            }
            Step::Outside(_) => unreachable!("no request of these leads outside"),
            Step::Run(job) => session.finished(&job.compute()),
            Step::Close => break,
        }
        heap_bytes_max = heap_bytes_max.max(session.heap_bytes());
    }
    heap_bytes_max
}

#[test]
fn memory_is_bounded_for_a_peer_that_pipelines_without_end() {
    let long_echo = [b"ECHO ", &[b'x'; FRAME_BYTES_MAX - 6][..], b"\n"].concat();
    let patterns: [&[u8]; 6] = [
        b"\n",
        b"ECHO a\n",
        b"MUL 22 9\nMUL 99999999999999999999 2\n",
        b"WORK 0 0 0 t\nECHO a\nnonsense\n",
        &[&long_echo[..], b"ECHO a\n"].concat(),
        &[b"ECHO a\n".repeat(9), long_echo].concat(),
    ];
    for pattern in patterns {
        for write in [usize::MAX, 1000] {
            let heap = flood(Service::BENCH, pattern, write, 200);
            assert!(heap <= HEAP_BYTES_MAX_WITHOUT_WORK, "{heap} bytes");
            assert!(heap > HEAP_BYTES_MIN, "the flood must test something: {heap} bytes");
        }
    }
}

/// Any flood holds at least one grown inbox.
const HEAP_BYTES_MIN: usize = 2048;

#[test]
fn memory_is_bounded_for_a_peer_that_asks_for_the_largest_replies() {
    let pattern = b"WORK 0 0 1048576\nECHO a\nWORK 0 0 65000\nWORK 0 0 1048576 t\n\n\n\n";
    let heap = flood(Service::BENCH, pattern, usize::MAX, 100);
    assert!((1024 * 1024..=HEAP_BYTES_MAX).contains(&heap), "{heap} bytes");
}

#[test]
fn a_large_reply_is_laid_out_in_one_allocation_of_its_size() {
    let mut session = Session::new(Service::BENCH);
    assert_eq!(round_trip(&mut session, b"WORK 0 0 1048576\n").len(), 1024 * 1024);
    let outbox = session.heap_bytes() - 1024;
    assert!((1024 * 1024..1024 * 1024 + 4096).contains(&outbox), "{outbox} bytes");
}

#[test]
fn memory_is_bounded_in_every_application_and_framing() {
    for (_, app) in App::REQUEST_REPLY {
        for (_, framing) in Framing::ALL {
            for pattern in [&b"1 2\n"[..], b"\0", b"ECHO \xff\r\n"] {
                let heap = flood(service(app, framing), pattern, 4096, 150);
                assert!(heap <= HEAP_BYTES_MAX_WITHOUT_WORK, "{heap} bytes");
            }
        }
    }
}

#[test]
fn a_peer_that_takes_no_replies_is_not_read_from() {
    let mut session = Session::new(Service::BENCH);
    let Step::Read(space) = session.step() else { panic!("a fresh session reads") };
    space.fill(b'\n');
    let n = space.len();
    session.received(n);
    let held = session.heap_bytes();
    for _ in 0..100 {
        assert!(matches!(session.step(), Step::Write(_)));
        session.sent(0);
    }
    assert_eq!(session.heap_bytes(), held);
}

#[test]
fn replies_are_collected_up_to_the_mark_and_then_written() {
    let mut session = Session::new(Service::BENCH);
    let refusal = round_trip(&mut session, b"\n").len();
    // Make the session offer its largest read, then fill it with the shortest request there is.
    loop {
        let Step::Read(space) = session.step() else { panic!("all is answered") };
        space.fill(b'\n');
        let n = space.len();
        session.received(n);
        if n == FRAME_BYTES_MAX {
            break;
        }
        answers(&mut session);
    }
    let Step::Write(bytes) = session.step() else { panic!("replies") };
    let expected = OUTBOX_BYTES_MARK..OUTBOX_BYTES_MARK + refusal;
    assert!(expected.contains(&bytes.len()), "{} bytes", bytes.len());
}

#[test]
fn an_idle_session_holds_no_heap() {
    for (_, app) in App::REQUEST_REPLY {
        for framing in BARE {
            let mut session = Session::new(service(app, framing));
            assert_eq!(session.heap_bytes(), 0, "fresh");
            for message in [&b"ECHO a\n"[..], b"MUL 22 9\n", b"WORK 1 0 5000\n", b"22 9\n"] {
                round_trip(&mut session, message);
                assert_ne!(session.heap_bytes(), 0);
                session.rest();
                assert_eq!(session.heap_bytes(), 0);
            }
        }
    }
}

#[test]
fn resting_loses_nothing_that_is_pending() {
    let mut session = Session::new(Service::BENCH);
    assert_eq!(round_trip(&mut session, b"ECHO a"), b"");
    session.rest();
    let Step::Read(space) = session.step() else { panic!("half a request") };
    space[..2].copy_from_slice(b"b\n");
    session.received(2);
    session.rest();
    let Step::Write(bytes) = session.step() else { panic!("a reply") };
    assert_eq!(bytes, b"OK ab\n");
    session.sent(3);
    session.rest();
    assert!(matches!(session.step(), Step::Write(b"ab\n")));
}

#[test]
fn reads_grow_with_a_burst_and_shrink_with_rest() {
    let offered = |session: &mut Session| match session.step() {
        Step::Read(space) => space.len(),
        _ => panic!("a session that reads"),
    };
    let mut session = Session::new(service(App::Echo, Framing::Line));
    assert_eq!(offered(&mut session), 1024);
    while offered(&mut session) < FRAME_BYTES_MAX {
        let n = offered(&mut session);
        round_trip(&mut session, &vec![b'\n'; n]);
    }
    let mut sizes = Vec::new();
    for _ in 0..9 {
        session.rest();
        sizes.push(offered(&mut session));
    }
    assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
    assert_eq!(sizes.last(), Some(&1024));
}

#[test]
fn a_raw_session_holds_one_message_and_its_reply() {
    let mut session = Session::new(service(App::Echo, Framing::Raw));
    for _ in 0..9 {
        round_trip(&mut session, &[b'x'; RAW_BYTES_MAX]);
        assert!(session.heap_bytes() <= 3 * RAW_BYTES_MAX);
    }
}
