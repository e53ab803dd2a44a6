//! The figures of a series: a line for each model over the setting that a plan varies.

use super::columns::{Numbers, label, numbers, why};
use super::looks::family;
use super::micro;
use super::sweep_notes as notes;
use super::words::load;
use crate::analysis::metric::{
    CAPACITY, CONNECT, MEDIAN, MEMORY, Metric, SERVER_CPU, TAIL, TURNAROUND, TWENTIETH,
};
use crate::analysis::sweeps::{self, Sweep};
use crate::base::units::as_f64;
use crate::document::{
    Cell, Figure, Label, Marks, Point, Scaling, SettingAxis, Summary, SweepLine, Unit, Validity,
};
use crate::statistics::scalability::Law;

/// With more lines than this, only the first of each family is shown: the figure would be
/// unreadable.
const LINES: usize = 8;
/// The setting for the number of requests per connection.
const REQUESTS: &str = "requests-per-connection";
/// Points of a fitted curve.
const CURVE: u32 = 60;

/// The figures of a series, in the order of the page.
const FIGURES: [(&str, Unit, Metric); 8] = [
    ("turnaround", Unit::Ns, TURNAROUND),
    ("throughput", Unit::PerS, CAPACITY),
    ("connect", Unit::Ns, CONNECT),
    ("p50", Unit::Ns, MEDIAN),
    ("p95", Unit::Ns, TWENTIETH),
    ("p99", Unit::Ns, TAIL),
    ("cpu", Unit::Ns, SERVER_CPU),
    ("memory", Unit::Bytes, MEMORY),
];

/// The panels of each series, in the order of the cells.
pub(crate) fn series(summary: &Summary) -> Vec<(String, Vec<Sweep<'_>>)> {
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
pub(super) fn id(series: &str, figure: &str) -> String {
    format!("sweep-{series}-{figure}")
}

/// Every figure of a series that has data.
pub(crate) fn figures(summary: &Summary, panels: &[Sweep<'_>]) -> Vec<Figure> {
    let Some(first) = panels.first() else { return Vec::new() };
    let axis = SettingAxis {
        factor: first.factor.into(),
        logarithmic: first.is_logarithmic(),
        ticks: ticks(first),
        panels: panels.iter().map(Sweep::fixed_text).collect(),
    };
    let numbers = numbers(&summary.cells);
    let cells: Vec<&Cell> = panels
        .iter()
        .flat_map(|panel| &panel.lines)
        .flat_map(|line| line.points.iter().map(|(_, cell)| *cell))
        .collect();
    let closed = panels.iter().all(Sweep::is_closed);
    let figure = |(name, unit, metric): &(&str, Unit, Metric)| {
        let each = panels.iter().enumerate();
        let lines: Vec<SweepLine> = each
            .flat_map(|(at, panel)| lines((at, panel), metric, &summary.scaling, &numbers))
            .collect();
        goes_somewhere(&lines).then(|| Figure {
            id: id(first.series, name),
            name: (*name).into(),
            of: first.series.into(),
            title: format!("{} over {}", title_of(name), first.factor),
            load: load(&cells),
            shows: format!(
                "A line for each model: {}. A hollow mark was flagged, a grey one failed a check.",
                meaning(name)
            ),
            notice: said(&notes::notice(summary, metric, panels)),
            greyed: None,
            caveats: said(&notes::fool(metric, panels)),
            unit: *unit,
            axis: title(metric, closed),
            sweep: Some(axis.clone()),
            marks: Marks::Sweep(lines),
        })
    };
    // Turnaround times say nothing where the number of requests itself varies.
    let meant = |(_, _, metric): &&(&str, Unit, Metric)| {
        metric.name != TURNAROUND.name || !first.factor.starts_with("requests-per-connection")
    };
    let held = super::held::figure(first, panels, &numbers, load(&cells));
    FIGURES.iter().filter(meant).filter_map(figure).chain(held).collect()
}

/// Where a setting stands on the axis. 0 requests per connection means that connections are kept,
/// so it stands beyond the largest number.
fn place(panel: &Sweep<'_>, x: f64) -> f64 {
    let most = panel.values.iter().map(|(value, _)| *value).fold(0.0, f64::max);
    if panel.factor == REQUESTS && x <= 0.0 { most * 10.0 } else { x }
}

fn ticks(panel: &Sweep<'_>) -> Vec<(f64, String)> {
    let kept = |x: f64| panel.factor == REQUESTS && x <= 0.0;
    let tick = |(x, text): &(f64, &str)| {
        (place(panel, *x), if kept(*x) { "kept".into() } else { (*text).to_string() })
    };
    let mut ticks: Vec<(f64, String)> = panel.values.iter().map(tick).collect();
    ticks.sort_by(|a, b| a.0.total_cmp(&b.0));
    ticks
}

fn said(sentences: &[String]) -> Vec<String> {
    sentences.iter().map(|sentence| micro(sentence)).collect()
}

/// Whether some line has two points or more. One point makes no line, and the tables show it.
fn goes_somewhere(lines: &[SweepLine]) -> bool {
    lines.iter().any(|line| line.points.len() > 1)
}

fn title(metric: &Metric, closed: bool) -> String {
    let time = if closed { "service time" } else { "response time" };
    match metric.name {
        "throughput_per_s" => "correct replies per second".into(),
        "turnaround_mean_ns" => "mean turnaround".into(),
        "connect_p50_ns" => "median time to connect".into(),
        "p50_ns" => format!("median {time}"),
        "p95_ns" => format!("95th percentile of the {time}"),
        "p99_ns" => format!("99th percentile of the {time}"),
        "server_cpu_per_request_ns" => "server CPU time per correct reply".into(),
        _ => "proportional set size".into(),
    }
}

fn lines(
    (at, panel): (usize, &Sweep<'_>),
    metric: &Metric,
    scaling: &[Scaling],
    numbers: &Numbers<'_>,
) -> Vec<SweepLine> {
    let mut lines: Vec<SweepLine> = Vec::new();
    for line in &panel.lines {
        let Some((_, cell)) = line.points.first() else { continue };
        let each = line.points.iter();
        let mut points: Vec<Point> =
            each.filter_map(|(x, cell)| point(place(panel, *x), cell, metric)).collect();
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        if points.is_empty() {
            continue;
        }
        let first = !lines.iter().any(|other| other.label.family == family(line.model));
        let law = scaling.iter().find(|own| {
            own.series == panel.series && own.fixed == panel.fixed && own.model == line.model
        });
        let law = law.and_then(|own| own.law.as_ref()).filter(|law| law.misfit.is_none());
        let law = law.filter(|_| metric.name == CAPACITY.name);
        let law =
            law.map(|law| Law { lambda: law.lambda_per_s, sigma: law.sigma, kappa: law.kappa });
        let label = label(cell, numbers, first);
        lines.push(SweepLine {
            label: Label { validity: Validity::Valid, why: Vec::new(), ..label },
            shown: panel.lines.len() <= LINES || first,
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

impl Sweep<'_> {
    /// Whether all its cells are closed loops.
    pub(super) fn is_closed(&self) -> bool {
        self.lines.iter().flat_map(|line| &line.points).all(|(_, cell)| cell.is_closed())
    }

    /// How many of its cells this check flagged, and how many cells there are.
    pub(super) fn flagged(&self, check: &str) -> (usize, usize) {
        let cells = || self.lines.iter().flat_map(|line| &line.points);
        (cells().filter(|(_, cell)| cell.flag(check).is_some()).count(), cells().count())
    }
}

/// The ratio of a line's last value to its first; `None` unless every cell is sound and has a
/// value.
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

/// A count with its percentage, for sentences.
pub(super) fn share(part: usize, all: usize) -> String {
    format!("{part} of {all} ({:.0} %)", as_f64(part as u64) / as_f64(all.max(1) as u64) * 100.0)
}

#[cfg(test)]
mod tests;
