//! `c10k client`: a person or a file talks to a server in lines.
//!
//! - [`conversation`]: one loop around poll(2) over the input and the socket, as in Stevens'
//!   `str_cli`: neither end can block the other
//! - [`input`]: lines from a pipe, or from an editor on a terminal ([`editor`])
//! - [`runner`]: with `--run`, the commands that the server sends
//! - [`output`]: the server's lines, and notes about them

mod conversation;
mod editor;
mod input;
mod output;
mod runner;

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use servers::commands::keep_inherited_descriptors;

use crate::base::values::positive_duration;
use crate::base::{Exit, usage};
use crate::process::interrupts_pipe;
use crate::workload::commands::CommandArgs;
use conversation::Conversation;
use input::Input;
use output::Output;
use runner::Runner;

/// `c10k client`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ClientArgs {
    /// The server, as HOST:PORT
    #[arg(value_name = "HOST:PORT")]
    pub address: String,
    /// Messages have no line ends: send each line without its line feed, and treat the result of
    /// one read as a reply
    #[arg(long)]
    pub raw: bool,
    /// Word that ends the session once it is sent, in upper or lower case; may be given several
    /// times
    #[arg(long, value_name = "WORD", default_values = ["salir", "exit"])]
    pub bye: Vec<String>,
    /// From a pipe: time to wait for the reply to a line before sending the next; after a line
    /// without a reply the rest is sent without waiting
    #[arg(long, default_value = "1s", value_parser = positive_duration)]
    pub wait: Duration,
    /// Time to wait for a silent server after the end of the input
    #[arg(long, default_value = "10s", value_parser = positive_duration)]
    pub patience: Duration,
    /// Also show each line of the server reversed
    #[arg(long)]
    pub reverse: bool,
    /// Run the lines of the server as commands, if --allow permits them, and send back their
    /// output; typed lines are not sent, and a word of --bye ends the session at once
    #[arg(long)]
    pub run: bool,
    /// Allowed commands
    #[command(flatten)]
    pub commands: CommandArgs,
    /// Print only the lines of the server
    #[arg(long, short)]
    pub quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  c10k client localhost:9000                   type lines; Ctrl-D ends the input, salir or exit too
  printf '22 9\\n' | c10k client localhost:9000
  c10k client localhost:9000 --raw             a server that sends no line ends
  c10k client localhost:9000 --run --allow date --allow 'ls *'
                                               run commands of a dispatch server

Exit codes: 0 the session ended normally, 1 it did not, 2 usage, 130 left with Ctrl-C";

/// Talks until either end is done.
///
/// # Errors
/// When there is no server, when it resets the connection or keeps it open too long, or when input
/// was not delivered.
pub fn client(args: &ClientArgs) -> Result<Exit> {
    let runner = runner(args)?;
    let stream = TcpStream::connect(&args.address).with_context(|| {
        format!(
            "cannot connect to {}: is a server listening there? Write an address and a port, as in \
             127.0.0.1:9000",
            args.address
        )
    })?;
    let (server, here) = (stream.peer_addr()?, stream.local_addr()?);
    may_run_commands_of(server, args)?;
    // Before anything is shown: an editor takes the keys of a terminal a little later.
    let interrupts = interrupts_pipe()?;
    let input = Input::open(interrupts)?;
    let mut output = Output::new(input.editor(), args.quiet);
    output.note(&format!("connected to {server} from {here}"))?;
    if input.is_typed() {
        let ends = if args.run { "leaves" } else { "ends the input" };
        output.note(&format!("Ctrl-D or {} {ends}", args.bye.join(" or ")))?;
    }
    Conversation::new(stream, input, output, args, runner)?.hold()
}

fn may_run_commands_of(server: SocketAddr, args: &ClientArgs) -> Result<()> {
    let near = server.ip().to_canonical().is_loopback();
    if args.run && !near && !args.commands.commands_from_anywhere {
        return Err(usage(format!(
            "{server} is on another machine and could run commands here: confirm with --commands-from-anywhere"
        )));
    }
    Ok(())
}

/// What runs the server's commands, where that was asked for.
fn runner(args: &ClientArgs) -> Result<Option<Runner>> {
    let given = args.commands.given();
    if !args.run {
        return match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(usage(format!("{option} is for --run"))),
            None => Ok(None),
        };
    }
    if args.commands.allow.is_empty() {
        return Err(usage("--run runs allowed commands only: name one, as in --allow date"));
    }
    keep_inherited_descriptors();
    Ok(Some(Runner::new(args.commands.list()?, args.commands.limits(), args.raw)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::values::read;

    #[test]
    fn a_server_elsewhere_has_nothing_run_here_unless_it_may() {
        let args = |words: &[&str]| read::<ClientArgs>(words).expect("it can be said");
        let run = ["a:1", "--run", "--allow", "date"];
        let anywhere = [&run[..], &["--commands-from-anywhere"]].concat();
        for (server, near) in [
            ("127.0.0.1:1", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("192.0.2.1:1", false),
            ("[::ffff:192.0.2.1]:1", false),
            ("[2001:db8::1]:1", false),
        ] {
            let server = server.parse().expect("an address");
            assert_eq!(may_run_commands_of(server, &args(&run)).is_ok(), near, "{server}");
            assert!(may_run_commands_of(server, &args(&anywhere)).is_ok());
            assert!(may_run_commands_of(server, &args(&["a:1"])).is_ok());
        }
    }
}
