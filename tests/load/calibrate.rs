//! The generator against a server with known latencies, in real time.
//!
//! A slow machine can only make latencies longer than the server's law says. So these assertions hold on any
//! machine: no reported quantile is below that of the server for the same requests, and every delay of
//! the law is reported.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, ChildStdout, Stdio};

use crate::support::c10k;
use c10k::document::{Distribution, Trial};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

struct Calibrated {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Calibrated {
    fn by(law: &str) -> Self {
        let mut child = c10k()
            .args(["calibrate", "--law", law, "--listen", "127.0.0.1:0", "--stop-with-parent"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("text");
        let ready: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!((&ready["event"], &ready["law"]), (&"ready".into(), &law.into()));
        let address = ready["address"].as_str().expect("text").to_string();
        Self { child, output, address }
    }

    /// Loads it without warm-up, so that both sides count the same requests. All of them are answered.
    fn load(&self, more: &[&str]) -> Trial {
        let mut command = c10k();
        command.args(["load", "--target", &self.address, "--warmup", "0s", "--drain", "30s"]);
        command.args(["--timeout", "30s", "--json", "-"]).args(more);
        let output = command.output().expect("it runs");
        let trial: Trial = serde_json::from_slice(&output.stdout).expect("a trial");
        assert_eq!(trial.census.ok, trial.census.offered, "{:?}", trial.census);
        trial
    }

    /// A client of the test, whose reads have a timeout.
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(crate::support::DEADLINE)).expect("an option");
        stream
    }

    /// Stops it, and returns its last line.
    fn stop(mut self) -> Value {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")).expect("a pid");
        kill_process(pid, Signal::TERM).expect("it lives");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("text");
        assert!(self.child.wait().expect("it ends").success());
        serde_json::from_str(&line).expect("JSON")
    }
}

/// Asserts that no reported quantile is below the known one by more than a bucket.
fn assert_not_below(reported: &Distribution, known: &Distribution) {
    assert_eq!(reported.count, known.count);
    let bucket = reported.histogram().expect("a histogram");
    for (reported, known) in reported.quantiles.iter().zip(&known.quantiles) {
        assert!(
            bucket.highest_equivalent(reported.value) >= bucket.lowest_equivalent(known.value),
            "quantile {}: {} reported, {} by law",
            known.q,
            reported.value,
            known.value
        );
    }
}

fn by_law(stopped: &Value) -> Distribution {
    serde_json::from_value(stopped["by_law"].clone()).expect("a distribution")
}

/// The share of a distribution that is longer than this many milliseconds.
fn longer_than(distribution: &Distribution, ms: u64) -> f64 {
    let histogram = distribution.histogram().expect("a histogram");
    let longer = histogram.count_between(ms * 1_000_000, histogram.high());
    longer as f64 / histogram.len() as f64
}

#[test]
fn an_open_loop_feels_all_of_a_stall() {
    let server = Calibrated::by("stall:200ms/400ms");
    let trial = server.load(&["--rate", "500", "-d", "2s", "-c", "400"]);
    let response = trial.latency.response.as_ref().expect("an open loop");
    // Requests that are due in the first 150 of each 400 ms wait for more than 50 ms on any machine.
    let felt = longer_than(response, 50);
    assert!(felt >= 0.375 - 0.01, "{felt}");
    let stopped = server.stop();
    assert_eq!(stopped["requests"], trial.census.ok);
    assert_not_below(&trial.latency.service, &by_law(&stopped));
    assert_not_below(response, &by_law(&stopped));
}

#[test]
fn with_few_connections_the_stall_is_in_the_response_time_all_the_same() {
    let server = Calibrated::by("stall:200ms/400ms");
    let trial = server.load(&["--rate", "500", "-d", "2s", "-c", "4"]);
    let response = trial.latency.response.as_ref().expect("an open loop");
    assert!(longer_than(response, 50) >= 0.375 - 0.01);
    assert_not_below(&trial.latency.service, &by_law(&server.stop()));
}

#[test]
fn a_closed_loop_reports_what_its_few_requests_met() {
    for law in ["stall:100ms/300ms", "ramp:1ms..20ms/1s", "bimodal:1ms@90%,30ms", "fixed:2ms"] {
        let once = || {
            let server = Calibrated::by(law);
            let trial = server.load(&["-d", "1s", "-c", "3"]);
            (trial, by_law(&server.stop()))
        };
        let (mut trial, mut known) = once();
        // A request that is sent as the measurement ends is not counted, but the server knows it.
        for _ in 0..4 {
            if trial.latency.service.count < known.count {
                (trial, known) = once();
            }
        }
        assert!(trial.latency.response.is_none());
        assert_not_below(&trial.latency.service, &known);
        if law.starts_with("bimodal") {
            let rare = longer_than(&trial.latency.service, 29);
            let share = 0.1 - 1.0 / known.histogram().expect("one").len() as f64;
            assert!(rare >= share, "a tenth is slow: {rare}");
        }
    }
}

#[test]
fn it_answers_a_get_for_other_generators() {
    let server = Calibrated::by("fixed:1ms");
    let mut stream = server.connect();
    let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let last = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(format!("{get}{get}{last}").as_bytes()).expect("sent");
    let mut replies = String::new();
    stream.read_to_string(&mut replies).expect("three replies, and the end");
    assert_eq!(replies.matches("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n").count(), 3);
    assert_eq!(replies.matches("\r\n\r\nOK\n").count(), 3);
    let stopped = server.stop();
    assert_eq!((&stopped["requests"], &stopped["unanswered"]), (&3.into(), &0.into()));
}

#[test]
fn a_law_that_is_none_is_refused_with_examples() {
    let output = c10k().args(["calibrate", "--law", "slow"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("'slow'") && stderr.contains("stall:100ms/1s"), "{stderr}");
}

#[test]
fn the_null_server_answers_right_and_records_nothing() {
    let server = Calibrated::by("none");
    let mut stream = server.connect();
    stream.write_all(b"EC").expect("sent");
    stream.write_all(b"HO a \r\nECHO b\nMUL 1 2\nECHO c").expect("sent");
    stream.shutdown(Shutdown::Write).expect("shut");
    let mut replies = String::new();
    stream.read_to_string(&mut replies).expect("three replies, and the end");
    let lines: Vec<&str> = replies.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[1]), (3, "OK a", "OK b"));
    assert!(lines[2].starts_with("ERR unknown-verb"), "{replies}");

    let trial = server.load(&["-d", "300ms", "-c", "50", "--echo", "8"]);
    assert_eq!((trial.census.wrong(), trial.census.unfinished), (0, 0));
    let stopped = server.stop();
    assert_eq!(stopped["requests"], trial.census.ok + 3);
    assert_eq!((&stopped["connections"], stopped.get("by_law")), (&51.into(), None));
}
