//! Turnaround times, below a workload's table.

use std::fmt::Write as _;

use crate::base::units::show_ns_f64;
use crate::document::{Cell, CellQuantile, CellTurnaround, Estimate};
use crate::view::columns::{self, Figure, Quantity};

/// A row for each model: the mean, quantiles, and the sum of a trial's clients.
pub(super) fn lines(cells: &[&Cell]) -> String {
    let mut missing = Vec::new();
    let columns = ["turnaround", "mean", "p50", "p95", "p99", "sum of all clients"];
    let mut table = super::table(&columns, 1);
    for cell in cells {
        match &cell.turnaround {
            Some(found) => drop(table.add_row(row(cell, found))),
            None => missing.push(cell.name()),
        }
    }
    if missing.len() == cells.len() {
        return String::new();
    }
    let mut text = format!(
        "turnaround of each client, from its connect to its last reply; mean and sum are medians \
         over the trials\n{table}\n"
    );
    if !missing.is_empty() {
        let _ = writeln!(
            text,
            "  no client finished within some measurement: {}; measure for longer",
            missing.join(", ")
        );
    }
    text
}

fn row(cell: &Cell, found: &CellTurnaround) -> Vec<String> {
    let quantile =
        |q: f64| Figure::quantile(CellQuantile::among(&found.quantiles, q)).text(Quantity::Time);
    let Estimate { median, ref values, .. } = found.mean_ns;
    vec![
        cell.name(),
        show_ns_f64(median) + &columns::spread(median, values),
        quantile(0.5),
        quantile(0.95),
        quantile(0.99),
        show_ns_f64(found.total_ns.median),
    ]
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::analysis::synthetic::closed;
    use crate::document::{CellQuantile, CellTurnaround, Estimate};

    #[test]
    fn a_client_that_was_done_is_in_a_row_and_one_that_was_not_below() {
        let mut done = closed("epoll", &[1e4; 3]);
        let of = |ns: f64| Estimate::from_values(&[ns; 3]).expect("values");
        let quantile = |q, value_ns| CellQuantile { q, value_ns, at_least: false, pooled: None };
        done.turnaround = Some(CellTurnaround {
            mean_ns: of(2e9),
            total_ns: of(3e12),
            quantiles: vec![quantile(0.5, Some(of(1.5e9))), quantile(0.99, None)],
        });
        let text = lines(&[&done, &closed("fork", &[1e4; 3])]);
        let row = text.lines().find(|line| line.contains("epoll")).expect("a row");
        for figure in ["2.00 s ±0%", "1.50 s", "too few", "3000 s"] {
            assert!(row.contains(figure), "{figure} in {row}");
        }
        assert!(text.contains("within some measurement: fork;"), "{text}");
        assert_eq!(lines(&[&closed("fork", &[1e4; 3])]), "");
    }
}
