//! Options for the behaviour of connections: what is refused, what a result says, and what it warns of.

use std::process::Output;

use crate::support::{c10k, server};
use c10k::check::Speech;
use c10k::check::server::RunningServer;
use c10k::check::starting::{Start, Subject};
use serde_json::Value;

const SHORT: [&str; 6] = ["-d", "300ms", "--warmup", "50ms", "--drain", "5s"];

fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = c10k().args(arguments).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().expect("it was not killed"), text(stdout), text(stderr))
}

/// A server of the model epoll with these flags.
fn server_with(flags: &[&str]) -> RunningServer {
    let model = servers::models::find("epoll").expect("a model");
    let subject = Subject::Model { model, program: env!("CARGO_BIN_EXE_c10k").into() };
    let patience = crate::support::DEADLINE;
    let start = Start { flags, ..Start::plain(Speech::BENCH, patience) };
    subject.start(start).expect("it starts")
}

/// The document of a load with these settings, on such a server.
fn load_on(server: &RunningServer, settings: &[&str]) -> Value {
    let address = server.address.to_string();
    let arguments = [&["load", "--target", &address, "--json", "-"], settings].concat();
    let (_, stdout, stderr) = run(&arguments);
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"))
}

/// The same for a short load over 20 connections on a server with default settings.
fn load(settings: &[&str]) -> Value {
    load_on(&server_with(&[]), &[&["-c", "20"], &SHORT[..], settings].concat())
}

fn status(document: &Value, name: &str) -> String {
    let checks = document["checks"].as_array().expect("checks");
    let check = checks.iter().find(|check| check["name"] == name);
    check.unwrap_or_else(|| panic!("no check {name}"))["status"].as_str().expect("text").into()
}

fn assert_all_right(document: &Value) {
    assert!(document["census"]["ok"].as_u64() > Some(0), "{}", document["census"]);
    assert_eq!(document["census"]["ok"], document["census"]["offered"], "{}", document["census"]);
}

#[test]
fn what_cannot_be_is_refused_with_what_to_do() {
    let target = ["load", "--target", "127.0.0.1:9"];
    for (settings, parts) in [
        (vec!["--requests-per-connection", "0"], vec!["requests-per-connection"]),
        (vec!["--connection-lifetime", "0s"], vec!["must be above 0"]),
        (vec!["--pipeline", "0"], vec!["from 1 to 1024"]),
        (vec!["--pipeline", "2", "--app", "echo", "--framing", "raw"], vec!["line framing"]),
        (vec!["--think-time", "soon"], vec!["exp:10ms"]),
        (vec!["--think-time", "uniform:2s..1s"], vec!["uniform:5ms..15ms"]),
        (vec!["--think-time", "1ms", "--rate", "10"], vec!["--think-time", "--rate"]),
        (vec!["--think-time", "1ms", "--pipeline", "2"], vec!["leave out"]),
        (vec!["--source-addresses", "0"], vec!["auto"]),
        (vec!["--source", "192.0.2.1"], vec!["192.0.2.1", "ip address"]),
        (vec!["--source", "127.0.0.1", "--source-addresses", "2"], vec!["not both"]),
        (vec!["--misbehave", "rude=1%"], vec!["slow-reader", "resetter"]),
        (vec!["--misbehave", "resetter=99%", "-c", "2"], vec!["--connections"]),
        (vec!["--misbehave", "resetter=1%,resetter=1%"], vec!["twice"]),
        (vec!["--misbehave", "resetter=50%", "-c", "4", "--threads", "3"], vec!["--threads"]),
        (
            vec!["--rate", "50k", "--requests-per-connection", "1", "--source-addresses", "1"],
            vec!["local ports", "TIME_WAIT", "--source-addresses"],
        ),
    ] {
        let (exit, stdout, stderr) = run(&[&target[..], &settings].concat());
        assert_eq!((exit, stdout.as_str()), (2, ""), "{settings:?}: {stderr}");
        for part in parts {
            assert!(stderr.contains(part), "{settings:?}: no '{part}' in: {stderr}");
        }
    }
}

#[test]
fn source_addresses_by_number_are_for_loopback_only() {
    let target = ["load", "--target", "192.0.2.1:9", "--source-addresses", "2"];
    let (exit, _, stderr) = run(&target);
    assert_eq!(exit, 2, "{stderr}");
    assert!(stderr.contains("127.0.0.0/8") && stderr.contains("with --source"), "{stderr}");
}

#[test]
fn a_connection_per_request_has_enough_ports_and_says_what_it_did() {
    let document = load(&["--requests-per-connection", "1"]);
    assert_all_right(&document);
    let conduct = &document["load"]["conduct"];
    assert_eq!(conduct["requests_per_connection"], 1);
    let sources = conduct["sources"].as_array().map_or(0, Vec::len);
    assert!(sources > 1, "as many as it took: {conduct}");
    assert_eq!(status(&document, "ports"), "pass");
    let connections = &document["connections"];
    assert!(connections["closed_by_us"].as_u64() >= document["census"]["ok"].as_u64());
    let of = |name: &str| connections[name].as_f64().expect("a number");
    assert!(of("connecting") > 0.0 && of("effective_concurrency") + of("connecting") < 21.0);
    // A document without special settings has none of these fields, as in earlier versions.
    let usual = load(&[]);
    assert!(usual["load"].get("conduct").is_none() && usual.get("misbehaving").is_none());
    assert!(usual["connections"].get("closed_by_us").is_none(), "{}", usual["connections"]);
}

#[test]
fn clients_that_think_are_not_taken_for_clients_that_starve() {
    let document = load(&["--think-time", "exp:20ms", "--seed", "7"]);
    assert_all_right(&document);
    let think = &document["load"]["conduct"]["think_time"];
    assert_eq!((&think["kind"], &think["seed"]), (&"exponential".into(), &7.into()), "{think}");
    let connections = &document["connections"];
    assert!(connections["thinking"].as_f64() > Some(1.0), "{connections}");
    let check = document["checks"].as_array().expect("checks").iter();
    let seen = check.filter(|check| check["name"] == "effective-concurrency");
    let seen: Vec<f64> = seen.filter_map(|check| check["observed"].as_f64()).collect();
    let own = connections["effective_concurrency"].as_f64().expect("a number") / 20.0;
    assert!(seen[0] > own, "{seen:?}: thinking counts");
}

#[test]
fn a_pipeline_is_as_deep_as_it_was_asked_to_be() {
    let document = load(&["--pipeline", "4"]);
    assert_all_right(&document);
    assert_eq!(document["load"]["conduct"]["pipeline"], 4);
}

#[test]
fn idle_connections_that_the_server_gives_up_are_a_finding() {
    let document = load(&["--idle-connections", "30"]);
    assert_all_right(&document);
    assert_eq!(document["connections"]["idle"]["opened"], 30);
    assert_eq!(document["connections"]["idle"]["idle_lost"], 0);
    assert_eq!(status(&document, "idle-connections"), "pass");

    let impatient = server_with(&["--idle-timeout", "200ms"]);
    let settings = ["-d", "2s", "--warmup", "0s", "-c", "2", "--idle-connections", "5"];
    let document = load_on(&impatient, &settings);
    assert_eq!(document["connections"]["idle"]["idle_lost"], 5);
    assert_eq!(status(&document, "idle-connections"), "warn");
}

#[test]
fn clients_that_misbehave_are_counted_apart() {
    let shares = "slow-reader=10%,slow-sender=10%,half-closer=5%,resetter=5%";
    let document = load(&["--misbehave", shares]);
    assert_all_right(&document);
    assert_eq!(document["connections"]["asked"], 14);
    assert_eq!(document["load"]["conduct"]["misbehaving"]["slow-reader"], 2);
    for (way, connections) in
        [("slow-reader", 2), ("slow-sender", 2), ("half-closer", 1), ("resetter", 1)]
    {
        let clients = &document["misbehaving"][way];
        assert_eq!(clients["connections"], connections, "{document}");
        assert!(clients["opened"].as_u64() >= Some(connections), "{way}: {clients}");
    }
    assert_eq!(status(&document, "misbehaving"), "pass");
    assert_eq!(status(&document, "half-close"), "pass");
}

#[test]
fn the_table_says_how_connections_behaved() {
    let server = server("epoll");
    let address = server.address.to_string();
    let mut arguments = vec!["load", "--target", &address, "--requests-per-connection", "5"];
    arguments.extend(["--think-time", "5ms", "--idle-connections", "3", "--misbehave"]);
    arguments.extend(["resetter=10%"]);
    arguments.extend(SHORT);
    let (_, stdout, stderr) = run(&arguments);
    for part in [
        "closed by the generator",
        "clients thinking",
        "idle connections requested 3",
        "resetter clients",
    ] {
        assert!(stdout.contains(part), "no '{part}' in: {stdout}{stderr}");
    }
}

#[test]
fn a_server_that_leaves_after_a_reply_costs_nothing_but_early_goodbyes() {
    let server = server_with(&["--close-after", "3"]);
    let document = load_on(&server, &[&["-c", "20"], &SHORT[..]].concat());
    let census = &document["census"];
    let errors = census["errors"].as_object().expect("errors");
    assert!(errors.keys().all(|kind| kind == "closed_early"), "{census}");
    let early = errors.get("closed_early").and_then(Value::as_u64).unwrap_or(0);
    let ok = census["ok"].as_u64().expect("a number");
    assert!(ok > 0 && early * 10 < ok, "{census}");
    assert!(document["connections"]["reconnects"].as_u64() > Some(ok / 4), "at once");
}

/// A client that thinks for 3 ms after each reply but the last needs at least that time.
#[test]
fn the_turn_around_of_a_client_is_from_its_connect_to_its_last_reply() {
    let server = server("epoll");
    let address = server.address.to_string();
    let mut arguments = vec!["load", "--target", &address, "--requests-per-connection", "4"];
    arguments.extend(["--think-time", "3ms", "-c", "3", "-d", "300ms", "--warmup", "50ms"]);
    arguments.extend(["--json", "-", "-q"]);
    let (exit, stdout, stderr) = run(&arguments);
    assert!(matches!(exit, 0 | 4), "{stderr}");
    let trial: Value = serde_json::from_str(&stdout).expect("JSON");
    let (times, total) = (&trial["turnaround"]["times"], &trial["turnaround"]["total_ns"]);
    let number = |value: &Value| value.as_f64().expect("a number");
    assert!(number(&times["count"]) > 0.0, "{times}");
    assert!(number(&times["min"]) >= 9e6, "four replies with three thoughts between: {times}");
    assert!(number(&times["max"]) >= number(&trial["latency"]["service"]["min"]) * 4.0);
    let by_mean = number(&times["mean"]) * number(&times["count"]);
    assert!((number(total) / by_mean - 1.0).abs() < 0.01, "{total} and {by_mean}");
    let closed = number(&trial["connections"]["closed_by_us"]);
    assert!(number(&times["count"]) <= closed, "one for each that was closed, in all phases");
}
