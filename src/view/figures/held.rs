//! The server's memory per additional connection, in plans that vary the number of connections.

use super::columns::{Numbers, label};
use super::looks::family;
use super::workload::best_first;
use crate::analysis::doubt::by_block;
use crate::analysis::metric::MEMORY;
use crate::analysis::sweeps::Sweep;
use crate::document::{Cell, Estimate, Figure, Marks, Row, Shown, Unit};

/// Settings that are numbers of connections.
const FACTORS: [&str; 2] = ["connections", "idle-connections"];

/// A bar for each model, from its fewest to its most connections. There is no figure if the plan
/// varies other settings too, because a bar would not say to which of them it belongs.
pub(super) fn figure(
    first: &Sweep<'_>,
    panels: &[Sweep<'_>],
    numbers: &Numbers<'_>,
    load: String,
) -> Option<Figure> {
    if panels.len() > 1 || !FACTORS.contains(&first.factor) {
        return None;
    }
    let mut rows: Vec<Row> = Vec::new();
    for line in &first.lines {
        let ends = line.points.first().zip(line.points.last());
        let Some(((few, base), (many, cell))) = ends else { continue };
        let is_first = !rows.iter().any(|row| row.label.family == family(line.model));
        rows.extend(growth(base, cell, many - few).map(|estimate| {
            Row::shown(label(cell, numbers, is_first), Shown::from_estimate(&estimate))
        }));
    }
    let rows = best_first(rows);
    let (few, many) = (first.values.first()?.1, first.values.last()?.1);
    (!rows.is_empty()).then(|| Figure {
        id: super::sweep::id(first.series, "per-connection"),
        name: "per-connection".into(),
        of: first.series.into(),
        title: "Memory for each further connection".into(),
        load,
        shows: format!(
            "Growth of the proportional set size from the fewest to the most {} ({few} to {many}), \
             divided by their difference, in pairs of the same block: the bar is the median, the \
             line its interval, the dots are the blocks.",
            first.factor
        ),
        notice: Vec::new(),
        greyed: None,
        caveats: vec![
            "User memory only: the kernel's memory for sockets and stacks is not in it.".into(),
        ],
        unit: Unit::Bytes,
        axis: "for each further connection".into(),
        sweep: None,
        marks: Marks::Bars(rows),
    })
}

/// The difference of two cells in each block, divided by the number of additional connections.
fn growth(base: &Cell, cell: &Cell, more: f64) -> Option<Estimate> {
    let (of_base, of_cell) = (by_block(&MEMORY, base)?, by_block(&MEMORY, cell)?);
    let of = |block: u32| of_base.iter().find(|(own, _)| *own == block).map(|(_, value)| *value);
    let each = of_cell.iter().filter_map(|(block, value)| Some((value - of(*block)?) / more));
    let each: Vec<f64> = each.collect();
    if more > 0.0 && !each.is_empty() { Estimate::from_values(&each) } else { None }
}

#[cfg(test)]
mod tests {
    use super::super::columns::numbers;
    use super::super::sweep::series;
    use super::*;
    use crate::analysis::synthetic::{closed, point, summary};

    #[test]
    fn memory_for_a_connection_is_a_difference_in_pairs_of_blocks() {
        let at = |connections: f64, each: f64| {
            let mut cell = closed("epoll", &[1e5; 3]);
            // Each block starts from a different amount of memory, which cancels out in the
            // difference.
            let values = [0.0, 1e6, 2e6].map(|own| own + each * connections);
            cell.pss_bytes = Estimate::from_values(&values).expect("values");
            point(cell, "many", "connections", connections)
        };
        let summary = summary(vec![at(10.0, 400.0), at(1010.0, 400.0)]);
        let series = series(&summary);
        let panels = &series[0].1;
        let numbers = numbers(&summary.cells);
        let found = figure(&panels[0], panels, &numbers, String::new()).expect("a figure");
        let Marks::Bars(rows) = &found.marks else { panic!("bars") };
        assert_eq!(rows.len(), 1);
        assert!(rows[0].values.iter().all(|each| (each - 400.0).abs() < 1e-9), "{rows:?}");
        assert!(found.shows.contains("10 to 1010"), "{}", found.shows);
    }
}
