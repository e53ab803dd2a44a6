//! `c10k lab`: questions that a single comparison often answers wrongly, taken apart.
//!
//! Each lab begins with its question, lets the reader predict, measures, and says what the data
//! support. `stateful` is a plan that varies each factor by itself. The others are small and share
//! `lesson`.

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
  c10k lab concurrency                         a quarter of a minute: who waits, and who is served
  c10k lab select --out /tmp/labs              its folder somewhere else than in results
  c10k lab stateful --quick                    fewer cells and trials: a first look
  c10k lab stateful --models epoll,fork
  c10k lab stateful --from results/<run-id>    the page again, of a run that is there";

#[derive(Debug, Subcommand)]
enum Choice {
    /// A chat: how long a message takes to all members, as the room grows
    Chat(LessonArgs),
    /// Apparent and real concurrency: three clients, who waits and who is served
    Concurrency(LessonArgs),
    /// Where the second client waits, and what idle clients cost select, poll and epoll
    Select(LessonArgs),
    /// TCP states at both ends, who keeps TIME_WAIT, and the processes and threads of servers
    States(LessonArgs),
    /// Stateful against stateless: the cost of connecting, of a session, and of its home
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
