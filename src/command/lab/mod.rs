//! `c10k lab`: a question that is often answered by a single comparison, taken apart.
//!
//! A lab is a plan that varies each factor by itself, and a page that begins with the question, has
//! its reader predict, and says what the data allow to say.

mod stateful;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::base::Exit;
use crate::view::table;

pub use stateful::{StatefulArgs, killed, naive};

/// `c10k lab`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LabArgs {
    #[command(subcommand)]
    lab: Option<Lab>,
}

const EXAMPLES: &str = "\
Examples:
  c10k lab                                     list the labs
  c10k lab stateful --quick                    fewer cells and trials: a first look
  c10k lab stateful --models epoll,fork
  c10k lab stateful --from results/<run-id>    the page again, of a run that is there";

#[derive(Debug, Subcommand)]
enum Lab {
    /// Stateful against stateless: what connecting, keeping a session, and where it is kept cost
    Stateful(StatefulArgs),
}

/// Each lab with its question.
const LABS: [(&str, &str); 1] = [("stateful", stateful::QUESTION)];

/// Runs a lab, or lists them.
///
/// # Errors
/// When a server does not start, or results cannot be written.
pub fn lab(args: &LabArgs) -> Result<Exit> {
    match &args.lab {
        Some(Lab::Stateful(args)) => stateful::run(args),
        None => {
            let lines = LABS.map(|(name, question)| format!("{name}: {question}\n"));
            table::show(&lines.concat()).map(|()| Exit::Ok)
        }
    }
}
