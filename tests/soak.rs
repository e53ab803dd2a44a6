//! `c10k soak`: what it finds, what it accepts, and how it is resumed.
//!
//! The length of a piece is a number of connections, so no test depends on the speed of the machine.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::{c10k, until};

/// Connections: with a quarter for the warm-up and legs of 2,500, more than the 60,000 that a verdict needs.
const ENOUGH: &str = "85k";

fn soak(out: &Path, arguments: &[&str]) -> (Option<i32>, String, Value) {
    let mut command = c10k();
    command.arg("soak").args(arguments);
    if !arguments.contains(&"--resume") {
        command.arg("--out").arg(out);
    }
    let output = command.output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let report = document(out).unwrap_or_else(|| panic!("no document: {stderr}"));
    (output.status.code(), text + &stderr, report)
}

/// The folder of the soak below `out`, once it exists.
fn folder(out: &Path) -> Option<PathBuf> {
    let mut folders = fs::read_dir(out).ok()?.flatten().map(|entry| entry.path());
    folders.find(|path| path.join("soak.json").is_file())
}

fn document(out: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(folder(out)?.join("soak.json")).ok()?).ok()
}

fn answer<'a>(report: &'a Value, name: &str) -> &'a Value {
    let verdicts = report["verdicts"].as_array().expect("verdicts");
    verdicts.iter().find(|verdict| verdict["subject"]["name"] == name).expect("it was soaked")
}

fn drift<'a>(verdict: &'a Value, measure: &str) -> &'a Value {
    let drifts = verdict["drifts"].as_array().expect("drifts");
    drifts.iter().find(|drift| drift["measure"] == measure).expect("it was sampled")
}

#[test]
fn one_descriptor_in_ten_thousand_connections_is_found_and_the_right_model_passes() {
    let out = tempfile::tempdir().expect("a folder");
    let both = ["epoll", "--broken", "rare-leak", "--connections", ENOUGH];
    let (exit, text, report) = soak(out.path(), &both);
    assert_eq!(exit, Some(3), "{text}");
    let leaky = answer(&report, "rare-leak");
    assert_eq!(leaky["answer"], "drifts", "{text}");
    assert_eq!(leaky["failures"], 0, "no client of it notices: {text}");
    let found = drift(leaky, "descriptors");
    let each = 1.0 / found["per_connection"].as_f64().expect("a slope");
    assert!((7_000.0..14_000.0).contains(&each), "one after each {each} connections");
    assert!(found["interval"]["low"].as_f64() >= found["matters"].as_f64(), "{found}");
    assert!(text.contains("rare-leak: descriptors at rest grow: one more after each"), "{text}");
    for measure in ["threads", "processes"] {
        assert_eq!(drift(leaky, measure)["answer"], "steady", "{text}");
    }

    let right = answer(&report, "epoll");
    assert_eq!(right["answer"], "steady", "{text}");
    assert_eq!(
        (&right["failures"], drift(right, "descriptors")["per_connection"].as_f64()),
        (&Value::from(0), Some(0.0))
    );

    let pieces = report["pieces"].as_array().expect("pieces");
    for piece in pieces {
        let number = |path: &str| piece.pointer(path).and_then(Value::as_u64).expect("a number");
        assert_eq!(number("/requests/offered"), number("/requests/ok"), "each reply was right");
        assert!(number("/requests/misbehaving") > 0, "and others misbehaved meanwhile");
        // The server has accepted the connections that clients opened, except for a few at the end.
        let (opened, accepted) = (number("/connections"), number("/stopped/counters/accepted"));
        assert!(opened >= 85_000 && opened.abs_diff(accepted) < 500, "{opened}, {accepted}");
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/schema/soak.v1.json");
    let schema = serde_json::from_slice(&fs::read(file).expect("committed")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(&report).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn too_short_a_soak_is_not_judged() {
    let out = tempfile::tempdir().expect("a folder");
    let (exit, text, report) = soak(out.path(), &["sequential", "--connections", "5k"]);
    assert_eq!(exit, Some(4), "{text}");
    assert_eq!(answer(&report, "sequential")["answer"], "not-judged");
    assert!(text.contains("soak it longer"), "{text}");
}

#[test]
fn a_server_that_fails_some_requests_falls_short() {
    let out = tempfile::tempdir().expect("a folder");
    // The server treats each read as a request, and some requests are longer than a read.
    let (exit, text, report) =
        soak(out.path(), &["--broken", "recv-is-message", "--connections", "2k"]);
    assert_eq!(exit, Some(1), "{text}");
    let verdict = answer(&report, "recv-is-message");
    assert_eq!(verdict["answer"], "fell-short");
    assert!(verdict["failures"].as_u64() > Some(0) && text.contains("wrong_reply"), "{text}");
}

#[test]
fn a_server_that_dies_under_the_load_falls_short() {
    let mut said = String::new();
    // On a busy machine it may die before it is ready.
    for seconds in [1, 5, 25] {
        let out = tempfile::tempdir().expect("a folder");
        let dies = format!(
            "sh -c 'python3 tests/students/good.py {{port}} & p=$!; sleep {seconds}; kill -9 $p; exit 7'"
        );
        let mut command = c10k();
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command.args(["soak", "--command", &dies, "--app", "multiply", "--connections", "2M"]);
        let output = command.arg("--out").arg(out.path()).output().expect("it runs");
        said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        if said.contains("the server ended by itself") {
            return;
        }
    }
    panic!("{said}");
}

#[test]
fn an_interrupted_soak_goes_on_with_the_piece_that_is_missing() {
    let out = tempfile::tempdir().expect("a folder");
    let mut child = Command::new(support::C10K)
        .args(["soak", "epoll", "poll", "--connections", "10k", "--out"])
        .arg(out.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let pieces =
        || document(out.path()).map_or(0, |report| report["pieces"].as_array().map_or(0, Vec::len));
    until("the first piece is there", || pieces() == 1);
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::INT).expect("it runs");
    let exit = child.wait().expect("it ends").code();
    let first = document(out.path()).expect("it is there");
    // If the machine is slow to deliver the signal, the second piece may have been finished.
    if pieces() == 1 {
        assert_eq!((exit, &first["interrupted"]), (Some(130), &Value::from(true)));
    }
    let path = folder(out.path()).expect("it is there");
    let (exit, text, report) = soak(out.path(), &["--resume", path.to_str().expect("text")]);
    assert_eq!(exit, Some(4), "too short to be judged, but whole: {text}");
    assert_eq!(report["interrupted"], false);
    assert_eq!(pieces(), 2);
    assert_eq!(report["pieces"][0], first["pieces"][0], "the first is kept as it was");
    assert_eq!(report["pieces"][1]["subject"]["name"], "poll");
}

#[test]
fn what_makes_no_sense_is_refused_with_what_to_do() {
    let refused = |arguments: &[&str], part: &str| {
        let output = c10k().arg("soak").args(arguments).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(part), "{arguments:?}: no '{part}' in: {stderr}");
    };
    refused(&["epol"], "epoll");
    refused(&["epoll", "epoll"], "named twice");
    refused(&["--connections", "10k", "--time", "1m"], "--time");
    refused(&["--resume", "/nowhere"], "cannot resume");
    refused(&["--command", "'"], "quotation mark");
}
