//! The points of a sweep: how a figure changes with what the plan varies.

use std::fmt::Write as _;

use super::document::Plot;
use super::{METRICS, Metric, columns, drawn, plain, three, unit};
use crate::document::Cell;
use crate::view::export::tables::{factor, factor_names};

/// The factor along the axis: of those that are numbers, the one with the most levels.
fn axis<'a>(cells: &[&'a Cell]) -> Option<&'a str> {
    let levels = |name: &str| {
        let numbers = cells.iter().map(|cell| factor(cell, name).and_then(|f| f.number));
        let mut numbers: Vec<f64> = numbers.collect::<Option<_>>()?;
        numbers.sort_by(f64::total_cmp);
        numbers.dedup();
        (numbers.len() > 1).then_some(numbers.len())
    };
    let counted = factor_names(cells).into_iter().filter_map(|name| Some((levels(name)?, name)));
    // Of equals the first.
    counted.rev().max_by_key(|(levels, _)| *levels).map(|(_, name)| name)
}

/// The other factors of a cell, as words.
fn rest(cell: &Cell, axis: Option<&str>) -> String {
    let others = cell.factors.iter().filter(|factor| Some(factor.name.as_str()) != axis);
    others.map(|factor| format!("{} {}", factor.name, factor.text)).collect::<Vec<_>>().join(", ")
}

/// A figure for each metric, and one for each combination of what is not along its axis.
pub(super) fn of(group: &str, cells: &[&Cell]) -> Vec<(Plot, String)> {
    let axis = axis(cells);
    let mut parts: Vec<String> = cells.iter().map(|cell| rest(cell, axis)).collect();
    if axis.is_none() {
        // Words along the axis: all of them in one figure.
        parts = vec![String::new()];
    }
    parts.sort();
    parts.dedup();
    let mut found = Vec::new();
    for part in &parts {
        let of_part = |cell: &&&Cell| axis.is_none() || rest(cell, axis) == *part;
        let cells: Vec<&Cell> = cells.iter().filter(of_part).copied().collect();
        found.extend(METRICS.iter().map(|metric| one(group, part, axis, &cells, metric)));
    }
    found
}

/// The places along the axis, in their order, with what is written there.
fn places(axis: Option<&str>, cells: &[&Cell]) -> Vec<(f64, String)> {
    let mut places: Vec<(f64, String)> = Vec::new();
    for cell in cells {
        let (number, text) = match axis.and_then(|name| factor(cell, name)) {
            Some(factor) => (factor.number, factor.text.clone()),
            None => (None, rest(cell, None)),
        };
        if !places.iter().any(|(_, other)| *other == text) {
            places.push((number.unwrap_or(crate::base::units::as_f64(places.len() as u64)), text));
        }
    }
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    places
}

fn one(
    group: &str,
    part: &str,
    axis: Option<&str>,
    cells: &[&Cell],
    metric: &Metric,
) -> (Plot, String) {
    let mut models: Vec<&str> = Vec::new();
    for cell in cells.iter().filter(|cell| drawn(metric, cell).is_some()) {
        if !models.contains(&cell.model.as_str()) {
            models.push(&cell.model);
        }
    }
    let (size, unit) =
        unit(metric.quantity, cells.iter().map(|cell| Some(drawn(metric, cell)?.value)));
    let places = places(axis, cells);
    let names: Vec<String> = models.iter().map(|model| plain(model)).collect();
    let mut table = columns("x", &names);
    for (x, text) in &places {
        let _ = write!(table, "{x}");
        for model in &models {
            let here = |cell: &&&Cell| {
                let there = axis.and_then(|name| factor(cell, name)).map(|f| f.text.clone());
                cell.model == *model && there.unwrap_or_else(|| rest(cell, None)) == *text
            };
            let shown = cells.iter().find(here).and_then(|cell| drawn(metric, cell));
            let _ = write!(table, " {}", three(shown.as_ref(), size));
        }
        table.push('\n');
    }
    let suffix = if part.is_empty() { String::new() } else { format!("-{}", plain(part)) };
    let under = if part.is_empty() { String::new() } else { format!(", {part}") };
    let plot = Plot {
        file: format!("{}-{}{suffix}.dat", plain(group), metric.name),
        title: format!("{group}{under}: {}", metric.title),
        options: options(axis, &places),
        across: axis.unwrap_or_default().into(),
        up: format!("{}{unit}", metric.title),
        bars: None,
        series: names,
    };
    (plot, table)
}

/// Logarithmic where the places span decades; words where they are no numbers.
fn options(axis: Option<&str>, places: &[(f64, String)]) -> String {
    let ends = places.first().map(|first| first.0).zip(places.last().map(|last| last.0));
    match ends {
        _ if axis.is_none() => {
            let at: Vec<_> = places.iter().map(|(x, _)| x.to_string()).collect();
            let words = places.iter().map(|(_, text)| crate::view::export::markup::escape(text));
            let words: Vec<_> = words.map(|text| format!("{{{text}}}")).collect();
            format!(
                "xtick={{{}}}, xticklabels={{{}}}, x tick label style={{rotate=45, anchor=east}}",
                at.join(","),
                words.join(",")
            )
        }
        Some((first, last)) if first > 0.0 && last >= 30.0 * first => "xmode=log".into(),
        // From nothing over decades: logarithmic but for the beginning, which pgfplots cannot do.
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::closed;
    use crate::document::Factor;

    fn cell(model: &str, idle: &str, state: &str, throughput: f64) -> Cell {
        let mut cell = closed(model, &[throughput]);
        let factor = |name: &str, text: &str| Factor {
            name: name.into(),
            text: text.into(),
            number: text.parse().ok(),
        };
        cell.series = Some("echo".into());
        cell.factors = vec![factor("server.state", state), factor("idle-connections", idle)];
        cell
    }

    #[test]
    fn numbers_go_along_the_axis_and_words_apart() {
        let cells = [
            cell("epoll", "100", "table", 2e3),
            cell("epoll", "1", "table", 1e3),
            cell("poll", "1", "table", 3e3),
            cell("epoll", "1", "none", 4e3),
            cell("epoll", "100", "none", 5e3),
        ];
        let figures = of("echo", &cells.iter().collect::<Vec<_>>());
        assert_eq!(figures.len(), 2 * METRICS.len());
        let named = |file: &str| figures.iter().find(|(plot, _)| plot.file == file);
        let (plot, table) =
            named("echo-throughput-server.state-table.dat").expect("a figure for the table");
        assert_eq!(plot.options, "xmode=log");
        assert_eq!(plot.across, "idle-connections");
        assert_eq!(
            table,
            "x epoll epoll_minus epoll_plus poll poll_minus poll_plus\n\
             1 1 0 0 3 0 0\n100 2 0 0 nan nan nan\n"
        );
        assert!(named("echo-throughput-server.state-none.dat").is_some());
    }

    #[test]
    fn without_numbers_the_axis_has_words() {
        let mut cells = [cell("epoll", "1", "none", 1e3), cell("epoll", "1", "table", 2e3)];
        cells.iter_mut().for_each(|cell| _ = cell.factors.pop());
        let figures = of("echo", &cells.iter().collect::<Vec<_>>());
        let (plot, table) = &figures[0];
        assert!(plot.options.contains("xticklabels={{server.state none},{server.state table}}"));
        assert!(table.ends_with("0 1 0 0\n1 2 0 0\n"), "{table}");
    }
}
