//! Standings: intervals, and each model compared with the best of its workload.
//!
//! Everything is derived from the values in the summary, so it also works for runs of earlier
//! versions.

mod ceiling;
mod limits;
mod noise;
mod recommend;
pub(crate) mod reference;
pub(crate) mod rounds;
mod words;

use crate::analysis::doubt::pairs;
use crate::analysis::metric::{CAPACITY, MARGIN, Metric, SERVER_CPU, TRIALS_MIN};
use crate::analysis::{doubt, sweeps};
use crate::base::units::as_f64;
use crate::document::{Cell, NoiseFloor, Reference, RoundsRecord, Standing, Standings, Summary};
use crate::statistics::looks::Look;
use crate::statistics::verdict::Good;
use crate::statistics::{Verdict, interval, rank, ratio};

pub(crate) use noise::away;
pub(crate) use words::of_itself;

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
    if let Some(reference) = &mut summary.reference {
        reference::derive(reference, seed);
    }
    let looks = summary.run.rounds.as_ref().map(RoundsRecord::looks);
    let workloads = summary.workloads();
    let noise: Vec<NoiseFloor> = workloads
        .iter()
        .flat_map(|name| noise::noise_floors(name, &summary.cells_of(name)))
        .collect();
    let standings: Vec<Standings> = workloads
        .iter()
        .filter_map(|name| {
            let own: Vec<NoiseFloor> =
                noise.iter().filter(|floor| floor.workload == *name).cloned().collect();
            let beside = Beside {
                noise: &own,
                reference: summary.reference.as_ref(),
                looks: looks.as_deref(),
                margin: MARGIN,
            };
            rank_workload(name, &summary.ranked(name), &beside)
        })
        .collect();
    let recommendations = standings.iter().filter_map(|standings| {
        recommend::recommendation(standings, &summary.ranked(&standings.workload))
    });
    summary.recommendations = recommendations.collect();
    summary.verdicts = standings;
    summary.noise = noise;
    let sweeps = sweeps::find_sweeps(summary);
    let crossovers =
        sweeps.iter().flat_map(|sweep| sweeps::crossover::find_crossovers(sweep, seed)).collect();
    let scaling =
        sweeps.iter().flat_map(|sweep| sweeps::scaling::fit_scaling(sweep, seed)).collect();
    summary.crossovers = crossovers;
    summary.scaling = scaling;
}

/// The standings of one workload in a run by rounds that goes on, of its cells with the twin among them; `None` where no
/// model can be ranked.
pub(crate) fn at_looks(workload: &str, cells: &[&Cell], looks: &[Look]) -> Option<Standings> {
    let ranked: Vec<&Cell> = cells.iter().filter(|cell| !cell.twin).copied().collect();
    let noise: Vec<NoiseFloor> = noise::noise_floors(workload, cells);
    let beside = Beside { noise: &noise, reference: None, looks: Some(looks), margin: MARGIN };
    rank_workload(workload, &ranked, &beside)
}

/// What the standings of a workload take beside its cells.
struct Beside<'a> {
    noise: &'a [NoiseFloor],
    reference: Option<&'a Reference>,
    /// When the trials were looked at, in a run by rounds.
    looks: Option<&'a [Look]>,
    margin: f64,
}

/// The standings of one workload; `None` where no model can be the best.
fn rank_workload(workload: &str, cells: &[&Cell], beside: &Beside<'_>) -> Option<Standings> {
    let metric = limits::figure(cells, beside.reference);
    let (best, others) = match beside.looks {
        Some(looks) => rounds::standings(&metric, cells, looks, beside.margin)?,
        None => {
            let best = best(&metric, cells)?;
            let rest = cells.iter().filter(|cell| cell.model != best.model);
            let against = |cell: &&Cell| against(&metric, cell, best, cells);
            let mut others: Vec<Standing> = rest.map(against).collect();
            judge(&metric, &mut others, beside.margin);
            (best, others)
        }
    };
    let others = beyond_noise(&metric, others, beside);
    let mut sentence = words::sentence(&metric, best, cells, &others, beside.noise);
    let by_cost = limits::why_by_cost(cells, beside.reference);
    if let Some(why) = by_cost.filter(|_| metric.is(&SERVER_CPU)) {
        sentence = format!("{sentence} Ranked by CPU per request, as {why}.");
    }
    let generator_bound = reference::bound(cells, beside.reference);
    let bound = generator_bound.as_ref().map_or(&[][..], |bound| &bound.models);
    let ceiling = ceiling::shared_ceiling(cells, bound);
    if metric.is(&CAPACITY) {
        let more =
            [ceiling.as_ref().map(|c| &c.sentence), generator_bound.as_ref().map(|b| &b.sentence)];
        for more in more.into_iter().flatten() {
            sentence = format!("{sentence} {more}");
        }
    }
    Some(Standings {
        workload: workload.into(),
        metric: metric.name.into(),
        best: best.model.clone(),
        margin: beside.margin,
        others,
        ceiling,
        generator_bound,
        sentence,
    })
}

/// What differs by less than one model differs from itself cannot be told, whatever its p-value.
fn beyond_noise(metric: &Metric, others: Vec<Standing>, beside: &Beside<'_>) -> Vec<Standing> {
    let detectable = noise::smallest_detectable(beside.noise, metric);
    let limited = |mut standing: Standing| {
        let own = standing.metric.is_none();
        if let (Some(verdict), Some(ratio), Some(detectable), true) =
            (standing.verdict, standing.ratio, detectable, own)
        {
            standing.verdict = Some(noise::limited(verdict, ratio, beside.margin, detectable));
        }
        standing
    };
    others.into_iter().map(limited).collect()
}

/// The cell with the best valid figure, as tables show it. A cell that starves some clients is
/// excluded, because it served another load.
fn best<'a>(metric: &Metric, cells: &[&'a Cell]) -> Option<&'a Cell> {
    let candidates = cells
        .iter()
        .filter(|cell| doubt::doubt_about(cell, metric).is_none() && !cell.starves())
        .filter(|cell| !limits::is_behind(metric, cell, cells) && (metric.of)(cell).is_some())
        .filter_map(|cell| {
            Some((*cell, metric.shown(cell).filter(|shown| !shown.at_least)?.value))
        });
    let order = |a: &(&Cell, f64), b: &(&Cell, f64)| a.1.total_cmp(&b.1);
    let found = match metric.good {
        Good::High => candidates.max_by(order),
        Good::Low => candidates.min_by(order),
    };
    found.map(|(cell, _)| cell)
}

/// A model before anything is known of how it stands.
fn unknown(cell: &Cell) -> Standing {
    Standing {
        model: cell.model.clone(),
        metric: None,
        ratio: None,
        interval: None,
        p_value: None,
        verdict: None,
        why_none: None,
        rounds_needed: None,
    }
}

/// What a model is compared by: the workload's figure, or throughput where it serves far less than others; and
/// whether that is so.
fn compared_by(metric: &Metric, cell: &Cell, cells: &[&Cell]) -> (Metric, Option<String>) {
    if limits::is_behind(metric, cell, cells) {
        (CAPACITY, Some(CAPACITY.name.into()))
    } else {
        (*metric, None)
    }
}

/// One model against the best, without a verdict yet: that depends on all the others beside it.
fn against(metric: &Metric, cell: &Cell, best: &Cell, cells: &[&Cell]) -> Standing {
    let (metric, by) = compared_by(metric, cell, cells);
    let mut standing = Standing { metric: by, ..unknown(cell) };
    let Some((of, to)) = pairs(&metric, cell, best) else {
        standing.why_none = Some("some trials have too few samples for this figure".into());
        return standing;
    };
    if let Some(ratio) = ratio::paired(&of, &to) {
        standing.ratio = Some(ratio.value);
        standing.interval = Some(ratio.interval);
        standing.p_value = Some(ratio.p_value);
    }
    standing.why_none = if let Some(doubt) = doubt::doubt_about(cell, &metric) {
        Some(doubt.words().into())
    } else if of.len() < TRIALS_MIN {
        Some(format!("only {} valid trials ({TRIALS_MIN} are needed)", of.len()))
    } else if standing.ratio.is_none() {
        Some("a trial got no reply, so there is no ratio".into())
    } else {
        None
    };
    standing
}

/// Adjusts the p-values and decides the verdict on each model.
///
/// The same trials also decide which model is the best, so any pair could have been compared: with
/// n models, each comparison stands for n/2 of them. Holm's adjustment over only n-1 comparisons
/// would find a difference among twenty equal models in every tenth run.
fn judge(metric: &Metric, others: &mut [Standing], margin: f64) {
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
        let good = standing.metric.as_ref().map_or(metric.good, |_| CAPACITY.good);
        standing.verdict = Some(Verdict::from_ratio(&ratio, good, margin, Some(p_value)));
    }
}

#[cfg(test)]
mod tests;
