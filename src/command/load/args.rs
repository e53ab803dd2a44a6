//! The options of `c10k load`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use loadgen::Engine;
use protocol::{App, Framing};

use super::ask::HttpArgs;
use super::part::PartArgs;
use super::room::RoomArgs;
use crate::analysis::capacity::Goals;
use crate::base::target::{TargetArg, target};
use crate::base::units::parse_duration;
use crate::base::usage;
use crate::base::values::{
    CpuList, Warmup, app, cpu_list, engine, framing, model_names, positive, positive_duration,
    warmup,
};
use crate::view::export;
use crate::workload::arrivals::{RateArg, parse_rates};
use crate::workload::conduct::ConductArgs;
use crate::workload::pacing::PacingArg;
use crate::workload::requests::RequestArgs;

/// The default duration of the measurement.
const DURATION: Duration = Duration::from_secs(10);
/// The default time limit for a number of requests.
const REQUESTS_WITHIN: Duration = Duration::from_secs(600);

/// `c10k load`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("open").args(["rate", "find_capacity"]).multiple(true))]
#[command(group = clap::ArgGroup::new("where").args(["place", "target", "serve"]).required(true))]
#[command(after_help = EXAMPLES)]
pub struct LoadArgs {
    /// The server: HOST:PORT, a URL (http://HOST:PORT/PATH) or a socket (unix:/PATH)
    #[arg(value_name = "TARGET", value_parser = target, help_heading = SERVER)]
    pub place: Option<TargetArg>,
    /// The server, as an option
    #[arg(long, value_parser = target, help_heading = SERVER)]
    pub target: Option<TargetArg>,
    /// Start this model and load it; with --find-capacity, restart it for each trial
    #[arg(long, value_name = "MODEL", value_parser = model_names(), help_heading = SERVER)]
    pub serve: Option<String>,
    /// The server's application [default: bench]; with chat, the connections are members of a chat
    /// room
    #[arg(long, value_parser = loaded_app, help_heading = SERVER)]
    pub app: Option<App>,
    /// The server's framing: line, raw or http [default: line, or http for a URL]
    #[arg(long, value_parser = framing, help_heading = SERVER)]
    pub framing: Option<Framing>,
    /// Expect a greeting on every connection: measure accept delay and queue delay, and count
    /// connections per worker
    #[arg(long, help_heading = SERVER)]
    pub greeting: bool,

    /// Number of connections
    #[arg(long, short, default_value = "50", value_parser = positive, help_heading = LOAD)]
    #[arg(aliases = ["concurrency", "vus"])]
    pub connections: usize,
    /// Closed loop: each connection sends again when it has its reply (the default)
    #[arg(long, help_heading = LOAD)]
    pub closed: bool,
    /// Open loop: requests per second, whatever the server does; 1000..50k is a ramp over the
    /// duration, 1000,2000,5000 a staircase
    #[arg(long, short, visible_short_alias = 'R', value_parser = parse_rates)]
    #[arg(conflicts_with = "closed", help_heading = LOAD, alias = "qps")]
    pub rate: Option<RateArg>,
    /// Length of each step of a staircase [default: equal parts of the duration]
    #[arg(long, value_parser = positive_duration, requires = "rate", conflicts_with = "duration")]
    #[arg(help_heading = LOAD)]
    pub step: Option<Duration>,
    /// Open loop: Poisson arrivals instead of evenly spaced ones
    #[arg(long, requires = "open", help_heading = LOAD)]
    pub poisson: bool,
    /// Open loop: send requests at the times in this file, one per line
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rate", "closed", "poisson"])]
    #[arg(help_heading = LOAD)]
    pub replay: Option<PathBuf>,
    /// Duration of the measurement, in seconds or with a unit [default: 10s, or the length of a
    /// replay]
    #[arg(long, short, visible_short_alias = 'z', value_parser = positive_seconds)]
    #[arg(help_heading = LOAD)]
    pub duration: Option<Duration>,
    /// Send N requests in total, without a warm-up, and end with the last reply; --duration is then
    /// the time limit [10m]
    #[arg(long, short = 'n', value_name = "N", value_parser = positive, help_heading = LOAD)]
    #[arg(aliases = ["iterations", "n-requests"])]
    #[arg(conflicts_with_all = ["step", "replay", "find_capacity", "shard", "warmup"])]
    pub requests: Option<usize>,
    /// Time of load before the measurement, not recorded; auto repeats the measurement with longer
    /// warm-ups, up to half of --duration, until latency is steady from the start
    #[arg(long, default_value = "1s", value_parser = warmup, value_name = "WARMUP|auto")]
    #[arg(help_heading = LOAD)]
    pub warmup: Warmup,
    /// Time to wait at the end for outstanding replies
    #[arg(long, default_value = "2s", value_parser = parse_duration, help_heading = LOAD)]
    pub drain: Duration,
    /// Time after which a request without a reply counts as timed out
    #[arg(long, default_value = "10s", value_parser = positive_duration, help_heading = LOAD)]
    pub timeout: Duration,
    /// Find the highest rate that meets a target, as in p99<20ms or p99.9<5ms,errors<1%; each trial
    /// lasts --duration, and the first uses --rate
    #[arg(long, value_name = "GOALS", value_parser = Goals::parse, conflicts_with = "closed")]
    #[arg(help_heading = LOAD)]
    pub find_capacity: Option<Goals>,

    /// The content of requests
    #[command(flatten)]
    pub request: RequestArgs,
    /// Requests to any HTTP server
    #[command(flatten)]
    pub http: HttpArgs,
    /// Messages in a room
    #[command(flatten)]
    pub room: RoomArgs,
    /// How the connections behave
    #[command(flatten)]
    pub conduct: ConductArgs,

    /// Number of threads
    #[arg(long, short, default_value = "1", value_parser = threads, help_heading = GENERATOR)]
    pub threads: usize,
    /// Pin the threads to these processors, one for each thread
    #[arg(long, value_parser = cpu_list, default_value = "", hide_default_value = true)]
    #[arg(help_heading = GENERATOR)]
    pub cpus: CpuList,
    /// I/O interface of the threads: epoll, io-uring, or auto (the cheaper one that works here)
    #[arg(long, default_value = "auto", value_parser = engine, help_heading = GENERATOR)]
    pub engine: Engine,
    /// Open loop: how threads wait until a request is due; auto spins if each thread has a
    /// processor of its own, and sleeps otherwise
    #[arg(long, value_enum, value_name = "auto|spin|sleep", default_value_t)]
    #[arg(hide_possible_values = true, help_heading = GENERATOR)]
    pub pacing: PacingArg,
    /// Seed for arrivals, think times and drawn request parameters
    #[arg(long, default_value_t = 1, help_heading = GENERATOR)]
    pub seed: u64,

    /// A load from several generators
    #[command(flatten)]
    pub part: PartArgs,

    /// Show no progress
    #[arg(long, short, help_heading = OUTPUT)]
    pub quiet: bool,
    /// Write the result as JSON to this file, or to standard output with -
    #[arg(long, value_name = "FILE|-", help_heading = OUTPUT)]
    pub json: Option<PathBuf>,
    /// The result in the formats of other tools
    #[command(flatten)]
    pub formats: export::Formats,
}

const SERVER: &str = "Server";
const LOAD: &str = "Load";
const GENERATOR: &str = "Generator";
const OUTPUT: &str = "Output";

const EXAMPLES: &str = "\
Examples:
  c10k load 127.0.0.1:9000                            a server that speaks the protocol
  c10k load 127.0.0.1:9000 -c 100 -d 30               closed loop: 100 clients, for 30 s
  c10k load 127.0.0.1:9000 -r 20k --poisson           open loop: 20,000 requests a second
  c10k load http://localhost:8080/index.html -n 5000  any HTTP server, 5,000 requests
  c10k load http://localhost/ -H 'Host: example.org' --any-length
  c10k load unix:/run/server.sock --app echo          a Unix socket
  c10k load --serve epoll --find-capacity 'p99<20ms'  the highest rate that meets the target
  c10k load 127.0.0.1:9000 --json result.json         the whole result as JSON

Exit codes: 0 ok, 1 failed, 2 usage, 4 the result cannot be trusted, 130 interrupted";

impl LoadArgs {
    /// The duration of the measurement, for arrivals that have no end of their own.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration.unwrap_or(if self.requests.is_some() { REQUESTS_WITHIN } else { DURATION })
    }

    /// The warm-up. A load of a number of requests has none: each request is recorded.
    #[must_use]
    pub fn warmup(&self) -> Warmup {
        if self.requests.is_some() { Warmup::For(Duration::ZERO) } else { self.warmup }
    }

    /// Threads, each with at least one connection.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.requests.map_or(self.threads, |_| self.threads.min(self.connections()))
    }

    /// Connections; with a number of requests, at most that number.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.requests.map_or(self.connections, |requests| self.connections.min(requests))
    }

    /// The target, if one was given.
    #[must_use]
    pub fn named(&self) -> Option<&TargetArg> {
        self.place.as_ref().or(self.target.as_ref())
    }

    /// The server's application.
    #[must_use]
    pub fn app(&self) -> App {
        self.app.unwrap_or(App::Bench)
    }

    /// The server's framing.
    #[must_use]
    pub fn framing(&self) -> Framing {
        let default = if self.path().is_some() { Framing::Http } else { Framing::Line };
        self.framing.unwrap_or(default)
    }

    /// The path to request from any HTTP server, if one was given.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        let of_url = self.named().and_then(|named| named.path.as_deref());
        self.http.path.as_deref().or(of_url)
    }

    /// Refuses contradictory options.
    ///
    /// # Errors
    /// With what to write instead.
    pub fn check(&self) -> Result<()> {
        if let (Some(url), Some(path)) =
            (self.named().and_then(|it| it.path.as_ref()), &self.http.path)
            && url != "/"
        {
            return Err(usage(format!(
                "the URL names {url} and --path names {path}: leave one out"
            )));
        }
        self.room.check(self.app())?;
        if self.app() == App::Chat && self.find_capacity.is_some() {
            return Err(usage("--find-capacity does not work with --app chat: leave it out"));
        }
        self.http.check(self.path(), self.framing())?;
        let of_ours = [
            ("--app", self.app.is_some()),
            ("--echo", self.request.echo.is_some()),
            ("--mul", self.request.mul.is_some()),
            ("--work", self.request.work.is_some()),
            ("--session", self.request.session.sessions().is_some()),
            ("--greeting", self.greeting),
        ];
        match of_ours.into_iter().find(|(_, given)| *given) {
            Some((option, _)) if self.path().is_some() => Err(usage(format!(
                "{option} is for servers that speak the c10k protocol, --path and URLs are for other HTTP servers: \
                 leave one out"
            ))),
            _ => Ok(()),
        }
    }
}

/// An application that can be loaded: by requests, or as a room.
fn loaded_app(name: &str) -> Result<App, String> {
    if name == App::Chat.name() { Ok(App::Chat) } else { app(name) }
}

fn threads(text: &str) -> Result<usize, String> {
    positive(text).map_err(|error| match text.contains(':') {
        true => format!("{error}; -t means threads: write the target without an option"),
        false => error,
    })
}

/// A duration, for which a number is enough, as other load generators have it.
fn positive_seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(seconds) => positive_duration(&format!("{seconds}s")),
        Err(_) => positive_duration(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::values::read;

    fn args(words: &str) -> LoadArgs {
        let words: Vec<&str> = words.split(' ').collect();
        read(&words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    fn refused(words: &str) -> String {
        let words: Vec<&str> = words.split(' ').collect();
        match read::<LoadArgs>(&words) {
            Err(error) => error.to_string(),
            Ok(args) => format!("{:#}", args.check().expect_err("it is refused")),
        }
    }

    #[test]
    fn what_is_typed_for_other_load_generators_means_the_same() {
        // wrk -t4 -c100 -d30s -H 'A: b' URL
        let wrk = args("-t4 -c100 -d30s -HA:b http://127.0.0.1:8080/x");
        assert_eq!((wrk.threads, wrk.connections, wrk.duration().as_secs()), (4, 100, 30));
        assert_eq!(
            (wrk.http.header.as_slice(), wrk.path()),
            (&["A:b".to_string()][..], Some("/x"))
        );
        assert_eq!(wrk.framing(), Framing::Http);
        // oha -z 10s, hey -m POST, k6 -d 5
        assert_eq!(args("-z 10s 127.0.0.1:1").duration().as_secs(), 10);
        assert_eq!(args("-m POST http://127.0.0.1").http.method.as_deref(), Some("POST"));
        assert_eq!(args("-d 5 127.0.0.1:1").duration().as_secs(), 5);
        assert_eq!(args("-R 500 127.0.0.1:1").rate, Some(RateArg::One(500.0)));
        assert_eq!(args("127.0.0.1:1").framing(), Framing::Line);
        assert_eq!(args("127.0.0.1:1 --path /").framing(), Framing::Http);
        for (words, part) in [
            ("-t 127.0.0.1:9000", "-t means threads"),
            ("-d 0 127.0.0.1:1", "must be above 0"),
            ("127.0.0.1:1 --target 127.0.0.1:2", "cannot be used with"),
            ("127.0.0.1:1 --serve epoll", "cannot be used with"),
            ("-c 5", "required"),
            ("127.0.0.1:1 -H A:b", "add --path /"),
            ("http://127.0.0.1/a --path /b", "leave one out"),
            ("http://127.0.0.1/a --framing raw", "leave --framing out"),
            ("http://127.0.0.1/a --app echo", "--app"),
        ] {
            let error = refused(words);
            assert!(error.contains(part), "{words}: {error}");
        }
    }
}
