//! Whether a server slows down as its idle connections grow in number.
//!
//! A few connections are in a closed loop beside none, some and many idle ones of the same server.
//! Rounds lead up, then down, then up again. So each round has its own figure without idle
//! connections, close in time to the others, and a machine that gets slower favours no level.

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::holder::Held;
use crate::subject::{ACTIVE, Subject};
use crate::support::Spread;
use crate::support::load::cpu_per_request;
use crate::support::process::ServerProcess;

/// Numbers of idle connections, besides the highest one, which the command line sets.
const LEVELS: [usize; 2] = [0, 1_000];

/// The cost of a request beside a number of idle connections.
#[derive(Debug, Serialize)]
pub(crate) struct Level {
    pub(crate) idle: usize,
    /// One figure per round.
    cpu_per_request_ns: Vec<f64>,
    pub(crate) cpu_ns: Spread,
    /// Over the figure without idle connections of the same round.
    pub(crate) ratio: Spread,
}

/// Measures beside all levels, up to the number asked for, or up to the room of a model that holds
/// fewer.
pub(crate) fn measure(
    subject: &Subject<'_>,
    (asked, held): (usize, usize),
    rounds: u32,
) -> Result<Vec<Level>> {
    // A model that held all of them may still have no room for the active connections on top.
    let most = if held < asked { held } else { subject.model.holds_at_most.unwrap_or(usize::MAX) };
    let room = asked.min(most.saturating_sub(ACTIVE));
    let levels: Vec<_> = LEVELS.into_iter().filter(|level| *level < room).chain([room]).collect();
    ensure!(
        room > 0,
        "the model holds {held} connections, of which {ACTIVE} are active: no room for idle ones"
    );
    let server = subject.start(held)?;
    let mut idle = Held::new(server.address, room, subject.stop);
    let mut costs = vec![Vec::new(); levels.len()];
    // Not recorded. Otherwise the first level, without idle connections, would include the server's
    // warm-up.
    subject.closed_loop(&server, ACTIVE, subject.measure / 4).run()?;
    for round in 0..rounds {
        let mut order: Vec<_> = (0..levels.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for level in order {
            let cost = beside(subject, &server, &mut idle, levels[level]);
            costs[level].push(cost.with_context(|| format!("beside {} idle ones", levels[level]))?);
        }
    }
    let none = costs[0].clone();
    let describe = |(idle, costs): (usize, Vec<f64>)| {
        let ratios = costs.iter().zip(&none).map(|(cost, none)| cost / none);
        Some(Level {
            idle,
            cpu_ns: Spread::from_values(costs.iter().copied())?,
            ratio: Spread::from_values(ratios)?,
            cpu_per_request_ns: costs,
        })
    };
    Ok(levels.into_iter().zip(costs).filter_map(describe).collect())
}

/// Server CPU per request beside `n` idle connections.
fn beside(
    subject: &Subject<'_>,
    server: &ServerProcess,
    idle: &mut Held<'_>,
    n: usize,
) -> Result<f64> {
    resize(idle, n)?;
    subject.settle(server)?;
    let (outcome, cpu) = subject.closed_loop(server, ACTIVE, subject.measure).run()?;
    let (served, failed) = (outcome.connections.served, outcome.census.errors_total());
    ensure!(
        served == ACTIVE && failed == 0,
        "{served} of {ACTIVE} active connections were served, {failed} requests failed"
    );
    idle.check_open()?;
    cpu_per_request(&outcome, cpu)
}

fn resize(idle: &mut Held<'_>, n: usize) -> Result<()> {
    idle.shrink(n);
    idle.grow(n)?;
    ensure!(idle.len() == n, "only {} of {n} idle connections: {:?}", idle.len(), idle.refusals);
    Ok(())
}
