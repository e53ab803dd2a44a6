//! Standings for people.

use crate::analysis::metric::{MARGIN, MEDIAN, Metric, TRIALS_MIN, UPPER};
use crate::document::{Cell, Estimate, NoiseFloor, Standing};
use crate::statistics::Verdict;

/// From a noise of so many times the figure on nothing can be told: two pairs have no interval to speak of.
const UNTOLD: f64 = 10.0;

/// The standings of a workload in a sentence or three.
pub(super) fn sentence(
    metric: &Metric,
    best: &Cell,
    cells: &[&Cell],
    others: &[Standing],
    noise: &[NoiseFloor],
) -> String {
    let Some(figure) = (metric.of)(best) else { return String::new() };
    let value = (metric.phrase)(figure.median);
    let floor = instead(metric) + &floor(metric, noise);
    if others.is_empty() {
        return format!("{}: {value}.{floor}", best.model);
    }
    if figure.values.len() == 1 {
        return format!(
            "Best of one trial each: {} with {value}. One trial supports no verdict and has no spread.{floor}",
            best.model
        );
    }
    if figure.values.len() < TRIALS_MIN {
        let overlap = match (overlapping(metric, best, figure, cells).len(), others.len()) {
            (0, 1) => "the spread of the other model does not overlap with its own".into(),
            (_, 1) => "the spread of the other model overlaps with its own".into(),
            (n, all) => {
                format!("the spread of {n} of the {all} other models overlaps with its own")
            }
        };
        return format!(
            "Best median: {} with {value}. {} trials support no verdict; {overlap}.{floor}",
            best.model,
            figure.values.len(),
        );
    }
    judged(&value, best, cells, others) + &floor
}

/// Why a latency nearer to the middle is compared.
fn instead(metric: &Metric) -> String {
    if [UPPER.name, MEDIAN.name].contains(&metric.name) {
        format!(" By {}: for what lies beyond most have too few samples.", metric.words)
    } else {
        String::new()
    }
}

/// The other models whose trials reach into the spread of the best.
pub(super) fn overlapping<'a>(
    metric: &Metric,
    best: &Cell,
    figure: &Estimate,
    cells: &[&'a Cell],
) -> Vec<&'a Cell> {
    let overlap = |cell: &&&Cell| {
        let meets = |e: &Estimate| e.min <= figure.max && e.max >= figure.min;
        cell.model != best.model && (metric.of)(cell).is_some_and(meets)
    };
    cells.iter().filter(overlap).copied().collect()
}

fn judged(value: &str, best: &Cell, cells: &[&Cell], others: &[Standing]) -> String {
    let named = |wanted: &[Option<Verdict>]| -> Vec<&str> {
        let some = others.iter().filter(|standing| wanted.contains(&standing.verdict));
        some.map(|standing| standing.model.as_str()).collect()
    };
    let alike = named(&[Some(Verdict::CannotTell), Some(Verdict::Same)]);
    let (worse, unknown) = (named(&[Some(Verdict::Worse)]), named(&[None]));
    // Only who starves clients can be better than the best.
    let starving = named(&[Some(Verdict::Better)]);
    let mut text = if alike.is_empty() {
        format!("Of {} models {} is the best, with {value}.", cells.len(), best.model)
    } else {
        format!(
            "Of {} models {} cannot be told from the best, {} with {value}: {}.",
            cells.len(),
            alike.len(),
            best.model,
            alike.join(", ")
        )
    };
    if !worse.is_empty() {
        let is = if worse.len() == 1 { "is" } else { "are" };
        text += &format!(" {} {is} worse by more than {:.0} %.", worse.len(), MARGIN * 100.0);
    }
    if !starving.is_empty() {
        text += &format!(" Better, but by starving clients: {}.", starving.join(", "));
    }
    if !unknown.is_empty() {
        text += &format!(" Without a verdict: {}.", unknown.join(", "));
    }
    text
}

/// What one model measured twice says of all these figures; empty where none was.
fn floor(metric: &Metric, noise: &[NoiseFloor]) -> String {
    let own = noise.iter().filter(|floor| floor.metric == metric.name);
    let widest = own.max_by(|a, b| a.smallest_detectable.total_cmp(&b.smallest_detectable));
    widest.map_or_else(String::new, |floor| {
        let untold = match floor.smallest_detectable {
            some if some < UNTOLD => format!("differences below {:.1} %", some * 100.0),
            _ => "differences".into(),
        };
        format!(
            " {} measured twice: {}, so {untold} cannot be told.",
            floor.model,
            of_itself(floor)
        )
    })
}

/// A second measurement over the first, with the interval where that is one.
pub(crate) fn of_itself(floor: &NoiseFloor) -> String {
    if floor.smallest_detectable < UNTOLD {
        let (low, high) = (floor.interval.low, floor.interval.high);
        format!("{:.2} ({low:.2} to {high:.2}) of itself", floor.ratio)
    } else {
        format!("{:.2} of itself, as far as so few trials tell", floor.ratio)
    }
}
