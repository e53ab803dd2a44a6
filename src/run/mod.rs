//! `c10k run`: an experiment from its plan to its page.
//!
//! A run is a folder: `plan.toml` (the plan with everything spelled out), `trials/` (one document
//! each), `summary.json` and `report.html`. Every trial is a fresh server process and fresh
//! connections. Trials are interleaved in blocks, every model under every workload once a block,
//! in an order that the seed decides, so that a slow spell of the machine falls on all alike.
//! Workloads whose rate is a share of what was measured come after those that measure it.

pub(crate) mod server;
mod summary;
pub(crate) mod trial;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use servers::Model;

use crate::cli::{Exit, RunArgs, usage};
use crate::document::{Host, RunRecord, Summary};
use crate::plan::{ArrivalsPlan, Plan, Workload};
use crate::{load, machine, report, store, table, units};

/// Starting and stopping a server, connecting, writing: what a trial takes beside its phases.
const TRIAL_OVERHEAD: Duration = Duration::from_millis(60);

/// One trial to be made.
#[derive(Clone, Copy, Debug)]
struct Slot<'a> {
    workload: &'a Workload,
    model: &'static Model,
    block: u32,
    position: u32,
}

/// A run under way.
struct Run {
    dir: PathBuf,
    plan: Plan,
    record: RunRecord,
    host: Host,
    stop: Arc<AtomicBool>,
}

/// Runs an experiment, prints the comparison and writes its page.
///
/// # Errors
/// When the plan makes no sense, results cannot be written, or a server does not start.
pub fn run(args: &RunArgs) -> Result<Exit> {
    let plan = plan(args)?;
    if args.dry_run {
        return dry_run(&plan).map(|()| Exit::Ok);
    }
    let mut run = match &args.resume {
        Some(dir) => Run::resume(plan, dir)?,
        None => Run::begin(plan, &args.out)?,
    };
    let failure = run.make_trials().err();
    run.record.interrupted = run.stop.load(Ordering::Relaxed) || failure.is_some();
    let summary = run.conclude()?;
    if args.json {
        table::print(&String::from_utf8(store::json(&summary)?)?)?;
    } else {
        table::print(&table::summary(&summary))?;
    }
    eprintln!("\nresults: {0}\npage:    {0}/report.html", run.dir.display());
    if let Some(failure) = failure {
        return Err(failure.context(run.how_to_resume()));
    }
    if run.record.interrupted {
        eprintln!("interrupted: {}", run.how_to_resume());
        return Ok(Exit::Interrupted);
    }
    Ok(if summary::is_trustworthy(&summary) { Exit::Ok } else { Exit::Untrusted })
}

/// The plan as the command line has changed it.
fn plan(args: &RunArgs) -> Result<Plan> {
    let mut plan = match (&args.plan, &args.resume) {
        (_, Some(dir)) => Plan::read(&dir.join("plan.toml"))?,
        (Some(path), None) => Plan::read(path)?,
        (None, None) => Plan::quick(),
    };
    if !args.models.is_empty() {
        plan.models.clone_from(&args.models);
    }
    plan.trials = args.repeat.unwrap_or(plan.trials);
    plan.seed = args.seed.unwrap_or(plan.seed);
    if !args.workloads.is_empty() {
        plan.keep_workloads(&args.workloads).map_err(|error| usage(error.to_string()))?;
    }
    plan.check().map_err(|error| usage(format!("{error:#}")))?;
    Ok(plan)
}

fn dry_run(plan: &Plan) -> Result<()> {
    use std::fmt::Write;
    let (slots, mut text) = (slots(plan)?, String::new());
    for Slot { workload, model, block, position } in &slots {
        writeln!(text, "{position:>5}  block {block}  {}  {}", workload.name, model.name)?;
    }
    let time =
        humantime::format_duration(Duration::from_secs(time_needed(plan, slots.len()).as_secs()));
    writeln!(text, "{} trials, about {time}", slots.len())?;
    table::print(&text)
}

fn time_needed(plan: &Plan, trials: usize) -> Duration {
    let trial = plan.warmup + plan.measure + TRIAL_OVERHEAD;
    trial * u32::try_from(trials).unwrap_or(u32::MAX)
}

/// Every trial of a plan, in the order in which they are made.
fn slots(plan: &Plan) -> Result<Vec<Slot<'_>>> {
    let models = plan.models()?;
    let waits = |w: &&Workload| w.arrivals.rate().is_some_and(|rate| rate.share.is_some());
    let (second, first): (Vec<_>, Vec<_>) = plan.workloads.iter().partition(waits);
    let mut random = fastrand::Rng::with_seed(plan.seed);
    let mut slots = Vec::new();
    for stage in [first, second] {
        for block in 0..plan.trials {
            let mut cells: Vec<_> =
                stage.iter().flat_map(|w| models.iter().map(move |m| (*w, *m))).collect();
            random.shuffle(&mut cells);
            for (workload, model) in cells {
                let position = u32::try_from(slots.len()).context("too many trials")?;
                slots.push(Slot { workload, model, block, position });
            }
        }
    }
    Ok(slots)
}

/// Takes out of a plan the models that cannot run here, and returns a note on each.
fn leave_out_unavailable(plan: &mut Plan) -> Result<Vec<String>> {
    let (mut names, mut notes) = (Vec::new(), Vec::new());
    for model in plan.models()? {
        match (model.probe)() {
            Ok(()) => names.push(model.name.to_string()),
            Err(reason) => notes.push(format!("{} cannot run here: {reason}", model.name)),
        }
    }
    if names.is_empty() {
        return Err(usage(notes.join("; ")));
    }
    for note in &notes {
        eprintln!("{note}");
    }
    plan.models = names;
    Ok(notes)
}

/// Processors for the servers and for the generator: the plan's, or one each where there are
/// two, or none, and then the results say so.
pub(crate) fn processors(plan: &Plan) -> (Vec<usize>, Vec<usize>) {
    let usable = machine::cpus();
    let own = |at: usize| if usable.len() > 1 { vec![usable[at]] } else { Vec::new() };
    (
        plan.server_cpus.clone().unwrap_or_else(|| own(0)),
        plan.client_cpus.clone().unwrap_or_else(|| own(1)),
    )
}

impl Run {
    fn begin(mut plan: Plan, out: &Path) -> Result<Self> {
        let notes = leave_out_unavailable(&mut plan)?;
        let started_at = units::now();
        let id = format!("{}-{}", plan.name, units::compact(&started_at));
        let dir = out.join(&id);
        std::fs::create_dir_all(dir.join("trials")).with_context(|| {
            format!("cannot make the folder {}: choose another with --out", dir.display())
        })?;
        let (server_cpus, client_cpus) = processors(&plan);
        let record = RunRecord {
            id,
            plan: plan.name.clone(),
            question: plan.question.clone(),
            started_at: started_at.clone(),
            written_at: started_at,
            command: std::env::args().collect(),
            program_version: env!("CARGO_PKG_VERSION").into(),
            seed: plan.seed,
            trials_planned: slots(&plan)?.len(),
            trials_done: 0,
            interrupted: true,
            server_cpus,
            client_cpus,
            notes,
        };
        store::write(&dir.join("plan.toml"), plan.to_toml()?.as_bytes())?;
        let run = Self { dir, plan, record, host: machine::host(), stop: load::interrupts()? };
        // From here on the run can be resumed: until it is over it counts as interrupted.
        run.write_summary()?;
        Ok(run)
    }

    fn resume(plan: Plan, dir: &Path) -> Result<Self> {
        let summary: Summary = store::read_json(&dir.join("summary.json"))
            .map_err(|error| usage(format!("cannot resume: {error:#}")))?;
        let Summary { run: record, host, .. } = summary;
        Ok(Self { dir: dir.into(), plan, record, host, stop: load::interrupts()? })
    }

    fn how_to_resume(&self) -> String {
        format!("what was measured is kept; go on with: c10k run --resume {}", self.dir.display())
    }

    fn make_trials(&mut self) -> Result<()> {
        let plan = self.plan.clone();
        let slots = slots(&plan)?;
        let done = |slot: &Slot<'_>| self.path(slot).is_file();
        let (made, todo): (Vec<_>, Vec<_>) = slots.into_iter().partition(done);
        if !made.is_empty() {
            eprintln!("{} trials are there already", made.len());
        }
        let progress = Progress::new(&plan, todo.len());
        let mut rates = summary::Rates::default();
        for slot in &todo {
            progress.at(slot);
            let arrivals = match &slot.workload.arrivals {
                ArrivalsPlan::Closed => loadgen::Arrivals::Closed,
                ArrivalsPlan::Constant(rate) => {
                    let rate_per_s = rates.resolve(rate, &self.dir, &plan, &mut self.record)?;
                    loadgen::Arrivals::Constant { rate_per_s }
                }
                ArrivalsPlan::Poisson(rate) => {
                    let rate_per_s = rates.resolve(rate, &self.dir, &plan, &mut self.record)?;
                    // The same arrivals for every model of a block, others in the next.
                    let seed = plan.seed.wrapping_add(u64::from(slot.block));
                    loadgen::Arrivals::Poisson { rate_per_s, seed }
                }
            };
            let trial = trial::make(self, slot, arrivals)
                .with_context(|| format!("{} under {}", slot.model.name, slot.workload.name))?;
            if trial.phases.interrupted || self.stop.load(Ordering::Relaxed) {
                // Half a trial is no trial: it is made again when the run is resumed.
                return Ok(());
            }
            store::write_json(&self.path(slot), &trial)?;
            progress.made_one();
        }
        Ok(())
    }

    fn path(&self, slot: &Slot<'_>) -> PathBuf {
        self.dir.join(file_name(slot.workload, slot.model, slot.block))
    }

    fn write_summary(&self) -> Result<Summary> {
        let mut record = self.record.clone();
        record.written_at = units::now();
        let summary = summary::sum_up(&self.dir, &self.plan, record, self.host.clone())?;
        store::write_json(&self.dir.join("summary.json"), &summary)?;
        Ok(summary)
    }

    fn conclude(&self) -> Result<Summary> {
        let summary = self.write_summary()?;
        report::write(&summary, &self.dir)?;
        Ok(summary)
    }
}

/// Where a trial is written, below the run's folder.
fn file_name(workload: &Workload, model: &Model, block: u32) -> String {
    format!("trials/{}.{}.{block}.json", workload.name, model.name)
}

/// A bar on a terminal, a line a block elsewhere.
struct Progress {
    bar: ProgressBar,
    blocks: std::cell::Cell<Option<(bool, u32)>>,
}

impl Progress {
    fn new(plan: &Plan, trials: usize) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target =
            if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(trials as u64), target);
        let template = "{bar:30} {pos}/{len} trials, {eta} left  {msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("the template is in order"));
        let time = Duration::from_secs(time_needed(plan, trials).as_secs());
        eprintln!("{}: {trials} trials, about {}", plan.name, humantime::format_duration(time));
        Self { bar, blocks: std::cell::Cell::new(None) }
    }

    fn at(&self, slot: &Slot<'_>) {
        self.bar.set_message(format!("{} {}", slot.workload.name, slot.model.name));
        let open = slot.workload.arrivals != ArrivalsPlan::Closed;
        if self.bar.is_hidden()
            && self.blocks.replace(Some((open, slot.block))) != Some((open, slot.block))
        {
            let arrivals = if open { "open" } else { "closed" };
            eprintln!("{arrivals} loop, block {}", slot.block + 1);
        }
    }

    fn made_one(&self) {
        self.bar.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
