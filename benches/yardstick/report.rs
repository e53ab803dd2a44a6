//! What came of it: medians, ratios and whether the claims hold.

use std::fmt::Write as _;

use c10k::units::{show_bytes, show_ns_f64};
use comfy_table::{CellAlignment, LineStyle, Table, presets};
use serde::Serialize;
use servers::{Family, models};

use crate::Record;
use crate::measure::{Pair, Subject};
use crate::memory::{CLAIM_BYTES, Idle, MODELS};
use crate::support::Spread;

/// One line of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    what: String,
    unit: &'static str,
    ours: Spread,
    /// Absent where there is nothing to compare with.
    theirs: Option<Spread>,
    /// Ours over theirs, pair by pair.
    ratio: Option<Spread>,
    /// What the median of the ratio, or else of ours, is promised not to exceed.
    claim_at_most: Option<f64>,
    holds: Option<bool>,
}

/// Every line of the table, in the order in which things were measured.
pub(crate) fn verdicts(pairs: &[Pair], idle: &[Idle]) -> Vec<Verdict> {
    let speed = Subject::ALL.into_iter().filter_map(|subject| speed(subject, pairs));
    speed.chain(MODELS.into_iter().filter_map(|model| memory(model, idle))).collect()
}

fn speed(subject: Subject, pairs: &[Pair]) -> Option<Verdict> {
    let pairs = || pairs.iter().filter(|pair| pair.subject == subject);
    let ratio = Spread::of(pairs().map(|pair| pair.ratio))?;
    Some(Verdict {
        what: format!("{}, CPU per echo", subject.name()),
        unit: "ns",
        ours: Spread::of(pairs().map(|pair| pair.ours.cpu_per_echo_ns))?,
        theirs: Spread::of(pairs().map(|pair| pair.theirs.cpu_per_echo_ns)),
        ratio: Some(ratio),
        claim_at_most: subject.claim(),
        holds: subject.claim().map(|claim| ratio.median <= claim),
    })
}

fn memory((model, connections): (&'static str, usize), idle: &[Idle]) -> Option<Verdict> {
    let idle = idle.iter().filter(|idle| idle.model == model);
    let ours = Spread::of(idle.map(|idle| idle.per_connection_bytes))?;
    // The claim is about event loops; a runtime keeps a task for each client, for comparison.
    let reactor = models::find(model).is_some_and(|model| model.family == Family::Reactor);
    Some(Verdict {
        what: format!("server {model}, memory per idle connection of {connections}"),
        unit: "bytes",
        ours,
        theirs: None,
        ratio: None,
        claim_at_most: reactor.then_some(CLAIM_BYTES),
        holds: reactor.then_some(ours.median <= CLAIM_BYTES),
    })
}

/// The table and what to know when reading it.
pub(crate) fn text(record: &Record) -> String {
    let header = ["what", "ours", "minimal C", "ratio in a pair", "claim", "holds"];
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header(header).add_rows(record.verdicts.iter().map(row));
    for column in table.column_iter_mut().skip(1).take(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let Record { rounds, server_cpu, client_cpu, cc, load_average, host, .. } = record;
    let mut text = format!(
        "{table}\nmedians and [least, most] of {rounds} pairs; server on processor {server_cpu}, \
         client on processor {client_cpu}, {} connections\n{} on {}; {cc}; load average before: \
         {load_average}",
        record.connections, host.kernel, host.cpu_model
    );
    if let Some(steal) = record.steal_share {
        let _ = write!(text, "; stolen by the hypervisor: {:.1} %", steal * 100.0);
    }
    for line in &record.skipped {
        let _ = write!(text, "\n{line}");
    }
    text
}

fn row(verdict: &Verdict) -> [String; 6] {
    let show = if verdict.unit == "ns" { show_ns_f64 } else { show_bytes };
    let none = || "-".to_string();
    let ours = match verdict.theirs {
        Some(_) => show(verdict.ours.median),
        None => verdict.ours.show(show),
    };
    let claim = verdict.claim_at_most.map(|claim| match verdict.ratio {
        Some(_) => format!("<= {claim:.2}"),
        None => format!("<= {claim:.0} B"),
    });
    let holds = verdict.holds.map_or("", |holds| if holds { "yes" } else { "NO" });
    [
        verdict.what.clone(),
        ours,
        verdict.theirs.map_or_else(none, |theirs| show(theirs.median)),
        verdict.ratio.map_or_else(none, |ratio| ratio.show(|ratio| format!("{ratio:.3}"))),
        claim.unwrap_or_else(none),
        holds.into(),
    ]
}
