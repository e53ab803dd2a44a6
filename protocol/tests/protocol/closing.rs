//! When a session closes, and what it still answers.

use crate::support::{Event, Pace, answers, deliver, round_trip, service, talk};
use protocol::{App, FRAME_BYTES_MAX, Framing, RAW_BYTES_MAX, Service, Session, Step};
use std::num::NonZeroU32;

fn closed(session: &mut Session) -> bool {
    matches!(session.step(), Step::Close)
}

fn reads(session: &mut Session) -> bool {
    matches!(session.step(), Step::Read(_))
}

#[test]
fn quit_is_answered_and_what_follows_is_not() {
    for quit in ["QUIT", "quit", "Quit now"] {
        let input = format!("ECHO a\n{quit}\nECHO b\n");
        let transcript = talk(Service::BENCH, input.as_bytes(), &Pace::full());
        assert_eq!(transcript.text(), "OK a\nOK bye\n");
        assert!(!transcript.events.contains(&Event::Read(0)), "nothing more is read");
        assert_eq!(transcript.tally.requests, 2);
    }
}

#[test]
fn quit_after_a_job_waits_for_it() {
    let transcript = talk(Service::BENCH, b"WORK 1 0 0\nQUIT\n", &Pace::full());
    assert_eq!(transcript.text(), "OK 7f1c9f0207486b77\nOK bye\n");
}

#[test]
fn an_oversize_line_is_refused_and_closes() {
    let expected = "ok\nERR too-long a line holds 65536 bytes at most\n";
    for surplus in [0, 1, 1000, 3 * FRAME_BYTES_MAX] {
        let mut input = b"ok\n".to_vec();
        input.resize(input.len() + FRAME_BYTES_MAX + surplus, b'x');
        input.extend_from_slice(b"\nlost\n");
        for pace in [Pace::full(), Pace::reads(999), Pace::reads(1)] {
            let transcript = talk(service(App::Echo, Framing::Line), &input, &pace);
            assert_eq!(transcript.text(), expected);
            assert_eq!((transcript.tally.requests, transcript.tally.refused), (2, 1));
            // The surplus is never taken in.
            assert!(transcript.read <= FRAME_BYTES_MAX + 3);
        }
    }
}

#[test]
fn an_oversize_line_is_refused_before_its_end_is_seen() {
    let mut session = Session::new(Service::BENCH);
    for _ in 0..FRAME_BYTES_MAX - 1 {
        assert_eq!(round_trip(&mut session, b"x"), b"");
    }
    assert!(round_trip(&mut session, b"x").starts_with(b"ERR too-long "));
    assert!(closed(&mut session) && !session.is_mid_request());
    assert!(!session.input_ended(), "the peer may still be sending");
}

#[test]
fn a_session_closes_after_so_many_replies() {
    let once = |k| Service { close_after: NonZeroU32::new(k), ..Service::BENCH };
    let input = b"ECHO a\nnonsense\nWORK 1 0 0\nECHO b\n";
    let replies = |k| talk(once(k), input, &Pace::full()).text().lines().count();
    assert_eq!([1, 2, 3, 4, 9].map(replies), [1, 2, 3, 4, 4], "refusals and jobs count");
    let none = Service { close_after: None, ..Service::BENCH };
    assert_eq!(talk(none, input, &Pace::full()).tally.requests, 4);
}

#[test]
fn a_raw_session_closes_after_so_many_replies() {
    let once =
        Service { app: App::Multiply, framing: Framing::Raw, close_after: NonZeroU32::new(1) };
    let transcript = talk(once, b"22 9", &Pace::full());
    assert_eq!(transcript.text(), "198");
    assert_eq!(transcript.events, [Event::Read(4), Event::Write(3)], "close marks the end");
}

#[test]
fn an_end_of_input_that_was_seen_stays_seen() {
    let mut session = Session::new(Service::BENCH);
    deliver(&mut session, b"QUIT");
    session.received(0);
    assert_eq!(answers(&mut session), b"OK bye\n");
    assert!(closed(&mut session) && session.input_ended());
}

#[test]
fn winding_down_answers_what_was_received() {
    let mut session = Session::new(Service::BENCH);
    deliver(&mut session, b"ECHO a\nWORK 1 0 0\nECHO b\nECH");
    session.wind_down(|| 4);
    assert_eq!(answers(&mut session), b"OK a\nOK 7f1c9f0207486b77\nOK b\n");
    assert!(reads(&mut session), "the kernel has the rest");
    assert_eq!(round_trip(&mut session, b"O c\n"), b"OK c\n");
    assert!(reads(&mut session), "a kernel counts up to urgent data, and that is not the end");
    assert_eq!(round_trip(&mut session, b"ECHO d\n"), b"OK d\n");
    assert!(closed(&mut session), "a short read is the last");
}

#[test]
fn winding_down_reads_what_the_kernel_has_in_any_pieces() {
    let mut session = Session::new(Service::BENCH);
    let input = b"ECHO a\nECHO b\n";
    session.wind_down(|| input.len());
    let mut output = Vec::new();
    for byte in input {
        output.extend(round_trip(&mut session, &[*byte]));
    }
    assert_eq!(output, b"OK a\nOK b\n");
    assert!(reads(&mut session));
    session.received(0);
    assert!(closed(&mut session));
}

#[test]
fn winding_down_ends_with_the_end_of_input_although_more_was_there() {
    let mut session = Session::new(Service::BENCH);
    session.wind_down(|| 1000);
    assert_eq!(round_trip(&mut session, b"ECHO a\nECHO hal"), b"OK a\n");
    assert_eq!(round_trip(&mut session, b""), b"");
    assert!(closed(&mut session));
}

#[test]
fn winding_down_ends_however_much_the_peer_has_to_say() {
    let mut session = Session::new(service(App::Echo, Framing::Line));
    let (known, mut read) = (5_000_000, 0);
    session.wind_down(|| known);
    while let Step::Read(space) = session.step() {
        space.fill(b'\n');
        let len = space.len();
        session.received(len);
        read += len;
        answers(&mut session);
    }
    assert!((known..known + 2_000_000).contains(&read), "{read} bytes");
    assert!(closed(&mut session));
}

#[test]
fn winding_down_goes_on_after_a_full_read() {
    let mut session = Session::new(service(App::Echo, Framing::Line));
    session.wind_down(|| 0);
    for _ in 0..3 {
        let Step::Read(space) = session.step() else { panic!("a full read goes on") };
        let len = space.len();
        space.fill(b'x');
        space[len - 1] = b'\n';
        session.received(len);
        assert_eq!(answers(&mut session).len(), len);
    }
    assert_eq!(round_trip(&mut session, b"a\nunfin"), b"a\n");
    assert!(closed(&mut session), "an unfinished request is dropped");
}

#[test]
fn a_raw_session_winds_down_too() {
    let mut session = Session::new(service(App::Echo, Framing::Raw));
    session.wind_down(|| 0);
    assert_eq!(round_trip(&mut session, &[b'x'; RAW_BYTES_MAX]).len(), RAW_BYTES_MAX);
    assert!(reads(&mut session));
    assert_eq!(round_trip(&mut session, b"last"), b"last");
    assert!(closed(&mut session));
}

#[test]
fn winding_down_during_a_job_answers_it() {
    let mut session = Session::new(Service::BENCH);
    deliver(&mut session, b"WORK 1 0 0\n");
    session.wind_down(|| 0);
    assert_eq!(answers(&mut session), b"OK 7f1c9f0207486b77\n");
    session.received(0);
    assert!(closed(&mut session));
}

#[test]
fn winding_down_never_takes_half_a_request_for_a_whole_one() {
    // A server that drains shuts down its own reading side, and then sees an end of input that
    // the peer did not send: `MUL 22 9` may have been going to be `MUL 22 99`.
    let mut session = Session::new(Service::BENCH);
    deliver(&mut session, b"ECHO a\nMUL 22 9");
    session.wind_down(|| 0);
    assert_eq!(answers(&mut session), b"OK a\n");
    session.received(0);
    assert_eq!(answers(&mut session), b"");
    assert!(closed(&mut session));
    assert!(!session.input_ended(), "the peer may still be sending");
}

#[test]
fn winding_down_twice_or_too_late_changes_nothing() {
    let mut session = Session::new(Service::BENCH);
    session.wind_down(|| 0);
    session.wind_down(|| 0);
    assert_eq!(round_trip(&mut session, b"ECHO a\n"), b"OK a\n");
    session.wind_down(|| unreachable!("the first call has asked"));
    assert!(closed(&mut session));

    let mut session = Session::new(Service::BENCH);
    deliver(&mut session, b"ECHO a");
    session.received(0);
    session.wind_down(|| 0);
    assert_eq!(answers(&mut session), b"OK a\n", "an end that was seen before was the peer's");
    assert!(closed(&mut session) && session.input_ended());
}
