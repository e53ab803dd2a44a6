//! The steps of a staircase on the page: the replies in each, and their latencies.

use super::columns::Column;
use super::words::Plain;
use crate::base::units::{show_count, show_ns};
use crate::document::{
    Cell, CellQuantile, CellStep, Estimate, Marks, Point, SettingAxis, Shown, SweepLine, Unit,
    Validity,
};

/// Both figures, for the models whose trials have the steps; empty for any other load.
pub(super) fn figures(columns: &[&Column<'_>]) -> Vec<Plain> {
    let Some(steps) = columns.iter().map(|c| &c.cell.steps).find(|steps| !steps.is_empty()) else {
        return Vec::new();
    };
    let one = steps.iter().all(|step| step.width_ns == steps[0].width_ns);
    let length = if one { format!(" of {}", show_ns(steps[0].width_ns)) } else { String::new() };
    let axis = SettingAxis {
        factor: format!("steps{length}, by their requests per second"),
        logarithmic: false,
        ticks: (0..).map(place).zip(steps.iter().map(|step| show_count(step.rate_per_s))).collect(),
        panels: vec![String::new()],
    };
    let figure = |name, unit, title: &str, of: fn(&CellStep) -> Option<Shown>| Plain {
        name,
        unit,
        axis: title.into(),
        sweep: Some(axis.clone()),
        marks: Marks::Sweep(columns.iter().filter_map(|column| line(column, of)).collect()),
    };
    vec![
        figure("answered", Unit::PerS, "correct replies per second", answered),
        figure("waits", Unit::Ns, "median response time", waits),
    ]
}

fn place(at: u32) -> f64 {
    f64::from(at + 1)
}

/// The rate of replies to the requests that were due in a step.
fn answered(step: &CellStep) -> Option<Shown> {
    let values: Vec<f64> =
        step.answered.values.iter().map(|share| share * step.rate_per_s).collect();
    Estimate::from_values(&values).as_ref().map(Shown::from_estimate)
}

fn waits(step: &CellStep) -> Option<Shown> {
    CellQuantile::among(&step.response, 0.5)?.shown()
}

fn line(column: &Column<'_>, of: fn(&CellStep) -> Option<Shown>) -> Option<SweepLine> {
    let cell: &Cell = column.cell;
    let point = |(at, step): (u32, &CellStep)| {
        let Shown { value, low, high, .. } = of(step)?;
        Some(Point {
            x: place(at),
            value,
            low,
            high,
            // A check that fails over a whole staircase, such as that of overload, says nothing
            // about one step.
            validity: Validity::Valid,
            why: super::columns::why(cell),
        })
    };
    let points: Vec<Point> = (0..).zip(&cell.steps).filter_map(point).collect();
    (!points.is_empty()).then(|| SweepLine {
        label: column.label.clone(),
        shown: true,
        panel: 0,
        points,
        law: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::columns::{columns, numbers};
    use super::super::trials::Drawn;
    use super::*;
    use crate::analysis::synthetic::{climbed, open};

    fn drawn(cells: &[&Cell]) -> Vec<Plain> {
        let drawn = cells.iter().map(|_| Drawn::default()).collect();
        let columns = columns(cells, drawn, &numbers(cells.iter().copied()));
        figures(&columns.iter().collect::<Vec<_>>())
    }

    #[test]
    fn each_step_has_a_point_and_its_rate_as_a_mark() {
        let cell = climbed("epoll", &[(1e3, 1.0, 1e5), (3e3, 0.5, 9e5), (1e3, 1.0, 2e5)]);
        let found = drawn(&[&cell]);
        let names: Vec<&str> = found.iter().map(|figure| figure.name).collect();
        assert_eq!(names, ["answered", "waits"]);
        let ticks = &found[0].sweep.as_ref().expect("an axis").ticks;
        assert_eq!(*ticks, [(1.0, "1.00k".into()), (2.0, "3.00k".into()), (3.0, "1.00k".into())]);
        let points = |figure: &Plain| match &figure.marks {
            Marks::Sweep(lines) => lines[0].points.iter().map(|p| p.value).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(points(&found[0]), [1e3, 1.5e3, 1e3]);
        assert_eq!(points(&found[1]), [1e5, 9e5, 2e5]);
    }

    #[test]
    fn without_steps_there_is_no_figure() {
        assert!(drawn(&[&open("epoll", &[4e5; 3])]).is_empty());
        assert!(drawn(&[]).is_empty());
    }
}
