//! Targets of a capacity search, and whether a trial meets them.

use std::fmt;
use std::time::Duration;

use super::search::Verdict;
use crate::base::units::{as_f64, ns, parse_duration, show_ns};
use crate::document::{About, Check, QUANTILES, SAMPLES_BEYOND, Status, Trial};

/// A target: all of it has to be met.
#[derive(Clone, Debug, PartialEq)]
pub struct Goals(Vec<Goal>);

/// One part of a target.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Goal {
    /// A quantile of response time.
    Quantile { q: f64, below: Duration },
    /// The share of requests that fail.
    Errors { below: f64 },
}

impl Goals {
    /// Reads a target such as `p99<20ms` or `p99.9<5ms,errors<1%`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let goals = text.split(',').map(Goal::parse).collect::<Result<Vec<_>, _>>()?;
        if goals.iter().any(|goal| matches!(goal, Goal::Quantile { .. })) {
            Ok(Self(goals))
        } else {
            Err("a target needs a latency, as in p99<20ms,errors<1%".into())
        }
    }

    /// Requests that a trial needs so that all quantiles can be told, if all of them are independent.
    pub(crate) fn samples(&self) -> f64 {
        let needs = |goal: &Goal| match goal {
            Goal::Quantile { q, .. } => SAMPLES_BEYOND / (1.0 - q),
            Goal::Errors { .. } => 0.0,
        };
        self.0.iter().map(needs).fold(0.0, f64::max)
    }

    /// The longest latency of the target.
    pub(crate) fn longest(&self) -> Duration {
        let bound = |goal: &Goal| match goal {
            Goal::Quantile { below, .. } => *below,
            Goal::Errors { .. } => Duration::ZERO,
        };
        self.0.iter().map(bound).max().unwrap_or_default()
    }

    /// A trial's verdict, and the reason.
    pub(crate) fn judge(&self, trial: &Trial) -> (Verdict, String) {
        let fails = |ours: bool| {
            trial.checks.iter().find(|check| {
                let about_server = check.about == About::Server;
                let replaced = check.name == "errors" && self.have_errors();
                check.status == Status::Fail && about_server != ours && !replaced
            })
        };
        if let Some(check) = fails(true) {
            return (Verdict::Limited, check.message.clone());
        }
        if let Some(check) = fails(false) {
            return (Verdict::Missed, check.message.clone());
        }
        // A queue that grows meets every target for a while.
        let rises = trial.steadiness.is_some_and(|found| found.second_half_over_first > 1.0);
        let unsteady = |check: &&Check| check.name == "stationary" && check.status != Status::Pass;
        if let Some(check) = trial.checks.iter().find(unsteady).filter(|_| rises) {
            return (Verdict::Missed, check.message.clone());
        }
        let seen: Vec<_> = self.0.iter().map(|goal| goal.judge(trial)).collect();
        let worst = [Verdict::Missed, Verdict::TooFew];
        let verdict = worst.into_iter().find(|worst| seen.iter().any(|(v, _)| v == worst));
        let verdict = verdict.unwrap_or(Verdict::Met);
        let reasons = seen.into_iter().filter(|(v, _)| *v == verdict).map(|(_, reason)| reason);
        (verdict, reasons.collect::<Vec<_>>().join(", "))
    }

    fn have_errors(&self) -> bool {
        self.0.iter().any(|goal| matches!(goal, Goal::Errors { .. }))
    }
}

impl fmt::Display for Goals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let goals: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&goals.join(","))
    }
}

impl Goal {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || format!("'{text}' is not a target: write p99<20ms, p99.9<5ms or errors<1%");
        let (what, below) = text.split_once('<').ok_or_else(wrong)?;
        let (what, below) = (what.trim(), below.trim());
        if what == "errors" {
            let share = below.strip_suffix('%').and_then(|percent| percent.trim().parse().ok());
            let share = share.filter(|percent| *percent > 0.0 && *percent <= 100.0);
            return share
                .map(|percent: f64| Self::Errors { below: percent / 100.0 })
                .ok_or_else(wrong);
        }
        let percent: f64 = what.strip_prefix('p').and_then(|p| p.parse().ok()).ok_or_else(wrong)?;
        let inner = || QUANTILES.iter().filter(|q| **q > 0.0 && **q < 1.0);
        let near = |q: &&f64| (**q * 100.0 - percent).abs() < 1e-9;
        let q = inner().find(near).copied().ok_or_else(|| {
            let all: Vec<_> = inner().map(|q| percentile(*q)).collect();
            format!("'{what}' is not one of {}", all.join(", "))
        })?;
        let below = parse_duration(below).map_err(|error| format!("'{text}': {error}"))?;
        if below.is_zero() { Err(wrong()) } else { Ok(Self::Quantile { q, below }) }
    }

    fn judge(&self, trial: &Trial) -> (Verdict, String) {
        match *self {
            Self::Errors { below } => {
                let census = &trial.census;
                let share = as_f64(census.failed()) / as_f64(census.offered.max(1));
                let verdict = if share < below { Verdict::Met } else { Verdict::Missed };
                (verdict, format!("{:.2} % errors", share * 100.0))
            }
            Self::Quantile { q, below } => {
                let found = trial.latency.headline().quantile(q);
                let Some(found) = found.filter(|_| trial.census.ok > 0) else {
                    return (Verdict::TooFew, "no replies".into());
                };
                let name = percentile(q);
                let at_least = if found.at_least { ">= " } else { "" };
                let seen = format!("{name} {at_least}{}", show_ns(found.value));
                if found.at_least || found.value >= ns(below) {
                    return (Verdict::Missed, seen);
                }
                if found.admitted {
                    return (Verdict::Met, seen);
                }
                let count = found.effective_count.unwrap_or(trial.latency.headline().count);
                let needed = SAMPLES_BEYOND / (1.0 - q);
                let reason = format!("{name} needs {needed:.0} effective samples and has {count}");
                (Verdict::TooFew, reason)
            }
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Quantile { q, below } => {
                let below = humantime::format_duration(below).to_string().replace(' ', "");
                write!(f, "{}<{below}", percentile(q))
            }
            Self::Errors { below } => write!(f, "errors<{}%", below * 100.0),
        }
    }
}

fn percentile(q: f64) -> String {
    // Without what binary fractions add.
    format!("p{}", (q * 1e7).round() / 1e5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Quantile, Steadiness, example};

    fn with_p99(value: u64, admitted: bool, at_least: bool) -> Trial {
        let mut trial = example::open();
        let response = trial.latency.response.as_mut().expect("an open loop");
        let p99 = response.quantiles.iter_mut().find(|quantile| quantile.q == 0.99);
        let p99 = p99.expect("it is listed");
        *p99 = Quantile { q: 0.99, value, admitted, at_least, effective_count: Some(500) };
        trial
    }

    fn failing(name: &str, about: About) -> Trial {
        let mut trial = with_p99(1_000_000, true, false);
        trial.checks.push(Check {
            name: name.into(),
            about,
            status: Status::Fail,
            observed: 0.0,
            limit: 0.0,
            message: format!("{name} failed"),
        });
        trial
    }

    fn judged(goals: &str, trial: &Trial) -> (Verdict, String) {
        Goals::parse(goals).expect("a target").judge(trial)
    }

    #[test]
    fn targets_are_read_as_they_are_written() {
        for text in ["p99<20ms", "p99.9<5ms", "p50<1ms,errors<1%", "p99.99<1s,p50<500us"] {
            assert_eq!(Goals::parse(text).expect("a target").to_string(), text);
        }
        assert_eq!(Goals::parse(" p99 < 20ms ").expect("spaces").to_string(), "p99<20ms");
        let samples = |text| Goals::parse(text).expect("a target").samples().round();
        assert_eq!((samples("p99<1ms,p50<1us"), samples("p99.9<1ms")), (600.0, 6_000.0));
    }

    #[test]
    fn what_is_no_target_is_refused_with_an_example() {
        for (text, part) in [
            ("p99", "p99<20ms"),
            ("p99<20", "20ms or"),
            ("p98<20ms", "p99.9"),
            ("p100<20ms", "p99.9"),
            ("p99<0s", "p99<20ms"),
            ("errors<1%", "needs a latency"),
            ("p99<1ms,errors<2", "errors<1%"),
            ("mean<1ms", "p99<20ms"),
        ] {
            let error = Goals::parse(text).expect_err(text);
            assert!(error.contains(part) || error.contains("as in 10s"), "{text}: {error}");
        }
    }

    #[test]
    fn a_quantile_has_to_be_admitted_and_below_and_known() {
        let of =
            |value, admitted, at_least| judged("p99<20ms", &with_p99(value, admitted, at_least)).0;
        assert_eq!(of(19_999_999, true, false), Verdict::Met);
        assert_eq!(of(20_000_000, true, false), Verdict::Missed);
        assert_eq!(of(1_000_000, false, false), Verdict::TooFew);
        assert_eq!(of(30_000_000, false, false), Verdict::Missed, "too slow at any rate");
        assert_eq!(of(1_000_000, true, true), Verdict::Missed, "it may be more");
    }

    #[test]
    fn the_generators_faults_are_not_the_servers() {
        let of = |name, about| judged("p99<20ms", &failing(name, about)).0;
        assert_eq!(of("kept-up", About::Server), Verdict::Missed);
        assert_eq!(of("generator-cpu", About::Generator), Verdict::Limited);
        assert_eq!(of("steal", About::Host), Verdict::Limited);
        let mut both = failing("kept-up", About::Server);
        both.checks.extend(failing("sched-lag", About::Generator).checks);
        assert_eq!(judged("p99<20ms", &both).0, Verdict::Limited, "nobody can tell");
    }

    #[test]
    fn a_queue_that_grows_meets_no_target() {
        let of = |second_half_over_first| {
            let mut trial = failing("stationary", About::Server);
            trial.checks[0].status = Status::Warn;
            trial.steadiness = Some(Steadiness {
                batches: 32,
                batch_ns: 1,
                trend: 0.9,
                second_half_over_first,
                lag_one: 0.0,
                still_warming_ns: 0,
                warming_over_rest: 1.0,
                warming_significant: false,
            });
            judged("p99<20ms", &trial).0
        };
        assert_eq!((of(2.0), of(0.5)), (Verdict::Missed, Verdict::Met), "it may get better");
    }

    #[test]
    fn a_goal_for_errors_takes_the_place_of_the_usual_limit() {
        let mut trial = failing("errors", About::Server);
        trial.census.timeouts = trial.census.offered / 20;
        assert_eq!(judged("p99<20ms", &trial).0, Verdict::Missed);
        assert_eq!(judged("p99<20ms,errors<10%", &trial).0, Verdict::Met);
        assert_eq!(judged("p99<20ms,errors<2%", &trial).0, Verdict::Missed);
    }
}
