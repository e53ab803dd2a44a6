//! `c10k soak`: servers under a mixed load for a long time, to find resources that they leak with
//! each connection.
//!
//! Each server in turn gets a piece of the time, with a fresh process (`piece`), under several
//! loads at once (`mix`). After each leg of a piece, the server is examined at rest (`rest`);
//! `analysis::soak` judges the samples. `soak.json` is rewritten after each piece, so a soak can be
//! resumed.

mod mix;
mod piece;
mod rest;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use protocol::App;
use servers::{MODELS, Model, broken, models};

use crate::analysis::soak::verdict;
use crate::base::units::{self, counted, ns, parse_count, show_count};
use crate::base::values::{app, broken_names, positive_duration, servable_names};
use crate::base::{self, Exit, invocation, note, usage};
use crate::document::store;
use crate::document::{
    SchemaId, SoakAnswer, SoakPiece, SoakReport, SoakSettings, SoakSubject, SoakVerdict,
};
use crate::host::machine;
use crate::process::interrupts;
use crate::process::server::words;
use crate::process::starting::Subject;
use crate::process::this_program;
use crate::run::folder::Folder;
use crate::view::table;

/// The document in the folder of a soak.
const REPORT: &str = "soak.json";

/// `c10k soak`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SoakArgs {
    /// The models [default: all that c10k models lists]
    #[arg(value_name = "MODEL", value_parser = servable_names())]
    #[arg(hide_possible_values = true)]
    pub models: Vec<String>,
    /// A server that is broken on purpose; may be given several times
    #[arg(long, value_name = "NAME", value_parser = broken_names(), help_heading = WHAT)]
    #[arg(hide_possible_values = true)]
    pub broken: Vec<String>,
    /// A server that this command starts on {port}; it must serve 24 clients at a time
    #[arg(long, value_name = "COMMAND", help_heading = WHAT)]
    pub command: Option<String>,
    /// The application: bench, echo or multiply
    #[arg(long, default_value = "bench", value_parser = app, help_heading = WHAT)]
    pub app: App,
    /// Total time for all servers
    #[arg(long, default_value = "1h", value_parser = positive_duration, help_heading = HOW)]
    pub time: Duration,
    /// Time of one piece: servers are loaded in turn, a piece at a time, until the total time is
    /// over. A server that is too slow to be judged in one piece gets up to three times as long
    #[arg(long, default_value = "2m", value_parser = positive_duration, help_heading = HOW)]
    pub piece: Duration,
    /// Instead of a time: one piece for each server, of this many connections
    #[arg(long, value_name = "N", value_parser = parse_count, conflicts_with_all = ["time", "piece"], help_heading = HOW)]
    pub connections: Option<usize>,
    /// Resume an interrupted soak
    #[arg(long, value_name = "DIR", conflicts_with_all = ["models", "broken", "command", "app", "time", "piece", "connections", "out"], help_heading = OUT)]
    pub resume: Option<PathBuf>,
    /// Where to create the soak's folder
    #[arg(long, value_name = "DIR", default_value = "results", help_heading = OUT)]
    pub out: PathBuf,
    /// Print the report as JSON instead of a table
    #[arg(long, help_heading = OUT)]
    pub json: bool,
}

const WHAT: &str = "Servers";
const HOW: &str = "How long";
const OUT: &str = "Results";

const EXAMPLES: &str = "\
Examples:
  c10k soak                                   an hour, every model for about two minutes
  c10k soak --time 8h                         a night: all servers in turn, two minutes at a time
  c10k soak epoll tokio-multi --time 20m      two models
  c10k soak --broken rare-leak --connections 100k
  c10k soak --command './server {port}' --app multiply --time 10m
  c10k soak --resume results/soak-20260101T120000Z

Exit codes: 0 every server is steady, 1 a request got no correct reply or a server ended, 2 usage, 3 a server drifts,
4 too few samples to judge, 130 interrupted";

/// A soak under way.
struct Soak {
    folder: Folder,
    report: SoakReport,
    stop: Arc<AtomicBool>,
}

/// Soaks servers, prints what came of it and writes it down.
///
/// # Errors
/// When the options make no sense, a server cannot be started, or nothing can be written.
pub fn soak(args: &SoakArgs) -> Result<Exit> {
    let mut soak = match &args.resume {
        Some(folder) => Soak::resume(folder)?,
        None => Soak::begin(args)?,
    };
    let made = soak.make_pieces();
    soak.report.interrupted = made.is_err() || soak.is_stopped();
    let written = soak.write();
    if args.json {
        base::print(&String::from_utf8(store::json(&soak.report)?)?)?;
    } else {
        table::show(&table::soak(&soak.report))?;
    }
    let folder = soak.folder.path.display();
    note!("\nresults: {folder}/{REPORT}");
    made.and(written)?;
    if soak.report.interrupted {
        note!("interrupted: continue with c10k soak --resume {folder}");
        return Ok(Exit::Interrupted);
    }
    Ok(exit(&soak.report.verdicts))
}

/// The worst of what is said.
fn exit(verdicts: &[SoakVerdict]) -> Exit {
    match verdicts.iter().map(|verdict| verdict.answer).min() {
        Some(SoakAnswer::Steady) => Exit::Ok,
        Some(SoakAnswer::Drifts) => Exit::Worse,
        Some(SoakAnswer::FellShort) => Exit::FellShort,
        Some(SoakAnswer::NotJudged) | None => Exit::Untrusted,
    }
}

impl Soak {
    fn begin(args: &SoakArgs) -> Result<Self> {
        let (subjects, left_out) = subjects(args)?;
        let settings = settings(args, subjects)?;
        let started_at = units::now();
        let id = format!("soak-{}", units::compact(&started_at));
        let (folder, _) = Folder::new(&args.out, &id, None)?;
        let report = SoakReport {
            schema: SchemaId::soak(),
            written_at: started_at.clone(),
            started_at,
            program_version: env!("CARGO_PKG_VERSION").into(),
            command: invocation(),
            host: machine::host(),
            settings,
            interrupted: true,
            left_out,
            verdicts: Vec::new(),
            pieces: Vec::new(),
        };
        let mut soak = Self { folder, report, stop: interrupts()? };
        // From here on it can be resumed.
        soak.write()?;
        Ok(soak)
    }

    fn resume(path: &Path) -> Result<Self> {
        let report: SoakReport = store::read_json(&path.join(REPORT))
            .map_err(|error| usage(format!("cannot resume: {error:#}")))?;
        let folder = Folder::again(path)?;
        let differences = report.host.differences(&machine::host());
        if report.program_version != env!("CARGO_PKG_VERSION") || !differences.is_empty() {
            return Err(usage(format!(
                "{} was started by c10k {}, on a machine that may be another one ({}): start a new soak",
                path.display(),
                report.program_version,
                differences.join(", ")
            )));
        }
        Ok(Self { folder, report, stop: interrupts()? })
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Makes the pieces that are missing, in order. Half a piece is no piece: it is made again.
    fn make_pieces(&mut self) -> Result<()> {
        let SoakSettings { subjects, rounds, .. } = self.report.settings.clone();
        let all = (0..rounds).flat_map(|round| subjects.iter().map(move |one| (round, one)));
        let todo: Vec<_> = all.skip(self.report.pieces.len()).collect();
        if !self.report.pieces.is_empty() {
            note!("already done: {}", counted(self.report.pieces.len(), "piece"));
        }
        for (round, subject) in todo {
            let started = started(subject)?;
            let piece = piece::soak(&started, subject, round, &self.report.settings, &self.stop)
                .with_context(|| format!("{} {}", subject.kind, subject.name))?;
            let Some(piece) = piece else { return Ok(()) };
            self.report.pieces.push(piece);
            self.write()?;
            note!("{}", self.line());
        }
        Ok(())
    }

    /// The last piece, for who waits.
    fn line(&self) -> String {
        let Some(piece) = self.report.pieces.last() else { return String::new() };
        let SoakPiece { subject, connections, lasted_ns, requests, .. } = piece;
        let verdict = self.report.verdicts.iter().find(|verdict| verdict.subject == *subject);
        let answer = verdict.map_or("", |verdict| table::soak_answer(verdict.answer));
        format!(
            "{:24} {:>8} connections in {}, {} of {} requests failed; so far: {answer}",
            subject.name,
            show_count(units::as_f64(*connections)),
            units::show_ns(*lasted_ns),
            requests.failures(),
            show_count(units::as_f64(requests.offered)),
        )
    }

    /// Judges all servers anew and writes everything.
    fn write(&mut self) -> Result<()> {
        let SoakReport { settings, pieces, .. } = &self.report;
        let judge = |subject: &SoakSubject| {
            let own: Vec<_> = pieces.iter().filter(|piece| piece.subject == *subject).collect();
            verdict(subject, &own)
        };
        self.report.verdicts = settings.subjects.iter().map(judge).collect();
        self.report.written_at = units::now();
        store::write_json(&self.folder.path.join(REPORT), &self.report)
    }
}

/// What is to be soaked, and which models cannot be here.
fn subjects(args: &SoakArgs) -> Result<(Vec<SoakSubject>, Vec<String>)> {
    let subject = |kind: &str, name: &str| SoakSubject { kind: kind.into(), name: name.into() };
    let nothing_named = args.models.is_empty() && args.broken.is_empty() && args.command.is_none();
    let all: Vec<&str> = match nothing_named {
        true => MODELS.iter().map(|model| model.name).collect(),
        false => args.models.iter().map(String::as_str).collect(),
    };
    let (mut subjects, mut left_out) = (Vec::new(), Vec::new());
    for name in all {
        match (model(name)?.probe)() {
            Ok(()) => subjects.push(subject("model", name)),
            Err(reason) => left_out.push(format!("{name} cannot run here: {reason}")),
        }
    }
    subjects.extend(args.broken.iter().map(|name| subject("broken", name)));
    if let Some(command) = &args.command {
        words(command).map_err(|error| usage(format!("{error:#}")))?;
        subjects.push(subject("command", command));
    }
    left_out.iter().for_each(|note| note!("{note}"));
    if subjects.is_empty() {
        return Err(usage(left_out.join("; ")));
    }
    let twice = subjects.iter().enumerate().find(|(at, one)| subjects[..*at].contains(one));
    if let Some((_, one)) = twice {
        return Err(usage(format!("{} is named twice: leave one out", one.name)));
    }
    Ok((subjects, left_out))
}

/// How long each server has, and how often.
fn settings(args: &SoakArgs, subjects: Vec<SoakSubject>) -> Result<SoakSettings> {
    let servers = u32::try_from(subjects.len()).context("too many servers")?;
    let rounds = args.time.as_nanos() / (args.piece * servers).as_nanos().max(1);
    let (rounds, piece) = match u32::try_from(rounds).unwrap_or(u32::MAX) {
        0 => (1, args.time / servers),
        rounds => (rounds, args.piece),
    };
    let app = args.app.name().into();
    Ok(match args.connections {
        Some(connections) => SoakSettings {
            subjects,
            app,
            rounds: 1,
            piece_ns: None,
            piece_connections: Some(connections as u64),
        },
        None => SoakSettings {
            subjects,
            app,
            rounds,
            piece_ns: Some(ns(piece)),
            piece_connections: None,
        },
    })
}

fn model(name: &str) -> Result<&'static Model> {
    models::find(name).with_context(|| format!("there is no model {name} in this version"))
}

/// How a server is started.
fn started(subject: &SoakSubject) -> Result<Subject> {
    let SoakSubject { kind, name } = subject;
    match kind.as_str() {
        "command" => Ok(Subject::Command(words(name)?)),
        "broken" => {
            let found = broken::find(name)
                .with_context(|| format!("there is no broken server {name} in this version"))?;
            Ok(Subject::Model { model: &found.model, program: this_program()? })
        }
        _ => Ok(Subject::Model { model: model(name)?, program: this_program()? }),
    }
}

/// The application of a soak.
fn app_of(settings: &SoakSettings) -> Result<App> {
    app(&settings.app).map_err(anyhow::Error::msg)
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    fn args(words: &[&str]) -> SoakArgs {
        let command = SoakArgs::augment_args(Command::new("soak"));
        let matches = command.try_get_matches_from([&["soak"], words].concat()).expect("taken");
        SoakArgs::from_arg_matches(&matches).expect("taken")
    }

    fn of(words: &[&str], servers: usize) -> (u32, Option<u64>, Option<u64>) {
        let one = SoakSubject { kind: "model".into(), name: "epoll".into() };
        let found = settings(&args(words), vec![one; servers]).expect("it makes sense");
        (found.rounds, found.piece_ns, found.piece_connections)
    }

    #[test]
    fn the_time_is_divided_into_pieces_and_rounds() {
        const S: u64 = 1_000_000_000;
        assert_eq!(of(&[], 30), (1, Some(120 * S), None));
        assert_eq!(of(&[], 40), (1, Some(90 * S), None), "shorter pieces, so that each has one");
        assert_eq!(of(&["--time", "8h"], 30), (8, Some(120 * S), None));
        assert_eq!(of(&["--time", "20m", "--piece", "5m"], 2), (2, Some(300 * S), None));
        assert_eq!(of(&["--connections", "100k"], 3), (1, None, Some(100_000)));
    }

    #[test]
    fn the_exit_code_is_that_of_the_worst() {
        let subject = SoakSubject { kind: "model".into(), name: "epoll".into() };
        let with = |answer| SoakVerdict { answer, ..verdict(&subject, &[]) };
        let of = |answers: &[SoakAnswer]| {
            exit(&answers.iter().map(|answer| with(*answer)).collect::<Vec<_>>())
        };
        use SoakAnswer::{Drifts, FellShort, NotJudged, Steady};
        assert_eq!(of(&[Steady, Steady]), Exit::Ok);
        assert_eq!(of(&[Steady, NotJudged]), Exit::Untrusted);
        assert_eq!(of(&[NotJudged, FellShort]), Exit::FellShort);
        assert_eq!(of(&[FellShort, Drifts, NotJudged]), Exit::Worse);
        assert_eq!(of(&[]), Exit::Untrusted);
    }
}
