//! When requests are due. Nothing here knows a clock or a server.
//!
//! The due time of request i is a pure function of i, in nanoseconds since the start of the
//! load. So it cannot drift, a slow server cannot move it, and n threads that take the indices
//! congruent to 0, 1, … n-1 modulo n make exactly the schedule of one.
//!
//! Schedules that change with time ([`Arrivals::Ramp`], [`Arrivals::Staircase`],
//! [`Arrivals::Replay`]) begin with the measurement. The warm-up before them has their first rate,
//! that of a replay its mean rate, so that the measurement finds a server that was at work.

#[cfg(test)]
mod changing;
mod profile;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use protocol::draw::hash;

use crate::Arrivals;
use crate::clock::to_ns;
use profile::{ONE_REQUEST, Profile};

/// The rates that a schedule can have, in requests a second.
pub const RATE_PER_S: RangeInclusive<f64> = 1e-3..=1e9;

const NS_PER_S: f64 = 1e9;

/// A rate is kept in millionths of a request a second, so that due times are whole-number
/// arithmetic and a rate such as 0.1 is still meant exactly.
const RATE_UNITS_PER_S: f64 = 1e6;

/// An open-loop schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    law: Law,
}

#[derive(Clone, Debug, PartialEq)]
enum Law {
    Constant {
        rate_units: u64,
    },
    Poisson {
        gap_ns_mean: f64,
        seed: u64,
    },
    /// Request i where the integral of the rate reaches i; with a seed, the i-th of a random
    /// process.
    Profile {
        profile: Arc<Profile>,
        seed: Option<u64>,
    },
    /// `before` requests of the warm-up at a constant rate, then these times after it.
    Replay {
        rate_units: u64,
        before: u64,
        warmup_ns: u64,
        due_ns: Arc<[u64]>,
    },
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
    /// The schedule of these arrivals after a warm-up so long; `None` in closed loop, which has
    /// none.
    ///
    /// # Panics
    /// When a rate is outside [`RATE_PER_S`], a staircase has no step, or the times of a replay
    /// are not in order.
    #[must_use]
    pub fn new(arrivals: &Arrivals, warmup: Duration) -> Option<Self> {
        let law = match arrivals {
            Arrivals::Closed => return None,
            Arrivals::Constant { rate_per_s } => {
                Law::Constant { rate_units: rate_units(*rate_per_s) }
            }
            Arrivals::Poisson { rate_per_s, seed } => {
                Law::Poisson { gap_ns_mean: NS_PER_S / checked(*rate_per_s), seed: *seed }
            }
            Arrivals::Ramp { from_per_s, to_per_s, over, seed } => {
                let (from, to) = (rate_units(*from_per_s), rate_units(*to_per_s));
                let profile = Profile::new([(warmup, from, from), (*over, from, to)]);
                Law::Profile { profile: Arc::new(profile), seed: *seed }
            }
            Arrivals::Staircase { rates_per_s, step, seed } => {
                let first = (warmup, *rates_per_s.first().expect("a staircase has a step"));
                let steps = rates_per_s.iter().map(|rate| (*step, *rate));
                let pieces = std::iter::once(first).chain(steps);
                let profile = Profile::new(pieces.map(|(length, rate)| {
                    let rate = rate_units(rate);
                    (length, rate, rate)
                }));
                Law::Profile { profile: Arc::new(profile), seed: *seed }
            }
            Arrivals::Replay { due_ns } => replay(Arc::clone(due_ns), to_ns(warmup)),
        };
        Some(Self { law })
    }

    /// Every request, in order.
    #[must_use]
    pub fn all(&self) -> Shard {
        self.shard(0, 1)
    }

    /// The requests whose index is congruent to `k` modulo `n`, in order. It never ends before
    /// the index or the nanoseconds leave 64 bits, but for a replay, which ends with its last one.
    ///
    /// # Panics
    /// When `k` is not below `n`.
    #[must_use]
    pub fn shard(&self, k: u64, n: u64) -> Shard {
        assert!(k < n, "shard {k} of {n}");
        Shard { law: self.law.clone(), index: k, step: n, gaps: 0, due_ns: 0, drawn: 0 }
    }
}

/// The requests that one of several generators makes.
#[derive(Clone, Debug)]
pub struct Shard {
    law: Law,
    index: u64,
    step: u64,
    /// Random arrivals: how many gaps `due_ns` or `drawn` is the sum of.
    gaps: u64,
    due_ns: u64,
    /// Random arrivals at a rate that changes: how far the process has come, as an integral.
    drawn: u128,
}

impl Iterator for Shard {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let index = self.index;
        match &self.law {
            Law::Constant { rate_units } => self.due_ns = constant_due_ns(index, *rate_units)?,
            Law::Poisson { gap_ns_mean, seed } => {
                // Each shard adds up the gaps of all shards: a prefix sum cannot be entered in
                // the middle, and the sum of whole numbers is the same for every shard.
                while self.gaps <= index {
                    let gap = poisson_gap_ns(self.gaps, *gap_ns_mean, *seed);
                    self.due_ns = self.due_ns.checked_add(gap)?;
                    self.gaps += 1;
                }
            }
            Law::Profile { profile, seed: None } => {
                self.due_ns = profile.reaches(u128::from(index) * ONE_REQUEST)?;
            }
            Law::Profile { profile, seed: Some(seed) } => {
                while self.gaps <= index {
                    let gap = poisson_gap_ns(self.gaps, ONE_REQUEST as f64, *seed);
                    self.drawn = self.drawn.checked_add(gap.into())?;
                    self.gaps += 1;
                }
                self.due_ns = profile.reaches(self.drawn)?;
            }
            Law::Replay { rate_units, before, warmup_ns, due_ns } => {
                self.due_ns = replay_due_ns(index, *rate_units, *before, *warmup_ns, due_ns)?;
            }
        }
        self.index = index.checked_add(self.step)?;
        Some(Arrival { index, due_ns: self.due_ns })
    }
}

impl Law {
    /// How many requests of all shards are due before `ns`; of random arrivals, in the mean.
    fn count_before(&self, ns: u64) -> u64 {
        let due_ns = |index: u64| match self {
            Self::Constant { rate_units } => constant_due_ns(index, *rate_units),
            Self::Poisson { gap_ns_mean, .. } => {
                let due = (index as f64 + 1.0) * gap_ns_mean;
                (due < u64::MAX as f64).then(|| rounded(due))
            }
            Self::Profile { profile, .. } => profile.reaches(u128::from(index) * ONE_REQUEST),
            Self::Replay { rate_units, before, warmup_ns, due_ns } => {
                replay_due_ns(index, *rate_units, *before, *warmup_ns, due_ns)
            }
        };
        let (mut low, mut high) = (0, u64::MAX / 2);
        while low < high {
            let middle = low + (high - low) / 2;
            if due_ns(middle).is_some_and(|due| due < ns) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn is_random(&self) -> bool {
        matches!(self, Self::Poisson { .. } | Self::Profile { seed: Some(_), .. })
    }
}

impl Shard {
    /// How many requests are still to come that are due before `ns`: of random arrivals about as
    /// many as their rate makes expect. Takes no longer when there are more.
    pub(crate) fn left_before(&self, ns: u64) -> u64 {
        let mut upto = self.law.count_before(ns);
        if self.law.is_random() {
            let so_far = self.law.count_before(self.due_ns);
            upto = self.index.saturating_add(upto.saturating_sub(so_far));
        }
        upto.saturating_sub(self.index).div_ceil(self.step)
    }
}

fn checked(rate_per_s: f64) -> f64 {
    assert!(RATE_PER_S.contains(&rate_per_s), "the rate {rate_per_s} is outside {RATE_PER_S:?}");
    rate_per_s
}

fn rate_units(rate_per_s: f64) -> u64 {
    rounded(checked(rate_per_s) * RATE_UNITS_PER_S)
}

fn replay(due_ns: Arc<[u64]>, warmup_ns: u64) -> Law {
    assert!(due_ns.is_sorted(), "the times of a replay are in order");
    let last = due_ns.last().copied().unwrap_or(0);
    let mean = due_ns.len() as f64 * NS_PER_S / last as f64;
    // All at one instant have no rate, and then the warm-up is silent.
    let has_rate = last > 0;
    let rate_units = rate_units(if has_rate { mean } else { 1.0 }.clamp(1e-3, 1e9));
    // How many are due before its end: the count of i with i / rate < end.
    let warmed = u128::from(warmup_ns) * u128::from(rate_units);
    let before = warmed.div_ceil(ONE_REQUEST) * u128::from(has_rate);
    let before = u64::try_from(before).unwrap_or(u64::MAX);
    Law::Replay { rate_units, before, warmup_ns, due_ns }
}

fn replay_due_ns(
    index: u64,
    rate_units: u64,
    before: u64,
    warmup_ns: u64,
    due_ns: &[u64],
) -> Option<u64> {
    match index.checked_sub(before) {
        // Rounding must not carry one into the measurement.
        None => Some(constant_due_ns(index, rate_units)?.min(warmup_ns - 1)),
        Some(at) => warmup_ns.checked_add(*due_ns.get(usize::try_from(at).ok()?)?),
    }
}

/// i / rate in whole nanoseconds, rounded to nearest; no error accumulates.
fn constant_due_ns(index: u64, rate_units: u64) -> Option<u64> {
    let rate_units = u128::from(rate_units);
    u64::try_from((u128::from(index) * ONE_REQUEST + rate_units / 2) / rate_units).ok()
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

    fn schedule(arrivals: Arrivals) -> Schedule {
        Schedule::new(&arrivals, Duration::ZERO).unwrap()
    }

    fn constant(rate_per_s: f64) -> Schedule {
        schedule(Arrivals::Constant { rate_per_s })
    }

    fn poisson(rate_per_s: f64, seed: u64) -> Schedule {
        schedule(Arrivals::Poisson { rate_per_s, seed })
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

    /// So many shards make the first requests of a schedule once each, in order.
    pub(super) fn shards_are_the_whole(schedule: &Schedule, n: u64) {
        const PER_SHARD: usize = 50;
        let mut union: Vec<Arrival> =
            (0..n).flat_map(|k| schedule.shard(k, n).take(PER_SHARD)).collect();
        union.sort_by_key(|arrival| arrival.index);
        let all: Vec<Arrival> = schedule.all().take(union.len()).collect();
        assert_eq!(union, all);
        assert!(all.iter().enumerate().all(|(i, a)| a.index == i as u64));
        assert!(all.is_sorted_by_key(|a| a.due_ns));
    }

    #[test]
    fn what_is_left_is_counted_without_going_through_it() {
        let s = 1_000_000_000;
        // The rate of the issue: ten thousand million requests, of which none was taken.
        let all = constant(1e9).all();
        assert_eq!(all.left_before(10 * s), 10 * s);
        assert_eq!(constant(1e9).shard(2, 3).left_before(10 * s), 3_333_333_333);
        let random = poisson(1e9, 7).all().left_before(10 * s);
        assert!(random.abs_diff(10 * s) < 10, "{random}");
        let replay = schedule(Arrivals::Replay { due_ns: [0, 5, 5, 9].into() });
        assert_eq!([0, 1, 6, 9, 10].map(|ns| replay.all().left_before(ns)), [0, 1, 3, 3, 4]);
    }

    proptest! {
        #[test]
        fn what_is_left_of_a_schedule_that_is_not_random_is_counted_exactly(
            rates in prop::collection::vec(10.0..3_000.0_f64, 1..4), n in 1_u64..5, k: u64,
            taken in 0_usize..300, until in 0_u64..3_000_000_000,
        ) {
            let steps = Arrivals::Staircase {
                rates_per_s: rates.clone().into(),
                step: Duration::from_millis(700),
                seed: None,
            };
            for arrivals in [steps, Arrivals::Constant { rate_per_s: rates[0] }] {
                let mut shard = schedule(arrivals).shard(k % n, n);
                shard.by_ref().take(taken).for_each(drop);
                let counted = shard.clone().take_while(|next| next.due_ns < until).count();
                prop_assert_eq!(shard.left_before(until), counted as u64);
            }
        }

        #[test]
        fn shards_together_are_the_whole_schedule(
            rate_per_s in 1e-3..1e7_f64, seed: u64, n in 1_u64..9, poisson: bool,
        ) {
            shards_are_the_whole(&schedule(match poisson {
                true => Arrivals::Poisson { rate_per_s, seed },
                false => Arrivals::Constant { rate_per_s },
            }), n);
        }
    }
}
