//! The shift between two things, from paired differences, by Wilcoxon's signed ranks (1945). The
//! only assumption is that chance makes differences as often larger as smaller than the truth. A
//! stall of any length is one difference of the wrong size, which hardly moves the estimate or its
//! interval.

use super::{Interval, median};
use crate::base::units::as_f64;

/// A shift, where it may be, and how likely such differences would be without any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Hodges and Lehmann's estimate (1963): the median of the means of all pairs of differences, each with
    /// itself included (Walsh averages).
    pub value: f64,
    /// Where the truth may be; `None` where so few differences bound nothing at this error.
    pub interval: Option<Interval>,
    /// Two-sided and exact.
    pub p_value: f64,
}

impl Shift {
    /// The shift of the same differences with the other sign.
    #[must_use]
    pub fn reversed(self) -> Self {
        let interval =
            self.interval.map(|Interval { low, high }| Interval { low: -high, high: -low });
        Self { value: -self.value, interval, ..self }
    }
}

/// The shift of these differences. Its interval misses the truth with a chance of `error` at most: the ends are
/// Walsh averages, as many from either end as the exact distribution of the statistic allows (Tukey 1949). Ties
/// and zeros make it wider and never shorter. `None` of no differences, or where one is no number.
#[must_use]
pub fn shift(differences: &[f64], error: f64) -> Option<Shift> {
    if differences.iter().any(|difference| !difference.is_finite()) {
        return None;
    }
    let averages = walsh(differences);
    let value = median(&averages)?;
    let below = cumulative(differences.len());
    let interval = below.iter().rposition(|chance| 2.0 * chance <= error).map(|cut| {
        let cut = cut.min((averages.len() - 1) / 2);
        Interval { low: averages[cut], high: averages[averages.len() - 1 - cut] }
    });
    let not_above = averages.iter().filter(|average| **average <= 0.0).count();
    let not_below = averages.iter().filter(|average| **average >= 0.0).count();
    let p_value = (2.0 * below[not_above.min(not_below)]).min(1.0);
    Some(Shift { value, interval, p_value })
}

/// The fewest differences that bound a shift at this error.
#[must_use]
pub fn fewest(error: f64) -> usize {
    let (mut n, mut chance) = (1, 1.0);
    while chance > error && n < 1024 {
        (n, chance) = (n + 1, chance / 2.0);
    }
    n
}

/// The mean of each pair, each difference with itself included, in ascending order.
fn walsh(differences: &[f64]) -> Vec<f64> {
    let pairs = differences.iter().enumerate();
    let pairs =
        pairs.flat_map(|(at, a)| differences[at..].iter().map(move |b| f64::midpoint(*a, *b)));
    let mut averages: Vec<f64> = pairs.collect();
    averages.sort_by(f64::total_cmp);
    averages
}

/// For each sum of ranks the chance of it or less, of `n` differences that are as often above 0 as below.
fn cumulative(n: usize) -> Vec<f64> {
    let most = n * (n + 1) / 2;
    // chances[s]: that the ranks of those above 0 add up to s. Each rank is in it or not.
    let mut chances = vec![0.0; most + 1];
    chances[0] = 1.0;
    for rank in 1..=n {
        // No larger sum is there yet.
        for sum in (0..=rank * (rank + 1) / 2).rev() {
            let with = if sum >= rank { chances[sum - rank] } else { 0.0 };
            chances[sum] = f64::midpoint(chances[sum], with);
        }
    }
    let mut below = 0.0;
    chances.iter_mut().for_each(|chance| {
        below += *chance;
        *chance = below;
    });
    chances
}

/// The sample size at which an interval of this half-width, found with `n`, would have another one: it falls with
/// the root of the size.
#[must_use]
pub fn needed(n: usize, half_width: f64, wanted: f64) -> f64 {
    as_f64(n as u64) * (half_width / wanted).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::normal;

    /// Hollander and Wolfe's example 3.1: depression before and after a treatment.
    const BEFORE: [f64; 9] = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
    #[expect(clippy::approx_constant, reason = "that is what was measured")]
    const AFTER: [f64; 9] = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];

    fn differences() -> Vec<f64> {
        BEFORE.iter().zip(AFTER).map(|(before, after)| before - after).collect()
    }

    #[test]
    fn the_published_example_has_its_published_numbers() {
        let found = shift(&differences(), 0.05).expect("nine of them");
        // R 4: wilcox.test(x, y, paired = TRUE, conf.int = TRUE)
        assert!((found.p_value - 0.039_062_5).abs() < 1e-12, "{found:?}");
        assert!((found.value - 0.46).abs() < 1e-9, "{found:?}");
        let interval = found.interval.expect("nine are enough");
        assert!(
            (interval.low - 0.010).abs() < 1e-9 && (interval.high - 0.786).abs() < 1e-9,
            "{interval:?}"
        );
    }

    #[test]
    fn the_other_way_round_it_is_the_same_with_the_other_sign() {
        for n in [1, 6, 9] {
            let some = &differences()[..n];
            let negated: Vec<f64> = some.iter().map(|difference| -difference).collect();
            let [one, other] = [some, &negated[..]].map(|all| shift(all, 0.05).expect("some"));
            assert_eq!(one.reversed(), other);
        }
    }

    #[test]
    fn it_takes_six_differences_for_an_error_of_one_in_twenty() {
        assert_eq!([0.05, 0.01, 0.002].map(fewest), [6, 8, 10]);
        let of = |n: usize| shift(&vec![1.0; n], 0.05).expect("some").interval;
        assert_eq!((of(5), of(6)), (None, Some(Interval { low: 1.0, high: 1.0 })));
        assert_eq!(shift(&[], 0.05), None);
        assert_eq!(shift(&[1.0, f64::NAN], 0.05), None);
    }

    #[test]
    fn one_stall_moves_it_by_little() {
        let usual: Vec<f64> = (0..15).map(|at| 0.1 + 0.002 * f64::from(at)).collect();
        let mut stalled = usual.clone();
        stalled[3] = 4.0;
        let [usual, stalled] = [usual, stalled].map(|all| shift(&all, 0.05).expect("enough"));
        assert!((usual.value - stalled.value).abs() < 0.005, "{usual:?} {stalled:?}");
        assert!(stalled.interval.expect("enough").high < 0.14, "{stalled:?}");
    }

    #[test]
    fn no_difference_is_no_difference() {
        let found = shift(&[0.0; 9], 0.05).expect("some");
        assert!((found.p_value - 1.0).abs() < 1e-12 && found.value.abs() < 1e-12, "{found:?}");
        assert_eq!(found.interval, Some(Interval { low: 0.0, high: 0.0 }));
    }

    #[test]
    fn an_interval_misses_the_truth_no_more_often_than_it_says() {
        let mut random = fastrand::Rng::with_seed(16);
        let missed = (0..4_000)
            .filter(|_| {
                // One in ten is of a spell, and far off on either side.
                let one = |random: &mut fastrand::Rng| {
                    normal(random) * if random.f64() < 0.1 { 10.0 } else { 1.0 }
                };
                let values: Vec<f64> = (0..12).map(|_| one(&mut random)).collect();
                let found = shift(&values, 0.05).and_then(|found| found.interval).expect("twelve");
                !found.contains(0.0)
            })
            .count();
        // At most 200 expected, and with 12 of them exactly 0.0425 of 4,000; a standard deviation of 13.
        assert!((120..=220).contains(&missed), "{missed} of 4000");
    }

    #[test]
    fn four_times_the_trials_halve_an_interval() {
        assert!((needed(10, 0.2, 0.1) - 40.0).abs() < 1e-9);
    }
}
