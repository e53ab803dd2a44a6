//! Flags of a cell: one for each check, with the trials that failed it.

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
pub(crate) fn flag_trials(trials: &[Trial]) -> Vec<Flag> {
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
        about: Some(check.about),
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

/// Gives a summary of an earlier version what it lacks of its cells, from the documents of their trials: what was
/// asked for, how connections behaved, and which trials each flag is of. With a sentence on it where it lacked
/// something. A cell some of whose trials are not there stays as it is.
///
/// # Errors
/// When a trial is there and cannot be read.
pub(crate) fn complete(summary: &mut Summary, dir: &Path) -> Result<Option<String>> {
    let lacks = |cell: &&mut Cell| {
        cell.request.is_none() || cell.flags.iter().any(|flag| flag.at.is_empty())
    };
    let (mut lacking, mut left) = (0, 0);
    for cell in summary.cells.iter_mut().filter(lacks) {
        lacking += 1;
        let files: Vec<_> = cell.trials.iter().map(|file| dir.join(file)).collect();
        if !files.iter().all(|file| store::is_there(file)) {
            left += 1;
            continue;
        }
        let trials: Vec<Trial> =
            files.iter().map(|file| store::read_json(file)).collect::<Result<_>>()?;
        let Some(first) = trials.first() else { continue };
        cell.request = Some(first.load.request.clone());
        cell.conduct.clone_from(&first.load.conduct);
        cell.flags = flag_trials(&trials);
    }
    let version = &summary.run.program_version;
    let written = format!("{} was written by c10k {version}", summary.run.id);
    Ok(match (lacking, left) {
        (0, _) => None,
        (_, 0) => Some(format!(
            "{written}, which did not record settings and flagged trials in cells: both are read from its trials"
        )),
        (_, left) => Some(format!(
            "{written}, which did not record settings and flagged trials in cells, and {left} of {} cells have no \
             trials to read them from: in these cells a flag of half of the trials counts for all",
            summary.cells.len()
        )),
    })
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
    fn a_summary_of_an_earlier_version_gets_what_it_lacks_from_its_trials() {
        use crate::analysis::synthetic::{bare, closed, flag};
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(dir.path().join("trials")).expect("made");
        let mut cell = closed("epoll", &[1e4; 2]);
        flag(&mut cell, "steal");
        cell.flags[0].at.clear();
        let mut summary = bare(vec![cell]);
        let said = complete(&mut summary, dir.path()).expect("read").expect("it lacks something");
        assert!(said.contains("1 of 1 cells have no trials"), "{said}");
        assert!(summary.cells[0].request.is_none());
        for (file, status) in summary.cells[0].trials.iter().zip([Status::Pass, Status::Fail]) {
            store::write_json(&dir.path().join(file), &trial(&[("steal", status)]))
                .expect("written");
        }
        let said = complete(&mut summary, dir.path()).expect("read").expect("it lacks something");
        assert!(said.contains("written by c10k 0.1.0") && said.contains("read from its trials"));
        let cell = &summary.cells[0];
        assert_eq!((&cell.flags[0].at[..], cell.flags[0].trials), (&[1][..], 1));
        assert!(cell.request.is_some());
        assert_eq!(
            complete(&mut summary, dir.path()).expect("read"),
            None,
            "nothing is missing now"
        );
    }

    #[test]
    fn a_flag_says_which_trials_it_is_of_and_one_that_failed_makes_the_cell_suspect() {
        let good = || trial(&[("errors", Status::Pass)]);
        let trials = [good(), trial(&[("errors", Status::Fail)]), good()];
        let found = flag_trials(&trials);
        assert_eq!((found.len(), found[0].trials), (1, 1));
        assert_eq!((&found[0].at[..], &found[0].failed_at[..]), (&[1][..], &[1][..]));
        assert_eq!(validity(&trials), Some(Validity::Suspect), "no row of it says ok");
        assert_eq!(validity(&[good(), good()]), Some(Validity::Valid));
        let failed = || trial(&[("errors", Status::Fail), ("steal", Status::Warn)]);
        assert_eq!(validity(&[failed(), good(), failed()]), Some(Validity::Invalid));
        let found = flag_trials(&[failed(), good(), failed()]);
        assert_eq!(found.iter().map(Flag::failures).collect::<Vec<_>>(), [2, 0]);
    }
}
