//! `c10k compare`, on copies of the committed run with changed figures.

use std::path::{Path, PathBuf};

use crate::support::c10k;
use serde_json::{Value, json};

/// Five trials of one cell, with a usual spread.
const NOISE: [f64; 5] = [1.0, 1.03, 0.98, 1.01, 0.97];

fn committed_run() -> PathBuf {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    results.join("20261121-two-core-vm/quick-20261121T232743Z")
}

/// A run of two cells in which the p99 service time of the second is multiplied by `factor`.
fn run(folder: &Path, name: &str, factor: f64, mend: impl Fn(&mut Value)) -> PathBuf {
    let source = committed_run();
    let text = std::fs::read_to_string(source.join("summary.json")).expect("read");
    let mut summary: Value = serde_json::from_str(&text).expect("JSON");
    summary["run"]["id"] = json!(name);
    let cells = summary["cells"].as_array_mut().expect("cells");
    cells.retain(|cell| {
        cell["workload"] == "cpu"
            && cell["twin"] != true
            && ["epoll", "mio"].iter().any(|model| cell["model"] == *model)
    });
    assert_eq!(cells.len(), 2, "the committed run has both models under cpu");
    for (at, cell) in cells.iter_mut().enumerate() {
        cell["validity"] = json!("valid");
        let first = cell["trials"][0].as_str().expect("a file").to_string();
        let file = |block: usize| first.replace(".0.json", &format!(".{block}.json"));
        cell["trials"] = json!((0..5).map(file).collect::<Vec<_>>());
        let five = |value: f64| {
            let values = NOISE.map(|noise| noise * value);
            json!({"median": value, "min": 0.97 * value, "max": 1.03 * value, "values": values})
        };
        cell["throughput_per_s"] = five(7_000.0);
        cell["server_cpu_per_request_ns"] = five(140_000.0);
        cell["pss_bytes"] = five(2_400_000.0);
        for quantile in cell["latency"].as_array_mut().expect("quantiles") {
            let p99 = quantile["q"] == json!(0.99);
            let factor = if p99 && at == 1 { factor } else { 1.0 };
            quantile["value_ns"] = five(8_000_000.0 * factor);
        }
    }
    mend(&mut summary);
    let dir = folder.join(name);
    for cell in summary["cells"].as_array().expect("cells") {
        let trial = cell["trials"][0].as_str().expect("a file");
        let to = dir.join(trial);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        let document: Value = c10k::store::read_json(&source.join(trial)).expect("a trial");
        c10k::store::write_json(&to, &document).expect("copied");
    }
    std::fs::write(dir.join("summary.json"), summary.to_string()).expect("written");
    dir
}

fn compare(base: &Path, new: &Path, more: &[&str]) -> (Option<i32>, String) {
    let output = c10k().arg("compare").args([base, new]).args(more).output().expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn what_is_worse_is_named_and_fails_a_gate() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = run(folder.path(), "base", 1.0, |_| {});
    let new = run(folder.path(), "new", 2.0, |_| {});
    let file = folder.path().join("comparison.json");
    let (code, text) = compare(&base, &new, &["--json", file.to_str().expect("text")]);
    assert_eq!(code, Some(0), "{text}");
    let worse: Vec<_> = text.lines().filter(|line| line.trim_end().ends_with("worse")).collect();
    assert_eq!(worse.len(), 1, "{text}");
    assert!(worse[0].contains("mio") && worse[0].contains("p99") && worse[0].contains("2.000"));

    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/schema/comparison.v2.json");
    let read = |path: &Path| -> Value {
        serde_json::from_str(&std::fs::read_to_string(path).expect("read")).expect("JSON")
    };
    let validator = jsonschema::validator_for(&read(&schema)).expect("a schema");
    assert!(validator.is_valid(&read(&file)));

    assert_eq!(compare(&base, &new, &["--gate"]).0, Some(3));
    let better = ["--gate", "--figures", "p99", "--models", "mio"];
    assert_eq!(compare(&new, &base, &better).0, Some(0), "the other way it is better");
    assert!(compare(&new, &base, &[]).1.contains("0 worse, 1 better"));
    let near = run(folder.path(), "near", 1.5, |_| {});
    assert_eq!(compare(&base, &near, &["--gate", "--margin", "100%"]).0, Some(0), "within it");
}

#[test]
fn rows_in_which_nothing_can_be_told_are_shown_only_to_who_asks_for_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = run(folder.path(), "base", 1.0, |_| {});
    let new = run(folder.path(), "new", 2.0, |_| {});
    let rows = |more: &[&str]| {
        let (code, text) = compare(&base, &new, more);
        assert_eq!(code, Some(0), "{text}");
        let verdict = |line: &&str| {
            let end = line.trim_end_matches(['|', ' ']);
            [" same", " worse", " undecided"].iter().any(|word| end.ends_with(word))
        };
        text.lines().filter(verdict).count()
    };
    assert_eq!((rows(&[]), rows(&["--all"])), (1, 10));
    assert_eq!((rows(&["--to", "md"]), rows(&["--to", "md", "--all"])), (1, 10));
}

#[test]
fn a_run_compared_with_itself_shows_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = run(folder.path(), "base", 1.0, |_| {});
    // For times and costs of two runs, the null baseline limits what can be decided.
    let (code, text) = compare(&run, &run, &["--gate"]);
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("8 of 10 figures may be worse by more than 5 %"), "{text}");
    assert_eq!(compare(&run, &run, &["--gate", "--margin", "50%"]).0, Some(0), "no more than that");
    let said = "of 10 figures 0 worse, 0 better, 2 the same within 5 %, 8 undecided";
    assert!(text.contains(said) && text.contains("weaker evidence"), "{text}");
}

#[test]
fn a_second_measurement_of_a_model_is_no_part_of_a_comparison() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = run(folder.path(), "base", 1.0, |_| {});
    // First in the list, and with figures far from the model's.
    let new = run(folder.path(), "new", 1.0, |summary| {
        let cells = summary["cells"].as_array_mut().expect("cells");
        let mut twin = cells[0].clone();
        twin["twin"] = json!(true);
        twin["throughput_per_s"] =
            json!({"median": 1.0, "min": 1.0, "max": 1.0, "values": vec![1.0; 5]});
        cells.insert(0, twin);
    });
    let (code, text) = compare(&base, &new, &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("of 10 figures 0 worse, 0 better, 2 the same"), "{text}");
}

#[test]
fn a_server_that_answers_nothing_fails_a_gate_beside_one_that_is_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = run(folder.path(), "base", 1.0, |_| {});
    let new = run(folder.path(), "new", 1.0, |summary| {
        let dead = &mut summary["cells"][1];
        let none = json!({"median": 0.0, "min": 0.0, "max": 0.0, "values": vec![0.0; 5]});
        dead["throughput_per_s"] = none;
        dead["server_cpu_per_request_ns"] = Value::Null;
        dead["validity"] = json!("invalid");
        for quantile in dead["latency"].as_array_mut().expect("quantiles") {
            quantile["value_ns"] = Value::Null;
        }
    });
    let (code, text) = compare(&base, &new, &["--gate"]);
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("5 worse") && text.contains("no correct reply (mio under cpu)"),
        "{text}"
    );
    // The other way round, the base has no figure to compare with.
    assert_eq!(compare(&new, &base, &["--gate"]).0, Some(4));
}

#[test]
fn an_invalid_cell_is_not_judged_and_passes_no_gate() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = run(folder.path(), "base", 1.0, |_| {});
    let invalid = |summary: &mut Value| summary["cells"][1]["validity"] = json!("invalid");
    let new = run(folder.path(), "new", 2.0, invalid);
    for (base, new) in [(&base, &new), (&new, &base)] {
        let (code, text) = compare(base, new, &["--gate"]);
        assert_eq!(code, Some(4), "{text}");
        assert!(text.contains("the cell is invalid"), "{text}");
        let other = ["--gate", "--models", "epoll", "--margin", "50%"];
        assert_eq!(compare(base, new, &other).0, Some(0));
    }
}

#[test]
fn what_only_one_run_has_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = run(folder.path(), "base", 1.0, |_| {});
    let new = run(folder.path(), "new", 1.0, |summary| {
        summary["cells"].as_array_mut().expect("cells").pop();
    });
    for (base, new, figures, code) in [(&base, &new, 10, 3), (&new, &base, 5, 0)] {
        let (found, text) = compare(base, new, &["--gate", "--margin", "50%"]);
        assert!(text.contains("under cpu: only in base"), "{text}");
        assert!(text.contains(&format!("of {figures} figures")), "{text}");
        assert_eq!(found, Some(code), "what is gone is worse, and what is new is not: {text}");
    }
}

#[test]
fn three_trials_support_no_verdict() {
    let (code, text) = compare(&committed_run(), &committed_run(), &["--gate"]);
    assert_eq!(code, Some(4), "no figure was judged, so the gate failed: {text}");
    assert!(
        text.contains("0 worse, 0 better") && text.contains("3 trials, but 5 are needed"),
        "{text}"
    );
}

#[test]
fn unlike_runs_are_refused_by_name_until_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = run(folder.path(), "base", 1.0, |_| {});
    let new = run(folder.path(), "new", 1.0, |summary| {
        summary["host"]["kernel"] = json!("Linux 1.0");
    });
    let (code, text) = compare(&base, &new, &[]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("kernel") && text.contains("--anyway"), "{text}");
    let (code, text) = compare(&base, &new, &["--anyway"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("not alike: kernel"), "{text}");

    let other = new.join("trials");
    let trial = walk(&other).into_iter().next().expect("a trial");
    let text = std::fs::read_to_string(&trial).expect("read");
    let mut document: Value = serde_json::from_str(&text).expect("JSON");
    document["load"]["connections"] = json!(7);
    std::fs::write(&trial, document.to_string()).expect("written");
    let (code, text) = compare(&base, &new, &[]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("workload cpu: connections"), "{text}");
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("listed").flatten().map(|entry| entry.path());
    let mut files: Vec<_> =
        entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

#[test]
fn what_is_no_run_is_refused_with_what_to_give() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, text) = compare(folder.path(), folder.path(), &[]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("is not the folder of a run"), "{text}");
    let (code, text) = compare(folder.path(), folder.path(), &["--margin", "7"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("as in 5%"), "{text}");
}
