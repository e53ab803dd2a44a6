//! A run as tidy CSV: one observation for each line, one variable for each column.
//!
//! A line is one figure of one trial. Quantiles with too few samples are written too; `admitted`
//! marks those with enough, so that programs can filter. The trials of the null baseline are lines
//! with the workload `reference` and no model.

use anyhow::{Context, Result};

use super::source::Run;
use super::tables::factor;
use crate::base::units::as_f64;
use crate::document::{Cell, Change, Comparison, Trial, Validity};
use crate::statistics::Verdict;

/// The columns before those of the factors.
const COLUMNS: [&str; 13] = [
    "run", "workload", "series", "model", "twin", "block", "position", "validity", "metric",
    "quantile", "value", "admitted", "at_least",
];

/// The workload in lines about the null baseline.
const REFERENCE: &str = "reference";

/// One figure of a trial; its unit is in its name, as in the documents.
struct Figure {
    metric: &'static str,
    quantile: Option<f64>,
    value: f64,
    admitted: bool,
    at_least: bool,
}

impl Figure {
    fn new(metric: &'static str, value: f64) -> Self {
        Self { metric, quantile: None, value, admitted: true, at_least: false }
    }
}

/// The whole run.
///
/// # Errors
/// When a trial is missing.
pub(super) fn csv(run: &Run) -> Result<String> {
    let cells: Vec<&Cell> = run.summary.cells.iter().collect();
    let factors = super::tables::factor_names(&cells);
    let mut lines = csv::Writer::from_writer(Vec::new());
    lines.write_record(COLUMNS.iter().copied().chain(factors.iter().copied()))?;
    for cell in cells {
        let varied = factors.iter().map(|name| factor(cell, name));
        let varied: Vec<&str> = varied.map(|f| f.map_or("", |f| f.text.as_str())).collect();
        let of = Of {
            workload: &cell.workload,
            series: cell.series.as_deref().unwrap_or_default(),
            model: &cell.model,
            twin: cell.twin,
        };
        for (_, trial) in run.trials(cell)? {
            for figure in figures(&trial) {
                let record = record(&run.summary.run.id, &of, &trial, &figure);
                lines.write_record(record.iter().map(String::as_str).chain(varied.clone()))?;
            }
        }
    }
    for trial in run.reference()? {
        // The model is empty, so the null baseline is not taken for a model when lines are grouped.
        let of = Of { workload: REFERENCE, ..Of::default() };
        for figure in figures(&trial) {
            let record = record(&run.summary.run.id, &of, &trial, &figure);
            lines.write_record(
                record.iter().map(String::as_str).chain(factors.iter().map(|_| "")),
            )?;
        }
    }
    String::from_utf8(lines.into_inner()?).context("text")
}

/// The cell of a trial.
#[derive(Default)]
struct Of<'a> {
    workload: &'a str,
    series: &'a str,
    model: &'a str,
    twin: bool,
}

fn record(run: &str, of: &Of<'_>, trial: &Trial, figure: &Figure) -> [String; 13] {
    let validity = match trial.validity {
        Validity::Valid => "valid",
        Validity::Suspect => "suspect",
        Validity::Invalid => "invalid",
    };
    [
        run.into(),
        of.workload.into(),
        of.series.into(),
        of.model.into(),
        of.twin.to_string(),
        trial.run.block.to_string(),
        trial.run.position.to_string(),
        validity.into(),
        figure.metric.into(),
        figure.quantile.map_or(String::new(), |q| q.to_string()),
        figure.value.to_string(),
        figure.admitted.to_string(),
        figure.at_least.to_string(),
    ]
}

fn figures(trial: &Trial) -> Vec<Figure> {
    let census = &trial.census;
    let mut figures = vec![
        Figure::new("throughput_per_s", trial.throughput_per_s),
        Figure::new("offered", as_f64(census.offered)),
        Figure::new("ok", as_f64(census.ok)),
        Figure::new("failed", as_f64(census.failed())),
        Figure::new("unfinished", as_f64(census.unfinished + census.never_sent)),
    ];
    let response = trial.latency.response.as_ref().map(|d| ("response_ns", d));
    for (metric, distribution) in
        response.into_iter().chain([("service_ns", &trial.latency.service)])
    {
        // Without samples there are no quantiles: a value of 0 would be wrong.
        let some = distribution.quantiles.iter().filter(|_| distribution.count > 0);
        figures.extend(some.map(|quantile| Figure {
            metric,
            quantile: Some(quantile.q),
            value: as_f64(quantile.value),
            admitted: quantile.admitted,
            at_least: quantile.at_least,
        }));
    }
    let client = trial.client.cpu_per_request_ns;
    figures.extend(client.map(|ns| Figure::new("client_cpu_per_request_ns", ns)));
    if let Some(server) = &trial.server {
        let cost = server.cpu_per_request_ns;
        figures.extend(cost.map(|ns| Figure::new("server_cpu_per_request_ns", ns)));
        let user = server.cpu_user_share;
        figures.extend(user.map(|share| Figure::new("server_cpu_user_share", share)));
        figures.push(Figure::new("pss_bytes", as_f64(server.memory.pss_bytes)));
    }
    figures
}

/// A comparison: one line for each figure of each cell, with the document's names.
///
/// # Errors
/// When it cannot be written, which would be a bug.
pub(super) fn comparison(comparison: &Comparison, all: bool) -> Result<String> {
    let mut lines = csv::Writer::from_writer(Vec::new());
    lines.write_record([
        "base_run",
        "new_run",
        "workload",
        "model",
        "metric",
        "base",
        "new",
        "ratio",
        "low",
        "high",
        "p_value",
        "p_value_by_rank",
        "verdict",
        "why",
    ])?;
    for row in comparison.shown(all) {
        let change = |of: fn(&Change) -> f64| row.change.as_ref().map(of);
        let numbers = [
            row.base,
            row.new,
            change(|change| change.ratio),
            change(|change| change.interval.low),
            change(|change| change.interval.high),
            change(|change| change.p_value),
            row.change.and_then(|change| change.p_value_by_rank),
        ];
        let words = [&comparison.base, &comparison.new, &row.workload, &row.model, &row.metric];
        let verdict = row.verdict.map_or("", Verdict::words).to_string();
        let why = row.why.clone().unwrap_or_default();
        let record = words.into_iter().cloned().chain(
            numbers.map(|number| number.map_or_else(String::new, |number| number.to_string())),
        );
        lines.write_record(record.chain([verdict, why]))?;
    }
    String::from_utf8(lines.into_inner()?).context("text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{bare, closed, reference};
    use crate::document::store;
    use crate::document::{Factor, example};

    #[test]
    fn trials_of_the_reference_are_lines_of_no_model() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(dir.path().join("trials")).expect("a folder");
        let mut cell = closed("epoll", &[1e5]);
        cell.factors = vec![Factor { name: "bytes".into(), text: "16".into(), number: Some(16.0) }];
        let mut summary = bare(vec![cell]);
        summary.reference = Some(reference(1e5, &[5e3, 6e3], &[3e3; 2]));
        let mut trial = example::closed();
        for name in &summary.cells[0].trials {
            store::write_json(&dir.path().join(name), &trial).expect("written");
        }
        for block in 0..2 {
            trial.run.block = block;
            trial.throughput_per_s = 7e4 + f64::from(block);
            let file = dir.path().join(format!("trials/reference.{block}.json"));
            store::write_json(&file, &trial).expect("written");
        }
        let text = csv(&Run { dir: dir.path().into(), summary }).expect("lines");
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let lines = reader.records().map(|line| line.expect("a line"));
        let own = lines.filter(|line| &line[1] == REFERENCE && &line[8] == "throughput_per_s");
        // Workload, series, model, twin, block, value and the factor.
        let told: Vec<String> = own
            .map(|line| [1, 2, 3, 4, 5, 10, 13].map(|at| line[at].to_string()).join("|"))
            .collect();
        assert_eq!(told, ["reference|||false|0|70000|", "reference|||false|1|70001|"]);
        assert!(text.contains(",epoll,"), "{text}");
    }
}
