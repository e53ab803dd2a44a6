//! Checks before the first trial: whether the results fit on the disk, and the connections into a
//! process.

use std::path::Path;

use anyhow::{Context, Result};

use super::slots::Slot;
use crate::base::units::{as_f64, show_bytes};
use crate::base::{note, usage};
use crate::plan::Plan;

/// What a trial's document takes at most, by experience: its histograms are most of it.
const TRIAL_BYTES: u64 = 64 * 1024;
/// The page with its library and its data, the summary, the plan.
const RUN_BYTES: u64 = 8 * 1024 * 1024;

/// Refuses a run whose results would not fit, and warns of one after which little is left.
pub(super) fn check(out: &Path, trials: usize) -> Result<()> {
    // The folder itself may be yet to be made.
    let there = out.ancestors().find(|folder| folder.is_dir());
    let there = there.filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let disk = rustix::fs::statvfs(there)
        .with_context(|| format!("cannot read the free space at {}", there.display()))?;
    if disk.f_blocks == 0 {
        // What is no disk has no room either, and says no when it is written to.
        return Ok(());
    }
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let needed = needed(trials);
    let (takes, left) = (show_bytes(as_f64(needed)), show_bytes(as_f64(free)));
    if free < needed {
        return Err(usage(format!(
            "{trials} trials need up to {takes}, but {left} are free at {}: free some space, \
             choose another folder with --out, or run fewer trials with --repeat",
            there.display()
        )));
    }
    if free / 2 < needed {
        note!(
            "{trials} trials need up to {takes}, and only {left} are free at {}",
            there.display()
        );
    }
    Ok(())
}

/// Refuses a run that would end at a workload with more connections than a process may have.
pub(super) fn descriptors(plan: &Plan, slots: &[Slot<'_>]) -> Result<()> {
    let reference = plan.for_reference();
    let clients = |slot: &Slot<'_>| {
        let plan = if slot.is_reference() { &reference } else { plan };
        plan.connections(slot.workload) + slot.workload.idle_connections.unwrap_or(0)
    };
    let Some(most) = slots.iter().max_by_key(|slot| clients(slot)) else { return Ok(()) };
    match loadgen::descriptors_missing(clients(most)) {
        None => Ok(()),
        Some((need, limit)) => Err(usage(format!(
            "{} needs {need} file descriptors and the limit is {limit}: raise it (`ulimit -n \
             {need}` as root; permanently in /etc/security/limits.conf), or select workloads with \
             fewer connections with --workloads",
            most.workload.name
        ))),
    }
}

fn needed(trials: usize) -> u64 {
    (trials as u64).saturating_mul(TRIAL_BYTES).saturating_add(RUN_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::slots::slots;

    #[test]
    fn connections_that_no_process_may_have_are_refused_by_the_name_of_the_workload() {
        let mut plan = Plan::quick();
        plan.models = vec!["epoll".into()];
        let of = |plan: &Plan| descriptors(plan, &slots(plan).expect("in order"));
        plan.workloads[1].connections = Some(usize::MAX / 2);
        let error = of(&plan).expect_err("nobody may").to_string();
        assert!(error.starts_with(&plan.workloads[1].name) && error.contains("ulimit"), "{error}");
        plan.workloads[1].connections = Some(1);
        plan.workloads[1].idle_connections = Some(usize::MAX / 2);
        assert!(of(&plan).is_err());
    }

    #[test]
    fn what_does_not_fit_is_refused_before_anything_is_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let deep = folder.path().join("not/yet/made");
        let error = format!("{:#}", check(&deep, usize::MAX).expect_err("no disk is so large"));
        assert!(error.contains("--out") && error.contains("--repeat"), "{error}");
        assert!(!deep.exists());
        assert!(check(Path::new("results"), 0).is_ok() && needed(2) > 2 * TRIAL_BYTES);
    }
}
