//! `c10k run`: an experiment from its plan to its page.

mod contenders;
mod manifest;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use servers::{MODELS, broken, models};

use crate::base;
use crate::base::units::{counted, parse_duration};
use crate::base::values::measured_names;
use crate::base::{Exit, did_you_mean, note, usage};
use crate::document::store;
use crate::document::{Contender, Excluded};
use crate::plan::{ContendersPlan, Plan};
use crate::process::interrupts;
use crate::run::slots::{Slot, excluded, leave_out_unavailable, slots, time_needed};
use crate::run::{PLAN, Run, is_trustworthy};
use crate::view::table;

/// The time limit of a run by rounds with every model.
const ALL_TIME: Duration = Duration::from_secs(12 * 60);

/// `c10k run`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// The plan: a file or a built-in plan (c10k plans lists them) [default: quick, two minutes].
    /// Model names may follow the plan, or stand alone
    #[arg(value_name = "PLAN|MODEL")]
    pub what: Vec<PathBuf>,
    /// Only these models, by name, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = measured_names(), help_heading = WHAT)]
    #[arg(hide_possible_values = true)]
    pub models: Vec<String>,
    /// Every model, not only those in the plan
    #[arg(long, conflicts_with = "models", help_heading = WHAT)]
    pub all: bool,
    /// Time limit of a run by rounds, as in 10m
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = HOW)]
    pub time: Option<Duration>,
    /// Only these workloads of the plan, separated by commas, and the workloads from which their
    /// rates follow
    #[arg(long, value_delimiter = ',', help_heading = WHAT)]
    pub workloads: Vec<String>,
    /// Trials of each model under each workload; in a run by rounds, the maximum number of rounds
    #[arg(long, value_name = "N", help_heading = HOW)]
    pub repeat: Option<u32>,
    /// Seed for the order of trials and for arrivals
    #[arg(long, value_name = "N", help_heading = HOW)]
    pub seed: Option<u64>,
    /// Resume an interrupted run
    #[arg(long, value_name = "DIR", conflicts_with_all = ["what", "models", "all", "time", "workloads", "repeat", "seed", "out"], help_heading = OUT)]
    pub resume: Option<PathBuf>,
    /// Also count the servers' system calls with strace, in short loads after the trials
    #[arg(long, help_heading = HOW)]
    pub syscalls: bool,
    /// Where to create the run's folder
    #[arg(long, value_name = "DIR", default_value = "results", help_heading = OUT)]
    pub out: PathBuf,
    /// Print the list of trials and their duration, without measuring
    #[arg(long, help_heading = HOW)]
    pub dry_run: bool,
    /// Print the summary as JSON instead of tables
    #[arg(long, help_heading = OUT)]
    pub json: bool,
}

const WHAT: &str = "What is measured";
const HOW: &str = "How";
const OUT: &str = "Results";

const EXAMPLES: &str = "\
Examples:
  c10k run                                an answer in two minutes
  c10k run epoll tokio-multi              the same for two models
  c10k run --all                          the same for every model, in twelve minutes
  c10k run latency                        a built-in plan; c10k plans lists them
  c10k run churn epoll fork --repeat 10   a plan, two models, ten trials of each
  c10k run plans/mine.toml --dry-run      what your own plan would do, and how long it takes
  c10k run --resume results/quick-20260101T120000Z

Exit codes: 0 ok, 1 failed, 2 usage, 4 a result cannot be trusted, 130 interrupted";

/// Runs an experiment, prints the comparison and writes its page.
///
/// # Errors
/// When the plan makes no sense, results cannot be written, or a server does not start.
pub fn run(args: &RunArgs) -> Result<Exit> {
    let mut plan = plan(args)?;
    if args.dry_run {
        return dry_run(plan).map(|()| Exit::Ok);
    }
    let mut contenders = Vec::new();
    if plan.contenders.is_some() {
        let Some(found) = contenders::admit(&mut plan, &*interrupts()?)? else {
            note!("interrupted before anything was measured");
            return Ok(Exit::Interrupted);
        };
        contenders = found;
        plan.settle_twin().and_then(|()| plan.check())?;
    }
    let mut run = match &args.resume {
        Some(dir) => Run::resume(plan, dir)?,
        None => Run::begin(plan, &args.out)?.beside(contenders)?,
    };
    let (summary, failure) = run.complete()?;
    if args.json {
        base::print(&String::from_utf8(store::json(&summary)?)?)?;
    } else {
        base::print(&table::summary(&summary))?;
    }
    note!("\nresults: {0}\npage:    {0}/report.html", run.dir().display());
    if let Some(failure) = failure {
        note!("{}", run.how_to_resume());
        return Err(failure);
    }
    if run.is_interrupted() {
        note!("interrupted: {}", run.how_to_resume());
        return Ok(Exit::Interrupted);
    }
    let is_faulty = |one: &Contender| one.state.is_fault();
    let faulty = summary.run.contenders.iter().any(is_faulty);
    Ok(if is_trustworthy(&summary) && !faulty { Exit::Ok } else { Exit::Untrusted })
}

/// The plan as the command line has changed it.
fn plan(args: &RunArgs) -> Result<Plan> {
    let (named, models) = named(&args.what)?;
    let mut plan = match (named, &args.resume) {
        (_, Some(dir)) if !dir.join(PLAN).is_file() => {
            return Err(usage(format!(
                "{} holds no plan.toml: give a folder that c10k run has made, as in \
                 results/quick-20260101T120000Z",
                dir.display()
            )));
        }
        (_, Some(dir)) => Plan::read(&dir.join(PLAN))?,
        (Some(path), None) => Plan::named(path)?,
        (None, None) => Plan::quick(),
    };
    let models = [models, args.models.clone()].concat();
    if args.all && !models.is_empty() {
        return Err(usage("--all means every model: leave out the model names"));
    }
    if !models.is_empty() {
        plan.models = models;
    }
    if args.all {
        plan.models = vec!["all".into()];
    }
    take_time(&mut plan, args)?;
    plan.trials = args.repeat.unwrap_or(plan.trials);
    plan.seed = args.seed.unwrap_or(plan.seed);
    plan.syscalls |= args.syscalls;
    if !args.workloads.is_empty() {
        plan.keep_workloads(&args.workloads).map_err(|error| usage(error.to_string()))?;
    }
    // The model of the A/A control may be left out on the command line.
    plan.settle_twin().and_then(|()| plan.check()).map_err(|error| usage(format!("{error:#}")))?;
    Ok(plan)
}

/// The plan among what is named, which comes first if there is one, and the models. No plan is called like a
/// model, and `./epoll` is a file in any case.
fn named(what: &[PathBuf]) -> Result<(Option<&PathBuf>, Vec<String>)> {
    let is_model = |word: &&PathBuf| {
        let known = |name: &str| models::find(name).is_some() || broken::find(name).is_some();
        word.to_str().is_some_and(known)
    };
    let (plan, rest) = match what.split_first() {
        Some((first, rest)) if !is_model(&first) => (Some(first), rest),
        _ => (None, what),
    };
    if let Some(other) = rest.iter().find(|word| !is_model(word)) {
        let hint = did_you_mean(&other.to_string_lossy(), MODELS.iter().map(|model| model.name));
        return Err(usage(format!(
            "'{}' is not a model{hint}; write one plan, then models, as in c10k run latency epoll \
             fork",
            other.display()
        )));
    }
    Ok((plan, rest.iter().map(|word| word.to_string_lossy().into_owned()).collect()))
}

/// The time of a run by rounds. More models than the plan has take more of it, if nothing is said.
fn take_time(plan: &mut Plan, args: &RunArgs) -> Result<()> {
    match (&mut plan.rounds, args.time) {
        (None, None) => {}
        (None, Some(_)) => {
            return Err(usage(format!(
                "--time needs a plan with rounds, and {} has a fixed number of trials: use \
                 --repeat",
                plan.name
            )));
        }
        (Some(rounds), Some(time)) => rounds.time = time,
        (Some(rounds), None) if args.all => rounds.time = rounds.time.max(ALL_TIME),
        (Some(_), None) => {}
    }
    Ok(())
}

fn dry_run(mut plan: Plan) -> Result<()> {
    use std::fmt::Write;
    leave_out_unavailable(&mut plan)?;
    let (slots, mut text) = (slots(&plan)?, String::new());
    if let Some(ContendersPlan { folder, .. }) = &plan.contenders {
        writeln!(text, "and the contenders in {folder} that build and pass their check")?;
    }
    for Slot { workload, candidate, block, position, .. } in &slots {
        writeln!(text, "{position:>5}  block {block}  {}  {candidate}", workload.name)?;
    }
    for excluded in excluded(&plan)? {
        let Excluded { model, workload, reason } = excluded;
        writeln!(text, "left out: {workload}  {model}: {reason}")?;
    }
    let time = humantime::format_duration(time_needed(&plan, &slots));
    match &plan.rounds {
        Some(rounds) => writeln!(
            text,
            "at most {} trials, until every comparison is decided or {} have passed; this is one possible order, \
             and decided cells are skipped",
            slots.len(),
            humantime::format_duration(rounds.time)
        )?,
        None => writeln!(text, "{}, about {time}", counted(slots.len(), "trial"))?,
    }
    base::print(&text)
}
