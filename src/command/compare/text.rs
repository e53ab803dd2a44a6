//! A comparison as people read it.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::analysis::metric;
use crate::document::{Compared, Comparison};
use crate::statistics::{Interval, Verdict};
use crate::view::export::sheet::metric_name;
use crate::view::table;

/// Two runs compared: the rows in which something can be told, or all of them.
pub(super) fn text(comparison: &Comparison, all: bool) -> String {
    let header =
        ["workload", "model", "figure", "base", "new", "new / base", "95 % interval", "verdict"];
    let mut rows = table::table(&header, 3);
    let told =
        |row: &&Compared| all || matches!(row.verdict, Some(Verdict::Better | Verdict::Worse));
    for row in comparison.rows.iter().filter(told) {
        let show = |value| metric::show(&row.metric, value);
        let Interval { low, high } = row.interval;
        rows.add_row([
            row.workload.clone(),
            row.model.clone(),
            metric_name(&row.metric),
            show(row.base),
            show(row.new),
            format!("{:.3}", row.ratio),
            format!("{low:.3} to {high:.3}"),
            row.verdict.map_or("no verdict", Verdict::words).to_string(),
        ]);
    }
    let count = |verdict| comparison.rows.iter().filter(|row| row.verdict == verdict).count();
    let mut text = format!(
        "{} compared with {}, differences within {:.0} % do not matter\n",
        comparison.new,
        comparison.base,
        comparison.margin * 100.0
    );
    if rows.row_iter().next().is_some() {
        let _ = writeln!(text, "{rows}");
    }
    let _ = writeln!(
        text,
        "of {} figures {} better, {} worse, {} the same, {} cannot be told, {} without a verdict",
        comparison.rows.len(),
        count(Some(Verdict::Better)),
        count(Some(Verdict::Worse)),
        count(Some(Verdict::Same)),
        count(Some(Verdict::CannotTell)),
        count(None),
    );
    if comparison.rows.is_empty() {
        text.push_str(
            "nothing to compare: it takes two trials or more, in both runs, of one model under one workload\n",
        );
    }
    let reasons: BTreeSet<_> = comparison.rows.iter().filter_map(|r| r.why_none.as_ref()).collect();
    reasons.iter().for_each(|reason| _ = writeln!(text, "no verdict: {reason}"));
    let unlike = comparison.unlike.iter().map(|line| format!("not alike: {line}"));
    let machine = comparison.reference.as_ref().and_then(|found| found.sentence.clone());
    let more = comparison.missing.iter().cloned().chain(machine);
    unlike.chain(more).for_each(|line| _ = writeln!(text, "{line}"));
    text
}
