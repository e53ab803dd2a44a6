//! The generator on an asynchronous runtime: oha, which is hyper on tokio.

use anyhow::{Context, Result};
use c10k::units::as_f64;
use serde_json::Value;

use crate::clients::{Job, Told, Work, seconds, words};

pub(super) fn arguments(job: &Job) -> Option<Vec<String>> {
    let Job { work, time, at, .. } = *job;
    let (connections, time) = (work.connections().to_string(), format!("{}s", seconds(time)));
    let mut arguments = words(&["--no-tui", "--output-format", "json", "--worker-threads", "1"]);
    arguments.extend(words(&["-c", &connections, "-z", &time]));
    match work {
        Work::Closed { .. } => {}
        // Corrected, it counts from when a request was due.
        Work::Open { rate_per_s, .. } => {
            arguments.extend(words(&["-q", &rate_per_s.to_string(), "--latency-correction"]));
        }
        Work::ConnectionPerRequest { .. } => arguments.push("--disable-keepalive".into()),
    }
    arguments.push(format!("http://{at}/"));
    Some(arguments)
}

pub(super) fn read(output: &str) -> Result<Told> {
    let found: Value = serde_json::from_str(output)?;
    let counts = |name: &str| -> Result<Vec<(String, u64)>> {
        let counts = found[name].as_object().with_context(|| format!("no {name}"))?;
        let count = |(key, n): (&String, &Value)| Some((key.clone(), n.as_u64()?));
        Ok(counts.iter().filter_map(count).collect())
    };
    let of = |counts: &[(String, u64)], wanted: fn(&str) -> bool| -> u64 {
        counts.iter().filter(|(key, _)| wanted(key)).map(|(_, n)| n).sum()
    };
    let (statuses, errors) = (counts("statusCodeDistribution")?, counts("errorDistribution")?);
    let requests = of(&statuses, |status| status.starts_with('2'));
    let ns = |part: &str, name: &str| found[part][name].as_f64().map(|seconds| seconds * 1e9);
    Ok(Told {
        requests,
        // What was in flight at the end has not failed; its own rate counts it.
        failed: of(&statuses, |status| !status.starts_with('2'))
            + of(&errors, |error| error != "aborted due to deadline"),
        requests_per_s: as_f64(requests) / ns("summary", "total").context("no time")? * 1e9,
        mean_ns: ns("summary", "average"),
        p50_ns: ns("latencyPercentiles", "p50"),
        p99_ns: ns("latencyPercentiles", "p99"),
        lag_p999_ns: None,
    })
}
