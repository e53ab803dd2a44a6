//! `c10k client`: a person, or a file, speaks to a server in lines.
//!
//! - [`conversation`]: one loop around poll(2) over the input and the socket, as in Stevens'
//!   `str_cli`: neither end can make the other wait
//! - [`input`]: lines from a pipe, or from an editor on a terminal ([`editor`])
//! - [`output`]: what the server says and what is to be said about it

mod conversation;
mod editor;
mod input;
mod output;

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use crate::base::Exit;
use crate::base::values::positive_duration;
use conversation::Conversation;
use input::Input;
use output::Output;

/// `c10k client`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ClientArgs {
    /// The server, as HOST:PORT
    #[arg(value_name = "HOST:PORT")]
    pub address: String,
    /// Messages have no line ends: send each line without its own, and take what one read
    /// returns for a reply
    #[arg(long)]
    pub raw: bool,
    /// A word that ends the session, in any letter case, once it is sent; may be given several
    /// times
    #[arg(long, value_name = "WORD", default_values = ["salir", "exit"])]
    pub bye: Vec<String>,
    /// From a pipe: how long to wait for the reply to a line before the next is sent; after a
    /// line without a reply the rest is sent without waiting
    #[arg(long, default_value = "1s", value_parser = positive_duration)]
    pub wait: Duration,
    /// How long a server may be silent after the end of the input before the client leaves
    #[arg(long, default_value = "10s", value_parser = positive_duration)]
    pub patience: Duration,
    /// Show also each line of the server reversed
    #[arg(long)]
    pub reverse: bool,
    /// Print what the server says and nothing else
    #[arg(long, short)]
    pub quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  c10k client localhost:9000                   type lines; Ctrl-D ends the input, salir or exit too
  printf '22 9\\n' | c10k client localhost:9000
  c10k client localhost:9000 --raw             a server that sends no line ends

Exit codes: 0 the conversation ended in order, 1 it did not, 2 usage, 130 left with Ctrl-C";

/// Speaks until either end is done.
///
/// # Errors
/// When there is no server, when it resets the connection or keeps it open for too long, or
/// when something typed was not delivered.
pub fn client(args: &ClientArgs) -> Result<Exit> {
    let stream = TcpStream::connect(&args.address).with_context(|| {
        format!(
            "cannot connect to {}: is a server listening there? Write an address and a port, as in \
             127.0.0.1:9000",
            args.address
        )
    })?;
    let (server, here) = (stream.peer_addr()?, stream.local_addr()?);
    let input = Input::open()?;
    let mut output = Output::new(input.editor(), args.quiet);
    output.note(&format!("connected to {server} from {here}"))?;
    if input.is_typed() {
        output.note(&format!("Ctrl-D or {} ends the input", args.bye.join(" or ")))?;
    }
    Conversation::new(stream, input, output, args)?.hold()
}
