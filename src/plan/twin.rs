//! The workloads under which a model is measured twice.

use anyhow::{Result, ensure};

use super::subject::NO_TWIN;
use super::{Candidate, Plan, Workload};
use crate::base::did_you_mean;

impl Plan {
    /// Whether any server is measured under a workload.
    #[must_use]
    pub fn measures(&self, workload: &Workload, candidate: Candidate<'_>) -> bool {
        let names = &self.twin_workloads;
        let has_twin = names.is_empty() || names.iter().any(|name| workload.is_called(name));
        (has_twin || !candidate.twin) && self.excludes(workload, candidate.subject).is_none()
    }

    pub(super) fn check_twin_workloads(&self) -> Result<()> {
        for name in &self.twin_workloads {
            let known = self.workloads.iter().map(|workload| workload.name.as_str());
            let hint = did_you_mean(name, known);
            ensure!(
                self.workloads.iter().any(|workload| workload.is_called(name)),
                "twin-workloads: there is no workload '{name}'{hint}"
            );
        }
        Ok(())
    }

    /// Forgets the names of workloads that are in the plan no longer. Where none is left that the twin
    /// was to be measured under, there is no twin.
    pub(crate) fn forget_workloads(&mut self) {
        let of = &self.workloads;
        let is_there = |name: &String| of.iter().any(|workload| workload.is_called(name));
        for exclude in &mut self.exclude {
            exclude.workloads.retain(is_there);
        }
        let had = !self.twin_workloads.is_empty();
        self.twin_workloads.retain(is_there);
        if had && self.twin_workloads.is_empty() {
            self.twin = Some(NO_TWIN.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"
name = "twins"
question = "Under which?"
models = ["epoll", "poll"]
twin = "epoll"
twin-workloads = ["one-connections2"]
connections = 4
warmup = "1ms"
measure = "1ms"
drain = "1ms"

[[workload]]
name = "one"
request = { kind = "echo", bytes = 8 }
arrivals = { kind = "closed" }
matrix = { connections = [2, 4] }

[[workload]]
name = "two"
request = { kind = "echo", bytes = 8 }
arrivals = { kind = "closed" }
"#;

    /// The workloads under which a model is measured twice.
    fn twins(plan: &Plan) -> Vec<String> {
        let candidates = plan.candidates().expect("names");
        let twin = candidates.iter().find(|candidate| candidate.twin);
        let measured = plan.workloads.iter().filter(|w| twin.is_some_and(|t| plan.measures(w, *t)));
        measured.map(|workload| workload.name.clone()).collect()
    }

    #[test]
    fn a_twin_is_measured_where_the_plan_says_and_everywhere_where_it_does_not() {
        let mut plan = Plan::parse(PLAN).expect("in order");
        assert_eq!(twins(&plan), ["one-connections2"]);
        let again = Plan::parse(&plan.to_toml().expect("TOML")).expect("in order");
        assert_eq!(again, plan, "a run that is resumed has the same twins");
        plan.twin_workloads = vec!["one".into()];
        assert_eq!(twins(&plan), ["one-connections2", "one-connections4"]);
        plan.twin_workloads.clear();
        assert_eq!(twins(&plan).len(), 3);
    }

    #[test]
    fn a_workload_that_is_none_is_refused_with_the_nearest() {
        let wrong = PLAN.replace("one-connections2", "onn-connections2");
        let error = format!("{:#}", Plan::parse(&wrong).expect_err("none is called that"));
        assert!(error.contains("twin-workloads") && error.contains("one-connections2"), "{error}");
    }

    #[test]
    fn who_keeps_other_workloads_has_no_twin_and_not_a_twin_under_all() {
        let mut plan = Plan::parse(PLAN).expect("in order");
        plan.keep_workloads(&["two".into()]).expect("it is there");
        plan.settle_twin().and_then(|()| plan.check()).expect("in order");
        assert!(twins(&plan).is_empty(), "{plan:?}");
    }
}
