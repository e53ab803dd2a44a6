//! When requests are due. Nothing here reads a clock or knows a server.
//!
//! The due time of request i is a pure function of i, in nanoseconds since the start of the load.
//! So it cannot drift, a slow server cannot move it, and n threads that take the indices congruent
//! to 0, 1, … n-1 modulo n together make exactly the schedule of one thread.
//!
//! Schedules that change with time ([`Arrivals::Ramp`], [`Arrivals::Staircase`],
//! [`Arrivals::Replay`]) begin with the measurement. The warm-up before them has their first rate,
//! or a replay's mean rate, so that the measurement finds a busy server.

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

/// The rates that a schedule can have, in requests per second.
pub const RATE_PER_S: RangeInclusive<f64> = 1e-3..=1e9;

const NS_PER_S: f64 = 1e9;

/// A rate is kept in millionths of a request per second, so that due times are computed in whole
/// numbers and a rate such as 0.1 is exact.
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
    /// The schedule of these arrivals after this warm-up; `None` in closed loop, which has none.
    ///
    /// # Panics
    /// If a rate is outside [`RATE_PER_S`], a staircase has no step, or the times of a replay are not in
    /// order.
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

    /// The requests whose index is congruent to `k` modulo `n`, in order. A replay ends with its last
    /// request; other schedules end only when the index or the nanoseconds exceed 64 bits.
    ///
    /// # Panics
    /// If `k` is not below `n`.
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
    /// Random arrivals: the number of gaps whose sum is `due_ns` or `drawn`.
    gaps: u64,
    due_ns: u64,
    /// Random arrivals at a changing rate: the progress of the process, as an integral of the rate.
    drawn: u128,
}

impl Iterator for Shard {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let index = self.index;
        match &self.law {
            Law::Constant { rate_units } => self.due_ns = constant_due_ns(index, *rate_units)?,
            Law::Poisson { gap_ns_mean, seed } => {
                // Each shard adds up the gaps of all shards, because a prefix sum has no shortcut. The
                // gaps are whole numbers, so every shard gets the same sum.
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
    /// How many requests of all shards are due before `ns`; for random arrivals, the mean.
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
    /// How many of the remaining requests are due before `ns`; for random arrivals, about the expected
    /// number. The time that this takes does not grow with the number.
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
    // Times that are all zero have no rate, and then the warm-up sends nothing.
    let has_rate = last > 0;
    let rate_units = rate_units(if has_rate { mean } else { 1.0 }.clamp(1e-3, 1e9));
    // Requests that are due before the end of the warm-up: the number of i with i / rate < end.
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
        // Rounding must not move a request into the measurement.
        None => Some(constant_due_ns(index, rate_units)?.min(warmup_ns - 1)),
        Some(at) => warmup_ns.checked_add(*due_ns.get(usize::try_from(at).ok()?)?),
    }
}

/// i / rate in whole nanoseconds, rounded to nearest; no error accumulates.
fn constant_due_ns(index: u64, rate_units: u64) -> Option<u64> {
    let rate_units = u128::from(rate_units);
    u64::try_from((u128::from(index) * ONE_REQUEST + rate_units / 2) / rate_units).ok()
}

/// The gap before request `index`, from 53 bits, the mantissa of an f64.
fn poisson_gap_ns(index: u64, gap_ns_mean: f64, seed: u64) -> u64 {
    exponential_ns(hash(seed, index) >> 11, gap_ns_mean)
}

/// A draw from the exponential distribution, by inversion of its distribution function: -ln(u) times
/// the mean, with u uniform in (0, 1] from 53 random bits. One is added to them because ln(0) is not
/// finite.
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
mod tests;
