//! An experiment from its plan to its page.
//!
//! A run is a folder: `plan.toml` (the plan with all defaults written out), `trials/` (one document
//! each), `summary.json` and `report.html`. Every trial has a fresh server process and fresh
//! connections. Trials are interleaved in blocks: each block has every model under every workload
//! once, in an order that the seed decides, so a slow spell of the machine affects all alike. Each
//! block also measures the generator against the null baseline, a server that only echoes.
//! Workloads whose rate is a share of a measured one come after that one.

mod contenders;
mod decided;
pub(crate) mod folder;
mod progress;
mod reference;
mod room;
pub(crate) mod rounds;
mod sides;
pub(crate) mod slots;
mod spoiled;
mod subject;
mod summary;
mod syscalls;
pub(crate) mod trial;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::base::units;
use crate::base::{Exit, invocation, note, usage};
use crate::document::store;
use crate::document::store::packed::is_packed;
use crate::document::{Contender, Host, RunRecord, Summary};
use crate::host::machine::{self, Topology};
use crate::plan::{Plan, Workload};
use crate::process::interrupts;
use crate::view::page;
use contenders::Warmed;
use folder::Folder;
pub(crate) use folder::PLAN;
use progress::Progress;
pub(crate) use sides::of_sides;
use slots::{Slot, leave_out_unavailable, slots};
pub(crate) use summary::is_trustworthy;

/// A run under way.
pub(crate) struct Run {
    folder: Folder,
    plan: Plan,
    record: RunRecord,
    host: Host,
    /// The processors as they were when it began: to start the servers of others it pins itself.
    topology: Topology,
    /// System calls, where they were counted.
    counts: syscalls::Counts,
    /// Another program whose servers are measured; without one, this one's.
    program: Option<PathBuf>,
    stop: Arc<AtomicBool>,
}

/// A run that is over, or was ended early.
pub(crate) struct Made {
    /// Its folder.
    pub(crate) dir: PathBuf,
    /// What it summed up to.
    pub(crate) summary: Summary,
    /// How it ended.
    pub(crate) exit: Exit,
}

/// Runs a plan for a command that makes something of it. Its trials, summary and page are written as
/// `c10k run` writes them, and nothing is printed.
///
/// # Errors
/// As [`Run::begin`].
pub(crate) fn of_plan(plan: Plan, out: &Path) -> Result<Made> {
    let mut run = Run::begin(plan, out)?;
    let (summary, failure) = run.complete()?;
    if let Some(failure) = failure {
        note!("{}", run.how_to_resume());
        return Err(failure);
    }
    let exit = match (run.record.interrupted, is_trustworthy(&summary)) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Ok,
        (false, false) => Exit::Untrusted,
    };
    Ok(Made { dir: run.folder.path, summary, exit })
}

impl Run {
    /// Makes the folder of a new run and writes what it will do.
    pub(crate) fn begin(mut plan: Plan, out: &Path) -> Result<Self> {
        let notes = leave_out_unavailable(&mut plan)?;
        let slots = slots(&plan)?;
        room::descriptors(&plan, &slots)?;
        let trials_planned = slots.len();
        room::check(out, trials_planned)?;
        let started_at = units::now();
        let id = format!("{}-{}", plan.name, units::compact(&started_at));
        let (folder, id) = Folder::new(out, &id, Some("trials"))?;
        store::write(&folder.path.join(PLAN), plan.to_toml()?.as_bytes())?;
        let topology = Topology::of_this_machine();
        let placement = plan.placement(&topology, None);
        let record = RunRecord {
            id,
            plan: plan.name.clone(),
            plan_digest: Some(folder.plan_digest()?),
            question: plan.question.clone(),
            started_at: started_at.clone(),
            written_at: started_at,
            command: invocation(),
            program_version: env!("CARGO_PKG_VERSION").into(),
            seed: plan.seed,
            trials_planned,
            trials_done: 0,
            interrupted: true,
            server_cpus: placement.server,
            client_cpus: placement.client,
            placement: Some(placement.rule),
            notes,
            contenders: Vec::new(),
            rounds: None,
            beside: None,
        };
        let run = Self {
            folder,
            plan,
            record,
            host: machine::host(),
            topology,
            counts: syscalls::Counts::new(),
            program: None,
            stop: interrupts()?,
        };
        // From here on the run can be resumed: until it is over it counts as interrupted.
        run.write_summary(&run.sum_up()?)?;
        Ok(run)
    }

    /// Takes up a run that was begun.
    pub(crate) fn resume(mut plan: Plan, dir: &Path) -> Result<Self> {
        if is_packed(dir) {
            return Err(usage(format!(
                "cannot resume a packed run: unpack it first with c10k pack --undo {}",
                dir.display()
            )));
        }
        let folder = Folder::again(dir)?;
        let summary: Summary = store::read_json(&dir.join("summary.json"))
            .map_err(|error| usage(format!("cannot resume: {error:#}")))?;
        if summary.run.beside.is_some() {
            return Err(usage(
                "cannot resume one side of a comparison: measure both again with c10k compare \
                 --interleaved",
            ));
        }
        let digest = folder.plan_digest()?;
        if summary.run.plan_digest.as_ref().is_some_and(|begun| *begun != digest) {
            return Err(usage(format!(
                "{0}/plan.toml has changed since the run began, and trials of two plans cannot be mixed: restore \
                 it, or start another run with c10k run {0}/plan.toml",
                dir.display()
            )));
        }
        let counts = syscalls::earlier_counts(&summary);
        let Summary { run: record, host, .. } = summary;
        // What began without a reference, in an earlier version, goes on without.
        plan.reference &= plan.rounds.is_some() || slots(&plan)?.len() == record.trials_planned;
        let left = record.trials_planned.saturating_sub(record.trials_done);
        room::check(dir, left)?;
        let topology = Topology::of_this_machine();
        Ok(Self {
            folder,
            plan,
            record,
            host,
            topology,
            counts,
            program: None,
            stop: interrupts()?,
        })
    }

    /// Prints the results of the plan's contenders.
    pub(crate) fn beside(mut self, contenders: Vec<Contender>) -> Result<Self> {
        self.record.contenders = contenders;
        self.write_summary(&self.sum_up()?)?;
        Ok(self)
    }

    /// Processors of the servers under a workload, and of the generator.
    pub(crate) fn cpus_of(&self, workload: &Workload) -> (Vec<usize>, Vec<usize>) {
        if workload.server_processors.is_some() {
            let placement = self.plan.placement(&self.topology, Some(workload));
            return (placement.server, placement.client);
        }
        (self.record.server_cpus.clone(), self.record.client_cpus.clone())
    }

    /// Its folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.folder.path
    }

    /// Whether it ended early.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.record.interrupted
    }

    pub(crate) fn how_to_resume(&self) -> String {
        format!(
            "the trials so far are saved; continue with: c10k run --resume {}",
            self.folder.path.display()
        )
    }

    fn make_trials(&mut self) -> Result<()> {
        if self.plan.rounds.is_some() {
            let sides = std::slice::from_mut(self);
            return rounds::make(sides, &mut |cells, looks| {
                decided::decided_cells(&cells[0], looks)
            });
        }
        let plan = self.plan.clone();
        let slots = slots(&plan)?;
        let done = |slot: &Slot<'_>| self.path(slot).is_file();
        let (made, todo): (Vec<_>, Vec<_>) = slots.into_iter().partition(done);
        if !made.is_empty() {
            note!("already done: {}", units::counted(made.len(), "trial"));
        }
        if todo.is_empty() {
            note!("every trial is already done");
            return Ok(());
        }
        let progress = Progress::new(&plan, &todo);
        let mut bases = summary::Bases::default();
        for slot in &todo {
            progress.at(slot);
            if contenders::has_died(&self.record, slot) {
                progress.made_one();
                continue;
            }
            let base =
                bases.rate_base(slot.workload, &self.folder.path, &plan, &mut self.record)?;
            match contenders::warm_up(self, slot, base)? {
                Warmed::Ready => {}
                Warmed::Died => {
                    progress.made_one();
                    continue;
                }
                Warmed::Interrupted => return Ok(()),
            }
            let trial = trial::make(self, slot, base)
                .with_context(|| format!("{} under {}", slot.candidate, slot.workload.name));
            let Some(trial) = contenders::survived(&mut self.record, slot, trial)? else {
                progress.made_one();
                continue;
            };
            if trial.phases.interrupted || self.stop.load(Ordering::Relaxed) {
                // An interrupted trial does not count: it is repeated when the run is resumed.
                return Ok(());
            }
            store::write_json(&self.path(slot), &trial)?;
            progress.made_one();
            if let Some(note) = subject::unseen(slot.candidate.subject, &trial) {
                self.note(note);
            }
        }
        Ok(())
    }

    /// Makes what is missing, sums up and writes the page; with what ended it early, if that was no
    /// signal.
    pub(crate) fn complete(&mut self) -> Result<(Summary, Option<anyhow::Error>)> {
        let mut made = self.make_trials();
        if made.is_ok() && self.plan.syscalls && !self.stop.load(Ordering::Relaxed) {
            made = self.count_syscalls();
        }
        let failure = made.err();
        self.record.interrupted = self.stop.load(Ordering::Relaxed) || failure.is_some();
        let (summary, written) = self.conclude()?;
        Ok((summary, failure.or(written.err())))
    }

    fn path(&self, slot: &Slot<'_>) -> PathBuf {
        self.folder.path.join(slot.file())
    }

    fn sum_up(&self) -> Result<Summary> {
        let mut record = self.record.clone();
        record.written_at = units::now();
        let mut summary =
            summary::sum_up(&self.folder.path, &self.plan, record, self.host.clone())?;
        syscalls::enter(&self.counts, &mut summary);
        Ok(summary)
    }

    fn write_summary(&self, summary: &Summary) -> Result<()> {
        store::write_lines(&self.folder.path.join("summary.json"), summary)
            .with_context(|| self.how_to_resume())
    }

    /// What it sums up to, and whether that could be written: a full disk costs the files, and not what is shown.
    fn conclude(&self) -> Result<(Summary, Result<()>)> {
        let summary = self.sum_up()?;
        let written = self.write_summary(&summary);
        let written = written.and_then(|()| page::write(&summary, &self.folder.path));
        Ok((summary, written))
    }
}
