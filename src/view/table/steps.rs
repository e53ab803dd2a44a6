//! The steps of a staircase, as a table.

use std::fmt::Write as _;

use super::fit;
use super::load::quantile;
use crate::base::units::{show_count, show_ns};
use crate::document::{StepRecord, Trial};
use crate::view::columns;

const COUNTS: [&str; 5] = ["step", "rate", "offered", "correct", "failed"];
/// The order in which columns are left out if there is no room for them.
const GIVE_WAY: [&str; 6] = ["p90", "max", "p99.9", "p95", "p99", "offered"];

/// One row for each step; empty for any other load.
pub(super) fn steps_text(trial: &Trial) -> String {
    if trial.steps.is_empty() {
        return String::new();
    }
    let names: Vec<&str> =
        COUNTS.into_iter().chain(columns::quantiles().map(|(name, _)| name)).collect();
    let rows: Vec<_> = trial.steps.iter().map(row).collect();
    let (table, gone) =
        fit::Columns { names: &names, give_way: &GIVE_WAY }.fitted(&rows, Some(super::width()));
    let mut text = format!("response time of the requests that were due in each step\n{table}\n");
    if !gone.is_empty() {
        let _ = writeln!(text, "columns that do not fit: {} (see --json)", gone.join(", "));
    }
    text
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
        row.extend(columns::quantiles().map(|(_, q)| quantile(&step.response, q)));
    }
    row
}
