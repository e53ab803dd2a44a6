//! The dispatch: which command is meant, and with what code it ends.

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
  c10k run latency                             a plan of c10k plans: how long clients wait
  c10k advise --clients 10k --active 5% --wait 5ms --p99 20ms
  c10k serve epoll                             one server, at 127.0.0.1:9000
  c10k client 127.0.0.1:9000                   speak to it by hand
  c10k load 127.0.0.1:9000 -c 50 -d 10s
  c10k load 127.0.0.1:9000 --rate 20k --poisson --json result.json
  c10k load 127.0.0.1:9000 --find-capacity 'p99<20ms'
  c10k load http://localhost:8080/index.html
  c10k doctor                                  what on this machine will spoil a measurement
  c10k check --command 'python3 server.py {port}' --app multiply

Exit codes: 0 ok, 1 failed or fell short, 2 usage, 3 worse (compare --gate, soak), 4 the result is not to be trusted, 130 interrupted";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an experiment: every model of a plan, measured and compared
    Run(RunArgs),
    /// Say which model to take for a load, from what this machine has measured or by measuring
    Advise(AdviseArgs),
    /// Run one server in the foreground
    Serve(Box<ServeArgs>),
    /// Speak to a server by hand or from a pipe, line by line
    Client(ClientArgs),
    /// Load any server and measure it
    Load(Box<LoadArgs>),
    /// Run a server with known latencies, to test a load generator
    Calibrate(CalibrateArgs),
    /// Add up the results of several generators that loaded one server together
    Merge(merge::MergeArgs),
    /// Export a saved result: Markdown, LaTeX, CSV, histograms
    Export(export::ExportArgs),
    /// Preflight: find what will spoil measurements on this machine, and how to fix it
    Doctor(doctor::DoctorArgs),
    /// Run a lab, or list the labs: one question, one factor at a time
    Lab(lab::LabArgs),
    /// Check how any server handles misbehaving clients, and score it
    Check(CheckArgs),
    /// Load servers for long, and find what they lose with each connection
    Soak(SoakArgs),
    /// List the models
    Models {
        /// Only these
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
    /// List the built-in plans: what they ask and how long they take
    Plans {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the comparison of a saved run again, and rebuild its page on request
    Report(ReportArgs),
    /// Pack the trials of each saved run into one file
    Pack(pack::PackArgs),
    /// Compare two runs or two builds, with intervals and verdicts
    Compare(CompareArgs),
    /// Print the JSON Schema of a document
    Schema {
        /// Which document
        #[arg(value_enum)]
        document: SchemaOf,
    },
    /// Print the version
    #[command(hide = true)]
    Version,
    /// Print the manual page of the program or of a command, or write all pages to a folder
    Man {
        /// A command, or an existing folder for all pages, as in ./man
        #[arg(value_name = "COMMAND|DIR")]
        what: Option<String>,
    },
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Parses, runs, prints the error if there is one, and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    servers::reset_inherited_signals();
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
        Command::Schema { document } => base::print(&document.schema()?).map(|()| Exit::Ok),
        Command::Version => base::print(&Cli::command().render_version()).map(|()| Exit::Ok),
        Command::Man { what } => shell::manual(what.as_deref()).map(|()| Exit::Ok),
        Command::Completions { shell } => shell::completions(shell).map(|()| Exit::Ok),
    }
}

#[cfg(test)]
mod tests;
