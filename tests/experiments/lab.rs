//! `c10k lab` as its users run it: the list, the page of an existing run, and its other experiments.

use std::path::Path;

use crate::support::{c10k, page};
use c10k::ServeArgs;
use c10k::lab::{killed, naive};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_c10k");

/// The smallest plan with this lab's factors.
const PLAN: &str = r#"
name = "tiny"
question = "Does the lab take it apart?"
models = ["epoll"]
trials = 2
twin = "none"
connections = 4
warmup = "20ms"
measure = "100ms"
drain = "100ms"

[[workload]]
name = "steps"
request = { kind = "session", steps = 4 }
arrivals = { kind = "closed" }
matrix = { requests-per-connection = [0, 1], "server.state" = ["none", "table"], "server.history" = [0, 512] }

[[workload]]
name = "connection"
request = { kind = "session", steps = 4 }
arrivals = { kind = "closed" }
matrix = { requests-per-connection = [0], "server.state" = ["connection"] }
"#;

fn output(arguments: &[&str]) -> (i32, String, String) {
    let output = c10k().args(arguments).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("not killed"), text(output.stdout), text(output.stderr))
}

#[test]
fn the_labs_are_listed_with_their_questions() {
    let (exit, stdout, _) = output(&["lab"]);
    assert_eq!(exit, 0);
    for lab in ["stateful", "concurrency", "states", "select", "chat"] {
        assert!(stdout.lines().any(|line| line.starts_with(&format!("{lab}: "))), "{stdout}");
    }
}

#[test]
fn what_cannot_be_is_said_with_exit_code_2() {
    for (arguments, says) in [
        (&["lab", "stateful", "--from", "/nowhere"][..], "--from"),
        (&["lab", "stateful", "--from", "x", "--quick"], "--quick"),
        (&["lab", "stateful", "--models", "epol"], "epoll"),
        (&["lab", "statefull"], "stateful"),
    ] {
        let (exit, stdout, stderr) = output(arguments);
        assert_eq!((exit, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(says), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_run_that_is_there_becomes_a_page_with_the_numbers_of_its_document() {
    let dir = tempfile::tempdir().expect("a folder");
    let plan = dir.path().join("tiny.toml");
    std::fs::write(&plan, PLAN).expect("written");
    let out = dir.path().display().to_string();
    let (exit, _, stderr) = output(&["run", &plan.display().to_string(), "--out", &out]);
    // On a busy machine a check may fail, but the figures are written in any case.
    assert!([0, 4].contains(&exit), "{stderr}");
    let run = std::fs::read_dir(dir.path())
        .expect("listed")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.is_dir())
        .expect("the run's folder");
    let (exit, stdout, stderr) = output(&["lab", "stateful", "--from", &run.display().to_string()]);
    assert_eq!(exit, 0, "{stderr}");
    assert!(stdout.contains("completed sessions all had the correct total"), "{stdout}");
    let lab: Value = serde_json::from_slice(&std::fs::read(run.join("lab.json")).expect("written"))
        .expect("JSON");
    is_valid(&lab);
    assert_eq!(lab["models"][0]["model"], "epoll");
    let completed = lab["sessions"].as_array().expect("sessions").iter();
    assert!(completed.map(|s| s["completed"].as_u64().expect("a count")).sum::<u64>() > 0);
    let html = std::fs::read_to_string(run.join("lab.html")).expect("written");
    page::assert_needs_nothing_else(&html);
    for sentence in lab["sentences"].as_array().expect("sentences") {
        let sentence = sentence.as_str().expect("text").replace(" us", " µs");
        assert!(html.contains(&sentence), "{sentence}");
    }
    for file in ["lab.md", "lab.tex"] {
        assert!(run.join(file).is_file(), "{file}");
    }
}

fn is_valid(lab: &Value) {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/schema/lab.v2.json");
    let schema: Value =
        serde_json::from_slice(&std::fs::read(schema).expect("committed")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let errors: Vec<_> = validator.iter_errors(lab).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn a_killed_server_loses_what_it_alone_has_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let key = dir.path().join("key");
    std::fs::write(&key, [7; 32]).expect("written");
    let key = key.display().to_string();
    for (flags, went_on, says) in [
        (&["--state", "none"][..], true, "23"),
        (&["--state", "connection"], false, "no-session"),
        (&["--state", "table"], false, "no-session"),
        (&["--state", "client"], false, "bad-token"),
        (&["--state", "client", "--state-key", &key], true, "23"),
    ] {
        let args = ServeArgs::child(&[&["--model", "epoll"], flags].concat()).expect("it is read");
        let killed =
            killed::run(Path::new(PROGRAM), "a home", "epoll", &args.state).expect("shown");
        assert_eq!(killed.went_on, went_on, "{flags:?}: {killed:?}");
        assert!(killed.said.contains(says), "{flags:?}: {killed:?}");
    }
}

#[test]
fn the_naive_experiment_has_three_clocks_for_each_server() {
    let naive = naive::run(Path::new(PROGRAM), "thread-per-client", 20).expect("it runs");
    assert_eq!(naive.requests, 20);
    for (all, response, server) in [
        (naive.stateful_s, naive.stateful_response_s, naive.stateful_server_s),
        (naive.stateless_s, naive.stateless_response_s, naive.stateless_server_s),
    ] {
        // A client's time is part of the whole time; the server's time ends with its write.
        assert!(server > 0.0 && response > 0.0 && response * 20.0 <= all, "{naive:?}");
    }
}
