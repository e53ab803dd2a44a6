//! Replies and latency at the top of a staircase, and after it.

use crate::base::units::show_count;
use crate::document::{Cell, CellQuantile, CellStep};

/// The recovery in two sentences; `None` for any other load, or a staircase that does not return to
/// its first rate.
#[must_use]
pub fn recovery(cells: &[&Cell]) -> Option<String> {
    let climbed: Vec<&Cell> =
        cells.iter().copied().filter(|cell| !cell.twin && cell.steps.len() > 2).collect();
    let steps = &climbed.first()?.steps;
    let (first, last) = (steps.first()?, steps.last()?);
    let order = |a: &&CellStep, b: &&CellStep| a.rate_per_s.total_cmp(&b.rate_per_s);
    let peak = steps.iter().max_by(order)?;
    // The same rate again, after a higher one.
    if (first.rate_per_s - last.rate_per_s).abs() > 1e-6 * first.rate_per_s
        || peak.rate_per_s <= first.rate_per_s
    {
        return None;
    }
    let at = steps.iter().position(|step| step == peak)?;
    let share = |cell: &&Cell| {
        let answered = cell.steps.get(at)?.answered.median;
        Some(format!("{} {:.0} %", cell.model, answered * 100.0))
    };
    let shares: Vec<String> = climbed.iter().filter_map(share).collect();
    let ratios: Vec<String> = climbed.iter().filter_map(|cell| ratio(cell)).collect();
    let unknown: Vec<&str> = climbed
        .iter()
        .filter(|cell| ratio(cell).is_none())
        .map(|cell| cell.model.as_str())
        .collect();
    let mut text = format!(
        "Share of requests answered at the highest rate, {}/s, however late: {}.",
        show_count(peak.rate_per_s),
        shares.join(", ")
    );
    if !ratios.is_empty() {
        text += &format!(
            " Median response time back at the first step's {}/s, divided by that of the first step: {}.",
            show_count(first.rate_per_s),
            ratios.join(", ")
        );
    }
    if !unknown.is_empty() {
        text += &format!(" Unknown, for lack of samples or replies: {}.", unknown.join(", "));
    }
    Some(text)
}

/// The last step's median divided by the first one's.
fn ratio(cell: &Cell) -> Option<String> {
    let median = |step: &CellStep| {
        let known = CellQuantile::among(&step.response, 0.5)?.shown()?;
        Some((known.value, known.at_least))
    };
    let (before, bound) = median(cell.steps.first()?)?;
    let (after, at_least) = median(cell.steps.last()?)?;
    let sign = if at_least { ">= " } else { "" };
    (before > 0.0 && !bound).then(|| format!("{} {sign}{:.2}", cell.model, after / before))
}

#[cfg(test)]
mod tests {
    use super::recovery;
    use crate::analysis::synthetic::{climbed, open};

    #[test]
    fn the_end_is_compared_with_the_beginning_and_the_peak_is_told() {
        let good = climbed("epoll", &[(1e3, 1.0, 1e5), (3e3, 1.0, 9e5), (1e3, 1.0, 1.1e5)]);
        let mut bad = climbed("fork", &[(1e3, 1.0, 1e5), (3e3, 0.4, 9e8), (1e3, 0.7, 4e6)]);
        bad.steps[2].response[0].at_least = true;
        let mut few = climbed("poll", &[(1e3, 1.0, 1e5), (3e3, 0.9, 9e8), (1e3, 1.0, 4e6)]);
        few.steps[2].response[0].value_ns = None;
        let text = recovery(&[&good, &bad, &few]).expect("a sentence");
        assert!(
            text.contains("3.00k/s, however late: epoll 100 %, fork 40 %, poll 90 %"),
            "{text}"
        );
        assert!(text.contains("that of the first step: epoll 1.10, fork >= 40.00."), "{text}");
        assert!(text.ends_with("Unknown, for lack of samples or replies: poll."), "{text}");
    }

    #[test]
    fn what_does_not_come_back_has_no_recovery() {
        let up = climbed("epoll", &[(1e3, 1.0, 1e5), (2e3, 1.0, 1e5), (3e3, 1.0, 1e5)]);
        assert_eq!(recovery(&[&up]), None);
        let flat = climbed("epoll", &[(1e3, 1.0, 1e5), (1e3, 1.0, 1e5), (1e3, 1.0, 1e5)]);
        assert_eq!(recovery(&[&flat]), None);
        assert_eq!(recovery(&[&open("epoll", &[4e5; 3])]), None);
        assert_eq!(recovery(&[]), None);
    }
}
