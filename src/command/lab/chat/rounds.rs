//! The measurement: rooms of several sizes under each model, in interleaved rounds, with one sender
//! each. The sender sends its next message when all members have received the last one, so no
//! message waits for another.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use loadgen::RoomLoad;

use super::{AGAINST, Detectable, Measured, Room};
use crate::analysis::standings::away;
use crate::base::{interrupted, note};
use crate::command::lab::told::Times;
use crate::document::{Estimate, Status, Validity};
use crate::host::machine;
use crate::plan::ServerPlan;
use crate::process::ours::{self, Clients};
use crate::process::{child::ServerChild, interrupts};
use crate::statistics::{Interval, ratio};
use crate::trial::room::{GATHER_TIMEOUT, Heard, heard};

/// The models that are measured, each of its own kind.
pub(super) const MODELS: [&str; 4] = ["select", AGAINST, "thread-per-client", "tokio-multi"];
const MESSAGE_BYTES: usize = 64;
/// Rounds do not begin that would not end within the three minutes that a lab may take.
const TIME: Duration = Duration::from_secs(150);
/// Fewer have no interval.
const ROUNDS_LEAST: u32 = 2;

/// How much is measured.
#[derive(Clone, Copy)]
struct Extent {
    sizes: &'static [usize],
    rounds: u32,
    warmup: Duration,
    measure: Duration,
    /// Whether epoll is measured a second time in the smallest and the largest room.
    twin: bool,
}

const FULL: Extent = Extent {
    sizes: &[10, 100, 400, 1_000],
    rounds: 4,
    warmup: Duration::from_millis(100),
    measure: Duration::from_millis(400),
    twin: true,
};
const QUICK: Extent = Extent {
    sizes: &[5, 60],
    rounds: ROUNDS_LEAST,
    warmup: Duration::from_millis(30),
    measure: Duration::from_millis(150),
    twin: false,
};

/// One trial's figures.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) model: &'static str,
    /// The second server of the model in this round.
    pub(super) twin: bool,
    pub(super) members: usize,
    pub(super) round: u32,
    pub(super) deliveries: u64,
    pub(super) missing: u64,
    pub(super) out_of_order: u64,
    pub(super) deliveries_per_s: f64,
    pub(super) p50_ns: Option<f64>,
    pub(super) p99_ns: Option<f64>,
    pub(super) cpu_ns: Option<f64>,
    pub(super) threads: Option<u64>,
    pub(super) valid: bool,
    /// Checks that did not pass.
    pub(super) flags: Vec<String>,
}

/// A figure of a trial.
type Of = fn(&Trial) -> Option<f64>;
const FAN_OUT: Of = |trial| trial.p50_ns;
const CPU: Of = |trial| trial.cpu_ns;

/// Measures.
pub(super) fn measure(quick: bool) -> Result<Measured> {
    let extent = if quick { QUICK } else { FULL };
    let fits = |size: &&usize| loadgen::descriptors_missing(**size).is_none();
    let (sizes, too_many): (Vec<&usize>, Vec<&usize>) = extent.sizes.iter().partition(fits);
    ensure!(!sizes.is_empty(), "this process may not open even {} connections", extent.sizes[0]);
    let mut left_out: Vec<String> = too_many
        .into_iter()
        .map(|size| {
            format!("A room of {size} was not measured: the limit of file descriptors is too low.")
        })
        .collect();
    let stop = interrupts()?;
    let (all, begun) = (machine::cpus(), Instant::now());
    let (mut trials, mut rounds) = (Vec::new(), 0);
    while rounds < extent.rounds {
        let ends = begun.elapsed() + begun.elapsed() / rounds.max(1);
        if rounds >= ROUNDS_LEAST && ends > TIME {
            left_out.push(format!(
                "The time limit of the lab ended it after {rounds} of {} rounds.",
                extent.rounds
            ));
            break;
        }
        for (model, twin, members) in order(&sizes, rounds, extent.twin) {
            note!("round {}: {members} members of {model}", rounds + 1);
            match trial(model, members, extent, &all, &stop) {
                Ok(heard) => trials.push(Trial::of(model, twin, members, rounds, &heard)),
                Err(error) => {
                    let said = format!("{model} with {members} members: {error:#}.");
                    if !left_out.contains(&said) {
                        left_out.push(said);
                    }
                }
            }
            if stop.load(Ordering::Relaxed) {
                return Err(interrupted("interrupted: there is no page"));
            }
        }
        rounds += 1;
    }
    if trials.is_empty() {
        bail!("no room could be measured: {}", left_out.join(" "));
    }
    Ok(Measured {
        rooms: rooms(&trials),
        message_bytes: MESSAGE_BYTES,
        rounds,
        detectable: noise(&trials),
        apart: all.len() > 1,
        left_out,
    })
}

/// All of a round, in its order: the sizes up and down by turns, and each model first by turns.
fn order(sizes: &[&usize], round: u32, twin: bool) -> Vec<(&'static str, bool, usize)> {
    let ends = [sizes.first(), sizes.last()];
    let mut sizes: Vec<usize> = sizes.iter().map(|size| **size).collect();
    let ends = ends.map(|size| size.map_or(0, |size| **size));
    if round % 2 == 1 {
        sizes.reverse();
    }
    let mut order = Vec::new();
    for size in sizes {
        let mut own: Vec<_> = MODELS.map(|model| (model, false, size)).into();
        if twin && ends.contains(&size) {
            own.push((AGAINST, true, size));
        }
        let first = round as usize % own.len();
        own.rotate_left(first);
        order.extend(own);
    }
    order
}

fn trial(
    model: &str,
    members: usize,
    extent: Extent,
    all: &[usize],
    stop: &AtomicBool,
) -> Result<Heard> {
    let server = serve(model, all)?;
    let load = RoomLoad {
        address: server.address,
        members,
        senders: 1,
        message_bytes: MESSAGE_BYTES,
        rate_per_s: None,
        warmup: extent.warmup,
        measure: extent.measure,
        drain: Duration::from_secs(30),
        connect_timeout: GATHER_TIMEOUT,
    };
    let heard = heard(&load, Some(&server), stop);
    machine::pin(all)?;
    // The server must not outlive its trial, even if the load failed.
    let stopped = ours::stop(server);
    let heard = heard?;
    stopped?;
    Ok(heard)
}

/// A server on all processors but the last one, which is the generator's where there are several.
fn serve(model: &str, all: &[usize]) -> Result<ServerChild> {
    let model = servers::models::find(model).context("the model is not listed")?;
    let settings = ServerPlan { app: "chat".into(), ..ServerPlan::default() };
    let cpus = match all {
        [others @ .., last] if !others.is_empty() => (others, std::slice::from_ref(last)),
        _ => (&[][..], &[][..]),
    };
    ours::start(model, &settings, Clients::default(), cpus)
}

impl Trial {
    fn of(model: &'static str, twin: bool, members: usize, round: u32, heard: &Heard) -> Self {
        let found = &heard.found;
        let quantile = |q: f64| {
            let found = found.fan_out.quantile(q)?;
            Some(crate::base::units::as_f64(found.value))
        };
        let flagged = heard.checks.iter().filter(|check| check.status != Status::Pass);
        Self {
            model,
            twin,
            members,
            round,
            deliveries: found.deliveries,
            missing: found.missing,
            out_of_order: found.out_of_order,
            deliveries_per_s: found.deliveries_per_s,
            p50_ns: quantile(0.5),
            p99_ns: quantile(0.99),
            cpu_ns: found.server_cpu_per_delivery_ns,
            threads: heard.server.as_ref().map(|server| server.threads),
            valid: heard.validity == Validity::Valid,
            flags: flagged.map(|check| check.name.clone()).collect(),
        }
    }
}

/// The figures of each model and size, over all rounds.
pub(super) fn rooms(trials: &[Trial]) -> Vec<Room> {
    let mut rooms = Vec::new();
    for model in MODELS {
        let own = || trials.iter().filter(|trial| trial.model == model && !trial.twin);
        let mut sizes: Vec<usize> = own().map(|trial| trial.members).collect();
        sizes.sort_unstable();
        sizes.dedup();
        for members in sizes.iter().copied() {
            let of_room = || own().filter(|trial| trial.members == members);
            let estimate =
                |of: Of| Estimate::from_values(&of_room().filter_map(of).collect::<Vec<_>>());
            let sum = |of: fn(&Trial) -> u64| of_room().map(of).sum();
            let over = |of: Of, other: &'static str, size: usize| {
                let is_other = other != model || size != members;
                is_other.then(|| times(trials, of, (model, members), (other, size))).flatten()
            };
            let mut flags: Vec<String> = of_room().flat_map(|trial| trial.flags.clone()).collect();
            flags.sort_unstable();
            flags.dedup();
            rooms.push(Room {
                model: model.into(),
                members,
                p50_ns: estimate(FAN_OUT),
                p99_ns: estimate(|trial| trial.p99_ns),
                cpu_ns: estimate(CPU),
                deliveries_per_s: estimate(|trial| Some(trial.deliveries_per_s)),
                deliveries: sum(|trial| trial.deliveries),
                missing: sum(|trial| trial.missing),
                out_of_order: sum(|trial| trial.out_of_order),
                threads: of_room().filter_map(|trial| trial.threads).max(),
                over_smallest: over(FAN_OUT, model, sizes[0]),
                cpu_over_smallest: over(CPU, model, sizes[0]),
                over_epoll: over(FAN_OUT, AGAINST, members),
                cpu_over_epoll: over(CPU, AGAINST, members),
                flags,
            });
        }
    }
    rooms
}

/// One cell over another, in the rounds in which both passed their checks.
fn times(
    trials: &[Trial],
    of: Of,
    cell: (&'static str, usize),
    other: (&'static str, usize),
) -> Option<Times> {
    let find = |(model, members), round| {
        let is = |trial: &&Trial| {
            (trial.model, trial.members, trial.round) == (model, members, round) && !trial.twin
        };
        trials.iter().find(is).filter(|trial| trial.valid).and_then(of)
    };
    let rounds = 0..=trials.iter().map(|trial| trial.round).max()?;
    let pairs: Vec<(f64, f64)> =
        rounds.filter_map(|round| Some((find(cell, round)?, find(other, round)?))).collect();
    over(&pairs)
}

fn over(pairs: &[(f64, f64)]) -> Option<Times> {
    let (of, to): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let found = ratio::paired(&of, &to)?;
    Some(Times { ratio: found.value, interval: found.interval })
}

/// How much of a difference two equal servers show.
pub(super) fn noise(trials: &[Trial]) -> Detectable {
    Detectable { fan_out: detectable(trials, FAN_OUT), cpu: detectable(trials, CPU) }
}

/// By how much epoll may differ from itself in the same rounds, in the room where that is most.
fn detectable(trials: &[Trial], of: Of) -> Option<f64> {
    let twins = || trials.iter().filter(|trial| trial.twin && trial.valid);
    let mut sizes: Vec<usize> = twins().map(|trial| trial.members).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let floor = |size: usize| {
        let pair = |twin: &Trial| {
            let is = |trial: &&Trial| {
                (trial.model, trial.members, trial.round) == (twin.model, size, twin.round)
                    && !trial.twin
            };
            let same = trials.iter().find(is).filter(|trial| trial.valid)?;
            Some((of(twin)?, of(same)?))
        };
        let pairs: Vec<_> = twins().filter(|twin| twin.members == size).filter_map(pair).collect();
        let Interval { low, high } = over(&pairs)?.interval;
        Some(away(low).max(away(high)))
    };
    sizes.into_iter().filter_map(floor).max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_has_every_room_once_and_epoll_twice_at_both_ends() {
        let sizes: Vec<&usize> = FULL.sizes.iter().collect();
        let firsts: Vec<_> = (0..FULL.rounds)
            .map(|round| {
                let order = order(&sizes, round, true);
                assert_eq!(order.len(), MODELS.len() * sizes.len() + 2);
                for model in MODELS {
                    for size in FULL.sizes {
                        assert!(order.contains(&(model, false, *size)), "{model} {size}");
                    }
                }
                assert!(order.contains(&(AGAINST, true, 10)));
                assert!(order.contains(&(AGAINST, true, 1_000)));
                order[0]
            })
            .collect();
        assert_eq!(firsts[0].2, 10);
        assert_eq!(firsts[1].2, 1_000);
        assert_ne!(firsts[0].0, firsts[2].0, "another model is first");
    }
}
