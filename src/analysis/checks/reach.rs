//! What the finding of a check reaches: whose doing it is, and which figures are not what they seem.

use crate::analysis::metric::Kind;

/// Checks of the machine and of the load generator. What they find is measured outside of the server, so a
/// trial that does not pass them is no evidence for or against it.
const OUTSIDE: [&str; 12] = [
    "arrivals-as-asked",
    "census",
    "complete",
    "generator-cpu",
    "in-range",
    "load-above-cores",
    "one-clock",
    "own-processors",
    "ports",
    "sched-lag",
    "shards",
    "steal",
];

/// Where a warning says that these figures are not what they seem. Others are remarks.
const WARNED: [(&str, &[Kind]); 12] = [
    ("arrivals-as-asked", &[Kind::Latency]),
    ("effective-concurrency", SERVED),
    ("fairness", SERVED),
    ("generator-cpu", &[Kind::Throughput]),
    ("listen-queue", &[Kind::Latency]),
    ("load-above-cores", SERVED),
    ("never-served", SERVED),
    ("own-processors", TIMED),
    ("sched-lag", &[Kind::Latency]),
    ("sessions-kept", &[]),
    ("stationary", TIMED),
    ("warmed-up", TIMED),
];

/// What depends on when replies came.
const TIMED: &[Kind] = &[Kind::Throughput, Kind::Latency];
/// The same, and what they cost.
const SERVED: &[Kind] = &[Kind::Throughput, Kind::Latency, Kind::Cost];

/// Whether a check is of the machine or the load generator and not of the server.
#[must_use]
pub(crate) fn is_outside(check: &str) -> bool {
    OUTSIDE.contains(&check)
}

/// Whether a figure of this kind is not what it seems in a trial that does not pass this check. A failure of
/// the machine's or the generator's making leaves memory as it is; any other failure leaves nothing.
#[must_use]
pub(crate) fn reaches(check: &str, failed: bool, kind: Kind) -> bool {
    if failed {
        return kind != Kind::Memory || !is_outside(check);
    }
    WARNED.iter().any(|(name, kinds)| *name == check && kinds.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_generator_touches_throughput_and_not_the_cost() {
        let warned = |kind| reaches("generator-cpu", false, kind);
        assert_eq!([Kind::Throughput, Kind::Cost].map(warned), [true, false]);
        assert!(!reaches("independent", false, Kind::Latency), "it is about numbers of samples");
    }

    #[test]
    fn what_failed_by_the_server_leaves_no_figure() {
        assert!(reaches("errors", true, Kind::Memory) && reaches("answered", true, Kind::Cost));
        assert!(!reaches("steal", true, Kind::Memory) && reaches("steal", true, Kind::Cost));
    }
}
