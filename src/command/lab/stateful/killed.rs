//! What each home of the state loses when the server is killed during a session: a demonstration,
//! not a measurement.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::base::patient::Patient;
use crate::document::Killed;
use crate::process::ServeArgs;
use crate::process::child::ServerChild;
use crate::workload::state::StateArgs;

/// The limit for any wait.
const PATIENCE: Duration = Duration::from_secs(10);
/// The numbers that the steps of a session add.
const NUMBERS: [u64; 3] = [5, 7, 11];

/// Kills a server between two steps of a session, starts another one in its place, and goes on.
/// `state` sets the home.
///
/// # Errors
/// When a server does not start, or does not even take the first steps.
pub fn run(program: &Path, home: &str, model: &str, state: &StateArgs) -> Result<Killed> {
    let args = ServeArgs { state: state.clone(), ..ServeArgs::child(&["--model", model])? };
    let mut server = ServerChild::start(args.command(program))?;
    let address = server.address;
    let mut client = connect(address)?;
    let mut reference = "-".to_string();
    for step in 1..NUMBERS.len() {
        let reply = take(&mut client, step, &reference)?;
        reference = right(&reply, step)
            .with_context(|| format!("the server answered '{reply}' to step {step}"))?;
    }
    server.signal(Signal::KILL);
    let deadline = Instant::now() + PATIENCE;
    while server.status()?.is_none() {
        ensure!(Instant::now() < deadline, "the server survived SIGKILL");
        std::thread::sleep(Duration::from_millis(1));
    }
    let _next = ServerChild::start(ServeArgs { listen: address, ..args }.command(program))?;
    let reply = take(&mut connect(address)?, NUMBERS.len(), &reference)?;
    let went_on = right(&reply, NUMBERS.len()).is_some();
    // A token may be long, and is of no interest any more.
    let said =
        if went_on { format!("the right total, {}", NUMBERS.iter().sum::<u64>()) } else { reply };
    Ok(Killed { home: home.into(), went_on, said })
}

fn connect(address: SocketAddr) -> Result<BufReader<Patient>> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    Ok(BufReader::new(Patient::new(stream, PATIENCE)?))
}

/// Sends a step and returns its reply.
fn take(client: &mut BufReader<Patient>, step: usize, reference: &str) -> Result<String> {
    let (n, steps) = (NUMBERS[step - 1], NUMBERS.len());
    // In one write: half a request would be one.
    let request = format!("ADD {step} {steps} {n} {reference}\n");
    client.get_mut().write_all(request.as_bytes())?;
    let mut reply = String::new();
    if client.read_line(&mut reply)? == 0 {
        bail!("the server closed the connection instead of answering");
    }
    Ok(reply.trim_end().into())
}

/// The reference for the next step, if the reply has the right total after this one.
fn right(reply: &str, step: usize) -> Option<String> {
    let mut words = reply.strip_prefix("OK ")?.split(' ');
    let total: u64 = words.next()?.parse().ok()?;
    let _digest = words.next()?;
    let reference = words.next()?.to_string();
    (total == NUMBERS[..step].iter().sum::<u64>()).then_some(reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_right_by_its_total_alone() {
        assert_eq!(right("OK 12 00000000000000aa 00ff", 2), Some("00ff".into()));
        assert_eq!(right("OK 13 00000000000000aa 00ff", 2), None);
        assert_eq!(right("ERR no-session begin again", 3), None);
    }
}
