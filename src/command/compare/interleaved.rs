//! `c10k compare --interleaved`: two programs or two commands, measured in one run and compared in pairs.

use std::path::Path;

use anyhow::Result;

use super::gate::may_be_worse;
use super::{CompareArgs, Run, comparison, comparison_at, conclude};
use crate::base::{Exit, note, usage};
use crate::document::{Comparison, Summary};
use crate::plan::{External, Plan, RoundsPlan};
use crate::process::server::words;
use crate::run::{Made, of_sides};
use crate::statistics::Verdict;
use crate::statistics::looks::Look;

/// What a command's server is called in results.
const SERVER: &str = "server";
/// The models of two programs, where none are named: each serves its clients concurrently, on any machine.
const MODELS: [&str; 3] = ["thread-per-client", "epoll", "tokio-multi"];

/// One side.
enum Side {
    /// Another build of this program.
    Program(std::path::PathBuf),
    /// Whatever this command starts.
    Command(Vec<String>),
}

/// Measures both, compares them, and judges the comparison if asked to.
///
/// # Errors
/// When one is neither a program nor a command, or does not serve.
pub(super) fn compare(args: &CompareArgs) -> Result<Exit> {
    let sides = [("base", side(&args.base)?), ("new", side(&args.new)?)];
    if let [(_, Side::Program(_)), (_, Side::Command(_))]
    | [(_, Side::Command(_)), (_, Side::Program(_))] = &sides
    {
        return Err(usage(
            "give two programs or two commands: a program is measured with its models, a command is one server",
        ));
    }
    let [base, new] = sides;
    let sides = [read_side(base, args)?, read_side(new, args)?];
    let [base, new] = of_sides(sides, &args.out, &mut |sides, looks| decided(sides, looks, args))?;
    let interrupted = base.exit == Exit::Interrupted;
    let run = |Made { dir, summary, .. }| Run { dir, summary };
    let (base, new) = (run(base), run(new));
    note!("base: {}\nnew:  {}", base.dir.display(), new.dir.display());
    let ended = conclude(args, &comparison(&base, &new, args, Vec::new()))?;
    Ok(if interrupted { Exit::Interrupted } else { ended })
}

fn side(typed: &Path) -> Result<Side> {
    let text = typed.to_string_lossy();
    if let Some(command) = text.strip_prefix("cmd:") {
        return words(command).map(Side::Command).map_err(|error| usage(format!("{error:#}")));
    }
    if typed.is_dir() {
        return Err(usage(format!(
            "{text} is a folder: leave --interleaved out to compare saved runs"
        )));
    }
    typed.canonicalize().map(Side::Program).map_err(|_| usage(no_program(typed, &text)))
}

/// Says what to do about a side that is no file. It may be the name of a commit.
fn no_program(typed: &Path, text: &str) -> String {
    let is_path = typed.is_absolute() || text.starts_with('.') || typed.ends_with("c10k");
    let mend = if is_path {
        "Build it first, with `cargo build --release` in its checkout".to_owned()
    } else {
        let folder = format!("../{}", text.replace('/', "-"));
        format!(
            "Build a commit first, and give its program:\n  git worktree add {folder} {text}\n  cargo build \
             --release --manifest-path {folder}/Cargo.toml"
        )
    };
    format!("{text} is not a program. {mend}\nWrite a command as 'cmd:./server --port {{port}}'")
}

/// The program or command of a side.
fn read_side(
    (name, side): (&str, Side),
    args: &CompareArgs,
) -> Result<(Plan, Option<std::path::PathBuf>)> {
    let mut plan = args.plan.as_deref().map_or_else(|| Ok(Plan::quick()), Plan::named)?;
    // What differs from itself by how much is known from the pairs.
    (plan.twin, plan.syscalls) = (Some("none".into()), false);
    if !args.workloads.is_empty() {
        plan.keep_workloads(&args.workloads).map_err(|error| usage(error.to_string()))?;
    }
    plan.externals.clear();
    let program = match side {
        Side::Program(program) => {
            match (&args.models[..], &args.plan) {
                ([], None) => plan.models = MODELS.map(Into::into).into(),
                ([], Some(_)) => {}
                (models, _) => plan.models = models.into(),
            }
            Some(program)
        }
        Side::Command(words) => {
            plan.models.clear();
            plan.externals.push(External {
                name: SERVER.into(),
                command: Some(words),
                target: None,
                app: None,
                framing: None,
                folder: None,
                build: None,
            });
            None
        }
    };
    let time = args.time;
    let rounds = plan.rounds.get_or_insert_with(|| RoundsPlan::within(time));
    rounds.time = time;
    plan.name = format!("{}-{name}", plan.name);
    plan.check().map_err(|error| usage(format!("{error:#}")))?;
    Ok((plan, program))
}

/// The cells of which more trials would change nothing that is said of them.
fn decided(sides: [&Summary; 2], looks: &[Look], args: &CompareArgs) -> Vec<(String, String)> {
    if looks.is_empty() {
        return Vec::new();
    }
    let run = |summary: &Summary| Run { dir: Default::default(), summary: summary.clone() };
    let (base, new) = (run(sides[0]), run(sides[1]));
    let found = comparison_at(&base, &new, args, Vec::new(), Some(looks.to_vec()));
    let mut cells: Vec<(String, String)> = Vec::new();
    for row in &found.rows {
        let cell = (row.workload.clone(), row.model.clone());
        if !cells.contains(&cell) && is_decided(&found, &cell, args.gate) {
            cells.push(cell);
        }
    }
    cells
}

/// Whether every figure of a cell is the same, better or worse for sure; for a gate it is enough that
/// none can be worse by more than the margin.
fn is_decided(found: &Comparison, (workload, model): &(String, String), gate: bool) -> bool {
    let mut rows = found.rows.iter().filter(|row| row.workload == *workload && row.model == *model);
    rows.all(|row| match row.verdict {
        None => false,
        Some(Verdict::CannotTell) => gate && !may_be_worse(row, found.margin),
        Some(_) => true,
    })
}
