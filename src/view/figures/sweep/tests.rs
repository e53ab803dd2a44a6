use super::*;
use crate::analysis::synthetic::{self, closed, crossing, flag, point, summary};
use crate::document::Estimate;

fn lines_of(summary: &Summary, name: &str) -> Vec<SweepLine> {
    let series = series(summary);
    let figures = figures(summary, &series[0].1);
    let figure = figures.into_iter().find(|figure| figure.id == id("many", name));
    match figure.expect("a figure").marks {
        Marks::Sweep(lines) => lines,
        other => panic!("{other:?}"),
    }
}

fn says(summary: &Summary, metric: &Metric) -> String {
    let series = series(summary);
    [notes::notice(summary, metric, &series[0].1), notes::fool(metric, &series[0].1)]
        .concat()
        .join("\n")
}

#[test]
fn a_line_has_the_estimates_of_its_cells_in_order() {
    let summary = summary(crossing());
    let lines = lines_of(&summary, "throughput");
    assert_eq!(lines.len(), 2);
    let fork = &lines[0];
    assert_eq!((fork.label.model.as_str(), fork.shown, fork.points.len()), ("fork", true, 6));
    for (point, cell) in fork.points.iter().zip(summary.cells.iter().filter(|c| c.model == "fork"))
    {
        let estimate = &cell.throughput_per_s;
        let interval = estimate.interval.expect("five trials");
        assert_eq!(
            (point.value, point.low, point.high),
            (estimate.median, interval.low, interval.high)
        );
    }
    assert!(fork.law.is_empty(), "no law fits a throughput that falls from the first client on");
    let law = |n: f64| 1e4 * n / (1.0 + 0.1 * (n - 1.0));
    let scaled = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0].map(|x| {
        let values = [0.99, 1.0, 1.01, 1.0, 0.995].map(|factor| factor * law(x));
        point(closed("fork", &values), "many", "connections", x)
    });
    let summary = synthetic::summary(scaled.to_vec());
    assert_eq!(lines_of(&summary, "throughput")[0].law.len(), CURVE as usize);
    assert!(lines_of(&summary, "memory")[0].law.is_empty());
}

#[test]
fn what_another_setting_changes_is_another_panel() {
    let mut both = Vec::new();
    for rounds in [0.0, 100.0] {
        for cell in crossing() {
            both.push(point(cell, "many", "request.rounds", rounds));
        }
    }
    let summary = summary(both);
    let lines = lines_of(&summary, "throughput");
    assert_eq!(lines.iter().map(|line| line.panel).collect::<Vec<_>>(), [0, 0, 1, 1]);
}

#[test]
fn an_axis_spans_decades_or_not() {
    let summary = summary(crossing());
    let series = series(&summary);
    let axis = figures(&summary, &series[0].1)[0].sweep.clone().expect("an axis");
    assert!(axis.logarithmic && axis.panels == [""], "{axis:?}");
    assert_eq!(axis.ticks[1], (4.0, "4".into()));
}

#[test]
fn who_leads_where_and_where_it_changes_is_said() {
    let text = says(&summary(crossing()), &CAPACITY);
    let expected = "The best median at connections 1 is that of fork (p";
    assert!(!text.contains(expected), "{text}");
    assert!(
        text.contains(
            "at connections 1 is that of fork (200k replies/s), at connections 1024 that of epoll"
        ),
        "{text}"
    );
    assert!(
        text.contains(
            "the throughput of epoll becomes 1.00 times as much, that of fork 0.25 times"
        ),
        "{text}"
    );
    assert!(text.contains("many: for connections below about "), "{text}");
    assert!(!text.contains("not surely") && !text.contains("generator"), "{text}");
}

#[test]
fn who_starves_clients_or_is_invalid_leads_nowhere() {
    let mut some = crossing();
    // fork at either end: the first starves clients, the last is invalid and the fastest of all.
    flag(&mut some[0], "fairness");
    some[10].validity = Validity::Invalid;
    some[10].throughput_per_s = Estimate::from_values(&[9e5; 5]).expect("values");
    some.push(point(closed("poll", &[5e4; 5]), "many", "connections", 1.0));
    some.push(point(closed("poll", &[5e4; 5]), "many", "connections", 1024.0));
    let text = says(&summary(some), &CAPACITY);
    assert!(text.contains("epoll has the best median at both ends"), "{text}");
}

#[test]
fn what_is_limited_or_starved_is_counted() {
    let mut some = crossing();
    flag(&mut some[0], "generator-cpu");
    flag(&mut some[1], "fairness");
    let text = says(&summary(some), &CAPACITY);
    assert!(text.contains("At 1 of 12 (8 %) of the points the load generator"), "{text}");
    assert!(text.contains("At 1 of 12 (8 %) of the points some clients were starved"), "{text}");
}

#[test]
fn medians_that_cross_without_being_sure_are_only_counted() {
    let mut few = crossing();
    for cell in &mut few {
        cell.trials.truncate(3);
        cell.throughput_per_s =
            Estimate::from_values(&cell.throughput_per_s.values[..3]).expect("values");
    }
    let text = says(&summary(few), &CAPACITY);
    assert!(text.contains("1 pair of medians crosses once, but not surely."), "{text}");
    assert!(!text.contains("below about"), "{text}");
}
