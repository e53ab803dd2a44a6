//! `c10k advise`: bad loads are refused, runs of this machine give the answer, those of another do not, and a missing
//! measurement is made and kept.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::c10k;
use serde_json::{Value, json};

/// A run that distinguishes epoll from fork when requests wait for 5 ms.
const RUN: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/results/20261129-two-core-vm/quick-20261129T140349Z");

fn advise(folder: &Path, words: &str) -> (Output, String, String) {
    let output = c10k().arg("advise").args(words.split(' ')).current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\n', " ");
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    (output, said, told)
}

/// The committed run as if this host had made it.
fn copy(to: &Path, change: impl FnOnce(&mut Value)) {
    fs::create_dir_all(to).unwrap();
    for file in ["plan.toml", "trials.jsonl.gz"] {
        fs::copy(Path::new(RUN).join(file), to.join(file)).unwrap();
    }
    let text = fs::read_to_string(Path::new(RUN).join("summary.json")).unwrap();
    let mut summary: Value = serde_json::from_str(&text).unwrap();
    change(&mut summary["host"]);
    fs::write(to.join("summary.json"), summary.to_string()).unwrap();
}

/// The only folder in a folder.
fn only(folder: &Path) -> PathBuf {
    let all: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

#[test]
fn a_load_that_cannot_be_is_refused_with_what_to_change() {
    let folder = tempfile::tempdir().unwrap();
    for (words, says) in [
        ("--clients 10 --active 150%", "100% or less"),
        ("--clients 10 --active 20", "lower --active"),
        ("--clients 0", "raise --clients"),
        ("--clients 10 --active 1%", "--active 1"),
        ("--clients 9 --wait 5ms --p99 2ms", "raise --p99"),
        ("--clients 100M --dry-run", "ulimit"),
        ("--clients 9 --from nowhere", "nowhere contains no run"),
    ] {
        let (output, _, told) = advise(folder.path(), words);
        assert_eq!(output.status.code(), Some(2), "{words}: {told}");
        assert!(told.contains(says), "{words}: {told}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was measured");
}

#[test]
fn the_plan_is_shown_and_nothing_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let words = "--clients 40 --active 25% --wait 5ms --cpu 100us --models epoll,poll --dry-run";
    let (output, said, told) = advise(folder.path(), words);
    assert_eq!(output.status.code(), Some(0), "{told}");
    for part in ["connections = 10 ", "idle-connections = 30", "wait = \"5ms\"", "\"poll\""] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_is_missing_is_measured_and_what_this_machine_has_measured_answers() {
    let folder = tempfile::tempdir().unwrap();
    // So short a time allows one round, which decides nothing.
    let words = "--clients 4 --active 2 --models epoll,poll --time 1ms";
    let (output, said, told) = advise(folder.path(), words);
    assert_eq!(output.status.code(), Some(4), "{said}{told}");
    assert!(said.contains("--measure --time 5m"), "it says what it would take: {said}");
    let made = only(&folder.path().join("results"));
    assert!(made.join("plan.toml").is_file() && made.join("report.html").is_file());
    let summary = fs::read_to_string(made.join("summary.json")).unwrap();
    let host = serde_json::from_str::<Value>(&summary).unwrap()["host"].clone();

    // That run decides nothing, so it cannot answer the same load.
    let words = format!("{words} --from {}", made.display());
    let (output, _, told) = advise(folder.path(), &words);
    assert_eq!(output.status.code(), Some(2), "{told}");

    let kept = folder.path().join("results/kept");
    copy(&kept, |own| {
        for field in ["kernel", "cpu_model", "cpus", "congestion_control"] {
            own[field] = host[field].clone();
        }
    });
    let load = "--clients 50 --wait 5ms";
    let (output, said, told) = advise(folder.path(), load);
    assert_eq!(output.status.code(), Some(0), "{said}{told}");
    for part in ["epoll has the best server CPU per request", "fork takes 2.99 [2.63, 3.47] times"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(said.contains("From results/kept/summary.json"), "{said}");
    let wide =
        String::from_utf8_lossy(&output.stdout).lines().any(|line| line.chars().count() > 100);
    assert!(!wide, "{said}");
    assert_eq!(fs::read_dir(folder.path().join("results")).unwrap().count(), 2, "none is new");

    copy(&kept, |own| own["cpu_model"] = json!("a processor of another"));
    let (output, said, told) = advise(folder.path(), &format!("{load} --from results/kept"));
    assert_eq!(output.status.code(), Some(2), "{said}{told}");
    assert!(told.contains("another machine") && told.contains("a processor of another"), "{told}");
}
