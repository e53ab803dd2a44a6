//! The client's end in HTTP: our own replies to the last byte, and those of any server.

use crate::support::{feed, kinds, request, round_trip, service};
use protocol::http::Method;
use protocol::{App, Ask, AskError, Exchange, Framing, Recipe, Reply, Request, Session};
use std::sync::Arc;

const WHOLE: &[usize] = &[usize::MAX];

fn ask(method: &str) -> Ask {
    Ask::new(&Method::new(method).expect("a method"), "/x?y=z", "h:1", &[], b"").expect("an ask")
}

/// An exchange on which so many requests are open.
fn asking(ask: Ask, open: u64) -> Exchange {
    asked(&Arc::new(Recipe::asking(ask)), open)
}

fn asked(recipe: &Arc<Recipe>, open: u64) -> Exchange {
    let mut exchange = Exchange::new(recipe.clone());
    (0..open).for_each(|tag| exchange.request(tag, &mut Vec::new()));
    exchange
}

fn right(tag: u64) -> Reply {
    Reply::Right { tag }
}

fn is_wrong(replies: &[Reply]) -> bool {
    matches!(replies, [.., Reply::Wrong { .. }])
}

#[test]
fn what_is_sent_is_a_request() {
    let text = |method: &str, headers: &[(&str, &str)], body: &str| {
        let headers: Vec<_> =
            headers.iter().map(|(k, v)| ((*k).to_string(), (*v).to_string())).collect();
        let method = Method::new(method).expect("a method");
        Ask::new(&method, "/p", "h:1", &headers, body.as_bytes())
            .map(|ask| String::from_utf8(ask.request().to_vec()).expect("text"))
    };
    assert_eq!(text("GET", &[], "").as_deref(), Ok("GET /p HTTP/1.1\r\nHost: h:1\r\n\r\n"));
    let own = text("GET", &[("HOST", "me"), ("A", "b c")], "");
    assert_eq!(own.as_deref(), Ok("GET /p HTTP/1.1\r\nHOST: me\r\nA: b c\r\n\r\n"));
    let post = text("POST", &[], "ab");
    assert_eq!(post.as_deref(), Ok("POST /p HTTP/1.1\r\nHost: h:1\r\nContent-Length: 2\r\n\r\nab"));
    let empty = text("PUT", &[], "");
    assert_eq!(empty.as_deref(), Ok("PUT /p HTTP/1.1\r\nHost: h:1\r\nContent-Length: 0\r\n\r\n"));
    for name in ["content-length", "Transfer-Encoding", "Expect"] {
        assert_eq!(text("GET", &[(name, "1")], ""), Err(AskError::Framing));
    }
    for (name, value) in [("a b", "c"), ("", "c"), ("a", "b\r\nc: d"), ("a", "b\0")] {
        assert_eq!(text("GET", &[(name, value)], ""), Err(AskError::Header));
    }
    for path in ["", "x", "/a b", "/a\r\n", "/\u{e4}"] {
        let get = Method::new("GET").expect("a method");
        assert_eq!(Ask::new(&get, path, "h", &[], b"").err(), Some(AskError::Path), "{path:?}");
    }
    assert_eq!(Method::new("CONNECT"), Err(AskError::Connect));
    assert_eq!(Method::new("GET /"), Err(AskError::Method));
    assert_eq!(ask("GET").expect_status(100).err(), Some(AskError::Status));
}

#[test]
fn our_own_servers_replies_are_right_in_any_pieces_and_wrong_with_any_other_body() {
    for (app, kind) in kinds() {
        let recipe = Arc::new(Recipe::new(app, Framing::Http, kind).expect("a load"));
        let mut session = Session::new(service(app, Framing::Http));
        let mut replies = Vec::new();
        for tag in 0..3 {
            replies.extend(round_trip(&mut session, &request(&recipe, tag)));
        }
        for chunks in [WHOLE, &[1], &[7, 300, 1]] {
            let mut exchange = asked(&recipe, 3);
            assert_eq!(feed(&mut exchange, &replies, chunks), [right(0), right(1), right(2)]);
            assert!(!exchange.is_over() && exchange.open() == 0);
        }
        let first = replies.len() / 3;
        let body = replies.windows(4).position(|end| end == b"\r\n\r\n").expect("a head") + 4;
        for at in (body..first).step_by(1 + first / 30) {
            let mut damaged = replies.clone();
            damaged[at] ^= 1;
            assert!(is_wrong(&feed(&mut asked(&recipe, 3), &damaged, WHOLE)[..1]), "byte {at}");
        }
        let swapped = [&replies[first..2 * first], &replies[..first]].concat();
        if kind != (Request::Echo { bytes: 1 }) && first == 2 * first - first {
            let got = feed(&mut asked(&recipe, 2), &swapped, WHOLE);
            assert!(is_wrong(&got[..1]), "a reply to another request: {kind:?}");
        }
    }
}

#[test]
fn a_head_that_says_another_length_is_wrong() {
    let recipe = Arc::new(
        Recipe::new(App::Bench, Framing::Http, Request::Echo { bytes: 20 }).expect("fine"),
    );
    let reply =
        round_trip(&mut Session::new(service(App::Bench, Framing::Http)), &request(&recipe, 0));
    let reply = String::from_utf8(reply).expect("text");
    for length in ["Content-Length: 19", "Content-Length: 21", "X: y"] {
        let other = reply.replace("Content-Length: 20", length) + "x";
        assert!(is_wrong(&feed(&mut asked(&recipe, 1), other.as_bytes(), WHOLE)[..1]), "{length}");
    }
    let created = reply.replace("200 OK", "201 Created");
    let got = feed(&mut asked(&recipe, 1), created.as_bytes(), WHOLE);
    assert_eq!(got, [Reply::Status { status: 201 }]);
}

#[test]
fn refusals_of_our_servers_are_told_apart_by_their_code() {
    let recipe = Arc::new(
        Recipe::new(App::Bench, Framing::Http, Request::Echo { bytes: 20 }).expect("fine"),
    );
    let busy = protocol::app::busy(Framing::Http);
    for open in [0, 1] {
        for chunks in [WHOLE, &[1]] {
            let mut exchange = asked(&recipe, open);
            let refused = Reply::Refused { code: "busy".into() };
            assert_eq!(feed(&mut exchange, busy, chunks), [refused]);
            assert!(exchange.is_over() && exchange.open() == 0);
        }
    }
    let unknown =
        round_trip(&mut Session::new(service(App::Multiply, Framing::Http)), &request(&recipe, 0));
    let got = feed(&mut asked(&recipe, 1), &unknown, WHOLE);
    assert_eq!(got, [Reply::Refused { code: "unknown-verb".into() }]);
}

#[test]
fn replies_of_any_server_are_cut_as_their_heads_say() {
    let stream = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\
        HTTP/1.1 100 Continue\r\n\r\n\
        HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nworld\
        HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x\r\ncde\r\n0\r\nT: t\r\n\r\n\
        HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n\
        HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno!\
        HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nagain\
        HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlast.";
    let expected =
        [right(0), right(1), right(2), right(3), Reply::Status { status: 404 }, right(5), right(6)];
    for at in 1..stream.len() {
        let mut exchange = asking(ask("GET"), 7);
        assert_eq!(feed(&mut exchange, stream, &[at, usize::MAX]), expected, "split at {at}");
        assert!(exchange.is_over());
    }
    assert_eq!(feed(&mut asking(ask("GET"), 7), stream, &[1]), expected);
    let mut exchange = asking(ask("GET"), 7);
    assert_eq!(feed(&mut exchange, &stream[..stream.len() - 60], WHOLE), expected[..6]);
    assert!(!exchange.is_over(), "only the last one says so");
}

#[test]
fn what_has_no_body_has_none() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(feed(&mut asking(ask("HEAD"), 2), &head.repeat(2), &[1]), [right(0), right(1)]);
    for status in ["204 No Content", "304 Not Modified"] {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\n");
        let got = feed(&mut asking(ask("GET").of_any_length(), 2), head.repeat(2).as_bytes(), &[1]);
        assert_eq!(got.len(), 2, "{status}: {got:?}");
    }
}

#[test]
fn the_end_of_the_connection_ends_a_body_without_a_length() {
    for (version, head_only) in [("1.1", false), ("1.0", false), ("1.0", true)] {
        let method = if head_only { "HEAD" } else { "GET" };
        let mut exchange = asking(ask(method).expect_bytes(if head_only { 0 } else { 3 }), 1);
        let reply = format!("HTTP/{version} 200 OK\r\nServer: s\r\n\r\nabc");
        let reply = if head_only { &reply[..reply.len() - 3] } else { &reply };
        let before = feed(&mut exchange, reply.as_bytes(), &[1]);
        let after = exchange.ended();
        let expected = if head_only { (vec![right(0)], None) } else { (vec![], Some(right(0))) };
        assert_eq!((before, after), expected, "{version} {method}");
        assert!(exchange.is_over());
    }
    // One that says its length and does not keep it is lost, and so is half a head.
    for cut in ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "HTTP/1.1 200 OK\r\nSer", ""] {
        let mut exchange = asking(ask("GET"), 1);
        assert_eq!(feed(&mut exchange, cut.as_bytes(), WHOLE), []);
        assert_eq!(exchange.ended(), None, "{cut:?}");
    }
}

#[test]
fn bodies_are_as_long_as_they_have_to_be() {
    let body =
        |n: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n{}", "x".repeat(n));
    let recipe = Arc::new(Recipe::asking(ask("GET")));
    assert_eq!(feed(&mut asked(&recipe, 1), body(5).as_bytes(), WHOLE), [right(0)]);
    let other = feed(&mut asked(&recipe, 1), body(6).as_bytes(), WHOLE);
    let longer = |right| Reply::Length { bytes: 6, right };
    assert_eq!(other, [longer(5)], "the first one sets the length for all connections");
    assert_eq!(feed(&mut asked(&recipe, 1), body(5).as_bytes(), WHOLE), [right(0)]);
    let both = body(5) + &body(0) + &body(6);
    let got = feed(&mut asking(ask("GET").of_any_length(), 3), both.as_bytes(), WHOLE);
    assert_eq!(got, [right(0), right(1), right(2)]);
    // What follows is a reply like any other.
    let got = feed(&mut asking(ask("GET").expect_bytes(6), 3), both.as_bytes(), WHOLE);
    let shorter = |bytes| Reply::Length { bytes, right: 6 };
    assert_eq!(got, [shorter(5), shorter(0), right(2)]);
    let empty = feed(&mut asking(ask("GET"), 2), (body(0) + &body(1)).as_bytes(), WHOLE);
    let none = Reply::Length { bytes: 1, right: 0 };
    assert_eq!(empty, [right(0), none], "none is a length too");
    let made = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
    let status = |right| ask("GET").expect_status(right).expect("a status");
    assert_eq!(feed(&mut asking(status(201), 1), made.as_bytes(), WHOLE), [right(0)]);
    let got = feed(&mut asking(status(200), 1), made.as_bytes(), WHOLE);
    assert_eq!(got, [Reply::Status { status: 201 }]);
}

#[test]
fn a_long_body_takes_the_memory_of_one_read() {
    let mut exchange = asking(ask("GET").expect_bytes(1 << 30), 1);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 1 << 30);
    assert_eq!(feed(&mut exchange, head.as_bytes(), WHOLE), []);
    let mut left = 1 << 30;
    while left > 0 {
        let n = exchange.space().len().min(left);
        exchange.received(n);
        left -= n;
        let reply = exchange.reply();
        assert_eq!(reply, (left == 0).then(|| right(0)));
        assert!(exchange.heap_bytes() <= protocol::FRAME_BYTES_MAX);
    }
}

#[test]
fn any_server_may_have_any_number_of_fields_and_go_on_in_the_next_line() {
    for fields in [64, 65, 1_000] {
        let many: String = (0..fields - 1).map(|n| format!("X-{n}: {n}\r\n")).collect();
        let reply = format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 3\r\n\r\nabc");
        let mut exchange = asking(ask("GET").expect_bytes(3), 3);
        let got = feed(&mut exchange, reply.repeat(3).as_bytes(), &[700]);
        assert_eq!(got, [right(0), right(1), right(2)], "{fields} fields");
    }
    let folded =
        "HTTP/1.1 200 OK\r\nX-Long: one,\r\n  two,\r\n\tthree\r\nContent-Length: 3\r\n\r\nabc";
    for cut in [WHOLE, &[1]] {
        let mut exchange = asking(ask("GET").expect_bytes(3), 2);
        assert_eq!(feed(&mut exchange, folded.repeat(2).as_bytes(), cut), [right(0), right(1)]);
    }
}

#[test]
fn each_way_to_be_no_reply_has_its_sentence() {
    let chunked =
        |body: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    let head = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
    let mut said = std::collections::BTreeSet::new();
    for (bad, part) in [
        ("OK hello\n".to_string(), "not an HTTP/1 reply"),
        ("HTTP/1.7 200 OK\r\n\r\n".to_string(), "a version other"),
        ("HTTP/1.1 2x0 OK\r\n\r\n".to_string(), "without a three-digit status"),
        (head("A b: c"), "an invalid header field name"),
        (head("A: b\u{1}c"), "invalid characters"),
        (head("A: b\rc"), "invalid characters"),
        (head("Content-Length: 5x"), "is not a number"),
        (head("Content-Length: 1\r\nContent-Length: 2"), "two different"),
        (head("Content-Length: 1\r\nTransfer-Encoding: chunked"), "both a Content-Length"),
        (chunked("xyz\r\n"), "not hexadecimal"),
        (chunked("5\n"), "does not end with CR and LF"),
        (chunked("5;a\n"), "does not end with CR and LF"),
        (chunked("3\r\nabcd\r\n"), "longer than its size"),
        (chunked("ffffffffffffffffff\r\n"), "too large"),
        (chunked("0\r\n\n"), "without an empty line"),
        (head(&format!("A: {}", "x".repeat(1 << 17))), "longer than 65536 bytes"),
    ] {
        let got = feed(&mut asking(ask("GET"), 1), bad.as_bytes(), WHOLE);
        let Some(Reply::Wrong { got }) = got.first() else { panic!("{part}: it is no reply") };
        assert!(got.contains(part), "{part}: {got}");
        said.insert(part);
    }
    assert_eq!(said.len(), 14);
}

#[test]
fn what_is_no_reply_is_wrong_at_once() {
    for bad in [
        "OK hello\n",
        "<html>",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "\r\n\r\n\r\n",
    ] {
        let got = feed(&mut asking(ask("GET"), 1), bad.as_bytes(), WHOLE);
        assert!(is_wrong(&got), "{bad:?}: {got:?}");
    }
    let endless = "HTTP/1.1 200 OK\r\nx: ".to_string() + &"y".repeat(1 << 17);
    assert!(is_wrong(&feed(&mut asking(ask("GET"), 1), endless.as_bytes(), WHOLE)));
}
