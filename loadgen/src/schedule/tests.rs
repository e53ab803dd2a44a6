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

/// Asserts that `n` shards together make each of the first requests of a schedule once, in order.
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
    // Ten billion requests, of which none was taken.
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
