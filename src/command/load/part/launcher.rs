//! The part of a load that this process sends, according to a launcher's environment variables.
//!
//! The rule: a process is a part if its launcher started it as one of several tasks. With Slurm,
//! that is a task of a step of `srun`. A batch script, a shell of `salloc` and their children have
//! variables of the job, and send the whole load. All sources of the part's number, options
//! included, have to agree.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;
use clap::ValueEnum;

use crate::base::usage;
use crate::document::LauncherRecord;

/// Steps above are not of `srun`: the batch script, an interactive shell, an allocation's own.
const SLURM_STEP_MAX: u64 = 0xffff_fff0;

/// The number of parts, where the launcher does not say it.
pub(super) const PARTS: &str = "C10K_PARTS";

/// The result of reading the environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LauncherArg {
    /// Whichever launcher there is
    #[default]
    Auto,
    /// Nothing
    None,
    /// SLURM_PROCID and SLURM_STEP_NUM_TASKS
    Slurm,
    /// JOB_COMPLETION_INDEX, of --parts
    Kubernetes,
    /// OMPI_COMM_WORLD_RANK and OMPI_COMM_WORLD_SIZE
    Openmpi,
    /// PMI_RANK and PMI_SIZE
    Pmi,
    /// PMIX_RANK, of --parts
    Pmix,
}

/// A launcher: its name, the variable with the part's number, and the variable with the number of
/// parts.
type Known = (LauncherArg, &'static str, &'static str, Option<&'static str>);

const KNOWN: [Known; 5] = [
    (LauncherArg::Slurm, "slurm", "SLURM_PROCID", Some("SLURM_STEP_NUM_TASKS")),
    (LauncherArg::Kubernetes, "kubernetes", "JOB_COMPLETION_INDEX", None),
    (LauncherArg::Openmpi, "openmpi", "OMPI_COMM_WORLD_RANK", Some("OMPI_COMM_WORLD_SIZE")),
    (LauncherArg::Pmi, "pmi", "PMI_RANK", Some("PMI_SIZE")),
    (LauncherArg::Pmix, "pmix", "PMIX_RANK", None),
];

/// Variables by name; those that are empty are not there.
pub(super) struct Environment<'a>(pub(super) &'a dyn Fn(&str) -> Option<String>);

impl Environment<'_> {
    pub(super) fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|text| !text.is_empty())
    }

    fn number(&self, name: &str) -> Result<Option<u64>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse().map_err(|_| {
            usage(format!(
                "{name}={text} is not the number of a part: unset it, or add --launcher none to send the whole load"
            ))
        })?;
        Ok(Some(number))
    }
}

/// What options say of the same.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    pub(super) shard: Option<(u64, u64)>,
    pub(super) parts: Option<u64>,
}

/// Which part is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// The whole load, with a note about variables that were ignored.
    Whole(Option<String>),
    /// Part `k` of `n`, and the launcher, unless options alone decided.
    Part { k: u64, n: u64, launcher: Option<LauncherRecord> },
}

/// Numbers and where each comes from, of which all have to be the same.
#[derive(Default)]
struct Sayings(Vec<(String, u64)>);

impl Sayings {
    fn agreed(&self) -> Result<Option<u64>> {
        let Some((first, number)) = self.0.first() else { return Ok(None) };
        match self.0.iter().find(|(_, other)| other != number) {
            None => Ok(Some(*number)),
            Some((name, other)) => Err(usage(format!(
                "{first}={number} and {name}={other} contradict each other: choose the launcher with --launcher, or \
                 add --launcher none and choose the part with --shard"
            ))),
        }
    }

    fn say(&mut self, name: impl Into<String>, number: Option<u64>) {
        self.0.extend(number.map(|number| (name.into(), number)));
    }
}

/// Reads the environment and the options.
///
/// # Errors
/// When they contradict each other, with the names.
pub(super) fn read(arg: LauncherArg, env: &Environment<'_>, told: Told) -> Result<Reading> {
    let (mut part, mut of) = (Sayings::default(), Sayings::default());
    let mut names = Vec::new();
    let mut note = None;
    let mut known: Vec<&Known> =
        KNOWN.iter().filter(|known| arg == LauncherArg::Auto || known.0 == arg).collect();
    if arg != LauncherArg::Slurm && known.iter().any(|known| known.0 == LauncherArg::Slurm) {
        note = outside_of_steps(env)?;
        known.retain(|known| known.0 != LauncherArg::Slurm || is_task_of_step(env));
    } else if arg == LauncherArg::Slurm && !is_task_of_step(env) {
        return Err(usage(
            "--launcher slurm: this process is not a task of a step (SLURM_STEP_ID is not that of srun): start it \
             with srun",
        ));
    }
    for (_, name, rank, size) in known {
        let (k, n) = (env.number(rank)?, size.map_or(Ok(None), |size| env.number(size))?);
        // One task of one makes what it would make without a launcher.
        if n == Some(1) || (k.is_none() && n.is_none()) {
            continue;
        }
        if let (None, Some(size)) = (k, size) {
            return Err(usage(format!(
                "{size} is set but {rank} is not, so the number of the part is unknown: add --shard K/N, or \
                 --launcher none to send the whole load"
            )));
        }
        names.push(*name);
        part.say(*rank, k);
        of.say(size.unwrap_or_default(), n);
        if *name == "slurm" {
            of.say("SLURM_NTASKS", env.number("SLURM_NTASKS")?);
        }
    }
    if arg != LauncherArg::None {
        of.say(PARTS, env.number(PARTS)?);
    }
    of.say("--parts", told.parts);
    // Of one part nothing is to be said.
    if told.shard.is_none() && !of.0.is_empty() && of.0.iter().all(|(_, n)| *n == 1) {
        return Ok(Reading::Whole(None));
    }
    part.say("--shard K", told.shard.map(|(k, _)| k));
    of.say("--shard N", told.shard.map(|(_, n)| n));
    both(names, &part, &of, note)
}

/// Puts what was said together.
fn both(names: Vec<&str>, part: &Sayings, of: &Sayings, note: Option<String>) -> Result<Reading> {
    let (k, n) = match (part.agreed()?, of.agreed()?) {
        (None, None) => return Ok(Reading::Whole(note)),
        (Some(_), None) => {
            return Err(usage(format!(
                "{} gives the number of the part, but the number of parts is unknown: add --parts N (or {PARTS}=N), \
                 or --launcher none to send the whole load",
                part.0[0].0
            )));
        }
        (None, Some(_)) => {
            return Err(usage(format!(
                "{} gives the number of parts, but the number of this part is unknown: start the process by a \
                 launcher, or add --shard K/N",
                of.0[0].0
            )));
        }
        (Some(k), Some(n)) => (k, n),
    };
    if k >= n {
        return Err(usage(format!(
            "{}={k} is not below {}={n}: parts are counted from 0",
            part.0[0].0, of.0[0].0
        )));
    }
    let variables = part.0.iter().chain(&of.0).filter(|(name, _)| !name.starts_with("--shard"));
    let launcher = (!names.is_empty()).then(|| LauncherRecord {
        name: names.join("+"),
        variables: variables.map(|(name, n)| (name.clone(), n.to_string())).collect(),
    });
    Ok(Reading::Part { k, n, launcher })
}

/// Whether `srun` has started this process, or one above it, as a task of a step.
pub(super) fn is_task_of_step(env: &Environment<'_>) -> bool {
    let step = env.text("SLURM_STEP_ID").and_then(|step| step.parse().ok());
    step.is_some_and(|step: u64| step < SLURM_STEP_MAX) && env.text("SLURM_PROCID").is_some()
}

/// The note to a process of a job with several tasks that is not one of them.
fn outside_of_steps(env: &Environment<'_>) -> Result<Option<String>> {
    if is_task_of_step(env) {
        return Ok(None);
    }
    let tasks = env.number("SLURM_NTASKS")?.filter(|tasks| *tasks > 1);
    Ok(tasks.map(|tasks| {
        format!(
            "SLURM_NTASKS={tasks}, but this process is not a task of a step, so it sends the whole load; start it \
             with srun for {tasks} parts"
        )
    }))
}

/// Variables and options as a sentence has them.
pub(super) fn show(variables: &BTreeMap<String, String>) -> String {
    variables.iter().fold(String::new(), |mut text, (name, value)| {
        let gap = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{gap}{name}={value}");
        text
    })
}

#[cfg(test)]
mod tests;
