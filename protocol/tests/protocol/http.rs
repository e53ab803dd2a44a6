//! The server's end in HTTP: what is answered, what is refused, and when the connection ends.

use crate::support::{Pace, answers, deliver, round_trip, service, talk};
use protocol::{App, FRAME_BYTES_MAX, Framing, Service, Session, Step};
use std::num::NonZeroU32;

const HTTP: Service = Service { framing: Framing::Http, ..Service::BENCH };

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")
}

fn post(body: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn ok(body: &str) -> String {
    reply("200 OK", "", body)
}

fn reply(status: &str, fields: &str, body: &str) -> String {
    let len = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {len}\r\nContent-Type: text/plain\r\n{fields}\r\n{body}"
    )
}

fn all(service: Service, input: &str) -> String {
    talk(service, input.as_bytes(), &Pace::full()).text().to_owned()
}

/// Of each reply its status and its body, by their lengths; and whether the last one says that it
/// is.
fn replies(mut output: &str) -> Vec<(u16, String, bool)> {
    let mut found = Vec::new();
    while !output.is_empty() {
        let (head, rest) = output.split_once("\r\n\r\n").expect("a whole head");
        let status = head["HTTP/1.1 ".len()..][..3].parse().expect("a status");
        let len = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let (body, rest) = rest.split_at(len.map_or(0, |len| len.parse().expect("a length")));
        found.push((status, body.to_owned(), head.contains("Connection: close")));
        output = rest;
    }
    found
}

#[test]
fn the_verbs_have_paths() {
    for (target, body) in [
        ("/echo/hello", "hello"),
        ("/echo/", ""),
        ("/echo/a%20b%2fc?x=1", "a b/c"),
        ("/mul/22/9", "198"),
        ("/mul/22/-9", "-198"),
        (
            "/mul/99999999999999999999/99999999999999999999",
            "9999999999999999999800000000000000000001",
        ),
        ("/work?rounds=1&bytes=20&tag=t", "7f1c9f0207486b77 t ."),
        ("/work?rounds=1", "7f1c9f0207486b77"),
        ("/work?bytes=30&rounds=1000&wait_us=0&tag=", "400"),
        ("http://elsewhere:80/mul/2/3", "6"),
        ("HTTP://elsewhere/echo/x", "x"),
    ] {
        let output = all(HTTP, &get(target));
        if body == "400" {
            assert!(output.starts_with("HTTP/1.1 400 "), "{target}: {output}");
        } else {
            assert_eq!(replies(&output), [(200, body.into(), false)], "{target}");
        }
    }
    assert_eq!(all(HTTP, &post("any\r\nbody\r\n\r\n")), ok("any\r\nbody\r\n\r\n"));
    assert_eq!(replies(&all(HTTP, &get("/")))[0].0, 200);
}

#[test]
fn every_application_offers_what_it_has() {
    let status = |app, target: &str| replies(&all(service(app, Framing::Http), &get(target)))[0].0;
    let offers = |app| ["/", "/echo/x", "/mul/2/3", "/work"].map(|target| status(app, target));
    assert_eq!(offers(App::Bench), [200, 200, 200, 200]);
    assert_eq!(offers(App::Echo), [200, 200, 404, 404]);
    assert_eq!(offers(App::Multiply), [200, 404, 200, 404]);
}

#[test]
fn any_pieces_of_the_same_bytes_mean_the_same() {
    let input = [
        get("/echo/one"),
        post("two"),
        "\r\n".into(),
        get("/work?rounds=1&bytes=300&tag=abc"),
        get("/nowhere"),
        "HEAD /echo/five HTTP/1.1\r\nhost:x\r\n\r\n".into(),
        get("/mul/99999999999999999999/3"),
        "GET /echo/last HTTP/1.1\nHost: x\nConnection: close\n\n".into(),
        get("/echo/never"),
    ]
    .concat();
    let whole = talk(HTTP, input.as_bytes(), &Pace::full());
    assert_eq!((whole.tally.requests, whole.tally.refused), (7, 1));
    assert!(whole.text().contains("Connection: close\r\n\r\nlast"));
    assert!(!whole.text().contains("never"));
    for at in 1..input.len() {
        for writes in [vec![usize::MAX], vec![1, 7]] {
            let pace = Pace { reads: vec![at, usize::MAX], writes, rests: true };
            assert_eq!(talk(HTTP, input.as_bytes(), &pace).output, whole.output, "split at {at}");
        }
    }
    assert_eq!(talk(HTTP, input.as_bytes(), &Pace::reads(1)).output, whole.output);
}

#[test]
fn a_head_alone_is_what_head_is_answered_with() {
    for target in ["/echo/abc", "/work?rounds=1&bytes=300", "/mul/2/3", "/nowhere"] {
        let full = all(HTTP, &get(target));
        let head = all(HTTP, &get(target).replace("GET", "HEAD"));
        let (expected, _) = full.split_once("\r\n\r\n").expect("a head");
        assert_eq!(head, format!("{expected}\r\n\r\n"), "{target}");
    }
}

#[test]
fn requests_in_a_pipeline_are_answered_in_order_and_in_few_writes() {
    let input: String = (0..50).map(|n| get(&format!("/echo/{n}"))).collect();
    let mut session = Session::new(HTTP);
    let output = round_trip(&mut session, input.as_bytes());
    let expected: String = (0..50).map(|n| ok(&n.to_string())).collect();
    assert_eq!(String::from_utf8(output).expect("text"), expected);
    assert_eq!(session.tally().requests, 50);
}

#[test]
fn a_mistake_is_told_and_the_connection_goes_on() {
    for (request, status) in [
        (get("/nowhere"), 404),
        (get("/echo"), 405),
        (get("/echo/%zz"), 400),
        (get("/echo/%a"), 400),
        (get("/mul/22/nine"), 400),
        (get("/mul/22"), 400),
        (get("/work?rounds=99000000"), 400),
        (get("/work?rounds=1&rounds=2"), 400),
        (get("/work?loops=1"), 400),
        (get("/work?rounds=-1"), 400),
        (get("/work?tag=no-letters"), 400),
        (get("/").replace("GET", "DELETE"), 405),
        (post("body").replace("/echo", "/nowhere"), 404),
        (post("body").replace("POST", "PUT"), 405),
        (post("body").replace("POST", "BREW"), 501),
    ] {
        let replies = replies(&all(HTTP, &(request.clone() + &get("/echo/next"))));
        let [(first, text, closes), (200, next, _)] = &replies[..] else {
            panic!("{request:?}: {replies:?}")
        };
        assert_eq!((*first, *closes, next.as_str()), (status, false, "next"), "{request:?}");
        let code = if status == 400 { "bad-argument" } else { "unknown-verb" };
        assert!(text.starts_with(&format!("ERR {code} ")), "{text}");
    }
    assert!(all(HTTP, &get("/echo")).contains("\r\nAllow: POST\r\n"));
}

#[test]
fn where_framing_is_lost_the_connection_is_closed() {
    let long = "x".repeat(FRAME_BYTES_MAX);
    for (request, status, code) in [
        (
            post("0123").replace("Content-Length: 4", "Content-Length: 4\r\nContent-Length: 5"),
            400,
            "bad-request",
        ),
        (
            post("0123")
                .replace("Content-Length: 4", "Content-Length: 4\r\nTransfer-Encoding: chunked"),
            400,
            "bad-request",
        ),
        (
            post("0123").replace("Content-Length: 4", "Transfer-Encoding: chunked"),
            411,
            "bad-request",
        ),
        (post("0123").replace("Content-Length: 4", "Transfer-Encoding: gzip"), 501, "bad-request"),
        (get("/").replace("Host: x\r\n", ""), 400, "bad-request"),
        (get("/").replace("1.1", "3.1"), 505, "bad-request"),
        ("\0\x01\x02\r\n\r\n".into(), 400, "bad-request"),
        ("hello\n\n".into(), 400, "bad-request"),
        (format!("GET /{long}"), 431, "too-long"),
        (format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "a: b\r\n".repeat(100)), 431, "too-long"),
        (post(&long), 413, "too-long"),
        (post("").replace(": 0", ": 99999999999999999999999"), 413, "too-long"),
    ] {
        let shown = &request[..request.len().min(100)];
        let output = all(HTTP, &(request.clone() + &get("/echo/smuggled")));
        let [(found, text, true)] = &replies(&output)[..] else {
            panic!("{shown:?} is answered {output:?}")
        };
        assert_eq!(*found, status, "{shown:?}");
        assert!(text.starts_with(&format!("ERR {code} ")), "{text}");
    }
}

#[test]
fn a_request_may_fill_the_limit_to_its_last_byte() {
    let head = post("").len();
    let body = "x".repeat(FRAME_BYTES_MAX - head - "65000".len() + 1);
    let longest = post(&body);
    assert_eq!(longest.len(), FRAME_BYTES_MAX);
    assert_eq!(all(HTTP, &longest), ok(&body));
    assert!(all(HTTP, &post(&(body + "x"))).starts_with("HTTP/1.1 413 "));
    let path = "x".repeat(FRAME_BYTES_MAX - get("/echo/").len());
    assert_eq!(all(HTTP, &get(&format!("/echo/{path}"))), ok(&path));
    assert!(all(HTTP, &get(&format!("/echo/{path}x"))).starts_with("HTTP/1.1 431 "));
}

#[test]
fn a_client_that_waits_for_a_word_gets_it_once_and_only_when_it_waits() {
    let head =
        "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let mut session = Session::new(HTTP);
    assert_eq!(round_trip(&mut session, head.as_bytes()), b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(round_trip(&mut session, b"ab"), b"");
    assert_eq!(round_trip(&mut session, b"cd"), ok("abcd").as_bytes());
    // And again for the next one, but not where the body is there.
    assert_eq!(round_trip(&mut session, head.as_bytes()), b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(round_trip(&mut session, b"abcd"), ok("abcd").as_bytes());
    let at_once = [head, "abcd"].concat();
    assert_eq!(round_trip(&mut session, at_once.as_bytes()), ok("abcd").as_bytes());
    let too_long = head.replace(": 4", ": 99999");
    let refused = round_trip(&mut session, too_long.as_bytes());
    assert!(refused.starts_with(b"HTTP/1.1 413 "), "it is told before it sends");
}

#[test]
fn the_client_decides_how_long_the_connection_lasts() {
    let close = get("/echo/a").replace("Host: x", "Host: x\r\nConnection: close");
    let output = all(HTTP, &(close + &get("/echo/b")));
    assert_eq!(output, reply("200 OK", "Connection: close\r\n", "a"));
    let old = "GET /echo/a HTTP/1.0\r\n\r\n";
    assert_eq!(all(HTTP, &(old.to_owned() + old)), reply("200 OK", "Connection: close\r\n", "a"));
    let kept = "GET /echo/a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n";
    let mut session = Session::new(HTTP);
    let expected = reply("200 OK", "Connection: keep-alive\r\n", "a");
    assert_eq!(round_trip(&mut session, kept.as_bytes()), expected.as_bytes());
    assert!(matches!(session.step(), Step::Read(_)));
}

#[test]
fn the_last_of_a_limited_number_says_that_it_is() {
    let limited = Service { close_after: NonZeroU32::new(2), ..HTTP };
    for second in ["/echo/b", "/work?rounds=1", "/nowhere"] {
        let output = all(limited, &(get("/echo/a") + &get(second) + &get("/echo/c")));
        let replies = replies(&output);
        assert_eq!(replies.len(), 2, "{output}");
        assert_eq!([replies[0].2, replies[1].2], [false, true], "{output}");
    }
}

#[test]
fn a_half_closed_client_is_answered() {
    for (input, answered) in [
        (get("/echo/a"), 1),
        (get("/echo/a") + &get("/echo/b"), 2),
        (get("/echo/a") + "GET /echo/half HTTP/1.1\r\n", 1),
        (get("/work?rounds=1") + &post("b"), 2),
        (String::from("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"), 0),
    ] {
        let transcript = talk(HTTP, input.as_bytes(), &Pace::full());
        assert_eq!(replies(transcript.text()).len(), answered, "{input:?}");
        assert_eq!(transcript.tally.requests, answered as u64);
    }
}

#[test]
fn a_server_that_stops_says_so_with_its_last_reply() {
    let mut session = Session::new(HTTP);
    session.wind_down(|| get("/echo/a").len());
    deliver(&mut session, get("/echo/a").as_bytes());
    assert_eq!(answers(&mut session), b"", "it may not be the last");
    deliver(&mut session, (get("/echo/b") + "GET /half").as_bytes());
    let output = String::from_utf8(answers(&mut session)).expect("text");
    assert_eq!(output, ok("a") + &reply("200 OK", "Connection: close\r\n", "b"));
    assert!(matches!(session.step(), Step::Close));

    // It stopped while a job ran.
    let mut session = Session::new(HTTP);
    deliver(&mut session, get("/work?rounds=1").as_bytes());
    let Step::Run(job) = session.step() else { panic!("a job") };
    session.wind_down(|| 0);
    session.finished(&job.compute());
    let output = String::from_utf8(answers(&mut session)).expect("text");
    assert_eq!(output, reply("200 OK", "Connection: close\r\n", "7f1c9f0207486b77"));
    assert!(matches!(session.step(), Step::Close));
}

#[test]
fn an_idle_session_holds_no_heap_and_a_busy_one_a_request() {
    let mut session = Session::new(HTTP);
    for request in [get("/echo/a"), post("b"), get("/work?bytes=5000"), get("/nowhere")] {
        round_trip(&mut session, request.as_bytes());
        session.rest();
        assert_eq!(session.heap_bytes(), 0);
    }
    assert!(!session.is_mid_request());
    deliver(&mut session, b"GET /");
    assert!(session.is_mid_request());
}
