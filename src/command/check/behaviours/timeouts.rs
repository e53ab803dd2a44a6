//! Clients that take their time. The limits are short here so that nobody waits for them.

use std::io::Write;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::command::check::{Behaviour, Case, Needs, Speaks};

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "an_idle_connection_is_closed",
        why: "whoever is gone without a word holds a place for ever",
        points: 1,
        needs: Needs::Model,
        flags: &["--idle-timeout", "200ms"],
        hostile: true,
        run: idle,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_silent_connection_is_closed",
        why: "whoever connects and never asks holds a place for ever",
        points: 1,
        needs: Needs::Model,
        flags: &["--idle-timeout", "200ms"],
        hostile: true,
        run: silent,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_trickling_sender_is_closed",
        why: "a byte now and then is never idle and never a request: the limit is on the request",
        points: 2,
        needs: Needs::Model,
        speaks: Speaks::Lines,
        flags: &["--idle-timeout", "300ms"],
        hostile: true,
        run: trickle,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_client_that_never_reads_is_closed",
        why: "a reply that nobody takes is not an activity",
        points: 2,
        needs: Needs::Model,
        speaks: Speaks::Lines,
        flags: &["--idle-timeout", "300ms"],
        hostile: true,
        run: never_reads,
        ..Behaviour::PLAIN
    },
];

fn idle(case: &mut Case<'_>) -> Result<()> {
    case.served_client()?.closed()?;
    case.will_have_counted("idle", 1..=u64::MAX);
    case.serves()
}

fn silent(case: &mut Case<'_>) -> Result<()> {
    case.client()?.closed()?;
    case.will_have_counted("idle", 1..=u64::MAX);
    case.serves()
}

fn trickle(case: &mut Case<'_>) -> Result<()> {
    let client = case.client()?;
    let mut sender = client.stream.try_clone()?;
    // A byte every 50 ms is never idle, and never a request either.
    case.until("the server gives up on a client that sends a byte now and then", || {
        thread::sleep(Duration::from_millis(50));
        sender.write(b"1").is_err() || client.has_input().unwrap_or(true)
    })?;
    case.will_have_counted("idle", 1..=u64::MAX);
    case.serves()
}

fn never_reads(case: &mut Case<'_>) -> Result<()> {
    let client = case.client()?;
    let mut sender = client.stream.try_clone()?;
    let request = case.speech.long(10_000).request;
    // Ends with an error once the server has closed, which it must while nothing is read.
    let sending = thread::spawn(move || while sender.write_all(&request).is_ok() {});
    sending.join().map_err(|_| anyhow!("the sender has panicked"))?;
    case.will_have_counted("idle", 1..=u64::MAX);
    case.serves()
}
