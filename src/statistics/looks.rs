//! Growing data with several interim looks. Five looks with an error of one in twenty each find a
//! difference in one of seven experiments without any. So the error is spent: each look has a part
//! of it, set before the first trial, and the parts add up to the whole (Lan and DeMets 1983).

use super::Interval;
use super::signed_rank::{self, Shift};

/// One look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// The rounds that there were.
    pub rounds: u32,
    /// What it may spend of the error.
    pub error: f64,
}

/// What is left to be spent when so many rounds of those that were planned are made and the rest may never be:
/// the error grows with the square of their share, so that little of it goes before there is much to see.
#[must_use]
pub fn spent(error: f64, rounds: u32, planned: u32) -> f64 {
    let share = (f64::from(rounds) / f64::from(planned.max(1))).min(1.0);
    error * share * share
}

/// The shift of differences by round, as all looks together know it: the estimate of the last, and the part of
/// their intervals that is in all of them, for each of them may be wrong no more often than it spends. `part` is the
/// share of each look's error that this comparison has, of several that are made at once.
///
/// `None` without a difference.
#[must_use]
pub fn shift(differences: &[(u32, f64)], looks: &[Look], part: f64) -> Option<Shift> {
    let at = |look: &Look| {
        let seen = differences.iter().filter(|(round, _)| *round < look.rounds);
        let seen: Vec<f64> = seen.map(|(_, difference)| *difference).collect();
        signed_rank::shift(&seen, look.error * part)
    };
    let found: Vec<Shift> = looks.iter().filter_map(at).collect();
    let last = *found.last()?;
    let interval = found.iter().filter_map(|shift| shift.interval).reduce(|all, next| {
        let (low, high) = (all.low.max(next.low), all.high.min(next.high));
        // Where they exclude each other one was wrong, and what is known last is known best.
        if low <= high { Interval { low, high } } else { next }
    });
    Some(Shift { interval, ..last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_error_is_spent_when_all_rounds_are_made() {
        assert!((spent(0.05, 12, 24) - 0.0125).abs() < 1e-12);
        assert!((spent(0.05, 24, 24) - 0.05).abs() < 1e-12);
        assert!((spent(0.05, 30, 24) - 0.05).abs() < 1e-12, "no more than all of it");
    }

    #[test]
    fn a_look_sees_its_own_rounds_and_an_interval_is_what_all_allow() {
        let differences: Vec<(u32, f64)> = (0..16).map(|round| (round, f64::from(round))).collect();
        let look = |rounds, error| Look { rounds, error };
        let alone = shift(&differences, &[look(8, 0.05)], 1.0).expect("eight");
        assert!((alone.value - 3.5).abs() < 1e-12, "{alone:?}");
        let both = shift(&differences, &[look(8, 0.05), look(16, 0.05)], 1.0).expect("sixteen");
        let last = shift(&differences, &[look(16, 0.05)], 1.0).expect("sixteen");
        assert!((both.value - 7.5).abs() < 1e-12);
        let (both, alone) = (both.interval.expect("enough"), alone.interval.expect("enough"));
        assert!((both.high - alone.high).abs() < 1e-12, "the first look knew that: {both:?}");
        assert!((both.low - last.interval.expect("enough").low).abs() < 1e-12);
        let few = shift(&differences, &[look(8, 0.05)], 0.1).expect("eight");
        assert_eq!(few.interval, None, "a tenth of the error takes nine");
    }
}
