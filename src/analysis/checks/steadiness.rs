//! Checks of stationarity: warm-up, trend and autocorrelation of latencies, and the arrival
//! process.

use super::{check, unless};
use crate::base::units::{as_f64, show_ns, show_ns_f64};
use crate::document::{About, Check, Phases, SentGaps, Status, Steadiness};

/// A latency that changes by less is steady, whatever the statistics say.
const CHANGE_MIN: f64 = 1.10;
/// Standard deviations of a rank correlation by chance: one trial in ten thousand has more.
const TREND_SIGNIFICANT: f64 = 3.9;
/// Standard deviations of the correlation of neighbours by chance: one trial in two thousand.
const DEPENDENCE_SIGNIFICANT: f64 = 3.3;
/// Distance of the distribution of gaps from the one asked for that still passes.
const GAPS_LIMIT: f64 = 0.25;
/// Kolmogorov's limit for what chance adds: one trial in ten thousand has more.
const GAPS_CHANCE: f64 = 2.23;

pub(super) fn steadiness_checks(found: &Steadiness, phases: &Phases) -> [Check; 3] {
    [warmed_up(found, phases), stationary(found), independent(found)]
}

/// How many times as much, or as little.
fn times(ratio: f64) -> f64 {
    ratio.max(1.0 / ratio)
}

fn percent(ratio: f64) -> String {
    let change = (ratio - 1.0) * 100.0;
    format!("{} by {:.0} %", if change > 0.0 { "rose" } else { "fell" }, change.abs())
}

fn warmed_up(found: &Steadiness, phases: &Phases) -> Check {
    let still = found.still_warming_ns;
    let short = still > 0 && found.warming_significant;
    let short = short && times(found.warming_over_rest) >= CHANGE_MIN;
    let message = format!(
        "the warm-up was too short: latency in the first {} of the measurement was {:.2} times \
         that of the rest; use a warm-up of {} or longer",
        show_ns(still),
        found.warming_over_rest,
        show_ns(phases.warmup_ns + still),
    );
    let status = unless(!short, Status::Warn);
    check("warmed-up", About::Server, status, (found.warming_over_rest, CHANGE_MIN), message)
}

fn stationary(found: &Steadiness) -> Check {
    let chance = 1.0 / (as_f64(found.batches as u64) - 1.0).sqrt();
    let limit = (TREND_SIGNIFICANT * chance).min(0.99);
    let change = found.second_half_over_first;
    let steady = found.trend.abs() < limit || times(change) < CHANGE_MIN;
    let message = format!(
        "latency {} steadily from the first half of the measurement to the second; use a longer \
         warm-up",
        percent(change)
    );
    let seen = (found.trend.abs(), limit);
    check("stationary", About::Server, unless(steady, Status::Warn), seen, message)
}

fn independent(found: &Steadiness) -> Check {
    let limit = DEPENDENCE_SIGNIFICANT / as_f64(found.batches as u64).sqrt();
    let message = format!(
        "autocorrelated latencies, even between batches of {} ({:.2}): the effective sample size \
         is overstated; measure for longer",
        show_ns_f64(as_f64(found.batch_ns)),
        found.lag_one
    );
    let status = unless(found.lag_one < limit, Status::Warn);
    check("independent", About::Server, status, (found.lag_one, limit), message)
}

pub(super) fn arrivals_as_asked(found: &SentGaps) -> Check {
    let limit = GAPS_LIMIT + GAPS_CHANCE / as_f64(found.count as u64).sqrt();
    let message = format!(
        "arrivals were not Poisson (distance {:.2} from exponential gaps): at this rate the \
         generator sends in bursts; lower the rate",
        found.distance
    );
    let status = unless(found.distance < limit, Status::Warn);
    check("arrivals-as-asked", About::Generator, status, (found.distance, limit), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEADY: Steadiness = Steadiness {
        batches: 32,
        batch_ns: 300_000_000,
        trend: 0.3,
        second_half_over_first: 1.3,
        lag_one: 0.3,
        still_warming_ns: 0,
        warming_over_rest: 1.0,
        warming_significant: false,
    };

    fn warnings(found: Steadiness) -> Vec<String> {
        let phases = Phases {
            connect_ns: 0,
            warmup_ns: 1_000_000_000,
            warmup_trials: None,
            measure_ns: 10_000_000_000,
            drain_ns: 0,
            interrupted: false,
        };
        let warned = steadiness_checks(&found, &phases)
            .into_iter()
            .filter(|check| check.status == Status::Warn);
        warned.map(|check| format!("{}: {}", check.name, check.message)).collect()
    }

    #[test]
    fn each_fault_is_warned_of_by_its_name_and_by_what_to_do() {
        assert!(warnings(STEADY).is_empty());
        let rising = Steadiness { trend: 0.9, ..STEADY };
        assert!(warnings(rising)[0].starts_with("stationary: latency rose by 30 %"));
        let falling = Steadiness { trend: -0.9, second_half_over_first: 0.5, ..STEADY };
        assert!(warnings(falling)[0].starts_with("stationary: latency fell by 50 %"));
        let dependent = Steadiness { lag_one: 0.8, ..STEADY };
        assert!(
            warnings(dependent)[0].starts_with(
                "independent: autocorrelated latencies, even between batches of 300 ms"
            )
        );
        let warming = Steadiness {
            still_warming_ns: 500_000_000,
            warming_over_rest: 1.8,
            warming_significant: true,
            ..STEADY
        };
        let warning = &warnings(warming)[0];
        assert!(warning.starts_with("warmed-up: ") && warning.contains("1.50 s or longer"));
    }

    #[test]
    fn a_change_that_is_small_or_may_be_chance_is_none() {
        let small = Steadiness { trend: 0.9, second_half_over_first: 1.05, ..STEADY };
        assert!(warnings(small).is_empty());
        let warming = Steadiness {
            still_warming_ns: 1,
            warming_over_rest: 1.8,
            warming_significant: false,
            ..STEADY
        };
        assert!(warnings(warming).is_empty());
        let few = Steadiness { batches: 16, trend: 0.95, ..STEADY };
        assert!(warnings(few).is_empty(), "of 16 batches that is not rare enough");
    }

    #[test]
    fn gaps_that_are_not_random_are_the_generators_fault() {
        let of = |distance| arrivals_as_asked(&SentGaps { count: 4_000, distance });
        assert_eq!((of(0.2).status, of(0.4).status), (Status::Pass, Status::Warn));
        assert_eq!(of(0.4).about, About::Generator);
        let few = arrivals_as_asked(&SentGaps { count: 100, distance: 0.4 });
        assert_eq!(few.status, Status::Pass, "a hundred gaps say little");
    }
}
