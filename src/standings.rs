//! What a summary's figures say beyond themselves: intervals, and how the models stand against the
//! best of their workload.
//!
//! All of it follows from the values in the summary, so that a run of an earlier version gets it too.

use crate::document::{Cell, Estimate, Standing, Standings, Summary, Validity};
use crate::metric::{self, MARGIN, Metric, TAIL, THROUGHPUT, TRIALS_MIN};
use crate::statistics::verdict::Good;
use crate::statistics::{Verdict, interval, rank, ratio};
use crate::units::as_f64;

/// Fills in everything that follows from the values of the trials. Doing it again changes nothing.
pub fn derive(summary: &mut Summary) {
    let seed = summary.run.seed;
    for cell in &mut summary.cells {
        let latency = cell.latency.iter_mut().filter_map(|quantile| quantile.value_ns.as_mut());
        let costs = [&mut cell.server_cpu_per_request_ns, &mut cell.client_cpu_per_request_ns];
        let estimates = [&mut cell.throughput_per_s, &mut cell.pss_bytes].into_iter();
        for estimate in estimates.chain(latency).chain(costs.into_iter().flatten()) {
            estimate.interval = interval::bootstrap_median(&estimate.values, seed);
        }
    }
    let workloads = summary.workloads();
    // A twin is a second measurement of one of them and no rival.
    let rivals = |name: &str| -> Vec<&Cell> {
        summary.cells_of(name).into_iter().filter(|cell| !cell.twin).collect()
    };
    let standings = workloads.iter().filter_map(|name| of(name, &rivals(name)));
    summary.verdicts = standings.collect();
}

/// The standings of one workload; `None` where no model can be the best.
fn of(workload: &str, cells: &[&Cell]) -> Option<Standings> {
    let metric = if cells.first()?.is_closed() { THROUGHPUT } else { TAIL };
    let best = best(&metric, cells)?;
    let mut others: Vec<Standing> = cells
        .iter()
        .filter(|cell| cell.model != best.model)
        .map(|cell| against(&metric, cell, best))
        .collect();
    judge(&metric, &mut others);
    let sentence = sentence(&metric, best, cells, &others);
    Some(Standings {
        workload: workload.into(),
        metric: metric.name.into(),
        best: best.model.clone(),
        margin: MARGIN,
        others,
        sentence,
    })
}

/// The cell with the best median. One that serves a few of its clients and starves the rest is
/// not better but something else.
fn best<'a>(metric: &Metric, cells: &[&'a Cell]) -> Option<&'a Cell> {
    let candidates = cells
        .iter()
        .filter(|cell| cell.validity != Validity::Invalid && !cell.starves())
        .filter_map(|cell| Some((*cell, (metric.of)(cell)?.median)));
    let order = |a: &(&Cell, f64), b: &(&Cell, f64)| a.1.total_cmp(&b.1);
    let found = match metric.good {
        Good::High => candidates.max_by(order),
        Good::Low => candidates.min_by(order),
    };
    found.map(|(cell, _)| cell)
}

/// One model against the best, without a verdict yet: that depends on all the others beside it.
fn against(metric: &Metric, cell: &Cell, best: &Cell) -> Standing {
    let mut standing = Standing {
        model: cell.model.clone(),
        ratio: None,
        interval: None,
        p_value: None,
        verdict: None,
        why_none: None,
    };
    let Some((of, to)) = pairs(metric, cell, best) else {
        standing.why_none = Some("not every trial has samples enough for this figure".into());
        return standing;
    };
    if let Some(ratio) = ratio::paired(&of, &to) {
        standing.ratio = Some(ratio.value);
        standing.interval = Some(ratio.interval);
        standing.p_value = Some(ratio.p_value);
    }
    standing.why_none = if cell.validity == Validity::Invalid {
        Some("the cell is invalid".into())
    } else if of.len() < TRIALS_MIN {
        Some(format!("{} trials, and it takes {TRIALS_MIN}", of.len()))
    } else if standing.ratio.is_none() {
        Some("a trial without any reply has no ratio".into())
    } else {
        None
    };
    standing
}

/// The values of both in the blocks that both have.
fn pairs(metric: &Metric, cell: &Cell, best: &Cell) -> Option<(Vec<f64>, Vec<f64>)> {
    let (of, to) = (blocks(cell, (metric.of)(cell)?), blocks(best, (metric.of)(best)?));
    let both = of.iter().filter_map(|(block, value)| {
        let (_, other) = to.iter().find(|(other, _)| other == block)?;
        Some((*value, *other))
    });
    Some(both.unzip())
}

/// The values with the blocks that they are of, which their files are named after.
fn blocks<'a>(cell: &'a Cell, estimate: &Estimate) -> Vec<(&'a str, f64)> {
    let block = |file: &'a String| file.strip_suffix(".json")?.rsplit('.').next();
    let blocks = cell.trials.iter().filter_map(block);
    blocks.zip(estimate.values.iter().copied()).collect()
}

/// Adjusts the p-values and says what each model comes to.
///
/// Which model is the best is learnt from the same trials, so any of the pairs could have been
/// compared: with n models each comparison stands for n/2 of them. Holm over the n-1 alone would find
/// a difference among twenty equal models in every tenth run.
fn judge(metric: &Metric, others: &mut [Standing]) {
    let pairs_each = as_f64(others.len() as u64 + 1) / 2.0;
    let judged = |standing: &&mut Standing| standing.why_none.is_none();
    let p_values: Vec<f64> = others
        .iter()
        .filter(|standing| standing.why_none.is_none())
        .filter_map(|standing| standing.p_value)
        .map(|p_value| (p_value * pairs_each).min(1.0))
        .collect();
    for (standing, p_value) in others.iter_mut().filter(judged).zip(rank::holm(&p_values)) {
        let (Some(value), Some(interval)) = (standing.ratio, standing.interval) else { continue };
        let ratio = ratio::Ratio { value, interval, p_value };
        standing.p_value = Some(p_value);
        standing.verdict = Some(Verdict::of(&ratio, metric.good, MARGIN, Some(p_value)));
    }
}

/// The standings for people.
fn sentence(metric: &Metric, best: &Cell, cells: &[&Cell], others: &[Standing]) -> String {
    let Some(figure) = (metric.of)(best) else { return String::new() };
    let value = match metric.good {
        Good::High => format!("{} replies/s", metric::show(metric.name, figure.median)),
        Good::Low => format!("p99 {}", metric::show(metric.name, figure.median)),
    };
    if others.is_empty() {
        return format!("{}: {value}.", best.model);
    }
    if figure.values.len() < TRIALS_MIN {
        let overlap = |cell: &&&Cell| {
            let other = (metric.of)(cell);
            let meets = |e: &Estimate| e.min <= figure.max && e.max >= figure.min;
            cell.model != best.model && other.is_some_and(meets)
        };
        let overlapping = cells.iter().filter(overlap).count();
        return format!(
            "Best median: {} with {value}. {} trials support no verdict; the spread of {overlapping} \
             of the {} other models overlaps with its own.",
            best.model,
            figure.values.len(),
            others.len()
        );
    }
    let named = |wanted: &[Option<Verdict>]| -> Vec<&str> {
        let some = others.iter().filter(|standing| wanted.contains(&standing.verdict));
        some.map(|standing| standing.model.as_str()).collect()
    };
    let alike = named(&[Some(Verdict::CannotTell), Some(Verdict::Same)]);
    let (worse, unknown) = (named(&[Some(Verdict::Worse)]), named(&[None]));
    // Only who starves clients can be better than the best.
    let starving = named(&[Some(Verdict::Better)]);
    let mut text = if alike.is_empty() {
        format!("Of {} models {} is the best, with {value}.", cells.len(), best.model)
    } else {
        format!(
            "Of {} models {} cannot be told from the best, {} with {value}: {}.",
            cells.len(),
            alike.len(),
            best.model,
            alike.join(", ")
        )
    };
    if !worse.is_empty() {
        let is = if worse.len() == 1 { "is" } else { "are" };
        text += &format!(" {} {is} worse by more than {:.0} %.", worse.len(), MARGIN * 100.0);
    }
    if !starving.is_empty() {
        text += &format!(" Better, but by starving clients: {}.", starving.join(", "));
    }
    if !unknown.is_empty() {
        text += &format!(" Without a verdict: {}.", unknown.join(", "));
    }
    text
}

#[cfg(test)]
mod tests;
