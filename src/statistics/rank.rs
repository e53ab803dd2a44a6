//! Tests that assume no distribution, exact for the few values of a run.

use std::cmp::Ordering;

/// The p-value of Mann and Whitney's test (1947) that two samples come from one distribution, two-sided
/// and exact: the share of all ways to deal the values out that are at least as uneven as this
/// one. Ties count half. 1 where either is empty.
///
/// It cannot be below 2 over the number of ways: with three against three that is 0.1, so no
/// difference, however large, is ever significant at 5 %; with five against five it is 0.008.
#[must_use]
pub fn mann_whitney(a: &[f64], b: &[f64]) -> f64 {
    let all: Vec<f64> = a.iter().chain(b).copied().collect();
    // Twice the rank, so that the mean rank of a tie is a whole number too.
    let ranks: Vec<usize> = all.iter().map(|value| doubled_rank(*value, &all)).collect();
    let observed: usize = ranks[..a.len()].iter().sum();
    let total: usize = ranks.iter().sum();
    // ways[k][s]: how many choices of k of the values have ranks that add up to s.
    let mut ways = vec![vec![0.0_f64; total + 1]; a.len() + 1];
    ways[0][0] = 1.0;
    for rank in &ranks {
        for k in (1..=a.len()).rev() {
            for sum in (*rank..=total).rev() {
                ways[k][sum] += ways[k - 1][sum - rank];
            }
        }
    }
    let sums = &ways[a.len()];
    let dealt: f64 = sums.iter().sum();
    // The distribution is symmetric around the mean only without ties; either tail is counted by
    // its distance from the mean, which is the same thing then and stays exact with them.
    let mean = a.len() * total;
    let distance = |sum: usize| (sum * all.len()).abs_diff(mean);
    let as_far = distance(observed);
    let extreme: f64 =
        (0..=total).filter(|sum| distance(*sum) >= as_far).map(|sum| sums[sum]).sum();
    if dealt > 0.0 { (extreme / dealt).min(1.0) } else { 1.0 }
}

/// Twice the rank of a value among all, ties sharing their mean rank.
fn doubled_rank(value: f64, all: &[f64]) -> usize {
    let below = all.iter().filter(|other| other.total_cmp(&value) == Ordering::Less).count();
    let equal = all.iter().filter(|other| other.total_cmp(&value) == Ordering::Equal).count();
    2 * below + equal + 1
}

/// Holm's adjustment (1979): each p-value as it is to be compared with the level of the whole
/// family of tests, so that the chance of even one false finding in it stays below that level. In
/// the order in which they came.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (place, at) in order.iter().enumerate() {
        let left = crate::base::units::as_f64((p_values.len() - place) as u64);
        largest = largest.max((p_values[*at] * left).min(1.0));
        adjusted[*at] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn mann_whitney_counts_the_ways() {
        // Completely apart: 2 of C(6,3) = 20, and 2 of C(10,5) = 252.
        assert!(close(mann_whitney(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]), 2.0 / 20.0));
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0]);
        assert!(close(mann_whitney(&a, &b), 2.0 / 252.0));
        assert!(close(mann_whitney(&[1.0, 4.0], &[2.0, 3.0]), 1.0));
        // scipy.stats.mannwhitneyu([1, 3, 5, 6, 9], [2, 7, 8, 10, 11], method="exact")
        let p = mann_whitney(&[1.0, 3.0, 5.0, 6.0, 9.0], &[2.0, 7.0, 8.0, 10.0, 11.0]);
        assert!(close(p, 0.222_222_22), "{p}");
        assert!(close(mann_whitney(&[2.0, 2.0], &[2.0, 2.0]), 1.0), "all equal");
        assert!(close(mann_whitney(&[], &[1.0]), 1.0));
    }

    #[test]
    fn holm_is_the_published_example() {
        // Holm's steps for 0.01, 0.04, 0.03, 0.005: times 3, 1, 2, 4, never falling.
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (got, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!(close(*got, expected), "{adjusted:?}");
        }
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn a_true_null_is_rejected_no_more_often_than_the_level() {
        let mut random = fastrand::Rng::with_seed(5);
        let rejected = (0..4_000)
            .filter(|_| {
                let mut five = || [(); 5].map(|()| random.f64());
                mann_whitney(&five(), &five()) <= 0.05
            })
            .count();
        // Exact, so at most 200 expected; three standard deviations are 41.
        assert!(rejected <= 241, "{rejected} of 4000");
    }
}
