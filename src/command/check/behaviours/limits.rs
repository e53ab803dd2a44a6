//! Too many clients, bytes, descriptors or threads.

use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use anyhow::{Context, Result, anyhow, bail, ensure};
use protocol::App;
use servers::Family;

use crate::command::check::client::{CheckClient, knock};
use crate::command::check::{Behaviour, Case, Needs, Speaks};
use crate::host::accounts;
use crate::process::watch::{Footprint, Lowered, Scarce};

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "pipelining_to_a_client_that_does_not_read_is_bounded",
        why: "a server that reads and writes at once must neither lose bytes nor stall",
        points: 2,
        speaks: Speaks::Lines,
        hostile: true,
        run: unread_pipelining,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_client_that_does_not_read_costs_no_memory",
        why: "unread replies pile up unless the server stops reading requests",
        points: 2,
        needs: Needs::Process,
        speaks: Speaks::Lines,
        run: unread_memory,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "clients_that_come_and_go_leave_no_memory_behind",
        why: "a few bytes leaked per client make a server grow all day",
        points: 2,
        needs: Needs::Process,
        run: churn,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "one_more_than_may_be_is_turned_away_until_one_leaves",
        why: "a client beyond the limit should be told so",
        points: 2,
        needs: Needs::Model,
        flags: &["--max-connections", "3"],
        concurrent: true,
        run: admission,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "running_out_of_descriptors_is_survived",
        why: "accept fails while the listener stays ready: the server must neither exit nor spin",
        points: 3,
        needs: Needs::Process,
        run: out_of_descriptors,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_limit_that_falls_below_what_is_open_takes_no_client_away",
        why: "connected clients need no new descriptor: they must still be served",
        points: 2,
        needs: Needs::Model,
        run: falling_limit,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "running_out_of_threads_is_survived",
        why: "the kernel may refuse a thread or a process: lose one client, not the server",
        points: 2,
        needs: Needs::Process,
        hostile: true,
        unprivileged: true,
        run: out_of_threads,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "running_out_of_memory_is_survived",
        why: "a client that needs too much memory loses its connection; the others keep theirs",
        points: 2,
        needs: Needs::Model,
        speaks: Speaks::Bench,
        run: out_of_memory,
        ..Behaviour::PLAIN
    },
];

fn unread_pipelining(case: &mut Case<'_>) -> Result<()> {
    let lines = if case.speech.app == App::Multiply { 1024 } else { 8 * 1024 };
    let mut client = case.client()?;
    let mut sender = client.stream.try_clone()?;
    let question = case.speech.long(1000);
    let request = question.request.clone();
    let sending = thread::spawn(move || (0..lines).try_for_each(|_| sender.write_all(&request)));
    // The server must stop reading at some point: most of the requests stay with the client.
    if !case.one_at_a_time() {
        case.serves()?;
    }
    for i in 0..lines {
        client.expect(&question).with_context(|| format!("reply {i} of {lines}"))?;
    }
    let sent = sending.join().map_err(|_| anyhow!("the sender has panicked"))?;
    sent.context("the server did not read everything")
}

fn unread_memory(case: &mut Case<'_>) -> Result<()> {
    const ALLOWED: u64 = 4 * 1024 * 1024;
    // For other servers growth alone decides nothing, so send more than the kernel's buffers hold.
    let pipelined = if case.is_model() { 16 } else { 64 } * 1024 * 1024;
    let pid = case.server.pid()?;
    let mut client = CheckClient::connect_narrow(case.server.address, case.patience())?;
    // Leaves out what any client costs, such as a process of its own.
    client.exchange(&case.speech.question(1))?;
    case.rests()?;
    let before = accounts::memory(pid).anonymous_bytes;
    let mut sender = client.stream.try_clone()?;
    let request = case.speech.long(1000).request;
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let sending = thread::spawn(move || {
        while counted.load(SeqCst) < pipelined && sender.write_all(&request).is_ok() {
            counted.fetch_add(request.len(), SeqCst);
        }
    });
    takes_what_it_takes(case, &sent, pipelined)?;
    let grown = accounts::memory(pid).anonymous_bytes.saturating_sub(before);
    let taken = sent.load(SeqCst);
    if !case.one_at_a_time() {
        case.serves().context("while a client does not read")?;
    }
    // Ends the sender; the server may have closed already.
    let _ = client.stream.shutdown(Shutdown::Both);
    sending.join().map_err(|_| anyhow!("the sender has panicked"))?;
    // A runtime that collects garbage may grow by what it has already dropped. It is enough that
    // the server stops reading: that bounds its memory for this client.
    let stopped_reading = !case.is_model() && taken < pipelined;
    ensure!(
        stopped_reading || grown <= ALLOWED,
        "{taken} bytes of requests with unread replies made the server grow by {grown} bytes"
    );
    drop(client);
    case.serves()
}

fn churn(case: &mut Case<'_>) -> Result<()> {
    // An allocator may take a while to reach its final size. Only memory that grows in every round
    // is kept for clients that have left.
    let (rounds, clients, allowed) = match case.model() {
        // A process for each client is expensive to create, and its memory goes with it.
        Some(model) if model.process_per_client => (3, 500, 64 * 1024),
        Some(_) => (3, 4_000, 64 * 1024),
        // The runtime of another server may compile and collect garbage for a while, and so grow
        // less and less. A server that leaks grows by as much each time.
        None => (10, 2_000, 256 * 1024),
    };
    let pid = case.server.pid()?;
    come_and_go(case, 500)?;
    let mut before = accounts::memory(pid).anonymous_bytes;
    let mut grown = Vec::new();
    for _ in 0..rounds {
        come_and_go(case, clients)?;
        let after = accounts::memory(pid).anonymous_bytes;
        let round = after.saturating_sub(before);
        before = after;
        if round <= allowed {
            return Ok(());
        }
        grown.push(round);
    }
    bail!("the server grew each time that {clients} clients came and left, by {grown:?} bytes")
}

/// Connects this many clients, one after the other, each with one question; every second one resets
/// instead of closing. Then waits until the server is at rest.
fn come_and_go(case: &Case<'_>, clients: u64) -> Result<()> {
    for n in 0..clients {
        let client = case.served_client()?;
        if n % 2 == 0 {
            client.reset()?;
        }
    }
    case.is_left_alone()?;
    case.rests()
}

/// Waits until everything was sent or the server has stopped reading. A model of ours is at rest
/// then. The runtime of another server may be busy at any time, so there only progress counts.
fn takes_what_it_takes(case: &Case<'_>, sent: &AtomicUsize, all: usize) -> Result<()> {
    const LOOKS: u32 = 10;
    if case.is_model() {
        return case.until("the server reads no more requests", || {
            let seen = sent.load(SeqCst);
            case.rests().is_ok() && sent.load(SeqCst) == seen && seen > 0
        });
    }
    let (mut seen, mut still) = (0, 0);
    while still < LOOKS && seen < all {
        thread::sleep(case.patience() / (2 * LOOKS));
        let now = sent.load(SeqCst);
        still = if now == seen { still + 1 } else { 0 };
        seen = now;
    }
    ensure!(seen > 0, "the server read no request");
    Ok(())
}

fn admission(case: &mut Case<'_>) -> Result<()> {
    if case.one_at_a_time() {
        // It accepts one at a time, so the limit is never reached: the others wait.
        let _waiting = [case.served_client()?, case.client()?, case.client()?, case.client()?];
        return Ok(());
    }
    let mut clients = vec![case.served_client()?, case.served_client()?, case.served_client()?];
    let mut fourth = case.client()?;
    let reply = fourth.reply("a fourth client, with a limit of three")?;
    ensure!(
        reply.starts_with("ERR busy "),
        "expected ERR busy for a fourth client with a limit of three, got {reply}"
    );
    fourth.ends_in_order()?;
    clients[2].exchange(&case.speech.question(3)).context("an admitted client")?;
    drop(clients.remove(0));
    case.will_have_counted("refused", 1..=u64::MAX);
    case.recovers("a place is free")
}

fn out_of_descriptors(case: &mut Case<'_>) -> Result<()> {
    let pid = case.server.pid()?;
    let mut first = case.served_client()?;
    let limit = 32.max(Footprint::read_from(pid).descriptors as u64 + 8);
    let lowered = Lowered::new(pid, Scarce::Descriptors, limit)?;
    let rest = || case.rests().context("clients wait while all descriptors are in use");
    let mut crowd = Vec::new();
    for _ in 0..40 {
        crowd.push(knock(case.server.address)?);
        // One by one, because a client that finds a short queue full tries again only after a
        // second. Besides, an accept that has begun may keep to the earlier limit for a while.
        rest()?;
        // A page may be a file. Reading it takes a descriptor, so its reply may be an error. Others
        // ask each time, because on a busy machine the crowd takes longer than a client may be idle.
        if case.speech.page.is_none() {
            first
                .exchange(&case.speech.question(3))
                .context("a client that connected before the crowd")?;
        }
    }
    drop(crowd);
    drop(first);
    case.recovers("a new client is served after the crowd has left")?;
    drop(lowered);
    // These families shed clients one by one, with the spare descriptor, instead of leaving them to
    // wait. A sequential server never holds two clients, a process for each client has descriptors
    // of its own, and threads that accept at the same time may take each other's spare descriptor
    // and wait.
    let family = case.model().map(|model| model.family);
    if matches!(family, Some(Family::Reactor | Family::Proactor | Family::Async)) {
        case.will_have_counted("shed", 1..=u64::MAX);
    }
    Ok(())
}

fn falling_limit(case: &mut Case<'_>) -> Result<()> {
    let pid = case.server.pid()?;
    let count = if case.one_at_a_time() { 1 } else { 20 };
    let mut clients = (0..count).map(|_| case.served_client()).collect::<Result<Vec<_>>>()?;
    for limit in [12, 3, 0] {
        let _lowered = Lowered::new(pid, Scarce::Descriptors, limit)?;
        // Twice, because the server may still be in a wait that began before the limit fell.
        for n in 0..2 {
            for client in &mut clients {
                let served = client.exchange(&case.speech.question(n));
                served.with_context(|| format!("with a limit of {limit} descriptors"))?;
            }
        }
    }
    drop(clients);
    case.recovers("a new client is served when the limit is raised again")
}

fn out_of_threads(case: &mut Case<'_>) -> Result<()> {
    let pid = case.server.pid()?;
    let lowered = Lowered::new(pid, Scarce::Threads, 0)?;
    let mut refused = 0;
    for n in 0..5 {
        let mut client = case.client()?;
        if !is_served(&mut client, case, n)? {
            refused += 1;
        }
    }
    drop(lowered);
    case.will_have_counted("shed", refused..=refused);
    case.serves().context("threads can be created again")
}

fn out_of_memory(case: &mut Case<'_>) -> Result<()> {
    const LEFT: u64 = 8 * 1024 * 1024;
    let pid = case.server.pid()?;
    let mut first = case.served_client()?;
    let lowered = Lowered::new(pid, Scarce::Memory, LEFT)?;
    // The unread replies need eight times the memory that is left, beyond what the kernel buffers.
    // After that come clients that only take a place.
    let requests = b"WORK 0 0 1048576\n".repeat(8);
    let mut greedy = Vec::new();
    for _ in 0..64 {
        let mut client = CheckClient::connect_narrow(case.server.address, case.patience())?;
        // A client that is turned away at once may find its connection closed.
        let _ = client.stream.write_all(&requests);
        greedy.push(client);
    }
    let modest: Vec<_> = (0..200).map(|_| knock(case.server.address)).collect::<Result<_>>()?;
    case.rests().context("unread replies have used up all memory")?;
    first.exchange(&case.speech.question(3)).context("an earlier client")?;
    drop((greedy, modest, first));
    case.recovers("a new client is served after the others have left")?;
    drop(lowered);
    // Each process has this limit to itself, and a sequential server has one client at a time.
    let shared = case.model().is_some_and(|model| {
        matches!(model.family, Family::Reactor | Family::Proactor | Family::Async)
    });
    if shared {
        case.will_have_counted("shed", 1..=u64::MAX);
    }
    Ok(())
}

/// Whether the client gets its reply, and not the end of the connection. Anything else is an error.
fn is_served(client: &mut CheckClient, case: &Case<'_>, n: u64) -> Result<bool> {
    let question = case.speech.question(n);
    match client.stream.write_all(&question.request) {
        Err(error)
            if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) =>
        {
            return Ok(false);
        }
        sent => sent.context("the server did not read a request")?,
    }
    let Err(error) = client.expect(&question) else { return Ok(true) };
    // Before the end there may be a busy reply or nothing, but the client must not wait forever.
    client.closed().map_err(|_| error)?;
    Ok(false)
}
