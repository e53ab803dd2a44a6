//! The gate: a comparison passes if every figure in it was judged, and no figure is or may be
//! worse.
//!
//! This is a test of non-inferiority: a figure passes if its whole interval lies on the good side
//! of the margin. So a figure passes if it is better, or undecided in its favour.

use crate::analysis::metric;
use crate::base::Exit;
use crate::document::{Compared, Comparison};
use crate::statistics::verdict::{Good, Verdict};
use crate::view::export::sheet::metric_name;

/// The gate's verdict on a comparison.
pub(super) fn gate(comparison: &Comparison) -> Exit {
    let worse = comparison.rows.iter().any(|row| row.verdict == Some(Verdict::Worse));
    match (worse, open(comparison)) {
        (true, _) => Exit::Worse,
        (false, Some(_)) => Exit::Untrusted,
        (false, None) => Exit::Ok,
    }
}

/// Why a gate at which nothing is worse is not passed, and what would let it decide.
pub(super) fn open(comparison: &Comparison) -> Option<String> {
    let rows = &comparison.rows;
    if rows.is_empty() {
        return Some("no figure was judged".into());
    }
    let all = rows.len();
    let unjudged = rows.iter().filter(|row| row.verdict.is_none()).count();
    if unjudged > 0 {
        return Some(format!(
            "{unjudged} of {all} figures could not be judged, for the reasons above; select those \
             that matter with --figures, --models and --workloads"
        ));
    }
    let open: Vec<&Compared> =
        rows.iter().filter(|row| may_be_worse(row, comparison.margin)).collect();
    (!open.is_empty()).then(|| {
        let more =
            if comparison.interleaved { "measure longer (--time)" } else { "use more trials" };
        format!(
            "{} of {all} figures may be worse by more than {:.0} %, according to their intervals; {more}, accept a \
             larger --margin, or select figures with --figures",
            open.len(),
            comparison.margin * 100.0
        )
    })
}

/// Whether a figure is not shown to be worse by no more than the margin.
pub(super) fn may_be_worse(row: &Compared, margin: f64) -> bool {
    row.verdict == Some(Verdict::CannotTell)
        && worsening(row).is_none_or(|factor| factor > 1.0 + margin)
}

/// The largest worsening that the interval allows, as a factor: 1.2 is a fifth more of what should
/// be low, or a fifth more of what should be high before.
fn worsening(row: &Compared) -> Option<f64> {
    let interval = row.change?.interval;
    Some(match metric::named(&row.metric)?.good {
        Good::High => 1.0 / interval.low,
        Good::Low => interval.high,
    })
}

/// The undecided figure that may be worse by most, in a sentence.
pub(super) fn unseen(comparison: &Comparison) -> Option<String> {
    let unknown = comparison.rows.iter().filter(|row| row.verdict == Some(Verdict::CannotTell));
    let of = unknown.filter_map(|row| Some((worsening(row)?, row)));
    let (by, row) = of.max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(format!(
        "an undecided figure may be worse by a factor of at most {by:.2} ({} of {} under {})",
        metric_name(&row.metric),
        row.model,
        row.workload
    ))
}

#[cfg(test)]
#[path = "tests/gate.rs"]
mod tests;
