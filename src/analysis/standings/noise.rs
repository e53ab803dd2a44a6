//! The noise floor, from the A/A control: by how much a model differs from itself.

use crate::analysis::doubt::pairs;
use crate::analysis::metric::{CAPACITY, MEDIAN, MEMORY, Metric, SERVER_CPU, TAIL, UPPER};
use crate::document::{Cell, NoiseFloor};
use crate::statistics::interval::CONFIDENCE;
use crate::statistics::signed_rank::{self, Shift};
use crate::statistics::{Interval, Verdict, ratio};

/// The figures for which noise is reported.
const METRICS: [Metric; 6] = [CAPACITY, MEDIAN, UPPER, TAIL, SERVER_CPU, MEMORY];

/// The noise of one workload, for each model in it that was measured twice.
pub(super) fn noise_floors(workload: &str, cells: &[&Cell]) -> Vec<NoiseFloor> {
    let twins = cells.iter().filter(|cell| cell.twin);
    let floors = twins.flat_map(|twin| {
        let first = cells.iter().find(|cell| !cell.twin && cell.model == twin.model);
        METRICS.iter().filter_map(move |metric| floor(workload, metric, twin, first?))
    });
    floors.collect()
}

fn floor(workload: &str, metric: &Metric, twin: &Cell, first: &Cell) -> Option<NoiseFloor> {
    let (of, to) = pairs(metric, twin, first)?;
    let ratio = exact(&of, &to).or_else(|| ratio::paired(&of, &to))?;
    Some(NoiseFloor {
        workload: workload.into(),
        metric: metric.name.into(),
        model: twin.model.clone(),
        ratio: ratio.value,
        interval: ratio.interval,
        smallest_detectable: away(ratio.interval.low).max(away(ratio.interval.high)),
    })
}

/// By ranks if there are enough pairs, so that a single stall does not set the noise floor.
fn exact(of: &[f64], to: &[f64]) -> Option<ratio::Ratio> {
    let differences = of.iter().zip(to).map(|(of, to)| (of / to).ln()).collect::<Vec<f64>>();
    let Shift { value, interval, p_value } = signed_rank::shift(&differences, 1.0 - CONFIDENCE)?;
    let Interval { low, high } = interval?;
    let interval = Interval { low: low.exp(), high: high.exp() };
    Some(ratio::Ratio { value: value.exp(), interval, p_value })
}

/// How far a ratio is from 1, as a share, on whichever side.
pub(crate) fn away(ratio: f64) -> f64 {
    ratio.max(1.0 / ratio) - 1.0
}

/// The smallest difference in this figure above the noise floor, if the floor is known.
pub(super) fn smallest_detectable(noise: &[NoiseFloor], metric: &Metric) -> Option<f64> {
    let own = noise.iter().filter(|floor| floor.metric == metric.name);
    own.map(|floor| floor.smallest_detectable).max_by(f64::total_cmp)
}

/// The verdict with this noise floor: a smaller difference is none, and equality within a margin
/// below the noise cannot be shown.
pub(super) fn limited(verdict: Verdict, ratio: f64, margin: f64, detectable: f64) -> Verdict {
    match verdict {
        Verdict::Better | Verdict::Worse if away(ratio) < detectable => Verdict::CannotTell,
        Verdict::Same if detectable > margin => Verdict::CannotTell,
        other => other,
    }
}
