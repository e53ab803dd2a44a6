//! Part 0: it identifies all parts that connect, and tells them when to start.

use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::words::{Answer, Heard, Said, Talk, say};
use super::{Agreed, LOOK, Link, Terms, listed, now};
use crate::base::units::ns;
use crate::base::untrusted;
use crate::document::ClockRecord;

/// From when all are ready until the load begins: so that all have heard of it.
const LEAD: Duration = Duration::from_millis(500);
/// Time that must be left before a given start when all parts are ready.
const LEFT_MIN: Duration = Duration::from_millis(50);
/// How long part 0 stays after it has called the start off.
const LINGER: Duration = Duration::from_secs(1);
/// A connection that does not identify itself within this time is dropped.
const HELLO_WITHIN: Duration = Duration::from_secs(5);

/// What happens at the meeting.
enum Event {
    Came {
        part: u64,
        host: String,
        from: SocketAddr,
        stream: TcpStream,
    },
    Ready {
        part: u64,
    },
    Left {
        part: u64,
        from: SocketAddr,
        /// What it said last.
        why: Option<String>,
    },
    /// It is not a part of this load.
    Wrong {
        why: String,
    },
}

/// A part that came.
struct Guest {
    host: String,
    from: SocketAddr,
    stream: TcpStream,
    is_ready: bool,
}

/// Listens on all addresses of this machine.
pub(super) fn listen(terms: &Terms) -> Result<TcpListener> {
    let port = terms.place.1;
    let any =
        [SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)), (Ipv4Addr::UNSPECIFIED, port).into()];
    let listener = TcpListener::bind(any.as_slice()).map_err(|error| {
        untrusted(format!(
            "part 0 cannot listen on port {port} for the other parts: {error}; choose another address with \
             --rendezvous HOST:PORT"
        ))
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Waits for all other parts and announces the start.
pub(super) fn host(listener: &TcpListener, terms: &Terms, link: &Link) -> Result<Agreed, String> {
    let (events, happened) = channel();
    let mut guests: Vec<Option<Guest>> = (1..terms.n).map(|_| None).collect();
    let found = gather(listener, terms, link, (&events, &happened), &mut guests);
    if let Err(why) = &found {
        tell_the_late(listener, terms, (&events, &happened), (&mut guests, why));
    }
    let others = guests.iter().flatten().map(|guest| guest.host.clone());
    let hosts: Vec<String> = std::iter::once(terms.host.clone()).chain(others).collect();
    let answer = match &found {
        Ok(at) => Answer::Start { unix_ns: ns(*at), hosts: hosts.clone() },
        Err(why) => Answer::Off { why: why.clone() },
    };
    for guest in guests.iter().flatten() {
        let _ = say(&guest.stream, &answer);
        let _ = guest.stream.shutdown(Shutdown::Write);
    }
    let same = ClockRecord::Compared { offset_ns: 0, bound_ns: 0 };
    found.map(|at| Agreed { at, here: at, clock: same, hosts })
}

/// A part that connects shortly after the cancellation also gets the reason.
fn tell_the_late(
    listener: &TcpListener,
    terms: &Terms,
    (events, happened): (&Sender<Event>, &Receiver<Event>),
    (guests, why): (&mut [Option<Guest>], &str),
) {
    let until = Instant::now() + LINGER;
    while Instant::now() < until && guests.iter().any(Option::is_none) {
        accept(listener, terms, events);
        while let Ok(event) = happened.try_recv() {
            if let Event::Came { part, host, from, stream } = event {
                let late = guests.get_mut(place_of(part)).filter(|guest| guest.is_none());
                match late {
                    Some(late) => *late = Some(Guest { host, from, stream, is_ready: false }),
                    None => drop(say(&stream, &Answer::Off { why: why.into() })),
                }
            }
        }
        std::thread::sleep(LOOK);
    }
}

/// Talks with each that has come, on a thread of its own.
fn accept(listener: &TcpListener, terms: &Terms, events: &Sender<Event>) {
    while let Ok((stream, from)) = listener.accept() {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let (events, terms) = (events.clone(), terms.clone());
        std::thread::spawn(move || receive(stream, from, &terms, &events));
    }
}

/// Where a part is among the guests.
fn place_of(part: u64) -> usize {
    usize::try_from(part).map_or(usize::MAX, |part| part.wrapping_sub(1))
}

/// Until all are ready: when they begin.
fn gather(
    listener: &TcpListener,
    terms: &Terms,
    link: &Link,
    (events, happened): (&Sender<Event>, &Receiver<Event>),
    guests: &mut [Option<Guest>],
) -> Result<Duration, String> {
    loop {
        accept(listener, terms, events);
        while let Ok(event) = happened.try_recv() {
            attend(event, guests)?;
        }
        let is_ready = guests.iter().flatten().filter(|guest| guest.is_ready).count();
        if is_ready == guests.len() && link.agreement.is_open() {
            return start(terms);
        }
        if let Some(why) = link.gone() {
            return Err(format!("part 0: {why}"));
        }
        if link.is_over() {
            return Err(missing(terms, link, guests));
        }
        std::thread::sleep(LOOK);
    }
}

/// When all begin.
fn start(terms: &Terms) -> Result<Duration, String> {
    match terms.start_at {
        None => Ok(now() + LEAD),
        Some(at) if at >= now() + LEFT_MIN => Ok(at),
        Some(at) => Err(format!(
            "the parts were ready {} after --start-at: choose a later time",
            humantime::format_duration(Duration::from_millis(
                u64::try_from((now() + LEFT_MIN).saturating_sub(at).as_millis())
                    .unwrap_or(u64::MAX)
            ))
        )),
    }
}

/// The effect of an event on the connected parts.
fn attend(event: Event, guests: &mut [Option<Guest>]) -> Result<(), String> {
    match event {
        Event::Wrong { why } => Err(why),
        Event::Came { part, host, from, stream } => {
            if let Some(there) = guests.get(place_of(part)).and_then(Option::as_ref) {
                let why = format!("part {part} came twice: from {} and from {from}", there.from);
                let _ = say(&stream, &Answer::Off { why: why.clone() });
                return Err(why);
            }
            let _ = say(&stream, &Answer::Welcome);
            guests[place_of(part)] = Some(Guest { host, from, stream, is_ready: false });
            Ok(())
        }
        Event::Ready { part } => {
            if let Some(Some(guest)) = guests.get_mut(place_of(part)) {
                guest.is_ready = true;
            }
            Ok(())
        }
        Event::Left { part, from, why } => {
            let why = why.unwrap_or_else(|| "see what it says itself".into());
            Err(format!("part {part} ({from}) left before the start: {why}"))
        }
    }
}

/// The parts that are not ready in time.
fn missing(terms: &Terms, link: &Link, guests: &[Option<Guest>]) -> String {
    let numbered = || (1..).zip(guests);
    let absent: Vec<u64> =
        numbered().filter(|(_, guest)| guest.is_none()).map(|(part, _)| part).collect();
    let mut slow: Vec<u64> = numbered()
        .filter(|(_, guest)| guest.as_ref().is_some_and(|guest| !guest.is_ready))
        .map(|(part, _)| part)
        .collect();
    if !link.agreement.is_open() {
        slow.insert(0, 0);
    }
    let mut why = Vec::new();
    if !absent.is_empty() {
        why.push(format!("{} of {} did not connect", listed(&absent), terms.n));
    }
    if !slow.is_empty() {
        why.push(format!("{} had not opened all connections", listed(&slow)));
    }
    let within = humantime::format_duration(terms.gather);
    format!("{} within {within}; wait longer with --gather", why.join(" and "))
}

/// Talks with one that came.
fn receive(stream: TcpStream, from: SocketAddr, terms: &Terms, events: &Sender<Event>) {
    let Ok(to_answer) = stream.try_clone() else { return };
    let _ = stream.set_nonblocking(false);
    let Ok(mut talk) = Talk::new(stream, HELLO_WITHIN) else { return };
    // Other programs may connect to an open port; they are ignored.
    let Heard::Said(Said::Hello { part, of, host, version, load }) = talk.hear() else { return };
    let mine = (terms.n, terms.version.as_str());
    if let Some(why) = stranger(part, from, (of, &version), mine).or_else(|| {
        let other = terms.load.iter().find(|(name, value)| load.get(*name) != Some(value))?;
        let theirs = load.get(other.0).map_or("nothing".into(), ToString::to_string);
        Some(format!(
            "part {part} ({from}) sends another load: its {} is {theirs}, that of part 0 is {}",
            other.0, other.1
        ))
    }) {
        let _ = talk.say(&Answer::Off { why: why.clone() });
        let _ = events.send(Event::Wrong { why });
        return;
    }
    let _ = events.send(Event::Came { part, host, from, stream: to_answer });
    let why = loop {
        match talk.hear() {
            Heard::Said(Said::Time) => {
                if talk.say(&Answer::Time { unix_ns: ns(now()) }).is_err() {
                    break None;
                }
            }
            Heard::Said(Said::Ready) => drop(events.send(Event::Ready { part })),
            Heard::Nothing => {}
            Heard::Said(Said::Leaves { why }) => break Some(why),
            Heard::Said(Said::Hello { .. }) | Heard::End => break None,
        }
    };
    let _ = events.send(Event::Left { part, from, why });
}

/// Why one that came belongs to no load of this program, or to one of other parts.
fn stranger(
    part: u64,
    from: SocketAddr,
    (of, version): (u64, &str),
    (n, mine): (u64, &str),
) -> Option<String> {
    if version != mine {
        return Some(format!("part {part} ({from}) has version {version}, part 0 has {mine}"));
    }
    if of != n {
        return Some(format!("part {part} ({from}) expects {of} parts, part 0 expects {n}"));
    }
    if part == 0 {
        return Some(format!("part 0 came twice: another is at {from}"));
    }
    (part >= n).then(|| format!("part {part} ({from}) is not below {n}: parts are counted from 0"))
}
