//! The plan of the lab "stateful": its quick form, chosen models, and a store where one is
//! installed.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::plan::{ArrivalsPlan, Plan, Workload};

/// The name of the plan.
const PLAN: &str = "stateful";
/// The quick form: few and short trials of the models that differ most, only the ends of each
/// factor, and no open loops with many clients.
const QUICK_TRIALS: u32 = 3;
const QUICK_MEASURE: Duration = Duration::from_millis(120);
const QUICK_MODELS: [&str; 2] = ["thread-per-client", "epoll"];
const QUICK_LEFT_OUT: (&str, &str) = ("requests-per-connection", "10");
/// The external store is measured where a table is measured with nothing else varied. It takes most
/// of a request's time, so it shows little of the other factors.
const LIKE_A_TABLE: &str = "table";
const EXTERNAL: &str = "external";
const STATE: &str = "server.state";

/// The plan; with a store where there is one.
///
/// # Errors
/// When a model is unknown, or must not be measured.
pub(super) fn plan(quick: bool, models: &[String], store: Option<&str>) -> Result<Plan> {
    let mut plan = Plan::built_in(PLAN).context("the plan is built in")??;
    if quick {
        (plan.trials, plan.measure) = (QUICK_TRIALS, QUICK_MEASURE);
        plan.models = QUICK_MODELS.map(String::from).to_vec();
        let (name, text) = QUICK_LEFT_OUT;
        plan.workloads.retain(|w| !w.factors.iter().any(|f| f.name == name && f.text == text));
        plan.workloads.retain(|w| w.connections.is_none() || w.arrivals == ArrivalsPlan::Closed);
        plan.forget_workloads();
    }
    if !models.is_empty() {
        plan.models = models.to_vec();
    }
    if let Some(store) = store {
        let external: Vec<Workload> =
            plan.workloads.iter().filter_map(|table| in_store(table, store)).collect();
        plan.workloads.extend(external);
    }
    plan.settle_twin()?;
    plan.check()?;
    Ok(plan)
}

/// The workload with its state in the store instead of a table; `None` if it has none in a table, or has
/// more clients or a history.
fn in_store(table: &Workload, store: &str) -> Option<Workload> {
    let is_plain = table.connections.is_none() && table.server.as_ref()?.history == 0;
    if !is_plain {
        return None;
    }
    let mut external = table.clone();
    let factor = external.factors.iter_mut().find(|factor| factor.name == STATE)?;
    if factor.text != LIKE_A_TABLE {
        return None;
    }
    factor.text = EXTERNAL.into();
    external.name = external.name.replace(LIKE_A_TABLE, EXTERNAL);
    let server = external.server.as_mut()?;
    server.state = Some(EXTERNAL.into());
    server.state_store = Some(store.into());
    Some(external)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_plan_is_a_part_of_the_whole_one() {
        let (whole, quick) = (plan(false, &[], None), plan(true, &[], None));
        let (whole, quick) = (whole.expect("in order"), quick.expect("in order"));
        assert!(quick.workloads.iter().all(|workload| whole.workloads.contains(workload)));
        assert!(quick.workloads.len() < whole.workloads.len());
        assert_eq!(quick.models, QUICK_MODELS);
        assert_eq!(whole.twin_workloads.len(), 6);
        assert!(quick.twin.as_deref() == Some("epoll") && quick.twin_workloads.len() > 1);
    }

    #[test]
    fn with_a_store_each_plain_workload_of_a_table_is_there_with_the_store_too() {
        let without = plan(false, &[], None).expect("in order");
        let with = plan(false, &["epoll".into()], Some("redis://127.0.0.1:1")).expect("in order");
        let is_in = |workload: &&Workload, home: &str| {
            workload.factors.iter().any(|f| f.name == STATE && f.text == home)
        };
        let is_plain = |w: &&Workload| {
            w.connections.is_none() && w.server.as_ref().is_some_and(|server| server.history == 0)
        };
        let tables = without.workloads.iter().filter(|w| is_in(w, LIKE_A_TABLE) && is_plain(w));
        let tables = tables.count();
        assert_eq!(tables, 5, "three lives in closed loops, two in open ones");
        let external: Vec<_> = with.workloads.iter().filter(|w| is_in(w, EXTERNAL)).collect();
        assert_eq!(external.len(), tables);
        let server = external[0].server.as_ref().expect("its own");
        assert_eq!(server.state_store.as_deref(), Some("redis://127.0.0.1:1"));
        assert_eq!(server.state.as_deref(), Some("external"));
    }

    #[test]
    fn an_unknown_model_is_refused_with_the_nearest() {
        let error = plan(false, &["epol".into()], None).expect_err("no such model");
        assert!(format!("{error:#}").contains("epoll"), "{error:#}");
    }
}
