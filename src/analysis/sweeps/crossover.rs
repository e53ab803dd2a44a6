//! Crossovers: where two models change places between two points of a sweep.

use super::{Line, Sweep, show_setting, within};
use crate::analysis::doubt::pairs;
use crate::analysis::metric::{CAPACITY, MARGIN, MEMORY, Metric, SERVER_CPU, TAIL, TRIALS_MIN};
use crate::base::units::as_f64;
use crate::document::{Cell, Crossover, Validity};
use crate::statistics::interval::{CONFIDENCE, TRIALS_MIN as TRIALS_FOR_INTERVAL};
use crate::statistics::verdict::Good;
use crate::statistics::{Interval, Verdict, median, ratio};

/// The figures in which places are looked for.
const METRICS: [Metric; 4] = [CAPACITY, TAIL, SERVER_CPU, MEMORY];
/// How often the blocks are drawn again.
const RESAMPLES: usize = 1_000;

/// A model's medians over a sweep: as measured, and as each resample has them.
struct Medians {
    /// The settings.
    xs: Vec<f64>,
    measured: Vec<f64>,
    /// For each resample, the median at each setting.
    resampled: Vec<Vec<f64>>,
}

/// Every crossing of two models in a panel whose medians cross once.
pub(crate) fn find_crossovers(sweep: &Sweep<'_>, seed: u64) -> Vec<Crossover> {
    let mut found = Vec::new();
    for metric in METRICS {
        let lines: Vec<(&Line<'_>, Medians)> = sweep
            .lines
            .iter()
            .filter_map(|line| Some((line, medians(&metric, line, seed)?)))
            .collect();
        for (at, (a, of_a)) in lines.iter().enumerate() {
            for (b, of_b) in &lines[at + 1..] {
                found.extend(crossover(sweep, &metric, (a, of_a), (b, of_b)));
            }
        }
    }
    found
}

/// A cell's values if they can be compared; one that starves clients or is invalid stands for nothing.
fn comparable(metric: &Metric, cell: &Cell) -> Option<Vec<f64>> {
    if cell.starves() || cell.validity == Validity::Invalid {
        return None;
    }
    let values = &(metric.of)(cell)?.values;
    let enough = values.len() >= TRIALS_FOR_INTERVAL;
    (enough && values.iter().all(|value| *value > 0.0)).then(|| values.clone())
}

/// What is drawn is blocks and not trials: what disturbed a block has disturbed all that is in it. All
/// models are drawn the same blocks.
fn medians(metric: &Metric, line: &Line<'_>, seed: u64) -> Option<Medians> {
    let known = line.points.iter().filter_map(|(x, cell)| Some((*x, comparable(metric, cell)?)));
    let (xs, plain): (Vec<f64>, Vec<Vec<f64>>) = known.unzip();
    if xs.len() < 2 {
        return None;
    }
    let measured = plain.iter().map(|values| median(values)).collect::<Option<_>>()?;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut resample = || -> Option<Vec<f64>> {
        // The same stream for every model; points with fewer blocks take what they have.
        let most = plain.iter().map(Vec::len).max()?;
        let drawn: Vec<usize> = (0..most).map(|_| random.usize(..most)).collect();
        let of = |values: &Vec<f64>| {
            let again: Vec<f64> =
                drawn.iter().take(values.len()).map(|at| values[at % values.len()]).collect();
            median(&again)
        };
        plain.iter().map(of).collect()
    };
    let resampled = (0..RESAMPLES).map(|_| resample()).collect::<Option<_>>()?;
    Some(Medians { xs, measured, resampled })
}

fn crossover(
    sweep: &Sweep<'_>,
    metric: &Metric,
    (a, of_a): (&Line<'_>, &Medians),
    (b, of_b): (&Line<'_>, &Medians),
) -> Option<Crossover> {
    let shared: Vec<(f64, usize, usize)> = of_a
        .xs
        .iter()
        .enumerate()
        .filter_map(|(i, x)| {
            let j = of_b.xs.iter().position(|other| other.total_cmp(x).is_eq())?;
            Some((*x, i, j))
        })
        .collect();
    let cross = |a: &[f64], b: &[f64]| {
        let leads: Vec<(f64, f64)> =
            shared.iter().map(|(x, i, j)| (*x, lead(metric, a[*i], b[*j]))).collect();
        once(sweep, &leads)
    };
    let (at, a_below) = cross(&of_a.measured, &of_b.measured)?;
    let again = of_a.resampled.iter().zip(&of_b.resampled).filter_map(|(a, b)| cross(a, b));
    let mut places: Vec<f64> =
        again.filter(|(_, below)| *below == a_below).map(|(place, _)| place).collect();
    places.sort_by(f64::total_cmp);
    let (first, last) = (places.first()?, places.last()?);
    let cut = places.len() / 40;
    let interval = Interval {
        low: places.get(cut).unwrap_or(first).min(at),
        high: places.get(places.len() - 1 - cut).unwrap_or(last).max(at),
    };
    let support = as_f64(places.len() as u64) / as_f64(RESAMPLES as u64);
    let (below, above) = if a_below { (a, b) } else { (b, a) };
    let ends = (shared.first()?.0, shared.last()?.0);
    let certain = support >= CONFIDENCE
        && surely_better(metric, below, above, ends.0)
        && surely_better(metric, above, below, ends.1);
    let mut crossover = Crossover {
        series: sweep.series.into(),
        factor: sweep.factor.into(),
        fixed: sweep.fixed.clone(),
        metric: metric.name.into(),
        below: below.model.into(),
        above: above.model.into(),
        at,
        interval,
        support,
        certain,
        sentence: None,
    };
    crossover.sentence = certain.then(|| sentence(&crossover, metric));
    Some(crossover)
}

/// By how much the first is ahead, as a logarithm.
fn lead(metric: &Metric, a: f64, b: f64) -> f64 {
    let lead = (a / b).ln();
    if metric.good == Good::High { lead } else { -lead }
}

/// Where the lead changes its sign, if it does so once, and whether the first one leads below.
fn once(sweep: &Sweep<'_>, leads: &[(f64, f64)]) -> Option<(f64, bool)> {
    let uneven: Vec<&(f64, f64)> = leads.iter().filter(|(_, lead)| *lead != 0.0).collect();
    let mut changes = uneven.windows(2).filter(|pair| (pair[0].1 > 0.0) != (pair[1].1 > 0.0));
    let change = changes.next()?;
    if changes.next().is_some() {
        return None;
    }
    let (&(low, before), &(high, after)) = (change[0], change[1]);
    Some((sweep.between(low, high, before / (before - after)), before > 0.0))
}

/// Whether one model is better than another at this setting, by more than the margin.
fn surely_better(metric: &Metric, one: &Line<'_>, other: &Line<'_>, x: f64) -> bool {
    let compared = one.at(x).zip(other.at(x)).and_then(|(one, other)| pairs(metric, one, other));
    let Some((of, to)) = compared.filter(|(of, _)| of.len() >= TRIALS_MIN) else { return false };
    ratio::paired(&of, &to).is_some_and(|ratio| {
        Verdict::from_ratio(&ratio, metric.good, MARGIN, None) == Verdict::Better
    })
}

fn sentence(crossover: &Crossover, metric: &Metric) -> String {
    let Crossover { series, factor, fixed, below, above, at, interval, .. } = crossover;
    let (here, show) = (within(fixed), show_setting);
    format!(
        "{series}{here}: for {factor} below about {} (95 %: {} to {}), {below} is better by {}; above that, {above}.",
        show(*at),
        show(interval.low),
        show(interval.high),
        metric.words,
    )
}
