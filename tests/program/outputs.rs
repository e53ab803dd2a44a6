//! The outputs of a load: its parts merged, its histograms in the formats of other tools, and its
//! progress lines.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};

use crate::support::{c10k, server};
use serde_json::Value;

/// Runs the program and returns its exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = c10k().args(arguments).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().expect("it was not killed"), text(stdout), text(stderr))
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("written");
    serde_json::from_str(&text).expect("JSON")
}

fn text(path: &Path) -> String {
    path.to_str().expect("text").to_string()
}

#[test]
fn a_load_is_exported_as_it_ran_and_later_from_its_document_alike() {
    let server = server("epoll");
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| text(&folder.path().join(name));
    let address = server.address.to_string();
    let [json_file, hlog, hgrm] = ["a.json", "a.hlog", "a.hgrm"].map(file);
    let mut arguments = vec!["load", "--target", &address, "--rate", "400", "-c", "4"];
    arguments.extend(["-d", "500ms", "--warmup", "0s", "--json", &json_file]);
    arguments.extend(["--hlog", &hlog, "--hgrm", &hgrm]);
    let (exit, stdout, stderr) = run(&arguments);
    assert!(matches!(exit, 0 | 4), "{stdout}{stderr}");

    let [hlog_again, hgrm_again, csv] = ["b.hlog", "b.hgrm", "b.csv"].map(file);
    let mut arguments = vec!["export", json_file.as_str(), "--hlog", &hlog_again];
    arguments.extend(["--hgrm", &hgrm_again, "--csv", &csv]);
    assert_eq!(run(&arguments), (0, String::new(), String::new()));
    let read = |path: &str| std::fs::read_to_string(path).expect("written");
    assert_eq!(read(&hlog), read(&hlog_again));
    assert_eq!(read(&hgrm), read(&hgrm_again));

    let trial = json(Path::new(&json_file));
    let slices = trial["intervals"].as_array().expect("slices");
    assert_eq!(read(&csv).lines().count(), slices.len() + 1);
    let lines = |tag: &str| read(&hlog).lines().filter(|line| line.starts_with(tag)).count();
    assert_eq!((lines("Tag=response,"), lines("Tag=service,")), (slices.len(), 1));
    let count = trial["latency"]["response"]["count"].as_u64().expect("a number");
    assert!(read(&hgrm).contains(&format!("Total count    = {count:>12}]")), "{count}");

    let (exit, stdout, _) = run(&["export", &json_file, "--csv", "-"]);
    assert_eq!((exit, stdout), (0, read(&csv)));
}

/// The files that Python reads in `scripts/tests/test_export.py` are those that this program writes.
#[test]
fn the_files_that_other_tools_are_tried_on_are_those_of_this_version() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/tests/export");
    let trial = text(&folder.join("load.json"));
    for format in ["hlog", "hgrm"] {
        let (exit, stdout, stderr) = run(&["export", &trial, &format!("--{format}"), "-"]);
        assert_eq!(exit, 0, "{stderr}");
        let file = folder.join(format!("load.{format}"));
        assert_eq!(stdout, std::fs::read_to_string(file).expect("committed"), "{format}");
    }
}

#[test]
fn what_cannot_be_exported_is_a_usage_error() {
    let cases: [(&[&str], &str); 4] = [
        (&["export", "none.json"], "--hlog FILE"),
        (&["export", "none.json", "--csv", "-"], "none.json"),
        (&["export", "none.json", "--csv", "-", "--hgrm", "-"], "only one"),
        (&["load", "--target", "127.0.0.1:1", "--hlog", "-"], "c10k export"),
    ];
    for (arguments, part) in cases {
        let (exit, _, stderr) = run(arguments);
        assert_eq!(exit, 2, "{arguments:?}: {stderr}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
}

#[test]
fn parts_that_begin_together_are_added_up_to_one_load() {
    let server = server("epoll");
    let folder = tempfile::tempdir().expect("a folder");
    let address = server.address.to_string();
    let start = std::time::SystemTime::now() + std::time::Duration::from_secs(4);
    let start = humantime::format_rfc3339_millis(start).to_string();
    let parts: Vec<String> =
        (0..3).map(|k| text(&folder.path().join(format!("{k}.json")))).collect();
    let generators: Vec<_> = parts
        .iter()
        .enumerate()
        .map(|(k, part)| {
            let mut command = c10k();
            command.args(["load", "--target", &address, "--rate", "600", "-c", "2", "-q"]);
            command.args(["-d", "1s", "--warmup", "0s", "--start-at", &start, "--json", part]);
            command.args(["--shard", &format!("{k}/3")]).stdout(Stdio::null());
            command.spawn().expect("it runs")
        })
        .collect();
    for mut generator in generators {
        assert!(matches!(generator.wait().expect("it ends").code(), Some(0 | 4)));
    }
    let sum = text(&folder.path().join("sum.json"));
    let merge = |parts: &[&String]| {
        let mut arguments = vec!["merge"];
        arguments.extend(parts.iter().map(|part| part.as_str()));
        arguments.extend(["--json", &sum]);
        let (exit, stdout, stderr) = run(&arguments);
        assert!(matches!(exit, 0 | 4), "{stdout}{stderr}");
        std::fs::read_to_string(&sum).expect("written")
    };
    let [a, b, c] = &parts[..] else { panic!("three parts") };
    assert_eq!(merge(&[a, b, c]), merge(&[c, a, b]));
    let sum = json(Path::new(&sum));
    assert_eq!(sum["census"]["offered"], 600, "what one generator offers in a second");
    assert_eq!(sum["census"]["reconciles"], true);
    let ok = |trial: &Value| trial["census"]["ok"].as_u64().expect("a number");
    let parts: Vec<Value> = parts.iter().map(|part| json(Path::new(part))).collect();
    assert_eq!(ok(&sum), parts.iter().map(ok).sum::<u64>());
    assert_eq!(sum["load"]["shard"]["parts"], serde_json::json!([0, 1, 2]));
    assert_eq!(sum["load"]["connections"], 6);

    let first = text(&folder.path().join("0.json"));
    let (exit, _, stderr) = run(&["merge", &first, &first]);
    assert_eq!(exit, 4);
    assert!(stderr.contains("part 0 is there twice"), "{stderr}");
}

#[test]
fn a_part_or_a_start_that_cannot_be_is_a_usage_error() {
    let with = |more: &[&str]| run(&[&["load", "--target", "127.0.0.1:1"], more].concat());
    for (more, part) in [
        (["--shard", "3/3"], "0/3"),
        (["--shard", "first"], "0/3"),
        (["--start-at", "soon"], "2026-01-31T23:59:59Z"),
    ] {
        let (exit, _, stderr) = with(&more);
        assert_eq!(exit, 2, "{stderr}");
        assert!(stderr.contains(part), "{stderr}");
    }
}

#[test]
fn a_start_that_is_over_is_a_usage_error_and_one_to_come_can_be_interrupted() {
    let server = server("epoll");
    let address = server.address.to_string();
    let load = ["load", "--target", &address, "--start-at"];
    let output = c10k().args(load).arg("2001-01-01T00:00:00Z").output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("choose a later --start-at"), "{text}");

    let mut waiting = c10k();
    waiting.args(load).arg("2100-01-01T00:00:00Z").stdout(Stdio::null()).stderr(Stdio::piped());
    let mut waiting = waiting.spawn().expect("it runs");
    // It prints a line every two seconds; the first says that it waits.
    let stderr = BufReader::new(waiting.stderr.take().expect("piped"));
    let line = stderr.lines().next().expect("a line").expect("text");
    assert!(line.starts_with("connect "), "{line}");
    let pid = i32::try_from(waiting.id()).expect("a pid");
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it lives");
    assert_eq!(waiting.wait().expect("it ends").code(), Some(130));
}

#[test]
fn lines_are_shown_without_a_terminal_and_none_to_whoever_wants_quiet() {
    let server = server("epoll");
    let address = server.address.to_string();
    let mut arguments = vec!["load", "--target", &address, "-c", "3", "--json", "-"];
    arguments.extend(["-d", "4500ms", "--warmup", "0s"]);
    let (_, stdout, stderr) = run(&arguments);
    serde_json::from_str::<Value>(&stdout).expect("only JSON on standard output");
    let line = stderr.lines().find(|line| line.contains("p99")).unwrap_or_else(|| {
        panic!("no line with latencies: {stderr}");
    });
    for part in ["measure ", "/4.5s", "/s in-flight ", " p50 ", " errors 0"] {
        assert!(line.contains(part), "no '{part}' in: {line}");
    }
    arguments.push("--quiet");
    let (_, _, stderr) = run(&arguments);
    assert_eq!(stderr, "");
}
