//! `c10k advise`: which model to take for a load that is described on the command line. Saved runs
//! of this machine answer; what is missing is measured by the engine of `c10k run`.

mod answer;
mod asked;
mod found;
mod plan;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use self::answer::Answer;
use self::asked::{Active, Asked};
use crate::analysis::renewed;
use crate::base::units::{parse_count, parse_duration, parse_rate};
use crate::base::values::measured_names;
use crate::base::{self, Exit, note, usage};
use crate::host::machine;
use crate::plan::Plan;
use crate::run;

/// `c10k advise`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AdviseArgs {
    /// Number of connected clients, as in 10k
    #[arg(long, short, value_name = "N", value_parser = parse_count, help_heading = LOAD)]
    pub clients: usize,
    /// Clients that send requests, as a share (5%) or a number; the others stay silent
    #[arg(long, value_name = "N%|N", default_value = "100%", value_parser = asked::active, help_heading = LOAD)]
    pub active: Active,
    /// Time that each request waits, as for a database
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_duration, help_heading = LOAD)]
    pub wait: Duration,
    /// CPU time that each request needs
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_duration, help_heading = LOAD)]
    pub cpu: Duration,
    /// Requests per second of all clients together; without it, each client sends again when it has
    /// its reply
    #[arg(long, value_name = "RATE", value_parser = parse_rate, help_heading = LOAD)]
    pub rate: Option<f64>,
    /// Longest acceptable p99 response time
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = LOAD)]
    pub p99: Option<Duration>,
    /// Only these models, by name, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = measured_names(), help_heading = HOW)]
    #[arg(hide_possible_values = true)]
    pub models: Vec<String>,
    /// Answer from this run, or from the runs in this folder, without measuring
    #[arg(long, value_name = "DIR", conflicts_with_all = ["measure", "dry_run"], help_heading = HOW)]
    pub from: Option<PathBuf>,
    /// Measure even if a saved run has the answer
    #[arg(long, help_heading = HOW)]
    pub measure: bool,
    /// Time limit of a measurement
    #[arg(long, value_name = "TIME", default_value = "100s", value_parser = parse_duration, help_heading = HOW)]
    pub time: Duration,
    /// Folder to search for saved runs, and in which a new run is created
    #[arg(long, value_name = "DIR", default_value = "results", help_heading = HOW)]
    pub out: PathBuf,
    /// Print the plan that would be measured, without measuring
    #[arg(long, help_heading = HOW)]
    pub dry_run: bool,
}

const LOAD: &str = "The load";
const HOW: &str = "Answer";

const EXAMPLES: &str = "\
Examples:
  c10k advise --clients 10k --active 5% --wait 5ms --cpu 100us --p99 20ms
  c10k advise --clients 5k --active 50              50 send, the others stay silent
  c10k advise --clients 200 --rate 2k --cpu 100us   2,000 requests a second
  c10k advise --clients 50 --wait 5ms --dry-run     the plan that would be measured

Exit codes: 0 ok, 1 failed, 2 usage, 4 no answer is possible, 130 interrupted";

/// Answers from saved runs or a new measurement; prints a sentence, a table and notes.
///
/// # Errors
/// When the load is impossible, or cannot be measured here.
pub fn advise(args: &AdviseArgs) -> Result<Exit> {
    let asked = Asked::of(args)?;
    let host = machine::host();
    if args.dry_run {
        let plan = plan::build_plan(&asked, &args.models, args.time, &host)?;
        return base::print(&plan.to_toml()?).map(|()| Exit::Ok);
    }
    if let Some(dir) = &args.from {
        let found = found::look(&asked, &args.models, &found::named(dir)?, &host)?;
        let Some(answer) = &found.answer else { return Err(refused(&found, &asked, dir)) };
        return tell(answer, &asked);
    }
    if !args.measure {
        let places = [args.out.clone(), "results".into(), ".".into()];
        let found = found::look(&asked, &args.models, &places, &host)?;
        for other in &found.elsewhere {
            note!("not used, because it was measured on another machine: {other}");
        }
        for open in &found.open {
            note!("not used, because it decides nothing: {open}");
        }
        if let Some(answer) = &found.answer {
            return tell(answer, &asked);
        }
    }
    let plan = plan::build_plan(&asked, &args.models, args.time, &host)?;
    note!("measuring for at most {}", humantime::format_duration(args.time));
    measure(plan, args, &asked)
}

fn measure(plan: Plan, args: &AdviseArgs, asked: &Asked) -> Result<Exit> {
    let made = run::of_plan(plan, &args.out)?;
    let summary = renewed::workload(&made.summary, &made.dir, plan::WORKLOAD)
        .with_context(|| made.dir.display().to_string())?;
    let answer = Answer::of(asked, summary, made.dir, plan::WORKLOAD.into())?;
    let told = tell(&answer, asked)?;
    Ok(if made.exit == Exit::Interrupted { Exit::Interrupted } else { told })
}

fn tell(answer: &Answer, asked: &Asked) -> Result<Exit> {
    base::print(&answer.text(asked))?;
    Ok(if answer.is_judged() { Exit::Ok } else { Exit::Untrusted })
}

/// Why the run that somebody has named is no answer.
fn refused(found: &found::Found, asked: &Asked, dir: &std::path::Path) -> anyhow::Error {
    let measure = format!("to measure it: {} --measure", asked.command());
    if let Some(other) = found.elsewhere.first() {
        return usage(format!(
            "{other} was measured on another machine, so it says nothing about this one; {measure}"
        ));
    }
    if let Some(open) = found.open.first() {
        return usage(format!("{open} has this load but decides no comparison; {measure}"));
    }
    usage(format!("no run in {} has this load; {measure}", dir.display()))
}
