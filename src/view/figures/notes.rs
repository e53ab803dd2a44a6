//! What to notice in a figure, and its caveats: rules over a summary's cells. A rule that does not
//! apply is silent.

use super::looks::family;
use crate::analysis::metric::{CONNECT, Metric, TURNAROUND};
use crate::base::units::{show_bytes, show_count, show_ns_f64};
use crate::document::{Cell, Estimate, Shown, Status, Validity};
use crate::statistics::median;

/// The subject of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Percentiles,
    Throughput,
    Tail,
    Cost,
    Memory,
    EqualLoad,
    Turnaround,
    Connect,
    Steps,
    Calls,
    Time,
}

/// A larger spread makes differences below it between models meaningless.
const WIDE: f64 = 0.1;
/// Two models whose costs differ by a smaller factor are alike.
const ALIKE: f64 = 1.25;

/// What to notice in this figure of a workload's cells.
pub(super) fn notice(subject: Subject, cells: &[&Cell]) -> Vec<String> {
    match subject {
        Subject::Percentiles => {
            some([tails(cells), crossing(cells, 0.5, 0.99), too_few(cells, 0.999)])
        }
        Subject::Throughput => some([
            extremes(
                cells,
                "most",
                "fewest",
                |cell| Some(cell.throughput_per_s.median),
                show_count,
            ),
            generator_limited(cells),
            spreads(cells, "the median", |cell| {
                let Estimate { median, min, max, values, .. } = &cell.throughput_per_s;
                (values.len() > 1).then_some((*min, *median, *max))
            }),
        ]),
        Subject::Tail => some([
            extremes(cells, "longest", "shortest", |cell| together(cell, 0.99), show_ns_f64),
            spreads(cells, "that of all together", |cell| {
                let shown = cell.quantile(0.99)?.shown()?;
                (shown.values.len() > 1).then_some((shown.low, shown.value, shown.high))
            }),
            too_few(cells, 0.99),
        ]),
        Subject::Cost => some([
            extremes(cells, "most", "least", |cell| Some(cpu(cell)?.median), show_ns_f64),
            alike(cells),
            families(cells),
        ]),
        Subject::Memory => {
            some([extremes(cells, "most", "least", |cell| Some(cell.memory()?.median), show_bytes)])
        }
        Subject::EqualLoad => some([rate(cells), left_behind(cells), too_few(cells, 0.999)]),
        Subject::Turnaround => some([longest(cells, &TURNAROUND)]),
        Subject::Connect => some([longest(cells, &CONNECT)]),
        Subject::Steps | Subject::Calls | Subject::Time => Vec::new(),
    }
}

/// The caveats of this figure.
pub(super) fn fool(subject: Subject, cells: &[&Cell]) -> Vec<String> {
    let closed = cells.iter().all(|cell| cell.is_closed());
    let omission = "In a closed loop a slow server slows its clients down. The requests they did \
        not send are missing, so tails look shorter than users would find them (coordinated \
        omission).";
    let omission = closed.then(|| omission.to_string());
    let text = |text: &str| Some(text.to_string());
    match subject {
        Subject::Percentiles => some([
            starving(cells),
            omission,
            text(
                "A curve pools the samples of all trials, which hides how trials differ. It ends \
                 where fewer than six effective samples lie beyond, or where requests had not \
                 ended.",
            ),
        ]),
        Subject::Throughput => some([
            starving(cells),
            flagged(cells, "steal", "The hypervisor took processor time from"),
            text("Server and generator share one machine, its memory and its caches."),
        ]),
        Subject::Tail => some([
            starving(cells),
            omission,
            flagged(cells, "sched-lag", "The generator itself was late under"),
            text(
                "One trial's stall can dominate the slowest requests: look at how far apart the small \
                 dots are. The axis is logarithmic: equal distances are equal ratios.",
            ),
        ]),
        Subject::Cost => some([
            flagged(cells, "steal", "The hypervisor took processor time from"),
            text(
                "On loopback the sender is charged for part of the receiver's work. A mostly idle \
                 server has cold caches and pays for wake-ups, so compare costs at the same load \
                 only.",
            ),
        ]),
        Subject::Memory => some([text(
            "Pages shared by processes are divided among them. This is user memory at the end of \
             the measurement, without the kernel's memory for sockets and stacks.",
        )]),
        Subject::EqualLoad => some([
            starving(cells),
            text(
                "An idle processor takes time to wake, which dominates every latency at low load. \
                 Quantiles with too few samples are left out; a hollow mark is a lower bound.",
            ),
        ]),
        Subject::Turnaround => {
            some([text("The mean covers only clients that finished within the measurement.")])
        }
        Subject::Connect => some([text(
            "A connection counts as open once the kernel has completed the handshake. A late \
             accept shows only in the first request.",
        )]),
        Subject::Calls => some([text(
            "Counted by strace in a separate load. strace slows the server, so an event loop finds \
             more clients ready at once, and makes fewer calls than without it.",
        )]),
        Subject::Steps => some([text(
            "A request belongs to the step in which it was due, however late its reply. A step \
             with too few samples for a median has no point.",
        )]),
        Subject::Time => some([text(
            "One trial of each cell, the one with the median throughput. Slices are short, so the \
             p99 of a slice is often its slowest request. In long trials a point joins several \
             slices and shows the highest p99.",
        )]),
    }
}

/// The cells that are greyed, with the checks that failed.
pub(super) fn greyed(cells: &[&Cell]) -> Option<String> {
    let invalid = cells.iter().filter(|cell| cell.validity == Validity::Invalid);
    let reasons = invalid.map(|cell| {
        let failed = cell.flags.iter().filter(|flag| flag.status == Status::Fail);
        let messages: Vec<&str> = failed.map(|flag| flag.message.as_str()).collect();
        format!("{} ({})", cell.model, messages.join("; "))
    });
    let reasons: Vec<String> = reasons.collect();
    (!reasons.is_empty()).then(|| format!("{}.", reasons.join(", ")))
}

/// Names the models that stumbled: one of their slices has less than half the rate of their median
/// slice.
pub(super) fn stumbles<'a>(series: impl Iterator<Item = (&'a str, Vec<f64>)>) -> Option<String> {
    let stumbled = series.filter_map(|(model, rates)| {
        let usual = median(&rates)?;
        let low = rates.iter().copied().fold(f64::INFINITY, f64::min);
        (low < usual / 2.0).then(|| format!("{model} ({:.0} %)", low / usual * 100.0))
    });
    let stumbled: Vec<String> = stumbled.collect();
    Some(if stumbled.is_empty() {
        "No model falls below half of its usual rate in any slice.".into()
    } else {
        format!(
            "Fewer than half of the usual replies in their slowest slice: {}.",
            stumbled.join(", ")
        )
    })
}

fn some<const N: usize>(sentences: [Option<String>; N]) -> Vec<String> {
    sentences.into_iter().flatten().collect()
}

fn cpu(cell: &Cell) -> Option<&Estimate> {
    cell.server_cpu_per_request_ns.as_ref()
}

/// Cells that represent their model: they are not invalid and starve no client.
fn sound<'a>(cells: &[&'a Cell]) -> impl Iterator<Item = &'a Cell> {
    cells.iter().copied().filter(|cell| cell.validity != Validity::Invalid && !cell.starves())
}

/// The value that tables and figures show for a quantile, unless it is a lower bound.
fn together(cell: &Cell, q: f64) -> Option<f64> {
    let shown = cell.quantile(q)?.shown();
    shown.filter(|shown: &Shown| !shown.at_least).map(|shown| shown.value)
}

/// The sound cells with this figure, from the smallest to the largest.
fn ordered<'a>(cells: &[&'a Cell], value: impl Fn(&'a Cell) -> Option<f64>) -> Vec<(&'a str, f64)> {
    let mut found: Vec<_> =
        sound(cells).filter_map(|cell| Some((cell.model.as_str(), value(cell)?))).collect();
    found.sort_by(|a, b| a.1.total_cmp(&b.1));
    found
}

/// The same by estimates, from the smallest median to the largest.
fn estimates<'a>(
    cells: &[&'a Cell],
    value: impl Fn(&'a Cell) -> Option<&'a Estimate>,
) -> Vec<(&'a str, &'a Estimate)> {
    let mut found: Vec<_> =
        sound(cells).filter_map(|cell| Some((cell.model.as_str(), value(cell)?))).collect();
    found.sort_by(|a, b| a.1.median.total_cmp(&b.1.median));
    found
}

fn extremes<'a>(
    cells: &[&'a Cell],
    most: &str,
    least: &str,
    value: impl Fn(&'a Cell) -> Option<f64>,
    show: fn(f64) -> String,
) -> Option<String> {
    let ordered = ordered(cells, value);
    let ((low, a), (high, b)) = (ordered.first()?, ordered.last()?);
    if ordered.len() < 2 || *a <= 0.0 {
        return None;
    }
    let left_out: Vec<&str> = cells
        .iter()
        .filter(|cell| cell.validity == Validity::Invalid || cell.starves())
        .map(|cell| cell.model.as_str())
        .collect();
    let without = if left_out.is_empty() {
        String::new()
    } else {
        format!(" (Without {}: see below.)", left_out.join(", "))
    };
    Some(format!(
        "The {most}: {high} with {}; the {least}: {low} with {}. That is {:.1} times as much.{without}",
        show(*b),
        show(*a),
        b / a
    ))
}

fn longest(cells: &[&Cell], metric: &Metric) -> Option<String> {
    let median = |cell| Some((metric.of)(cell)?.median);
    extremes(cells, "longest", "shortest", median, show_ns_f64)
}

fn tails(cells: &[&Cell]) -> Option<String> {
    let ratio = |cell: &Cell| {
        let (p50, p99) = (together(cell, 0.5)?, together(cell, 0.99)?);
        (p50 > 0.0).then(|| p99 / p50)
    };
    let mut found: Vec<(f64, &str)> =
        sound(cells).filter_map(|cell| Some((ratio(cell)?, cell.model.as_str()))).collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ((short, a), (long, b)) = (found.first()?, found.last()?);
    (found.len() > 1).then(|| {
        format!(
            "The longest tail for its median is that of {b}, a p99 of {long:.1} times its p50; the \
             shortest that of {a}, {short:.1} times."
        )
    })
}

/// Whether the model with the lowest curve at one quantile is clearly not the lowest at a later
/// one.
fn crossing(cells: &[&Cell], early: f64, late: f64) -> Option<String> {
    let at = |q: f64| estimates(cells, move |cell| cell.known_quantile(q));
    let (first, later) = (at(early), at(late));
    let (usual, _) = first.first()?;
    let (tail, best) = later.first()?;
    let (_, own) = later.iter().find(|(model, _)| model == usual)?;
    // Only where the trials of the two models do not overlap.
    (usual != tail && own.min > best.max).then(|| {
        format!(
            "Curves cross: {usual} has the lowest median, and {tail} the lower p99 ({} against {}).",
            show_ns_f64(best.median),
            show_ns_f64(own.median)
        )
    })
}

fn too_few(cells: &[&Cell], q: f64) -> Option<String> {
    let lacks = |cell: &&&Cell| cell.quantile(q).is_some_and(|quantile| quantile.shown().is_none());
    let n = cells.iter().filter(lacks).count();
    (n > 0).then(|| {
        let percent = (q * 1000.0).round() / 10.0;
        let have = if n == 1 { "has" } else { "have" };
        format!("{n} of {} cells {have} too few samples for p{percent}.", cells.len())
    })
}

/// How many models have a trial far from the middle of their trials; `spread` gives the lowest, the
/// middle and the highest.
fn spreads(
    cells: &[&Cell],
    middle: &str,
    spread: impl Fn(&Cell) -> Option<(f64, f64, f64)>,
) -> Option<String> {
    let known: Vec<_> = sound(cells).filter_map(spread).collect();
    let wide =
        |(low, middle, high): &&(f64, f64, f64)| (high - middle).max(middle - low) > WIDE * middle;
    let n = known.iter().filter(wide).count();
    (n > 0).then(|| {
        format!(
            "For {n} of {} models some trial is more than {:.0} % away from {middle}: ignore \
             smaller differences.",
            known.len(),
            WIDE * 100.0
        )
    })
}

fn generator_limited(cells: &[&Cell]) -> Option<String> {
    let n = cells.iter().filter(|cell| cell.flag("generator-cpu").is_some()).count();
    (n > 0).then(|| {
        format!(
            "The load generator limited {n} of {} cells in some trial: their capacity is at least \
             this figure; compare CPU per request.",
            cells.len()
        )
    })
}

fn alike(cells: &[&Cell]) -> Option<String> {
    let ordered = ordered(cells, |cell| Some(cpu(cell)?.median));
    let (low, high) = (ordered.first()?.1, ordered.last()?.1);
    (ordered.len() > 1 && high < low * ALIKE).then(|| {
        "The models hardly differ: the requested work costs more than the way of waiting.".into()
    })
}

/// The costs of the families, cheapest first.
fn families(cells: &[&Cell]) -> Option<String> {
    let mut costs: Vec<(&str, Vec<f64>)> = Vec::new();
    for cell in sound(cells) {
        let (name, Some(cost)) = (family(&cell.model), cpu(cell)) else { continue };
        match costs.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(cost.median),
            None => costs.push((name, vec![cost.median])),
        }
    }
    let mut costs: Vec<(&str, f64)> =
        costs.iter().filter_map(|(name, values)| Some((*name, median(values)?))).collect();
    costs.sort_by(|a, b| a.1.total_cmp(&b.1));
    let list: Vec<String> =
        costs.iter().map(|(name, cost)| format!("{name} {}", show_ns_f64(*cost))).collect();
    (costs.len() > 1).then(|| format!("By family, median of its models: {}.", list.join(", ")))
}

fn rate(cells: &[&Cell]) -> Option<String> {
    let rate = cells.first()?.arrivals.rate_per_s()?;
    let range = |q: f64| {
        let ordered = ordered(cells, move |cell| together(cell, q));
        let ((low, a), (high, b)) = (ordered.first()?, ordered.last()?);
        let shown = (show_ns_f64(*a), show_ns_f64(*b));
        Some(format!("{} ({low}) to {} ({high})", shown.0, shown.1))
    };
    let (p50, p99) = (range(0.5)?, range(0.99)?);
    Some(format!(
        "All were asked for {} requests a second. The median goes from {p50}, p99 from {p99}.",
        show_count(rate)
    ))
}

fn left_behind(cells: &[&Cell]) -> Option<String> {
    flagged(
        cells,
        "kept-up",
        "Did not keep up in some trial, so their latency is that of a growing queue:",
    )
}

fn starving(cells: &[&Cell]) -> Option<String> {
    let some = cells.iter().filter(|cell| cell.starves());
    let models: Vec<&str> = some.map(|cell| cell.model.as_str()).collect();
    let serves = if models.len() == 1 { "serves" } else { "serve" };
    (!models.is_empty()).then(|| {
        format!(
            "{} {serves} some clients and starves others: the figure covers only those served.",
            models.join(", ")
        )
    })
}

fn flagged(cells: &[&Cell], check: &str, sentence: &str) -> Option<String> {
    let some = cells.iter().filter(|cell| cell.flag(check).is_some());
    let models: Vec<&str> = some.map(|cell| cell.model.as_str()).collect();
    (!models.is_empty()).then(|| format!("{sentence} {}.", models.join(", ")))
}

#[cfg(test)]
mod tests;
