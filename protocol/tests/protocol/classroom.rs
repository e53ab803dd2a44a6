//! The applications of the classroom: they greet, wait, or take bytes in without an answer.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use protocol::{
    App, Clock, Context, Framing, Job, Journal, Moment, Outside, Ran, Service, Session, Step, Tally,
};

use crate::support::{answers, deliver};

/// A clock that a test sets, in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Set(AtomicU64);

impl Set {
    pub(crate) fn new() -> &'static Self {
        Box::leak(Box::default())
    }

    pub(crate) fn to(&self, ms: u64) {
        self.0.store(ms, Relaxed);
    }
}

impl Clock for Set {
    fn now(&self) -> Moment {
        let ms = self.0.load(Relaxed);
        let unix_s = 1_795_952_096 + i64::try_from(ms / 1000).expect("a small number");
        Moment { unix_s, monotonic_ns: ms * 1_000_000 }
    }

    fn offset_s(&self, _unix_s: i64) -> i32 {
        3600
    }
}

/// A context in which it is about noon, and its clock.
pub(crate) fn at_noon() -> (Context, &'static Set) {
    let clock = Set::new();
    (Context { clock, ..Context::default() }, clock)
}

/// A connection that has begun.
pub(crate) fn begun(app: App, framing: Framing, context: Context) -> Session {
    let mut session = Session::new(Service { app, framing, close_after: None });
    session.share(Box::leak(Box::new(context)));
    session.begin(None);
    session
}

fn said(session: &mut Session) -> String {
    String::from_utf8(answers(session)).expect("text")
}

fn told(session: &mut Session, bytes: &[u8]) -> String {
    deliver(session, bytes);
    said(session)
}

const CAME: &str = "2026-11-29 12:34:56 +01:00";

#[test]
fn a_clock_greets_confirms_and_ends_on_the_word() {
    let (context, clock) = at_noon();
    let mut session = begun(App::Clock, Framing::Line, context);
    assert!(!session.waits_for_peer(), "it has a greeting to send");
    assert_eq!(said(&mut session), format!("Welcome: you are connected since {CAME}\n"));
    assert!(session.waits_for_peer());
    clock.to(3217);
    let confirmed = format!("Received: you are connected since {CAME}, for 3.217 s\n");
    for message in [&b"hello\n"[..], b"\n", b"\xff\x00\n", b"salir now\r\n"] {
        assert_eq!(told(&mut session, message), confirmed, "{}", message.escape_ascii());
    }
    clock.to(62_005);
    let bye = format!("Bye: you were connected since {CAME}, for 62.005 s\n");
    assert_eq!(told(&mut session, b"Salir\r\nmore\n"), bye, "and what follows is not answered");
    assert!(matches!(session.step(), Step::Close));
    assert_eq!(session.tally(), Tally { requests: 5, refused: 0 });
}

#[test]
fn a_clock_takes_another_word_and_any_framing() {
    let context = Context { bye: "Adiós".into(), ..Context::default() };
    let mut session = begun(App::Clock, Framing::Raw, context);
    assert!(said(&mut session).ends_with("+00:00"), "no line feed where messages have none");
    assert!(told(&mut session, b"salir").starts_with("Received: "));
    assert!(told(&mut session, " ADIÓS\n".as_bytes()).starts_with("Bye: "));
    assert!(matches!(session.step(), Step::Close));
}

#[test]
fn a_clock_says_that_the_server_closes_to_who_waits_and_to_nobody_else() {
    let closing = "Bye: the server is closing\n";
    let mut waits = begun(App::Clock, Framing::Line, Context::default());
    said(&mut waits);
    waits.wind_down(|| 0);
    assert_eq!(told(&mut waits, b""), closing);
    assert!(matches!(waits.step(), Step::Close));
    // It is answered first, and then told in the same breath that nothing follows.
    let mut asks = begun(App::Clock, Framing::Line, Context::default());
    said(&mut asks);
    asks.wind_down(|| 0);
    let last = told(&mut asks, b"one\nhalf");
    assert!(last.starts_with("Received: ") && last.ends_with(closing), "{last}");
    // Who has said the word or ended its input is gone.
    let mut left = begun(App::Clock, Framing::Line, Context::default());
    said(&mut left);
    left.wind_down(|| 0);
    assert!(!told(&mut left, b"salir\n").contains(closing));
    let mut ended = begun(App::Clock, Framing::Line, Context::default());
    said(&mut ended);
    assert_eq!(told(&mut ended, b""), "");
    assert!(matches!(ended.step(), Step::Close) && ended.input_ended());
}

#[test]
fn a_limit_of_replies_holds_for_a_clock_too() {
    let close_after = std::num::NonZeroU32::new(1);
    let service = Service { app: App::Clock, framing: Framing::Line, close_after };
    let mut session = Session::new(service);
    session.begin(None);
    assert!(said(&mut session).starts_with("Welcome: "));
    assert!(told(&mut session, b"one\ntwo\n").matches("Received: ").count() == 1);
    assert!(matches!(session.step(), Step::Close));
}

#[test]
fn a_daytime_says_the_date_and_closes_first() {
    let mut session = begun(App::Daytime, Framing::Line, Context::default());
    assert!(!session.waits_for_peer());
    assert_eq!(said(&mut session), "1970-01-01 00:00:00 +00:00\n");
    assert!(matches!(session.step(), Step::Close) && !session.input_ended());
    assert_eq!(session.tally().requests, 1);
}

#[test]
fn a_daytime_with_a_delay_tells_the_time_at_its_end() {
    let clock = Set::new();
    let delay = Duration::from_secs(10);
    let context = Context { clock, delay, ..Context::default() };
    let mut session = begun(App::Daytime, Framing::Raw, context);
    let Step::Run(job) = session.step() else { panic!("it waits first") };
    assert_eq!((&job, job.wait(), job.rounds()), (&Job::Pause(delay), delay, 0));
    clock.to(10_000);
    session.finished(&job.compute());
    assert_eq!(said(&mut session), "2026-11-29 12:35:06 +01:00");
    assert!(matches!(session.step(), Step::Close));
}

#[test]
fn a_sink_delivers_all_that_came_before_it_reads_or_closes() {
    let mut session = begun(App::Sink, Framing::Line, Context::default());
    assert!(session.waits_for_peer());
    deliver(&mut session, b"no line\nends");
    for (rest, n) in [("no line\nends", 3), ("line\nends", 9)] {
        let Step::Outside(Outside::Deliver(bytes)) = session.step() else { panic!("bytes") };
        assert_eq!(bytes, rest.as_bytes());
        session.delivered(n);
    }
    assert!(matches!(session.step(), Step::Read(_)));
    assert!(!session.is_mid_request(), "there are no requests here");
    session.rest();
    assert_eq!(session.heap_bytes(), 0);
    deliver(&mut session, b"last");
    session.wind_down(|| 0);
    assert_eq!(answers(&mut session), b"");
    deliver(&mut session, b"");
    assert!(matches!(session.step(), Step::Close));
    assert_eq!(session.tally().requests, 0);
}

#[test]
fn what_a_sink_got_before_a_stop_is_delivered_before_it_closes() {
    let mut session = begun(App::Sink, Framing::Raw, Context::default());
    session.wind_down(|| 0);
    deliver(&mut session, b"short, so there is no more");
    assert!(matches!(session.step(), Step::Outside(Outside::Deliver(_))));
    assert_eq!(answers(&mut session), b"");
    assert!(matches!(session.step(), Step::Close));
}

fn to_run(session: &mut Session) -> Vec<u8> {
    let Step::Outside(Outside::Run(line)) = session.step() else { panic!("a command line") };
    line.to_vec()
}

#[test]
fn a_shell_has_one_command_run_at_a_time_and_passes_on_what_it_writes() {
    let mut session = begun(App::Shell, Framing::Line, Context::default());
    assert!(session.waits_for_peer());
    deliver(&mut session, b"date -u\r\nuptime\n");
    assert_eq!(to_run(&mut session), b"date -u");
    assert!(!session.waits_for_peer());
    session.printed(b"Sun ");
    assert_eq!(said(&mut session), "Sun ", "as it comes");
    assert_eq!(to_run(&mut session), b"date -u", "it goes on");
    session.printed(b"Nov\n");
    session.ran(&Ran::Exit(0));
    assert_eq!(said(&mut session), "Nov\n", "and how it ended is plain");
    assert_eq!(to_run(&mut session), b"uptime");
    session.ran(&Ran::Failed { code: "not-allowed", why: "uptime is not".into() });
    assert_eq!(said(&mut session), "ERR not-allowed uptime is not\n");
    assert!(matches!(session.step(), Step::Read(_)));
    assert_eq!(session.tally(), Tally { requests: 2, refused: 1 });
}

#[test]
fn a_shell_says_how_a_command_ended_on_a_line_of_its_own() {
    let failed = Ran::Failed { code: "time", why: "over".into() };
    for (framing, status, ran, expected) in [
        (Framing::Line, true, Ran::Exit(3), "half\nEND exit 3\n"),
        (Framing::Line, true, Ran::Signal(9), "half\nERR signal 9 has ended it\nEND signal 9\n"),
        (Framing::Line, true, failed.clone(), "half\nERR time over\nEND time\n"),
        (Framing::Line, false, failed.clone(), "half\nERR time over\n"),
        (Framing::Line, false, Ran::Exit(1), "half"),
        (Framing::Raw, true, failed, "half\nERR time over\nEND time"),
    ] {
        let mut session = begun(App::Shell, framing, Context { status, ..Context::default() });
        deliver(&mut session, b"tool\n");
        session.printed(b"half");
        session.ran(&ran);
        assert_eq!(said(&mut session), expected, "{ran:?}");
    }
}

#[test]
fn a_shell_that_stops_lets_its_command_end_and_reads_no_other() {
    let mut session = begun(App::Shell, Framing::Line, Context::default());
    deliver(&mut session, b"date\n");
    session.wind_down(|| 0);
    assert_eq!(to_run(&mut session), b"date");
    session.printed(b"Sun\n");
    session.ran(&Ran::Exit(0));
    assert_eq!(said(&mut session), "Sun\n");
    assert_eq!(told(&mut session, b""), "");
    assert!(matches!(session.step(), Step::Close));
}

/// The messages of a member of a room that has received this.
fn messages(session: &mut Session) -> Vec<String> {
    let mut messages = Vec::new();
    while let Step::Outside(Outside::Say(message)) = session.step() {
        messages.push(String::from_utf8_lossy(message).into_owned());
        session.said();
    }
    messages
}

#[test]
fn a_member_of_a_room_says_one_message_at_a_time_and_then_reads() {
    let mut session = begun(App::Chat, Framing::Line, Context::default());
    assert!(session.waits_for_peer());
    deliver(&mut session, b"one\r\n\ntwo\nhal");
    assert_eq!(messages(&mut session), ["one", "", "two"]);
    assert!(matches!(session.step(), Step::Read(_)));
    deliver(&mut session, b"f\n");
    assert_eq!(messages(&mut session), ["half"]);
    session.rest();
    assert_eq!((session.heap_bytes(), session.tally().requests), (0, 4));
    // The end of input ends the last line too.
    deliver(&mut session, b"last");
    deliver(&mut session, b"");
    assert_eq!(messages(&mut session), ["last"]);
    assert!(matches!(session.step(), Step::Close) && session.input_ended());
    let mut raw = begun(App::Chat, Framing::Raw, Context::default());
    deliver(&mut raw, b"one\ntwo");
    assert_eq!(messages(&mut raw), ["one\ntwo"], "what one read has returned");
}

#[test]
fn a_member_of_a_room_that_stops_says_what_had_come_and_no_half_line() {
    let mut session = begun(App::Chat, Framing::Line, Context::default());
    session.wind_down(|| 0);
    deliver(&mut session, b"one\ntwo\nhalf");
    assert_eq!(messages(&mut session), ["one", "two"]);
    assert!(matches!(session.step(), Step::Close));
}

#[test]
fn a_line_that_is_too_long_ends_its_member_and_is_not_said() {
    let mut session = begun(App::Chat, Framing::Line, Context::default());
    deliver(&mut session, b"before\n");
    assert_eq!(messages(&mut session), ["before"]);
    for _ in 0..protocol::FRAME_BYTES_MAX / 1024 {
        deliver(&mut session, &[b'x'; 1024]);
    }
    assert_eq!(messages(&mut session), [""; 0]);
    assert!(said(&mut session).starts_with("ERR too-long "));
    assert!(matches!(session.step(), Step::Close));
}

/// A log that a test reads.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<String>>);

impl Journal for Kept {
    fn note(&self, line: &str) {
        self.0.lock().expect("nobody has panicked").push(line.into());
    }
}

/// A connection of `dispatch` with two commands, and its log.
fn dispatch(framing: Framing) -> (Session, &'static Kept) {
    let journal: &Kept = Box::leak(Box::default());
    let commands = vec!["date -u".to_string(), "uptime".into()];
    let context = Context { commands, journal, result_bytes: 8, ..at_noon().0 };
    (begun(App::Dispatch, framing, context), journal)
}

#[test]
fn a_dispatch_sends_the_next_command_when_it_has_a_result() {
    let (mut session, log) = dispatch(Framing::Line);
    assert_eq!(said(&mut session), "date -u\n");
    assert_eq!(told(&mut session, b"Sun\n..\n.Nov\n"), "", "a part of a result");
    assert_eq!((session.tally().requests, session.progress()), (0, 3));
    assert_eq!(told(&mut session, b". exit 0\n"), "uptime\n");
    assert_eq!(told(&mut session, b"up\n.\n"), "");
    assert!(matches!(session.step(), Step::Close));
    session.left();
    let who = format!("{CAME}  unknown  ");
    let expected = [
        format!("{who}connected"),
        format!("{who}result of \"date -u\", exit 0: \"Sun\\n.\\nNo\" and 2 bytes more"),
        format!("{who}result of \"uptime\": \"up\\n\""),
        format!("{who}disconnected"),
    ];
    assert_eq!(*log.0.lock().expect("nobody has panicked"), expected);
    assert_eq!(session.tally(), Tally { requests: 2, refused: 0 });
}

#[test]
fn a_raw_result_is_a_message_and_who_leaves_leaves_the_rest() {
    let (mut session, log) = dispatch(Framing::Raw);
    assert_eq!(said(&mut session), "date -u");
    assert_eq!(told(&mut session, b". exit 0\n"), "uptime");
    session.left();
    let last = log.0.lock().expect("nobody has panicked");
    assert_eq!(
        last[1],
        format!("{CAME}  unknown  result of \"date -u\": \". exit 0\" and 1 byte more")
    );
    assert_eq!(last[2], format!("{CAME}  unknown  disconnected, 1 command left"));
}
