//! The steps of a staircase.

use crate::base::units::{show_count, show_ns};
use crate::document::{StepRecord, Trial};

/// One row for each step; empty for any other load.
pub(super) fn steps_text(trial: &Trial) -> String {
    if trial.steps.is_empty() {
        return String::new();
    }
    let header =
        ["step", "rate", "offered", "right", "failed", "p50", "p90", "p99", "p99.9", "max"];
    let mut table = super::table(&header, 1);
    for step in &trial.steps {
        table.add_row(row(step));
    }
    format!("response time of the requests that were due in each step\n{table}\n")
}

fn row(step: &StepRecord) -> Vec<String> {
    let mut row = vec![
        format!("{} to {}", show_ns(step.start_ns), show_ns(step.start_ns + step.width_ns)),
        format!("{}/s", show_count(step.rate_per_s)),
        step.offered.to_string(),
        step.ok.to_string(),
        step.failed.to_string(),
    ];
    if step.response.count > 0 {
        let shown = [0.5, 0.9, 0.99, 0.999, 1.0];
        let quantiles = shown.iter().filter_map(|q| step.response.quantile(*q));
        row.extend(quantiles.map(super::load::show_quantile));
    }
    row
}
