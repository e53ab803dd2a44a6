//! What `c10k run` is told.

use std::path::PathBuf;

use clap::Args;

use super::values::measured_names;

/// `c10k run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The plan: a file, or the name of a built-in one, as c10k plans lists them; without one, a
    /// quick comparison that takes two minutes at most
    pub plan: Option<PathBuf>,
    /// Only these models, by name, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = measured_names())]
    pub models: Vec<String>,
    /// Only these workloads of the plan, separated by commas, with those they take their rate from
    #[arg(long, value_delimiter = ',')]
    pub workloads: Vec<String>,
    /// Trials of each model under each workload
    #[arg(long, value_name = "N")]
    pub repeat: Option<u32>,
    /// What decides the order of trials and the spacing of arrivals
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Go on with an interrupted run
    #[arg(long, value_name = "DIR", conflicts_with_all = ["plan", "models", "workloads", "repeat", "seed", "out"])]
    pub resume: Option<PathBuf>,
    /// Count the servers' system calls too, in short loads after the trials (with strace)
    #[arg(long)]
    pub syscalls: bool,
    /// Where the run's folder is made
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub out: PathBuf,
    /// Print the trials and the time they will take, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print the summary as JSON instead of tables
    #[arg(long)]
    pub json: bool,
}
