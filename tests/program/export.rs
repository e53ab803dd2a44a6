//! `c10k export`: the committed run in the formats of other tools.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::c10k;
use serde_json::Value;

fn committed_run() -> PathBuf {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    results.join("20261121-two-core-vm/quick-20261121T232743Z")
}

fn summary() -> Value {
    let text = std::fs::read_to_string(committed_run().join("summary.json")).expect("read");
    serde_json::from_str(&text).expect("JSON")
}

/// Exports something and returns the exit code, standard output and standard error.
fn export(what: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let output = c10k().arg("export").arg(what).args(more).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn exported(format: &str) -> String {
    let (code, stdout, stderr) = export(&committed_run(), &["--to", format]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{format}");
    stdout
}

/// An exported folder, and the names of its files.
fn folder(format: &str) -> (tempfile::TempDir, Vec<String>) {
    let parent = tempfile::tempdir().expect("a folder");
    let dir = parent.path().join("new");
    let (code, _, stderr) =
        export(&committed_run(), &["--to", format, "-o", dir.to_str().expect("text")]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{format}");
    let names = std::fs::read_dir(&dir).expect("made").flatten();
    let mut names: Vec<_> =
        names.map(|entry| entry.file_name().into_string().expect("text")).collect();
    names.sort();
    (parent, names)
}

#[test]
fn every_table_has_a_row_for_each_cell_in_every_format() {
    let summary = summary();
    let cells = summary["cells"].as_array().expect("cells").len();
    let [md, latex] = ["md", "latex"].map(exported);
    let models: Vec<&str> = summary["cells"]
        .as_array()
        .expect("cells")
        .iter()
        .filter_map(|c| c["model"].as_str())
        .collect();
    let starts = |text: &str, before: &str, invalid: &str| {
        let is_row = |line: &&str| {
            let Some(entry) = line.strip_prefix(before) else { return false };
            let entry = entry.strip_prefix(invalid).unwrap_or(entry);
            models.iter().any(|model| entry.starts_with(model))
        };
        text.lines().filter(is_row).count()
    };
    assert_eq!(starts(&md, "| ", "*"), cells);
    assert_eq!(starts(&latex, "", "\\textit{"), cells);
    // Every row of a Markdown table has as many entries as its header.
    let mut columns = 0;
    for line in md.lines() {
        let bars = line.replace("\\|", "").matches('|').count();
        assert!(bars == 0 || columns == 0 || bars == columns, "{line}");
        columns = if line.is_empty() { 0 } else { bars };
    }
    let balanced = |open: &str, close: &str| {
        assert_eq!(latex.matches(open).count(), latex.matches(close).count(), "{open}");
    };
    balanced("\\begin{table*}", "\\end{table*}");
    balanced("\\begin{tabular}", "\\end{tabular}");
    for text in [&md, &latex] {
        let host = summary["host"]["cpu_model"].as_str().expect("text");
        assert!(text.contains(host) && text.contains("c10k run"));
    }
}

#[test]
fn what_is_flagged_has_a_note_with_the_reason() {
    let md = exported("md");
    let summary = summary();
    let mut messages = 0;
    for line in md.lines().filter(|line| line.starts_with("[^")) {
        let (mark, _) = line.split_once(": ").expect("a note");
        let used = md.lines().filter(|line| line.starts_with("| ") && line.contains(mark)).count();
        assert!(used > 0, "{mark} is of no row");
        messages += 1;
    }
    let mut checks: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for cell in summary["cells"].as_array().expect("cells") {
        let checks = checks.entry(cell["workload"].as_str().expect("text")).or_default();
        let flags = cell["flags"].as_array().expect("flags").iter();
        checks.extend(flags.filter_map(|flag| flag["name"].as_str()));
        checks.sort_unstable();
        checks.dedup();
    }
    // One note for each check, and in each table one about tails that a single trial dominates.
    let all = checks.values().map(Vec::len).sum::<usize>();
    let tails = md.lines().filter(|line| line.starts_with("[^") && line.contains("one trial"));
    assert_eq!(messages, all + tails.count());
}

#[test]
fn tidy_csv_is_read_back_as_the_trials_say() {
    let text = exported("csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let lines: Vec<BTreeMap<String, String>> = reader
        .records()
        .map(|line| {
            let line = line.expect("a line");
            header.iter().zip(line.iter()).map(|(k, v)| (k.into(), v.into())).collect()
        })
        .collect();
    let summary = summary();
    for cell in summary["cells"].as_array().expect("cells") {
        let here = |line: &&BTreeMap<String, String>| {
            line["workload"] == cell["workload"].as_str().expect("text")
                && line["model"] == cell["model"].as_str().expect("text")
                && line["twin"] == (cell["twin"] == true).to_string()
        };
        let of = |metric: &str, quantile: &str| -> Vec<f64> {
            let some = lines.iter().filter(here);
            let some = some.filter(|l| l["metric"] == metric && l["quantile"] == quantile);
            some.map(|line| line["value"].parse().expect("a number")).collect()
        };
        let values = |estimate: &Value| -> Vec<f64> {
            let values = estimate["values"].as_array().expect("values").iter();
            values.map(|value| value.as_f64().expect("a number")).collect()
        };
        assert_eq!(of("throughput_per_s", ""), values(&cell["throughput_per_s"]));
        assert_eq!(of("pss_bytes", ""), values(&cell["pss_bytes"]));
        let open = cell["arrivals"]["kind"] != "closed";
        let metric = if open { "response_ns" } else { "service_ns" };
        assert_eq!(of(metric, "0.5"), values(&cell["latency"][0]["value_ns"]));
        // The summary has a quantile only if every trial admits it.
        let refused = lines.iter().filter(here).any(|line| {
            line["metric"] == metric && line["quantile"] == "0.999" && line["admitted"] == "false"
        });
        let quantiles = cell["latency"].as_array().expect("quantiles");
        let known = quantiles.iter().find(|quantile| quantile["q"] == 0.999).expect("it is listed");
        assert_eq!(refused, known["value_ns"].is_null(), "{}", cell["model"]);
    }
}

#[test]
fn benchmark_services_get_their_own_json() {
    let (parent, names) = folder("github-action-benchmark");
    assert_eq!(names, ["bigger-is-better.json", "smaller-is-better.json"]);
    for name in names {
        let text = std::fs::read_to_string(parent.path().join("new").join(&name)).expect("read");
        let points: Vec<Value> = serde_json::from_str(&text).expect("an array");
        assert!(!points.is_empty());
        for point in &points {
            let keys: Vec<_> = point.as_object().expect("an object").keys().collect();
            assert_eq!(keys, ["extra", "name", "range", "unit", "value"], "{name}");
            assert!(point["value"].is_number() && point["range"].is_string());
        }
        let mut names: Vec<_> = points.iter().map(|p| p["name"].as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), points.len(), "every benchmark has a name of its own");
    }
    let all: Value = serde_json::from_str(&exported("bencher")).expect("JSON");
    for (benchmark, measures) in all.as_object().expect("benchmarks") {
        for (measure, metric) in measures.as_object().expect("measures") {
            let of = |key: &str| metric[key].as_f64().expect("a number");
            let ordered = of("lower_value") <= of("value") && of("value") <= of("upper_value");
            assert!(ordered, "{benchmark} {measure}");
            assert_eq!(metric.as_object().expect("a metric").len(), 3);
        }
    }
}

#[test]
fn a_trial_has_its_formats_and_says_which() {
    let trial = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/tests/export/load.json");
    let committed =
        |ending: &str| std::fs::read_to_string(trial.with_extension(ending)).expect("committed");
    for format in ["hlog", "hgrm"] {
        let (code, stdout, _) = export(&trial, &["--to", format]);
        assert_eq!((code, stdout), (Some(0), committed(format)), "{format}");
    }
    let (code, _, stderr) = export(&trial, &["--to", "latex"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("the folder of a run"), "{stderr}");
}

#[test]
fn what_cannot_be_is_refused_with_what_to_do() {
    let run = committed_run();
    let empty = tempfile::tempdir().expect("a folder");
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/schema/trial.v1.json");
    let cases: [(&Path, &[&str], &str); 6] = [
        (&run, &["--to", "github-action-benchmark"], "-o DIR"),
        (&run, &["--to", "hlog"], "-o DIR"),
        (&run, &["--to", "asciidoc"], "latex"),
        (&run, &["--hlog", "-"], "--to hlog -o DIR"),
        (&run, &[], "--to md"),
        (empty.path(), &["--to", "md"], "summary.json"),
    ];
    for (what, more, part) in cases {
        let (code, _, stderr) = export(what, more);
        assert_eq!(code, Some(2), "{more:?}: {stderr}");
        assert!(stderr.contains(part), "{more:?}: {stderr}");
    }
    assert_eq!(export(&other, &["--to", "md"]).0, Some(2));
}

#[test]
fn a_comparison_is_written_by_the_same_writers() {
    let run = committed_run();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("comparison.json");
    let compare = |more: &[&str]| {
        let output = c10k().arg("compare").args([&run, &run]).args(more).output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    compare(&["--json", file.to_str().expect("text")]);
    for format in ["md", "latex", "csv"] {
        let text = compare(&["--to", format, "--all"]);
        assert_eq!(text, export(&file, &["--to", format]).1, "{format}");
        assert!(text.contains("epoll"), "{format}");
    }
    let told = compare(&["--to", "md"]);
    assert!(told.contains("no difference can be distinguished"), "{told}");
    let output = c10k().arg("compare").args([&run, &run]).args(["--to", "bencher"]).output();
    assert_eq!(output.expect("it runs").status.code(), Some(2));
}
