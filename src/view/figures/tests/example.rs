//! The document that the scripts' tests draw: a figure of every kind, and every kind of caveat.

use std::path::Path;

use crate::analysis::synthetic::{climbed, closed, fail, flag, open, point, set, summary};
use crate::base::assert_committed;
use crate::document::{
    Cell, Estimate, FigureSet, Interval, LabReport, Syscall, Syscalls, Trial, Validity, example,
    store,
};
use crate::view::figures::trials::Drawn;
use crate::view::figures::{
    columns, is_of_lab, lab_figures, made_by, numbers, of_run, set as set_of,
};

const FILE: &str = "scripts/tests/figures.json";
const LAB: &str = "results/20261121-two-core-vm/stateful-20261121T201646Z/lab.json";

fn echo() -> Vec<Cell> {
    let of = |model: &str, rate: f64, cpu_ns: f64| {
        let mut cell = closed(model, &[0.98, 1.0, 1.01, 0.99, 1.02].map(|f| f * rate));
        cell.workload = "echo".into();
        cell.server_cpu_per_request_ns =
            Estimate::from_values(&[0.99, 1.0, 1.02, 0.97, 1.01].map(|f| f * cpu_ns));
        cell
    };
    let mut cells = vec![
        of("epoll", 1e5, 5e3),
        of("poll", 9e4, 6e3),
        of("thread-per-client", 8e4, 7e3),
        of("fork", 4e4, 2e4),
    ];
    flag(&mut cells[1], "steal");
    fail(&mut cells[3], "generator-cpu", &[0]);
    cells[3].validity = Validity::Invalid;
    let call = |name: &str, per_request| Syscall { name: name.into(), per_request };
    let names = ["read", "write", "epoll_wait", "futex", "close", "accept4"];
    cells[0].syscalls = Some(Syscalls {
        per_request: 2.5,
        by_name: names.map(|name| call(name, 0.4)).into(),
        requests: 1_000,
        connections: 50,
        tool: "strace".into(),
    });
    cells
}

fn echo_open() -> Vec<Cell> {
    let of = |model: &str, p99: f64| {
        let mut cell = open(model, &[0.9, 1.0, 1.2, 0.95, 1.1].map(|f| f * p99));
        cell.workload = "echo-open".into();
        set(&mut cell, 0.5, &[p99 / 4.0; 5]);
        cell
    };
    let mut cells = vec![of("epoll", 4e5), of("fork", 2e6)];
    for quantile in cells[1].latency.iter_mut().filter(|quantile| quantile.q > 0.98) {
        quantile.at_least = true;
    }
    cells
}

/// More models than are drawn at once.
fn swept() -> Vec<Cell> {
    let models = [
        "epoll",
        "poll",
        "select",
        "mio",
        "epoll-edge",
        "fork",
        "prefork",
        "thread-per-client",
        "tokio-multi",
    ];
    let at = |connections: f64| {
        models.iter().enumerate().map(move |(place, model)| {
            let rate = 1e5 / (1.0 + f64::from(u8::try_from(place).unwrap_or(0)) / 10.0);
            let rate = if *model == "select" { rate / connections.sqrt() } else { rate };
            let cell = closed(model, &[0.99, 1.0, 1.01, 1.0, 0.995].map(|f| f * rate));
            point(cell, "many", "connections", connections)
        })
    };
    let mut cells: Vec<Cell> = [1.0, 10.0, 100.0, 1000.0].into_iter().flat_map(at).collect();
    flag(&mut cells[0], "steal");
    cells
}

fn drawn(cell: &Cell) -> Drawn {
    let slow = 1e9 / cell.throughput_per_s.median;
    let quantile = |at: u32| 1.0 - 10_f64.powf(-f64::from(at) / 10.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made up")]
    let value = |at: u32| (slow * 50.0 * (1.0 + f64::from(at) / 8.0)) as u64;
    let slice = |at: u64, usual: &Interval| Interval {
        start_ns: at * 25_000_000,
        width_ns: 25_000_000,
        ok: 2_000 + at * 10,
        p99_ns: (at != 3).then_some(400_000 + at * 1_000),
        ..usual.clone()
    };
    let mut typical: Trial = example::closed();
    let usual = typical.intervals[0].clone();
    typical.intervals = (0..8).map(|at| slice(at, &usual)).collect();
    Drawn {
        curve: (0..30).map(|at| (quantile(at), value(at))).collect(),
        typical: Some(typical),
        user_share: (cell.model != "poll").then_some(0.25),
        waits_per_s: Some(1e4),
        ..Drawn::default()
    }
}

fn made() -> FigureSet {
    let mut cells = echo();
    cells.extend(echo_open());
    cells.extend(swept());
    let mut climb = climbed("epoll", &[(1e3, 1.0, 1e5), (3e3, 0.5, 9e5), (1e3, 1.0, 2e5)]);
    climb.workload = "climb".into();
    cells.push(climb);
    let summary = summary(cells);
    let numbers = numbers(&summary.cells);
    let all: Vec<_> = summary
        .workloads()
        .into_iter()
        .flat_map(|workload| {
            let cells = summary.ranked(workload);
            columns(&cells, cells.iter().map(|cell| drawn(cell)).collect(), &numbers)
        })
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut lab: LabReport = store::read_json(&root.join(LAB)).expect("a lab");
    lab.models.truncate(2);
    let mut figures = of_run(&summary, &all);
    figures.extend(lab_figures(&lab));
    set_of("made-up", made_by("made-up", "0.1.0", &summary.host), figures)
}

/// Keeps the document that the scripts' tests draw equal to what this program writes.
#[test]
fn the_scripts_tests_draw_what_this_program_writes() {
    assert_committed(FILE, &store::lines(&made()).expect("JSON"));
}

#[test]
fn a_document_is_read_as_it_was_written() {
    let set = made();
    let text = store::lines(&set).expect("JSON");
    assert_eq!(serde_json::from_slice::<FigureSet>(&text).expect("read"), set);
    assert_eq!(set.figures.iter().filter(|figure| is_of_lab(figure)).count(), 5);
}

#[test]
fn a_model_looks_the_same_in_every_figure() {
    let text = serde_json::to_value(made()).expect("JSON");
    let mut seen = std::collections::BTreeMap::new();
    for figure in text["figures"].as_array().expect("figures") {
        for row in figure["rows"].as_array().expect("rows") {
            let name = row.get("model").or_else(|| row.get("family").and(row.get("name")));
            let Some(name) = name.and_then(|name| name.as_str()) else { continue };
            let look = (row["family"].clone(), row["member"].clone());
            assert_eq!(
                *seen.entry(name.to_string()).or_insert_with(|| look.clone()),
                look,
                "{name}"
            );
        }
    }
    let mut looks: Vec<String> = seen.values().map(|look| format!("{look:?}")).collect();
    looks.sort();
    looks.dedup();
    assert_eq!(looks.len(), seen.len(), "no two models look the same");
}
