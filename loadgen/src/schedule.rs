//! When requests are due. Nothing here knows a clock or a server.
//!
//! The due time of request i is a pure function of i, in nanoseconds since the start of the
//! load. So it cannot drift, a slow server cannot move it, and n threads that take the indices
//! congruent to 0, 1, … n-1 modulo n make exactly the schedule of one.

use std::ops::RangeInclusive;

use crate::Arrivals;

/// The rates that a schedule can have, in requests a second.
pub const RATE_PER_S: RangeInclusive<f64> = 1e-3..=1e9;

const NS_PER_S: f64 = 1e9;

/// A rate is kept in millionths of a request a second, so that due times are whole-number
/// arithmetic and a rate such as 0.1 is still meant exactly.
const RATE_UNITS_PER_S: f64 = 1e6;

/// Nanoseconds a second times [`RATE_UNITS_PER_S`].
const RATE_UNIT_NS: u128 = 1_000_000_000_000_000;

/// An open-loop schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    law: Law,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Law {
    Constant { rate_units: u64 },
    Poisson { gap_ns_mean: f64, seed: u64 },
}

/// One request of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Which request: 0, 1, 2, …
    pub index: u64,
    /// When it is due, in nanoseconds since the start of the load.
    pub due_ns: u64,
}

impl Schedule {
    /// The schedule of these arrivals; `None` in closed loop, which has none.
    ///
    /// # Panics
    /// When the rate is outside [`RATE_PER_S`].
    #[must_use]
    pub fn new(arrivals: Arrivals) -> Option<Self> {
        let checked = |rate: f64| {
            assert!(RATE_PER_S.contains(&rate), "the rate {rate} is outside {RATE_PER_S:?}");
            rate
        };
        let law = match arrivals {
            Arrivals::Closed => return None,
            Arrivals::Constant { rate_per_s } => {
                Law::Constant { rate_units: rounded(checked(rate_per_s) * RATE_UNITS_PER_S) }
            }
            Arrivals::Poisson { rate_per_s, seed } => {
                Law::Poisson { gap_ns_mean: NS_PER_S / checked(rate_per_s), seed }
            }
        };
        Some(Self { law })
    }

    /// Every request, in order.
    #[must_use]
    pub fn all(&self) -> Shard {
        self.shard(0, 1)
    }

    /// The requests whose index is congruent to `k` modulo `n`, in order. It never ends before
    /// the index or the nanoseconds leave 64 bits.
    ///
    /// # Panics
    /// When `k` is not below `n`.
    #[must_use]
    pub fn shard(&self, k: u64, n: u64) -> Shard {
        assert!(k < n, "shard {k} of {n}");
        Shard { law: self.law, index: k, step: n, gaps: 0, due_ns: 0 }
    }
}

/// The requests that one of several generators makes.
#[derive(Clone, Debug)]
pub struct Shard {
    law: Law,
    index: u64,
    step: u64,
    /// Poisson: how many gaps `due_ns` is the sum of.
    gaps: u64,
    due_ns: u64,
}

impl Iterator for Shard {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let index = self.index;
        match self.law {
            Law::Constant { rate_units } => self.due_ns = constant_due_ns(index, rate_units)?,
            Law::Poisson { gap_ns_mean, seed } => {
                // Each shard adds up the gaps of all shards: a prefix sum cannot be entered in
                // the middle, and the sum of whole numbers is the same for every shard.
                while self.gaps <= index {
                    self.due_ns =
                        self.due_ns.checked_add(poisson_gap_ns(self.gaps, gap_ns_mean, seed))?;
                    self.gaps += 1;
                }
            }
        }
        self.index = index.checked_add(self.step)?;
        Some(Arrival { index, due_ns: self.due_ns })
    }
}

/// i / rate in whole nanoseconds, rounded to nearest; no error accumulates.
fn constant_due_ns(index: u64, rate_units: u64) -> Option<u64> {
    let rate_units = u128::from(rate_units);
    u64::try_from((u128::from(index) * RATE_UNIT_NS + rate_units / 2) / rate_units).ok()
}

/// The gap before request `index`; 53 bits, since that is the mantissa of an f64.
fn poisson_gap_ns(index: u64, gap_ns_mean: f64, seed: u64) -> u64 {
    exponential_ns(hash(seed, index) >> 11, gap_ns_mean)
}

/// A draw from the exponential distribution, by inversion of its distribution function: -ln(u)
/// times the mean, u uniform in (0, 1], made of 53 random bits. One is added to them since ln(0)
/// is no number.
fn exponential_ns(bits: u64, mean_ns: f64) -> u64 {
    const UNIFORM_STEPS: f64 = (1_u64 << 53) as f64;
    let uniform = (bits + 1) as f64 / UNIFORM_STEPS;
    rounded(-uniform.ln() * mean_ns)
}

/// The output number `index` of the generator splitmix64 (Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators", OOPSLA 2014), whose state is a counter, so that
/// any output can be had without the ones before it. The seed is mixed first, since two seeds
/// that differ by a multiple of the increment would give one sequence, shifted.
fn hash(seed: u64, index: u64) -> u64 {
    const INCREMENT: u64 = 0x9e37_79b9_7f4a_7c15;
    mix(mix(seed).wrapping_add(index.wrapping_add(1).wrapping_mul(INCREMENT)))
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "values are rounded, never negative, and at most 37 mean gaps of the lowest rate"
)]
fn rounded(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn constant(rate_per_s: f64) -> Schedule {
        Schedule::new(Arrivals::Constant { rate_per_s }).unwrap()
    }

    fn poisson(rate_per_s: f64, seed: u64) -> Schedule {
        Schedule::new(Arrivals::Poisson { rate_per_s, seed }).unwrap()
    }

    fn gaps(schedule: Schedule, n: usize) -> Vec<u64> {
        let mut before = 0;
        let gap = |a: Arrival| a.due_ns - std::mem::replace(&mut before, a.due_ns);
        schedule.all().take(n).map(gap).collect()
    }

    #[test]
    fn constant_gaps_do_not_drift_within_a_billion_requests() {
        // A third of a second is no whole number of nanoseconds: 10^9 gaps of 333,333,333 ns
        // would be a third of a second early by the end.
        let at = |i| constant(3.0).shard(i, i + 1).next().unwrap().due_ns;
        assert_eq!(at(1_000_000_000), 333_333_333_333_333_333);
        assert_eq!(at(999_999_999), 333_333_333_000_000_000);
        assert_eq!((at(0), at(1), at(2), at(3)), (0, 333_333_333, 666_666_667, 1_000_000_000));
        let tenth = constant(0.1).shard(1_000_000_000, 1_000_000_001).next().unwrap();
        assert_eq!(tenth.due_ns, 10_000_000_000 * 1_000_000_000);
    }

    #[test]
    fn poisson_gaps_pass_a_kolmogorov_smirnov_test() {
        let (rate, n) = (100_000.0, 100_000);
        let mut gaps = gaps(poisson(rate, 7), n);
        gaps.sort_unstable();
        let distance = gaps
            .iter()
            .enumerate()
            .map(|(i, gap)| {
                let expected = 1.0 - (-(*gap as f64) * rate / NS_PER_S).exp();
                let (below, upto) = (i as f64 / n as f64, (i + 1) as f64 / n as f64);
                (expected - below).abs().max((expected - upto).abs())
            })
            .fold(0.0, f64::max);
        // The 1 % point of Kolmogorov's distribution is 1.628 / sqrt(n).
        assert!(distance < 1.628 / (n as f64).sqrt(), "distance {distance}");
    }

    #[test]
    fn neighbouring_poisson_gaps_are_uncorrelated() {
        let n = 100_000;
        let gaps = gaps(poisson(100_000.0, 7), n);
        let mean = gaps.iter().sum::<u64>() as f64 / n as f64;
        let covariance = |lag: usize| {
            gaps.iter()
                .zip(&gaps[lag..])
                .map(|(a, b)| (*a as f64 - mean) * (*b as f64 - mean))
                .sum::<f64>()
        };
        let correlation = covariance(1) / covariance(0);
        assert!(correlation.abs() < 2.576 / (n as f64).sqrt(), "correlation {correlation}");
    }

    #[test]
    fn the_mean_rate_of_poisson_arrivals_is_the_rate() {
        for seed in 0..4 {
            let last = poisson(5_000.0, seed).all().nth(99_999).unwrap();
            // 100,000 gaps of mean 200 µs: 20 s; the standard error is 0.063 s.
            let seconds = last.due_ns as f64 / NS_PER_S;
            assert!((seconds - 20.0).abs() < 3.0 * 0.063, "seed {seed}: {seconds} s");
        }
    }

    #[test]
    fn seeds_make_different_schedules() {
        let first = |seed| poisson(1_000.0, seed).all().take(8).collect::<Vec<_>>();
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
    }

    #[test]
    fn the_least_and_the_largest_draw_are_gaps() {
        assert_eq!(exponential_ns((1 << 53) - 1, 1e12), 0);
        assert_eq!(exponential_ns(0, 1e12), rounded(53.0 * 2.0_f64.ln() * 1e12));
    }

    proptest! {
        #[test]
        fn shards_together_are_the_whole_schedule(
            rate_per_s in 1e-3..1e7_f64, seed: u64, n in 1_u64..9, poisson: bool,
        ) {
            const PER_SHARD: usize = 50;
            let schedule = Schedule::new(match poisson {
                true => Arrivals::Poisson { rate_per_s, seed },
                false => Arrivals::Constant { rate_per_s },
            }).unwrap();
            let mut union: Vec<Arrival> =
                (0..n).flat_map(|k| schedule.shard(k, n).take(PER_SHARD)).collect();
            union.sort_by_key(|arrival| arrival.index);
            let all: Vec<Arrival> = schedule.all().take(union.len()).collect();
            prop_assert_eq!(&union, &all);
            prop_assert!(all.iter().enumerate().all(|(i, a)| a.index == i as u64));
            prop_assert!(all.is_sorted_by_key(|a| a.due_ns));
        }
    }
}
