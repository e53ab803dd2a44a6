//! The scope of a check: what caused the finding, and which figures it affects.

use crate::analysis::metric::Kind;
use crate::document::{About, Flag};

/// Checks of the machine and of the load generator, for documents of earlier versions, whose flags
/// do not record their cause.
const OUTSIDE: [&str; 13] = [
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
    "standstill",
    "steal",
];

/// Checks whose warnings make these figures invalid. Other warnings are remarks.
const WARNED: [(&str, &[Kind]); 14] = [
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
    ("standstill", &[Kind::Latency]),
    ("standstill-share", &[Kind::Throughput]),
    ("stationary", TIMED),
    ("warmed-up", TIMED),
];

/// What depends on when replies came.
const TIMED: &[Kind] = &[Kind::Throughput, Kind::Latency];
/// The same, and what they cost.
const SERVED: &[Kind] = &[Kind::Throughput, Kind::Latency, Kind::Cost];

/// Whether the machine or the load generator, not the server, caused the flag. Such a trial is no
/// evidence for or against the server.
#[must_use]
pub(crate) fn is_outside(flag: &Flag) -> bool {
    match flag.about {
        Some(about) => about != About::Server,
        None => OUTSIDE.contains(&flag.name.as_str()),
    }
}

/// Whether a flag, failed or only warned, invalidates this kind of figure in its trial. A failure
/// caused by the machine or the generator leaves memory valid; any other failure invalidates all
/// figures.
#[must_use]
pub(crate) fn reaches(flag: &Flag, failed: bool, kind: Kind) -> bool {
    if failed {
        return kind != Kind::Memory || !is_outside(flag);
    }
    WARNED.iter().any(|(name, kinds)| *name == flag.name && kinds.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{closed, flag};

    fn flagged(name: &str) -> Flag {
        let mut cell = closed("epoll", &[1.0]);
        flag(&mut cell, name);
        cell.flags.remove(0)
    }

    #[test]
    fn a_busy_generator_touches_throughput_and_not_the_cost() {
        let warned = |kind| reaches(&flagged("generator-cpu"), false, kind);
        assert_eq!([Kind::Throughput, Kind::Cost].map(warned), [true, false]);
        let about_samples = reaches(&flagged("independent"), false, Kind::Latency);
        assert!(!about_samples, "it is about numbers of samples");
    }

    #[test]
    fn gaps_of_less_than_a_twentieth_touch_latency_and_not_throughput() {
        let warned = |name| {
            [Kind::Latency, Kind::Throughput, Kind::Cost]
                .map(|kind| reaches(&flagged(name), false, kind))
        };
        assert_eq!(warned("standstill"), [true, false, false]);
        assert_eq!(warned("standstill-share"), [false, true, false]);
    }

    #[test]
    fn what_failed_by_the_server_leaves_no_figure() {
        let failed = |name: &str, kind| reaches(&flagged(name), true, kind);
        assert!(failed("errors", Kind::Memory) && failed("answered", Kind::Cost));
        assert!(!failed("steal", Kind::Memory) && failed("steal", Kind::Cost));
    }

    #[test]
    fn whose_doing_it_was_is_what_the_trial_says() {
        // No local port was left: by its name it would be the server's.
        let mut connects = flagged("connects");
        assert!(!is_outside(&connects));
        connects.about = Some(About::Generator);
        assert!(is_outside(&connects));
    }
}
