//! What came of it: medians, ratios and whether the claims hold.

use std::fmt::Write as _;

use c10k::units::{show_bytes, show_count, show_ns_f64};
use comfy_table::{CellAlignment, LineStyle, Table, presets};
use serde::Serialize;
use servers::{Family, models};

use crate::Record;
use crate::measure::{Cost, Pair, Subject};
use crate::memory::{CLAIM_BYTES, Idle, MODELS};
use crate::support::Spread;

/// What every server is promised to do at least, of what its C program does.
const SHARE_OF_C: f64 = 0.95;
/// What the generator may cost at most, of what the C client of the same engine costs, which does
/// less.
const GENERATOR_COST: f64 = 1.05;

/// One line of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    what: String,
    /// The C program that it is compared with.
    program: Option<&'static str>,
    unit: Unit,
    ours: Spread,
    /// Absent where there is nothing to compare with.
    theirs: Option<Spread>,
    /// Ours over theirs, pair by pair.
    ratio: Option<Spread>,
    /// What the median of the ratio, or else of ours, is promised to be.
    claim: Option<Claim>,
    holds: Option<bool>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    Nanoseconds,
    Bytes,
    PerSecond,
}

impl Unit {
    fn show(self, figure: f64) -> String {
        match self {
            Self::Nanoseconds => show_ns_f64(figure),
            Self::Bytes => show_bytes(figure),
            Self::PerSecond => format!("{}/s", show_count(figure)),
        }
    }
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Claim {
    AtMost(f64),
    AtLeast(f64),
}

impl Claim {
    fn holds(self, figure: f64) -> bool {
        match self {
            Self::AtMost(limit) => figure <= limit,
            Self::AtLeast(limit) => figure >= limit,
        }
    }
}

/// Every line of the table, in the order in which things were measured.
pub(crate) fn verdicts(subjects: &[Subject], pairs: &[Pair], idle: &[Idle]) -> Vec<Verdict> {
    let speed = subjects.iter().flat_map(|subject| {
        let (cpu, rate) = match subject {
            Subject::Generator(..) => (Claim::AtMost(GENERATOR_COST), None),
            Subject::Server(_) => {
                (Claim::AtMost(1.0 / SHARE_OF_C), Some(Claim::AtLeast(SHARE_OF_C)))
            }
        };
        let cpu = Aspect {
            what: "CPU per request",
            unit: Unit::Nanoseconds,
            of: |cost| cost.cpu_per_request_ns,
            ratio: |pair| pair.cpu_ratio,
            claim: Some(cpu),
        };
        let rate = Aspect {
            what: "throughput",
            unit: Unit::PerSecond,
            of: |cost| cost.requests_per_s,
            ratio: |pair| pair.rate_ratio,
            claim: rate,
        };
        [cpu.verdict(*subject, pairs), rate.verdict(*subject, pairs)]
    });
    speed.flatten().chain(MODELS.into_iter().filter_map(|model| memory(model, idle))).collect()
}

/// One of the two figures of a pair.
struct Aspect {
    what: &'static str,
    unit: Unit,
    of: fn(&Cost) -> f64,
    ratio: fn(&Pair) -> f64,
    claim: Option<Claim>,
}

impl Aspect {
    fn verdict(&self, subject: Subject, pairs: &[Pair]) -> Option<Verdict> {
        let name = subject.name();
        let pairs = || pairs.iter().filter(|pair| pair.subject == name);
        let ratio = Spread::of(pairs().map(self.ratio))?;
        Some(Verdict {
            what: format!("{name}, {}", self.what),
            program: Some(subject.program()),
            unit: self.unit,
            ours: Spread::of(pairs().map(|pair| (self.of)(&pair.ours)))?,
            theirs: Spread::of(pairs().map(|pair| (self.of)(&pair.theirs))),
            ratio: Some(ratio),
            claim: self.claim,
            holds: self.claim.map(|claim| claim.holds(ratio.median)),
        })
    }
}

fn memory((model, connections): (&'static str, usize), idle: &[Idle]) -> Option<Verdict> {
    let idle = idle.iter().filter(|idle| idle.model == model);
    let ours = Spread::of(idle.map(|idle| idle.per_connection_bytes))?;
    // The claim is about event loops; a runtime keeps a task for each client, for comparison.
    let reactor = models::find(model).is_some_and(|model| model.family == Family::Reactor);
    let claim = reactor.then_some(Claim::AtMost(CLAIM_BYTES));
    Some(Verdict {
        what: format!("server {model}, memory per idle connection of {connections}"),
        program: None,
        unit: Unit::Bytes,
        ours,
        theirs: None,
        ratio: None,
        claim,
        holds: claim.map(|claim| claim.holds(ours.median)),
    })
}

/// The table and what to know when reading it.
pub(crate) fn text(record: &Record) -> String {
    let header = ["what", "C program", "ours", "C", "ratio in a pair", "claim", "holds"];
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header(header).add_rows(record.verdicts.iter().map(row));
    for column in table.column_iter_mut().skip(2).take(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let Record { rounds, connections, cc, conditions, .. } = record;
    let mut text = format!(
        "{table}\nmedians and [least, most] of {rounds} pairs; {connections} connections (sequential: \
         1); {cc}\n{}",
        conditions.text()
    );
    for line in &record.skipped {
        let _ = write!(text, "\n{line}");
    }
    text
}

fn row(verdict: &Verdict) -> [String; 7] {
    let show = |figure| verdict.unit.show(figure);
    let none = || "-".to_string();
    let ours = match verdict.theirs {
        Some(_) => show(verdict.ours.median),
        None => verdict.ours.show(show),
    };
    let digits = if verdict.ratio.is_some() { 2 } else { 0 };
    let claim = verdict.claim.map(|claim| match claim {
        Claim::AtMost(limit) => format!("<= {limit:.digits$}"),
        Claim::AtLeast(limit) => format!(">= {limit:.digits$}"),
    });
    let holds = verdict.holds.map_or("", |holds| if holds { "yes" } else { "NO" });
    [
        verdict.what.clone(),
        verdict.program.map_or_else(none, |program| format!("{program}.c")),
        ours,
        verdict.theirs.map_or_else(none, |theirs| show(theirs.median)),
        verdict.ratio.map_or_else(none, |ratio| ratio.show(|ratio| format!("{ratio:.3}"))),
        claim.unwrap_or_else(none),
        holds.into(),
    ]
}
