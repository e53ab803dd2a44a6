//! How a benchmark begins and ends: whether it is requested and can run, and under which conditions it ran.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use c10k::document::{Host, SchemaId};
use c10k::{machine, print, store, units};
use serde::Serialize;

/// Where the figures of a benchmark go.
#[derive(Debug, clap::Args)]
pub(crate) struct Output {
    /// Write all figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Cargo adds this to the command line of every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// Options that every benchmark has.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) output: Output,
    /// Run only if the name of this benchmark contains this text
    filter: Option<String>,
}

/// The conditions of a benchmark, which every record has.
#[derive(Debug, Serialize)]
pub(crate) struct Conditions {
    schema: SchemaId,
    started_at: String,
    program_version: &'static str,
    command: Vec<String>,
    host: Host,
    pub(crate) server_cpu: usize,
    pub(crate) client_cpu: usize,
    /// At the start, before the benchmark adds to it.
    load_average: String,
    /// Share of all processors' time that the hypervisor took.
    steal_share: Option<f64>,
    #[serde(skip)]
    ticks: Option<(u64, u64)>,
}

impl Conditions {
    /// Begins a benchmark whose records have this version. `None` if its name does not contain the
    /// filter, or if this build or machine cannot run it; a message says so.
    pub(crate) fn begin(bench: &'static str, version: u32, args: &Common) -> Result<Option<Self>> {
        if args.filter.as_deref().is_some_and(|filter| !bench.contains(filter)) {
            return Ok(None);
        }
        Self::here(bench, version, 2)
    }

    /// The same without a filter, on at least this many processors, one or two. Both ends share a
    /// single processor.
    pub(crate) fn here(
        bench: &'static str,
        version: u32,
        processors: usize,
    ) -> Result<Option<Self>> {
        if cfg!(debug_assertions) {
            let reason = format!("this build is not optimised: run `cargo bench --bench {bench}`");
            return skip(bench, &reason).map(|()| None);
        }
        Self::on(bench, version, processors)
    }

    /// Like [`Self::begin`], in any build and with one processor: for runs that measure nothing.
    pub(crate) fn in_any_build(
        bench: &'static str,
        version: u32,
        args: &Common,
    ) -> Result<Option<Self>> {
        if args.filter.as_deref().is_some_and(|filter| !bench.contains(filter)) {
            return Ok(None);
        }
        Self::on(bench, version, 1)
    }

    fn on(bench: &'static str, version: u32, processors: usize) -> Result<Option<Self>> {
        let cpus = machine::cpus();
        if cpus.len() < processors {
            let reason = "it needs two processors, one for each end, and this process may use one";
            return skip(bench, reason).map(|()| None);
        }
        let (server_cpu, client_cpu) = (cpus[0], cpus[1.min(cpus.len() - 1)]);
        Ok(Some(Self {
            schema: SchemaId { name: format!("c10k.{bench}"), version },
            started_at: units::now(),
            program_version: env!("CARGO_PKG_VERSION"),
            command: command(bench),
            host: machine::host(),
            server_cpu,
            client_cpu,
            load_average: std::fs::read_to_string("/proc/loadavg")
                .unwrap_or_default()
                .trim()
                .to_string(),
            steal_share: None,
            ticks: machine::steal_and_total_ticks(),
        }))
    }

    /// Completes the conditions after the measurement.
    pub(crate) fn end(mut self) -> Self {
        self.steal_share = steal_share(self.ticks);
        self
    }

    /// A line below the tables.
    pub(crate) fn text(&self) -> String {
        let Self { host, server_cpu, client_cpu, load_average, .. } = self;
        let mut text = format!(
            "{} on {}; server on processor {server_cpu}, client on processor {client_cpu}; load \
             average before: {load_average}",
            host.kernel, host.cpu_model
        );
        if let Some(steal) = self.steal_share {
            let _ = write!(text, "; stolen by the hypervisor: {:.1} %", steal * 100.0);
        }
        text
    }
}

/// Prints the report, and writes the record if `--json` is given.
pub(crate) fn publish(text: &str, record: &impl Serialize, args: &Common) -> Result<()> {
    publish_to(text, record, &args.output)
}

/// The same for a part of a benchmark, which has no filter.
pub(crate) fn publish_to(text: &str, record: &impl Serialize, output: &Output) -> Result<()> {
    print(text)?;
    match &output.json {
        Some(path) => path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .map_err(anyhow::Error::from)
            .and_then(|()| store::write(path, &store::json(record)?))
            .with_context(|| format!("cannot write the figures above to {}", path.display())),
        None => Ok(()),
    }
}

/// Reports that a benchmark cannot run here. This is no error, because nothing that was measured failed.
pub(crate) fn skip(bench: &str, reason: &str) -> Result<()> {
    print(&format!("{bench}: skipped: {reason}"))
}

/// The command that starts this benchmark, without the path where cargo has put it.
fn command(bench: &str) -> Vec<String> {
    let cargo = ["cargo", "bench", "--bench", bench, "--"].map(String::from);
    let own = std::env::args().skip(1).filter(|argument| argument != "--bench");
    cargo.into_iter().chain(own).collect()
}

/// The share of the processors' time since these ticks that the hypervisor took.
pub(crate) fn steal_share(before: Option<(u64, u64)>) -> Option<f64> {
    let ((steal, total), (steal_now, total_now)) = (before?, machine::steal_and_total_ticks()?);
    let total = total_now.checked_sub(total).filter(|total| *total > 0)?;
    Some(units::as_f64(steal_now.saturating_sub(steal)) / units::as_f64(total))
}
