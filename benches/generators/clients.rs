//! The generators, how each is told what to do, and how what it prints is read.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use c10k::document::Trial;
use c10k::units::as_f64;
use serde::Serialize;
use serde_json::Value;

use crate::oha;
use crate::support::process::c10k;

/// What is asked of a generator.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Work {
    /// Each connection asks again when it has its reply.
    Closed { connections: usize },
    /// So many requests a second, whatever the server does.
    Open { connections: usize, rate_per_s: u64 },
    /// As `Closed`, with a connection for each request.
    ConnectionPerRequest { connections: usize },
}

/// A run of a generator: what, how long, against whom, on which processor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) time: Duration,
    pub(crate) at: SocketAddr,
    pub(crate) cpu: usize,
}

impl Work {
    pub(crate) fn connections(self) -> usize {
        match self {
            Self::Closed { connections }
            | Self::Open { connections, .. }
            | Self::ConnectionPerRequest { connections } => connections,
        }
    }
}

/// What a generator said of a run.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Told {
    /// Requests that were answered well.
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) requests_per_s: f64,
    pub(crate) mean_ns: Option<f64>,
    pub(crate) p50_ns: Option<f64>,
    pub(crate) p99_ns: Option<f64>,
    /// Ours: lateness at p99.9, which no other tells.
    pub(crate) lag_p999_ns: Option<f64>,
}

/// A load generator.
pub(crate) struct Loader {
    pub(crate) name: &'static str,
    program: &'static str,
    version: &'static [&'static str],
    /// Its arguments; `None` where it cannot do that.
    arguments: fn(&Job) -> Option<Vec<String>>,
    read: fn(&str) -> Result<Told>,
}

/// Those of `c/`, built when the benchmark starts.
pub(crate) const C_PROGRAMS: [&str; 2] = ["spinning_client", "closed_client"];

/// All of them. The first one is what the others are compared with.
pub(crate) const CLIENTS: [Loader; 10] = [
    Loader {
        name: "wrk",
        program: "wrk",
        version: &["-v"],
        arguments: wrk_arguments,
        read: read_wrk,
    },
    Loader {
        name: "c10k epoll",
        program: "",
        version: &[],
        arguments: |job| ours(job, &["--engine", "epoll"]),
        read: read_ours,
    },
    Loader {
        name: "c10k io-uring",
        program: "",
        version: &[],
        arguments: |job| ours(job, &["--engine", "io-uring"]),
        read: read_ours,
    },
    Loader {
        name: "c10k sleeping",
        program: "",
        version: &[],
        arguments: |job| match job.work {
            Work::Open { .. } => ours(job, &["--engine", "epoll", "--pacing", "sleep"]),
            _ => None,
        },
        read: read_ours,
    },
    Loader {
        name: "C, spinning",
        program: "spinning_client",
        version: &[],
        arguments: |job| match job.work {
            Work::Open { connections, rate_per_s } => Some(vec![
                job.at.port().to_string(),
                connections.to_string(),
                rate_per_s.to_string(),
                job.time.as_millis().to_string(),
            ]),
            _ => None,
        },
        read: read_c,
    },
    Loader {
        name: "C, closed",
        program: "closed_client",
        version: &[],
        arguments: |job| {
            let life = match job.work {
                Work::Closed { .. } => "kept",
                Work::Open { .. } => return None,
                Work::ConnectionPerRequest { .. } => "each",
            };
            Some(vec![
                job.at.port().to_string(),
                job.work.connections().to_string(),
                job.time.as_millis().to_string(),
                life.into(),
            ])
        },
        read: read_c,
    },
    Loader { name: "ab", program: "ab", version: &["-V"], arguments: ab_arguments, read: read_ab },
    Loader {
        name: "h2load",
        program: "h2load",
        version: &["--version"],
        arguments: h2load_arguments,
        read: read_h2load,
    },
    Loader { name: "hey", program: "hey", version: &[], arguments: hey_arguments, read: read_hey },
    Loader {
        name: "oha",
        program: "oha",
        version: &["--version"],
        arguments: oha::arguments,
        read: oha::read,
    },
];

impl Loader {
    /// What to run for this job, if it can do it; C programs are in `folder`.
    pub(crate) fn command(&self, job: &Job, folder: &Path) -> Option<Command> {
        let arguments = (self.arguments)(job)?;
        let mut command = match self.program {
            "" => c10k(),
            program if C_PROGRAMS.contains(&program) => Command::new(folder.join(program)),
            program => Command::new(program),
        };
        command.args(arguments);
        Some(command)
    }

    pub(crate) fn read(&self, output: &str) -> Result<Told> {
        let told =
            (self.read)(output).with_context(|| format!("{} printed {output}", self.name))?;
        ensure!(told.requests > 0, "{} had no reply: {output}", self.name);
        Ok(told)
    }

    /// What it calls itself; `None` where it is not there.
    pub(crate) fn version(&self, folder: &Path) -> Option<String> {
        match self.program {
            "" => Some(format!("c10k {}", env!("CARGO_PKG_VERSION"))),
            program if C_PROGRAMS.contains(&program) => {
                folder.join(program).exists().then(|| "the least, in C".into())
            }
            program => {
                let output = Command::new(program).args(self.version).output().ok()?;
                let both = [output.stdout, output.stderr].concat();
                let text = String::from_utf8_lossy(&both);
                let told = text.lines().next().unwrap_or_default().trim().to_string();
                Some(if self.version.is_empty() { program.to_string() } else { told })
            }
        }
    }
}

pub(super) fn seconds(time: Duration) -> String {
    time.as_secs().max(1).to_string()
}

pub(super) fn words(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(ToString::to_string).collect()
}

fn ours(job: &Job, more: &[&str]) -> Option<Vec<String>> {
    let Job { work, time, at, cpu } = *job;
    let mut arguments = words(&["load", "--framing", "http", "--path", "/", "--json", "-"]);
    arguments.extend(words(&["--warmup", "0s", "--threads", "1", "--cpus", &cpu.to_string()]));
    arguments.extend(["--target".into(), at.to_string()]);
    arguments.extend(["--connections".into(), work.connections().to_string()]);
    arguments.extend(["--duration".into(), format!("{}s", seconds(time))]);
    match work {
        Work::Closed { .. } => {}
        Work::Open { rate_per_s, .. } => {
            arguments.extend(["--rate".into(), rate_per_s.to_string()])
        }
        Work::ConnectionPerRequest { .. } => arguments.extend(words(&[
            "--requests-per-connection",
            "1",
            "--source-addresses",
            "auto",
        ])),
    }
    arguments.extend(words(more));
    Some(arguments)
}

fn read_ours(output: &str) -> Result<Told> {
    let trial: Trial = serde_json::from_str(output)?;
    let of = |distribution: &c10k::document::Distribution, q: f64| {
        distribution.quantile(q).map(|quantile| as_f64(quantile.value))
    };
    let headline = trial.latency.headline();
    Ok(Told {
        requests: trial.census.ok,
        failed: trial.census.offered - trial.census.ok,
        requests_per_s: trial.throughput_per_s,
        mean_ns: Some(headline.mean),
        p50_ns: of(headline, 0.5),
        p99_ns: of(headline, 0.99),
        lag_p999_ns: of(&trial.latency.sched_lag, 0.999),
    })
}

fn read_c(output: &str) -> Result<Told> {
    let line: Value = serde_json::from_str(output)?;
    let number = |name: &str| line[name].as_u64().with_context(|| format!("no {name}"));
    let (replies, offered) = (number("replies")?, number("offered")?);
    Ok(Told {
        requests: replies,
        failed: offered - replies,
        requests_per_s: as_f64(replies) / as_f64(number("elapsed_ns")?) * 1e9,
        p50_ns: number("p50_ns").ok().map(as_f64),
        p99_ns: number("p99_ns").ok().map(as_f64),
        ..Told::default()
    })
}

fn wrk_arguments(job: &Job) -> Option<Vec<String>> {
    let Job { work, time, at, .. } = *job;
    let (connections, time) =
        (format!("-c{}", work.connections()), format!("-d{}s", seconds(time)));
    let mut arguments = words(&["-t1", &connections, &time, "--latency"]);
    match work {
        Work::Closed { .. } => {}
        Work::Open { .. } => return None,
        Work::ConnectionPerRequest { .. } => arguments.extend(words(&["-H", "Connection: close"])),
    }
    arguments.push(format!("http://{at}/"));
    Some(arguments)
}

fn read_wrk(output: &str) -> Result<Told> {
    let line = |start: &str| output.lines().find_map(|line| line.trim().strip_prefix(start));
    let requests = output
        .lines()
        .find_map(|line| line.split_once(" requests in ")?.0.trim().parse().ok())
        .context("no number of requests")?;
    let failed = line("Non-2xx or 3xx responses:").map_or(Some(0), |n| n.trim().parse().ok());
    Ok(Told {
        requests,
        failed: failed.context("no number of failures")?,
        requests_per_s: line("Requests/sec:").context("no rate")?.trim().parse()?,
        mean_ns: line("Latency  ").and_then(|rest| ns(rest.split_whitespace().next()?)),
        p50_ns: line("50%").and_then(ns),
        p99_ns: line("99%").and_then(ns),
        lag_p999_ns: None,
    })
}

fn ab_arguments(job: &Job) -> Option<Vec<String>> {
    let Job { work, time, at, .. } = *job;
    let (connections, time) = (work.connections().to_string(), seconds(time));
    // It ends at the number or at the time, and sets memory aside for the number.
    let mut arguments = words(&["-q", "-c", &connections, "-t", &time, "-n", "10000000"]);
    match work {
        Work::Closed { .. } => arguments.push("-k".into()),
        Work::Open { .. } => return None,
        Work::ConnectionPerRequest { .. } => {}
    }
    arguments.push(format!("http://{at}/"));
    Some(arguments)
}

fn read_ab(output: &str) -> Result<Told> {
    let line = |start: &str| output.lines().find_map(|line| line.trim().strip_prefix(start));
    let number =
        |start: &str| -> Option<f64> { line(start)?.split_whitespace().next()?.parse().ok() };
    let ms = |start| number(start).map(|ms| ms * 1e6);
    Ok(Told {
        requests: line("Complete requests:").context("no number of requests")?.trim().parse()?,
        failed: line("Failed requests:").context("no number of failures")?.trim().parse()?,
        requests_per_s: number("Requests per second:").context("no rate")?,
        mean_ns: ms("Time per request:"),
        p50_ns: ms("50%"),
        p99_ns: ms("99%"),
        lag_p999_ns: None,
    })
}

fn h2load_arguments(job: &Job) -> Option<Vec<String>> {
    let Job { work, time, at, .. } = *job;
    let Work::Closed { connections } = work else { return None };
    let (connections, time) = (format!("-c{connections}"), format!("-D{}", seconds(time)));
    Some(words(&["--h1", "-t1", &connections, &time, &format!("http://{at}/")]))
}

fn read_h2load(output: &str) -> Result<Told> {
    let line = |start: &str| output.lines().find_map(|line| line.trim().strip_prefix(start));
    let requests = line("requests:").context("no number of requests")?;
    let before = |what: &str| -> Option<u64> {
        requests.split(',').find_map(|part| part.trim().strip_suffix(what)?.trim().parse().ok())
    };
    let rate =
        line("finished in").and_then(|rest| rest.split(',').nth(1)?.split_whitespace().next());
    Ok(Told {
        requests: before("succeeded").context("no number of successes")?,
        failed: before("failed").context("no number of failures")?,
        requests_per_s: rate.context("no rate")?.parse()?,
        mean_ns: line("time for request:").and_then(|rest| ns(rest.split_whitespace().nth(2)?)),
        ..Told::default()
    })
}

fn hey_arguments(job: &Job) -> Option<Vec<String>> {
    let Job { work, time, at, .. } = *job;
    let (connections, time) = (work.connections().to_string(), format!("{}s", seconds(time)));
    let mut arguments = words(&["-c", &connections, "-z", &time]);
    match work {
        Work::Closed { .. } => {}
        // It limits the rate of a closed loop.
        Work::Open { .. } => return None,
        Work::ConnectionPerRequest { .. } => arguments.push("-disable-keepalive".into()),
    }
    arguments.push(format!("http://{at}/"));
    Some(arguments)
}

fn read_hey(output: &str) -> Result<Told> {
    let line = |start: &str| output.lines().find_map(|line| line.trim().strip_prefix(start));
    let seconds = |start| -> Option<f64> {
        line(start)?.trim_start_matches(" in ").split_whitespace().next()?.parse().ok()
    };
    let ok = line("[200]").and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    let ns = |seconds: f64| seconds * 1e9;
    Ok(Told {
        requests: ok.context("no number of replies")?,
        requests_per_s: seconds("Requests/sec:").context("no rate")?,
        mean_ns: seconds("Average:").map(ns),
        p50_ns: seconds("50%").map(ns),
        p99_ns: seconds("99%").map(ns),
        ..Told::default()
    })
}

/// Nanoseconds of a number with its unit, as in `1.02ms`.
fn ns(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ns" => 1.0,
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return None,
    };
    Some(digits.parse::<f64>().ok()? * unit)
}
