//! The search for a capacity, on a terminal.

use super::table;
use crate::base::units::show_count;
use crate::document::{CapacityReport, CapacityVerdict};

/// Every trial of a search, and the answer.
#[must_use]
pub fn capacity(report: &CapacityReport) -> String {
    let mut rows = table(&["trial", "for", "verdict", "why", "rate", "answered"], 4);
    for (at, probe) in report.probes.iter().enumerate() {
        rows.add_row([
            (at + 1).to_string(),
            probe.stage.clone(),
            verdict(probe.verdict).into(),
            probe.reason.clone(),
            format!("{}/s", show_count(probe.rate_per_s)),
            format!("{}/s", show_count(probe.trial.throughput_per_s)),
        ]);
    }
    format!("{rows}\n{}\n", report.found.sentence)
}

/// The verdict on a trial of a search, in words.
pub(crate) fn verdict(verdict: CapacityVerdict) -> &'static str {
    match verdict {
        CapacityVerdict::Met => "met",
        CapacityVerdict::Missed => "missed",
        CapacityVerdict::TooFew => "too few samples",
        CapacityVerdict::Limited => "generator-limited",
    }
}
