//! `c10k lab`: questions that a single comparison often answers wrongly.
//!
//! Each lab asks a question, lets the reader predict the answer, measures, and says what the data
//! support. `stateful` is a plan that varies one factor at a time. The other labs are small and
//! share `lesson`.

mod chat;
mod concurrency;
mod lesson;
mod select;
mod stateful;
mod states;
mod told;
mod visitor;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::base::Exit;
use crate::view::table;

use chat::Chat;
use concurrency::Concurrency;
use lesson::Lab;
pub use lesson::LessonArgs;
use select::Select;
pub use stateful::{StatefulArgs, killed, naive};
use states::States;

/// `c10k lab`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LabArgs {
    #[command(subcommand)]
    lab: Option<Choice>,
}

const EXAMPLES: &str = "\
Examples:
  c10k lab                                     list the labs
  c10k lab concurrency                         15 seconds: which clients wait, and which are served
  c10k lab select --out /tmp/labs              create its folder elsewhere than in results
  c10k lab stateful --quick                    a first look with fewer cells and trials
  c10k lab stateful --models epoll,fork
  c10k lab stateful --from results/<run-id>    rebuild the page of a saved run";

#[derive(Debug, Subcommand)]
enum Choice {
    /// Chat rooms of growing size: how long a message takes to reach all members
    Chat(LessonArgs),
    /// Apparent and real concurrency: which of three clients wait, and which are served
    Concurrency(LessonArgs),
    /// Where a second client waits, and what idle clients cost select, poll and epoll
    Select(LessonArgs),
    /// TCP states at both ends, the side that keeps TIME_WAIT, and the processes and threads of
    /// servers
    States(LessonArgs),
    /// Stateful and stateless servers: the cost of connecting, of a session, and of the place of
    /// its state
    Stateful(StatefulArgs),
}

/// Each lab with its question.
const LABS: [(&str, &str); 5] = [
    ("stateful", stateful::QUESTION),
    (Concurrency::NAME, Concurrency::QUESTION),
    (States::NAME, States::QUESTION),
    (Select::NAME, Select::QUESTION),
    (Chat::NAME, Chat::QUESTION),
];

/// Runs a lab, or lists them.
///
/// # Errors
/// When a server does not start, or results cannot be written.
pub fn lab(args: &LabArgs) -> Result<Exit> {
    match &args.lab {
        Some(Choice::Stateful(args)) => stateful::run(args),
        Some(Choice::Chat(args)) => lesson::run::<Chat>(args),
        Some(Choice::Concurrency(args)) => lesson::run::<Concurrency>(args),
        Some(Choice::States(args)) => lesson::run::<States>(args),
        Some(Choice::Select(args)) => lesson::run::<Select>(args),
        None => {
            let lines = LABS.map(|(name, question)| format!("{name}: {question}\n"));
            table::show(&lines.concat()).map(|()| Exit::Ok)
        }
    }
}
