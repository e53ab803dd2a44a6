//! What people read on a terminal.

mod capacity;
mod connections;
mod excluded;
mod steps;
mod turnaround;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, presets};
use servers::{BROKEN, Broken, MODELS};

use crate::arrivals;
use crate::document::{
    Cell, CellQuantile, CheckReport, Distribution, Estimate, Flag, Greetings, Imbalance, Quantile,
    Status, Summary, Trial, Validity,
};
use crate::requests;
use crate::units::{show_bytes, show_count, show_ns, show_ns_f64};
pub use capacity::capacity;

/// Writes to standard output.
///
/// # Errors
/// When whoever reads it is gone.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        stdout.write_all(b"\n")?;
    }
    Ok(stdout.flush()?)
}

/// Prints the models.
///
/// # Errors
/// When whoever reads it is gone.
pub fn models(json: bool) -> Result<()> {
    if json {
        let list: Vec<_> = MODELS
            .iter()
            .map(|model| {
                let refused = (model.probe)().err();
                serde_json::json!({
                    "name": model.name,
                    "family": model.family.name(),
                    "summary": model.summary,
                    "available": refused.is_none(),
                    "reason": refused,
                })
            })
            .collect();
        return print(&String::from_utf8(crate::store::json(&list)?)?);
    }
    let mut table = table(&["model", "family", "what it does"], 3);
    for model in MODELS {
        let summary = match (model.probe)() {
            Ok(()) => model.summary.to_string(),
            Err(reason) => format!("{}\nunavailable here: {reason}", model.summary),
        };
        table.add_row([model.name, model.family.name(), &summary]);
    }
    print(&table.to_string())
}

/// The built-in plans: name, question, trials, time.
pub fn plans(rows: impl Iterator<Item = [String; 4]>) -> String {
    let mut table = table(&["plan", "question", "trials", "about"], 2);
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}

/// Prints the servers that are broken on purpose.
///
/// # Errors
/// When whoever reads it is gone.
pub fn broken(json: bool) -> Result<()> {
    if json {
        let entry = |broken: &Broken| {
            let Broken { model, gauge, right } = broken;
            serde_json::json!({
                "name": model.name,
                "family": model.family.name(),
                "fault": model.summary,
                "gauge": gauge,
                "right": right,
            })
        };
        let list: Vec<_> = BROKEN.iter().map(entry).collect();
        return print(&String::from_utf8(crate::store::json(&list)?)?);
    }
    let mut table = table(&["broken server", "its fault", "what shows it", "done right by"], 4);
    for Broken { model, gauge, right } in BROKEN {
        table.add_row([model.name, model.summary, gauge, right]);
    }
    print(&table.to_string())
}

/// A run: one table for each workload, and under it what was flagged.
#[must_use]
pub fn summary(summary: &Summary) -> String {
    let mut text = format!("{}\n", summary.run.question);
    let workloads = summary.cells.iter().map(|cell| cell.workload.as_str());
    let mut seen: Vec<&str> = Vec::new();
    for workload in workloads {
        if !seen.contains(&workload) {
            seen.push(workload);
            let cells: Vec<_> = summary.cells.iter().filter(|c| c.workload == workload).collect();
            push(&mut text, &workload_table(&cells));
            text.push_str(&turnaround::lines(&cells));
            if let Some(standings) = summary.standings_of(workload) {
                text.push_str(&standings.sentence);
                text.push('\n');
            }
        }
    }
    if !summary.excluded.is_empty() {
        push(&mut text, excluded::text(&summary.excluded).trim_end());
    }
    push(&mut text, &closing(summary));
    text
}

fn push(text: &mut String, part: &str) {
    text.push('\n');
    text.push_str(part);
    text.push('\n');
}

/// The heading of a workload's table: what was asked and how.
#[must_use]
pub fn heading(cell: &Cell) -> String {
    let arrivals = arrivals::describe(&cell.arrivals);
    let trials = cell.trials.len();
    let plural = if trials == 1 { "" } else { "s" };
    format!(
        "{}: {arrivals}, {} connections, {trials} trial{plural}",
        cell.workload, cell.connections
    )
}

/// The columns of a workload's table.
pub const COLUMNS: [&str; 10] =
    ["model", "replies/s", "p50", "p90", "p99", "p99.9", "max", "CPU/request", "memory", "checks"];

/// One row of a workload's table. `marks` numbers the messages under it.
#[must_use]
pub fn row(cell: &Cell, marks: &str) -> Vec<String> {
    let name = if cell.twin { format!("{} (twin)", cell.model) } else { cell.model.clone() };
    let mut row = vec![name, spread(&cell.throughput_per_s, show_count)];
    row.extend(cell.latency.iter().map(quantile));
    row.push(match &cell.server_cpu_per_request_ns {
        Some(cpu) => spread(cpu, show_ns_f64),
        None => "-".into(),
    });
    row.push(show_bytes(cell.pss_bytes.median));
    row.push(match cell.validity {
        Validity::Valid => "ok".into(),
        Validity::Suspect => format!("see {marks}"),
        Validity::Invalid => format!("INVALID {marks}"),
    });
    row
}

/// What was flagged in a table's cells, one message for each check, with that of the cell where
/// it was worst; and for each row the numbers of its own.
#[must_use]
pub fn marks(cells: &[&Cell]) -> (Vec<String>, Vec<String>) {
    let mut names: Vec<&str> = Vec::new();
    for flag in cells.iter().flat_map(|cell| &cell.flags) {
        if !names.contains(&flag.name.as_str()) {
            names.push(&flag.name);
        }
    }
    let messages = names.iter().map(|name| message(name, cells)).collect();
    let number = |flag: &Flag| names.iter().position(|name| *name == flag.name).unwrap_or(0) + 1;
    let marks =
        |cell: &&Cell| cell.flags.iter().map(|flag| format!("[{}]", number(flag))).collect();
    (messages, cells.iter().map(marks).collect())
}

fn message(name: &str, cells: &[&Cell]) -> String {
    let flagged = cells.iter().filter_map(|cell| {
        let flag = cell.flags.iter().find(|flag| flag.name == name)?;
        Some((*cell, flag))
    });
    let flagged: Vec<_> = flagged.collect();
    let order = |flag: &Flag| (flag.status, flag.excess);
    let worst = flagged
        .iter()
        .max_by(|a, b| order(a.1).partial_cmp(&order(b.1)).unwrap_or(std::cmp::Ordering::Equal));
    let Some((cell, flag)) = worst else { return String::new() };
    let trials = match (flag.trials, cell.trials.len()) {
        (flagged, all) if flagged == all => String::new(),
        (flagged, all) => format!(", {flagged} of {all} trials"),
    };
    let among = if flagged.len() > 1 { ", the worst" } else { "" };
    format!("{} ({}{among}{trials})", flag.message, cell.model)
}

fn workload_table(cells: &[&Cell]) -> String {
    let mut table = table(&COLUMNS, 1);
    let (messages, marks) = marks(cells);
    for (cell, marks) in cells.iter().zip(&marks) {
        table.add_row(row(cell, marks));
    }
    let mut text = cells.first().map(|cell| heading(cell)).unwrap_or_default();
    let _ = write!(text, "\n{table}");
    for (at, message) in messages.iter().enumerate() {
        let _ = write!(text, "\n  [{}] {message}", at + 1);
    }
    text
}

/// What the whole run says about itself.
#[must_use]
pub fn closing(summary: &Summary) -> String {
    let checked: u64 = summary.cells.iter().map(|cell| cell.replies_checked).sum();
    let wrong: u64 = summary.cells.iter().map(|cell| cell.replies_wrong).sum();
    let run = &summary.run;
    let mut text = format!("{checked} replies checked, {wrong} wrong");
    for note in &run.notes {
        let _ = write!(text, "\n{note}");
    }
    let _ = write!(
        text,
        "\n{} of {} trials; {} on {} ({} processors), server on {}, generator on {}",
        run.trials_done,
        run.trials_planned,
        summary.host.kernel,
        summary.host.cpu_model,
        summary.host.cpus,
        processors(&run.server_cpus),
        processors(&run.client_cpus),
    );
    let trials = summary.cells.iter().map(|cell| cell.trials.len()).max().unwrap_or(0);
    if trials < 5 {
        let _ = write!(
            text,
            "\nA quick look: with fewer than five trials each ({trials} here) there is no verdict \
             about which model is better. Figures are medians with the spread of the trials."
        );
    }
    text
}

fn processors(cpus: &[usize]) -> String {
    if cpus.is_empty() {
        return "any processor".into();
    }
    let list: Vec<_> = cpus.iter().map(ToString::to_string).collect();
    format!("processor {}", list.join(","))
}

fn quantile(quantile: &CellQuantile) -> String {
    let at_least = if quantile.at_least { ">= " } else { "" };
    match &quantile.value_ns {
        Some(value) => format!("{at_least}{}", show_ns_f64(value.median)),
        None => "too few".into(),
    }
}

/// The median, and how far the trials lie from it.
fn spread(estimate: &Estimate, show: fn(f64) -> String) -> String {
    let Estimate { median, min, max, .. } = *estimate;
    let away = (max - median).max(median - min);
    let percent = if median > 0.0 { away / median * 100.0 } else { 0.0 };
    format!("{} ±{percent:.0}%", show(median))
}

/// One load on its own.
#[must_use]
pub fn load(trial: &Trial) -> String {
    let census = &trial.census;
    let mut text = format!(
        "{} right replies per second over {}, {} connections\n",
        show_count(trial.throughput_per_s),
        show_ns(trial.phases.measure_ns),
        trial.connections.opened
    );
    if let Some(drawn) = requests::describe(&trial.load.request) {
        let _ = writeln!(text, "{drawn}");
    }
    let mut latencies =
        table(&["", "count", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"], 1);
    let latency = &trial.latency;
    let rows = [
        ("response", latency.response.as_ref()),
        ("service", Some(&latency.service)),
        ("conn wait", latency.response.as_ref().map(|_| &latency.conn_wait)),
        ("sched lag", Some(&latency.sched_lag)),
        ("connect", Some(&latency.connect)),
        ("greeting", latency.greeting.as_ref()),
        ("accept delay", latency.accept_delay.as_ref()),
        ("queue delay", latency.queue_delay.as_ref()),
    ];
    for (name, distribution) in rows {
        latencies.add_rows(distribution.map(|d| distribution_row(name, d)));
    }
    if latency.response.is_none() {
        text.push_str("closed loop: service times; there is no schedule to be late for\n");
    }
    let _ = writeln!(text, "{latencies}");
    text.push_str(&steps::of(trial));
    let failures = kinds(&census.errors);
    let _ = writeln!(
        text,
        "offered {}, sent {}, right {}, errors {failures}, timeouts {}, unfinished {}, never sent {}",
        census.offered,
        census.sent,
        census.ok,
        census.timeouts,
        census.unfinished,
        census.never_sent
    );
    text.push_str(&clients(trial));
    text.push_str(&greetings(trial));
    text.push_str(&connections::lines(trial));
    if let Some(cpu) = trial.client.cpu_per_request_ns {
        let busy = trial.client.busiest_thread_share * 100.0;
        let cpu = show_ns_f64(cpu);
        let engine = trial.client.engine.as_deref().unwrap_or("epoll");
        let _ =
            write!(text, "generator ({engine}): {cpu} CPU per request, busiest thread {busy:.0} %");
        if let Some(spun) = trial.client.spin_share {
            let _ = write!(text, ", spinning {:.0} %", spun * 100.0);
        }
        text.push('\n');
    }
    for check in trial.checks.iter().filter(|check| check.status > Status::Pass) {
        let weight = if check.status == Status::Fail { "INVALID" } else { "note" };
        let _ = writeln!(text, "{weight}: {}", check.message);
    }
    text
}

/// A check: every behaviour with its result, then what is to be mended.
#[must_use]
pub fn check(report: &CheckReport) -> String {
    let mut rows = table(&["behaviour", "result", "points"], 2);
    let mut failures = String::new();
    for test in &report.tests {
        let reason = test.reason.as_deref().unwrap_or_default();
        let (result, points) = match test.result.as_str() {
            "pass" => ("pass".into(), test.points.to_string()),
            "fail" => ("FAIL".into(), format!("0 of {}", test.max)),
            "skipped" => (format!("skipped: {reason}"), "-".into()),
            _ => (reason.into(), "-".into()),
        };
        rows.add_row([test.name.clone(), result, points]);
        if test.result == "fail" {
            let _ = write!(failures, "\n{}\n  {}\n  {reason}\n", test.name, test.why);
        }
    }
    let subject = &report.subject;
    if subject.one_at_a_time && subject.kind != "model" {
        failures.push_str("\nit serves one client at a time, so bad ones were tried alone\n");
    }
    let count = |result: &str| report.tests.iter().filter(|t| t.result == result).count();
    format!(
        "{} {}, application {}, framing {}\n{rows}\n{failures}\n{} passed, {} failed, {} skipped\nscore {} of {}\n",
        subject.kind,
        subject.name,
        subject.app,
        subject.framing,
        count("pass") + count("by_nature"),
        count("fail"),
        count("skipped"),
        report.score,
        report.max
    )
}

/// What became of the greetings, and how the connections were spread; empty without any.
fn greetings(trial: &Trial) -> String {
    let Some(Greetings { expected, received, timeouts, unfinished, errors, .. }) = &trial.greetings
    else {
        return String::new();
    };
    let mut text = format!(
        "greetings expected {expected}, received {received}, errors {}, timeouts {timeouts}, \
         unfinished {unfinished}\n",
        kinds(errors)
    );
    let connections = || trial.workers.iter().map(|worker| worker.connections);
    if let (Some(spread), Some(most)) = (&trial.imbalance, connections().max()) {
        let Imbalance { workers, max_over_mean, gini } = spread;
        let all_listed = *workers == trial.workers.len() as u64;
        let least = connections().min().filter(|_| all_listed).unwrap_or(0);
        let range = if least == most { most.to_string() } else { format!("{least} to {most}") };
        let _ = writeln!(
            text,
            "{workers} workers took {range} connections each: most over mean \
             {max_over_mean:.2}, Gini {gini:.2}"
        );
    }
    text
}

/// How evenly the clients were served, and the slowest of them.
fn clients(trial: &Trial) -> String {
    let connections = &trial.connections;
    let slowest = connections
        .slowest_mean_ns
        .map(|ns| format!(", the slowest with {} in the mean", show_ns(ns)));
    format!(
        "served {} of {} clients, {} to {} replies each, Jain {:.2}{}\n",
        connections.served,
        connections.asked,
        connections.ok_min,
        connections.ok_max,
        connections.jain,
        slowest.unwrap_or_default()
    )
}

/// Failures with their names.
fn kinds(errors: &BTreeMap<String, u64>) -> String {
    let kinds: Vec<_> = errors.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    if kinds.is_empty() { "none".into() } else { kinds.join(", ") }
}

fn distribution_row(name: &str, distribution: &Distribution) -> Vec<String> {
    let mut row = vec![name.into(), distribution.count.to_string()];
    if distribution.count == 0 {
        return row;
    }
    row.push(show_ns_f64(distribution.mean));
    let shown = [0.5, 0.9, 0.99, 0.999, 0.9999, 1.0];
    row.extend(shown.iter().filter_map(|q| distribution.quantile(*q)).map(show_quantile));
    row
}

fn show_quantile(quantile: Quantile) -> String {
    match quantile {
        Quantile { admitted: false, .. } => "too few".into(),
        Quantile { at_least: true, value, .. } => format!(">= {}", show_ns(value)),
        Quantile { value, .. } => show_ns(value),
    }
}

/// A table whose columns from `numbers` on are aligned to the right.
pub(crate) fn table(header: &[&str], numbers: usize) -> Table {
    let mut table = Table::new();
    let style = presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none());
    table.load_style(style).set_header(header.to_vec());
    // As wide as its content where nobody sees it wrap.
    let arrangement = if std::io::stdout().is_terminal() {
        ContentArrangement::Dynamic
    } else {
        ContentArrangement::Disabled
    };
    table.set_content_arrangement(arrangement);
    for column in table.column_iter_mut().skip(numbers) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
