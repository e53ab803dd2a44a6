//! Standings in a run by rounds: all pairs at once, over all interim looks. After each look, the
//! run asks here which cells need no more trials.

use super::{compared_by, limits, unknown};
use crate::analysis::doubt;
use crate::analysis::doubt::by_block;
use crate::analysis::metric::Metric;
use crate::base::units::as_f64;
use crate::document::{Cell, Standing};
use crate::statistics::best::{self, Costs};
use crate::statistics::looks::{self, Look};
use crate::statistics::signed_rank;
use crate::statistics::verdict::Good;
use crate::statistics::{Interval, Verdict, ratio};

/// From this ratio of its two ends on an interval is too wide to call a difference known, though its sign is.
const PRECISE: f64 = 1.5;
/// The limit of estimated rounds: beyond it, the difference is next to the margin itself.
const NEEDED_MAX: f64 = 1_000.0;

/// The model that leads and how the others stand, in the order of the cells; `None` where none can be ranked.
pub(super) fn standings<'a>(
    metric: &Metric,
    cells: &[&'a Cell],
    looks: &[Look],
    margin: f64,
) -> Option<(&'a Cell, Vec<Standing>)> {
    let sound = |cell: &&&Cell| {
        doubt::doubt_about(cell, metric).is_none() && !limits::is_behind(metric, cell, cells)
    };
    let ranked: Vec<&Cell> = cells.iter().filter(sound).copied().collect();
    let costs: Vec<Costs> = ranked.iter().map(|cell| costs(metric, cell)).collect();
    let ranking = best::rank(&costs, looks)?;
    let leader = ranked[ranking.leader];
    let others = cells.iter().filter(|cell| cell.model != leader.model).map(|cell| {
        let place = ranked.iter().position(|own| own.model == cell.model);
        match place {
            Some(place) => beside(metric, cell, ranking.beside[place], looks, margin),
            None => apart(metric, cell, leader, (cells, looks), margin),
        }
    });
    Some((leader, others.collect()))
}

/// Logarithms of what is the better the less.
fn costs(metric: &Metric, cell: &Cell) -> Costs {
    let values = by_block(metric, cell).unwrap_or_default().into_iter();
    let sign = if metric.good == Good::High { -1.0 } else { 1.0 };
    let above = values.filter(|(_, value)| *value > 0.0);
    above.map(|(block, value)| (block, sign * value.ln())).collect()
}

/// One that was ranked.
fn beside(
    metric: &Metric,
    cell: &Cell,
    found: Option<best::Beside>,
    looks: &[Look],
    margin: f64,
) -> Standing {
    let mut standing = unknown(cell);
    let Some(found) = found else {
        standing.why_none =
            Some("no round has a valid trial of both this model and the best".into());
        return standing;
    };
    // What costs half serves twice.
    let turn = |ratio: f64| if metric.good == Good::High { 1.0 / ratio } else { ratio };
    standing.ratio = Some(turn(found.ratio));
    standing.p_value = Some(found.p_value);
    let Some(Interval { low, high }) = found.interval else {
        standing.why_none = Some(too_few(found.rounds, looks));
        return standing;
    };
    let (low, high) = (turn(low).min(turn(high)), turn(low).max(turn(high)));
    judge(metric.good, &mut standing, Interval { low, high }, margin);
    if standing.verdict == Some(Verdict::CannotTell) {
        standing.rounds_needed = needed(found.rounds, (found.ratio, low, high), margin);
    }
    standing
}

fn judge(good: Good, standing: &mut Standing, interval: Interval, margin: f64) {
    standing.interval = Some(interval);
    let (Some(value), Some(p_value)) = (standing.ratio, standing.p_value) else { return };
    let ratio = ratio::Ratio { value, interval, p_value };
    standing.verdict = Some(Verdict::from_ratio(&ratio, good, margin, None));
}

fn too_few(rounds: usize, looks: &[Look]) -> String {
    let last = looks.last().map_or(0, |look| look.rounds);
    format!("only {rounds} of {last} rounds have a valid trial of both, too few for an interval")
}

/// A model that is not ranked, because its figure is invalid or not its own limit.
fn apart(
    metric: &Metric,
    cell: &Cell,
    leader: &Cell,
    (cells, looks): (&[&Cell], &[Look]),
    margin: f64,
) -> Standing {
    let (metric, by) = compared_by(metric, cell, cells);
    let mut standing = Standing { metric: by, ..unknown(cell) };
    if let Some(doubt) = doubt::doubt_about(cell, &metric) {
        standing.why_none = Some(doubt.words().into());
        return standing;
    }
    let (own, other) = (costs(&metric, cell), costs(&metric, leader));
    let differences: Costs = own
        .iter()
        .filter_map(|(round, cost)| {
            let (_, best) = other.iter().find(|(at, _)| at == round)?;
            Some((*round, cost - best))
        })
        .collect();
    let pairs = (cells.len() * cells.len().saturating_sub(1) / 2).max(1);
    let part = 1.0 / as_f64(pairs as u64);
    let rounds = differences.len();
    let found = looks::shift(&differences, looks, part).map(|shift| best::Beside {
        ratio: shift.value.exp(),
        interval: shift
            .interval
            .map(|Interval { low, high }| Interval { low: low.exp(), high: high.exp() }),
        p_value: (shift.p_value / part).min(1.0),
        rounds,
    });
    Standing { metric: standing.metric, ..beside(&metric, cell, found, looks, margin) }
}

/// How many rounds would take this ratio's interval to one side of the margin, or within it.
fn needed(rounds: usize, (ratio, low, high): (f64, f64, f64), margin: f64) -> Option<u32> {
    let (distance, margin) = (ratio.ln().abs(), margin.ln_1p());
    let half_width = (high / low).ln() / 2.0;
    let needed = signed_rank::needed(rounds, half_width, (distance - margin).abs()).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 1,000")]
    (needed <= NEEDED_MAX).then_some(needed as u32)
}

/// Whether further trials of a model would change no conclusion: it is surely worse by a known
/// amount, surely the same, or not ranked because of a fault of the server.
pub(crate) fn is_decided(standing: &Standing) -> bool {
    match (standing.verdict, standing.interval) {
        (Some(Verdict::Same), _) => true,
        (Some(Verdict::Worse | Verdict::Better), Some(interval)) => {
            interval.high / interval.low <= PRECISE
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "tests/rounds.rs"]
mod tests;
