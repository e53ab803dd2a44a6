//! A part that connects to part 0.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::words::{Answer, Heard, Said, Talk};
use super::{Agreed, LOOK, Link, Terms, clock};
use crate::document::ClockRecord;

/// A try to connect takes no longer.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// Between two tries.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Part 0 gives up by itself; this much later it must be dead.
const DEAD_AFTER: Duration = Duration::from_secs(30);

/// Meets part 0 and waits for the start.
pub(super) fn join(terms: &Terms, link: &Link) -> Result<Agreed, String> {
    let stream = connect(terms, link)?;
    let (host, port) = &terms.place;
    let lost = || format!("part 0 at {host}:{port} left before the start");
    let mut talk = Talk::new(stream, 20 * LOOK).map_err(|error| error.to_string())?;
    let hello = Said::Hello {
        part: terms.k,
        of: terms.n,
        host: terms.host.clone(),
        version: terms.version.clone(),
        load: terms.load.clone(),
    };
    talk.say(&hello).map_err(|_| lost())?;
    match next(&mut talk, link, &lost)? {
        Answer::Welcome => {}
        other => return Err(unexpected(other)),
    }
    // Clocks are compared as late as can be: they drift.
    while !link.agreement.is_open() {
        if let Some(why) = link.gone() {
            return Err(leave(&talk, why));
        }
        std::thread::sleep(LOOK);
    }
    let clock = clock::compare(&mut talk).map_err(|word| word.map_or_else(&lost, unexpected))?;
    talk.say(&Said::Ready).map_err(|_| lost())?;
    match next(&mut talk, link, &lost)? {
        Answer::Start { unix_ns, hosts } => {
            let at = Duration::from_nanos(unix_ns);
            Ok(Agreed { at, here: here(unix_ns, &clock), clock, hosts })
        }
        other => Err(unexpected(other)),
    }
}

/// A time of part 0's clock, by this one.
fn here(unix_ns: u64, clock: &ClockRecord) -> Duration {
    let offset = match clock {
        ClockRecord::Compared { offset_ns, .. } => *offset_ns,
        ClockRecord::Kept { .. } | ClockRecord::Unknown => 0,
    };
    Duration::from_nanos(unix_ns.saturating_add_signed(offset.saturating_neg()))
}

/// Names may not be known yet, and part 0 may not be there yet.
fn connect(terms: &Terms, link: &Link) -> Result<TcpStream, String> {
    let (host, port) = &terms.place;
    loop {
        let tried = (host.as_str(), *port).to_socket_addrs().and_then(|addresses| {
            let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
            for address in addresses {
                match TcpStream::connect_timeout(&address, CONNECT_WITHIN) {
                    Ok(stream) => return Ok(stream),
                    Err(error) => last = error,
                }
            }
            Err(last)
        });
        match tried {
            Ok(stream) => return Ok(stream),
            Err(_) if link.gone().is_some() => return Err(link.gone().unwrap_or_default().into()),
            Err(error) if link.is_over() => {
                return Err(format!(
                    "part {} of {} did not find part 0 at {host}:{port} within {}: {error}; is it running there? \
                     Otherwise give its address with --rendezvous, or wait longer with --gather",
                    terms.k,
                    terms.n,
                    humantime::format_duration(terms.gather)
                ));
            }
            Err(_) => std::thread::sleep(AGAIN_AFTER),
        }
    }
}

/// The next message of part 0.
fn next(talk: &mut Talk, link: &Link, lost: &dyn Fn() -> String) -> Result<Answer, String> {
    loop {
        match talk.hear() {
            Heard::Said(answer) => return Ok(answer),
            Heard::End => return Err(lost()),
            Heard::Nothing if link.gone().is_some() => {
                return Err(leave(talk, link.gone().unwrap_or_default()));
            }
            Heard::Nothing if Instant::now() > link.until + DEAD_AFTER => return Err(lost()),
            Heard::Nothing => {}
        }
    }
}

/// Says why it leaves, to part 0 and to its own people.
fn leave(talk: &Talk, why: &str) -> String {
    // Part 0 may be gone, too.
    let _ = talk.say(&Said::Leaves { why: why.into() });
    why.into()
}

fn unexpected(answer: Answer) -> String {
    match answer {
        Answer::Off { why } => why,
        other => format!("part 0 sent an unknown message: {other:?}"),
    }
}
