//! `c10k check`: how a server handles misbehaving clients, scarce resources and signals.
//!
//! A [`Behaviour`] is data: a name that says what is expected, the reason, the points, the
//! requirements, and a function that tries it on a server. Every model of this program has to pass
//! all of them (`tests/behaviour.rs`); any other server can be tested with them.
//!
//! - `behaviour`: the type of a behaviour; [`behaviours`]: the list, by theme
//! - `setting`: the server, and one behaviour after the other, repeated on failure
//! - [`runner`]: one behaviour on one server, from a fresh start to the final checks
//! - [`server`]: the server under check; [`watch`]: observing it from outside
//! - [`client`]: the client that misbehaves on purpose; [`companion`]: the well-behaved one
//! - [`speech`]: requests with known replies
//! - `report`: the results, for people and for graders

mod behaviour;
pub mod behaviours;
pub mod client;
pub mod companion;
mod report;
pub mod runner;
mod setting;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use protocol::{App, Framing};
use servers::{Family, models};

pub use crate::process::starting::Subject;
pub use crate::process::watch;
pub use crate::process::{server, starting};
pub use crate::workload::speech::{self, Speech};
pub use behaviour::{Behaviour, Needs, Speaks};
pub use runner::{Case, Skip, Verdict};
pub use setting::Setting;

use crate::base::target::listening;
use crate::base::values::{app, framing, positive, positive_duration, servable_names};
use crate::base::{Exit, did_you_mean_or, note, units, usage};
use crate::document::CheckTest;
use crate::process::{interrupts, this_program};
use report::Reports;
use setting::Tried;
use speech::Page;

/// `c10k check`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("server").required(true), after_help = EXAMPLES)]
pub struct CheckArgs {
    /// Check a model of this program; `c10k models` lists them
    #[arg(long, short, group = "server", value_parser = servable_names(), help_heading = SERVER)]
    pub model: Option<String>,
    /// Check the server that listens at this address, without access to its process
    #[arg(long, short, group = "server", value_parser = listening, help_heading = SERVER)]
    pub target: Option<SocketAddr>,
    /// Check the server that this command starts; it must listen at {port} or $PORT
    #[arg(long, group = "server", value_name = "COMMAND", help_heading = SERVER)]
    pub command: Option<String>,
    /// The server's application
    #[arg(long, default_value = "bench", value_parser = app, help_heading = SERVER)]
    pub app: App,
    /// The server's framing
    #[arg(long, default_value = "line", value_parser = framing, help_heading = SERVER)]
    pub framing: Framing,
    /// With --framing http, for other servers: a path that returns a 2xx status
    #[arg(long, default_value = "/", value_name = "/PATH", help_heading = SERVER)]
    pub path: String,
    /// Only these behaviours, by name, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "BEHAVIOURS", help_heading = TRYING)]
    pub only: Vec<String>,
    /// Time limit for reactions that should be immediate
    #[arg(long, default_value = "5s", value_parser = positive_duration, help_heading = TRYING)]
    pub patience: Duration,
    /// Attempts for a failing behaviour; if it both fails and passes, it is unstable
    #[arg(long, default_value = "3", value_parser = positive, help_heading = TRYING)]
    pub tries: usize,
    /// Repeat passing behaviours as often as failing ones, for grading
    #[arg(long, help_heading = TRYING)]
    pub confirm: bool,
    /// Also list behaviours that were not tried, with the reason
    #[arg(long, help_heading = REPORTS)]
    pub all: bool,
    #[command(flatten, next_help_heading = "Reports")]
    pub(crate) reports: Reports,
}

const SERVER: &str = "Server";
const TRYING: &str = "Behaviours";
const REPORTS: &str = "Reports";

const EXAMPLES: &str = "\
Examples:
  c10k check --model epoll
  c10k check --command 'python3 server.py {port}' --app multiply
  c10k check --command './server {port}' --only half_close_is_answered --tries 1
  c10k check --command './server {port}' --confirm --gradescope results.json --points 20
  c10k check --target 127.0.0.1:80 --framing http --path /index.html

Exit codes: 0 every behaviour passed, 1 a behaviour failed or the server did not start, 2 usage,
4 nothing was tried, 130 interrupted";

/// Checks a server, prints the result, and writes reports on request.
///
/// # Errors
/// When there is no server to check, with what to do about it.
pub fn check(args: &CheckArgs) -> Result<Exit> {
    let chosen = chosen(&args.only)?;
    let subject = subject(args)?;
    args.reports.can_be_written()?;
    let speech = Speech::for_app(args.app, args.framing);
    let speech = if is_model(&subject) { speech } else { of_others(speech, args)? };
    let stop = interrupts()?;
    let started_at = units::now();
    let explored = Setting::explore(subject.clone(), speech, args.patience);
    let (setting, tests, failed) = match explored {
        Ok(setting) => {
            let tests = attempt_all(args, &setting, &chosen, &stop);
            (setting, tests, None)
        }
        // A grader still gets a report, in which everything has failed.
        Err(error) => {
            let setting = Setting::of_model(subject, speech, args.patience);
            let tests = report::all_failed(&setting, &chosen, &error);
            (setting, tests, Some(error))
        }
    };
    let report = report::check_report(&setting, started_at, tests);
    if let Some(error) = failed {
        args.reports.write(&report)?;
        return Err(error);
    }
    args.reports.finish(&report, args.all)?;
    Ok(match (stop.load(SeqCst), report.score == report.max) {
        (true, _) => Exit::Interrupted,
        (false, _) if !report.tests.iter().any(CheckTest::was_tried) => {
            note!("no behaviour was tried, for the reasons above");
            Exit::Untrusted
        }
        (false, true) => Exit::Ok,
        (false, false) => Exit::FellShort,
    })
}

/// The speech for a server that is not ours: over HTTP, requests for a page.
fn of_others(speech: Speech, args: &CheckArgs) -> Result<Speech> {
    if speech.framing != Framing::Http {
        return Ok(speech);
    }
    Page::from_path(&args.path).map(Speech::of_page).map_err(|error| usage(error.to_string()))
}

fn attempt_all(
    args: &CheckArgs,
    setting: &Setting,
    chosen: &[&'static Behaviour],
    stop: &AtomicBool,
) -> Vec<CheckTest> {
    let bar = bar(chosen.len());
    let mut tests = Vec::new();
    for behaviour in chosen {
        if stop.load(SeqCst) {
            let verdict = Verdict::Skipped("interrupted before it was tried".into());
            tests.push(report::test(behaviour, Tried { verdict, tries: 0, failures: 0 }));
            continue;
        }
        bar.set_message(behaviour.name);
        let verdict = setting.try_repeatedly(behaviour, args.tries, args.confirm);
        tests.push(report::test(behaviour, verdict));
        bar.inc(1);
    }
    bar.finish_and_clear();
    tests
}

fn chosen(only: &[String]) -> Result<Vec<&'static Behaviour>> {
    if only.is_empty() {
        return Ok(behaviours::all().collect());
    }
    let find = |name: &String| {
        behaviours::all().find(|behaviour| behaviour.name == name).ok_or_else(|| {
            let names: Vec<&str> = behaviours::all().map(|behaviour| behaviour.name).collect();
            let hint = did_you_mean_or(name, "they are", &names);
            usage(format!("there is no behaviour '{name}'{hint}"))
        })
    };
    only.iter().map(find).collect()
}

fn subject(args: &CheckArgs) -> Result<Subject> {
    if let Some(model) = &args.model {
        let model = models::find(model).expect("the command line admits known models only");
        return Ok(Subject::Model { model, program: this_program()? });
    }
    if let Some(command) = &args.command {
        let words = server::words(command).map_err(|error| usage(format!("{error:#}")))?;
        return Ok(Subject::Command(words));
    }
    args.target.map(Subject::Address).context("the command line requires one of the three")
}

/// A progress bar over behaviours; nothing is drawn without a terminal.
fn bar(behaviours: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:20} {pos} of {len}  {msg}");
    let bar = ProgressBar::new(behaviours as u64);
    bar.set_style(style.expect("the template is in order"));
    bar
}

fn is_model(subject: &Subject) -> bool {
    matches!(subject, Subject::Model { .. })
}

/// Whether this is a model that serves one client after the other by design.
fn is_sequential(subject: &Subject) -> bool {
    matches!(subject, Subject::Model { model, .. } if model.family == Family::Sequential)
}
