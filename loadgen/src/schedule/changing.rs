//! Tests of the schedules that change with time.

use super::tests::shards_are_the_whole;
use super::*;
use proptest::prelude::*;

const S: Duration = Duration::from_secs(1);

fn schedule(arrivals: &Arrivals, warmup: Duration) -> Schedule {
    Schedule::new(arrivals, warmup).unwrap()
}

fn due_before(schedule: &Schedule, ns: u64) -> u64 {
    schedule.all().take_while(|arrival| arrival.due_ns < ns).count() as u64
}

#[test]
fn the_warm_up_has_the_first_rate_and_the_steps_begin_with_the_measurement() {
    let rates_per_s = [100.0, 1_000.0, 10.0].into();
    let stairs = schedule(&Arrivals::Staircase { rates_per_s, step: S, seed: None }, 2 * S);
    let upto = |s: u64| due_before(&stairs, s * 1_000_000_000);
    assert_eq!([1, 2, 3, 4, 5, 6].map(upto), [100, 200, 300, 1_300, 1_310, 1_320]);
    let ramp = Arrivals::Ramp { from_per_s: 100.0, to_per_s: 300.0, over: 2 * S, seed: None };
    let ramp = schedule(&ramp, S);
    assert_eq!([1, 2, 3, 4].map(|s| due_before(&ramp, s * 1_000_000_000)), [100, 250, 500, 800]);
}

#[test]
fn a_replay_is_the_times_and_nothing_else() {
    let replay = Arrivals::Replay { due_ns: [0, 5, 5, 2_000_000_000].into() };
    let due = |warmup| schedule(&replay, warmup).all().map(|a| a.due_ns).collect::<Vec<_>>();
    assert_eq!(due(Duration::ZERO), [0, 5, 5, 2_000_000_000]);
    // Four requests in two seconds, so two in the warm-up of one.
    let after = [0, 500_000_000, 1_000_000_000, 1_000_000_005, 1_000_000_005, 3_000_000_000];
    assert_eq!(due(S), after);
    let at_once = schedule(&Arrivals::Replay { due_ns: [0, 0].into() }, S);
    assert_eq!(at_once.all().count(), 2, "no rate, so nothing in the warm-up");
}

#[test]
fn random_arrivals_at_a_changing_rate_are_as_many_as_its_integral() {
    for seed in 0..4 {
        let ramp = Arrivals::Ramp {
            from_per_s: 0.001,
            to_per_s: 20_000.0,
            over: 10 * S,
            seed: Some(seed),
        };
        let ramp = schedule(&ramp, Duration::ZERO);
        // 1,000 t² within t seconds; the standard deviation of a Poisson count is its root.
        for (s, mean) in [(5, 25_000.0_f64), (10, 100_000.0)] {
            let count = due_before(&ramp, s * 1_000_000_000) as f64;
            assert!((count - mean).abs() < 3.5 * mean.sqrt(), "seed {seed}: {count} of {mean}");
        }
    }
}

#[test]
fn gaps_at_a_changing_rate_are_exponential_in_its_integral() {
    // The time change undone: the integral at the due times, whose gaps must be exponential.
    let stairs = Arrivals::Staircase {
        rates_per_s: [1_000.0, 50_000.0].into(),
        step: 10 * S,
        seed: Some(3),
    };
    let (n, mut before) = (100_000_usize, 0.0);
    let integral = |due_ns: u64| {
        let seconds = due_ns as f64 / NS_PER_S;
        1_000.0 * seconds.min(10.0) + 50_000.0 * (seconds - 10.0).max(0.0)
    };
    let mut gaps: Vec<f64> = schedule(&stairs, Duration::ZERO)
        .all()
        .take(n)
        .map(|arrival| integral(arrival.due_ns))
        .map(|at| at - std::mem::replace(&mut before, at))
        .collect();
    gaps.sort_by(f64::total_cmp);
    let distance = gaps.iter().enumerate().map(|(i, gap)| {
        let expected = 1.0 - (-gap).exp();
        (expected - i as f64 / n as f64).abs()
    });
    let distance = distance.fold(0.0, f64::max);
    assert!(distance < 1.628 / (n as f64).sqrt(), "distance {distance}");
}

fn changing() -> impl Strategy<Value = Arrivals> {
    let rate = || 1e-3..1e6_f64;
    let seed = || prop::option::of(any::<u64>());
    let length = || (1_u64..10_000_000_000).prop_map(Duration::from_nanos);
    prop_oneof![
        (rate(), rate(), length(), seed()).prop_map(|(from_per_s, to_per_s, over, seed)| {
            Arrivals::Ramp { from_per_s, to_per_s, over, seed }
        }),
        (prop::collection::vec(rate(), 1..5), length(), seed()).prop_map(|(rates, step, seed)| {
            Arrivals::Staircase { rates_per_s: rates.into(), step, seed }
        }),
        prop::collection::vec(0_u64..10_000_000_000, 1..300).prop_map(|mut due_ns| {
            due_ns.sort_unstable();
            Arrivals::Replay { due_ns: due_ns.into() }
        }),
    ]
}

proptest! {
    #[test]
    fn shards_of_any_number_together_are_the_whole(
        arrivals in changing(), n in 1_u64..9, warmup_ns in 0_u64..1_000_000,
    ) {
        shards_are_the_whole(&schedule(&arrivals, Duration::from_nanos(warmup_ns)), n);
    }
}
