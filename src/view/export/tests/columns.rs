//! Each format has each figure in its place and unit: tested on cells in which no two figures are
//! equal, and on a trial whose document is read by hand.

use serde_json::Value;

use super::*;
use crate::analysis::standings;
use crate::analysis::synthetic::{bare, closed, set};
use crate::document::{Cell, Estimate, Factor, Interval as Slice, Summary, Validity, example};
use crate::trial::made::{Samples, document};

/// Three trials whose median is `value`, which is not midway between the other two.
fn three(value: f64) -> [f64; 3] {
    [0.5 * value, 4.0 * value, value]
}

fn cell(model: &str) -> Cell {
    let mut cell = closed(model, &three(5e3));
    for (q, ns) in [(0.5, 1e5), (0.9, 2e5), (0.95, 2.5e5), (0.99, 3e5)] {
        set(&mut cell, q, &three(ns));
    }
    cell.server_cpu_per_request_ns = Estimate::from_values(&three(6e3));
    cell.client_cpu_per_request_ns = Estimate::from_values(&three(7e3));
    cell.pss_bytes = Estimate::from_values(&three(2_097_152.0)).expect("values");
    cell
}

fn summed(cells: Vec<Cell>) -> Summary {
    let mut summary = bare(cells);
    standings::derive(&mut summary);
    summary
}

fn run(summary: Summary, dir: &Path) -> Run {
    Run { dir: dir.into(), summary }
}

#[test]
fn benchmark_services_get_the_median_in_the_unit_of_the_document() {
    let mut summary = summed(vec![cell("epoll")]);
    let own = &mut summary.cells[0];
    own.throughput_per_s.interval = Some(crate::statistics::Interval { low: 3e3, high: 6e3 });
    let (bigger, smaller) = bench::github(&summary);
    let shown = |points| -> Vec<String> {
        let points = serde_json::to_value(points).expect("JSON");
        let text = |point: &Value| {
            let of = |key: &str| point[key].as_str().expect("text").to_string();
            format!("{} {} {} {}", of("name"), point["value"], of("unit"), of("range"))
        };
        points.as_array().expect("a list").iter().map(text).collect()
    };
    // Here the farther end of the interval is the lower one.
    assert_eq!(shown(bigger), ["echo/epoll throughput 5000.0 replies/s ± 2000"]);
    let ends = |estimate: &Estimate| estimate.interval.expect("three trials");
    let reach = |estimate: &Estimate| {
        let found = ends(estimate);
        (found.high - estimate.median).max(estimate.median - found.low)
    };
    let own = &summary.cells[0];
    let p50 = own.known_quantile(0.5).expect("known");
    let expected = [
        format!("echo/epoll p50 100000.0 ns ± {:.0}", reach(p50)),
        format!("echo/epoll p99 300000.0 ns ± {:.0}", 3.0 * reach(p50)),
        format!("echo/epoll server CPU/request 6000.0 ns ± {:.0}", 0.06 * reach(p50)),
        format!("echo/epoll server memory 2097152.0 bytes ± {:.0}", reach(&own.pss_bytes)),
    ];
    assert_eq!(shown(smaller), expected);
    let all = serde_json::to_value(bench::bencher(&summary)).expect("JSON");
    let of = |measure: &str| {
        let found = &all["echo/epoll"][measure];
        ["value", "lower_value", "upper_value"].map(|key| found[key].as_f64().expect("a number"))
    };
    assert_eq!(of("throughput"), [5e3, 3e3, 6e3]);
    assert_eq!(of("latency-p50")[0], 1e5);
    assert_eq!(of("latency-p99")[0], 3e5);
    assert_eq!(of("server-cpu-per-request")[0], 6e3);
    let memory = ends(&own.pss_bytes);
    assert_eq!(of("server-memory"), [2_097_152.0, memory.low, memory.high]);
}

#[test]
fn a_table_has_each_figure_under_its_name() {
    let mut summary = summed(vec![cell("epoll")]);
    (summary.run.interrupted, summary.run.trials_done, summary.run.trials_planned) = (true, 7, 9);
    (summary.run.server_cpus, summary.run.client_cpus) = (vec![3], vec![5]);
    let sheets = tables::of_summary(&summary);
    let sheet = &sheets[0];
    let shown: Vec<String> = sheet
        .columns
        .iter()
        .zip(&sheet.rows[0].entries)
        .map(|(column, entry)| format!("{}: {}", column.header(), entry.value))
        .collect();
    assert_eq!(
        shown,
        [
            "model: epoll",
            "replies/s (thousands): 5.00",
            "p50 (µs): 100",
            "p95 (µs): 250",
            "p99 (µs): 300",
            "max (ms): 1.00",
            "CPU/request (µs): 6.0",
            "memory (MiB): 2.00",
            "x best: best",
        ]
    );
    assert_eq!(sheet.rows[0].entries[4].around, "150–1200", "of the smallest and the largest");
    let caption = sheet.caption.join(" ");
    assert!(caption.contains("server on processor 3, generator on processor 5."), "{caption}");
    assert!(caption.contains("The run was interrupted: 7 of 9 trials."), "{caption}");
    summary.run.interrupted = false;
    let caption = tables::of_summary(&summary)[0].caption.join(" ");
    assert!(!caption.contains("interrupted"), "{caption}");
    let two = tables::of_summary(&summed(vec![closed("epoll", &[1e3, 2e3])]));
    assert!(two[0].rows[0].entries.iter().all(|entry| entry.around.is_empty()), "{two:?}");
}

#[test]
fn units_are_what_they_are_called() {
    use sheet::{Entry, Quantity, Sheet};
    for (quantity, value, header, text) in [
        (Quantity::Time, 1e9, "x (s)", "1.00"),
        (Quantity::Time, 2.5e6, "x (ms)", "2.50"),
        (Quantity::Time, 1e3, "x (µs)", "1.00"),
        (Quantity::Time, 999.0, "x (ns)", "999"),
        (Quantity::Count, 3e6, "x (millions)", "3.00"),
        (Quantity::Count, 1e3, "x (thousands)", "1.00"),
        (Quantity::Bytes, 3_221_225_472.0, "x (GiB)", "3.00"),
        (Quantity::Bytes, 5_242_880.0, "x (MiB)", "5.00"),
        (Quantity::Bytes, 2_048.0, "x (KiB)", "2.00"),
        (Quantity::Bytes, 1_023.0, "x (B)", "1023"),
        (Quantity::Share, 0.25, "x (%)", "25.0"),
        (Quantity::Ratio, 0.25, "x", "0.250"),
    ] {
        let mut sheet = Sheet::new("x", "x", 1);
        let known = Entry::Known { value, interval: None, at_least: false };
        sheet.numbers("x", quantity, &[known]);
        let shown = (sheet.columns[0].header(), sheet.rows[0].entries[0].to_string());
        assert_eq!(shown, (header.to_string(), text.to_string()), "{value}");
    }
}

/// A run of one cell with one trial, whose document is in the folder.
fn of_one_trial(dir: &Path) -> (Run, Value) {
    let mut trial = document(&Samples::some(4, 5_000), (0, 1), 0);
    (trial.run.block, trial.run.position) = (2, 9);
    trial.validity = Validity::Suspect;
    trial.census.never_sent = 3;
    let server = example::closed().server.expect("a server of ours");
    trial.server = Some(server);
    trial.client.cpu_per_request_ns = Some(4_321.0);
    let mut cell = closed("epoll", &[trial.throughput_per_s]);
    cell.trials = vec!["trials/one.json".into()];
    cell.series = Some("many".into());
    cell.factors =
        vec![Factor { name: "connections".into(), text: "1k".into(), number: Some(1e3) }];
    std::fs::create_dir(dir.join("trials")).expect("made");
    store::write_json(&dir.join("trials/one.json"), &trial).expect("written");
    (run(bare(vec![cell]), dir), serde_json::to_value(&trial).expect("JSON"))
}

#[test]
fn tidy_csv_has_every_figure_as_the_document_has_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let (run, trial) = of_one_trial(dir.path());
    let text = tidy::csv(&run).expect("written");
    let mut lines = text.lines();
    let header = lines.next().expect("a header");
    assert_eq!(
        header,
        "run,workload,series,model,twin,block,position,validity,metric,quantile,value,admitted,\
         at_least,connections"
    );
    let number = |pointer: &str| trial.pointer(pointer).and_then(Value::as_f64).expect("a number");
    let errors = trial["census"]["errors"].as_object().expect("errors");
    let failed: f64 = errors.values().filter_map(Value::as_f64).sum();
    let mut expected: Vec<String> = Vec::new();
    let mut expect = |metric: &str, q: &str, value: f64, admitted: bool, at_least: bool| {
        let start = "made-up,echo,many,epoll,false,2,9,suspect";
        expected.push(format!("{start},{metric},{q},{value},{admitted},{at_least},1k"));
    };
    expect("throughput_per_s", "", number("/throughput_per_s"), true, false);
    expect("offered", "", number("/census/offered"), true, false);
    expect("ok", "", number("/census/ok"), true, false);
    expect("failed", "", failed, true, false);
    expect("unfinished", "", number("/census/unfinished") + 3.0, true, false);
    for (metric, of) in [("response_ns", "response"), ("service_ns", "service")] {
        for quantile in trial["latency"][of]["quantiles"].as_array().expect("quantiles") {
            let of = |key: &str| quantile[key].as_f64().expect("a number");
            let is = |key: &str| quantile[key].as_bool().unwrap_or(false);
            let (q, value) = (of("q").to_string(), of("value"));
            expect(metric, &q, value, is("admitted"), is("at_least"));
        }
    }
    expect("client_cpu_per_request_ns", "", 4_321.0, true, false);
    let server = ["cpu_per_request_ns", "cpu_user_share"];
    for (metric, of) in ["server_cpu_per_request_ns", "server_cpu_user_share"].iter().zip(server) {
        expect(metric, "", number(&format!("/server/{of}")), true, false);
    }
    expect("pss_bytes", "", number("/server/memory/pss_bytes"), true, false);
    assert_eq!(lines.collect::<Vec<_>>(), expected);
    assert!(failed > 0.0 && text.contains(",true,1k"), "there is something to see: {text}");
}

#[test]
fn a_comparison_as_csv_has_each_number_under_its_name() {
    let change = crate::document::Change {
        ratio: 1.5,
        interval: crate::statistics::Interval { low: 1.25, high: 1.75 },
        p_value: 0.125,
        p_value_by_rank: Some(0.25),
    };
    let row = crate::document::Compared {
        workload: "echo".into(),
        model: "epoll".into(),
        metric: "p99_ns".into(),
        base: Some(2.0),
        new: Some(3.0),
        change: Some(change),
        verdict: Some(crate::statistics::Verdict::Worse),
        why: None,
    };
    let comparison = Comparison {
        schema: crate::document::SchemaId::comparison(),
        base: "old".into(),
        new: "young".into(),
        margin: 0.05,
        interleaved: false,
        unlike: Vec::new(),
        missing: Vec::new(),
        reference: None,
        rows: vec![row.clone()],
    };
    assert_eq!(
        tidy::comparison(&comparison, false).expect("written"),
        "base_run,new_run,workload,model,metric,base,new,ratio,low,high,p_value,p_value_by_rank,\
         verdict,why\nold,young,echo,epoll,p99_ns,2,3,1.5,1.25,1.75,0.125,0.25,worse,\n"
    );
    let p = |p_value| {
        let change = Some(crate::document::Change { p_value, ..change });
        let rows = vec![crate::document::Compared { change, ..row.clone() }];
        let sheets = changes::of_comparison(&Comparison { rows, ..comparison.clone() }, true);
        sheets[0].rows[0].entries[5].to_string()
    };
    assert_eq!([0.0009, 0.001, 0.049].map(p), ["< 0.001", "0.001", "0.049"]);
}

#[test]
fn the_series_of_a_trial_has_each_slice_as_it_was() {
    let mut trial = document(&Samples::some(4, 700), (0, 1), 0);
    let slice = Slice {
        start_ns: 1,
        width_ns: 2,
        ok: 3,
        failed: 4,
        p50_ns: Some(5),
        p99_ns: Some(6),
        max_ns: Some(7),
        ..trial.intervals[0].clone()
    };
    let empty = Slice { ok: 0, p50_ns: None, p99_ns: None, max_ns: None, ..slice.clone() };
    trial.intervals = vec![slice, empty];
    assert_eq!(
        csv(&trial),
        "start_ns,width_ns,ok,failed,p50_ns,p99_ns,max_ns\n1,2,3,4,5,6,7\n1,2,0,4,,,\n"
    );
}

#[test]
fn a_log_tells_a_closed_loop_from_an_open_one_and_its_maxima_in_milliseconds() {
    let tags = |trial: &Trial| {
        let log = String::from_utf8(hlog(trial).expect("a log")).expect("text");
        let lines = log.lines().filter_map(|line| line.strip_prefix("Tag="));
        lines.map(|line| line.split(',').map(String::from).collect()).collect::<Vec<Vec<_>>>()
    };
    let closed = example::closed();
    assert!(tags(&closed).iter().all(|line| line[0] == "service"));
    let open = document(&Samples::some(3, 900), (0, 1), 0);
    let lines = tags(&open);
    let (service, response): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line[0] == "service");
    assert_eq!((service.len(), response.len()), (1, open.intervals.len()));
    // Tag, start, length, maximum, histogram.
    assert_eq!(service[0][2].parse::<f64>(), Ok(1.0), "the whole measurement of one second");
    for (line, interval) in response.iter().zip(&open.intervals) {
        let max = recorded(interval).expect("whole").expect("some ended").max();
        let written: f64 = line[3].parse().expect("a number");
        assert!((written * 1e6 / max as f64 - 1.0).abs() < 1e-3, "{written} ms and {max} ns");
    }
}
