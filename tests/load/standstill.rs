//! A generator that is stopped by a signal: what it reports about itself and about the server.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{DEADLINE, c10k, server};
use c10k::check::client::CheckClient;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde_json::Value;

/// The minimum time for which the load stands still.
const STOP: Duration = Duration::from_millis(900);

/// Stops a load for a while in its measurement. Returns its exit code, its document and the minimum time for
/// which it stood still.
fn stopped(how: &[&str]) -> (i32, Value, Duration) {
    let server = server("epoll");
    let target = server.address.to_string();
    let mut load = c10k()
        .args(["load", "--target", &target, "--warmup", "10ms", "-d", "4s", "--json", "-"])
        .args(how)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    wait_for_a_line(&mut load);
    let pid = Pid::from_child(&load);
    kill_process(pid, Signal::STOP).expect("it lives");
    waitpid(Some(pid), WaitOptions::UNTRACED).expect("it stops");
    // The server has one thread, so when it answers this client, it has answered all earlier requests.
    // Until then the load may be waiting for the server, which is no standstill.
    let mut client = CheckClient::connect(server.address, DEADLINE).expect("it serves");
    assert_eq!(client.ask("ECHO a").expect("a reply"), "OK a");
    let began = Instant::now();
    sleep(STOP);
    let took = began.elapsed();
    kill_process(pid, Signal::CONT).expect("it lives");
    let mut text = String::new();
    load.stdout.take().expect("piped").read_to_string(&mut text).expect("text");
    let exit = load.wait().expect("it ends").code().expect("it was not killed");
    (exit, serde_json::from_str(&text).expect("JSON"), took)
}

/// Waits for its first progress line. It prints one every two seconds, the first in the measurement.
fn wait_for_a_line(load: &mut Child) {
    let mut lines = BufReader::new(load.stderr.take().expect("piped")).lines();
    let line = lines.next().expect("it says how it goes").expect("text");
    assert!(line.contains("measure"), "{line}");
    std::thread::spawn(move || lines.for_each(drop));
}

fn ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).expect("it fits")
}

/// Asserts that the document reports the standstill, and returns the document.
fn says_so(how: &[&str]) -> Value {
    let (exit, document, took) = stopped(how);
    let still = &document["client"]["standstill"];
    let longest = still["longest_ns"].as_u64().expect("a length");
    // The kernel's tick stamps the input that waits to be read. It stands still while the hypervisor takes
    // the processor that keeps it, so the test requires only half of the time.
    assert!(longest > ns(took) / 2, "{how:?}: {longest} ns of {took:?}");
    assert!(still["share"].as_f64().expect("a share") > 0.1, "{how:?}: {still}");
    let checks = document["checks"].as_array().expect("checks");
    let check = checks.iter().find(|check| check["name"] == "standstill").expect("it is checked");
    assert_eq!((exit, &check["status"]), (4, &"fail".into()), "{how:?}: {check}");
    let message = check["message"].as_str().expect("text");
    assert!(message.contains("the generator stood still for"), "{message}");
    document
}

#[test]
fn an_open_loop_that_was_stopped_blames_itself_for_what_was_due() {
    let document = says_so(&["-c", "2", "--rate", "500"]);
    let p90 = |of: &str| {
        let quantiles = document["latency"][of]["quantiles"].as_array().expect("quantiles");
        let p90 = quantiles.iter().find(|quantile| quantile["q"] == 0.9).expect("it is listed");
        p90["value"].as_u64().expect("a number")
    };
    assert!(document["client"]["standstill"]["requests"]["count"].as_u64() > Some(0));
    // More than a fifth of the requests became due while it was stopped.
    assert!(p90("sched_lag") > 300_000_000, "{}", p90("sched_lag"));
    assert!(p90("conn_wait") < p90("sched_lag") / 4, "{}", p90("conn_wait"));
}

#[test]
fn a_closed_loop_that_was_stopped_says_so_with_one_connection_and_with_many() {
    for connections in ["1", "50"] {
        says_so(&["-c", connections]);
    }
}
