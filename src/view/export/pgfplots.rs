//! A run as tables and a document for pgfplots: one table of numbers for each figure.
//!
//! Each model has three columns: its figure, and how far the interval reaches below and above it.
//! What is not known is `nan`. Invalid cells are `nan` too, and named in the first lines.

mod document;
mod sweep;

use std::fmt::Write as _;

use anyhow::Result;

use super::sheet::{Entry, Quantity};
use super::source::Run;
use super::tables;
use crate::analysis::pooled;
use crate::document::{Cell, CellQuantile, QUANTILES, Shown, Validity};
use document::Plot;

/// What a cell is worth a figure for.
pub(super) struct Metric {
    name: &'static str,
    title: &'static str,
    quantity: Quantity,
    of: fn(&Cell) -> Option<Shown>,
}

const METRICS: [Metric; 5] = [
    Metric {
        name: "throughput",
        title: "Replies per second",
        quantity: Quantity::Count,
        of: |cell| Some(Shown::of(&cell.throughput_per_s)),
    },
    Metric {
        name: "p50",
        title: "Median latency",
        quantity: Quantity::Time,
        of: |cell| cell.quantile(0.5)?.shown(),
    },
    Metric {
        name: "p99",
        title: "99th percentile of latency",
        quantity: Quantity::Time,
        of: |cell| cell.quantile(0.99)?.shown(),
    },
    Metric {
        name: "cpu",
        title: "Server CPU time per request",
        quantity: Quantity::Time,
        of: |cell| cell.server_cpu_per_request_ns.as_ref().map(Shown::of),
    },
    Metric {
        name: "memory",
        title: "Server memory",
        quantity: Quantity::Bytes,
        of: |cell| cell.memory().map(Shown::of),
    },
];

/// The document that draws all of it.
const DOCUMENT: &str = "figures.tex";

/// The files: names and contents.
///
/// # Errors
/// When a trial is not there.
pub(super) fn files(run: &Run) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    let mut plots = Vec::new();
    for (group, cells) in tables::groups(&run.summary) {
        let cells: Vec<&Cell> = cells.into_iter().filter(|cell| !cell.twin).collect();
        let drawn = if cells.iter().any(|cell| !cell.factors.is_empty()) {
            sweep::of(group, &cells)
        } else {
            let mut drawn = vec![percentiles(run, group, &cells)?];
            drawn.extend(METRICS.iter().map(|metric| bars(group, &cells, metric)));
            drawn
        };
        for (plot, table) in drawn.into_iter().filter(|(plot, _)| !plot.series.is_empty()) {
            let header = header(run, group, &cells);
            files.push((plot.file.clone(), header + &table));
            plots.push(plot);
        }
    }
    files.push((DOCUMENT.into(), document::text(&run.summary, &plots)));
    Ok(files)
}

/// What must be known to use a table.
fn header(run: &Run, group: &str, cells: &[&Cell]) -> String {
    let summary = &run.summary;
    let mut text =
        format!("# run {}, {group}; {}\n", summary.run.id, summary.run.command.join(" "));
    text.push_str("# NAME_minus and NAME_plus reach to the ends of the 95 % interval; of latencies, which are of all\n\
         # trials together, to the smallest and the largest of the trials' own\n");
    let invalid = cells.iter().filter(|cell| cell.validity == Validity::Invalid);
    for cell in invalid {
        let _ = writeln!(text, "# invalid, left out: {} under {}", cell.model, cell.workload);
    }
    text
}

/// What may be in a name that TeX reads: letters, digits, hyphens, points.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
}

/// An entry as three numbers.
fn three(shown: Option<&Shown>, size: f64) -> String {
    let Some(Shown { value, low, high, .. }) = shown else { return "nan nan nan".into() };
    format!("{} {} {}", value / size, (value - low) / size, (high - value) / size)
}

/// What can be drawn of a cell.
fn drawn(metric: &Metric, cell: &Cell) -> Option<Shown> {
    (metric.of)(cell).filter(|shown| !shown.at_least && cell.validity != Validity::Invalid)
}

/// The unit of a figure.
fn unit(quantity: Quantity, all: impl Iterator<Item = Option<f64>>) -> (f64, String) {
    let known = |value| Entry::Known { value, interval: None, at_least: false };
    let entries: Vec<_> = all.map(|value| value.map_or(Entry::None, known)).collect();
    let (size, name) = quantity.unit(entries.iter());
    (size, if name.is_empty() { String::new() } else { format!(" ({name})") })
}

/// One bar for each model.
fn bars(group: &str, cells: &[&Cell], metric: &Metric) -> (Plot, String) {
    let known: Vec<_> = cells.iter().filter(|cell| drawn(metric, cell).is_some()).collect();
    let (size, unit) =
        unit(metric.quantity, known.iter().map(|cell| Some(drawn(metric, cell)?.value)));
    let mut table = format!("model {0} {0}_minus {0}_plus\n", metric.name);
    for cell in &known {
        let _ =
            writeln!(table, "{} {}", plain(&cell.model), three(drawn(metric, cell).as_ref(), size));
    }
    let plot = Plot {
        file: format!("{}-{}.dat", plain(group), metric.name),
        title: format!("{group}: {}", metric.title),
        options: String::new(),
        across: format!("{}{unit}", metric.title),
        up: String::new(),
        bars: Some(metric.name),
        series: known.iter().map(|cell| plain(&cell.model)).collect(),
    };
    (plot, table)
}

/// One line for each model: latency by percentile, at the quantiles that its trials together know.
fn percentiles(run: &Run, group: &str, cells: &[&Cell]) -> Result<(Plot, String)> {
    let quantiles = QUANTILES.into_iter().filter(|q| *q > 0.0 && *q < 1.0);
    let mut rows: Vec<(f64, Vec<Option<Shown>>)> = quantiles.map(|q| (q, Vec::new())).collect();
    let at: Vec<f64> = rows.iter().map(|(q, _)| *q).collect();
    for cell in cells {
        let trials = run.trials(cell)?;
        let latency: Vec<_> = trials.iter().map(|(_, trial)| trial.latency.headline()).collect();
        for ((q, row), pooled) in rows.iter_mut().zip(pooled::of(&latency, &at)?) {
            let own = CellQuantile { q: *q, value_ns: None, at_least: false, pooled };
            let drawn = own.shown().filter(|shown| !shown.at_least);
            row.push(drawn.filter(|_| cell.validity != Validity::Invalid));
        }
    }
    rows.retain(|(_, row)| row.iter().any(Option::is_some));
    let all = rows.iter().flat_map(|(_, row)| row.iter().map(|own| Some(own.as_ref()?.value)));
    let (size, unit) = unit(Quantity::Time, all);
    let models: Vec<String> = cells.iter().map(|cell| plain(&cell.model)).collect();
    let mut table = columns("x q", &models);
    for (q, row) in &rows {
        let _ = write!(table, "{:.6} {q}", 1.0 / (1.0 - q));
        row.iter().for_each(|entry| _ = write!(table, " {}", three(entry.as_ref(), size)));
        table.push('\n');
    }
    let known = |at: &usize| rows.iter().any(|(_, row)| row[*at].is_some());
    let plot = Plot {
        file: format!("{}-percentiles.dat", plain(group)),
        title: format!("{group}: latency by percentile"),
        options: "xmode=log, ymode=log, xtick={1, 2, 10, 100, 1000, 10000, 100000}, \
                  xticklabels={0, 50, 90, 99, 99.9, 99.99, 99.999}"
            .into(),
        across: "Percentile".into(),
        up: format!("Latency{unit}"),
        bars: None,
        series: (0..models.len()).filter(known).map(|at| models[at].clone()).collect(),
    };
    Ok((plot, table))
}

/// The first line of a table with three columns for each model.
fn columns(first: &str, models: &[String]) -> String {
    let mut line = first.to_string();
    models.iter().for_each(|model| _ = write!(line, " {model} {model}_minus {model}_plus"));
    line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{closed, summary};

    #[test]
    fn bars_leave_out_what_is_invalid_and_say_so() {
        let mut broken = closed("poll", &[1e4; 3]);
        broken.validity = Validity::Invalid;
        let summary = summary(vec![closed("epoll", &[1e4, 2e4, 4e4]), broken]);
        let cells: Vec<&Cell> = summary.cells.iter().collect();
        let (plot, table) = bars("echo_1", &cells, &METRICS[0]);
        assert_eq!(plot.file, "echo-1-throughput.dat");
        assert_eq!(table, "model throughput throughput_minus throughput_plus\nepoll 20 10 20\n");
        let run = Run { dir: ".".into(), summary: summary.clone() };
        assert!(header(&run, "echo", &cells).contains("# invalid, left out: poll under echo\n"));
    }
}
