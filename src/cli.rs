//! The dispatch: it runs the command that was given, and sets the exit code.

mod guesses;
mod shell;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

use crate::base::values::model_names;
use crate::base::{self, Exit, exit};
use crate::command::advise::{self, AdviseArgs};
use crate::command::calibrate::{self, CalibrateArgs};
use crate::command::check::{self, CheckArgs};
use crate::command::client::{self, ClientArgs};
use crate::command::compare::CompareArgs;
use crate::command::load::{self, LoadArgs};
use crate::command::plans;
use crate::command::report::{self, ReportArgs};
use crate::command::run::{self, RunArgs};
use crate::command::schema::SchemaOf;
use crate::command::soak::{self, SoakArgs};
use crate::command::{capacity, doctor, export, lab, merge, pack};
use crate::process::ServeArgs;
use crate::view::{is_broken_pipe, table};

/// One protocol, every concurrency model, and figures that can be believed.
#[derive(Debug, Parser)]
#[command(name = "c10k", version, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  c10k run                                     an answer in two minutes; --all for every model
  c10k run epoll tokio-multi                   compare two
  c10k run latency                             a built-in plan: how long clients wait
  c10k advise --clients 10k --active 5% --wait 5ms --p99 20ms
  c10k serve epoll                             one server, at 127.0.0.1:9000
  c10k client 127.0.0.1:9000                   talk to it by hand
  c10k load 127.0.0.1:9000 -c 50 -d 10s
  c10k load 127.0.0.1:9000 --rate 20k --poisson --json result.json
  c10k load 127.0.0.1:9000 --find-capacity 'p99<20ms'
  c10k load http://localhost:8080/index.html
  c10k doctor                                  what would spoil measurements here
  c10k check --command 'python3 server.py {port}' --app multiply

Exit codes: 0 ok, 1 an error or a failed check, 2 usage, 3 worse (compare --gate) or drifting (soak), 4 the result cannot be trusted, 130 interrupted";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an experiment: every model of a plan, measured and compared
    Run(RunArgs),
    /// Recommend a model for a load, from saved runs of this machine or a new measurement
    Advise(AdviseArgs),
    /// Run one server in the foreground
    Serve(Box<ServeArgs>),
    /// Talk to a server line by line, from the keyboard or a pipe
    Client(ClientArgs),
    /// Send load to a server and measure its replies
    Load(Box<LoadArgs>),
    /// Run a server with known latencies, to test a load generator
    Calibrate(CalibrateArgs),
    /// Add up the results of several generators that loaded one server together
    Merge(merge::MergeArgs),
    /// Export a saved result as Markdown, LaTeX, CSV or histograms
    Export(export::ExportArgs),
    /// Check this machine for conditions that spoil measurements, and say how to fix them
    Doctor(doctor::DoctorArgs),
    /// Run a lab, or list the labs; each answers one question, changing one factor at a time
    Lab(lab::LabArgs),
    /// Test how a server handles misbehaving clients, and score it
    Check(CheckArgs),
    /// Load servers for an hour or longer, to find resource leaks
    Soak(SoakArgs),
    /// List the models
    Models {
        /// Only these models
        #[arg(value_name = "MODEL", value_parser = model_names(), conflicts_with = "broken")]
        #[arg(hide_possible_values = true)]
        names: Vec<String>,
        /// List the servers that are broken on purpose instead
        #[arg(long)]
        broken: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the built-in plans, with their questions and durations
    Plans {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the comparison of a saved run, or rebuild its page
    Report(ReportArgs),
    /// Pack the trials of each saved run into one file
    Pack(pack::PackArgs),
    /// Compare two runs, two builds or two servers, with intervals and verdicts
    Compare(CompareArgs),
    /// Print the JSON Schema of a document
    Schema {
        /// The document
        #[arg(value_enum)]
        document: SchemaOf,
    },
    /// Print the version
    #[command(hide = true)]
    Version,
    /// Print the manual page of the program or of a command, or write all pages to a folder
    Man {
        /// A command, or an existing folder (as in ./man) that receives all pages
        #[arg(value_name = "COMMAND|DIR")]
        what: Option<String>,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Parses, runs, prints the error if there is one, and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    servers::reset_inherited_signals();
    // Lists of processes would call one that was started by a descriptor by its number.
    let _ = rustix::thread::set_name(c"c10k");
    let cli = Cli::try_parse_from(servers::arguments())
        .unwrap_or_else(|error| guesses::explain(error).exit());
    match execute(cli.command) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            base::print_error(&exit::words(&error));
            ExitCode::from(exit::code_of(&error))
        }
    }
}

fn execute(command: Command) -> Result<Exit> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Advise(args) => advise::advise(&args),
        Command::Serve(args) => crate::command::serve::serve(&args),
        Command::Client(args) => client::client(&args),
        Command::Load(mut args) => {
            let part = load::part::resolve(&mut args)?;
            match &args.find_capacity {
                Some(goals) => capacity::find(&args, goals),
                None => load::load(&args, &part),
            }
        }
        Command::Calibrate(args) => calibrate::calibrate(&args),
        Command::Merge(args) => merge::merge(&args),
        Command::Export(args) => export::export(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Check(args) => check::check(&args),
        Command::Soak(args) => soak::soak(&args),
        Command::Lab(args) => lab::lab(&args),
        Command::Models { broken: true, json, .. } => table::broken(json).map(|()| Exit::Ok),
        Command::Models { broken: false, json, names } => {
            table::models(&names, json).map(|()| Exit::Ok)
        }
        Command::Plans { json } => plans::plans(json).map(|()| Exit::Ok),
        Command::Pack(args) => pack::run(&args),
        Command::Compare(args) => crate::command::compare::compare(&args),
        Command::Report(args) => report::report(&args).map(|()| Exit::Ok),
        Command::Schema { document } => base::print(document.text()).map(|()| Exit::Ok),
        Command::Version => base::print(&Cli::command().render_version()).map(|()| Exit::Ok),
        Command::Man { what } => shell::manual(what.as_deref()).map(|()| Exit::Ok),
        Command::Completions { shell } => shell::completions(shell).map(|()| Exit::Ok),
    }
}

#[cfg(test)]
mod tests;
