//! Whether two runs are comparable.

use anyhow::Result;
use serde::Serialize;

use super::Run;
use crate::document::store;
use crate::document::{ArrivalsRecord, Cell, LoadRecord, Trial};

/// Rates that differ by less than this share are one rate: an open loop at a share of what was
/// measured never comes out the same twice.
const RATE_MARGIN: f64 = 0.02;

/// Everything in which the runs differ, beside what they measured. Empty where a difference
/// between their figures can only come from what was measured.
pub(super) fn differences(base: &Run, new: &Run) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut differ = |what: &str, a: String, b: String| {
        if a != b {
            found.push(format!("{what}: {a} and {b}"));
        }
    };
    let (a, b) = (&base.summary, &new.summary);
    differ("schema version", a.schema.version.to_string(), b.schema.version.to_string());
    differ("processors of servers", list(&a.run.server_cpus), list(&b.run.server_cpus));
    differ("processors of the generator", list(&a.run.client_cpus), list(&b.run.client_cpus));
    found.extend(a.host.differences(&b.host));
    let mut seen: Vec<&str> = Vec::new();
    for cell in &a.cells {
        if seen.contains(&cell.workload.as_str()) {
            continue;
        }
        let Some(other) = new.cell(&cell.workload, &cell.model) else { continue };
        seen.push(&cell.workload);
        for difference in trials(&first(base, cell)?, &first(new, other)?) {
            found.push(format!("workload {}: {difference}", cell.workload));
        }
    }
    Ok(found)
}

fn list(cpus: &[usize]) -> String {
    if cpus.is_empty() { "any".into() } else { format!("{cpus:?}") }
}

/// The first trial of a cell; the others were loaded alike.
fn first(run: &Run, cell: &Cell) -> Result<Trial> {
    let first = cell.trials.first().map(String::as_str).unwrap_or_default();
    store::read_json(&run.dir.join(first))
}

fn trials(one: &Trial, other: &Trial) -> Vec<String> {
    let (a, b) = (&one.load, &other.load);
    let mut found = Vec::new();
    let mut differ = |what: &str, same: bool, a: String, b: String| {
        if !same {
            found.push(format!("{what}: {a} and {b}"));
        }
    };
    differ("application", a.app == b.app, a.app.clone(), b.app.clone());
    differ("framing", a.framing == b.framing, a.framing.clone(), b.framing.clone());
    let request = |load: &LoadRecord| written(&load.request);
    differ("request", a.request == b.request, request(a), request(b));
    let connections = |load: &LoadRecord| load.connections.to_string();
    differ("connections", a.connections == b.connections, connections(a), connections(b));
    let conduct =
        |load: &LoadRecord| load.conduct.as_ref().map_or_else(|| "as they come".into(), written);
    differ("how connections behave", a.conduct == b.conduct, conduct(a), conduct(b));
    let greeting = |load: &LoadRecord| if load.greeting { "with" } else { "without" }.to_owned();
    differ("greeting", a.greeting == b.greeting, greeting(a), greeting(b));
    let arrivals = |load: &LoadRecord| written(&load.arrivals);
    differ("arrivals", same_arrivals(&a.arrivals, &b.arrivals), arrivals(a), arrivals(b));
    // A measurement of another length sees other rare events.
    let (a_ns, b_ns) = (one.phases.measure_ns, other.phases.measure_ns);
    let ms = |ns: u64| format!("{} ms", ns / 1_000_000);
    differ("measurement", a_ns / 10_000_000 == b_ns / 10_000_000, ms(a_ns), ms(b_ns));
    if let (Some(a), Some(b)) = (one.shares_program(), other.shares_program()) {
        let words = |shares| if shares { "shared with the generator" } else { "not shared" };
        differ("pages of the server's program", a == b, words(a).into(), words(b).into());
    }
    found
}

/// As it stands in the documents.
fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| error.to_string())
}

fn same_arrivals(a: &ArrivalsRecord, b: &ArrivalsRecord) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
        && match (a.rate_per_s(), b.rate_per_s()) {
            (Some(a), Some(b)) => (a / b - 1.0).abs() <= RATE_MARGIN,
            (None, None) => true,
            _ => false,
        }
}

#[cfg(test)]
mod tests;
