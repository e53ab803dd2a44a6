//! `c10k doctor`: conditions of this machine that spoil measurements, and how to fix them.
//!
//! - `processor`, `busy`, `network`, `limits`: probes of what the kernel reports. A probe is a pure
//!   function of a folder that contains `/proc` and `/sys` ([`Root`]).
//! - `measure`: probes by experiment: sleeping, waking up over loopback.
//! - `stalls`: time that a thread loses without sleeping.
//! - `noise`: one model against itself.

mod busy;
mod limits;
mod measure;
mod network;
mod noise;
mod processor;
mod show;
mod stalls;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::base::Exit;
use crate::base::units::{self, parse_duration};
use crate::document::{DoctorReport, Finding, SchemaId, Status, Validity};
use crate::host::machine::{self, Root};
use crate::view::deliver;

/// How long steal and other processes are observed.
const WATCHED: Duration = Duration::from_millis(500);

/// `c10k doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Also estimate the noise floor: measure this model against itself (A/A control)
    #[arg(long, value_name = "MODEL", num_args = 0..=1, default_missing_value = "epoll",
          value_parser = PossibleValuesParser::new(servers::MODELS.iter().map(|model| model.name)))]
    pub aa: Option<String>,
    /// With --aa: number of pairs of trials
    #[arg(long, value_name = "N", default_value = "10", requires = "aa",
          value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub pairs: u32,
    /// With --aa: duration of each trial
    #[arg(long, value_name = "TIME", default_value = "500ms", requires = "aa",
          value_parser = trial_length)]
    pub trial: Duration,
    /// Write the report as JSON to this file, or to standard output with -
    #[arg(long, value_name = "FILE|-")]
    pub json: Option<PathBuf>,
}

fn trial_length(text: &str) -> Result<Duration, String> {
    let least = Duration::from_millis(10);
    parse_duration(text)
        .and_then(|time| if time < least { Err("at least 10ms".into()) } else { Ok(time) })
}

/// Probes the machine and prints what to fix.
///
/// # Errors
/// When the report cannot be written, or with `--aa` the model cannot be measured.
pub fn doctor(args: &DoctorArgs) -> Result<Exit> {
    let root = Root::of_this_machine();
    // First, while nothing of ours disturbs the machine.
    let before = busy::Watch::begin(&root);
    std::thread::sleep(WATCHED);
    let mut findings = before.end(&root);
    findings.extend(all_probes(&root));
    findings.extend(measure::all());
    findings.extend(stalls::probe());
    let noise = match &args.aa {
        Some(model) => Some(noise::measure(model, args.pairs, args.trial)?),
        None => None,
    };
    findings.extend(noise.as_ref().map(noise::finding));
    let report = DoctorReport {
        schema: SchemaId::doctor(),
        made_at: units::now(),
        program_version: env!("CARGO_PKG_VERSION").into(),
        host: machine::host(),
        verdict: verdict(&findings),
        findings,
        noise,
    };
    deliver(&report, args.json.as_deref(), &show::report(&report))?;
    Ok(if report.verdict == Validity::Invalid { Exit::Untrusted } else { Exit::Ok })
}

fn all_probes(root: &Root) -> Vec<Finding> {
    [processor::probe, busy::probe, network::probe, limits::probe]
        .into_iter()
        .flat_map(|probe| probe(root))
        .collect()
}

fn verdict(findings: &[Finding]) -> Validity {
    match findings.iter().map(|finding| finding.status).max() {
        Some(Status::Fail) => Validity::Invalid,
        Some(Status::Warn) => Validity::Suspect,
        Some(Status::Pass) | None => Validity::Valid,
    }
}

/// What is always the same about one kind of finding.
#[derive(Clone, Copy, Debug)]
struct Subject {
    name: &'static str,
    limit: &'static str,
    why: &'static str,
    mend: &'static str,
}

impl Subject {
    fn found(self, status: Status, value: impl Into<String>) -> Finding {
        let mend = if status == Status::Pass { "" } else { self.mend };
        Finding {
            name: self.name.into(),
            status,
            value: value.into(),
            limit: self.limit.into(),
            why: self.why.into(),
            mend: mend.into(),
        }
    }
}

/// Good up to the first limit, bad beyond the second.
fn graded(value: f64, warn: f64, fail: f64) -> Status {
    match value {
        value if value > fail => Status::Fail,
        value if value > warn => Status::Warn,
        _ => Status::Pass,
    }
}

/// Warned of unless it holds.
fn warn_unless(good: bool) -> Status {
    if good { Status::Pass } else { Status::Warn }
}

#[cfg(test)]
mod tests;
