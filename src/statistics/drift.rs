//! Whether one quantity grows with another, by the median of all slopes between two points (Theil
//! 1950, Sen 1968). An outlier hardly moves it, and no distribution is assumed.
//!
//! Points come in blocks that differ by an unknown amount, such as the pieces of a soak. So slopes
//! are taken within blocks only, and the statistics of the blocks are added up (Hirsch, Slack and
//! Smith 1982).

use statrs::distribution::{ContinuousCDF, Normal};

use super::{Interval, median};
use crate::base::units::as_f64;

/// Fewer points than this bound no slope.
pub const POINTS_MIN: usize = 8;

/// A slope, and where it may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// The median of all slopes between two points of a block.
    pub value: f64,
    /// Where the truth may be; `None` of fewer than [`POINTS_MIN`] points, or where so few bound nothing at this
    /// confidence.
    pub interval: Option<Interval>,
}

/// The slope over blocks of points, each a place and a value, in order of their places. The interval is
/// Sen's: its ends are slopes, as many from either end as the variance of Kendall's statistic says, with ties
/// allowed for. Points that depend on their neighbours make it too short. `None` where no two points of a block
/// have different places.
#[must_use]
pub fn slope(blocks: &[Vec<(f64, f64)>], confidence: f64) -> Option<Slope> {
    let slopes = slopes(blocks);
    let value = median(&slopes)?;
    let points: usize = blocks.iter().map(Vec::len).sum();
    let enough = points >= POINTS_MIN;
    Some(Slope { value, interval: enough.then(|| interval(blocks, &slopes, confidence)).flatten() })
}

/// All slopes between two points of a block, in ascending order.
fn slopes(blocks: &[Vec<(f64, f64)>]) -> Vec<f64> {
    let mut slopes = Vec::new();
    for block in blocks {
        for (at, (x, y)) in block.iter().enumerate() {
            let later = block[at + 1..].iter().filter(|(later, _)| later > x);
            slopes.extend(later.map(|(later, value)| (value - y) / (later - x)));
        }
    }
    slopes.sort_by(f64::total_cmp);
    slopes
}

fn interval(blocks: &[Vec<(f64, f64)>], slopes: &[f64], confidence: f64) -> Option<Interval> {
    let z = Normal::standard().inverse_cdf(f64::midpoint(1.0, confidence));
    let variance: f64 = blocks.iter().map(|block| variance(block)).sum();
    let (count, reach) = (as_f64(slopes.len() as u64), z * variance.sqrt());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to the number of slopes"
    )]
    let cut = (((count - reach) / 2.0).floor().max(0.0) as usize).min((slopes.len() - 1) / 2);
    // With nothing to cut off, the truth may be beyond all of them.
    (cut > 0 || variance == 0.0).then(|| Interval {
        low: slopes[cut.saturating_sub(1)],
        high: slopes[slopes.len() - cut.max(1)],
    })
}

/// The variance of Kendall's statistic, with equal values allowed for.
fn variance(block: &[(f64, f64)]) -> f64 {
    let mut values: Vec<f64> = block.iter().map(|(_, value)| *value).collect();
    values.sort_by(f64::total_cmp);
    let part = |n: usize| {
        let n = as_f64(n as u64);
        n * (n - 1.0) * (2.0 * n + 5.0)
    };
    let ties: f64 = values.chunk_by(|a, b| a == b).map(|equal| part(equal.len())).sum();
    (part(values.len()) - ties) / 18.0
}

#[cfg(test)]
mod tests {
    use super::super::normal;
    use super::*;

    const CONFIDENCE: f64 = 0.95;

    fn line(
        slope: f64,
        from: f64,
        points: usize,
        mut noise: impl FnMut() -> f64,
    ) -> Vec<(f64, f64)> {
        let place = |at| as_f64(at as u64);
        (0..points).map(|at| (place(at), from + slope * place(at) + noise())).collect()
    }

    #[test]
    fn a_straight_line_has_its_slope_and_nothing_else() {
        let found = slope(&[line(2.5, 7.0, 9, || 0.0)], CONFIDENCE).expect("it has one");
        assert_eq!((found.value, found.interval), (2.5, Some(Interval { low: 2.5, high: 2.5 })));
        let flat = slope(&[line(0.0, 7.0, 9, || 0.0)], CONFIDENCE).expect("it has one");
        assert_eq!(flat.interval, Some(Interval { low: 0.0, high: 0.0 }));
        assert!(slope(&[line(1.0, 0.0, 7, || 0.0)], CONFIDENCE).expect("one").interval.is_none());
        assert_eq!(slope(&[vec![(1.0, 2.0)], vec![(3.0, 9.0)]], CONFIDENCE), None, "no pair");
    }

    #[test]
    fn the_published_example_comes_out() {
        // Sen (1968), section 6: slope 4, and from 26/7 to 35/8 at 93 %.
        let places = [1.0, 2.0, 3.0, 4.0, 10.0, 12.0, 18.0];
        let values = [9.0, 15.0, 19.0, 20.0, 45.0, 55.0, 78.0];
        let block: Vec<_> = places.into_iter().zip(values).collect();
        let slopes = slopes(std::slice::from_ref(&block));
        assert_eq!((slopes.len(), median(&slopes)), (21, Some(4.0)));
        let Interval { low, high } = interval(&[block], &slopes, 0.93).expect("enough");
        assert!(
            (low - 26.0 / 7.0).abs() < 1e-9 && (high - 35.0 / 8.0).abs() < 1e-9,
            "{low} {high}"
        );
    }

    #[test]
    fn the_interval_holds_the_truth_as_often_as_it_says() {
        let mut random = fastrand::Rng::with_seed(11);
        let mut held = 0;
        for _ in 0..1_000 {
            // Two pieces at different heights.
            let blocks = [5.0, 90.0].map(|from| line(0.3, from, 12, || normal(&mut random)));
            let found = slope(&blocks, CONFIDENCE).expect("it has one");
            held += usize::from(found.interval.is_some_and(|interval| interval.contains(0.3)));
        }
        // 950 are expected; three standard deviations are 21. More is no harm.
        assert!((929..=990).contains(&held), "{held} of 1000");
    }

    #[test]
    fn blocks_that_differ_in_height_are_no_slope() {
        let blocks = [0.0, 100.0, 200.0].map(|from| line(0.0, from, 6, || 0.0));
        let found = slope(&blocks, CONFIDENCE).expect("it has one");
        assert_eq!((found.value, found.interval), (0.0, Some(Interval { low: 0.0, high: 0.0 })));
    }

    #[test]
    fn one_wild_point_changes_little() {
        let mut points = line(0.0, 4.0, 20, || 0.0);
        points[19].1 = 1e6;
        let found = slope(&[points], CONFIDENCE).expect("it has one");
        assert_eq!(found.value, 0.0);
        assert_eq!(found.interval, Some(Interval { low: 0.0, high: 0.0 }));
    }
}
