//! `c10k check`: what a server does with bad clients, scarce resources and signals.
//!
//! A [`Behaviour`] is data: a name that says what is expected, why it matters, what it is worth,
//! what it needs, and a function that tries it on a server. Every model of this program has to
//! show all of them (`tests/behaviour.rs`); anybody's server can be held against them.
//!
//! - [`behaviours`]: the list, by theme
//! - [`runner`]: one behaviour on one server, from a fresh start to nothing left
//! - [`server`]: the server under check, and [`watch`]: how it looks from outside
//! - [`client`]: the client that misbehaves on purpose, [`companion`]: the one that does not
//! - [`speech`]: requests with known replies

pub mod behaviours;
pub mod client;
pub mod companion;
pub mod runner;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use protocol::{App, Framing};
use rustix::process::geteuid;
use servers::{Family, models};

pub use crate::process::starting::Subject;
pub use crate::process::watch;
pub use crate::process::{server, starting};
pub use crate::workload::speech::{self, Speech};
pub use runner::{Case, Setting, Skip, Verdict};

use crate::base::units;
use crate::base::values::{address, app, framing, positive_duration, servable_names};
use crate::base::{Exit, did_you_mean_or, usage};
use crate::document::{CheckReport, CheckSubject, CheckTest, SchemaId};
use crate::process::inherited::Inherited;
use crate::process::interrupts;
use crate::view::{deliver, table};

/// `c10k check`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("server").required(true))]
pub struct CheckArgs {
    /// Check a model of this program; `c10k models` lists them
    #[arg(long, short, group = "server", value_parser = servable_names())]
    pub model: Option<String>,
    /// Check whatever listens there, as far as that shows
    #[arg(long, short, group = "server", value_parser = address)]
    pub target: Option<SocketAddr>,
    /// Check what this command starts; it is to listen at {port}, or at $PORT
    #[arg(long, group = "server", value_name = "COMMAND")]
    pub command: Option<String>,
    /// What a request means to it
    #[arg(long, default_value = "bench", value_parser = app)]
    pub app: App,
    /// How it cuts the stream into requests
    #[arg(long, default_value = "line", value_parser = framing)]
    pub framing: Framing,
    /// Only these behaviours, by name, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "BEHAVIOURS")]
    pub only: Vec<String>,
    /// How long to wait for what the server should do at once
    #[arg(long, default_value = "5s", value_parser = positive_duration)]
    pub patience: Duration,
    /// Write the result as JSON to this file, or to standard output with -
    #[arg(long, value_name = "FILE|-")]
    pub json: Option<PathBuf>,
}

/// Something that a server is expected to do.
#[derive(Debug)]
pub struct Behaviour {
    /// A sentence in snake case.
    pub name: &'static str,
    /// Why it matters, in one line.
    pub why: &'static str,
    /// What it is worth.
    pub points: u32,
    /// What must be known of the server.
    pub needs: Needs,
    /// What it must speak.
    pub speaks: Speaks,
    /// How a model of ours is started for it.
    pub flags: &'static [&'static str],
    /// Somebody does harm, and a well-behaved client beside must not notice.
    pub hostile: bool,
    /// It is about several clients at a time.
    pub concurrent: bool,
    /// The server must not have root's exemptions.
    pub unprivileged: bool,
    /// What a model of ours inherits.
    pub inherited: Inherited,
    /// Tries it.
    pub run: fn(&mut Case<'_>) -> Result<()>,
}

/// What must be known of a server to try a behaviour on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Where it listens.
    Address,
    /// Its process, to look at and to send signals to.
    Process,
    /// Our command line, counters and timeouts.
    Model,
    /// Processes below the first.
    Workers,
}

/// What a server must speak for a behaviour to be tried on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// Any application in any framing.
    Anything,
    /// Any application over lines.
    Lines,
    /// The `bench` application over lines.
    Bench,
    /// What the behaviour itself has our model speak.
    Own(Speech),
}

impl Behaviour {
    /// What most have in common.
    const PLAIN: Self = Self {
        name: "",
        why: "",
        points: 1,
        needs: Needs::Address,
        speaks: Speaks::Anything,
        flags: &[],
        hostile: false,
        concurrent: false,
        unprivileged: false,
        inherited: Inherited { signals: false, descriptors: 0, limit: None },
        run: |_| Ok(()),
    };

    /// Why it cannot be tried on that server, if it cannot.
    #[must_use]
    pub fn does_not_fit(&self, subject: &Subject, speech: Speech) -> Option<String> {
        self.misfit(subject, speech).map(Into::into).or_else(|| match subject {
            Subject::Model { model, .. } => (model.probe)().err(),
            Subject::Command(_) | Subject::Address(_) => None,
        })
    }

    fn misfit(&self, subject: &Subject, speech: Speech) -> Option<&'static str> {
        let is_model = matches!(subject, Subject::Model { .. });
        match (self.needs, subject) {
            (Needs::Model, Subject::Command(_) | Subject::Address(_)) => {
                return Some("it needs a model's options and counters (--model)");
            }
            (Needs::Process | Needs::Workers, Subject::Address(_)) => {
                return Some("it needs the server's process (--command or --model)");
            }
            (Needs::Workers, Subject::Model { model, .. }) if model.family != Family::Process => {
                return Some("the model has no processes beside the first");
            }
            _ => {}
        }
        if self.unprivileged && !is_model && geteuid().is_root() {
            return Some("root is exempt from the limit: run it as another user");
        }
        match self.speaks {
            Speaks::Lines if speech.framing != Framing::Line => Some("it needs --framing line"),
            Speaks::Bench if speech.app != App::Bench => Some("it needs --app bench"),
            Speaks::Bench if speech.framing != Framing::Line => Some("it needs --framing line"),
            _ => None,
        }
    }
}

/// Checks a server, prints what came of it, and writes it down if asked to.
///
/// # Errors
/// When there is no server to check, with what to do about it.
pub fn check(args: &CheckArgs) -> Result<Exit> {
    if args.framing == Framing::Http {
        return Err(usage(
            "no server of another make has the paths of ours: leave --framing http out, and a model \
             (--model) is asked in HTTP where a behaviour is about it",
        ));
    }
    let chosen = chosen(&args.only)?;
    let subject = subject(args)?;
    let speech = Speech { app: args.app, framing: args.framing };
    let setting = Setting::explore(subject, speech, args.patience)?;
    let stop = interrupts()?;
    let bar = bar(chosen.len());
    let started_at = units::now();
    let mut tests = Vec::new();
    for behaviour in chosen {
        if stop.load(SeqCst) {
            break;
        }
        bar.set_message(behaviour.name);
        tests.push(test(behaviour, setting.try_one(behaviour)));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let report = report(&setting, started_at, tests);
    deliver(&report, args.json.as_deref(), &table::check(&report))?;
    Ok(match (stop.load(SeqCst), report.score == report.max) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Ok,
        (false, false) => Exit::FellShort,
    })
}

fn chosen(only: &[String]) -> Result<Vec<&'static Behaviour>> {
    if only.is_empty() {
        return Ok(behaviours::all().collect());
    }
    let find = |name: &String| {
        behaviours::all().find(|behaviour| behaviour.name == name).ok_or_else(|| {
            let names: Vec<&str> = behaviours::all().map(|behaviour| behaviour.name).collect();
            let hint = did_you_mean_or(name, "they are", &names);
            usage(format!("there is no behaviour '{name}'{hint}"))
        })
    };
    only.iter().map(find).collect()
}

fn subject(args: &CheckArgs) -> Result<Subject> {
    if let Some(model) = &args.model {
        let model = models::find(model).expect("the command line admits known models only");
        return Ok(Subject::Model { model, program: server::this_program()? });
    }
    if let Some(command) = &args.command {
        let words = server::words(command).map_err(|error| usage(format!("{error:#}")))?;
        return Ok(Subject::Command(words));
    }
    args.target.map(Subject::Address).context("the command line asks for one of three")
}

fn test(behaviour: &Behaviour, verdict: Verdict) -> CheckTest {
    let (points, max) = match verdict {
        Verdict::Pass => (behaviour.points, behaviour.points),
        Verdict::Fail(_) => (0, behaviour.points),
        Verdict::ByNature | Verdict::Skipped(_) => (0, 0),
    };
    CheckTest {
        name: behaviour.name.into(),
        result: verdict.name().into(),
        points,
        max,
        why: behaviour.why.into(),
        reason: verdict.reason().map(Into::into),
    }
}

fn report(setting: &Setting, started_at: String, tests: Vec<CheckTest>) -> CheckReport {
    let (kind, name) = match &setting.subject {
        Subject::Model { model, .. } => ("model", model.name.to_string()),
        Subject::Command(words) => ("command", words.join(" ")),
        Subject::Address(address) => ("target", address.to_string()),
    };
    CheckReport {
        schema: SchemaId::check(),
        started_at,
        program_version: env!("CARGO_PKG_VERSION").into(),
        subject: CheckSubject {
            kind: kind.into(),
            name,
            app: setting.speech.app.name().into(),
            framing: setting.speech.framing.name().into(),
            one_at_a_time: setting.one_at_a_time,
        },
        score: tests.iter().map(|test| test.points).sum(),
        max: tests.iter().map(|test| test.max).sum(),
        tests,
    }
}

/// A progress bar over behaviours; nothing is drawn where nobody watches.
fn bar(behaviours: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:20} {pos} of {len}  {msg}");
    let bar = ProgressBar::new(behaviours as u64);
    bar.set_style(style.expect("the template is in order"));
    bar
}

/// Whether the model serves one client after the other, by what it is.
fn is_sequential(subject: &Subject) -> bool {
    matches!(subject, Subject::Model { model, .. } if model.family == Family::Sequential)
}
