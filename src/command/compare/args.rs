//! The options of `c10k compare`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::analysis::metric::{MEDIAN, MEMORY, Metric, SERVER_CPU, TAIL, THROUGHPUT};
use crate::base::units::parse_share;
use crate::base::values::positive_duration;
use crate::view::export;

/// `c10k compare`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompareArgs {
    /// The base: the folder of a run; with --interleaved a program or a command
    pub base: PathBuf,
    /// The run, program or command that is compared with the base
    pub new: PathBuf,
    /// Measure both now, trial by trial in turn: two builds of c10k, or two servers as
    /// 'cmd:./server --port {port}'
    #[arg(long)]
    pub interleaved: bool,
    /// With --interleaved: take workloads from this plan, a file or a built-in one [default: quick]
    #[arg(long, requires = "interleaved")]
    pub plan: Option<PathBuf>,
    /// With --interleaved: time limit
    #[arg(long, value_name = "TIME", value_parser = positive_duration, default_value = "5m")]
    #[arg(requires = "interleaved")]
    pub time: Duration,
    /// With --interleaved: where to create the folders of both sides
    #[arg(long, value_name = "DIR", default_value = "results", requires = "interleaved")]
    pub out: PathBuf,
    /// Treat differences within this share as equal
    #[arg(long, default_value = "5%", value_parser = parse_share)]
    pub margin: f64,
    /// Compare runs even if their settings differ
    #[arg(long)]
    pub anyway: bool,
    /// Exit with 3 if any figure is worse, and with 4 if one could not be judged or may be worse by
    /// more than the margin
    #[arg(long)]
    pub gate: bool,
    /// Only these figures, separated by commas: throughput, p50, p99, cpu, memory
    #[arg(
        long,
        value_name = "FIGURES",
        value_enum,
        value_delimiter = ',',
        hide_possible_values = true
    )]
    pub figures: Vec<Figure>,
    /// Only these models, separated by commas
    #[arg(long, value_delimiter = ',')]
    pub models: Vec<String>,
    /// Only these workloads, separated by commas
    #[arg(long, value_delimiter = ',')]
    pub workloads: Vec<String>,
    /// Also print undecided rows
    #[arg(long)]
    pub all: bool,
    /// Write the comparison as JSON to this file, or to standard output with -
    #[arg(long, value_name = "FILE|-")]
    pub json: Option<PathBuf>,
    /// Print the comparison in this format: md, latex or csv
    #[arg(long, value_name = "FORMAT", value_enum, hide_possible_values = true)]
    pub to: Option<export::Format>,
    /// With --to: write to this file
    #[arg(long, short, value_name = "FILE", requires = "to")]
    pub output: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  c10k compare --interleaved ../base/target/release/c10k target/release/c10k --gate --figures cpu
  c10k compare --interleaved 'cmd:./old {port}' 'cmd:./new {port}' --workloads echo --gate
  c10k compare results/quick-20260101T120000Z results/quick-20260102T120000Z   saved runs: weaker evidence

Exit codes: 0 ok, 2 usage; with --gate 3 a figure is worse, 4 a figure is undecided; 130 interrupted";

/// A figure by its name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Figure {
    /// Right replies per second.
    Throughput,
    /// The median latency.
    P50,
    /// The latency of the slowest in a hundred.
    P99,
    /// The server's CPU time for each request.
    Cpu,
    /// What the server holds.
    Memory,
}

impl Figure {
    /// As results have it.
    #[must_use]
    pub fn metric(self) -> Metric {
        match self {
            Self::Throughput => THROUGHPUT,
            Self::P50 => MEDIAN,
            Self::P99 => TAIL,
            Self::Cpu => SERVER_CPU,
            Self::Memory => MEMORY,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command};

    use super::CompareArgs;
    use crate::analysis::metric::MARGIN;

    #[test]
    fn what_is_typed_when_nothing_is_said_is_the_margin() {
        let command = CompareArgs::augment_args(Command::new("compare"));
        let matches = command.get_matches_from(["compare", "base", "new"]);
        assert_eq!(matches.get_one::<f64>("margin"), Some(&MARGIN));
    }
}
