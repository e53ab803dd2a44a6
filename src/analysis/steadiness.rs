//! Analysis of a latency series: effective sample size, trend, and the end of the warm-up.

use std::time::Duration;

use loadgen::{SentSample, Series, Tally};

use crate::base::units::{as_f64, ns};
use crate::document::{Check, SentGaps, Status, Steadiness, Trial};
use crate::statistics;
use crate::statistics::series::{self, BATCHES, Batch};

/// The minimum number of latencies.
const LATENCIES_MIN: u64 = 64;
/// Batches with a latency below which nothing is said.
const BATCHES_MIN: usize = 16;
/// Slots to a batch of White's rule.
const WHITE: usize = 5;
/// Standard errors beyond which a difference is not due to chance.
const SIGNIFICANT: f64 = 4.0;
/// Gaps below which their distribution says nothing.
const GAPS_MIN: usize = 100;

/// The number of samples of a series that are worth one independent sample, at the quantile with
/// this value: by batch means of the indicator that a latency is beyond it.
#[must_use]
pub fn design_effect(series: &Series, value: u64) -> f64 {
    let class = Series::class(value);
    let of = |slot: &[u32], from: usize| as_f64(slot[from..].iter().map(|n| u64::from(*n)).sum());
    let beyond = |from: usize| -> Vec<Batch> {
        let slots = series.slots();
        slots.map(|slot| Batch { count: of(slot, 0), sum: of(slot, from) }).collect()
    };
    // The value lies somewhere in its class, so it is taken for the edge that parts more evenly.
    let [with, without] = [class, class + 1].map(beyond);
    let rare = |batches: &[Batch]| {
        let all = series::collapsed(batches, batches.len());
        all.first().map_or(0.0, |all| all.sum.min(all.count - all.sum))
    };
    let (batches, rare) = match (rare(&with), rare(&without)) {
        (more, less) if more >= less => (with, more),
        (_, rare) => (without, rare),
    };
    let count: f64 = batches.iter().map(|batch| batch.count).sum();
    let share = if count > 0.0 { rare / count } else { 0.0 };
    series::design_effect(&batches, share * (1.0 - share), rare)
}

/// The analysis of the series; `None` if it is too short.
#[must_use]
pub fn measure_steadiness(series: &Series) -> Option<Steadiness> {
    let slots = series.tallies();
    let all = put_together(&slots);
    let of = slots.len().div_ceil(BATCHES).max(1);
    let batches: Vec<f64> =
        slots.chunks(of).filter_map(|slots| put_together(slots).octaves()).collect();
    if all.count < LATENCIES_MIN || batches.len() < BATCHES_MIN {
        return None;
    }
    let (first, second) = slots.split_at(slots.len() / 2);
    let [first, second] = [first, second].map(|half| put_together(half).octaves());
    let warming = warming(series.warmup(), &slots);
    Some(Steadiness {
        batches: batches.len(),
        batch_ns: ns(series.slot()) * of as u64,
        trend: series::trend(&batches),
        second_half_over_first: first.zip(second).map_or(1.0, |(a, b)| (b - a).exp2()),
        lag_one: series::lag_one(&batches),
        still_warming_ns: ns(series.slot()) * warming.slots as u64,
        warming_over_rest: warming.octaves.exp2(),
        warming_significant: warming.octaves.abs() > SIGNIFICANT * warming.error,
    })
}

/// The warm-up to try after one that was not over when the measurement began, by the trial that it began; nothing where
/// it was over, or can be no longer.
#[must_use]
pub fn longer_warmup(trial: &Trial, tried: Duration, longest: Duration) -> Option<Duration> {
    let short = |check: &Check| check.name == "warmed-up" && check.status != Status::Pass;
    let found = trial.steadiness.as_ref().filter(|_| trial.checks.iter().any(short))?;
    let needed = tried + Duration::from_nanos(found.still_warming_ns);
    (tried < longest).then(|| longest.min(needed * 3 / 2))
}

fn put_together(slots: &[Tally]) -> Tally {
    slots.iter().fold(Tally::default(), |all, one| Tally {
        count: all.count + one.count,
        classes: all.classes + one.classes,
    })
}

/// The part of the measurement that White's rule would leave out.
#[derive(Clone, Copy, Debug, Default)]
struct Warming {
    slots: usize,
    /// Its latency against that of the rest.
    octaves: f64,
    /// What that difference would be by chance.
    error: f64,
}

fn warming(before: &[Tally], slots: &[Tally]) -> Warming {
    let mean = |slots: &[Tally]| put_together(slots).octaves();
    // Batches do not reach across the beginning of the measurement.
    let before: Vec<f64> = before.rchunks(WHITE).rev().filter_map(mean).collect();
    let (ends, measured): (Vec<usize>, Vec<f64>) = slots
        .chunks(WHITE)
        .enumerate()
        .filter_map(|(at, slots)| mean(slots).map(|mean| ((at + 1) * WHITE, mean)))
        .unzip();
    let cut = series::warmup_end(&[&before[..], &measured[..]].concat());
    let cut = cut.saturating_sub(before.len());
    if cut == 0 {
        return Warming::default();
    }
    let (warming, rest) = measured.split_at(cut);
    let mean = statistics::mean(rest);
    let squares: Vec<f64> = rest.iter().map(|value| (value - mean).powi(2)).collect();
    let parts = 1.0 / warming.len() as f64 + 1.0 / rest.len().max(1) as f64;
    Warming {
        slots: ends[cut - 1],
        octaves: statistics::mean(warming) - mean,
        error: (statistics::mean(&squares) * parts).sqrt(),
    }
}

/// The distance of the gaps between requests from their distribution; `None` if there are too few.
#[must_use]
pub fn gaps(sent: &SentSample) -> Option<SentGaps> {
    let window = |(length, sent): (u64, Vec<u64>)| {
        (as_f64(length), sent.into_iter().map(as_f64).collect::<Vec<_>>())
    };
    let windows: Vec<_> = sent.windows().into_iter().map(window).collect();
    let (count, distance) = series::distance_from_poisson(&windows);
    (count >= GAPS_MIN).then_some(SentGaps { count, distance })
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadgen::{Arrivals, Schedule};
    use std::time::Duration;

    const N: u64 = 20_000;
    const STEP: u64 = 50_000;

    /// A measurement of one second, and a warm-up of a quarter, with a latency every 50 us.
    fn series(latency: impl FnMut(i64) -> f64) -> Series {
        let mut series = Series::new(Duration::from_millis(250), Duration::from_secs(1));
        let steps = (-5_000..20_000_i64).map(latency);
        #[expect(clippy::cast_possible_truncation, reason = "nanoseconds of a second")]
        for (at, latency) in (-5_000_i64..).zip(steps) {
            match u64::try_from(at) {
                Ok(at) => series.record(at * STEP, latency as u64),
                Err(_) => series.record_warmup(at.unsigned_abs() * STEP - 1, latency as u64),
            }
        }
        series
    }

    /// Exponential latencies around 100 us, each as near to the one before as `memory` says.
    fn autoregressive(seed: u64, memory: f64) -> Series {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut state = 0.0_f64;
        series(|_| {
            // Twelve uniform numbers add up to a normal one.
            let noise: f64 = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
            state = memory * state + (1.0 - memory * memory).sqrt() * noise;
            100_000.0 * (state / 2.0).exp()
        })
    }

    fn at_quantile(series: &Series, q: f64) -> u64 {
        // The lower edge of the class that the quantile is in.
        let classes = series.slots().fold(vec![0_u64; 448], |mut all, slot| {
            all.iter_mut().zip(slot).for_each(|(all, n)| *all += u64::from(*n));
            all
        });
        let mut below = 0;
        let class = classes.iter().position(|n| {
            below += n;
            as_f64(below) >= q * as_f64(N)
        });
        (0..40)
            .map(|i| 256 << i)
            .flat_map(|base| (0..16).map(move |s| base + base / 16 * s))
            .find(|ns| Some(Series::class(*ns)) == class)
            .expect("a value of that class")
    }

    fn effective(series: &Series, q: f64) -> f64 {
        as_f64(N) / design_effect(series, at_quantile(series, q))
    }

    #[test]
    fn independent_latencies_are_worth_their_number_and_others_less() {
        let short = |seed: &u64| effective(&autoregressive(*seed, 0.0), 0.999) < 6_000.0;
        assert_eq!((0..20).filter(short).count(), 0);
        for seed in 0..20 {
            let effective = effective(&autoregressive(seed, 0.999), 0.999);
            assert!(effective < 6_000.0, "seed {seed}: {effective}");
        }
    }

    #[test]
    fn one_stall_is_one_event_whatever_number_of_requests_it_hit() {
        // 50 requests of 20,000 in one stall: p99.9 is the accident of it, the median is not.
        let series = series(|at| if (9_000..9_050).contains(&at) { 9e6 } else { 1e5 + at as f64 });
        assert!(effective(&series, 0.999) < 1_000.0, "{}", effective(&series, 0.999));
        let even = |at: i64| if at.rem_euclid(401) == 0 { 9e6 } else { 1e5 };
        assert!(effective(&self::series(even), 0.999) >= as_f64(N), "50 of them, far apart");
    }

    #[test]
    fn steady_latencies_are_called_steady() {
        for seed in 0..100 {
            let steady = measure_steadiness(&autoregressive(seed, 0.5)).expect("enough of it");
            assert!(steady.trend.abs() < 0.6 && steady.lag_one.abs() < 0.55, "{steady:?}");
            assert!((0.95..1.05).contains(&steady.second_half_over_first), "{steady:?}");
            assert!(!steady.warming_significant, "{steady:?}");
        }
    }

    #[test]
    fn a_rise_over_the_measurement_is_a_trend() {
        let mut random = fastrand::Rng::with_seed(1);
        let rising = series(|at| 1e5 * (1.0 + at as f64 / 2e4) * (0.5 + random.f64()));
        let found = measure_steadiness(&rising).expect("enough of it");
        assert!(found.trend > 0.9 && found.second_half_over_first > 1.2, "{found:?}");
        assert!(found.lag_one > 0.6, "{found:?}");
    }

    #[test]
    fn a_warm_up_that_was_too_short_is_seen_to_its_end() {
        let until = |end: i64| {
            let mut random = fastrand::Rng::with_seed(2);
            let slow = move |at| if at < end { 2.0 } else { 1.0 };
            measure_steadiness(&series(move |at| 1e5 * slow(at) * (0.5 + random.f64())))
                .expect("enough of it")
        };
        let short = until(4_000);
        assert!((200_000_000..260_000_000).contains(&short.still_warming_ns), "{short:?}");
        assert!(short.warming_significant && short.warming_over_rest > 1.8, "{short:?}");
        let long_enough = until(-1_000);
        assert!(!long_enough.warming_significant, "{long_enough:?}");
    }

    fn sent(arrivals: &Arrivals) -> SentGaps {
        let second = 1_000_000_000;
        let mut sample = SentSample::new(second, 4_000.0);
        let schedule = Schedule::new(arrivals, Duration::ZERO).expect("an open loop");
        let due = schedule.all().map(|arrival| arrival.due_ns).take_while(|due| *due < second);
        due.for_each(|due| sample.sent(due));
        gaps(&sample).expect("enough of them")
    }

    #[test]
    fn the_generators_own_schedules_pass_for_what_they_are() {
        let rate_per_s = 4_000.0;
        for seed in 0..100 {
            let found = sent(&Arrivals::Poisson { rate_per_s, seed });
            let chance = 2.23 / as_f64(found.count as u64).sqrt();
            assert!(found.distance < chance, "seed {seed}: {found:?}");
        }
        assert!(sent(&Arrivals::Constant { rate_per_s }).distance > 0.3);
    }

    #[test]
    fn too_little_says_nothing() {
        let mut series = Series::new(Duration::ZERO, Duration::from_secs(1));
        (0..63).for_each(|i| series.record(i * 10_000_000, 1_000));
        assert_eq!(measure_steadiness(&series), None);
        series.record(999_999_999, 1_000);
        assert!(measure_steadiness(&series).is_some());
        assert_eq!(measure_steadiness(&Series::new(Duration::ZERO, Duration::ZERO)), None);
    }

    #[test]
    fn a_warm_up_that_was_not_over_is_followed_by_a_longer_one_up_to_the_longest() {
        let ms = Duration::from_millis;
        let mut trial = crate::document::example::closed();
        trial.checks.clear();
        trial.steadiness = Some(Steadiness {
            batches: 32,
            batch_ns: 1,
            trend: 0.0,
            second_half_over_first: 1.0,
            lag_one: 0.0,
            still_warming_ns: 300_000_000,
            warming_over_rest: 2.0,
            warming_significant: true,
        });
        assert_eq!(longer_warmup(&trial, ms(100), ms(1_000)), None, "no check says so");
        trial.checks.push(Check {
            name: "warmed-up".into(),
            about: crate::document::About::Server,
            status: Status::Warn,
            observed: 2.0,
            limit: 1.1,
            message: String::new(),
        });
        assert_eq!(longer_warmup(&trial, ms(100), ms(1_000)), Some(ms(600)));
        assert_eq!(longer_warmup(&trial, ms(800), ms(1_000)), Some(ms(1_000)));
        assert_eq!(longer_warmup(&trial, ms(1_000), ms(1_000)), None, "it can be no longer");
    }
}
