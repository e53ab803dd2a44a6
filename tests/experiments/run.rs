//! The main job, end to end: a small run, and everything that it writes.

use std::path::{Path, PathBuf};

use crate::support::c10k;
use c10k::document::Summary;
use c10k::store::packed::{PACKED, unpack};
use jsonschema::Validator;
use serde_json::Value;

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn schema_file(document: &str) -> PathBuf {
    let folder = Path::new(REPOSITORY).join("results/schema");
    let own = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(&format!("{document}.v"))
    };
    files(&folder, ".json").into_iter().find(own).expect("a schema of each document")
}

fn validator(document: &str) -> Validator {
    jsonschema::validator_for(&json(&schema_file(document))).expect("the schema is one")
}

fn validate(validator: &Validator, path: &Path) {
    let document = json(path);
    let errors: Vec<_> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{}: {errors:?}", path.display());
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_str().is_some_and(|path| path.ends_with(ending)) {
            found.push(path);
        }
    }
    found
}

/// Measures long enough for every client to get a reply on a busy machine.
const SMALL: &str = concat!(
    r#"
name = "small"
question = "What does a small run write?"
models = ["sequential", "mio", "thread-pool"]
trials = 2
twin = "mio"
connections = 4
warmup = "100ms"
measure = "600ms"
drain = "150ms"

"#,
    include_str!("../support/workloads.toml"),
    r#"
[[workload]]
name = "echo-open"
request = { kind = "echo", bytes = 64 }
arrivals = { kind = "poisson", share = 0.3, of = "echo" }
"#,
);

/// Two models, one workload in a closed loop and one that takes its rate from it.
fn small_run(out: &Path) -> (Option<i32>, String, PathBuf) {
    let plan = out.join("small.toml");
    std::fs::write(&plan, SMALL).expect("written");
    let results = out.join("results");
    let output = c10k()
        .args(["run", plan.to_str().expect("text"), "--out", results.to_str().expect("text")])
        .args(["--models", "mio,thread-pool", "--workloads", "echo-open"])
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let run = std::fs::read_dir(&results).unwrap_or_else(|e| panic!("{e}: {stderr}")).next();
    let run = run.expect("a run").expect("a folder").path();
    (output.status.code(), String::from_utf8(output.stdout).expect("text"), run)
}

#[test]
fn a_run_writes_whole_valid_documents_and_compares_every_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let (exit, table, run) = small_run(folder.path());
    // On a busy machine the figures may be no good, but they must be written.
    assert!(matches!(exit, Some(0 | 4)), "{exit:?}\n{table}");

    let (trial, summary) = (validator("trial"), validator("summary"));
    let trials = files(&run.join("trials"), ".json");
    // Two models, a twin and the null baseline, two workloads, two blocks.
    assert_eq!(trials.len(), 4 * 2 * 2);
    trials.iter().for_each(|path| validate(&trial, path));
    validate(&summary, &run.join("summary.json"));
    validate(&validator("figures"), &run.join("figures.json"));

    let document = json(&run.join("summary.json"));
    let cells = document["cells"].as_array().expect("cells");
    assert_eq!(cells.len(), 6);
    assert_eq!(cells.iter().filter(|cell| cell["twin"] == true).count(), 2);
    for cell in cells {
        let model = cell["model"].as_str().expect("a model");
        assert!(table.contains(model), "{model} is not in the table:\n{table}");
        assert!(cell["replies_checked"].as_u64() > Some(0), "{cell}");
        assert_eq!(cell["replies_wrong"], 0);
        // If the machine is too busy to read the clocks at both edges in time, there is no figure.
        let cpu = &cell["server_cpu_per_request_ns"];
        assert!(cpu.is_null() || cpu["median"].as_f64() > Some(0.0), "{cell}");
        assert!(cell["pss_bytes"]["median"].as_f64() > Some(0.0));
    }
    for standings in document["verdicts"].as_array().into_iter().flatten() {
        let sentence = standings["sentence"].as_str().expect("a sentence");
        assert!(table.contains(sentence), "not in the table: {sentence}\n{table}");
    }
    the_reference_is_beside_the_models(&run, &document, &table);
    one_equal_rate(&trials);
    the_census_adds_up(&trials);
    page_needs_nothing_else(&run, cells);
}

/// The null baseline is measured in each block, and is in no cell.
fn the_reference_is_beside_the_models(run: &Path, summary: &Value, table: &str) {
    let reference = &summary["reference"];
    assert_eq!(reference["connections"], 50, "whatever the plan has");
    for trial in reference["trials"].as_array().expect("trials") {
        let document = json(&run.join(trial["file"].as_str().expect("a file")));
        assert_eq!(document["target"]["model"], "null");
        assert_eq!(document["target"]["ready"]["law"], "none");
        assert_eq!(document["load"]["request"]["bytes"], 8);
        assert_eq!(document["throughput_per_s"], trial["throughput_per_s"]);
        assert!(document["census"]["ok"].as_u64() > Some(0), "{}", document["census"]);
        assert!(document["census"]["errors"]["wrong_reply"].is_null());
    }
    assert!(!summary["cells"].to_string().contains("\"null\""), "it is no model");
    let sentence = reference["sentence"].as_str().expect("a sentence");
    assert!(table.contains(sentence) && sentence.contains("only echoes"), "{sentence}");
    let page = std::fs::read_to_string(run.join("report.html")).expect("written");
    assert!(page.contains("id=\"null-baseline\"") && page.contains("trials/reference.1.json"));
}

/// Every open trial has the same rate: the share of the slowest model's rate that the plan asks for.
fn one_equal_rate(trials: &[PathBuf]) {
    let documents: Vec<Value> = trials.iter().map(|path| json(path)).collect();
    let rates: Vec<f64> = documents
        .iter()
        .filter_map(|trial| trial["load"]["arrivals"]["rate_per_s"].as_f64())
        .collect();
    assert_eq!(rates.len(), 6);
    assert!(rates.iter().all(|rate| (rate - rates[0]).abs() < 1e-9), "{rates:?}");
    let slowest = ["mio", "thread-pool"].map(|model| {
        let closed = documents.iter().filter(|trial| {
            trial["target"]["model"] == model
                && trial["load"]["arrivals"]["kind"] == "closed"
                && trial["run"]["twin"].is_null()
        });
        let rates: Vec<f64> =
            closed.map(|trial| trial["throughput_per_s"].as_f64().expect("a number")).collect();
        rates.iter().sum::<f64>() / rates.len() as f64
    });
    let expected = slowest[0].min(slowest[1]) * 0.3;
    assert!((rates[0] / expected - 1.0).abs() < 1e-6, "{} of {expected}", rates[0]);
}

fn the_census_adds_up(trials: &[PathBuf]) {
    for path in trials {
        let trial = json(path);
        let census = &trial["census"];
        let of = |name: &str| census[name].as_u64().expect("a number");
        let errors: u64 =
            census["errors"].as_object().expect("errors").values().filter_map(Value::as_u64).sum();
        let ended = of("ok") + errors + of("timeouts") + of("unfinished") + of("never_sent");
        assert_eq!(of("offered"), ended, "{}", path.display());
        assert_eq!(census["reconciles"], true);
    }
}

fn page_needs_nothing_else(run: &Path, cells: &[Value]) {
    let page = std::fs::read_to_string(run.join("report.html")).expect("written");
    crate::support::page::assert_needs_nothing_else(&page);
    for cell in cells {
        assert!(page.contains(cell["model"].as_str().expect("a model")));
    }
}

#[test]
fn a_schema_is_printed_as_it_is_committed() {
    let some = ["trial", "summary", "figures", "comparison", "check", "capacity", "doctor", "lab"];
    for document in some {
        let output = c10k().args(["schema", document]).output().expect("it runs");
        let committed = std::fs::read(schema_file(document)).expect("committed");
        assert!(output.stdout == committed, "{document}");
    }
}

#[test]
fn every_committed_result_is_valid() {
    let (trial, summary) = (validator("trial"), validator("summary"));
    let mut checked = 0;
    for path in files(&Path::new(REPOSITORY).join("results"), ".json") {
        match json(&path)["schema"]["name"].as_str() {
            Some("c10k.trial") => validate(&trial, &path),
            Some("c10k.summary") => validate(&summary, &path),
            _ => continue,
        }
        checked += 1;
    }
    for packed in files(&Path::new(REPOSITORY).join("results"), PACKED) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::copy(&packed, folder.path().join(PACKED)).expect("copied");
        unpack(folder.path()).expect("unpacked");
        let trials = files(folder.path(), ".json");
        trials.iter().for_each(|path| validate(&trial, path));
        checked += trials.len();
    }
    assert!(checked > 1_000, "committed results were not found: {checked}");
}

/// Every row of figures in a README is also in the tables of the run that it names.
#[test]
fn the_figures_in_the_readmes_are_those_of_the_committed_run() {
    let results = Path::new(REPOSITORY).join("results");
    let summaries = files(&results, "summary.json");
    assert!(!summaries.is_empty(), "no committed run was found");
    for path in summaries {
        let summary: Summary = c10k::store::read_json(&path).expect("a summary");
        let id = &summary.run.id;
        let tables = c10k::table::summary(&summary);
        let tables: Vec<&str> = tables.lines().map(str::trim_end).collect();
        let own = path.with_file_name("README.md");
        for readme in [Path::new(REPOSITORY).join("docs/reading.md"), own] {
            let Ok(text) = std::fs::read_to_string(&readme) else { continue };
            if !text.contains(id.as_str()) {
                continue;
            }
            let rows: Vec<&str> = text.lines().filter(|line| line.contains('\u{b1}')).collect();
            let rows = rows.iter().filter(|row| row.starts_with(' '));
            for row in rows.clone() {
                assert!(tables.contains(&row.trim_end()), "{}: {row}", readme.display());
            }
            assert!(rows.count() >= 10, "{}: where is the table?", readme.display());
        }
    }
}

#[test]
fn a_document_with_a_missing_or_unknown_field_is_not_valid() {
    let committed = files(&Path::new(REPOSITORY).join("results"), ".json");
    let path = committed.iter().find(|path| json(path)["schema"]["name"] == "c10k.trial");
    let good = json(path.expect("a committed trial"));
    let validator = validator("trial");
    assert!(validator.is_valid(&good));
    let mut missing = good.clone();
    missing["census"].as_object_mut().expect("an object").remove("ok");
    let mut unknown = good;
    unknown["surprise"] = Value::from(1);
    assert!(!validator.is_valid(&missing) && !validator.is_valid(&unknown));
}
