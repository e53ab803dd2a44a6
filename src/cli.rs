//! What is typed on the command line, and the exit code.

mod exit;
mod schema;
mod serve;
pub(crate) mod values;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, CommandFactory, Parser, Subcommand};
use loadgen::Engine;
use protocol::{App, Framing};

use crate::arrivals::{RateArg, parse_rates};
use crate::calibrate::{self, CalibrateArgs};
use crate::capacity::{self, Goals};
use crate::check::{self, CheckArgs};
use crate::conduct::ConductArgs;
use crate::pacing::PacingArg;
use crate::requests::RequestArgs;
use crate::units::{parse_duration, parse_share};
use crate::units::{parse_shard as shard, parse_time as time_of_day};
use crate::{compare, doctor, export, lab, load, merge, report, run, table};
use exit::Usage;
pub use exit::{Exit, usage};
use schema::SchemaOf;
pub use serve::ServeArgs;
pub use values::{CpuList, Warmup, app, framing};
use values::{
    address, cpu_list, engine, measured_names, model_names, positive, positive_duration, warmup,
};

/// One protocol, every concurrency model, and figures that can be believed.
#[derive(Debug, Parser)]
#[command(name = "c10k", version, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  c10k run                                     compare all models, a quick look
  c10k run --models epoll,tokio-multi          compare two
  c10k run latency                             a plan of c10k plans: how long clients wait
  c10k serve --model epoll --listen 127.0.0.1:9000
  c10k load --target 127.0.0.1:9000 -c 50 -d 10s
  c10k load --target 127.0.0.1:9000 --rate 20k --poisson --json result.json
  c10k load --target 127.0.0.1:9000 --find-capacity 'p99<20ms'
  c10k load --target 127.0.0.1:80 --framing http --path /index.html
  c10k doctor                                  what on this machine will spoil a measurement
  c10k check --command 'python3 server.py {port}' --app multiply

Exit codes: 0 ok, 1 failed or fell short, 2 usage, 3 worse (compare --gate), 4 the result is not to be trusted, 130 interrupted";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an experiment: every model of a plan, measured and compared
    Run(RunArgs),
    /// Run one server in the foreground
    Serve(ServeArgs),
    /// Load a server, ours or not, and measure it
    Load(Box<LoadArgs>),
    /// Run a server whose latencies are known, to hold a load generator against
    Calibrate(CalibrateArgs),
    /// Add up the results of several generators that loaded one server together
    Merge(merge::MergeArgs),
    /// Write a saved result for documents and other tools: Markdown, LaTeX, CSV, plots, histograms
    Export(export::ExportArgs),
    /// Find what on this machine will spoil a measurement, and how to mend it
    Doctor(doctor::DoctorArgs),
    /// Take a question apart, one factor at a time; lists the labs
    Lab(lab::LabArgs),
    /// See what a server does with bad clients, ours or not, and score it
    Check(CheckArgs),
    /// List the models
    Models {
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
    /// Print the comparison of a saved run again and rewrite its page
    Report {
        /// The run's folder
        dir: PathBuf,
    },
    /// Say what has changed from one saved run to another, and how sure that is
    Compare(CompareArgs),
    /// Print the JSON Schema of what is written
    Schema {
        /// Which document
        #[arg(value_enum)]
        document: SchemaOf,
    },
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// `c10k compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The folder of the run to compare with
    pub base: PathBuf,
    /// The folder of the run to compare
    pub new: PathBuf,
    /// A difference within this share does not matter
    #[arg(long, default_value = "5%", value_parser = parse_share)]
    pub margin: f64,
    /// Compare runs that were not made in the same way, too
    #[arg(long)]
    pub anyway: bool,
    /// End with exit code 3 if anything is worse, and with 4 if nothing could be judged
    #[arg(long)]
    pub gate: bool,
    /// Print rows in which nothing can be told, too
    #[arg(long)]
    pub all: bool,
    /// Write the comparison as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Print it in this format instead: md, latex, asciidoc or csv
    #[arg(long, value_name = "FORMAT", value_enum, hide_possible_values = true)]
    pub to: Option<export::Format>,
    /// With --to: write it to this file
    #[arg(long, short, value_name = "FILE", requires = "to")]
    pub output: Option<PathBuf>,
}

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

/// `c10k load`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("open").args(["rate", "find_capacity"]).multiple(true))]
pub struct LoadArgs {
    /// The server's address and port
    #[arg(long, short, value_parser = address, required_unless_present = "serve")]
    pub target: Option<SocketAddr>,
    /// Search for the highest rate that meets a target, as in p99<20ms or p99.9<5ms,errors<1%;
    /// each trial lasts --duration, and the first one has --rate
    #[arg(long, value_name = "TARGET", value_parser = Goals::parse, conflicts_with = "closed")]
    pub find_capacity: Option<Goals>,
    /// With --find-capacity: start this model afresh for each trial, instead of --target
    #[arg(long, value_name = "MODEL", value_parser = model_names(), requires = "find_capacity", conflicts_with = "target")]
    pub serve: Option<String>,
    /// Connections
    #[arg(long, short, default_value = "50", value_parser = positive)]
    pub connections: usize,
    /// Open loop: requests per second, whatever the server does; 1000..50k is a ramp over the
    /// duration, 1000,2000,5000 a staircase
    #[arg(long, short, value_parser = parse_rates, conflicts_with = "closed")]
    pub rate: Option<RateArg>,
    /// With steps: how long each lasts, instead of an equal part of the duration
    #[arg(long, value_parser = positive_duration, requires = "rate", conflicts_with = "duration")]
    pub step: Option<Duration>,
    /// Open loop: requests at the times of this file, one a line
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rate", "closed", "poisson"])]
    pub replay: Option<PathBuf>,
    /// Space the requests of an open loop exponentially instead of evenly
    #[arg(long, requires = "open")]
    pub poisson: bool,
    /// Closed loop: each connection sends when it has its reply (the default)
    #[arg(long)]
    pub closed: bool,
    /// How long to measure
    #[arg(long, short, default_value = "10s", value_parser = positive_duration)]
    pub duration: Duration,
    /// Load without recording first, for so long; auto: for as long as a rule finds necessary, by
    /// measuring again with a longer one, up to half of --duration
    #[arg(long, default_value = "1s", value_parser = warmup, value_name = "WARMUP|auto")]
    pub warmup: Warmup,
    /// Wait so long for what is still open at the end
    #[arg(long, default_value = "2s", value_parser = parse_duration)]
    pub drain: Duration,
    /// A request without a reply for so long has timed out
    #[arg(long, default_value = "10s", value_parser = positive_duration)]
    pub timeout: Duration,
    /// Threads
    #[arg(long, default_value = "1", value_parser = positive)]
    pub threads: usize,
    /// Keep the threads to these processors, one each
    #[arg(long, value_parser = cpu_list, default_value = "", hide_default_value = true)]
    pub cpus: CpuList,
    /// How the threads talk to the kernel: auto (the cheaper one that works here), epoll or io-uring
    #[arg(long, default_value = "auto", value_parser = engine)]
    pub engine: Engine,
    /// Open loop: whether threads sleep or spin until a request is due; auto spins where each has
    /// a processor of its own
    #[arg(long, value_enum, value_name = "auto|spin|sleep", default_value_t)]
    #[arg(hide_possible_values = true)]
    pub pacing: PacingArg,
    /// The server's application
    #[arg(long, default_value = "bench", value_parser = app)]
    pub app: App,
    /// The server's framing
    #[arg(long, default_value = "line", value_parser = framing)]
    pub framing: Framing,
    /// The server begins every connection with a greeting: measure accept delay, and the wait for
    /// a worker, and count connections per worker
    #[arg(long)]
    pub greeting: bool,
    /// What every request asks for
    #[command(flatten)]
    pub request: RequestArgs,
    /// What every request asks any HTTP server for
    #[command(flatten)]
    pub http: crate::ask::HttpArgs,
    /// Seed of Poisson arrivals, of think times and of what is drawn for each request
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Make part K of N of the load, K from 0: N generators together make exactly the requests of
    /// one at --rate, each over its own connections; c10k merge adds their results up
    #[arg(long, value_name = "K/N", value_parser = shard)]
    pub shard: Option<(u64, u64)>,
    /// Begin at this time (RFC 3339, UTC), so that generators begin together
    #[arg(long, value_name = "TIME", value_parser = time_of_day)]
    pub start_at: Option<Duration>,
    /// Show nothing while it runs
    #[arg(long, short)]
    pub quiet: bool,
    /// Write the result as JSON to this file, or to standard output with -
    #[arg(long, value_name = "FILE|-")]
    pub json: Option<PathBuf>,
    /// The result in the formats of other tools
    #[command(flatten)]
    pub formats: export::Formats,
    /// How the connections behave
    #[command(flatten)]
    pub conduct: ConductArgs,
}

/// Parses, runs, prints the error if there is one, and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match execute(cli.command) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", exit::words(&error));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

fn execute(command: Command) -> Result<Exit> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Serve(args) => crate::serve::serve(&args),
        Command::Load(args) => match &args.find_capacity {
            Some(goals) => capacity::find(&args, goals),
            None => load::load(&args),
        },
        Command::Calibrate(args) => calibrate::calibrate(&args),
        Command::Merge(args) => merge::merge(&args),
        Command::Export(args) => export::export(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Check(args) => check::check(&args),
        Command::Lab(args) => lab::lab(&args),
        Command::Models { broken: true, json } => table::broken(json).map(|()| Exit::Ok),
        Command::Models { broken: false, json } => table::models(json).map(|()| Exit::Ok),
        Command::Plans { json } => run::plans(json).map(|()| Exit::Ok),
        Command::Compare(args) => compare::compare(&args),
        Command::Report { dir } => report::again(&dir).map(|()| Exit::Ok),
        Command::Schema { document } => table::print(&document.schema()?).map(|()| Exit::Ok),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "c10k", &mut text);
            table::print(&String::from_utf8(text)?).map(|()| Exit::Ok)
        }
    }
}

/// Whoever read our output has seen enough, as in `c10k models | head -1`.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}
