//! The claims for our generator, and the verdict of the pairs on each. A pair is two runs of one round, close together.

use c10k::statistics::claim::{Answer, Claim};
use c10k::statistics::{Interval, median};
use c10k::units::show_ns_f64;
use serde::Serialize;

use crate::runs::Run;
use crate::work::Work;

/// The generator that the claims are about: the engine that `--engine auto` takes.
pub(crate) const OURS: &str = "c10k epoll";
pub(crate) const WRK: &str = "wrk";
pub(crate) const LEAST: &str = "C, closed";
/// The C client that never sleeps.
pub(crate) const SPINNING: &str = "C, spinning";

pub(crate) const CONNECTIONS: [usize; 2] = [50, 1_000];

/// A run that differs by less than this share from the median of its side is not unusual.
const USUAL: f64 = 0.03;
/// From this share on, a miss mentions the steal.
const STEAL_WORTH: f64 = 0.01;

/// The compared figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Figure {
    /// Ours over theirs.
    RequestsPerCpu,
    /// Ours over theirs.
    CpuPerRequest,
    /// Ours over theirs.
    P50,
}

impl Figure {
    /// The figure of one run in nanoseconds; for requests per CPU-second, it is the CPU per request.
    fn of(self, run: &Run) -> Option<f64> {
        match self {
            Self::RequestsPerCpu | Self::CpuPerRequest => Some(run.cpu_per_request_ns()),
            Self::P50 => run.told.p50_ns,
        }
    }

    fn ratio(self, ours: f64, theirs: f64) -> f64 {
        if self == Self::RequestsPerCpu { theirs / ours } else { ours / theirs }
    }

    fn name(self) -> &'static str {
        match self {
            Self::RequestsPerCpu => "requests per CPU-second",
            Self::CpuPerRequest => "CPU per request",
            Self::P50 => "p50",
        }
    }
}

/// One claim.
struct Demand {
    theirs: &'static str,
    /// The connections of a closed loop; `None` is the open loop.
    closed: Option<usize>,
    figure: Figure,
    claim: Claim,
}

const fn closed(connections: usize, theirs: &'static str, figure: Figure, claim: Claim) -> Demand {
    Demand { theirs, closed: Some(connections), figure, claim }
}

/// All claims.
const DEMANDS: [Demand; 5] = [
    closed(CONNECTIONS[0], WRK, Figure::RequestsPerCpu, Claim::AtLeast(1.3)),
    closed(CONNECTIONS[1], WRK, Figure::RequestsPerCpu, Claim::AtLeast(1.3)),
    closed(CONNECTIONS[0], LEAST, Figure::CpuPerRequest, Claim::AtMost(1.05)),
    closed(CONNECTIONS[1], LEAST, Figure::CpuPerRequest, Claim::AtMost(1.05)),
    Demand { theirs: SPINNING, closed: None, figure: Figure::P50, claim: Claim::AtMost(1.3) },
];

impl Demand {
    fn is_of(&self, work: Work) -> bool {
        match (work, self.closed) {
            (Work::Closed { connections }, Some(of)) => connections == of,
            (Work::Open { .. }, None) => true,
            _ => false,
        }
    }

    fn what(&self) -> String {
        let Self { theirs, closed, figure, .. } = self;
        let figure = figure.name();
        match closed {
            Some(connections) => format!("{connections} connections: {figure}, over {theirs}"),
            None => format!("open loop: {figure}, over {theirs}"),
        }
    }
}

/// The verdict of the pairs on a claim.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) what: String,
    pub(crate) claim: Claim,
    pub(crate) pairs: usize,
    pub(crate) median: Option<f64>,
    /// The 95 % interval of the median.
    pub(crate) interval: Option<Interval>,
    /// `None` without pairs.
    pub(crate) answer: Option<Answer>,
    /// The pairs in which the claim does not hold.
    pub(crate) misses: Vec<Miss>,
}

/// A pair in which a claim does not hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Miss {
    /// From 1.
    pub(crate) round: u32,
    pub(crate) ratio: f64,
    pub(crate) why: String,
}

/// The replies to our generator in all runs: how many were right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Replies {
    pub(crate) runs: usize,
    pub(crate) right: u64,
    pub(crate) not_right: u64,
}

pub(crate) fn replies(runs: &[Run]) -> Replies {
    let ours: Vec<&Run> = runs.iter().filter(|run| run.client == OURS).collect();
    Replies {
        runs: ours.len(),
        right: ours.iter().map(|run| run.told.requests).sum(),
        not_right: ours.iter().map(|run| run.told.failed).sum(),
    }
}

/// Verdicts on all claims about work that was measured.
pub(crate) fn judge(runs: &[Run]) -> Vec<Verdict> {
    let asked = |demand: &&Demand| runs.iter().any(|run| demand.is_of(run.work));
    DEMANDS.iter().filter(asked).map(|demand| judge_one(demand, runs)).collect()
}

fn judge_one(demand: &Demand, runs: &[Run]) -> Verdict {
    let Demand { theirs, figure, claim, .. } = demand;
    let of = |name: &str| -> Vec<&Run> {
        runs.iter().filter(|run| run.client == name && demand.is_of(run.work)).collect()
    };
    let (our_runs, their_runs) = (of(OURS), of(theirs));
    let pairs: Vec<Pair> = our_runs
        .iter()
        .filter_map(|ours| {
            let theirs = their_runs.iter().find(|theirs| theirs.round == ours.round)?;
            let (our_figure, their_figure) = (figure.of(ours)?, figure.of(theirs)?);
            Some(Pair { sides: [(ours, our_figure), (theirs, their_figure)] })
        })
        .collect();
    let ratio = |pair: &Pair| figure.ratio(pair.sides[0].1, pair.sides[1].1);
    let ratios: Vec<f64> = pairs.iter().map(ratio).collect();
    let medians = [0, 1].map(|side| {
        median(&pairs.iter().map(|pair| pair.sides[side].1).collect::<Vec<_>>()).unwrap_or(f64::NAN)
    });
    let missed = pairs.iter().filter(|pair| !claim.meets(ratio(pair)));
    let misses = missed.map(|pair| Miss {
        round: pair.sides[0].0.round + 1,
        ratio: ratio(pair),
        why: pair.why(medians),
    });
    let judged = claim.judge(&ratios);
    Verdict {
        what: demand.what(),
        claim: *claim,
        pairs: pairs.len(),
        median: judged.map(|judged| judged.median),
        interval: judged.and_then(|judged| judged.interval),
        answer: judged.map(|judged| judged.answer),
        misses: misses.collect(),
    }
}

/// Two runs of one round, ours and theirs, each with its figure.
struct Pair<'a> {
    sides: [(&'a Run, f64); 2],
}

impl Pair<'_> {
    /// Both figures, each with its distance from the median of its side. The side that is further off is the cause.
    fn why(&self, medians: [f64; 2]) -> String {
        let off = [0, 1].map(|side| self.sides[side].1 / medians[side] - 1.0);
        let mut parts: Vec<String> = [0, 1]
            .map(|side| {
                let (run, figure) = self.sides[side];
                let percent = off[side] * 100.0;
                format!("{} {} ({percent:+.0} % of its median)", run.client, show_ns_f64(figure))
            })
            .to_vec();
        for (run, _) in self.sides {
            if let Some(share) = run.steal_share.filter(|share| *share >= STEAL_WORTH) {
                let percent = share * 100.0;
                parts.push(format!("the hypervisor took {percent:.0} % during {}", run.client));
            }
        }
        let further = usize::from(off[1].abs() > off[0].abs());
        parts.push(if off[further].abs() < USUAL {
            "neither run is unusual: the medians themselves are close to the limit".into()
        } else {
            format!("the unusual run is that of {}", self.sides[further].0.client)
        });
        parts.join("; ")
    }
}
