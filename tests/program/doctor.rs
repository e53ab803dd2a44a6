//! `c10k doctor` as its users run it.

use std::path::Path;
use std::process::Output;

use crate::support::c10k;
use serde_json::Value;

fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = c10k().args(arguments).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().expect("it was not killed"), text(stdout), text(stderr))
}

/// A report. It may say anything about this machine, but it is one valid document, and its verdict matches the
/// exit code.
fn report(arguments: &[&str]) -> Value {
    let (exit, stdout, stderr) = run(arguments);
    let report: Value = serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e}: {stderr}"));
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/schema/doctor.v1.json");
    let schema = std::fs::read_to_string(schema).expect("committed");
    let schema = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let errors: Vec<_> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(report["schema"]["name"], "c10k.doctor");
    assert_eq!(exit == 4, report["verdict"] == "invalid", "{exit}: {stdout}");
    assert!(matches!(exit, 0 | 4));
    report
}

fn names(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().expect("findings").iter();
    findings.map(|finding| finding["name"].as_str().expect("a name")).collect()
}

#[test]
fn this_machine_is_examined_and_the_exit_code_says_what_it_comes_to() {
    let report = report(&["doctor", "--json", "-"]);
    let names = names(&report);
    // Findings that every machine has on which tests run.
    for name in ["processors", "cpu-quota", "descriptors", "memory", "sleep", "wake-up"] {
        assert!(names.contains(&name), "no {name} in {names:?}");
    }
    assert!(report.get("noise").is_none());
}

#[test]
fn noise_is_estimated_from_one_model_against_itself() {
    let arguments = ["doctor", "--aa", "mio", "--pairs", "3", "--trial", "400ms", "--json", "-"];
    let report = report(&arguments);
    assert!(names(&report).contains(&"noise"));
    let noise = &report["noise"];
    assert_eq!(noise["model"], "mio");
    for ratio in [&noise["throughput"], &noise["cpu_per_request"]] {
        let pairs = ratio["pairs"].as_array().expect("pairs");
        assert_eq!(pairs.len(), 3);
        assert!(pairs.iter().all(|pair| pair.as_f64() > Some(0.0)), "{ratio}");
    }
}

#[test]
fn what_cannot_be_is_a_usage_error() {
    for (arguments, part) in [
        (&["doctor", "--aa", "epol"][..], "epoll"),
        (&["doctor", "--pairs", "3"], "--aa"),
        (&["doctor", "--aa", "epoll", "--trial", "1ms"], "10ms"),
        (&["doctor", "--aa", "epoll", "--pairs", "0"], "--pairs"),
    ] {
        let (exit, _, stderr) = run(arguments);
        assert_eq!(exit, 2, "{arguments:?}: {stderr}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
}
