//! What `c10k load` is told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use loadgen::Engine;
use protocol::{App, Framing};

use super::ask::HttpArgs;
use crate::analysis::capacity::Goals;
use crate::base::units::{parse_duration, parse_shard as shard, parse_time as time_of_day};
use crate::base::values::{
    CpuList, Warmup, address, app, cpu_list, engine, framing, model_names, positive,
    positive_duration, warmup,
};
use crate::view::export;
use crate::workload::arrivals::{RateArg, parse_rates};
use crate::workload::conduct::ConductArgs;
use crate::workload::pacing::PacingArg;
use crate::workload::requests::RequestArgs;

/// How long is measured where nobody says so.
const DURATION: Duration = Duration::from_secs(10);

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
    /// How long to measure [default: 10s, a replay to its end]
    #[arg(long, short, value_parser = positive_duration)]
    pub duration: Option<Duration>,
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
    pub http: HttpArgs,
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

impl LoadArgs {
    /// How long to measure what has no end of its own.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration.unwrap_or(DURATION)
    }
}
