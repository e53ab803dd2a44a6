//! Starting: a server reports that it is ready when it has all its resources, or says what to
//! change.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, getrlimit};
use servers::Workers;

use crate::command::check::client::CheckClient;
use crate::command::check::{Behaviour, Case, Needs, Skip};
use crate::process::inherited::Inherited;
use crate::process::server::RunningServer;
use crate::process::starting::Refusal;
use crate::process::watch::Scarce;

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "with_few_descriptors_it_serves_or_says_what_to_change",
        why: "a failure after the ready line is noticed too late",
        points: 1,
        needs: Needs::Model,
        run: few_descriptors,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "with_few_threads_it_serves_or_says_what_to_change",
        why: "a server should check before its first client that the kernel grants all its threads and processes",
        points: 1,
        needs: Needs::Model,
        run: few_threads,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "with_high_descriptors_it_serves_or_says_what_to_change",
        why: "a parent may leak a thousand open descriptors into the server",
        points: 1,
        needs: Needs::Model,
        run: high_descriptors,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "told_to_stop_while_it_starts_it_ends",
        why: "a signal before the ready line must act as it does later",
        points: 1,
        needs: Needs::Model,
        run: stopped_while_starting,
        ..Behaviour::PLAIN
    },
];

fn few_descriptors(case: &mut Case<'_>) -> Result<()> {
    for limit in [12, 24, 33, 36, 48, 64, 128] {
        for flags in workers(case, &["1", "40"]) {
            let limit = Some((Scarce::Descriptors, limit));
            let inherited = Inherited { limit, ..Inherited::default() };
            let outcome = case.one_more(&flags, inherited, false)?;
            serves_or_explains(case, outcome, "ulimit -n")
                .with_context(|| format!("{flags:?} with {limit:?}"))?;
        }
    }
    Ok(())
}

fn few_threads(case: &mut Case<'_>) -> Result<()> {
    for limit in [0, 3, 8] {
        for flags in workers(case, &["1", "40"]) {
            let limit = Some((Scarce::Threads, limit));
            let inherited = Inherited { limit, ..Inherited::default() };
            let outcome = case.one_more(&flags, inherited, true)?;
            let explained = match outcome {
                // A model with a thread or process for each client creates it when the client
                // comes.
                Ok(mut server) if flags.is_empty() => server.stop().map(drop),
                outcome => serves_or_explains(case, outcome, "ulimit -u"),
            };
            explained.with_context(|| format!("{flags:?} with {limit:?}"))?;
        }
    }
    Ok(())
}

fn high_descriptors(case: &mut Case<'_>) -> Result<()> {
    const OPEN: usize = 1100;
    const ROOM: u64 = 200;
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    for descriptors in [OPEN, 1000] {
        if most < descriptors as u64 + ROOM {
            return Err(Skip("the descriptor limit is too low").into());
        }
        let inherited = Inherited { descriptors, ..Inherited::default() };
        let outcome = case.one_more(&[], inherited, false)?;
        serves_or_explains(case, outcome, "descriptors")
            .with_context(|| format!("with {descriptors} descriptors"))?;
    }
    Ok(())
}

/// How often a server is told to stop while it starts, each time a little later.
const MOMENTS: u32 = 12;

fn stopped_while_starting(case: &mut Case<'_>) -> Result<()> {
    for moment in 0..MOMENTS {
        let after = Duration::from_millis(2) * moment;
        let (status, said) = case.one_more_that_stops(after)?;
        let last = said.lines().last().unwrap_or_default();
        let ended = match status.signal() {
            // The signal came before the server could handle it.
            Some(libc::SIGTERM) => said.is_empty(),
            _ => status.success() && last.contains(r#""event":"stopped""#),
        };
        ensure!(
            ended,
            "stopped after {after:?}, the server ended with {status} and printed: {said}"
        );
    }
    Ok(())
}

/// The flags to try: one set for each number of workers, or one empty set if the model has no
/// workers.
fn workers<'a>(case: &Case<'_>, numbers: &[&'a str]) -> Vec<Vec<&'a str>> {
    match case.model().map(|model| model.workers) {
        Some(Workers::Pool(_) | Workers::Fixed(_) | Workers::Floating(_)) => {
            numbers.iter().map(|n| vec!["--workers", n]).collect()
        }
        Some(Workers::None) | None => vec![Vec::new()],
    }
}

/// A server that is ready must serve a client and stop when told to. One that refuses to start must
/// say so in one line that names what to change.
fn serves_or_explains(
    case: &Case<'_>,
    outcome: Result<RunningServer, Refusal>,
    change: &str,
) -> Result<()> {
    match outcome {
        Ok(mut server) => {
            let mut client = CheckClient::connect(server.address, case.patience())?;
            client.exchange(&case.speech.question(1)).context("the server was ready")?;
            drop(client);
            server.stop().map(drop)
        }
        Err(Refusal { status, words }) => {
            let explains = words.lines().count() == 1 && words.contains(change);
            ensure!(
                explains && matches!(status.code(), Some(1 | 2)),
                "the server ended with {status} and printed: {words}"
            );
            Ok(())
        }
    }
}
