//! Standings in sentences: the best model, the models that are surely worse and by how much, and
//! the undecided ones. A sentence quotes the figures of the table.

use std::cmp::Ordering;

use crate::analysis::metric::{CAPACITY, Metric, SERVER_CPU, THROUGHPUT, TRIALS_MIN};
use crate::base::listed;
use crate::base::units::{show_count, show_ns_f64};
use crate::document::{Cell, NoiseFloor, Standing};
use crate::statistics::verdict::Good;
use crate::statistics::{Interval, Verdict};

/// From a noise of so many times the figure on nothing can be told: two pairs have no interval to speak of.
const UNTOLD: f64 = 10.0;
/// One that may be worse than the best by less than this factor cannot be told from it. One that may be worse by
/// more is not known.
const NEAR: f64 = 1.25;
/// At most this many are named with their ratios; of more, the least and the most.
const NAMED: usize = 5;

/// The standings of a workload in a sentence or some.
pub(super) fn sentence(
    metric: &Metric,
    best: &Cell,
    cells: &[&Cell],
    others: &[Standing],
    noise: &[NoiseFloor],
) -> String {
    let Some(shown) = metric.shown(best) else { return String::new() };
    let value = range(metric, &[shown.value]);
    let floor = floor(metric, noise);
    if others.is_empty() {
        return format!("{}: {}.{floor}", best.model, (metric.phrase)(shown.value));
    }
    let trials = best.trials.len();
    if others.iter().all(|other| other.verdict.is_none()) && trials < TRIALS_MIN {
        let support = if trials == 1 { "trial supports" } else { "trials support" };
        return format!(
            "No verdict: {trials} {support} none; {TRIALS_MIN} are needed. The {}: {}, {value}{}.{floor}",
            superlative(metric),
            best.model,
            set_aside(metric, best, cells)
        );
    }
    let mut parts = vec![leaders(metric, best, cells, others)];
    parts.extend(worse(metric, best, others));
    parts.extend(undecided(metric, others));
    parts.extend(unjudged(cells, others));
    parts.join(" ") + &floor
}

/// Cells with a better median than the best one's, from the best median on.
fn ahead<'a>(metric: &Metric, best: &Cell, cells: &[&'a Cell]) -> Vec<&'a Cell> {
    let value = |cell: &Cell| metric.shown(cell).map(|shown| shown.value);
    let ahead = |cell: &&&Cell| match (value(cell), value(best)) {
        (Some(own), Some(best)) => match metric.good {
            Good::High => own > best,
            Good::Low => own < best,
        },
        _ => false,
    };
    let mut ahead: Vec<&Cell> = cells.iter().filter(ahead).copied().collect();
    ahead.sort_by(|a, b| {
        let order = value(a).partial_cmp(&value(b)).unwrap_or(Ordering::Equal);
        if metric.good == Good::High { order.reverse() } else { order }
    });
    ahead
}

/// Models of which nobody knows whether they are better than the best, as their medians are. Those
/// that starve their clients are no rivals.
pub(super) fn rivals<'a>(
    metric: &Metric,
    best: &Cell,
    cells: &[&'a Cell],
    others: &[Standing],
) -> Vec<&'a Cell> {
    let unknown = unknown(metric, others);
    let mut ahead = ahead(metric, best, cells);
    ahead.retain(|cell| !cell.starves() && unknown.iter().any(|other| other.model == cell.model));
    ahead
}

/// Which models look better than the best and cannot be, as their checks have set them aside.
fn set_aside(metric: &Metric, best: &Cell, cells: &[&Cell]) -> String {
    let ahead = ahead(metric, best, cells);
    let ahead: Vec<&str> = ahead.iter().map(|cell| cell.model.as_str()).collect();
    if ahead.is_empty() {
        return String::new();
    }
    format!(" (without {}, set aside because of its checks)", listed(&ahead))
}

/// What the best has.
fn superlative(metric: &Metric) -> String {
    match metric.good {
        Good::High => format!("highest {}", metric.words),
        Good::Low => format!("lowest {}", metric.words),
    }
}

/// Models that are surely not much worse than the best, in the order of their figures; the best is not among
/// them.
pub(super) fn near<'a>(metric: &Metric, others: &'a [Standing]) -> Vec<&'a Standing> {
    let near = others.iter().filter(|other| match other.verdict {
        Some(Verdict::Same | Verdict::Better) => true,
        Some(Verdict::CannotTell) => worst(metric, other).is_some_and(|worst| worst <= NEAR),
        _ => false,
    });
    near.collect()
}

/// The undecided models: without a verdict, or with too wide an interval.
pub(super) fn unknown<'a>(metric: &Metric, others: &'a [Standing]) -> Vec<&'a Standing> {
    let near: Vec<&str> = near(metric, others).iter().map(|other| other.model.as_str()).collect();
    let unknown = others.iter().filter(|other| {
        other.verdict != Some(Verdict::Worse) && !near.contains(&other.model.as_str())
    });
    unknown.collect()
}

/// By how much one may be worse than the best at most.
fn worst(metric: &Metric, other: &Standing) -> Option<f64> {
    let Interval { low, high } = other.interval?;
    Some(if good(metric, other) == Good::High { 1.0 / low } else { high })
}

fn good(metric: &Metric, other: &Standing) -> Good {
    if other.metric.is_some() { CAPACITY.good } else { metric.good }
}

/// The best model, or all models that cannot be distinguished from it.
fn leaders(metric: &Metric, best: &Cell, cells: &[&Cell], others: &[Standing]) -> String {
    let near = near(metric, others);
    let is_one = |cell: &&&Cell| {
        cell.model == best.model || near.iter().any(|other| other.model == cell.model)
    };
    let group: Vec<&Cell> = cells.iter().filter(is_one).copied().collect();
    let names = listed(&group.iter().map(|cell| cell.model.as_str()).collect::<Vec<_>>());
    let mut values: Vec<f64> =
        group.iter().filter_map(|cell| Some(metric.shown(cell)?.value)).collect();
    values.sort_by(f64::total_cmp);
    let range = range(metric, &values);
    let rivals = rivals(metric, best, cells, others);
    let (judged, rivals) = if rivals.is_empty() {
        ("", String::new())
    } else {
        (" of the models that could be judged", not_judged(metric, &rivals))
    };
    if group.len() == 1 {
        let (verb, what) = verb(metric, true);
        return format!("{names} {verb} {what}{judged}: {range}.{rivals}");
    }
    let (verb, what) = verb(metric, false);
    let alike = near.iter().all(|other| other.verdict == Some(Verdict::Same));
    let said = if alike { "are the same within 5 %" } else { "cannot be distinguished" };
    format!("{names} {verb} {what}{judged} ({range}) and {said}.{rivals}")
}

/// Who may be better than those that lead.
fn not_judged(metric: &Metric, rivals: &[&Cell]) -> String {
    let names: Vec<&str> = rivals.iter().map(|cell| cell.model.as_str()).collect();
    let better = if metric.good == Good::High { "higher" } else { "lower" };
    let have = if names.len() == 1 { "has a" } else { "have" };
    let medians = if names.len() == 1 { "median" } else { "medians" };
    format!(" {} {have} {better} {medians} and may be better.", listed(&names))
}

fn verb(metric: &Metric, one: bool) -> (&'static str, String) {
    match (metric, one) {
        (metric, true) if metric.is(&SERVER_CPU) => ("costs", "the least CPU per request".into()),
        (metric, false) if metric.is(&SERVER_CPU) => ("cost", "the least CPU per request".into()),
        (metric, true) if metric.is(&THROUGHPUT) => ("serves", "the most".into()),
        (metric, false) if metric.is(&THROUGHPUT) => ("serve", "the most".into()),
        (metric, true) => ("has", format!("the {}", superlative(metric))),
        (metric, false) => ("have", format!("the {}", superlative(metric))),
    }
}

/// From the least to the most, in the unit of the figure.
fn range(metric: &Metric, values: &[f64]) -> String {
    let show = |value: f64| match metric {
        metric if metric.is(&THROUGHPUT) => show_count(value),
        _ => show_ns_f64(value),
    };
    let unit = if metric.is(&THROUGHPUT) { " replies/s" } else { "" };
    match values {
        [] => "not known".into(),
        [one] => format!("{}{unit}", show(*one)),
        [least, .., most] => {
            let (least, most) = (show(*least), show(*most));
            if least == most {
                format!("{least}{unit}")
            } else {
                format!("{least} to {most}{unit}")
            }
        }
    }
}

/// The models that are surely worse, and by how much.
fn worse(metric: &Metric, best: &Cell, others: &[Standing]) -> Option<String> {
    let mut worse: Vec<&Standing> =
        others.iter().filter(|other| other.verdict == Some(Verdict::Worse)).collect();
    let times = |other: &Standing| {
        let ratio = other.ratio.unwrap_or(1.0);
        if good(metric, other) == Good::High { 1.0 / ratio } else { ratio }
    };
    let order =
        |a: &&Standing, b: &&Standing| times(a).partial_cmp(&times(b)).unwrap_or(Ordering::Equal);
    worse.sort_by(order);
    let said = |other: &Standing| format!("{} ({})", other.model, ratio(metric, other));
    if let [least, .., most] = &worse[..]
        && worse.len() > NAMED
    {
        return Some(format!(
            "{} are surely worse than {}, from {} to {}.",
            worse.len(),
            best.model,
            said(least),
            said(most)
        ));
    }
    let all: Vec<String> = worse.iter().map(|other| said(other)).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    (!all.is_empty()).then(|| format!("Surely worse than {}: {}.", best.model, listed(&all)))
}

/// A ratio with its interval, as tables have it: `2.31 times the CPU [2.02, 2.67]`.
fn ratio(metric: &Metric, other: &Standing) -> String {
    let Some((ratio, Interval { low, high })) = other.ratio.zip(other.interval) else {
        return String::new();
    };
    let what = match other.metric {
        Some(_) => "the throughput",
        None if metric.is(&SERVER_CPU) => "the CPU",
        None if metric.is(&THROUGHPUT) => "the throughput",
        None => "that",
    };
    format!("{ratio:.2} times {what} [{low:.2}, {high:.2}]")
}

/// The models whose intervals are too wide.
fn undecided(metric: &Metric, others: &[Standing]) -> Option<String> {
    let open = unknown(metric, others);
    let open: Vec<String> = open
        .iter()
        .filter(|other| other.verdict.is_some())
        .map(|other| {
            let more =
                other.rounds_needed.map(|rounds| format!(", about {rounds} rounds would decide"));
            format!("{} ({}{})", other.model, ratio(metric, other), more.unwrap_or_default())
        })
        .collect();
    (!open.is_empty()).then(|| format!("Undecided: {}.", open.join(", ")))
}

/// The models without a verdict, and why. Starving clients is not the same as being slow.
fn unjudged(cells: &[&Cell], others: &[Standing]) -> Option<String> {
    let starves = |model: &str| cells.iter().any(|cell| cell.model == model && cell.starves());
    let without = || others.iter().filter(|other| other.verdict.is_none());
    let starving: Vec<&str> =
        without().map(|other| other.model.as_str()).filter(|model| starves(model)).collect();
    let others: Vec<String> = without()
        .filter(|other| !starves(&other.model))
        .map(|other| {
            let why = other.why_none.as_deref().unwrap_or("nothing to compare");
            format!("{} ({why})", other.model)
        })
        .collect();
    let mut parts = Vec::new();
    if !starving.is_empty() {
        let verb = if starving.len() == 1 { "starves" } else { "starve" };
        let is = if starving.len() == 1 { "is" } else { "are" };
        parts.push(format!("{} {verb} clients and {is} not ranked.", listed(&starving)));
    }
    if !others.is_empty() {
        parts.push(format!("No verdict: {}.", others.join("; ")));
    }
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// The noise floor, from one model measured twice; empty without an A/A control.
fn floor(metric: &Metric, noise: &[NoiseFloor]) -> String {
    let own = noise.iter().filter(|floor| floor.metric == metric.name);
    let widest = own.max_by(|a, b| a.smallest_detectable.total_cmp(&b.smallest_detectable));
    widest.map_or_else(String::new, |floor| {
        let untold = match floor.smallest_detectable {
            some if some < UNTOLD => {
                format!("differences below {:.1} % cannot be distinguished", some * 100.0)
            }
            _ => "no difference can be distinguished".into(),
        };
        format!(" {} measured twice: {}, so {untold}.", floor.model, of_itself(floor))
    })
}

/// A second measurement over the first, with the interval where that is one.
pub(crate) fn of_itself(floor: &NoiseFloor) -> String {
    if floor.smallest_detectable < UNTOLD {
        let (low, high) = (floor.interval.low, floor.interval.high);
        format!("{:.2} ({low:.2} to {high:.2}) of itself", floor.ratio)
    } else {
        format!("{:.2} of itself, with few trials", floor.ratio)
    }
}
