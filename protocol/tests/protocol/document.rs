//! What `docs/protocol.md` says is what the code does.

use crate::classroom;
use crate::support::{Pace, answers, round_trip, talk};
use protocol::app::{BUSY, Fault};
use protocol::job::{WORK_REPLY_BYTES_MAX, WORK_ROUNDS_MAX, WORK_WAIT_MAX};
use protocol::state::{
    ADDEND_MAX, HISTORY_BYTES_MAX, HISTORY_BYTES_MAX_RAW, Refusal, SESSION_STEPS_MAX,
};
use protocol::{
    App, Context, FRAME_BYTES_MAX, Framing, Greeting, Home, OUTBOX_BYTES_MARK, RAW_BYTES_MAX,
    Service, Session, Step,
};

const PAGE: &str = include_str!("../../../docs/protocol.md");

/// The lines of the first example session below a heading.
fn example(heading: &str) -> impl Iterator<Item = &'static str> {
    let section = &PAGE[PAGE.find(heading).expect("the heading")..];
    let start = section.find("```console").expect("an example session");
    section[start..].lines().skip(2).take_while(|line| *line != "```")
}

/// Plays an example: what is typed gets the replies that follow. Returns how many lines it has.
fn play(session: &mut Session, example: impl Iterator<Item = &'static str>) -> usize {
    let mut answered = answers(session);
    let mut lines = 0;
    for line in example {
        lines += 1;
        if let Some(typed) = line.strip_prefix("> ") {
            assert!(answered.is_empty(), "the page leaves a reply out before {typed}");
            answered = round_trip(session, (typed.to_owned() + "\n").as_bytes());
        } else {
            let received = line.strip_prefix("< ").expect("a line is typed or received");
            assert_eq!(std::str::from_utf8(&answered), Ok(&*(received.to_owned() + "\n")));
            answered.clear();
        }
    }
    assert!(answered.is_empty(), "the page leaves the last reply out");
    lines
}

#[test]
fn the_example_session_is_what_the_server_answers() {
    let mut session = Session::new(Service::BENCH);
    assert!(play(&mut session, example("## Example session")) >= 14);
    assert!(matches!(session.step(), Step::Close));
}

#[test]
fn the_clock_and_the_daytime_on_the_page_are_those_of_the_server() {
    let (context, clock) = classroom::at_noon();
    let mut session = classroom::begun(App::Clock, Framing::Line, context);
    // The page says in each reply how long ago the client came.
    let set = |line: &&str| clock.to(if line.ends_with("alir") { 5002 } else { 3217 });
    let lines = example("### `clock`").inspect(set);
    assert_eq!(play(&mut session, lines), 5);
    assert!(PAGE.contains(&format!("The word `{}`", Context::BYE)));
    let mut session = classroom::begun(App::Daytime, Framing::Line, classroom::at_noon().0);
    assert_eq!(play(&mut session, example("### `daytime`")), 1);
}

#[test]
fn the_greeting_on_the_page_is_one_and_the_session_goes_on_after_it() {
    let line = example("## Greeting").next().and_then(|line| line.strip_prefix("< "));
    let greeting = Greeting::parse(line.expect("it comes first").as_bytes()).expect("a greeting");
    assert!(greeting.accepted_ns <= greeting.taken_ns, "taken before it was accepted");
    let mut session = Session::new(Service::BENCH);
    session.greet(&greeting);
    assert_eq!(play(&mut session, example("## Greeting")), 3);
}

#[test]
fn the_words_of_a_greeting_are_those_of_the_grammar_and_have_its_limits() {
    let grammar = PAGE.lines().find(|line| line.starts_with("greeting  ")).expect("a rule");
    let (_, words) = grammar.split_once("%s\"HELLO\" SP ").expect("the verb");
    for word in words.split(" SP ") {
        assert!(PAGE.contains(&format!("\n| `{word}` |")), "{word} is not explained");
    }
    let most = Greeting { worker: u32::MAX, sequence: u64::MAX, accepted_ns: 0, taken_ns: 0 };
    for number in most.to_string().split(' ').skip(1).take(2) {
        assert!(PAGE.contains(&format!("{number} at most")), "{number}");
    }
}

#[test]
fn the_table_of_limits_holds_the_constants() {
    let wait_us = WORK_WAIT_MAX.as_micros();
    let limits = [
        ("FRAME_BYTES_MAX", FRAME_BYTES_MAX.to_string()),
        ("RAW_BYTES_MAX", RAW_BYTES_MAX.to_string()),
        ("WORK_ROUNDS_MAX", WORK_ROUNDS_MAX.to_string()),
        ("WORK_WAIT_MAX", format!("{wait_us} µs ({} s)", WORK_WAIT_MAX.as_secs())),
        ("WORK_REPLY_BYTES_MAX", WORK_REPLY_BYTES_MAX.to_string()),
        ("OUTBOX_BYTES_MARK", OUTBOX_BYTES_MARK.to_string()),
        ("SESSION_STEPS_MAX", SESSION_STEPS_MAX.to_string()),
        ("ADDEND_MAX", ADDEND_MAX.to_string()),
        ("HISTORY_BYTES_MAX", HISTORY_BYTES_MAX.to_string()),
        ("HISTORY_BYTES_MAX_RAW", HISTORY_BYTES_MAX_RAW.to_string()),
    ];
    for (constant, value) in limits {
        let row = PAGE.lines().find(|line| line.contains(&format!("| `{constant}` |")));
        let row = row.unwrap_or_else(|| panic!("no row for {constant}"));
        assert!(row.contains(&format!("| {value}")), "{row}");
    }
}

#[test]
fn every_code_every_application_and_every_framing_is_on_the_page() {
    for fault in [Fault::UnknownVerb, Fault::BadArgument(""), Fault::TooLong] {
        assert!(PAGE.contains(&format!("| `{}` |", fault.code())));
    }
    assert!(PAGE.contains(std::str::from_utf8(BUSY).expect("text")) && BUSY.ends_with(b"\n"));
    for (name, _) in App::ALL {
        assert!(PAGE.contains(&format!("### `{name}`")));
    }
    for (name, _) in Framing::ALL {
        assert!(PAGE.contains(&format!("\n| `{name}`")));
    }
}

#[test]
fn the_session_on_the_page_is_what_the_server_answers_and_every_home_and_refusal_is_there() {
    assert_eq!(play(&mut Session::new(Service::BENCH), example("## Sessions")), 8);
    for (name, _) in Home::ALL {
        assert!(PAGE.contains(&format!("\n| `{name}` | in ")), "{name}");
    }
    for refusal in Refusal::ALL {
        assert!(PAGE.contains(&format!("\n| `{}` |", refusal.code())), "{refusal:?}");
        assert!(PAGE.contains(&format!("%s\"{}\"", refusal.code())), "{refusal:?}");
    }
}

#[test]
fn the_results_of_work_on_the_page_are_right() {
    let replies = talk(Service::BENCH, b"WORK 1 0 0\nWORK 1000 0 0\n", &Pace::full());
    for reply in replies.text().lines() {
        assert!(PAGE.contains(&format!("`{}`", &reply["OK ".len()..])));
    }
}
