//! Trials that were spoiled from outside of the server: set aside, counted, and repeated.
//!
//! The limits are those of the checks and were set before any trial. None of them depends on the
//! trial's own latency or throughput.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::slots::Slot;
use crate::document::{SpoiledTrial, Status, Trial};
use crate::plan::Spoil;

/// Below the run's folder.
const FOLDER: &str = "trials/spoiled";

/// Share of a measurement for which the generator stood still.
const STANDSTILL: f64 = 0.05;

/// The check that says that a trial is spoiled, of those that do; `None` of one that counts.
pub(super) fn by(trial: &Trial, spoils: &[Spoil]) -> Option<String> {
    spoils.iter().find(|spoil| is_spoiled(trial, **spoil)).map(|spoil| spoil.name().into())
}

fn is_spoiled(trial: &Trial, by: Spoil) -> bool {
    let status = |least: Status| {
        trial.checks.iter().any(|check| check.name == by.name() && check.status >= least)
    };
    match by {
        Spoil::Steal => status(Status::Fail),
        Spoil::LoadAboveCores => status(Status::Warn),
        Spoil::Standstill => {
            trial.client.standstill.as_ref().is_some_and(|found| found.share > STANDSTILL)
        }
        Spoil::Accounts => trial
            .server
            .as_ref()
            .is_some_and(|server| server.cpu_per_request_ns.is_none() && trial.census.ok > 0),
    }
}

/// Where a spoiled trial is written, below the run's folder.
pub(super) fn file(slot: &Slot<'_>, attempt: usize, check: &str) -> String {
    format!("{FOLDER}/{}.{attempt}.{check}.json", stem(slot))
}

/// `workload.candidate.block`.
fn stem(slot: &Slot<'_>) -> String {
    let name = slot.file();
    let name = name.strip_prefix("trials/").unwrap_or(&name);
    name.strip_suffix(".json").unwrap_or(name).into()
}

/// All spoiled trials of a run, by their cell: `workload.candidate`.
pub(super) fn all(dir: &Path) -> BTreeMap<String, Vec<SpoiledTrial>> {
    let mut found: BTreeMap<String, Vec<SpoiledTrial>> = BTreeMap::new();
    let entries = std::fs::read_dir(dir.join(FOLDER)).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    for name in names {
        // Of workload.candidate.block.attempt.check.json, from behind.
        let mut parts = name.rsplitn(5, '.');
        let (Some("json"), Some(check)) = (parts.next(), parts.next()) else { continue };
        let (Some(_), Some(_), Some(cell)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let trial = SpoiledTrial { file: format!("{FOLDER}/{name}"), check: check.into() };
        found.entry(cell.into()).or_default().push(trial);
    }
    found
}

/// How often a slot was spoiled already.
pub(super) fn attempts(dir: &Path, slot: &Slot<'_>) -> usize {
    let prefix = format!("{}.", stem(slot));
    let entries = std::fs::read_dir(dir.join(FOLDER)).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)).count()
}

/// The folder that spoiled trials are kept in.
pub(super) fn folder(dir: &Path) -> PathBuf {
    dir.join(FOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{About, Check, example};
    use crate::plan::Plan;
    use crate::run::slots::slots;

    fn trial(check: &str, status: Status) -> Trial {
        let mut trial = example::closed();
        trial.checks = vec![Check {
            name: check.into(),
            about: About::Host,
            status,
            observed: 0.0,
            limit: 0.0,
            message: String::new(),
        }];
        trial.server = None;
        trial
    }

    fn by(trial: &Trial) -> Option<String> {
        super::by(trial, &[Spoil::Steal, Spoil::LoadAboveCores, Spoil::Standstill])
    }

    #[test]
    fn what_the_machine_did_spoils_a_trial_and_what_the_server_did_does_not() {
        assert_eq!(by(&trial("steal", Status::Fail)).as_deref(), Some("steal"));
        assert_eq!(by(&trial("steal", Status::Warn)), None, "a little of it always is");
        assert_eq!(
            by(&trial("load-above-cores", Status::Warn)).as_deref(),
            Some("load-above-cores")
        );
        assert_eq!(super::by(&trial("steal", Status::Fail), &[Spoil::Standstill]), None);
        for own in ["errors", "stationary", "warmed-up", "fairness", "answered"] {
            assert_eq!(by(&trial(own, Status::Fail)), None, "{own}");
        }
    }

    #[test]
    fn spoiled_trials_are_found_again_by_their_cell_and_counted_by_their_slot() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder(dir.path())).expect("made");
        let mut plan = Plan::quick();
        plan.models = vec!["epoll".into(), "tokio-multi".into()];
        let slots = slots(&plan).expect("in order");
        let slot = slots.iter().find(|slot| !slot.is_reference()).expect("one of a model");
        for (attempt, check) in ["steal", "load-above-cores"].into_iter().enumerate() {
            std::fs::write(dir.path().join(file(slot, attempt, check)), "{}").expect("written");
        }
        let cell = format!("{}.{}", slot.workload.name, slot.candidate);
        let found = all(dir.path());
        let checks: Vec<&str> = found[&cell].iter().map(|trial| trial.check.as_str()).collect();
        assert_eq!(checks, ["steal", "load-above-cores"]);
        assert_eq!(found.len(), 1);
        assert_eq!(attempts(dir.path(), slot), 2);
        let other = slots.iter().find(|other| other.file() != slot.file()).expect("another");
        assert_eq!(attempts(dir.path(), other), 0);
        assert!(dir.path().join(&found[&cell][0].file).is_file());
    }
}
