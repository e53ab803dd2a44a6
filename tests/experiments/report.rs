//! The page of the committed run: it needs no other files, and its figures are those of the documents.

mod answers;
#[path = "../support/reading.rs"]
mod reading;
mod saved;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::support::{c10k, page};
use c10k::document::{Summary, Trial};
use c10k::store::packed::PACKED;
use c10k::store::read_json;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

const RUN: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/results/20261121-two-core-vm/quick-20261121T232743Z");

/// A copy of the committed run with its page made again.
struct Report {
    folder: tempfile::TempDir,
    page: String,
    data: Value,
    summary: Value,
}

impl Report {
    fn of(change: impl FnOnce(&Path)) -> Self {
        let folder = copy();
        change(folder.path());
        report(folder.path());
        let page = std::fs::read_to_string(folder.path().join("report.html")).expect("a page");
        let summary = read_json(&folder.path().join("summary.json")).expect("a summary");
        Self { data: page::data(&page), page, summary, folder }
    }

    /// The report of the unchanged run. Tests share it, because making it takes seconds.
    fn committed() -> Arc<Self> {
        static SHARED: Mutex<Weak<Report>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let report = shared.upgrade().unwrap_or_else(|| Arc::new(Self::of(|_| ())));
        *shared = Arc::downgrade(&report);
        report
    }

    fn figure(&self, id: &str) -> &Value {
        let mut figures = self.data["figures"].as_array().expect("figures").iter();
        figures.find(|figure| figure["id"] == id).unwrap_or_else(|| panic!("no figure {id}"))
    }

    /// The cells without twins, which are only in the table and the noise floor.
    fn cells(&self) -> Vec<&Value> {
        let cells = self.summary["cells"].as_array().expect("cells").iter();
        cells.filter(|cell| cell["twin"] != true).collect()
    }

    fn trials(&self, cell: &Value) -> Vec<Trial> {
        let files = cell["trials"].as_array().expect("trials").iter();
        files.map(|file| read_json(&self.folder.path().join(text(file))).expect("one")).collect()
    }
}

fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(RUN).expect("listed").flatten() {
        let path = entry.path();
        if path.is_file() {
            let below = path.strip_prefix(RUN).expect("in the run");
            std::fs::copy(&path, folder.path().join(below)).expect("copied");
        }
    }
    folder
}

fn report(dir: &Path) {
    let output = c10k().args(["report", "--write"]).arg(dir).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn row<'a>(figure: &'a Value, model: &Value) -> &'a Value {
    let mut rows = figure["rows"].as_array().expect("rows").iter();
    rows.find(|row| row["model"] == *model).unwrap_or_else(|| panic!("no row of {model}"))
}

fn quantile(cell: &Value, q: f64) -> &Value {
    let mut quantiles = cell["latency"].as_array().expect("quantiles").iter();
    quantiles.find(|quantile| quantile["q"].as_f64() == Some(q)).expect("a quantile")
}

#[test]
fn the_page_needs_nothing_else_and_is_small_enough() {
    let report = Report::committed();
    page::assert_needs_nothing_else(&report.page);
    assert!(report.page.len() < 5_000_000, "{} bytes", report.page.len());
    for figure in report.data["figures"].as_array().expect("figures") {
        let place = format!("id=\"{}\"", text(&figure["id"]));
        assert_eq!(report.page.matches(&place).count(), 1, "{place}");
    }
}

/// Links, headings and the sources of numbers on the page lead to what they name.
#[test]
fn a_reader_finds_what_the_page_names() {
    let (whole, swept) = (Report::committed(), swept());
    for report in [&*whole, &swept] {
        reading::assert_links_lead_somewhere(&report.page);
        reading::assert_headings_in_order(&report.page);
        let tables = report.page.matches("<table").count();
        assert_eq!(report.page.matches("<caption").count(), tables);
    }
    let trial = |cell: &&Value| whole.folder.path().join(text(&cell["trials"][0]));
    let trials: Vec<Value> =
        whole.cells().iter().map(|cell| read_json(&trial(cell)).expect("one")).collect();
    let fields = reading::fields(&whole.page);
    reading::assert_fields_are_there(&fields, &whole.summary, &trials);
    let crossings =
        |fields: &[(String, String)]| fields.iter().any(|(_, f)| f == "crossovers[].at");
    assert!(!crossings(&fields) && crossings(&reading::fields(&swept.page)));
    let poll = whole.cells().into_iter().find(|cell| cell["model"] == "poll").expect("a cell");
    reading::assert_row_is_of_its_trials(&whole.page, poll, &whole.trials(poll));
}

#[test]
fn text_can_be_told_from_its_ground() {
    reading::assert_contrasts(include_str!("../../src/view/page/page.css"));
}

#[test]
fn bars_and_dots_are_the_estimates_of_the_summary() {
    let report = Report::committed();
    for cell in report.cells() {
        let workload = text(&cell["workload"]);
        let closed = cell["arrivals"]["kind"] == "closed";
        let mut pairs =
            vec![("cpu", &cell["server_cpu_per_request_ns"]), ("memory", &cell["pss_bytes"])];
        pairs.extend(closed.then_some(("throughput", &cell["throughput_per_s"])));
        for (name, estimate) in pairs.into_iter().filter(|(_, estimate)| !estimate.is_null()) {
            let row = row(report.figure(&format!("{workload}-{name}")), &cell["model"]);
            assert_eq!(row["value"], estimate["median"], "{workload} {name}");
            assert_eq!(row["values"], estimate["values"], "{workload} {name}");
            assert_eq!(row["low"], estimate["interval"]["low"], "{workload} {name}");
            assert_eq!(row["high"], estimate["interval"]["high"], "{workload} {name}");
            assert_eq!(row["validity"], cell["validity"], "{workload} {name}");
            assert_eq!(
                row["why"].as_array().map(Vec::len),
                cell["flags"].as_array().map(Vec::len),
                "{workload} {name}"
            );
        }
    }
}

#[test]
fn quantiles_at_equal_load_are_those_of_the_summary() {
    let report = Report::committed();
    let mut seen = 0;
    for cell in report.cells().into_iter().filter(|cell| cell["arrivals"]["kind"] != "closed") {
        let figure = report.figure(&format!("{}-load", text(&cell["workload"])));
        for shown in row(figure, &cell["model"])["quantiles"].as_array().expect("quantiles") {
            let known = quantile(cell, shown[0].as_f64().expect("q"));
            assert_eq!(shown[1].as_f64(), known["pooled"]["value_ns"].as_f64());
            assert_eq!(shown[2], known["pooled"]["at_least"]);
            assert_eq!(known["pooled"]["admitted"], true);
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn dots_are_of_all_trials_together_with_the_spread_of_their_own() {
    let report = Report::committed();
    let mut together = 0;
    for cell in report.cells() {
        let pooled = &quantile(cell, 0.99)["pooled"];
        if pooled["admitted"] == false {
            continue;
        }
        together += 1;
        let figure = report.figure(&format!("{}-p99", text(&cell["workload"])));
        let row = row(figure, &cell["model"]);
        let own: Vec<f64> = pooled["of_trials"]
            .as_array()
            .expect("trials")
            .iter()
            .flat_map(Value::as_f64)
            .collect();
        let (low, high) =
            (own.iter().copied().fold(f64::MAX, f64::min), own.iter().copied().fold(0.0, f64::max));
        let value = pooled["value_ns"].as_f64();
        assert_eq!((row["value"].as_f64(), &row["at_least"]), (value, &pooled["at_least"]));
        assert_eq!((row["low"].as_f64(), row["high"].as_f64()), (Some(low), Some(high)));
        assert!(value >= Some(low) && value <= Some(high), "{pooled}");
    }
    assert!(together > 0);
}

/// In the committed run, single trials have too few samples, and all together have enough.
#[test]
fn what_no_trial_knows_all_of_them_know_together() {
    let report = Report::committed();
    let mut seen = 0;
    for cell in report.cells() {
        let trials = report.trials(cell);
        let (mut all, mut worth) =
            (Histogram::<u64>::new_with_bounds(1, 3_600_000_000_000, 3).expect("bounds"), 0.0);
        let mut known_by = 0;
        for trial in &trials {
            let headline = trial.latency.headline();
            all.add(headline.histogram().expect("whole")).expect("added");
            let own = headline.quantile(0.99).expect("listed");
            worth += own.effective_count.expect("looked at") as f64;
            known_by += usize::from(own.admitted);
        }
        let known = quantile(cell, 0.99);
        let value = all.value_at_quantile(0.99);
        let worth = worth.min(as_clusters(&trials, value).floor());
        assert_eq!(known["pooled"]["effective_count"].as_f64(), Some(worth), "{}", cell["model"]);
        assert_eq!(known["pooled"]["value_ns"].as_u64(), Some(all.value_at_quantile(0.99)));
        assert_eq!(known["value_ns"].is_null(), known_by < trials.len());
        if known["pooled"]["admitted"] == true && known_by == 0 {
            assert!(worth * 0.01 >= 5.99, "{worth} in {}", cell["model"]);
            seen += 1;
        }
    }
    assert!(seen > 0, "{seen} such cells");
}

/// The effective sample size if each trial is a cluster, by the share of samples beyond or at this value.
fn as_clusters(trials: &[Trial], value: u64) -> f64 {
    let worth = |beyond: &dyn Fn(&Histogram<u64>) -> u64| -> f64 {
        let found: Vec<(f64, f64)> = trials
            .iter()
            .map(|trial| trial.latency.headline().histogram().expect("whole"))
            .map(|own| (own.len() as f64, beyond(&own) as f64))
            .collect();
        let n: f64 = found.iter().map(|(n, _)| n).sum();
        let share = found.iter().map(|(_, beyond)| beyond).sum::<f64>() / n;
        let apart: f64 = found.iter().map(|(n, beyond)| (beyond - share * n).powi(2)).sum();
        let k = found.len() as f64;
        share * (1.0 - share) * n * n * (k - 1.0) / (k * apart)
    };
    let beyond = worth(&|own| own.len() - own.count_between(0, value));
    beyond.min(worth(&|own| own.len() - own.count_between(0, own.lowest_equivalent(value) - 1)))
}

#[test]
fn curves_are_of_the_histograms_of_all_trials() {
    let report = Report::committed();
    for cell in report.cells() {
        let mut all = Histogram::<u64>::new_with_bounds(1, 3_600_000_000_000, 3).expect("bounds");
        for trial in report.trials(cell) {
            all.add(trial.latency.headline().histogram().expect("whole")).expect("added");
        }
        let figure = report.figure(&format!("{}-percentiles", text(&cell["workload"])));
        let points = row(figure, &cell["model"])["points"].as_array().expect("points");
        assert!(points.len() <= 60 && points.len() > 5, "{}", points.len());
        for point in points {
            let (q, value) = (point[0].as_f64().expect("q"), point[1].as_f64().expect("ns"));
            assert_eq!(all.value_at_quantile(q) as f64, value, "{} {q}", cell["model"]);
            assert!(all.len() as f64 * (1.0 - q) > 5.99, "too few samples beyond {q}");
        }
    }
}

#[test]
fn lines_in_time_are_the_slices_of_the_trial_with_the_median() {
    let report = Report::committed();
    for cell in report.cells() {
        let figure = report.figure(&format!("{}-time", text(&cell["workload"])));
        let row = row(figure, &cell["model"]);
        let trial: Value =
            read_json(&report.folder.path().join(text(&row["trial"]))).expect("a trial");
        assert_eq!(trial["throughput_per_s"], cell["throughput_per_s"]["median"]);
        let points = row["points"].as_array().expect("points");
        let slices = trial["intervals"].as_array().expect("slices");
        assert!(points.len() >= slices.len() - 1);
        for (point, slice) in points.iter().zip(slices) {
            assert_eq!(point[0].as_f64(), slice["start_ns"].as_f64());
            assert_eq!(point[2].as_f64(), slice["p99_ns"].as_f64());
            let width = slice["width_ns"].as_f64().expect("a width");
            let rate = slice["ok"].as_f64().expect("replies") * 1e9 / width;
            assert_eq!(point[1].as_f64(), Some(rate));
        }
    }
}

#[test]
fn the_committed_summary_is_what_report_makes() {
    let report = Report::committed();
    let committed: Value = read_json(&Path::new(RUN).join("summary.json")).expect("a summary");
    assert_eq!(committed, report.summary, "c10k report --write {RUN}");
}

#[test]
fn without_its_trials_a_run_has_a_page_with_what_the_summary_knows() {
    let report = Report::of(|dir| std::fs::remove_file(dir.join(PACKED)).expect("removed"));
    let figures = report.data["figures"].as_array().expect("figures");
    let ids: Vec<&str> = figures.iter().map(|figure| text(&figure["id"])).collect();
    assert!(ids.contains(&"echo-throughput") && !ids.contains(&"echo-percentiles"), "{ids:?}");
}

#[test]
fn what_a_document_says_cannot_become_part_of_the_page() {
    let evil = "</script><script>alert(1)</script>";
    let report = Report::of(|dir| {
        let mut summary: Summary = read_json(&dir.join("summary.json")).expect("a summary");
        summary.run.question = evil.into();
        let cell = summary.cells.iter_mut().find(|cell| !cell.flags.is_empty());
        cell.expect("a flagged cell").flags[0].message = evil.into();
        std::fs::write(dir.join("summary.json"), json!(summary).to_string()).expect("written");
    });
    assert!(!report.page.contains(evil));
    assert_eq!(report.page.matches("<script").count(), 3);
}

/// A page of a run that sweeps a setting.
fn swept() -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    crate::support::sweep::write(Path::new(RUN), folder.path());
    report(folder.path());
    let page = std::fs::read_to_string(folder.path().join("report.html")).expect("a page");
    let summary = read_json(&folder.path().join("summary.json")).expect("a summary");
    Report { data: page::data(&page), page, summary, folder }
}

#[test]
fn lines_over_a_setting_are_the_estimates_of_the_summary() {
    let report = swept();
    page::assert_needs_nothing_else(&report.page);
    let states = ["none", "table"];
    let panels = &report.figure("sweep-many-throughput")["sweep"]["panels"];
    assert_eq!(*panels, json!(states.map(|state| format!("server.state {state}"))));
    let ranked = report.cells();
    let mut seen = 0;
    for cell in &ranked {
        let (x, state) = (&cell["factors"][0]["number"], text(&cell["factors"][1]["text"]));
        let point_of = |name: &str| {
            let figure = report.figure(&format!("sweep-many-{name}"));
            let mut lines = figure["rows"].as_array().expect("lines").iter().filter(|line| {
                line["model"] == cell["model"]
                    && line["panel"].as_u64()
                        == states.iter().position(|s| *s == state).map(|at| at as u64)
            });
            let points = lines.next().expect("a line")["points"].as_array().expect("points");
            points.iter().find(|point| point["x"] == *x).expect("a point").clone()
        };
        for (name, q) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
            let pooled = &quantile(cell, q)["pooled"];
            assert_eq!(point_of(name)["value"].as_f64(), pooled["value_ns"].as_f64(), "{name}");
            seen += 1;
        }
        for (name, estimate) in [
            ("throughput", &cell["throughput_per_s"]),
            ("cpu", &cell["server_cpu_per_request_ns"]),
            ("memory", &cell["pss_bytes"]),
        ] {
            let point = point_of(name);
            assert_eq!(point["value"], estimate["median"], "{name}");
            assert_eq!(point["low"], estimate["interval"]["low"], "{name}");
            assert_eq!(point["high"], estimate["interval"]["high"], "{name}");
            seen += 1;
        }
    }
    assert_eq!(seen, ranked.len() * 6);
}

#[test]
fn where_models_change_places_how_they_scale_and_the_noise_are_in_both() {
    let report = swept();
    let crossovers = report.summary["crossovers"].as_array().expect("crossovers");
    let is_one = |found: &&Value| found["below"] == "fork" && found["above"] == "epoll";
    let mut served = crossovers.iter().filter(|found| found["metric"] == "throughput_per_s");
    let certain = served.find(is_one);
    let certain = certain.expect("fork and epoll change places");
    assert_eq!(certain["certain"], true, "{certain}");
    assert!(report.page.contains(text(&certain["sentence"])), "{certain}");
    let laws = report.summary["scaling"].as_array().expect("laws");
    assert_eq!(laws.len(), 10, "five models in two states");
    assert!(laws.iter().all(|law| law["law"]["points"].as_u64() >= Some(6)));
    let line = &report.figure("sweep-many-throughput")["rows"][0];
    assert!(line["law"].as_array().is_some_and(|law| law.len() > 10));
    let noise = report.summary["noise"].as_array().expect("noise");
    let own = noise.iter().filter(|floor| floor["metric"] == "throughput_per_s").count();
    assert_eq!(own, 14, "one at each point");
    for floor in noise {
        let said = 100.0 * floor["smallest_detectable"].as_f64().expect("known");
        let said = format!("{said:.1} %");
        assert!(report.page.contains(&said), "{said}");
    }
    assert!(report.page.contains("it is left out to see that this is said"));
    let standings = report.summary["verdicts"].as_array().expect("standings");
    assert!(standings.iter().all(|own| own["others"].as_array().map(Vec::len) <= Some(4)));
}
