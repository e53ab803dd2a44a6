//! Which trials of a flagged cell count for a figure, and whether the cell is valid at all. Every
//! verdict, recommendation and gate asks this module.
//!
//! A trial that the machine or the load generator spoiled is set aside. A trial that the server
//! failed is kept: leaving it out would favour the server.

use crate::analysis::checks::{is_outside, reaches};
use crate::analysis::metric::{Kind, Metric};
use crate::document::{Cell, Flag, Status, Validity};

/// Why a cell stands for nothing in a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// The server did not do its work: no correct reply, or most trials failed.
    Broken(String),
    /// The true figure is unknown.
    NotKnown(String),
}

impl Doubt {
    /// What it is, for people.
    pub(crate) fn words(&self) -> &str {
        match self {
            Self::Broken(words) | Self::NotKnown(words) => words,
        }
    }
}

/// The places of a cell's trials that count for a figure: those that nothing outside of the server has
/// spoiled.
pub(crate) fn counting(cell: &Cell, metric: &Metric) -> Vec<usize> {
    let spoiled = |place: &usize| cell.flags.iter().any(|flag| spoils(flag, *place, metric.kind()));
    (0..cell.trials.len()).filter(|place| !spoiled(place)).collect()
}

/// The checks that have spoiled some trial of a cell for a figure.
pub(crate) fn spoilers<'a>(cell: &'a Cell, metric: &Metric) -> Vec<&'a str> {
    let kind = metric.kind();
    let spoiling = |flag: &&Flag| flag.at.iter().any(|place| spoils(flag, *place, kind));
    cell.flags.iter().filter(spoiling).map(|flag| flag.name.as_str()).collect()
}

/// A trial is not set aside because the generator was the limit: its figure is a lower bound.
fn spoils(flag: &Flag, place: usize, kind: Kind) -> bool {
    let failed = flag.failed_at.contains(&place);
    is_outside(flag)
        && flag.name != "generator-cpu"
        && flag.at.contains(&place)
        && reaches(flag, failed, kind)
}

/// The doubt about a cell's figure as a whole; `None` if the figure is valid for its model.
pub(crate) fn doubt_about(cell: &Cell, metric: &Metric) -> Option<Doubt> {
    let (kind, trials) = (metric.kind(), cell.trials.len());
    if cell.throughput_per_s.median <= 0.0 {
        return Some(Doubt::Broken(failed(cell).unwrap_or_else(|| "no correct reply".into())));
    }
    let own = || cell.flags.iter().filter(|flag| !is_outside(flag));
    let failing = own().filter(|flag| flag.failures() > 0);
    if let Some(worst) = failing.max_by_key(|flag| flag.failures()) {
        let said = words(worst, worst.failures(), trials);
        let most = 2 * worst.failures() >= trials;
        return Some(if most { Doubt::Broken(said) } else { Doubt::NotKnown(said) });
    }
    if cell.replies_wrong > 0 {
        return Some(Doubt::Broken(format!("{} replies were wrong", cell.replies_wrong)));
    }
    // A document of an earlier version does not record which trials were flagged.
    let unplaced = |flag: &Flag| flag.at.is_empty() && is_outside(flag);
    let touched = cell.flags.iter().find(|flag| {
        let failed = flag.status == Status::Fail;
        let asked = !is_outside(flag) || unplaced(flag);
        asked
            && flag.name != "generator-cpu"
            && 2 * flag.trials >= trials
            && reaches(flag, failed, kind)
    });
    if let Some(flag) = touched {
        return Some(Doubt::NotKnown(words(flag, flag.trials, trials)));
    }
    let spoiled = cell.validity == Validity::Invalid && kind != Kind::Memory;
    // Of some trials that were spoiled the others are left; of most of them nothing is.
    let why = failed(cell);
    (spoiled && (why.is_none() || counting(cell, metric).len() * 2 <= trials))
        .then(|| Doubt::NotKnown(why.unwrap_or_else(|| "the cell is invalid".into())))
}

/// Whether the flag alone shows that the server did not do its work.
pub(crate) fn is_servers_fault(flag: &Flag) -> bool {
    let failed = flag.failures() == flag.trials;
    !is_outside(flag) && reaches(flag, failed, Kind::Cost)
}

/// Whether the generator was the limit in most trials, so that throughput is a lower bound.
pub(crate) fn is_generator_limited(cell: &Cell) -> bool {
    cell.is_closed()
        && cell.flag("generator-cpu").is_some_and(|flag| 2 * flag.trials >= cell.trials.len())
}

/// The check that the most trials failed.
fn failed(cell: &Cell) -> Option<String> {
    let worst = cell.flags.iter().filter(|flag| flag.failures() > 0);
    let worst = worst.max_by_key(|flag| flag.failures())?;
    Some(words(worst, worst.failures(), cell.trials.len()))
}

fn words(flag: &Flag, of: usize, trials: usize) -> String {
    let message = if flag.message.is_empty() { &flag.name } else { &flag.message };
    if of == trials { message.clone() } else { format!("{message} ({of} of {trials} trials)") }
}

/// The values of both in the blocks in which both have a trial that counts.
#[must_use]
pub fn pairs(metric: &Metric, cell: &Cell, other: &Cell) -> Option<(Vec<f64>, Vec<f64>)> {
    let (of, to) = (by_block(metric, cell)?, by_block(metric, other)?);
    let both = of.iter().filter_map(|(block, value)| {
        let (_, other) = to.iter().find(|(other, _)| other == block)?;
        Some((*value, *other))
    });
    Some(both.unzip())
}

/// The values of the trials that count, with the blocks that they are of, which their files are named after;
/// `None` where the cell lacks the figure.
#[must_use]
pub fn by_block(metric: &Metric, cell: &Cell) -> Option<Vec<(u32, f64)>> {
    let estimate = (metric.of)(cell)?;
    let block = |place: usize| {
        let file = cell.trials.get(place)?.strip_suffix(".json")?;
        let block = file.rsplit('.').next()?.parse().ok()?;
        Some((block, *estimate.values.get(place)?))
    };
    Some(counting(cell, metric).into_iter().filter_map(block).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::metric::{MEMORY, SERVER_CPU, TAIL, THROUGHPUT};
    use crate::analysis::synthetic::{closed, fail, flag};

    fn cell() -> Cell {
        closed("epoll", &[100.0; 5])
    }

    #[test]
    fn a_trial_that_the_machine_spoiled_is_set_aside_and_one_that_the_server_failed_is_not() {
        let mut stolen = cell();
        fail(&mut stolen, "steal", &[1, 3]);
        assert_eq!(counting(&stolen, &SERVER_CPU), [0, 2, 4]);
        assert_eq!(counting(&stolen, &MEMORY), [0, 1, 2, 3, 4]);
        assert_eq!(doubt_about(&stolen, &THROUGHPUT), None);
        let mut erring = cell();
        fail(&mut erring, "errors", &[2]);
        assert_eq!(counting(&erring, &SERVER_CPU).len(), 5);
        let doubt = doubt_about(&erring, &SERVER_CPU).expect("one of five failed");
        assert_eq!(doubt, Doubt::NotKnown("errors failed (1 of 5 trials)".into()));
    }

    #[test]
    fn a_server_that_fails_most_trials_or_answers_nothing_is_broken() {
        let mut broken = cell();
        fail(&mut broken, "errors", &[0, 1, 2, 3, 4]);
        assert_eq!(doubt_about(&broken, &MEMORY), Some(Doubt::Broken("errors failed".into())));
        let dead = closed("epoll", &[0.0; 5]);
        assert!(matches!(doubt_about(&dead, &MEMORY), Some(Doubt::Broken(_))));
    }

    #[test]
    fn a_warning_of_most_trials_touches_the_figures_that_it_is_about() {
        let mut draining = cell();
        flag(&mut draining, "warmed-up");
        assert!(matches!(doubt_about(&draining, &TAIL), Some(Doubt::NotKnown(_))));
        assert_eq!(doubt_about(&draining, &SERVER_CPU), None);
        let mut busy = cell();
        flag(&mut busy, "load-above-cores");
        assert_eq!(counting(&busy, &THROUGHPUT), Vec::<usize>::new());
    }

    #[test]
    fn of_an_earlier_version_a_flag_of_most_trials_counts_for_all() {
        let mut old = cell();
        flag(&mut old, "load-above-cores");
        old.flags[0].at.clear();
        assert_eq!(counting(&old, &THROUGHPUT).len(), 5, "nobody knows which");
        assert!(matches!(doubt_about(&old, &THROUGHPUT), Some(Doubt::NotKnown(_))));
        old.flags[0].trials = 2;
        assert_eq!(doubt_about(&old, &THROUGHPUT), None);
    }
}
