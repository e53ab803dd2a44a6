//! Synthetic loads: a generator's results that were never measured, and their document.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use loadgen::{Arrivals, Histogram, Load, Outcome};
use protocol::{App, Framing, Recipe, Request};

use crate::document::{Conditions, Contention, Host, Target, Trial, TrialRecord};
use crate::trial::record::{self, Circumstances};

/// What happened to requests: when each was due, how long it took to be served, its fate.
#[derive(Clone)]
pub(crate) struct Samples(pub(crate) Vec<(u64, u64, Fate)>);

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    Ok,
    Reset,
    Unfinished,
}

const MEASURE: Duration = Duration::from_secs(1);
const SLICE: Duration = Duration::from_millis(100);
pub(crate) const CONNECTIONS: usize = 3;

impl Samples {
    /// So many samples that a seed decides.
    pub(crate) fn some(seed: u64, n: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut sample = || {
            let fate = match random.u32(0..50) {
                0 => Fate::Reset,
                1 => Fate::Unfinished,
                _ => Fate::Ok,
            };
            (random.u64(0..1_000_000_000), random.u64(10_000..30_000_000), fate)
        };
        Self((0..n).map(|_| sample()).collect())
    }

    pub(crate) fn shard(&self, (k, n): (usize, usize)) -> Self {
        Self(self.0.iter().skip(k).step_by(n).copied().collect())
    }

    /// What a generator makes of them, with so many connections.
    #[expect(clippy::too_many_lines, reason = "an outcome has many fields")]
    fn outcome(&self, connections: usize, began: Duration) -> Outcome {
        let fine = || Histogram::new_with_bounds(1, 20_000_000_000, 3).expect("bounds");
        let coarse = || Histogram::new_with_bounds(1, 20_000_000_000, 2).expect("bounds");
        let (mut service, mut response, mut ages) = (fine(), fine(), fine());
        let (mut census, mut errors) = (loadgen::Census::default(), BTreeMap::new());
        let slice = |at: u32| loadgen::Interval {
            start: SLICE * at,
            width: SLICE,
            ok: 0,
            failed: 0,
            latency: coarse(),
        };
        let mut intervals: Vec<_> = (0..10).map(slice).collect();
        let mut ok_of = vec![0_u64; connections];
        for (at, (due, took, fate)) in self.0.iter().enumerate() {
            let piece = usize::try_from(due / 100_000_000).expect("small");
            census.offered += 1;
            census.sent += 1;
            match fate {
                Fate::Ok => {
                    census.ok += 1;
                    ok_of[at % connections] += 1;
                    service.saturating_record(*took);
                    response.saturating_record(took + 5_000);
                    intervals[piece].ok += 1;
                    intervals[piece].latency.saturating_record(took + 5_000);
                }
                Fate::Reset => {
                    *errors.entry("reset").or_default() += 1;
                    intervals[piece].failed += 1;
                }
                Fate::Unfinished => {
                    census.unfinished += 1;
                    ages.saturating_record(*took);
                }
            }
        }
        census.errors = errors;
        Outcome {
            address: loadgen::Address::Tcp(([127, 0, 0, 1], 1).into()),
            phases: loadgen::Phases { measure: MEASURE, began, ..Default::default() },
            interrupted: false,
            completed: census.ok,
            latency: loadgen::Latency {
                response: Some(response),
                conn_wait: fine(),
                sched_lag: service.clone(),
                connect: fine(),
                service,
            },
            censored_ages: ages,
            intervals,
            steps: Vec::new(),
            series: loadgen::Series::new(Duration::ZERO, MEASURE),
            sent: None,
            idle: loadgen::IdleTally::default(),
            misbehaving: BTreeMap::new(),
            connect_errors: BTreeMap::new(),
            connect_errors_before: BTreeMap::new(),
            saturated: 0,
            engine: loadgen::Engine::Epoll,
            cost: loadgen::Cost {
                threads: 1,
                cpu: Duration::from_nanos(7 * census.offered),
                spun: Duration::from_nanos(2 * census.offered),
                spin_share: 0.0,
                cpu_max_share: 0.25,
                wall: MEASURE,
            },
            connections: tally(&ok_of),
            batch: loadgen::Batch { wakeups: census.sent, events: 2 * census.sent, max: 4 },
            standstill: loadgen::Standstill {
                gaps: 0,
                measured: Duration::ZERO,
                outside: Duration::ZERO,
                longest: Duration::ZERO,
                longest_at_ns: 0,
                touched: fine(),
            },
            greetings: None,
            sessions: None,
            turnaround: None,
            wrong_example: None,
            census,
        }
    }
}

fn tally(ok_of: &[u64]) -> loadgen::ConnectionTally {
    let connections = ok_of.len();
    let sum = ok_of.iter().sum::<u64>();
    let squares = ok_of.iter().map(|ok| ok * ok).sum::<u64>();
    loadgen::ConnectionTally {
        asked: connections,
        opened: connections,
        served: connections,
        ok_sum: sum,
        ok_square_sum: squares,
        ok_min: ok_of.iter().copied().min().unwrap_or(0),
        ok_max: ok_of.iter().copied().max().unwrap_or(0),
        jain: (sum as f64).powi(2) / (connections as f64 * squares as f64),
        service: Duration::from_micros(40 * sum),
        ..Default::default()
    }
}

/// The document of the generator with this shard, which began so many nanoseconds after the first.
pub(crate) fn document(samples: &Samples, shard: (u64, u64), later_ns: u64) -> Trial {
    let request = Request::Echo { bytes: 8 };
    let small = |n: u64| usize::try_from(n).expect("small");
    let (k, n) = (small(shard.0), small(shard.1));
    let connections = if n > 1 { CONNECTIONS } else { 3 * CONNECTIONS };
    let load = Load {
        target: std::net::SocketAddr::from(([127, 0, 0, 1], 1)).into(),
        recipe: Arc::new(Recipe::new(App::Bench, Framing::Line, request).expect("a recipe")),
        connections,
        threads: 1,
        cpus: vec![k],
        engine: loadgen::Engine::Epoll,
        pacing: loadgen::Pacing::SLEEP,
        arrivals: Arrivals::Constant { rate_per_s: 900.0 },
        greeting: false,
        conduct: loadgen::Conduct::default(),
        warmup: Duration::ZERO,
        measure: MEASURE,
        drain: Duration::ZERO,
        request_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(1),
        interval: SLICE,
        shard,
        requests: None,
        start_at: loadgen::StartAt::Soon,
        live: false,
    };
    let circumstances = Circumstances {
        run: TrialRecord {
            id: "load".into(),
            workload: "load".into(),
            block: 0,
            position: 0,
            seed: 1,
            started_at: format!("2026-01-01T00:00:0{k}Z"),
            program_version: "0".into(),
            command: vec![format!("{k}")],
            ..TrialRecord::default()
        },
        target: Target { address: "127.0.0.1:1".into(), ..Target::default() },
        service: (App::Bench, Framing::Line),
        request: crate::workload::requests::record(request),
        load: &load,
        server: None,
        host: host(),
        conditions: Conditions { steal_share: Some(0.0), ..Conditions::default() },
        contention: Some(Contention {
            processors: 2,
            runnable: 1 + k as u64,
            pressure_share: None,
        }),
    };
    let began = Duration::from_nanos(1_700_000_000_000_000_000 + later_ns);
    let outcome = samples.shard((k, n)).outcome(connections, began);
    record::trial(circumstances, &outcome).expect("a document")
}

fn host() -> Host {
    Host {
        kernel: "Linux".into(),
        cpu_model: "a processor".into(),
        cpus: 2,
        memory_bytes: 1,
        governor: None,
        clock_source: None,
        congestion_control: None,
        somaxconn: None,
        descriptors_max: None,
        hypervisor: None,
        work_round_ps: 1,
        ..Host::default()
    }
}
