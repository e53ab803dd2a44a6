//! Merges the results of all threads.

use protocol::SessionTally;

use super::stage::Timeline;
use crate::outcome::{Cost, Outcome};
use crate::recorder::Recorder;
use crate::worker::misbehaving::BesideFound;
use crate::worker::{Found, together};
use crate::{Address, Engine, Load};

/// The results of all threads, merged.
struct All {
    recorder: Recorder,
    cost: Cost,
    /// Correct replies within the measurement, of each connection.
    ok: Vec<u64>,
    completed: u64,
    sessions: Option<SessionTally>,
}

impl All {
    fn merged(found: Vec<Found>) -> Self {
        let sessions = together(found.iter().map(|one| one.sessions));
        let mut cost = Cost { threads: found.len(), ..Cost::default() };
        let threads = found.len() as f64;
        let (mut ok, mut completed) = (Vec::new(), 0);
        let mut all: Option<Recorder> = None;
        for one in found {
            completed += one.completed;
            cost.cpu += one.cpu;
            cost.spun += one.spun;
            cost.wall = cost.wall.max(one.wall);
            if !one.wall.is_zero() {
                cost.spin_share += one.spun.as_secs_f64() / one.wall.as_secs_f64() / threads;
                let share = (one.cpu - one.spun).as_secs_f64() / one.wall.as_secs_f64();
                cost.cpu_max_share = cost.cpu_max_share.max(share);
            }
            ok.extend(one.ok);
            match &mut all {
                None => all = Some(one.recorder),
                Some(all) => all.add(&one.recorder),
            }
        }
        let recorder = all.expect("a load has at least one thread");
        Self { recorder, cost, ok, completed, sessions }
    }
}

pub(crate) fn outcome(
    (load, engine, address): (&Load, Engine, Address),
    timeline: &Timeline,
    found: Vec<Found>,
    beside: BesideFound,
) -> Outcome {
    let All { mut recorder, cost, ok, completed, sessions } = All::merged(found);
    let census = recorder.census();
    let intervals = recorder.intervals(timeline.phases.measure);
    let steps = recorder.steps(timeline.phases.measure);
    recorder.series.end_at(timeline.phases.measure);
    let (batch, mut connections) = (recorder.batch, recorder.connections);
    let connect_errors = recorder.connect_errors.named();
    let connect_errors_before = recorder.connect_errors_before.named();
    let saturated =
        recorder.saturated + recorder.greetings.as_ref().map_or(0, |greetings| greetings.saturated);
    connections.asked = load.connections;
    connections.spread(&ok);
    connections.service = recorder.clients.service();
    connections.slowest = recorder.clients.slowest();
    let wrong_example = recorder.wrong_example.take();
    let greetings = recorder.greetings.take();
    let turnaround = recorder.turnaround.take();
    let standstill = recorder.gaps.found().clone();
    let (series, sent) = (recorder.series.clone(), recorder.sent.take());
    let (latency, censored_ages) = recorder.into_latency();
    Outcome {
        engine,
        address,
        phases: timeline.phases,
        // A shorter drain lost nothing if no request was open at its end.
        interrupted: timeline.interrupted
            || timeline.drain_cut && census.unfinished + census.never_sent > 0,
        census,
        completed,
        latency,
        censored_ages,
        intervals,
        steps,
        series,
        sent,
        cost,
        connections,
        connect_errors,
        connect_errors_before,
        saturated,
        batch,
        standstill,
        greetings,
        sessions,
        turnaround,
        idle: beside.idle,
        misbehaving: beside.misbehaving,
        wrong_example,
    }
}
