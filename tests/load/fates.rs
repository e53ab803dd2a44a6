//! Every failure between a load and its server has a name in the census, a sentence on the terminal,
//! and a check that judges the result. These tests use real sockets.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::support::c10k;
use serde_json::Value;

/// A server that handles each connection as the test says, on a thread of its own.
fn serve(each: impl Fn(TcpStream) + Send + Clone + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let each = each.clone();
            thread::spawn(move || each(stream));
        }
    });
    address
}

/// Answers the first requests correctly. Returns when another one has arrived, or the client has left.
fn answer(stream: &TcpStream, requests: usize) {
    let mut lines = BufReader::new(stream).lines();
    for _ in 0..requests {
        let Some(Ok(line)) = lines.next() else { return };
        let text = line.strip_prefix("ECHO ").expect("an echo");
        let mut stream = stream;
        let _ = stream.write_all(format!("OK {text}\n").as_bytes());
    }
    lines.next();
}

struct Loaded {
    exit: i32,
    result: Value,
    text: String,
}

/// Loads a server for a moment. Returns the document, and the text output of a second load.
fn load(address: &str, more: &[&str]) -> Loaded {
    let short = ["-d", "300ms", "--warmup", "0s", "--drain", "300ms", "-c", "4"];
    load_as(address, &[&short[..], more].concat())
}

/// The same with only these options.
fn load_as(address: &str, how: &[&str]) -> Loaded {
    let run = |json: &[&str]| {
        let mut command = c10k();
        command.args(["load", "--target", address]).args(how).args(json);
        let output = command.output().expect("it runs");
        let text = String::from_utf8(output.stdout).expect("text");
        (output.status.code().expect("not killed"), text)
    };
    let (exit, json) = run(&["--json", "-"]);
    let result = serde_json::from_str(&json).unwrap_or_else(|e| panic!("{e}: {json}"));
    Loaded { exit, result, text: run(&[]).1 }
}

impl Loaded {
    /// Asserts that the check has this status.
    fn is(&self, check: &str, status: &str) -> &Self {
        let checks = self.result["checks"].as_array().expect("checks");
        let found = checks.iter().find(|c| c["name"] == check).expect("it was checked");
        assert_eq!(found["status"], status, "{found}");
        self
    }

    /// Asserts that requests failed in this way.
    fn failed(&self, kind: &str) -> &Self {
        assert!(
            self.result["census"]["errors"][kind].as_u64() > Some(0),
            "{}",
            self.result["census"]
        );
        assert_eq!(self.result["census"]["reconciles"], true);
        self
    }

    fn says(&self, sentence: &str) -> &Self {
        assert!(self.text.contains(sentence), "no '{sentence}' in: {}", self.text);
        self
    }
}

#[test]
fn a_server_that_resets_is_told_from_one_that_closes() {
    let resets = serve(|stream| {
        answer(&stream, 2);
        let linger = Some(Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&stream, linger).expect("a socket");
    });
    let closes = serve(|stream| answer(&stream, 0));
    let closes_early = serve(|stream| answer(&stream, 2));
    let loaded = load(&resets, &[]);
    loaded.failed("reset").is("errors", "fail").says("reset the connection instead of replying");
    assert_eq!(loaded.exit, 4);
    let loaded = load(&closes, &[]);
    loaded.failed("closed").is("errors", "fail").says("closed the connection instead of replying");
    assert_eq!(loaded.exit, 4);
    let loaded = load(&closes_early, &[]);
    loaded.failed("closed_early").is("errors", "fail").says("was on its way");
    assert_eq!(loaded.exit, 4);
}

#[test]
fn a_server_that_never_answers_is_not_a_result() {
    let address = serve(|stream| {
        answer(&stream, 0);
        thread::park();
    });
    for more in [&[][..], &["--rate", "100"]] {
        let loaded = load(&address, more);
        assert_eq!(loaded.exit, 4, "{}", loaded.text);
        assert_eq!(loaded.result["census"]["unfinished"], 4);
        assert_eq!(
            loaded.result["latency"]["service"]["censored"],
            if more.is_empty() { 4 } else { 0 }
        );
        loaded.is("answered", "fail").says("none of 4 requests got a correct reply");
    }
}

#[test]
fn a_load_without_a_reply_in_it_is_no_result_whatever_the_reason() {
    let slow = serve(|stream| {
        for _ in 0..2 {
            thread::sleep(Duration::from_millis(700));
            answer(&stream, 1);
        }
    });
    let silent = serve(|stream| {
        answer(&stream, 0);
        thread::park();
    });
    // Each request is sent in the warm-up.
    let warm = ["--warmup", "100ms", "-d", "300ms", "--drain", "30s", "-c", "4"];
    let short = ["--warmup", "100ms", "-d", "1ns", "--drain", "100ms", "-c", "4"];
    for (address, how, offered, part) in [
        (&slow, &warm[..], 4, "4 arrived later"),
        (&silent, &short[..], 4, "none of 4 requests got a correct reply"),
        (&slow, &short[..], 4, "4 requests"),
        (
            &silent,
            &["--rate", "1", "--warmup", "100ms", "-d", "1ns", "-c", "1"],
            0,
            "no request was sent",
        ),
    ] {
        let loaded = load_as(address, how);
        assert_eq!(loaded.exit, 4, "{how:?}: {}", loaded.text);
        assert_eq!(loaded.result["census"]["offered"], offered, "{how:?}");
        loaded.is("answered", "fail").says(part);
    }
}

#[test]
fn a_server_that_answers_after_the_drain_has_answered_too_late() {
    // Each connection gets one reply at once, and then none.
    let address = serve(|stream| {
        answer(&stream, 1);
        thread::park();
    });
    let loaded = load(&address, &[]);
    let census = &loaded.result["census"];
    assert_eq!((census["ok"].as_u64(), census["unfinished"].as_u64()), (Some(4), Some(4)));
    loaded.is("answered", "warn").says("4 requests had no reply when the drain ended");
}

#[test]
fn a_server_that_goes_away_is_not_there_to_be_measured() {
    // Each load gets replies on its first connections; after that no server listens.
    let loads = |more: &[&str]| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        thread::spawn(move || {
            let streams: Vec<_> = (0..4).map(|_| listener.accept().expect("a client").0).collect();
            drop(listener);
            streams.iter().for_each(|stream| answer(stream, 3));
        });
        let short = ["-d", "500ms", "--warmup", "0s", "--drain", "100ms", "-c", "4"];
        c10k()
            .args(["load", "--target", &address])
            .args(short)
            .args(more)
            .output()
            .expect("it runs")
    };
    let output = loads(&["--json", "-"]);
    assert_eq!(output.status.code(), Some(4));
    let result: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let connections = &result["connections"];
    assert!(connections["connect_errors"]["refused"].as_u64() > Some(0), "{connections}");
    assert_eq!(connections["connect_failures"], connections["connect_errors"]["refused"]);
    let text = String::from_utf8(loads(&[]).stdout).expect("text");
    assert!(text.contains("refused (no server listened there)"), "{text}");
}

#[test]
fn a_busy_server_says_so_and_what_comes_unasked_is_told() {
    let address = serve(|mut stream| {
        let _ = stream.write_all(b"ERR busy come back later\n");
        answer(&stream, 0);
    });
    let loaded = load(&address, &[]);
    assert_eq!(loaded.exit, 4);
    let asked = loaded.result["census"]["errors"]["refused:busy"].as_u64().unwrap_or(0);
    let unasked = loaded.result["connections"]["unsolicited"].as_u64().unwrap_or(0);
    assert!(asked + unasked > 0, "{}", loaded.result);
    loaded.is("unasked", if unasked > 0 { "warn" } else { "pass" });
}
