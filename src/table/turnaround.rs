//! How long clients took that had so many requests and went, under a workload's table.

use std::fmt::Write as _;

use crate::document::Cell;
use crate::units::show_ns_f64;

/// One line for each model that has it: the mean, quantiles, and the total of a trial's clients.
pub(super) fn lines(cells: &[&Cell]) -> String {
    let (mut text, mut missing) = (String::new(), Vec::new());
    for cell in cells {
        let Some(found) = &cell.turnaround else {
            missing.push(cell.model.as_str());
            continue;
        };
        if text.is_empty() {
            text.push_str(
                "turn-around, from connect to the last reply: mean, p50, p99, together\n",
            );
        }
        let quantile = |q: f64| {
            let known = found.quantiles.iter().find(|known| (known.q - q).abs() < 1e-9);
            let value = known.and_then(|known| known.value_ns.as_ref());
            value.map_or("-".into(), |value| show_ns_f64(value.median))
        };
        let _ = writeln!(
            text,
            "  {}: {}, {}, {}, {}",
            super::name(cell),
            show_ns_f64(found.mean_ns.median),
            quantile(0.5),
            quantile(0.99),
            show_ns_f64(found.total_ns.median)
        );
    }
    if !text.is_empty() && !missing.is_empty() {
        let _ = writeln!(
            text,
            "  no client was done within some measurement: {}; measure for longer",
            missing.join(", ")
        );
    }
    text
}
