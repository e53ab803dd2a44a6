//! `c10k plans`: the built-in plans, with their questions and durations.

use anyhow::{Context, Result};

use crate::base::{self, units};
use crate::document::store;
use crate::plan::{BUILT_IN, Plan};
use crate::run::slots::{slots, time_needed};
use crate::view::table;

/// Prints the built-in plans.
///
/// # Errors
/// When the reader is gone.
pub fn plans(json: bool) -> Result<()> {
    let mut rows = Vec::new();
    for (name, _) in BUILT_IN {
        let plan = Plan::built_in(name).context("it is in the list")??;
        let slots = slots(&plan)?;
        rows.push((
            plan.name.clone(),
            plan.question.clone(),
            slots.len(),
            plan.rounds.as_ref().map_or_else(|| time_needed(&plan, &slots), |rounds| rounds.time),
        ));
    }
    if json {
        let list: Vec<_> = rows
            .iter()
            .map(|(name, question, trials, time)| {
                serde_json::json!({
                    "name": name,
                    "question": question,
                    "trials": trials,
                    "time_ns": units::ns(*time),
                })
            })
            .collect();
        return base::print(&String::from_utf8(store::json(&list)?)?);
    }
    let cells = rows.into_iter().map(|(name, question, trials, time)| {
        [name, question, trials.to_string(), humantime::format_duration(time).to_string()]
    });
    base::print(&table::plans(cells))
}
