//! `c10k load --find-capacity`, end to end.

use std::path::Path;

use crate::support::c10k;
use serde_json::Value;

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = c10k().args(["load"]).args(arguments).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn refused(arguments: &[&str], part: &str) {
    let (exit, stdout, stderr) = run(arguments);
    assert_eq!((exit, stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
    assert!(stderr.contains(part), "{arguments:?}: no '{part}' in: {stderr}");
}

#[test]
fn a_search_that_makes_no_sense_is_refused_with_what_to_do() {
    let target = ["--target", "127.0.0.1:1"];
    let with = |more: &[&'static str], part| refused(&[&target[..], more].concat(), part);
    with(&["--find-capacity", "p98<20ms"], "p99.9");
    with(&["--find-capacity", "p99<20"], "10s");
    with(&["--find-capacity", "errors<1%"], "needs a latency");
    with(&["--find-capacity", "p99<20ms", "-d", "300ms"], "400ms or longer");
    with(&["--find-capacity", "p99<20ms", "--warmup", "auto"], "a duration");
    with(&["--find-capacity", "p99<20ms", "--closed"], "--closed");
    for (option, value) in
        [("--hlog", "a.hlog"), ("--hgrm", "a.hgrm"), ("--shard", "0/2"), ("--replay", "times.csv")]
    {
        with(&["--find-capacity", "p99<20ms", option, value], "for a single load");
    }
    with(&["--find-capacity", "p99<20ms", "--serve", "epoll"], "--target");
    refused(&["--find-capacity", "p99<20ms"], "--target");
}

/// Two connections and a wait of 5 ms for each request allow at most 400 requests per second on any machine. At 500
/// per second the queue grows, until the median of a trial is above its bound.
#[test]
fn the_capacity_of_a_server_that_waits_is_below_what_its_waits_allow() {
    let arguments = ["--serve", "thread-pool", "--find-capacity", "p50<10ms,errors<5%"];
    let load = ["-c", "2", "--work", "1", "--wait", "5ms", "-d", "200ms", "--warmup", "20ms"];
    let (exit, stdout, stderr) = run(&[&arguments[..], &load, &["--json", "-"]].concat());
    assert!(matches!(exit, Some(0 | 4)), "{exit:?} {stderr}");
    let report: Value = serde_json::from_str(&stdout).expect("only JSON on standard output");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/schema/capacity.v1.json");
    let schema = std::fs::read(file).expect("committed");
    let schema = serde_json::from_slice(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(&report).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");

    let number = |value: &Value| value.as_f64().expect("a number");
    let probes = report["probes"].as_array().expect("probes");
    let mut pids = Vec::new();
    for probe in probes {
        assert!(probe["verdict"] != "met" || number(&probe["rate_per_s"]) < 500.0, "{stderr}");
        let arrivals = &probe["trial"]["load"]["arrivals"];
        assert_eq!(
            (&arrivals["kind"], &arrivals["rate_per_s"]),
            (&"constant".into(), &probe["rate_per_s"])
        );
        assert_eq!(probe["trial"]["target"]["model"], "thread-pool");
        pids.push(probe["trial"]["target"]["ready"]["pid"].as_u64().expect("a process"));
        let longer = if probe["stage"] == "confirm" { 3 } else { 1 };
        assert_eq!(probe["trial"]["phases"]["measure_ns"], 200_000_000 * longer);
    }
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), probes.len(), "a fresh process for each trial");

    // On a busy machine the search may find nothing; the exit code says whether it did.
    let found = &report["found"];
    assert_eq!(exit == Some(0), found["kind"] == "capacity", "{found}");
    if exit == Some(0) {
        assert_eq!(probes.last().expect("at least one")["stage"], "confirm");
        let (rate, missed) = (number(&found["rate_per_s"]), number(&found["missed_at_per_s"]));
        assert!(rate < 500.0 && rate < missed && missed < rate * 1.03, "{found}");
        let sentence = found["sentence"].as_str().expect("a sentence");
        assert!(sentence.starts_with("capacity under p50<10ms,errors<5%: "), "{sentence}");
    }
}
