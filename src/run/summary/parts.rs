//! Further figures of a cell's trials: reopened connections, and the steps of a staircase.

use crate::analysis::pooled;
use crate::base::units::as_f64;
use crate::document::{CellQuantile, CellStep, Estimate, StepRecord, Trial};

/// How long connections took to open, where some were closed on purpose.
pub(super) fn connect(trials: &[Trial]) -> Vec<CellQuantile> {
    let anew = |trial: &Trial| {
        let conduct = trial.load.conduct.as_ref();
        conduct.is_some_and(|it| it.requests_per_connection.or(it.lifetime_ns).is_some())
    };
    if trials.is_empty() || !trials.iter().all(anew) {
        return Vec::new();
    }
    pooled::of_each(&trials.iter().map(|trial| &trial.latency.connect).collect::<Vec<_>>())
}

/// Each step over the trials; those that not every trial has are left out.
pub(super) fn steps(trials: &[Trial]) -> Vec<CellStep> {
    let count = trials.iter().map(|trial| trial.steps.len()).min().unwrap_or(0);
    let step = |at: usize| {
        let each: Vec<&StepRecord> = trials.iter().map(|trial| &trial.steps[at]).collect();
        let first = each.first()?;
        let share =
            |step: &&StepRecord| (step.offered > 0).then(|| as_f64(step.ok) / as_f64(step.offered));
        Some(CellStep {
            start_ns: first.start_ns,
            width_ns: first.width_ns,
            rate_per_s: first.rate_per_s,
            answered: Estimate::from_values(&each.iter().map(share).collect::<Option<Vec<_>>>()?)?,
            response: pooled::of_each(&each.iter().map(|step| &step.response).collect::<Vec<_>>()),
        })
    };
    (0..count).filter_map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::{connect, steps};
    use crate::document::example;
    use crate::document::{ConductRecord, StepRecord, Trial};

    fn step(offered: u64, ok: u64) -> StepRecord {
        let response = example::closed().latency.service;
        let (start_ns, width_ns) = (0, 500_000_000);
        StepRecord { start_ns, width_ns, rate_per_s: 1e3, offered, ok, failed: 0, response }
    }

    fn with(steps: Vec<StepRecord>) -> Trial {
        Trial { steps, ..example::closed() }
    }

    #[test]
    fn a_step_is_the_median_over_the_trials_that_all_have_it() {
        let trials = [
            with(vec![step(100, 100), step(200, 50)]),
            with(vec![step(100, 80), step(200, 100), step(1, 1)]),
            with(vec![step(100, 90), step(200, 200)]),
        ];
        let found = steps(&trials);
        let shares: Vec<f64> = found.iter().map(|step| step.answered.median).collect();
        assert_eq!(shares, [0.9, 0.5]);
        assert!(found.iter().all(|step| !step.response.is_empty()));
    }

    #[test]
    fn a_step_in_which_nothing_was_due_has_no_share() {
        assert!(steps(&[with(vec![step(0, 0)])]).is_empty());
        assert!(steps(&[with(Vec::new())]).is_empty());
    }

    #[test]
    fn connecting_is_told_where_connections_go_on_purpose() {
        let conduct = |each| ConductRecord {
            requests_per_connection: each,
            lifetime_ns: None,
            pipeline: 1,
            think_time: None,
            idle_connections: 0,
            sources: Vec::new(),
            misbehaving: std::collections::BTreeMap::new(),
        };
        let trial = |each| {
            let mut trial = example::closed();
            trial.load.conduct = Some(conduct(each));
            trial
        };
        assert!(!connect(&[trial(Some(1)), trial(Some(1))]).is_empty());
        assert!(connect(&[trial(None)]).is_empty());
        assert!(connect(&[example::closed()]).is_empty());
    }
}
