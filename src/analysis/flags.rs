//! What the checks of a cell's trials come to: one flag for each check, with the trials that did not pass it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use crate::document::store;
use crate::document::{Cell, Check, Flag, Status, Summary, Trial, Validity};

/// The validity of the median trial; of two in the middle, the worse. One trial that is not valid is enough
/// for a cell to be suspect.
pub(crate) fn validity(trials: &[Trial]) -> Option<Validity> {
    if trials.iter().any(|trial| trial.census.wrong() > 0 || !trial.census.reconciles) {
        return Some(Validity::Invalid);
    }
    let mut all: Vec<_> = trials.iter().map(|trial| trial.validity).collect();
    all.sort();
    let (median, worst) = (*all.get(all.len() / 2)?, *all.last()?);
    Some(if worst == Validity::Valid { median } else { median.max(Validity::Suspect) })
}

/// Every check that did not pass in some trial, as it was in the worst.
pub(crate) fn of(trials: &[Trial]) -> Vec<Flag> {
    let mut flags: BTreeMap<&str, Flag> = BTreeMap::new();
    for (place, trial) in trials.iter().enumerate() {
        for check in trial.checks.iter().filter(|check| check.status != Status::Pass) {
            let flag = flags.entry(&check.name).or_insert_with(|| none_yet(check));
            let found = (check.status, excess(check));
            if found > (flag.status, flag.excess) {
                (flag.status, flag.excess) = found;
                flag.message.clone_from(&check.message);
            }
            flag.trials += 1;
            flag.at.push(place);
            flag.failed_at.extend((check.status == Status::Fail).then_some(place));
        }
    }
    flags.into_values().collect()
}

/// The flag of a check before any of its trials is counted.
fn none_yet(check: &Check) -> Flag {
    Flag {
        name: check.name.clone(),
        trials: 0,
        status: check.status,
        excess: excess(check),
        message: check.message.clone(),
        at: Vec::new(),
        failed_at: Vec::new(),
    }
}

/// How far beyond its limit, on whichever side that is. Where either is nothing there is no ratio,
/// and only the order of what is told suffers.
fn excess(check: &Check) -> f64 {
    let ratio = check.observed / check.limit;
    let ratio = if ratio.is_finite() && ratio > 0.0 { ratio } else { 1.0 };
    ratio.max(1.0 / ratio)
}

/// Tells of the flags of a summary of an earlier version which trials they are of, from the documents of the
/// trials. A cell some of whose trials are not there stays as it is.
///
/// # Errors
/// When a trial is there and cannot be read.
pub(crate) fn place(summary: &mut Summary, dir: &Path) -> Result<()> {
    let unplaced = |cell: &&mut Cell| cell.flags.iter().any(|flag| flag.at.is_empty());
    for cell in summary.cells.iter_mut().filter(unplaced) {
        let files: Vec<_> = cell.trials.iter().map(|file| dir.join(file)).collect();
        if files.iter().all(|file| file.is_file()) {
            let trials: Vec<Trial> =
                files.iter().map(|file| store::read_json(file)).collect::<Result<_>>()?;
            cell.flags = of(&trials);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{About, example};

    #[test]
    fn excess_is_the_same_on_either_side_of_a_limit() {
        let check = |observed, limit| Check {
            name: String::new(),
            about: About::Host,
            status: Status::Warn,
            observed,
            limit,
            message: String::new(),
        };
        assert!((excess(&check(0.5, 1.0)) - 2.0).abs() < 1e-12);
        assert!((excess(&check(2.0, 1.0)) - 2.0).abs() < 1e-12);
        assert!((excess(&check(3.0, 0.0)) - 1.0).abs() < 1e-12);
    }

    /// A trial in which these checks came to this.
    fn trial(found: &[(&str, Status)]) -> Trial {
        let check = |(name, status): &(&str, Status)| Check {
            name: (*name).into(),
            about: About::Server,
            status: *status,
            observed: 2.0,
            limit: 1.0,
            message: format!("{name} said so"),
        };
        let checks: Vec<Check> = found.iter().map(check).collect();
        Trial { validity: crate::analysis::checks::validity(&checks), checks, ..example::closed() }
    }

    #[test]
    fn a_flag_says_which_trials_it_is_of_and_one_that_failed_makes_the_cell_suspect() {
        let good = || trial(&[("errors", Status::Pass)]);
        let trials = [good(), trial(&[("errors", Status::Fail)]), good()];
        let found = of(&trials);
        assert_eq!((found.len(), found[0].trials), (1, 1));
        assert_eq!((&found[0].at[..], &found[0].failed_at[..]), (&[1][..], &[1][..]));
        assert_eq!(validity(&trials), Some(Validity::Suspect), "no row of it says ok");
        assert_eq!(validity(&[good(), good()]), Some(Validity::Valid));
        let failed = || trial(&[("errors", Status::Fail), ("steal", Status::Warn)]);
        assert_eq!(validity(&[failed(), good(), failed()]), Some(Validity::Invalid));
        let found = of(&[failed(), good(), failed()]);
        assert_eq!(found.iter().map(Flag::failures).collect::<Vec<_>>(), [2, 0]);
    }
}
