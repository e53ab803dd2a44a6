//! "Which model for my load": the recommendation, how sure it is and why, with a line for each
//! workload or point of a series.

use maud::{Markup, html};

use super::{cost, load, micro, settings};
use crate::analysis::metric::{MEMORY, Metric, named};
use crate::analysis::sweeps::fixed_text;
use crate::base::units::show_ns_f64;
use crate::document::{Cell, Recommendation, Summary, Sureness};
use crate::view::figures::Column;

const COLUMNS: [&str; 5] =
    ["load", "take any of", "how sure", "why: what a request costs", "p99 of these"];

/// A recommendation and the cells that it is about.
struct Found<'a> {
    summary: &'a Summary,
    recommendation: &'a Recommendation,
    /// The models of the workload.
    columns: Vec<&'a Column<'a>>,
}

/// The section.
pub(super) fn section(summary: &Summary, all: &[Column<'_>]) -> Markup {
    let found = summary.recommendations.iter().map(|recommendation| {
        let own = |column: &&Column<'_>| column.cell.workload == recommendation.workload;
        Found { summary, recommendation, columns: all.iter().filter(own).collect() }
    });
    let (series, alone): (Vec<_>, Vec<_>) = found
        .filter(|found| !found.columns.is_empty())
        .partition(|found| found.first().series.is_some());
    html! {
        section id="which" {
            h2 { "Which model for my load?" }
            @if summary.recommendations.is_empty() {
                p { "This run recommends no model." }
            } @else {
                p { "Find the load that is most like yours. Clients cannot distinguish the listed \
                    models from the best, which comes first; CPU time and memory decide among \
                    them. Your rate times a model's CPU time per request is the share of a \
                    processor that it needs." }
                @if !alone.is_empty() { (table("What to take under each workload", &alone, of_workload)) }
                @for name in names(&series) {
                    @let own: Vec<&Found<'_>> = series.iter().filter(|found| found.first().series.as_deref() == Some(name)).collect();
                    h3 { (name) }
                    @let cells: Vec<&Cell> = own.iter().map(|found| found.first()).collect();
                    (settings::meanings(&cells, summary.host.work_round_ps))
                    (table(&format!("What to take at each point of {name}"), &own, of_point))
                }
                p.meta { "Is none like yours? Measure your load: " code { "c10k load --serve MODEL -c CONNECTIONS --rate RATE --poisson" }
                    " measures the latency at your rate, and " code { "c10k load --serve MODEL -c CONNECTIONS --find-capacity 'p99<5ms'" }
                    " finds the highest rate that meets your target." }
            }
        }
    }
}

impl Found<'_> {
    fn first(&self) -> &Cell {
        self.columns[0].cell
    }

    fn column(&self, model: &str) -> Option<&Column<'_>> {
        self.columns.iter().copied().find(|column| column.cell.model == model)
    }

    /// The figure of a model of the group, with the model's name.
    fn has(&self, metric: &Metric, model: &str) -> Option<String> {
        let value = (metric.of)(self.column(model)?.cell)?.median;
        Some(format!("{model} ({})", (metric.phrase)(value)))
    }
}

fn names<'a>(series: &'a [Found<'_>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for name in series.iter().filter_map(|found| found.first().series.as_deref()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The table. On a narrow screen its rows become blocks, which removes the implicit roles of a
/// table; so the roles are explicit.
fn table<'a, F: std::borrow::Borrow<Found<'a>>>(
    caption: &str,
    rows: &[F],
    of: fn(&Found<'_>) -> Markup,
) -> Markup {
    html! {
        table.words.stacks role="table" {
            caption { span { (caption) } }
            thead role="rowgroup" { tr role="row" {
                @for head in COLUMNS { th scope="col" role="columnheader" { (head) } }
            } }
            tbody role="rowgroup" { @for found in rows.iter().map(std::borrow::Borrow::borrow) {
                tr role="row" {
                    th scope="row" role="rowheader" { (of(found)) }
                    (cells(found))
                }
            } }
        }
    }
}

fn of_workload(found: &Found<'_>) -> Markup {
    let name = &found.recommendation.workload;
    html! {
        a href={ "#" (name) } { (name) }
        div.meta { (asked(found)) }
    }
}

fn of_point(found: &Found<'_>) -> Markup {
    let cell = found.first();
    html! { a href={ "#" (cell.workload) } { (fixed_text(&cell.factors)) } }
}

fn asked(found: &Found<'_>) -> String {
    let load = found.columns.iter().find_map(|column| column.drawn.load.as_ref());
    micro(&load::in_words(found.first(), load, found.summary.host.work_round_ps))
}

fn cells(found: &Found<'_>) -> Markup {
    let Recommendation { group, leanest, sureness, how_sure, .. } = found.recommendation;
    let standings = found.summary.standings_of(&found.recommendation.workload);
    let metric = standings.and_then(|standings| named(&standings.metric));
    let best = group.first().map_or("", String::as_str);
    let value = metric.and_then(|metric| found.has(&metric, best));
    let leanest = leanest.as_deref().and_then(|model| found.has(&MEMORY, model));
    html! {
        td role="cell" data-label=(COLUMNS[1]) {
            b { (micro(&value.unwrap_or_else(|| best.into()))) }
            @for model in group.iter().skip(1) { ", " (model) }
            @if let Some(leanest) = leanest { div.meta { "Least memory: " (leanest) "." } }
        }
        td role="cell" data-label=(COLUMNS[2]) {
            // The sentence begins with its sureness, as in "Partly sure: ".
            @let (word_of_it, because) = how_sure.split_once(": ").unwrap_or((word(*sureness), how_sure));
            span.sureness data-sure=(word(*sureness)) { (word_of_it) } " " span.meta { (micro(because)) }
        }
        td role="cell" data-label=(COLUMNS[3]) { (micro(&why(found).unwrap_or_else(|| "-".into()))) }
        td role="cell" data-label=(COLUMNS[4]) { (micro(&tail(found))) }
    }
}

/// The cost of a request to the recommended model, and to the most expensive one.
fn why(found: &Found<'_>) -> Option<String> {
    let Recommendation { group, cheapest, .. } = found.recommendation;
    let take = found.column(cheapest.as_ref().or(group.first())?)?;
    let known = found.columns.iter().copied().filter(|column| cost::is_sound(column.cell));
    let cost = |column: &Column<'_>| Some(column.cell.server_cpu_per_request_ns.as_ref()?.median);
    let dearest = known
        .filter_map(|column| Some((column, cost(column)?)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .filter(|(column, _)| column.cell.model != take.cell.model);
    let least = if cheapest.is_some() { "Least of them: " } else { "" };
    let mut text = format!("{least}{}, {}.", take.cell.model, cost::in_words(take)?);
    if let Some((dear, _)) = dearest {
        text += &format!(" Most of all: {}, {}.", dear.cell.model, cost::in_words(dear)?);
    }
    Some(text)
}

/// The range of the group's p99, over the models that have enough samples.
fn tail(found: &Found<'_>) -> String {
    let group = &found.recommendation.group;
    let known: Vec<_> = group
        .iter()
        .filter_map(|model| found.column(model)?.cell.quantile(0.99)?.shown())
        .collect();
    let by = |a: &f64, b: &f64| a.total_cmp(b);
    let values = || known.iter().map(|shown| shown.value);
    let (Some(least), Some(most)) = (values().min_by(by), values().max_by(by)) else {
        return "too few samples".into();
    };
    let bound = if known.iter().any(|shown| shown.at_least) { ">= " } else { "" };
    let mut text = if known.len() == 1 {
        format!("{bound}{}", show_ns_f64(most))
    } else {
        format!("{} to {bound}{}", show_ns_f64(least), show_ns_f64(most))
    };
    if known.len() < group.len() {
        text += &format!(", of {} with enough samples", known.len());
    }
    text
}

fn word(sureness: Sureness) -> &'static str {
    match sureness {
        Sureness::Sure => "sure",
        Sureness::Partly => "partly",
        Sureness::Hint => "a hint",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{closed, point, pool, summary};
    use crate::view::figures::trials::Drawn;
    use crate::view::figures::{columns, numbers};

    fn html(cells: Vec<Cell>, drawn: impl Fn(&Cell) -> Drawn) -> String {
        let summary = summary(cells);
        let mut all = Vec::new();
        for workload in summary.workloads() {
            let cells = summary.ranked(workload);
            let drawn = cells.iter().map(|cell| drawn(cell)).collect();
            all.extend(columns(&cells, drawn, &numbers(cells.iter().copied())));
        }
        section(&summary, &all).into_string()
    }

    #[test]
    fn workloads_and_points_of_a_series_have_a_row_each() {
        let mut cells = vec![closed("epoll", &[2e5; 5]), closed("fork", &[1e5; 5])];
        // Points of two series, interleaved.
        for (series, x) in [("many", 1.0), ("few", 1.0), ("many", 10.0)] {
            for model in ["epoll", "fork"] {
                cells.push(point(closed(model, &[1e5; 5]), series, "connections", x));
            }
        }
        let html = html(cells, |_| Drawn::default());
        assert!(html.contains("<b>epoll (200k replies/s)</b>"), "{html}");
        assert_eq!(html.matches("<h3>").count(), 2, "{html}");
        assert!(html.contains("<a href=\"#many-connections10\">connections 10</a>"), "{html}");
        assert_eq!(html.matches("data-sure=\"sure\"").count(), 4, "{html}");
        assert_eq!(html.matches("role=\"rowheader\"").count(), 4, "{html}");
    }

    #[test]
    fn why_is_what_a_request_costs_whom_one_takes_and_the_dearest_that_is_sound() {
        let cost = |mut cell: Cell, ns: f64| {
            cell.server_cpu_per_request_ns = crate::document::Estimate::from_values(&[ns; 5]);
            cell
        };
        let mut starving = cost(closed("sequential", &[1e3; 5]), 9e4);
        starving.validity = crate::document::Validity::Invalid;
        let cells = vec![
            cost(closed("epoll", &[2e5; 5]), 5e3),
            cost(closed("fork", &[1e5; 5]), 1e4),
            starving,
        ];
        let html = html(cells, |cell| Drawn {
            user_share: (cell.model == "epoll").then_some(0.1),
            waits_per_request: Some(if cell.model == "fork" { 0.98 } else { 1e-5 }),
            ..Drawn::default()
        });
        let said = "epoll, 5.00 µs CPU per request, 90 % of it in the kernel, &lt;0.001 waits. Most of all: fork, 10.0 µs \
                    CPU per request, 0.980 waits.";
        assert!(html.contains(said), "{html}");
    }

    #[test]
    fn the_tail_is_of_those_of_the_group_that_know_it() {
        let (mut a, mut b) = (closed("epoll", &[2e5; 5]), closed("mio", &[2e5; 5]));
        pool(&mut a, 0.99, 3_000_000, &[3_000_000; 5]);
        pool(&mut b, 0.99, 1_000_000, &[1_000_000; 5]);
        let known = html(vec![a.clone(), b.clone()], |_| Drawn::default());
        assert!(known.contains(">1.00 ms to 3.00 ms<"), "{known}");
        pool(&mut b, 0.99, 1_000_000, &[1_000_000; 5]).admitted = false;
        let partly = html(vec![a, b], |_| Drawn::default());
        assert!(partly.contains(">3.00 ms, of 1 with enough samples<"), "{partly}");
    }
}
