//! Several things measured side by side, round after round: which can be the best, and how far the
//! others are from it.
//!
//! All pairs are compared at once, so whichever is best can serve as the reference (Hsu's
//! comparison with the best, from simultaneous intervals of all pairs). Each pair gets a part of
//! the error (Bonferroni), which the exact rank test keeps for figures of any distribution.
//! Compared with the distribution of the largest of all statistics, this widens intervals by 1 to 3
//! % from 24 rounds on, and by 6 % with twelve (simulated for 3 to 12 things).

use super::looks::{self, Look};
use super::{Interval, mean, median};
use crate::base::units::as_f64;

/// The logarithm of a cost by round; the less, the better.
pub type Costs = Vec<(u32, f64)>;

/// One of them beside the leader.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beside {
    /// Its cost over the leader's.
    pub ratio: f64,
    /// Where that may be, for all pairs at once; `None` where there are too few rounds that both were in.
    pub interval: Option<Interval>,
    /// How likely such differences would be without any, times the number of pairs.
    pub p_value: f64,
    /// The rounds that both were in.
    pub rounds: usize,
}

/// The leader, and the standing of the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// The one that is surely nearest to the best: its intervals against the others reach least
    /// above 1, on average of their logarithms. So noise does not make a leader.
    pub leader: usize,
    /// Each beside the leader; `None` for the leader itself, and where both were in no round.
    pub beside: Vec<Option<Beside>>,
}

/// Ranks them; `None` if none has a figure.
#[must_use]
pub fn rank(costs: &[Costs], looks: &[Look]) -> Option<Ranking> {
    let pairs = (costs.len() * costs.len().saturating_sub(1) / 2).max(1);
    let part = 1.0 / as_f64(pairs as u64);
    // Each pair once: the other way round, the differences have the other sign.
    let mut shifts = vec![vec![None; costs.len()]; costs.len()];
    for of in 0..costs.len() {
        for to in 0..of {
            let differences = differences(&costs[of], &costs[to]);
            let found = looks::shift(&differences, looks, part);
            shifts[of][to] = found.map(|shift| (shift, differences.len()));
            shifts[to][of] = found.map(|shift| (shift.reversed(), differences.len()));
        }
    }
    let compared = |of: usize, to: usize| -> Option<Beside> {
        let (shift, rounds) = shifts[of][to]?;
        Some(Beside {
            ratio: shift.value.exp(),
            interval: shift
                .interval
                .map(|Interval { low, high }| Interval { low: low.exp(), high: high.exp() }),
            p_value: (shift.p_value / part).min(1.0),
            rounds,
        })
    };
    let others = |own: usize| (0..costs.len()).filter(move |other| *other != own);
    // What one may cost over each other at most. What is not known has no end.
    let reach = |own: usize| {
        let highest = |other: usize| Some(compared(own, other)?.interval?.high.ln());
        let known: Vec<f64> = others(own).filter_map(highest).collect();
        (others(own).count() - known.len(), mean(&known))
    };
    let centre = |own: usize| {
        let values: Vec<f64> = costs[own].iter().map(|(_, cost)| *cost).collect();
        median(&values)
    };
    let known = (0..costs.len()).filter_map(|own| Some((own, reach(own), centre(own)?)));
    let (leader, ..) =
        known.min_by(|(_, (a_unknown, a), a_centre), (_, (b_unknown, b), b_centre)| {
            a_unknown.cmp(b_unknown).then(a.total_cmp(b)).then(a_centre.total_cmp(b_centre))
        })?;
    let beside = |own: usize| if own == leader { None } else { compared(own, leader) };
    Some(Ranking { leader, beside: (0..costs.len()).map(beside).collect() })
}

/// In the rounds that both were in.
fn differences(of: &Costs, to: &Costs) -> Costs {
    let both = of.iter().filter_map(|(round, cost)| {
        let (_, other) = to.iter().find(|(other, _)| other == round)?;
        Some((*round, cost - other))
    });
    both.collect()
}

#[cfg(test)]
#[path = "tests/best.rs"]
mod tests;
