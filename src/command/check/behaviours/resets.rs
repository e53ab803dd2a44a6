//! Clients that disconnect abruptly, at any moment and many at once.

use anyhow::Result;

use crate::command::check::{Behaviour, Case, Speaks};

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "a_reset_before_accept_harms_nobody",
        why: "accept may return a dead connection, or fail because of one",
        points: 2,
        hostile: true,
        run: reset_before_accept,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_reset_in_mid_request_harms_nobody",
        why: "recv fails: that ends one client, not the server",
        points: 3,
        hostile: true,
        run: reset_in_mid_request,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_reset_before_the_reply_harms_nobody",
        why: "send fails, or kills a process that does not ignore SIGPIPE",
        points: 3,
        hostile: true,
        run: reset_before_the_reply,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_reset_after_the_reply_harms_nobody",
        why: "some clients reset the connection once they have their reply",
        points: 2,
        hostile: true,
        run: reset_after_the_reply,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_reset_during_a_job_harms_nobody",
        why: "the client has left before a long computation ends",
        points: 2,
        speaks: Speaks::Bench,
        hostile: true,
        run: reset_during_a_job,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_burst_of_dropped_connections_leaves_nothing_behind",
        why: "a server that leaks a descriptor or thread per client fails within a day",
        points: 2,
        hostile: true,
        run: dropped_burst,
        ..Behaviour::PLAIN
    },
];

/// If the process is known, waits until it has released every client that has left. Then a new
/// client must be served.
fn afterwards(case: &Case<'_>) -> Result<()> {
    if case.server.pid().is_ok() {
        case.is_left_alone()?;
    }
    case.serves()
}

fn reset_before_accept(case: &mut Case<'_>) -> Result<()> {
    for _ in 0..20 {
        case.client()?.reset()?;
    }
    afterwards(case)
}

fn reset_in_mid_request(case: &mut Case<'_>) -> Result<()> {
    for _ in 0..5 {
        let mut client = case.served_client()?;
        client.send(case.speech.half())?;
        client.reset()?;
    }
    if case.speech.framing == protocol::Framing::Line {
        case.will_have_counted("reset", 5..=5);
    }
    afterwards(case)
}

fn reset_before_the_reply(case: &mut Case<'_>) -> Result<()> {
    for n in 0..20 {
        let mut client = case.client()?;
        client.send(case.speech.question(n).request)?;
        client.reset()?;
    }
    afterwards(case)
}

fn reset_after_the_reply(case: &mut Case<'_>) -> Result<()> {
    for _ in 0..20 {
        case.served_client()?.reset()?;
    }
    afterwards(case)
}

fn reset_during_a_job(case: &mut Case<'_>) -> Result<()> {
    for _ in 0..3 {
        let mut client = case.served_client()?;
        client.send("WORK 0 50000 0\nWORK 0 50000 0\n")?;
        client.reset()?;
    }
    afterwards(case)
}

fn dropped_burst(case: &mut Case<'_>) -> Result<()> {
    for _ in 0..200 {
        drop(case.client()?);
    }
    afterwards(case)
}
