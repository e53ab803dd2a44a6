//! The figures of one workload.

use super::columns::Column;
use super::words::{Plain, captioned};
use crate::analysis::metric::{CONNECT, TURNAROUND};
use crate::base::units::as_f64;
use crate::document::{
    Cell, Figure, Interval, Line, Marks, QuantileRow, Row, Shown, Unit, Validity,
};

/// The most points of a line over time.
const SLICES: usize = 300;

/// Every figure of a workload, in the order of the page; those without data are left out.
pub(super) fn figures(workload: &str, columns: &[&Column<'_>]) -> Vec<Figure> {
    let closed = columns.iter().all(|column| column.cell.is_closed());
    let time = if closed { "service time" } else { "response time" };
    let figure = |name: &'static str, unit, axis: &str, marks| Plain {
        name,
        unit,
        axis: axis.into(),
        sweep: None,
        marks,
    };
    let bars = |of: fn(&Cell) -> Option<Shown>| rows(columns, of);
    let dots = |of: fn(&Cell) -> Option<Shown>| Marks::Dots(best_first(rows(columns, of)));
    let mut throughput =
        best_first(bars(|cell| Some(Shown::from_estimate(&cell.throughput_per_s))));
    throughput.reverse();
    let memory = best_first(bars(|cell| Some(Shown::from_estimate(&cell.pss_bytes))));
    let tail = dots(|cell| cell.quantile(0.99)?.shown());
    let turnaround = dots(|cell| (TURNAROUND.of)(cell).map(Shown::from_estimate));
    let connect = dots(|cell| (CONNECT.of)(cell).map(Shown::from_estimate));
    let calls = super::calls::marks(columns);
    let mut figures = vec![
        figure("turnaround", Unit::Ns, "mean turnaround", turnaround),
        figure("percentiles", Unit::Ns, time, Marks::Curves(curves(columns))),
        figure("throughput", Unit::PerS, "correct replies per second", Marks::Bars(throughput)),
        figure("p99", Unit::Ns, &format!("99th percentile of the {time}"), tail),
        figure("connect", Unit::Ns, "median time to connect", connect),
        figure("cpu", Unit::Ns, "server CPU time per correct reply", Marks::Bars(costs(columns))),
        figure("syscalls", Unit::Count, "system calls per correct reply", calls),
        figure("memory", Unit::Bytes, "proportional set size", Marks::Bars(memory)),
        figure("load", Unit::Ns, time, Marks::Quantiles(quantiles(columns))),
        figure("time", Unit::PerS, "correct replies per second", Marks::Slices(slices(columns))),
    ];
    // Under an open loop, throughput is the offered rate. Under a closed loop, loads are not equal.
    let unwanted = if closed { "load" } else { "throughput" };
    figures.retain(|figure| figure.name != unwanted);
    figures.splice(0..0, super::steps::figures(columns));
    let all = figures.into_iter().map(|plain| captioned(plain, workload, columns));
    all.filter(|figure| !figure.is_empty()).collect()
}

/// Sorts the lowest value to the top, where figures begin.
pub(super) fn best_first(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by(|a, b| a.value.total_cmp(&b.value));
    rows
}

fn rows(columns: &[&Column<'_>], of: fn(&Cell) -> Option<Shown>) -> Vec<Row> {
    let row = |column: &Column<'_>| Some(Row::shown(column.label.clone(), of(column.cell)?));
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
    best_first(columns.iter().copied().filter_map(row).collect())
}

fn quantiles(columns: &[&Column<'_>]) -> Vec<QuantileRow> {
    let row = |column: &Column<'_>| {
        // The maximum depends on a single sample.
        let shown = column.cell.latency.iter().filter(|quantile| quantile.q < 1.0);
        let known = shown.filter_map(|quantile| {
            let shown = quantile.shown()?;
            Some((quantile.q, shown.value, shown.at_least))
        });
        let quantiles: Vec<_> = known.collect();
        (!quantiles.is_empty()).then(|| QuantileRow { label: column.label.clone(), quantiles })
    };
    let mut rows: Vec<QuantileRow> = columns.iter().copied().filter_map(row).collect();
    let tail = |row: &QuantileRow| {
        let known = row.quantiles.iter().find(|(q, ..)| (*q - 0.99).abs() < 1e-12);
        known.or(row.quantiles.last()).map_or(f64::INFINITY, |(_, value, _)| *value)
    };
    rows.sort_by(|a, b| tail(a).total_cmp(&tail(b)));
    rows
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
        let point = |slices: &[&Interval]| {
            let sum = |of: fn(&Interval) -> u64| -> f64 {
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

/// Whether the model represents its family: it has the lowest p99 (or else median), is not invalid
/// and starves no client. Twenty lines at once would be unreadable.
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
    use super::super::columns::{columns, numbers};
    use super::super::trials::Drawn;
    use super::*;
    use crate::analysis::synthetic::{closed, flag, open, summary};

    fn rows_of(cell: Cell, name: &str) -> Vec<Row> {
        let summary = summary(vec![cell]);
        let cells: Vec<&Cell> = summary.cells.iter().collect();
        let columns = columns(&cells, vec![Drawn::default()], &numbers(cells.iter().copied()));
        let figures = figures(&cells[0].workload, &columns.iter().collect::<Vec<_>>());
        let figure = figures.into_iter().find(|figure| figure.name == name);
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
    fn memory_that_lacks_what_was_shared_is_no_match_for_that_of_others() {
        let trial = |shares| {
            let mut trial = crate::document::example::closed();
            trial.server.as_mut().expect("an account").memory.shares_program = Some(shares);
            Drawn { typical: Some(trial), ..Drawn::default() }
        };
        let is_told = |one, other| {
            let cells = [closed("epoll", &[1e5; 3]), closed("nginx", &[1e5; 3])];
            let cells: Vec<&Cell> = cells.iter().collect();
            let drawn = vec![trial(one), trial(other)];
            let columns = columns(&cells, drawn, &numbers(cells.iter().copied()));
            let figures = figures("echo", &columns.iter().collect::<Vec<_>>());
            let memory = figures.into_iter().find(|figure| figure.name == "memory");
            let caveats = memory.expect("a figure").caveats;
            caveats.iter().any(|said| said.contains("some MiB too small"))
        };
        assert!(is_told(true, false) && is_told(false, true));
        assert!(!is_told(true, true) && !is_told(false, false));
    }

    #[test]
    fn of_a_long_trial_neighbouring_slices_are_one_point() {
        let mut trial = crate::document::example::closed();
        let slice = |at: u64| Interval {
            start_ns: at * 100,
            width_ns: 100,
            ok: at % 2,
            p99_ns: (at != 1).then_some(at),
            ..trial.intervals[0].clone()
        };
        trial.intervals = (0..601).map(slice).collect();
        let cell = closed("epoll", &[1e5; 3]);
        let drawn = Drawn { typical: Some(trial), ..Drawn::default() };
        let columns = columns(&[&cell], vec![drawn], &numbers([&cell]));
        let points = &slices(&columns.iter().collect::<Vec<_>>())[0].points;
        assert_eq!(points.len(), 201, "three at a time");
        // Slices 0 to 2 have one reply in 300 ns, and the last of them has the highest p99.
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
            let columns = columns(cells, vec![curve(), curve()], &numbers(cells.iter().copied()));
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
        let columns = columns(&cells, vec![Drawn::default()], &numbers(cells.iter().copied()));
        let figures = figures("echo-open", &columns.iter().collect::<Vec<_>>());
        let ids: Vec<&str> = figures.iter().map(|figure| figure.id.as_str()).collect();
        assert_eq!(ids, ["echo-open-p99", "echo-open-cpu", "echo-open-memory", "echo-open-load"]);
    }
}
