//! What every request means: the numbers, the sizes, the refusals.

use crate::spec::schoolbook;
use crate::support::{round_trip, service};
use num_bigint::BigInt;
use protocol::app::Fault;
use protocol::job::{WORK_REPLY_BYTES_MAX, WORK_ROUNDS_MAX, WORK_WAIT_MAX};
use protocol::{App, Framing, Service, Session, Step};
use std::time::Duration;

/// One line in, one line out, terminators left off.
fn ask(app: App, request: &str) -> String {
    let mut session = Session::new(service(app, Framing::Line));
    let output = round_trip(&mut session, (request.to_owned() + "\n").as_bytes());
    let line = String::from_utf8(output).expect("a line of text");
    line.strip_suffix('\n').expect("a line ends with a line feed").to_owned()
}

fn product(a: &str, b: &str) -> String {
    let reply = ask(App::Bench, &format!("MUL {a} {b}"));
    let product = reply.strip_prefix("OK ").unwrap_or_else(|| panic!("{reply}")).to_owned();
    assert_eq!(ask(App::Multiply, &format!("{a} {b}")), product, "the same in both applications");
    product
}

fn code(app: App, request: &str) -> String {
    let reply = ask(app, request);
    let mut words = reply.split(' ');
    assert_eq!(words.next(), Some("ERR"), "{request} got {reply}");
    words.next().expect("a code").to_owned()
}

#[test]
fn small_products_are_those_of_the_machine() {
    let edges = [0, 1, -1, 9, 22, -22, i64::MAX, i64::MIN, i64::MAX - 1, 4_294_967_296, -3];
    for a in edges {
        for b in edges {
            let expected = (i128::from(a) * i128::from(b)).to_string();
            assert_eq!(product(&a.to_string(), &b.to_string()), expected);
        }
    }
}

#[test]
fn products_just_beyond_one_machine_word_are_right() {
    for a in [u64::MAX, 1 << 63, (1 << 63) + 1, 10_u64.pow(19)] {
        for b in [0, 1, 2, u64::MAX] {
            let expected = (u128::from(a) * u128::from(b)).to_string();
            assert_eq!(product(&a.to_string(), &b.to_string()), expected);
            assert_eq!(product(&b.to_string(), &a.to_string()), expected);
        }
    }
}

#[test]
fn the_square_of_nines_has_its_known_form() {
    // (10^k - 1)^2 = 99…9800…01
    for k in (1..=60).chain([500, 16_000]) {
        let nines = "9".repeat(k);
        let expected = format!("{}8{}1", "9".repeat(k - 1), "0".repeat(k - 1));
        assert_eq!(product(&nines, &nines), expected.trim_start_matches('0'));
    }
}

#[test]
fn long_products_are_those_of_multiplication_on_paper() {
    let mut state = 1_u64;
    let mut digits = |len: usize| -> String {
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(7);
            char::from(b'0' + u8::try_from((state >> 40) % 10).expect("a digit"))
        };
        std::iter::once('7').chain(std::iter::repeat_with(&mut next).take(len - 1)).collect()
    };
    for len in [20, 21, 38, 39, 100, 1000] {
        let (a, b) = (digits(len), digits(len / 2 + 1));
        let expected = schoolbook(a.as_bytes(), b.as_bytes());
        assert_eq!(product(&a, &b).as_bytes(), expected);
        let number = |text: &str| text.parse::<BigInt>().expect("a number");
        assert_eq!(number(&product(&a, &b)) / number(&a), number(&b));
        // (a + b)(a - b) = a² - b²
        let (sum, difference) = (number(&a) + number(&b), number(&a) - number(&b));
        let left = number(&product(&sum.to_string(), &difference.to_string()));
        assert_eq!(left, number(&product(&a, &a)) - number(&product(&b, &b)));
    }
}

#[test]
fn signs_follow_the_rule_of_signs() {
    let long = "123456789012345678901234567890";
    for number in ["7", long] {
        let square = product(number, number);
        assert_eq!(product(&format!("-{number}"), number), format!("-{square}"));
        assert_eq!(product(number, &format!("-{number}")), format!("-{square}"));
        assert_eq!(product(&format!("-{number}"), &format!("-{number}")), square);
        assert_eq!(product(&format!("-{number}"), "0"), "0", "zero has no sign");
        assert_eq!(product("-0", number), "0");
    }
}

#[test]
fn leading_zeros_are_read_and_not_written() {
    assert_eq!(product("007", "08"), "56");
    assert_eq!(product(&"0".repeat(50), "-5"), "0");
    assert_eq!(product(&format!("-{}3", "0".repeat(50)), "5"), "-15");
}

#[test]
fn white_space_between_and_around_numbers_is_free() {
    assert_eq!(ask(App::Bench, "mul  22\t9 "), "OK 198");
    assert_eq!(ask(App::Multiply, "\t 22   9 "), "198");
}

#[test]
fn what_is_not_two_whole_numbers_is_refused() {
    let long = "99999999999999999999";
    let not_numbers = ["+5", "--5", "-", "1.0", "1e3", "0x10", "1_000", "١", "five", "5,", "5-"];
    for word in not_numbers {
        for other in ["3", long] {
            assert_eq!(code(App::Bench, &format!("MUL {word} {other}")), "bad-argument");
            assert_eq!(code(App::Multiply, &format!("{other} {word}")), "bad-argument");
        }
    }
    for arguments in ["", "1", "1 2 3", long, "1 2 x"] {
        assert_eq!(code(App::Bench, &format!("MUL {arguments}")), "bad-argument");
        assert_eq!(code(App::Multiply, arguments), "bad-argument");
    }
    assert_eq!(code(App::Bench, "MUL"), "bad-argument");
}

#[test]
fn echo_repeats_what_follows_the_first_space() {
    assert_eq!(ask(App::Bench, "ECHO two words"), "OK two words");
    assert_eq!(ask(App::Bench, "echo  spaces  "), "OK  spaces  ");
    assert_eq!(ask(App::Bench, "ECHO"), "OK ");
    assert_eq!(ask(App::Bench, "ECHO "), "OK ");
    assert_eq!(ask(App::Echo, "ECHO a"), "ECHO a", "the application echo has no verbs");
    assert_eq!(ask(App::Echo, "ERR a"), "ERR a");
}

#[test]
fn verbs_are_words_of_their_own_in_any_case() {
    for known in ["ECHO x", "echo x", "Mul 1 2", "wOrK 0 0 0", "QUIT", "quit please"] {
        assert!(ask(App::Bench, known).starts_with("OK "), "{known}");
    }
    for unknown in ["", " ", "ECHOx", "MUL\t1 2", "PING", "OK", "MULT 1 2", " MUL 1 2", "é"] {
        assert_eq!(code(App::Bench, unknown), "unknown-verb", "{unknown}");
    }
}

#[test]
fn the_reply_to_work_has_the_size_asked_for() {
    // "OK " and 16 digits and a line feed; a space and the tag.
    for (tag, natural) in [("", 20), (" t", 22), (" 0123456789abcDEF", 37)] {
        for bytes in (0..=60).chain([65_535, 65_536, 65_537, WORK_REPLY_BYTES_MAX]) {
            let reply = ask(App::Bench, &format!("WORK 2 0 {bytes}{tag}"));
            assert_eq!(reply.len() + 1, bytes.max(natural), "{bytes} asked for");
            let head = format!("OK {:016x}{tag}", work(2).burn());
            let padding = reply.strip_prefix(&head).expect("the result and the tag");
            assert!(padding.is_empty() || padding.starts_with(' '));
            assert!(padding.bytes().skip(1).all(|b| b == b'.'));
        }
    }
}

#[test]
fn the_raw_reply_to_work_has_the_size_asked_for() {
    for bytes in (0..=60).chain([16_384, WORK_REPLY_BYTES_MAX]) {
        let mut session = Session::new(service(App::Bench, Framing::Raw));
        let reply = round_trip(&mut session, format!("WORK 1 0 {bytes} tag").as_bytes());
        assert_eq!(reply.len(), bytes.max(23));
        assert!(reply.starts_with(b"OK 7f1c9f0207486b77 tag"));
        assert!(!reply.contains(&b'\n'));
    }
}

fn work(rounds: u64) -> protocol::Work {
    protocol::Work { rounds, wait: Duration::ZERO, reply_bytes: 0 }
}

#[test]
fn work_asks_for_what_the_request_says() {
    let mut session = Session::new(Service::BENCH);
    let Step::Read(space) = session.step() else { panic!("a fresh session reads") };
    space[..18].copy_from_slice(b"WORK 12 345 6789 t");
    session.received(18);
    session.received(0);
    let Step::Run(job) = session.step() else { panic!("a job") };
    let wait = Duration::from_micros(345);
    assert_eq!(job.wait(), wait);
    assert_eq!(job, protocol::Job::Work(protocol::Work { rounds: 12, wait, reply_bytes: 6789 }));
}

#[test]
fn work_is_limited() {
    let (rounds, wait) = (WORK_ROUNDS_MAX, WORK_WAIT_MAX.as_micros());
    let asks_for_a_job = |request: String| {
        let mut session = Session::new(Service::BENCH);
        crate::support::deliver(&mut session, (request + "\n").as_bytes());
        matches!(session.step(), Step::Run(_))
    };
    assert!(asks_for_a_job(format!(
        "WORK {rounds} {wait} {WORK_REPLY_BYTES_MAX} 0123456789abcdef"
    )));
    let too_much = [
        format!("WORK {} 0 0", rounds + 1),
        format!("WORK 0 {} 0", wait + 1),
        format!("WORK 0 0 {}", WORK_REPLY_BYTES_MAX + 1),
        "WORK 18446744073709551616 0 0".to_owned(),
        "WORK 0 18446744073709551616 0".to_owned(),
        "WORK 0 0 18446744073709551616".to_owned(),
        "WORK 0 0 0 0123456789abcdefg".to_owned(),
    ];
    for request in too_much {
        assert_eq!(code(App::Bench, &request), "bad-argument", "{request}");
    }
}

#[test]
fn what_is_not_work_is_refused() {
    for arguments in
        ["", "1", "1 1", "x 0 0", "0 -1 0", "0 0 +1", "0 0 0 a-b", "0 0 0 a b", "0 0 0 é"]
    {
        assert_eq!(code(App::Bench, &format!("WORK {arguments}")), "bad-argument", "{arguments}");
    }
}

#[test]
fn the_texts_of_refusals_name_the_limits() {
    let reply = ask(App::Bench, "WORK");
    let limits =
        [WORK_ROUNDS_MAX, WORK_WAIT_MAX.as_secs() * 1_000_000, WORK_REPLY_BYTES_MAX as u64];
    for limit in limits {
        assert!(reply.contains(&limit.to_string()), "{reply} does not name {limit}");
    }
}

#[test]
fn a_refusal_disturbs_no_later_request() {
    let mut session = Session::new(Service::BENCH);
    for _ in 0..3 {
        assert!(round_trip(&mut session, b"nonsense\n").starts_with(b"ERR unknown-verb "));
        assert_eq!(round_trip(&mut session, b"MUL 22 9\n"), b"OK 198\n");
    }
}

#[test]
fn refusals_have_three_codes() {
    let codes = [Fault::UnknownVerb, Fault::BadArgument("usage"), Fault::TooLong].map(Fault::code);
    assert_eq!(codes, ["unknown-verb", "bad-argument", "too-long"]);
}

#[test]
fn names_are_unique_and_lead_back() {
    let names =
        ["bench", "echo", "multiply", "clock", "daytime", "sink", "shell", "chat", "dispatch"];
    assert_eq!(App::ALL.map(|(name, _)| name), names);
    assert_eq!(App::REQUEST_REPLY[..], App::ALL[..3]);
    assert!(App::ALL.iter().all(|(name, app)| app.name() == *name));
    assert_eq!(Framing::ALL.map(|(name, _)| name), ["line", "raw", "http"]);
    assert!(Framing::ALL.iter().all(|(name, framing)| framing.name() == *name));
}
