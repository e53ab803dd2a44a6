//! After the trials: one short, untimed load of each model under each workload, in which the
//! server's system calls are counted.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::slots::{Slot, slots};
use super::{Run, summary, trial};
use crate::base::note;
use crate::document::{Summary, Syscalls};
use crate::host::syscalls;

/// How long each load lasts at most.
const LOAD: Duration = Duration::from_secs(1);

/// What was counted, by workload and model.
pub(super) type Counts = BTreeMap<(String, String), Syscalls>;

/// What an earlier part of the same run has counted.
pub(super) fn earlier_counts(summary: &Summary) -> Counts {
    let counted = summary.cells.iter().filter_map(|cell| {
        Some(((cell.workload.clone(), cell.model.clone()), cell.syscalls.clone()?))
    });
    counted.collect()
}

/// Puts the counts into the cells that they belong to.
pub(super) fn enter(counts: &Counts, summary: &mut Summary) {
    for cell in summary.cells.iter_mut().filter(|cell| !cell.twin) {
        cell.syscalls = counts.get(&(cell.workload.clone(), cell.model.clone())).cloned();
    }
}

impl Run {
    /// Counts what was not counted before. Where nothing can count, the run says why; the trials
    /// stand either way.
    pub(super) fn count_syscalls(&mut self) -> anyhow::Result<()> {
        if let Err(why) = syscalls::probe() {
            self.note(format!(
                "system calls were not counted: {why:#}: install strace, and let it trace \
                 processes of this user (kernel.yama.ptrace_scope)"
            ));
            return Ok(());
        }
        let plan = self.plan.clone();
        let mut wanted = slots(&plan)?;
        wanted.retain(|slot| slot.block == 0 && !slot.candidate.twin && !slot.is_reference());
        let mut bases = summary::Bases::default();
        note!("counting system calls with strace, {} loads", wanted.len());
        for slot in wanted {
            let (workload, model) = (&slot.workload.name, slot.candidate.subject.name());
            let key = (workload.clone(), model.to_string());
            if self.counts.contains_key(&key) {
                continue;
            }
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let base =
                bases.rate_base(slot.workload, &self.folder.path, &plan, &mut self.record)?;
            match self.count(&slot, base) {
                Ok(counts) => _ = self.counts.insert(key, counts),
                // A model that is stopped at each call may fail where it would not.
                Err(why) => self.note(format!(
                    "system calls of {model} under {workload} were not counted: {why:#}"
                )),
            }
        }
        Ok(())
    }

    fn count(&self, slot: &Slot<'_>, base: f64) -> anyhow::Result<Syscalls> {
        let (trial, counts) = trial::make_counted(self, slot, base, Some(LOAD))?;
        let (requests, connections) = (trial.census.ok, trial.connections.opened);
        syscalls::per_request(&counts, requests, connections)
            .ok_or_else(|| anyhow::anyhow!("there was no correct reply"))
    }

    /// Writes a note down, and says it the first time.
    pub(super) fn note(&mut self, note: String) {
        if !self.record.notes.contains(&note) {
            note!("{note}");
            self.record.notes.push(note);
        }
    }
}
