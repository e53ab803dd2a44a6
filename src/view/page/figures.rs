//! The data of the page's figures. All of it is in the documents too.

use serde::Serialize;
use servers::models;

use super::trials::Drawn;
use crate::analysis::metric::{CONNECT, TURNAROUND};
use crate::base::units::as_f64;
use crate::document::{Cell, Shown, Validity};

/// Points of a line from slice to slice.
const SLICES: usize = 300;

/// All that the script needs to draw a page.
#[derive(Debug, Serialize)]
pub(super) struct Data {
    pub(super) figures: Vec<Figure>,
}

/// One figure.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    /// Where it is drawn.
    pub(super) id: String,
    /// The unit of its values: `ns`, `bytes` or `per_s`.
    pub(super) unit: &'static str,
    /// The title of the axis of values.
    pub(super) axis: String,
    /// For a sweep: its axis of settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sweep: Option<super::sweep::Axis>,
    #[serde(flatten)]
    pub(super) marks: Marks,
}

/// The data of a figure.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", content = "rows", rename_all = "kebab-case")]
pub(super) enum Marks {
    /// A bar from 0 with an interval, for each model.
    Bars(Vec<Row>),
    /// A dot with an interval, for each model, on a logarithmic axis.
    Dots(Vec<Row>),
    /// Several quantiles of each model in one row.
    Quantiles(Vec<QuantileRow>),
    /// A line for each model: latency by percentile.
    Curves(Vec<Line>),
    /// A line for each model: replies and p99 from slice to slice.
    Slices(Vec<Line>),
    /// A line with its band for each model in each panel: a figure over a setting.
    Sweep(Vec<super::sweep::Line>),
}

/// The model of a mark, and whether its figure can be trusted.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Label {
    pub(super) model: String,
    pub(super) family: &'static str,
    /// Its number within its family in this figure: a family has one colour.
    pub(super) member: usize,
    pub(super) validity: Validity,
    /// The caveats.
    pub(super) why: Vec<String>,
}

/// A model's figure.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    #[serde(flatten)]
    label: Label,
    /// The median of the trials; of a quantile, that of all trials together.
    value: f64,
    /// The interval, or the spread where trials are too few for one; of a quantile, the spread.
    low: f64,
    high: f64,
    values: Vec<f64>,
    /// Whether the truth may be more.
    at_least: bool,
    /// Of CPU time: the share in user mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_share: Option<f64>,
    /// In addition to CPU time: how often the server waited per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_per_s: Option<f64>,
}

/// A model's quantiles, of all trials together.
#[derive(Debug, Serialize)]
pub(super) struct QuantileRow {
    #[serde(flatten)]
    label: Label,
    /// Quantile, value, and whether that is a lower bound.
    quantiles: Vec<(f64, f64, bool)>,
}

/// A model's line.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    #[serde(flatten)]
    label: Label,
    /// Whether it is drawn at first.
    shown: bool,
    /// Curves: quantile and value. Slices: start in nanoseconds, replies per second, p99.
    points: Vec<(f64, f64, Option<f64>)>,
    /// Slices: the trial's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    trial: Option<String>,
}

/// A cell and the data from its trials.
#[derive(Debug)]
pub(super) struct Column<'a> {
    pub(super) cell: &'a Cell,
    pub(super) drawn: Drawn,
    pub(super) label: Label,
}

/// A workload's cells with their labels.
pub(super) fn columns<'a>(cells: &[&'a Cell], drawn: Vec<Drawn>) -> Vec<Column<'a>> {
    let mut columns: Vec<Column<'_>> = Vec::new();
    for (cell, drawn) in cells.iter().zip(drawn) {
        let family = family(&cell.model);
        let member = columns.iter().filter(|column| column.label.family == family).count();
        columns.push(Column { cell, drawn, label: label(cell, member) });
    }
    columns
}

/// A cell's label, as the so-many-eth of its family.
pub(super) fn label(cell: &Cell, member: usize) -> Label {
    Label {
        model: cell.model.clone(),
        family: family(&cell.model),
        member,
        validity: cell.validity,
        why: why(cell),
    }
}

/// The caveats of a cell.
pub(super) fn why(cell: &Cell) -> Vec<String> {
    cell.flags.iter().map(|flag| super::micro(&flag.message)).collect()
}

/// A model's family; that of a run of another version may not be known any more.
pub(super) fn family(model: &str) -> &'static str {
    models::find(model).map_or("other", |model| model.family.name())
}

/// Every figure of a workload, in the order of the page; those without data are left out.
pub(super) fn workload_figures(workload: &str, columns: &[&Column<'_>]) -> Vec<Figure> {
    let closed = columns.iter().all(|column| column.cell.is_closed());
    let time = if closed { "service time" } else { "response time" };
    let figure = |name: &str, unit, axis: &str, marks| Figure {
        id: format!("{workload}-{name}"),
        unit,
        axis: axis.into(),
        sweep: None,
        marks,
    };
    let throughput =
        Marks::Bars(rows(columns, |cell| Some(Shown::from_estimate(&cell.throughput_per_s))));
    let tail = Marks::Dots(rows(columns, |cell| cell.quantile(0.99)?.shown()));
    let cost = Marks::Bars(costs(columns));
    let memory = Marks::Bars(rows(columns, |cell| Some(Shown::from_estimate(&cell.pss_bytes))));
    let turnaround =
        Marks::Dots(rows(columns, |cell| (TURNAROUND.of)(cell).map(Shown::from_estimate)));
    let connect = Marks::Dots(rows(columns, |cell| (CONNECT.of)(cell).map(Shown::from_estimate)));
    let mut figures = vec![
        figure("turnaround", "ns", "mean turnaround", turnaround),
        figure("percentiles", "ns", time, Marks::Curves(curves(columns))),
        figure("throughput", "per_s", "right replies per second", throughput),
        figure("p99", "ns", &format!("99th percentile of the {time}"), tail),
        figure("connect", "ns", "median time to connect", connect),
        figure("cpu", "ns", "server CPU time per right reply", cost),
        figure("memory", "bytes", "proportional set size", memory),
        figure("load", "ns", time, Marks::Quantiles(quantiles(columns))),
        figure("time", "per_s", "right replies per second", Marks::Slices(slices(columns))),
    ];
    // At a rate that all keep up with, throughput is that rate; without one, loads are not equal.
    let unwanted = format!("{workload}-{}", if closed { "load" } else { "throughput" });
    figures.retain(|figure| figure.id != unwanted && !figure.is_empty());
    figures.splice(0..0, super::steps::figures(workload, columns));
    figures
}

impl Figure {
    pub(super) fn is_empty(&self) -> bool {
        match &self.marks {
            Marks::Bars(rows) | Marks::Dots(rows) => rows.is_empty(),
            Marks::Quantiles(rows) => rows.is_empty(),
            Marks::Curves(lines) | Marks::Slices(lines) => lines.is_empty(),
            Marks::Sweep(lines) => lines.is_empty(),
        }
    }
}

fn rows(columns: &[&Column<'_>], of: fn(&Cell) -> Option<Shown>) -> Vec<Row> {
    let row = |column: &Column<'_>| {
        let Shown { value, low, high, values, at_least } = of(column.cell)?;
        let label = column.label.clone();
        Some(Row { label, value, low, high, values, at_least, user_share: None, waits_per_s: None })
    };
    columns.iter().copied().filter_map(row).collect()
}

/// CPU time, with where it was spent.
fn costs(columns: &[&Column<'_>]) -> Vec<Row> {
    let row = |column: &Column<'_>| {
        let row = rows(&[column], |cell| {
            cell.server_cpu_per_request_ns.as_ref().map(Shown::from_estimate)
        })
        .pop()?;
        let Column { drawn, .. } = column;
        Some(Row { user_share: drawn.user_share, waits_per_s: drawn.waits_per_s, ..row })
    };
    columns.iter().copied().filter_map(row).collect()
}

fn quantiles(columns: &[&Column<'_>]) -> Vec<QuantileRow> {
    let row = |column: &Column<'_>| {
        // The extreme is the accident of one sample.
        let shown = column.cell.latency.iter().filter(|quantile| quantile.q < 1.0);
        let known = shown.filter_map(|quantile| {
            let shown = quantile.shown()?;
            Some((quantile.q, shown.value, shown.at_least))
        });
        let quantiles: Vec<_> = known.collect();
        (!quantiles.is_empty()).then(|| QuantileRow { label: column.label.clone(), quantiles })
    };
    columns.iter().copied().filter_map(row).collect()
}

fn curves(columns: &[&Column<'_>]) -> Vec<Line> {
    let line = |column: &Column<'_>| {
        let points = column.drawn.curve.iter();
        let points: Vec<_> = points.map(|(q, value)| (*q, as_f64(*value), None)).collect();
        (!points.is_empty()).then(|| Line {
            label: column.label.clone(),
            shown: is_first_of_family(columns, column),
            points,
            trial: None,
        })
    };
    some_shown(columns.iter().copied().filter_map(line).collect())
}

/// If every model starves clients or failed a check, no model represents its family. Then all are
/// drawn, because a figure without a line says less.
fn some_shown(mut lines: Vec<Line>) -> Vec<Line> {
    if !lines.iter().any(|line| line.shown) {
        lines.iter_mut().for_each(|line| line.shown = true);
    }
    lines
}

fn slices(columns: &[&Column<'_>]) -> Vec<Line> {
    let line = |column: &Column<'_>| {
        let trial = column.drawn.typical.as_ref()?;
        let whole: Vec<_> = trial.intervals.iter().filter(|slice| slice.width_ns > 0).collect();
        // Neighbouring points of a long trial are drawn as one: more points cannot be
        // distinguished, and a page has many lines.
        let together = whole.len().div_ceil(SLICES).max(1);
        let point = |slices: &[&crate::document::Interval]| {
            let sum = |of: fn(&crate::document::Interval) -> u64| -> f64 {
                slices.iter().map(|slice| as_f64(of(slice))).sum()
            };
            let rate = sum(|slice| slice.ok) * 1e9 / sum(|slice| slice.width_ns);
            let worst = slices.iter().filter_map(|slice| slice.p99_ns).max();
            (slices.first().map_or(0.0, |slice| as_f64(slice.start_ns)), rate, worst.map(as_f64))
        };
        let points: Vec<_> = whole.chunks(together).map(point).collect();
        let at = column.cell.trials.iter();
        let ending = format!(".{}.json", trial.run.block);
        let file = at.clone().find(|file| file.ends_with(&ending)).cloned();
        (points.len() > 1).then(|| Line {
            label: column.label.clone(),
            shown: is_first_of_family(columns, column),
            points,
            trial: file,
        })
    };
    some_shown(columns.iter().copied().filter_map(line).collect())
}

/// Whether it is the one of its family with the lowest p99 (or else median); twenty lines at once
/// show nothing.
fn is_first_of_family(columns: &[&Column<'_>], column: &Column<'_>) -> bool {
    let key = |column: &Column<'_>| {
        let shown = |q| column.cell.quantile(q)?.shown();
        shown(0.99).or(shown(0.5)).map_or(f64::INFINITY, |shown| shown.value)
    };
    let family = columns.iter().filter(|other| other.label.family == column.label.family);
    let first = family.min_by(|a, b| key(a).total_cmp(&key(b)));
    let fair = !column.cell.starves() && column.cell.validity != Validity::Invalid;
    fair && first.is_some_and(|first| first.label.model == column.label.model)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{closed, flag, open, summary};

    fn rows_of(cell: Cell, name: &str) -> Vec<Row> {
        let summary = summary(vec![cell]);
        let cells: Vec<&Cell> = summary.cells.iter().collect();
        let columns = columns(&cells, vec![Drawn::default()]);
        let figures = workload_figures(&cells[0].workload, &columns.iter().collect::<Vec<_>>());
        let figure = figures.into_iter().find(|figure| figure.id.ends_with(name));
        match figure.expect("a figure").marks {
            Marks::Bars(rows) | Marks::Dots(rows) => rows,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_mark_has_the_interval_and_the_spread_only_without_one() {
        let many: Vec<f64> = (1..=15).map(|i| f64::from(i * i)).collect();
        let row = &rows_of(closed("epoll", &many), "throughput")[0];
        assert!(row.low > 1.0 && row.low < 64.0 && row.high > 64.0 && row.high < 225.0, "{row:?}");
        let row = &rows_of(closed("epoll", &[10.0, 30.0]), "throughput")[0];
        assert_eq!((row.low, row.value, row.high), (10.0, 20.0, 30.0));
    }

    #[test]
    fn a_mark_says_what_was_flagged_and_what_is_a_lower_bound() {
        let mut cell = open("epoll", &[4e5; 3]);
        flag(&mut cell, "kept-up");
        cell.latency[3].at_least = true;
        let row = &rows_of(cell, "p99")[0];
        assert!(row.at_least && row.label.validity == Validity::Suspect);
        assert_eq!(row.label.why, ["kept-up said something"]);
        assert!(!rows_of(open("epoll", &[4e5; 3]), "p99")[0].at_least);
        assert!(!rows_of(open("epoll", &[4e5; 3]), "memory")[0].at_least);
    }

    #[test]
    fn of_a_long_trial_neighbouring_slices_are_one_point() {
        let mut trial = crate::document::example::closed();
        let slice = |at: u64| crate::document::Interval {
            start_ns: at * 100,
            width_ns: 100,
            ok: at % 2,
            p99_ns: (at != 1).then_some(at),
            ..trial.intervals[0].clone()
        };
        trial.intervals = (0..601).map(slice).collect();
        let cell = closed("epoll", &[1e5; 3]);
        let drawn = Drawn { typical: Some(trial), ..Drawn::default() };
        let columns = columns(&[&cell], vec![drawn]);
        let points = &slices(&columns.iter().collect::<Vec<_>>())[0].points;
        assert_eq!(points.len(), 201, "three at a time");
        // Of slices 0 to 2 one reply in 300 ns, and the last has the highest p99.
        assert_eq!((points[0].0, points[0].2), (0.0, Some(2.0)));
        assert!((points[0].1 - 1e9 / 300.0).abs() < 1e-3);
        assert_eq!((points[200].0, points[200].2), (60_000.0, Some(600.0)));
    }

    #[test]
    fn where_nobody_is_sound_all_lines_are_drawn() {
        let cells = ["epoll", "fork"]
            .map(|model| Cell { validity: Validity::Invalid, ..closed(model, &[1e5; 3]) });
        let curve = || Drawn { curve: vec![(0.5, 1), (0.9, 2)], ..Drawn::default() };
        let shown = |cells: &[&Cell]| {
            let columns = columns(cells, vec![curve(), curve()]);
            let lines = curves(&columns.iter().collect::<Vec<_>>());
            lines.iter().map(|line| line.shown).collect::<Vec<_>>()
        };
        assert_eq!(shown(&[&cells[0], &cells[1]]), [true, true]);
        let sound = closed("epoll", &[1e5; 3]);
        assert_eq!(shown(&[&sound, &cells[1]]), [true, false]);
    }

    #[test]
    fn without_trials_there_are_no_lines_and_an_open_loop_has_no_throughput() {
        let summary = summary(vec![open("epoll", &[4e5; 3])]);
        let cells: Vec<&Cell> = summary.cells.iter().collect();
        let columns = columns(&cells, vec![Drawn::default()]);
        let figures = workload_figures("echo-open", &columns.iter().collect::<Vec<_>>());
        let ids: Vec<&str> = figures.iter().map(|figure| figure.id.as_str()).collect();
        assert_eq!(ids, ["echo-open-p99", "echo-open-cpu", "echo-open-memory", "echo-open-load"]);
    }
}
