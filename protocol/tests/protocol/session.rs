//! What a session promises its driver and its peer while the connection is open.

use crate::support::{Event, Pace, deliver, round_trip, service, talk};
use protocol::{App, FRAME_BYTES_MAX, Framing, RAW_BYTES_MAX, Service, Session, Step};

const LINE_ECHO: Service = Service { app: App::Echo, ..Service::BENCH };

fn bench(input: &[u8]) -> String {
    talk(Service::BENCH, input, &Pace::full()).text().to_owned()
}

#[test]
fn a_fresh_session_reads_first() {
    for (_, app) in App::REQUEST_REPLY {
        for (_, framing) in Framing::ALL {
            let mut session = Session::new(service(app, framing));
            assert!(matches!(session.step(), Step::Read(_)));
        }
    }
}

#[test]
fn pipelined_requests_in_one_read_are_answered_in_one_write() {
    let transcript = talk(Service::BENCH, b"ECHO a\nMUL 22 9\nnonsense\nECHO b\n", &Pace::full());
    let expected =
        "OK a\nOK 198\nERR unknown-verb the verbs are ECHO, MUL, WORK, ADD and QUIT\nOK b\n";
    assert_eq!(transcript.text(), expected);
    let write = Event::Write(expected.len());
    assert_eq!(transcript.events, [Event::Read(32), write, Event::Read(0)]);
}

#[test]
fn replies_before_a_job_are_written_before_it_runs() {
    let mut session = Session::new(Service::BENCH);
    deliver(&mut session, b"ECHO a\nECHO b\nWORK 1 0 0 x\nECHO c\nMUL 2 3\n");
    let Step::Write(bytes) = session.step() else { panic!("the replies first") };
    assert_eq!(bytes, b"OK a\nOK b\n");
    session.sent(4);
    let Step::Write(bytes) = session.step() else { panic!("the rest of the replies first") };
    assert_eq!(bytes, b"\nOK b\n");
    session.sent(6);
    let Step::Run(job) = session.step() else { panic!("then the job") };
    session.finished(&job.compute());
    let Step::Write(bytes) = session.step() else { panic!("then its reply") };
    assert_eq!(bytes, b"OK 7f1c9f0207486b77 x\nOK c\nOK 6\n", "with those that follow");
}

#[test]
fn one_job_is_asked_for_at_a_time_and_in_order() {
    let input = b"WORK 1 0 0 a\nWORK 2 0 0 b\nMUL 99999999999999999999 2\nWORK 3 0 0 c\n";
    let transcript = talk(Service::BENCH, input, &Pace::full());
    let is_run = |event: &&Event| matches!(event, Event::Run(_));
    assert_eq!(transcript.events.iter().filter(is_run).count(), 4);
    let ends: Vec<_> = transcript.text().lines().map(|line| &line[line.len() - 2..]).collect();
    assert_eq!(ends, [" a", " b", "98", " c"]);
}

#[test]
fn nothing_is_read_while_a_job_is_asked_for() {
    let mut session = Session::new(Service::BENCH);
    deliver(&mut session, b"WORK 1 0 0\nECHO after\n");
    for _ in 0..3 {
        assert!(matches!(session.step(), Step::Run(_)));
    }
    assert!(session.is_mid_request(), "the second request waits in the inbox");
}

#[test]
fn a_short_write_is_continued_where_it_stopped() {
    let mut session = Session::new(LINE_ECHO);
    deliver(&mut session, b"0123456789\n");
    for (first, left) in [(b'0', 11), (b'3', 8), (b'6', 5), (b'9', 2)] {
        let Step::Write(bytes) = session.step() else { panic!("output is pending") };
        assert_eq!((bytes[0], bytes.len()), (first, left));
        session.sent(left.min(3));
    }
    assert!(matches!(session.step(), Step::Read(_)));
}

#[test]
fn one_carriage_return_before_the_line_feed_is_dropped() {
    let echo = |input: &[u8]| talk(LINE_ECHO, input, &Pace::full()).output;
    assert_eq!(echo(b"a\r\nb\n"), b"a\nb\n");
    assert_eq!(echo(b"a\r\r\n\r\n"), b"a\r\n\n");
    assert_eq!(echo(b"\ra\rb\n"), b"\ra\rb\n", "elsewhere it is data");
    assert_eq!(echo(b"a\r"), b"a\r\n", "and so it is at the end of input");
    assert_eq!(bench(b"MUL 22 9\r\nQUIT\r\n"), "OK 198\nOK bye\n");
}

#[test]
fn a_carriage_return_and_its_line_feed_may_come_in_two_reads() {
    let mut session = Session::new(LINE_ECHO);
    assert_eq!(round_trip(&mut session, b"a\r"), b"");
    assert_eq!(round_trip(&mut session, b"\n\r"), b"a\n");
    assert_eq!(round_trip(&mut session, b"\n"), b"\n");
}

#[test]
fn the_end_of_input_ends_the_last_line() {
    assert_eq!(bench(b"ECHO a\nECHO b"), "OK a\nOK b\n");
    assert_eq!(bench(b"ECHO a\n"), "OK a\n", "and adds no empty one");
    assert_eq!(bench(b""), "");
    let transcript = talk(Service::BENCH, b"WORK 1 0 0", &Pace::reads(4));
    assert_eq!(transcript.text(), "OK 7f1c9f0207486b77\n");
}

#[test]
fn half_close_is_answered_and_known() {
    let mut session = Session::new(Service::BENCH);
    assert_eq!(round_trip(&mut session, b"ECHO a\nECHO b"), b"OK a\n");
    assert!(!session.input_ended());
    assert_eq!(round_trip(&mut session, b""), b"OK b\n");
    assert!(session.input_ended());
    assert!(matches!(session.step(), Step::Close));
}

#[test]
fn an_empty_line_is_a_message() {
    let transcript = talk(LINE_ECHO, b"\n\n", &Pace::full());
    assert_eq!(transcript.output, b"\n\n");
    let refused = "ERR unknown-verb the verbs are ECHO, MUL, WORK, ADD and QUIT\n";
    assert_eq!(bench(b"\n"), refused);
    assert_eq!(bench(b" ECHO a\n"), refused, "a verb stands at the start");
}

#[test]
fn bytes_that_are_not_text_are_echoed_unchanged() {
    let mut line: Vec<u8> = (0..=255).filter(|b| *b != b'\n').collect();
    line.push(b'\n');
    assert_eq!(talk(LINE_ECHO, &line, &Pace::reads(7)).output, line);
}

#[test]
fn the_longest_line_is_answered() {
    for end in ["\n", "\r\n"] {
        let mut line = vec![b'x'; FRAME_BYTES_MAX - end.len()];
        line.extend_from_slice(end.as_bytes());
        assert_eq!(line.len(), FRAME_BYTES_MAX);
        for pace in [Pace::full(), Pace::reads(1), Pace::reads(1000)] {
            let twice = [&line[..], &line].concat();
            let transcript = talk(LINE_ECHO, &twice, &pace);
            assert_eq!(transcript.tally.refused, 0);
            assert_eq!(transcript.output.len(), 2 * (FRAME_BYTES_MAX - end.len() + 1));
        }
    }
}

#[test]
fn every_request_is_counted_and_refused_ones_apart() {
    let input = b"ECHO a\nnonsense\nMUL 1 x\nWORK 0 0 0\nMUL 99999999999999999999 1\nQUIT\n";
    let tally = talk(Service::BENCH, input, &Pace::full()).tally;
    assert_eq!((tally.requests, tally.refused), (6, 2));
}

#[test]
fn a_request_in_pieces_is_seen_as_unfinished() {
    let mut session = Session::new(Service::BENCH);
    assert!(!session.is_mid_request());
    assert_eq!(round_trip(&mut session, b"ECHO a\nEC"), b"OK a\n");
    assert!(session.is_mid_request());
    assert_eq!(round_trip(&mut session, b"HO b\n"), b"OK b\n");
    assert!(!session.is_mid_request());
}

#[test]
fn a_raw_message_is_what_one_read_returned() {
    let raw = |app, message: &[u8]| {
        let mut session = Session::new(service(app, Framing::Raw));
        round_trip(&mut session, message)
    };
    assert_eq!(raw(App::Multiply, b"22 9"), b"198");
    assert_eq!(raw(App::Multiply, b"22 9\r\n"), b"198", "a terminator is white space");
    assert_eq!(raw(App::Multiply, b"-99999999999999999999 10"), b"-999999999999999999990");
    assert_eq!(raw(App::Echo, b"any bytes\r\n\xff\0"), b"any bytes\r\n\xff\0");
    assert_eq!(raw(App::Bench, b"ECHO a"), b"OK a");
    assert_eq!(raw(App::Bench, b"WORK 1 0 0 t"), b"OK 7f1c9f0207486b77 t");
    assert_eq!(raw(App::Bench, b"QUIT"), b"OK bye");
    let refused = raw(App::Multiply, b"22");
    assert!(refused.starts_with(b"ERR bad-argument ") && !refused.ends_with(b"\n"));
}

#[test]
fn raw_replies_are_not_ended_and_chunks_are_messages() {
    let transcript = talk(service(App::Multiply, Framing::Raw), b"22 933 3", &Pace::reads(4));
    assert_eq!(transcript.text(), "19899");
    assert_eq!(transcript.tally.requests, 2);
}

#[test]
fn every_raw_read_offers_room_for_the_longest_message() {
    let mut session = Session::new(service(App::Echo, Framing::Raw));
    for len in [1, RAW_BYTES_MAX, 5, RAW_BYTES_MAX, RAW_BYTES_MAX - 1] {
        let Step::Read(space) = session.step() else { panic!("a session that reads") };
        assert_eq!(space.len(), RAW_BYTES_MAX);
        assert_eq!(round_trip(&mut session, &vec![b'x'; len]).len(), len);
        session.rest();
    }
}

#[test]
#[should_panic(expected = "bytes of 1024 offered")]
fn a_driver_that_received_more_than_was_offered_is_stopped() {
    let mut session = Session::new(Service::BENCH);
    let Step::Read(space) = session.step() else { panic!("a fresh session reads") };
    let n = space.len() + 1;
    session.received(n);
}

#[test]
#[should_panic(expected = "more bytes sent than offered")]
fn a_driver_that_sent_more_than_was_offered_is_stopped() {
    let mut session = Session::new(Service::BENCH);
    deliver(&mut session, b"ECHO a\n");
    session.sent(6);
}

#[test]
#[should_panic(expected = "finished() follows Step::Run")]
fn a_driver_that_finished_what_was_not_asked_is_stopped() {
    let mut session = Session::new(Service::BENCH);
    deliver(&mut session, b"WORK 1 0 0\n");
    let Step::Run(job) = session.step() else { panic!("a job") };
    let done = job.compute();
    session.finished(&done);
    session.finished(&done);
}
