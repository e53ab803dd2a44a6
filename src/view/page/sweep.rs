//! A series on the page: figures over the varied setting, and crossovers.

mod crossings;

use maud::{Markup, html};
use serde::Serialize;

use super::caveats::Caveats;
use super::figures::{Figure, Label, Marks, label, why};
use super::fold::more;
use super::micro;
use super::section::{Place, said};
use super::settings;
use super::sweep_notes as notes;
use crate::analysis::metric::{
    CAPACITY, CONNECT, MEDIAN, MEMORY, Metric, SERVER_CPU, TAIL, TURNAROUND, TWENTIETH,
};
use crate::analysis::sweeps::{self, Sweep, fixed_text};
use crate::base::units::{as_f64, show_count};
use crate::document::{Cell, Scaling, Summary, Validity};
use crate::statistics::scalability::Law;

/// At most this many certain crossovers are listed above the figures.
const SENTENCES: usize = 3;
/// More lines than this at once show nothing.
const LINES: usize = 8;
/// Points of a fitted curve.
const CURVE: u32 = 60;

/// The axis of settings.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Axis {
    pub(super) factor: String,
    pub(super) logarithmic: bool,
    /// Every value of the setting and how the plan spells it.
    pub(super) ticks: Vec<(f64, String)>,
    /// The settings of each panel; one empty text with a single panel.
    pub(super) panels: Vec<String>,
}

/// A model's line in a panel.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    #[serde(flatten)]
    pub(super) label: Label,
    pub(super) shown: bool,
    pub(super) panel: usize,
    pub(super) points: Vec<Point>,
    /// The fitted law, where there is one.
    pub(super) law: Vec<(f64, f64)>,
}

/// A cell in a line.
#[derive(Debug, Serialize)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) validity: Validity,
    pub(super) why: Vec<String>,
}

/// The figures of a series, in the order of the page.
const FIGURES: [(&str, &str, Metric); 8] = [
    ("turnaround", "ns", TURNAROUND),
    ("throughput", "per_s", CAPACITY),
    ("connect", "ns", CONNECT),
    ("p50", "ns", MEDIAN),
    ("p95", "ns", TWENTIETH),
    ("p99", "ns", TAIL),
    ("cpu", "ns", SERVER_CPU),
    ("memory", "bytes", MEMORY),
];

/// The panels of each series, in the order of the cells.
pub(super) fn series(summary: &Summary) -> Vec<(String, Vec<Sweep<'_>>)> {
    let mut series: Vec<(String, Vec<Sweep<'_>>)> = Vec::new();
    for sweep in sweeps::find_sweeps(summary) {
        match series.iter_mut().find(|(name, _)| name == sweep.series) {
            Some((_, panels)) => panels.push(sweep),
            None => series.push((sweep.series.into(), vec![sweep])),
        }
    }
    series
}

/// The id of a series' figure, which differs from every id of a workload's figure.
fn id(series: &str, figure: &str) -> String {
    format!("sweep-{series}-{figure}")
}

/// Every figure of a series that has data.
pub(super) fn figures(panels: &[Sweep<'_>], scaling: &[Scaling]) -> Vec<Figure> {
    let Some(first) = panels.first() else { return Vec::new() };
    let axis = Axis {
        factor: first.factor.into(),
        logarithmic: first.is_logarithmic(),
        ticks: first.values.iter().map(|(x, text)| (*x, (*text).to_string())).collect(),
        panels: panels.iter().map(Sweep::fixed_text).collect(),
    };
    let figure = |(name, unit, metric): &(&str, &'static str, Metric)| {
        let lines: Vec<Line> = panels
            .iter()
            .enumerate()
            .flat_map(|(at, panel)| lines(at, panel, metric, scaling))
            .collect();
        let closed = panels.iter().all(Sweep::is_closed);
        Figure {
            id: id(first.series, name),
            unit,
            axis: title(metric, closed),
            sweep: Some(axis.clone()),
            marks: Marks::Sweep(lines),
        }
    };
    // How long a client takes for all its requests says nothing where their number is what varies.
    let meant = |(_, _, metric): &&(&str, &'static str, Metric)| {
        metric.name != TURNAROUND.name || !first.factor.starts_with("requests-per-connection")
    };
    FIGURES.iter().filter(meant).map(figure).filter(goes_somewhere).collect()
}

/// Whether there is a figure at two settings or more: over one there is no line, and the tables have it.
fn goes_somewhere(figure: &Figure) -> bool {
    let Marks::Sweep(lines) = &figure.marks else { return false };
    lines.iter().any(|line| line.points.len() > 1)
}

fn title(metric: &Metric, closed: bool) -> String {
    let time = if closed { "service time" } else { "response time" };
    match metric.name {
        "throughput_per_s" => "right replies per second".into(),
        "turnaround_mean_ns" => "mean turnaround".into(),
        "connect_p50_ns" => "median time to connect".into(),
        "p50_ns" => format!("median {time}"),
        "p95_ns" => format!("95th percentile of the {time}"),
        "p99_ns" => format!("99th percentile of the {time}"),
        "server_cpu_per_request_ns" => "server CPU time per right reply".into(),
        _ => "proportional set size".into(),
    }
}

fn lines(at: usize, panel: &Sweep<'_>, metric: &Metric, scaling: &[Scaling]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for line in &panel.lines {
        let Some((_, first)) = line.points.first() else { continue };
        let family = super::figures::family(line.model);
        let member = lines.iter().filter(|other| other.label.family == family).count();
        let points: Vec<Point> =
            line.points.iter().filter_map(|(x, cell)| point(*x, cell, metric)).collect();
        if points.is_empty() {
            continue;
        }
        let law = scaling.iter().find(|own| {
            own.series == panel.series && own.fixed == panel.fixed && own.model == line.model
        });
        let law = law.and_then(|own| own.law.as_ref()).filter(|law| law.misfit.is_none());
        let law = law.filter(|_| metric.name == CAPACITY.name);
        let law =
            law.map(|law| Law { lambda: law.lambda_per_s, sigma: law.sigma, kappa: law.kappa });
        lines.push(Line {
            label: Label { validity: Validity::Valid, why: Vec::new(), ..label(first, member) },
            shown: panel.lines.len() <= LINES || member == 0,
            panel: at,
            law: law.map(|law| curve(panel, &law)).unwrap_or_default(),
            points,
        });
    }
    lines
}

fn point(x: f64, cell: &Cell, metric: &Metric) -> Option<Point> {
    let shown = metric.shown(cell).filter(|shown| !shown.at_least)?;
    Some(Point {
        x,
        value: shown.value,
        low: shown.low,
        high: shown.high,
        validity: cell.validity,
        why: why(cell),
    })
}

fn curve(panel: &Sweep<'_>, law: &Law) -> Vec<(f64, f64)> {
    let (Some((low, _)), Some((high, _))) = (panel.values.first(), panel.values.last()) else {
        return Vec::new();
    };
    let share = |point: u32| f64::from(point) / f64::from(CURVE - 1);
    (0..CURVE)
        .map(|point| panel.between(*low, *high, share(point)))
        .map(|n| (n, law.throughput(n)))
        .collect()
}

/// A series: its section (what it says, its figures, the tables of its points) and, if that is its place, the
/// figure at the top of the page.
pub(super) fn section(
    summary: &Summary,
    (name, panels): &(String, Vec<Sweep<'_>>),
    figures: &[Figure],
    tables: &Markup,
    caveats: &Caveats,
    place: Place,
) -> (Markup, Markup) {
    let factor = panels.first().map_or("", |panel| panel.factor);
    let certain = notes::main(summary, panels);
    let cells: Vec<&Cell> =
        summary.cells.iter().filter(|cell| cell.series.as_deref() == Some(name)).collect();
    let unsaid = certain.len().saturating_sub(SENTENCES);
    let (main, others) = figures.split_at(figures.len().min(1));
    let shown = |figures: &[Figure]| {
        html! { div.figures { @for figure in figures { (show(summary, figure, panels, caveats)) } } }
    };
    let main = shown(main);
    let put = |here| place.put(here, Some(&main));
    let section = html! {
        section id=(name) {
            h2 { (name) ", over " (factor) }
            (settings::meanings(&cells, summary.host.work_round_ps))
            @if certain.is_empty() {
                p.answer { "No two models surely change places over " (factor) "." }
            } @else {
                ul.answer {
                    @for sentence in certain.iter().take(SENTENCES).filter_map(|found| found.sentence.as_ref()) { li { (micro(sentence)) } }
                    @if unsaid > 0 { li { (unsaid) @if unsaid == 1 { " more pair surely changes" } @else { " more pairs surely change" } " places: see the table below." } }
                }
            }
            @if figures.iter().any(|figure| figure.id.ends_with("-turnaround")) {
                @for sentence in notes::turnaround(panels) { p.answer { "From connect to the last reply: " (micro(&sentence)) } }
            }
            (put(Place::Section))
            (more(&format!("More about {name}: {} figures, and where models change places", others.len()), &html! {
                (put(Place::Folded))
                (shown(others))
                (crossings::crossings_markup(summary, name))
                (scaling(summary, name))
            }))
            (more("The tables of its points", tables))
        }
    };
    (section, put(Place::Top))
}

fn show(summary: &Summary, figure: &Figure, panels: &[Sweep<'_>], caveats: &Caveats) -> Markup {
    let name = figure.id.rsplit('-').next().unwrap_or_default();
    let metric = FIGURES.iter().find(|(own, ..)| *own == name).map(|(.., metric)| metric);
    let (notice, fool) = metric.map_or_else(Default::default, |metric| {
        (notes::notice(summary, metric, panels), notes::fool(metric, panels))
    });
    html! {
        figure.wide[panels.len() > 1] {
            h3 id={ (figure.id) "-title" } { (title_of(name)) " over " (panels.first().map_or("", |panel| panel.factor)) }
            p { "A line for each model: " (meaning(name)) ". A hollow mark was flagged, a grey one \
                failed a check; the tables below say why. Click a name in the legend to add or \
                remove a line, double-click to isolate it." }
            div.plot id=(figure.id) role="group" aria-labelledby={ (figure.id) "-title" } {}
            figcaption {
                (said("Notice: ", &notice))
                (caveats.refer(&fool))
            }
        }
    }
}

/// The meaning of a line and its band.
fn meaning(figure: &str) -> &'static str {
    match figure {
        "p50" | "p95" | "p99" => "pooled over all trials; the band spans the trials' own",
        _ => "medians, with the 95 % interval of each as a band",
    }
}

fn title_of(figure: &str) -> &'static str {
    match figure {
        "turnaround" => "From connect to the last reply",
        "throughput" => "Throughput",
        "connect" => "Opening a connection",
        "p50" => "Median latency",
        "p95" => "The slowest of twenty requests",
        "p99" => "The slowest of a hundred requests",
        "cpu" => "What a request costs the server",
        _ => "Memory",
    }
}

/// The fitted laws of a series.
fn scaling(summary: &Summary, series: &str) -> Markup {
    let own: Vec<&Scaling> = summary.scaling.iter().filter(|own| own.series == series).collect();
    let range = |value: f64, interval: &crate::statistics::Interval| {
        format!("{} ({} to {})", small(value), small(interval.low), small(interval.high))
    };
    html! {
        @if !own.is_empty() {
            h3 { "How it scales" }
            p { "Gunther's universal scalability law, dashed in the throughput figure: σ is the \
                serial share (contention), κ the cost of coherence between each pair. With κ above \
                0 throughput falls beyond a peak. The 95 % intervals are from resampled residuals. \
                Points limited by the generator are left out; where the law does not fit the rest, \
                no peak is given." }
            div.scroll tabindex="0" role="region" aria-label="Table: universal scalability law" {
                table {
                    caption { span { "Universal scalability law by model" } }
                    thead { tr { @for head in ["model", "setting", "σ", "κ", "peak at", "variance explained", "points"] { th scope="col" { (head) } } } }
                    tbody { @for scaling in own { tr {
                        th scope="row" { (scaling.model) }
                        td { (fixed_text(&scaling.fixed)) }
                        @if let Some(law) = &scaling.law {
                            td { (range(law.sigma, &law.sigma_interval)) }
                            td { (range(law.kappa, &law.kappa_interval)) }
                            td { (peak(law)) }
                            td { (format!("{:.1} %", law.r_squared * 100.0)) }
                            td { (law.points) @if law.limited_points > 0 { ", and " (law.limited_points) " left out: limited by the generator" } }
                        } @else {
                            td colspan="5" { "no fit: " (scaling.why_none.as_deref().unwrap_or("not known")) }
                        }
                    } } }
                }
            }
        }
    }
}

/// A share or a cost that is often tiny.
fn small(value: f64) -> String {
    if value == 0.0 { "0".into() } else { format!("{value:.2e}") }
}

fn peak(law: &crate::document::ScalingLaw) -> String {
    let whole = |x: f64| show_count(x.round());
    if let Some(why) = &law.misfit {
        return format!("not told: {why}");
    }
    match (law.peak, law.peak_interval) {
        (Some(peak), Some(interval)) => {
            format!("{} ({} to {})", whole(peak), whole(interval.low), whole(interval.high))
        }
        (Some(peak), None) => format!("{}, not surely any", whole(peak)),
        _ => "none".into(),
    }
}

impl Sweep<'_> {
    /// Whether all its cells are closed loops.
    pub(super) fn is_closed(&self) -> bool {
        self.lines.iter().flat_map(|line| &line.points).all(|(_, cell)| cell.is_closed())
    }

    /// The share of its cells that were flagged with this.
    pub(super) fn flagged(&self, check: &str) -> (usize, usize) {
        let cells = || self.lines.iter().flat_map(|line| &line.points);
        (cells().filter(|(_, cell)| cell.flag(check).is_some()).count(), cells().count())
    }
}

/// How many times as much the last of a line is as the first.
pub(super) fn growth(of: &sweeps::Line<'_>, metric: &Metric) -> Option<f64> {
    let sound: Vec<f64> = of
        .points
        .iter()
        .filter(|(_, cell)| cell.validity != Validity::Invalid && !cell.starves())
        .filter_map(|(_, cell)| Some((metric.of)(cell)?.median))
        .collect();
    let (first, last) = (sound.first()?, sound.last()?);
    (sound.len() > 1 && sound.len() == of.points.len() && *first > 0.0).then(|| last / first)
}

/// A count of points, for sentences.
pub(super) fn share(part: usize, all: usize) -> String {
    format!("{part} of {all} ({:.0} %)", as_f64(part as u64) / as_f64(all.max(1) as u64) * 100.0)
}

#[cfg(test)]
mod tests;
