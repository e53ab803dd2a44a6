//! The cost of idle clients: a plan of select, poll and epoll beside more and more of them, in
//! interleaved rounds.

use std::path::Path;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::analysis::doubt;
use crate::analysis::metric::{Metric, SERVER_CPU};
use crate::base::{Exit, interrupted};
use crate::command::lab::told::Times;
use crate::document::{Cell, Estimate, Summary, store};
use crate::plan::Plan;
use crate::run;
use crate::statistics::ratio;

/// The models that are measured; the others are compared with the last one.
const MODELS: [&str; 3] = ["select", "poll", "epoll"];
const AGAINST: &str = "epoll";
/// Clients that send requests all the time.
pub(super) const ASKING: usize = 10;
const LEVELS: [usize; 6] = [0, 100, 400, 900, 2_000, 4_000];
const LEVELS_QUICK: [usize; 3] = [0, 400, 1_200];
/// The limit of `select`, less what a server has open in addition to its clients.
const SELECT_MOST: usize = 1_000;

/// The cost of a request beside one number of idle clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cost {
    pub(super) model: String,
    pub(super) idle: usize,
    pub(super) cpu_ns: Option<Estimate>,
    pub(super) p50_ns: Option<Estimate>,
    pub(super) p99_ns: Option<Estimate>,
    /// CPU over the CPU without idle clients, in pairs of the same round.
    pub(super) over_none: Option<Times>,
    /// CPU over that of epoll with as many idle clients.
    pub(super) over_epoll: Option<Times>,
    /// Checks that did not pass in some trial.
    pub(super) flags: Vec<String>,
}

/// The results.
pub(super) struct Found {
    pub(super) costs: Vec<Cost>,
    pub(super) blocks: u32,
    pub(super) detectable: Option<f64>,
    pub(super) left_out: Vec<String>,
}

/// Measures; the run's own files go into the folder.
pub(super) fn measure(quick: bool, dir: &Path) -> Result<Found> {
    let levels = if quick { &LEVELS_QUICK[..] } else { &LEVELS[..] };
    let fits = |level: &&usize| loadgen::descriptors_missing(**level + ASKING).is_none();
    let (levels, too_many): (Vec<&usize>, Vec<&usize>) = levels.iter().partition(fits);
    let levels: Vec<usize> = levels.into_iter().copied().collect();
    ensure!(!levels.is_empty(), "this process may not open even {ASKING} connections");
    let file = dir.join("plan.toml");
    store::write(&file, text(quick, &levels).as_bytes())?;
    let plan = Plan::read(&file)?;
    let blocks = plan.trials;
    let made = run::of_plan(plan, dir)?;
    if made.exit == Exit::Interrupted {
        return Err(interrupted("interrupted: there is no page"));
    }
    let mut left_out: Vec<String> = Vec::new();
    for out in &made.summary.excluded {
        let said =
            format!("{} was not measured {}: {}.", out.model, beside(&out.workload), out.reason);
        if !left_out.contains(&said) {
            left_out.push(said);
        }
    }
    left_out.extend(too_many.into_iter().map(|level| {
        format!(
            "No model was measured beside {level} idle clients: the limit of file descriptors \
            is too low."
        )
    }));
    Ok(Found {
        costs: costs(&made.summary),
        blocks,
        detectable: detectable(&made.summary),
        left_out,
    })
}

/// Where a workload is, in words.
fn beside(workload: &str) -> String {
    let number = workload.trim_start_matches(|c: char| !c.is_ascii_digit());
    format!("beside {number} idle clients")
}

/// The name that the plan's matrix gives a workload.
fn workload(level: usize) -> String {
    format!("beside-idle-connections{level}")
}

fn text(quick: bool, levels: &[usize]) -> String {
    let (trials, measure, twin) = if quick { (2, "120ms", "none") } else { (5, "400ms", AGAINST) };
    let list = |of: &[String]| of.join(", ");
    // Without idle clients, and with the most.
    let ends = [levels.first(), levels.last()]
        .into_iter()
        .flatten()
        .map(|l| format!("\"{}\"", workload(*l)));
    let mut ends: Vec<String> = ends.collect();
    ends.dedup();
    let twice = if quick { String::new() } else { format!("twin-workloads = [{}]\n", list(&ends)) };
    let numbers: Vec<String> = levels.iter().map(ToString::to_string).collect();
    let models: Vec<String> = MODELS.iter().map(|model| format!("\"{model}\"")).collect();
    let name = |level: &usize| format!("\"{}\"", workload(*level));
    let beyond: Vec<String> =
        levels.iter().filter(|level| **level > SELECT_MOST).map(name).collect();
    let exclude = if beyond.is_empty() {
        String::new()
    } else {
        format!(
            "\n[[exclude]]\nmodels = [\"select\"]\nworkloads = [{}]\nreason = \"select(2) handles only descriptors \
             up to 1,023, and each connection needs one\"\n",
            list(&beyond)
        )
    };
    format!(
        "name = \"idle\"\nquestion = \"What do idle clients cost select, poll and epoll?\"\nmodels = [{}]\ntwin = \
         \"{twin}\"\n{twice}trials = {trials}\nseed = 1024\nconnections = {ASKING}\nwarmup = \"60ms\"\nmeasure = \
         \"{measure}\"\ndrain = \"60ms\"\n\n[[workload]]\nname = \"beside\"\nrequest = {{ kind = \"echo\", bytes = \
         64 }}\narrivals = {{ kind = \"closed\" }}\nmatrix = {{ idle-connections = [{}] }}\n{exclude}",
        list(&models),
        list(&numbers)
    )
}

fn detectable(summary: &Summary) -> Option<f64> {
    let own = summary.noise.iter().filter(|floor| floor.metric == SERVER_CPU.name);
    own.map(|floor| floor.smallest_detectable).max_by(f64::total_cmp)
}

/// The costs of a run, model by model.
pub(super) fn costs(summary: &Summary) -> Vec<Cost> {
    let cells: Vec<(&Cell, usize)> = summary
        .cells
        .iter()
        .filter(|cell| !cell.twin)
        .filter_map(|cell| Some((cell, idle_of(cell)?)))
        .collect();
    let mut found = Vec::new();
    for model in MODELS {
        let mut own: Vec<&(&Cell, usize)> =
            cells.iter().filter(|(cell, _)| cell.model == model).collect();
        own.sort_by_key(|(_, idle)| *idle);
        for (cell, idle) in &own {
            let none = own.iter().find(|(_, idle)| *idle == 0).map(|(cell, _)| *cell);
            let epoll =
                cells.iter().find(|(c, i)| c.model == AGAINST && i == idle).map(|(c, _)| *c);
            found.push(Cost {
                model: model.into(),
                idle: *idle,
                cpu_ns: cell.server_cpu_per_request_ns.clone(),
                p50_ns: cell.known_quantile(0.5).cloned(),
                p99_ns: cell.known_quantile(0.99).cloned(),
                over_none: none
                    .filter(|_| *idle > 0)
                    .and_then(|none| over(&SERVER_CPU, cell, none)),
                over_epoll: epoll
                    .filter(|_| model != AGAINST)
                    .and_then(|e| over(&SERVER_CPU, cell, e)),
                flags: cell.flags.iter().map(|flag| flag.name.clone()).collect(),
            });
        }
    }
    found
}

fn idle_of(cell: &Cell) -> Option<usize> {
    let factor = cell.factors.iter().find(|factor| factor.name == "idle-connections")?;
    factor.text.parse().ok()
}

fn over(metric: &Metric, cell: &Cell, other: &Cell) -> Option<Times> {
    let (of, to) = doubt::pairs(metric, cell, other)?;
    let found = ratio::paired(&of, &to)?;
    Some(Times { ratio: found.value, interval: found.interval })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_one_and_leaves_out_what_select_cannot_know() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("plan.toml");
        for (quick, levels) in [(false, &LEVELS[..]), (true, &LEVELS_QUICK), (true, &[0])] {
            std::fs::write(&file, text(quick, levels)).expect("written");
            let plan =
                Plan::read(&file).unwrap_or_else(|e| panic!("{e:#}\n{}", text(quick, levels)));
            plan.check().expect("in order");
            assert_eq!(plan.workloads.len(), levels.len());
        }
        assert!(
            text(true, &[0, 900, 2_000]).contains("workloads = [\"beside-idle-connections2000\"]")
        );
        assert_eq!(beside("beside-idle-connections2000"), "beside 2000 idle clients");
    }
}
