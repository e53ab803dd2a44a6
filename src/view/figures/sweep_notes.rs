//! What to notice in a figure over a setting, and its caveats.

use super::sweep::{growth, share};
use crate::analysis::metric::{CAPACITY, CONNECT, Metric, SERVER_CPU, TAIL, TURNAROUND};
use crate::analysis::sweeps::{Sweep, within};
use crate::analysis::timers;
use crate::document::{Cell, Crossover, Summary, Validity};
use crate::statistics::verdict::Good;

/// At most this many crossovers are listed; more are counted.
const CROSSINGS: usize = 2;
/// A model whose last value is at least this many times its first has changed.
const CHANGED: f64 = 1.5;

/// What to notice in a series' figure of this metric.
pub(super) fn notice(summary: &Summary, metric: &Metric, panels: &[Sweep<'_>]) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    for panel in panels {
        sentences.extend(ends(metric, panel));
        sentences.extend(grows(metric, panel));
    }
    sentences.extend(crossings(summary, metric, panels));
    if metric.name == CAPACITY.name {
        sentences.extend(peaks(summary, panels));
    }
    sentences
}

/// The caveats of that figure.
pub(super) fn fool(metric: &Metric, panels: &[Sweep<'_>]) -> Vec<String> {
    let mut sentences = vec![
        "Nothing was measured between the points: lines and bands only join them.".to_string(),
    ];
    if [CAPACITY.name, TAIL.name].contains(&metric.name) {
        let lines = panels.iter().flat_map(|panel| &panel.lines);
        let cells: Vec<&Cell> =
            lines.flat_map(|line| line.points.iter().map(|(_, cell)| *cell)).collect();
        sentences.extend(timers::note(&cells));
    }
    let sum = |check: &str| {
        let each = panels.iter().map(|panel| panel.flagged(check));
        each.fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
    };
    let (limited, all) = sum("generator-cpu");
    if limited > 0 && metric.name == CAPACITY.name {
        sentences.push(format!(
            "At {} of the points the load generator was the limit: a line that levels off there \
             shows the generator.",
            share(limited, all)
        ));
    }
    let (starving, all) = sum("fairness");
    if starving > 0 {
        sentences.push(format!(
            "At {} of the points some clients were starved: the figure covers only those served.",
            share(starving, all)
        ));
    }
    if metric.name == TURNAROUND.name {
        sentences.push(
            "Means cover only clients that finished within the measurement; a point without any is \
             left out."
                .into(),
        );
    }
    if metric.name == CONNECT.name {
        sentences.push(
            "A connection counts as open once the kernel has completed the handshake. A late \
             accept shows only in the first request. The other figures' latencies exclude the time \
             to connect."
                .into(),
        );
    }
    if metric.name == SERVER_CPU.name {
        sentences.push(
            "A mostly idle server has cold caches and pays for wake-ups, so cost falls with load \
             for that reason alone."
                .into(),
        );
    }
    sentences
}

/// The certain crossovers of a series in the figure that ranks its models. The crossover between
/// the leaders of both ends comes first.
pub(crate) fn main<'a>(summary: &'a Summary, panels: &[Sweep<'_>]) -> Vec<&'a Crossover> {
    let Some(first) = panels.first() else { return Vec::new() };
    let metric = if first.is_closed() { CAPACITY } else { TAIL };
    let own = summary.crossovers.iter().filter(|found| {
        found.certain && found.series == first.series && found.metric == metric.name
    });
    let leads = |found: &&Crossover| {
        panels.iter().filter(|panel| panel.fixed == found.fixed).any(|panel| {
            let (first, last) = (panel.values.first(), panel.values.last());
            let at = |x: Option<&(f64, &str)>| leader(&metric, panel, x?.0).map(|(model, _)| model);
            at(first) == Some(&found.below) && at(last) == Some(&found.above)
        })
    };
    let (mut leading, others): (Vec<_>, Vec<_>) = own.partition(leads);
    leading.extend(others);
    leading
}

/// Sentences on turnaround times, where they were measured.
pub(crate) fn turnaround(panels: &[Sweep<'_>]) -> Vec<String> {
    panels.iter().filter_map(|panel| ends(&TURNAROUND, panel)).collect()
}

/// The leaders at both ends.
fn ends(metric: &Metric, panel: &Sweep<'_>) -> Option<String> {
    let (first, last) = (panel.values.first()?, panel.values.last()?);
    let ((low, a), (high, b)) = (leader(metric, panel, first.0)?, leader(metric, panel, last.0)?);
    let at = |setting: &str| format!("{} {setting}{}", panel.factor, within(&panel.fixed));
    let show = metric.phrase;
    Some(if low == high {
        format!(
            "{low} has the best median at both ends: {} at {}, {} at {}.",
            show(a),
            at(first.1),
            show(b),
            at(last.1)
        )
    } else {
        format!(
            "The best median at {} is that of {low} ({}), at {} that of {high} ({}).",
            at(first.1),
            show(a),
            at(last.1),
            show(b)
        )
    })
}

/// The model with the best median at one value of the setting, and the median. Invalid cells and
/// those that starve clients do not count.
fn leader<'a>(metric: &Metric, panel: &Sweep<'a>, x: f64) -> Option<(&'a str, f64)> {
    let known = panel.lines.iter().filter_map(|line| {
        let cell = line.at(x)?;
        let fair = cell.validity != Validity::Invalid && !cell.starves();
        Some((line.model, (metric.of)(cell).filter(|_| fair)?.median))
    });
    let known: Vec<_> = known.collect();
    let by = |a: &&(&str, f64), b: &&(&str, f64)| a.1.total_cmp(&b.1);
    let best = match metric.good {
        Good::High => known.iter().max_by(by),
        Good::Low => known.iter().min_by(by),
    };
    best.copied().filter(|_| known.len() > 1)
}

/// The models that change most and least from one end to the other.
fn grows(metric: &Metric, panel: &Sweep<'_>) -> Option<String> {
    let mut growths: Vec<(f64, &str)> =
        panel.lines.iter().filter_map(|line| Some((growth(line, metric)?, line.model))).collect();
    growths.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ((least, a), (most, b)) = (growths.first()?, growths.last()?);
    (growths.len() > 1 && most / least >= CHANGED).then(|| {
        format!(
            "From one end to the other{} the {} of {b} becomes {} times as much, that of {a} {} times.",
            within(&panel.fixed),
            metric.words,
            digits(*most),
            digits(*least)
        )
    })
}

/// A number with three significant digits.
fn digits(x: f64) -> String {
    match x {
        few if few < 9.995 => format!("{few:.2}"),
        some if some < 99.95 => format!("{some:.1}"),
        many => format!("{many:.0}"),
    }
}

fn crossings(summary: &Summary, metric: &Metric, panels: &[Sweep<'_>]) -> Vec<String> {
    let Some(panel) = panels.first() else { return Vec::new() };
    let own = || {
        summary.crossovers.iter().filter(|c| c.series == panel.series && c.metric == metric.name)
    };
    let certain: Vec<&str> = own().filter_map(|found| found.sentence.as_deref()).collect();
    let mut sentences: Vec<String> =
        certain.iter().take(CROSSINGS).map(|text| (*text).to_string()).collect();
    if certain.len() > CROSSINGS {
        let more = certain.len() - CROSSINGS;
        let change = if more == 1 { "pair surely changes" } else { "pairs surely change" };
        sentences.push(format!("{more} more {change} places."));
    }
    let unsure = own().filter(|found| !found.certain).count();
    if unsure > 0 {
        let cross = if unsure == 1 { "pair of medians crosses" } else { "pairs of medians cross" };
        sentences.push(format!("{unsure} {cross} once, but not surely."));
    }
    sentences
}

fn peaks(summary: &Summary, panels: &[Sweep<'_>]) -> Option<String> {
    let panel = panels.first()?;
    let own = summary.scaling.iter().filter(|scaling| scaling.series == panel.series);
    let (low, high) = (panel.values.first()?.0, panel.values.last()?.0);
    let peaks: Vec<String> = own
        .filter_map(|scaling| {
            let law = scaling.law.as_ref().filter(|law| law.misfit.is_none())?;
            let interval = law.peak_interval?;
            // A peak beyond the measured range is an extrapolation.
            let here = within(&scaling.fixed);
            (interval.low >= low && interval.high <= high)
                .then(|| format!("{}{here}", scaling.model))
        })
        .collect();
    (!peaks.is_empty()).then(|| {
        format!(
            "By the fitted law, throughput surely peaks within the measured range and then falls: {}.",
            peaks.join(", ")
        )
    })
}

#[cfg(test)]
#[path = "tests/sweep_notes.rs"]
mod tests;
