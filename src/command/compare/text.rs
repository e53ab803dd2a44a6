//! The comparison as text.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::gate;
use crate::analysis::metric;
use crate::document::{Compared, Comparison};
use crate::statistics::{Interval, Verdict};
use crate::view::export::sheet::metric_name;
use crate::view::table;

/// Two runs compared: what it comes to, and the rows in which something can be told, or all of them.
pub(super) fn text(comparison: &Comparison, all: bool) -> String {
    let mut text = answer(comparison);
    let rows: Vec<&Compared> = comparison.shown(all).collect();
    if !rows.is_empty() {
        let _ = writeln!(text, "{}", rows_of(&rows));
    }
    for (why, of) in reasons(comparison) {
        let _ = writeln!(text, "{why} ({of})");
    }
    if comparison.rows.is_empty() {
        text.push_str("nothing to compare: the base has none of the requested figures\n");
    }
    comparison.remarks().for_each(|line| _ = writeln!(text, "{line}"));
    text
}

/// The first lines: the counts of verdicts, and the strength of the evidence.
fn answer(comparison: &Comparison) -> String {
    let Comparison { base, new, margin, .. } = comparison;
    let count = |verdict| comparison.rows.iter().filter(|row| row.verdict == verdict).count();
    let mut text = format!(
        "{new} compared with {base}: of {} figures {} worse, {} better, {} the same within {:.0} \
         %, {} undecided, {} without a verdict\n",
        comparison.rows.len(),
        count(Some(Verdict::Worse)),
        count(Some(Verdict::Better)),
        count(Some(Verdict::Same)),
        margin * 100.0,
        count(Some(Verdict::CannotTell)),
        count(None),
    );
    text.push_str(&strength(comparison));
    if let Some(unseen) = gate::unseen(comparison) {
        let _ = writeln!(text, "{unseen}");
    }
    text
}

/// What kind of comparison it is.
fn strength(comparison: &Comparison) -> String {
    if comparison.interleaved {
        return "measured in one run, the two sides interleaved trial by trial\n".into();
    }
    let widened = comparison.reference.as_ref().and_then(|found| found.widened);
    let by = widened.map_or_else(String::new, |by| {
        format!(
            ", so the intervals are widened by the drift of the null baseline ({:.0} % for \
             throughput and latency, {:.0} % for CPU)",
            (by.throughput - 1.0) * 100.0,
            (by.cost - 1.0) * 100.0
        )
    });
    format!("weaker evidence: separate runs differ by more than their trials show{by}\n")
}

fn rows_of(rows: &[&Compared]) -> comfy_table::Table {
    let header =
        ["workload", "model", "figure", "base", "new", "new / base", "95 % interval", "verdict"];
    let mut table = table::table(&header, 3);
    for row in rows {
        let show = |value: Option<f64>| {
            value.map_or_else(|| "-".into(), |value| metric::show(&row.metric, value))
        };
        let change = row.change.map(|change| (change.ratio, change.interval));
        table.add_row([
            row.workload.clone(),
            row.model.clone(),
            metric_name(&row.metric),
            show(row.base),
            show(row.new),
            change.map_or_else(|| "-".into(), |(ratio, _)| format!("{ratio:.3}")),
            change.map_or_else(
                || "-".into(),
                |(_, Interval { low, high })| format!("{low:.3} to {high:.3}"),
            ),
            row.verdict_words().to_string(),
        ]);
    }
    table
}

/// Each reason once, with the rows that it is of.
fn reasons(comparison: &Comparison) -> Vec<(String, String)> {
    let mut found: BTreeMap<(bool, &str), Vec<String>> = BTreeMap::new();
    for row in &comparison.rows {
        let Some(why) = &row.why else { continue };
        let of = format!("{} under {}", row.model, row.workload);
        let rows = found.entry((row.verdict.is_none(), why)).or_default();
        if !rows.contains(&of) {
            rows.push(of);
        }
    }
    let said = |((open, why), rows): ((bool, &str), Vec<String>)| {
        let kind = if open { "no verdict" } else { "worse" };
        (format!("{kind}: {why}"), rows.join(", "))
    };
    found.into_iter().map(said).collect()
}
