//! Loads from several generators: which part this process sends, and when all parts start.
//!
//! `launcher` reads the environment of this process. In `meeting` the parts agree on a start and
//! compare their clocks.

mod hosts;
mod launcher;
mod meeting;
pub(super) mod together;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::LoadArgs;
use crate::base::units::{parse_duration, parse_shard as shard, parse_time as time_of_day};
use crate::base::values::positive;
use crate::base::{note, usage};
use crate::document::LauncherRecord;
use launcher::{Environment, LauncherArg, Reading, Told};

/// The environment variable for `--rendezvous`.
const RENDEZVOUS: &str = "C10K_RENDEZVOUS";

/// The placeholder for the part's number in file names.
const NUMBER: &str = "%t";

/// Ports for the rendezvous of a Slurm step, above Linux's range of ephemeral ports.
const PORTS: (u64, u64) = (61_000, 4_000);

const HEADING: &str = "Several generators";

/// Options of a load from several generators.
#[derive(Clone, Debug, Args)]
pub struct PartArgs {
    /// Send only part K of N, with K from 0: together, N generators send exactly the requests that
    /// one would send at --rate, each over its own connections; c10k merge adds up their results
    #[arg(long, value_name = "K/N", value_parser = shard, help_heading = HEADING)]
    pub shard: Option<(u64, u64)>,
    /// Time at which all generators start together (RFC 3339, UTC)
    #[arg(long, value_name = "TIME", value_parser = time_of_day, help_heading = HEADING)]
    pub start_at: Option<Duration>,
    /// Launcher whose environment variables name the part: auto, none, slurm, kubernetes, openmpi,
    /// pmi or pmix. With auto, each task of srun, mpirun or an Indexed Job sends its part; with
    /// none the environment is ignored
    #[arg(long, value_enum, value_name = "LAUNCHER", default_value_t, hide_possible_values = true)]
    #[arg(help_heading = HEADING)]
    pub launcher: LauncherArg,
    /// Number of parts, if the launcher gives only the part's own number (also C10K_PARTS=N)
    #[arg(long, value_name = "N", value_parser = positive, help_heading = HEADING)]
    pub parts: Option<usize>,
    /// Address at which the parts agree on a start: part 0 listens there, the others connect (also
    /// C10K_RENDEZVOUS) [default in a Slurm step: its first node]
    #[arg(long, value_name = "HOST:PORT", help_heading = HEADING)]
    pub rendezvous: Option<String>,
    /// Time that parts wait for each other there
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    #[arg(help_heading = HEADING)]
    pub gather: Duration,
}

/// The part of a load that this process sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) k: u64,
    pub(crate) n: u64,
    pub(crate) launcher: Option<LauncherRecord>,
    /// The rendezvous, if there is one.
    pub(super) place: Option<(String, u16)>,
}

impl Part {
    /// The whole load.
    pub(crate) const WHOLE: Self = Self { k: 0, n: 1, launcher: None, place: None };

    /// Whether there are other parts.
    pub(crate) fn is_one_of_several(&self) -> bool {
        self.n > 1
    }
}

/// Determines the part, prints it if the environment decided it, and puts its number into file
/// names.
///
/// # Errors
/// When options and environment contradict each other, or this load cannot be divided.
pub(crate) fn resolve(args: &mut LoadArgs) -> Result<Part> {
    let part = part_of(&args.part, &|name| std::env::var(name).ok())?;
    // What --shard alone does not go with, each command says itself.
    if part.launcher.is_some() || part.place.is_some() {
        refuse_what_has_no_parts(args)?;
    }
    let shared = part.launcher.is_some();
    let LoadArgs { json, formats, .. } = args;
    for (option, path) in
        [("--json", json), ("--hlog", &mut formats.hlog), ("--hgrm", &mut formats.hgrm)]
    {
        let Some(path) = path else { continue };
        if shared && is_of_all(path) {
            return Err(usage(format!(
                "{option} {}: {} parts would write the same file; write {NUMBER} for the number of the part, as in \
                 {option} part-{NUMBER}.json",
                path.display(),
                part.n
            )));
        }
        *path = numbered(path, part.k);
    }
    Ok(part)
}

/// The part that options and environment say, and a line about it on standard error.
fn part_of(args: &PartArgs, variable: &dyn Fn(&str) -> Option<String>) -> Result<Part> {
    let env = Environment(variable);
    let told = Told { shard: args.shard, parts: args.parts.map(|parts| parts as u64) };
    match launcher::read(args.launcher, &env, told)? {
        Reading::Whole(note) => {
            if let Some(note) = note {
                say(&format!("c10k load: {note}"));
            }
            Ok(Part::WHOLE)
        }
        Reading::Part { k, n, launcher } => {
            let place = place(args, &env, launcher.as_ref())?;
            if let Some(launcher) = &launcher {
                say(&format!(
                    "c10k load: part {k} of {n}, by {} ({}); --launcher none switches this off",
                    launcher.name,
                    launcher::show(&launcher.variables)
                ));
            }
            Ok(Part { k, n, launcher, place })
        }
    }
}

/// Prints to standard error, which may have no reader.
fn say(line: &str) {
    note!("{line}");
}

/// Where parts meet. A start that is given needs no meeting.
fn place(
    args: &PartArgs,
    env: &Environment<'_>,
    launcher: Option<&LauncherRecord>,
) -> Result<Option<(String, u16)>> {
    if let Some(text) = &args.rendezvous {
        return host_and_port(text).map(Some);
    }
    if args.start_at.is_some() {
        return Ok(None);
    }
    let given = env.text(RENDEZVOUS).filter(|_| args.launcher != LauncherArg::None);
    if let Some(text) = given {
        return host_and_port(&text).map(Some);
    }
    let Some(launcher) = launcher else { return Ok(None) };
    if launcher.name.starts_with("slurm") {
        let number = |name| env.text(name).and_then(|text| text.parse::<u64>().ok());
        let list = env.text("SLURM_STEP_NODELIST").and_then(|list| hosts::first(&list));
        if let (Some(host), Some(job), Some(step)) =
            (list, number("SLURM_JOB_ID"), number("SLURM_STEP_ID"))
        {
            let port = PORTS.0 + job.wrapping_mul(31).wrapping_add(step) % PORTS.1;
            return Ok(Some((host, u16::try_from(port)?)));
        }
    }
    Err(usage(format!(
        "{} started this process as one of several parts, but no option says when all parts start: add --rendezvous \
         HOST:PORT with the host of part 0 (or set {RENDEZVOUS}), or add --start-at TIME",
        launcher.name
    )))
}

fn host_and_port(text: &str) -> Result<(String, u16)> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match parts {
        Some((host, port)) if !host.is_empty() && port > 0 => {
            Ok((host.trim_matches(['[', ']']).to_string(), port))
        }
        _ => Err(usage(format!(
            "'{text}' is not a rendezvous: write HOST:PORT with the host of part 0, as in node1:7411"
        ))),
    }
}

/// Options that each part would apply as a whole, or decide for itself, do not work with parts.
fn refuse_what_has_no_parts(args: &LoadArgs) -> Result<()> {
    let given = [
        ("--find-capacity", args.find_capacity.is_some()),
        ("--requests", args.requests.is_some()),
        ("--warmup auto", args.warmup() == crate::base::values::Warmup::Auto),
        ("--app chat", args.app() == protocol::App::Chat),
        ("--serve", args.serve.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((option, _)) => Err(usage(format!(
            "{option} does not work with several parts: leave it out, or add --launcher none to send a whole load \
             from this process"
        ))),
    }
}

/// Whether all parts with these arguments would write to one file.
fn is_of_all(path: &Path) -> bool {
    let text = path.to_string_lossy();
    !text.contains(NUMBER) && text != "-" && !text.starts_with("/dev/")
}

/// The file of one part.
fn numbered(path: &Path, k: u64) -> PathBuf {
    match path.to_str() {
        Some(text) => text.replace(NUMBER, &k.to_string()).into(),
        None => path.to_path_buf(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::values::read;

    /// The part of these words, in this environment.
    fn found(words: &str, variables: &str) -> Result<Part, String> {
        let words: Vec<&str> = words.split_whitespace().collect();
        let args: PartArgs = read(&words).map_err(|error| error.to_string())?;
        let lookup = |name: &str| {
            let words = variables.split_whitespace().filter_map(|word| word.split_once('='));
            words.filter(|(key, _)| *key == name).map(|(_, value)| value.to_string()).next()
        };
        part_of(&args, &lookup).map_err(|error| error.to_string())
    }

    const TASK: &str = "SLURM_JOB_ID=7 SLURM_STEP_ID=1 SLURM_PROCID=2 SLURM_STEP_NUM_TASKS=4 \
                        SLURM_STEP_NODELIST=n[3-5]";

    #[test]
    fn parts_meet_where_all_of_them_can_tell() {
        let place = |words, variables| found(words, variables).map(|part| part.place);
        assert_eq!(place("", TASK), Ok(Some(("n3".into(), 61_218))));
        assert_eq!(place("--rendezvous m:7", TASK), Ok(Some(("m".into(), 7))));
        assert_eq!(place("--rendezvous [::1]:7", TASK), Ok(Some(("::1".into(), 7))));
        assert_eq!(place("--start-at 2026-01-01T00:00:00Z", TASK), Ok(None));
        assert_eq!(place("--shard 0/3", ""), Ok(None), "as it was without launchers");
        let job = "JOB_COMPLETION_INDEX=1 C10K_PARTS=3";
        let named = format!("{job} C10K_RENDEZVOUS=load-0.load:7411");
        assert_eq!(place("", &named), Ok(Some(("load-0.load".into(), 7411))));
        let variable = "C10K_RENDEZVOUS=m:7";
        assert_eq!(place("--shard 0/3", variable), Ok(Some(("m".into(), 7))));
        assert_eq!(place("--shard 0/3 --launcher none", variable), Ok(None));
        let error = place("", job).expect_err("nothing says where");
        assert!(error.contains("--rendezvous HOST:PORT"), "{error}");
        let error = place("--rendezvous node1", TASK).expect_err("no port");
        assert!(error.contains("node1:7411"), "{error}");
    }

    #[test]
    fn without_a_launcher_nothing_is_different() {
        assert_eq!(found("", ""), Ok(Part::WHOLE));
        assert_eq!(found("--launcher none", TASK), Ok(Part::WHOLE));
        let typed = Part { k: 1, n: 3, launcher: None, place: None };
        assert_eq!(found("--shard 1/3", ""), Ok(typed));
    }

    #[test]
    fn files_are_numbered() {
        assert_eq!(numbered(Path::new("a/part-%t.json"), 3), Path::new("a/part-3.json"));
        assert_eq!(numbered(Path::new("-"), 3), Path::new("-"));
        assert!(is_of_all(Path::new("a.json")));
        for fine in ["-", "/dev/null", "part-%t.json"] {
            assert!(!is_of_all(Path::new(fine)), "{fine}");
        }
    }
}
