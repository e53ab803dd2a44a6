//! `c10k load` with schedules that change, pacing, and requests that are drawn.

use std::process::Output;

use crate::support::{c10k, server};
use serde_json::Value;

/// Short, with timeouts that are long enough for a slow machine.
const SHORT: [&str; 6] = ["--warmup", "20ms", "--drain", "20s", "--timeout", "60s"];

fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = c10k().args(arguments).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().expect("it was not killed"), text(stdout), text(stderr))
}

/// A usage error with all of these in its message.
fn refused(arguments: &[&str], parts: &[&str]) {
    let with = [&["load", "--target", "127.0.0.1:1"], arguments].concat();
    let (exit, stdout, stderr) = run(&with);
    assert_eq!((exit, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{arguments:?}: no '{part}' in: {stderr}");
    }
}

/// The document of a load on one of our servers, valid by the committed schema.
fn document(arguments: &[&str]) -> Value {
    let server = server("epoll");
    let address = server.address.to_string();
    let with = [&["load", "--target", &address, "--json", "-"], arguments, &SHORT[..]].concat();
    let (exit, stdout, stderr) = run(&with);
    assert!(matches!(exit, 0 | 4), "{arguments:?}: {stdout}{stderr}");
    let document: Value = serde_json::from_str(&stdout).expect("JSON");
    let schema =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/results/schema/trial.v1.json"));
    let schema = serde_json::from_slice(&schema.expect("committed")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    assert!(validator.is_valid(&document), "{arguments:?}");
    let census = &document["census"];
    assert_eq!(census["ok"], census["offered"], "{arguments:?}: {census}");
    document
}

#[test]
fn the_command_is_written_down_without_the_folder_of_the_program() {
    assert!(std::path::Path::new(crate::support::C10K).is_absolute());
    let document = document(&["--duration", "20ms", "--connections", "2"]);
    let command = document["run"]["command"].as_array().expect("a command");
    let words: Vec<&str> = command.iter().filter_map(Value::as_str).collect();
    assert_eq!((words[..2].to_vec(), words.len()), (vec!["c10k", "load"], command.len()));
    assert!(words.ends_with(&SHORT), "the arguments follow: {words:?}");
}

#[test]
fn a_ramp_and_steps_and_a_replay_are_offered_and_written_down() {
    let ramp = document(&["--rate", "100..700", "--duration", "200ms"]);
    assert_eq!(ramp["load"]["arrivals"]["kind"], "ramp");
    assert_eq!(ramp["load"]["arrivals"]["over_ns"], 200_000_000);
    assert_eq!(ramp["census"]["offered"], 80);

    let stairs = document(&["--rate", "100,700", "--step", "100ms"]);
    assert_eq!(stairs["phases"]["measure_ns"], 200_000_000);
    let offered = |step: usize| &stairs["steps"][step]["offered"];
    assert_eq!((offered(0), offered(1)), (&10.into(), &70.into()));
    assert_eq!(stairs["steps"][1]["response"]["count"], 70);

    let random = document(&["--rate", "100,700", "--duration", "200ms", "--poisson"]);
    assert_eq!(random["load"]["arrivals"]["seed"], 1);
    assert_eq!(random["load"]["arrivals"]["step_ns"], 100_000_000);

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("times");
    std::fs::write(&file, "gap_ms\n0\n30\n30\n30\n30\n").expect("written");
    let file = file.to_str().expect("text");
    let replay = document(&["--replay", file, "--duration", "100ms"]);
    assert_eq!(replay["load"]["arrivals"]["requests"], 5);
    assert_eq!(replay["census"]["offered"], 4, "the last is due after the end");
    let whole = document(&["--replay", file]);
    assert_eq!(whole["census"]["offered"], 5, "to its end");
    assert_eq!(whole["phases"]["measure_ns"], 120_000_001);
    let kept_up = replay["checks"].as_array().expect("checks").iter();
    let kept_up: Vec<_> = kept_up.filter(|check| check["name"] == "kept-up").collect();
    assert_eq!(kept_up.len(), 1, "a replay is an open loop without a rate");
}

#[test]
fn steps_are_shown_to_people() {
    let server = server("epoll");
    let address = server.address.to_string();
    let stairs = ["load", "--target", &address, "--rate", "100,700", "--step", "100ms"];
    let (exit, stdout, stderr) = run(&[&stairs, &SHORT[..]].concat());
    assert!(matches!(exit, 0 | 4), "{stdout}{stderr}");
    assert!(stdout.contains("due in each step") && stdout.contains("700/s"), "{stdout}");
}

#[test]
fn requests_are_drawn_and_written_down_and_their_replies_checked() {
    let short = ["--duration", "100ms"];
    let drawn = |arguments: &[&str]| document(&[&short, arguments].concat());
    let echo = drawn(&["--echo", "uniform:16..4KiB", "--threads", "2"]);
    let request = &echo["load"]["request"];
    assert_eq!((&request["kind"], &request["seed"]), (&"echo-drawn".into(), &1.into()));
    assert_eq!(request["bytes"]["law"], "uniform:16..4096");
    assert_eq!(request["bytes"]["cut"], false);

    let work = ["--work", "exp:50", "--wait", "bimodal:0s@99%,1ms", "--reply", "lognormal:90,1"];
    let work = drawn(&[&work[..], &["--rate", "500", "--seed", "9"]].concat());
    let request = &work["load"]["request"];
    assert_eq!((&request["kind"], &request["seed"]), (&"work-drawn".into(), &9.into()));
    assert_eq!(request["wait_ns"]["law"], "bimodal:0@99%,1000000");
    assert_eq!(drawn(&["--echo", "fixed:9"])["load"]["request"]["bytes"], 9);

    refused(&["--echo", "pareto:5"], &["lognormal:MEDIAN,SIGMA"]);
    refused(&["--echo", "uniform:5"], &["uniform:LEAST..MOST"]);
    refused(&["--echo", "uniform:5..1MiB"], &["65536"]);
    refused(&["--work", "bimodal:5@50%,99M"], &["10000000"]);
    refused(&["--work", "5", "--wait", "exp:5"], &["10s"]);
    refused(&["--work", "5", "--wait", "exp:90s"], &["60 s"]);
    refused(&["--app", "multiply", "--echo", "exp:5"], &["has no echo request"]);
}

#[test]
fn how_the_generator_waits_is_chosen_and_written_down() {
    let rate = ["--rate", "2000", "--duration", "100ms"];
    let paced = |more: &[&str]| document(&[&rate, more].concat());
    let sleeps = paced(&[]);
    assert_eq!(sleeps["client"]["pacing"]["kind"], "sleep");
    assert!(sleeps["client"].get("spin_share").is_none());
    let spins = paced(&["--pacing", "spin"]);
    assert_eq!(spins["client"]["pacing"]["kind"], "spin");
    let share = |document: &Value, name: &str| document["client"][name].as_f64().expect("a share");
    let (busy, spun) = (share(&spins, "busiest_thread_share"), share(&spins, "spin_share"));
    assert!(spun > 0.0 && busy > 0.0);
    // Its CPU time is either spinning or work, and only work counts in the CPU time per request.
    let figure = |of: &Value| of.as_f64().expect("a figure");
    let requests =
        figure(&spins["throughput_per_s"]) * figure(&spins["phases"]["measure_ns"]) / 1e9;
    let cpu_ns = figure(&spins["client"]["cpu_ns"]);
    let work_ns = figure(&spins["client"]["cpu_per_request_ns"]) * requests;
    let wall_ns = (cpu_ns - work_ns) / spun;
    assert!(
        (work_ns / wall_ns / busy - 1.0).abs() < 1e-3,
        "{busy} busy, {spun} spun of {cpu_ns} ns"
    );

    let own = c10k::machine::cpus().last().expect("one").to_string();
    let own = paced(&["--cpus", &own]);
    let kind = if c10k::machine::cpus().len() > 1 { "spin" } else { "sleep" };
    assert_eq!(own["client"]["pacing"]["kind"], kind);
    let closed = document(&["--duration", "100ms", "--cpus", "0"]);
    assert_eq!(closed["client"]["pacing"]["kind"], "sleep");
    refused(&["--pacing", "spin"], &["--rate"]);
    refused(&["--pacing", "fast"], &["auto", "spin", "sleep"]);
}

#[test]
fn a_schedule_that_makes_no_sense_is_a_usage_error() {
    refused(&["--rate", "1000..fast"], &["20k", "1000..50k"]);
    refused(&["--rate", "0..5"], &["1000..50k"]);
    refused(&["--rate", "5", "--step", "1s"], &["--rate 1000,2000,5000 --step 5s"]);
    refused(&["--rate", "1..5", "--step", "1s"], &["--rate 1000,2000,5000 --step 5s"]);
    refused(&["--rate", "1,5", "--step", "1s", "--duration", "2s"], &["--step", "--duration"]);
    refused(&["--rate", "1,5", "--step", "0s"], &["must be above 0"]);
    refused(&["--step", "1s"], &["--rate"]);
    refused(&["--replay", "/nowhere/times"], &["/nowhere/times", "No such file"]);
    refused(&["--replay", "x", "--rate", "5"], &["--replay", "--rate"]);
    refused(&["--replay", "x", "--poisson"], &["--replay", "--poisson"]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("times");
    let path = file.to_str().expect("text");
    for (content, parts) in [
        ("5\n3\n", &["line 2", "gap_ns"][..]),
        ("", &["one number per line"]),
        ("1d\n", &["line 1", "'1d'"]),
        ("1700000000s\n", &["subtract the first one"]),
    ] {
        std::fs::write(&file, content).expect("written");
        refused(&["--replay", path], parts);
    }
}
