//! Time that a processor takes from a thread that never sleeps: interrupts, other threads, the
//! hypervisor.
//!
//! No thread on such a processor can send or answer meanwhile. So this is the least lateness of any
//! generator there, and the least tail of any server.

use std::thread;
use std::time::{Duration, Instant};

use super::{Subject, graded};
use crate::base::units::{as_f64, ns, show_ns};
use crate::document::Finding;
use crate::host::machine;

/// How long all processors are held.
const HELD: Duration = Duration::from_millis(500);
/// Two readings of the clock that are farther apart than this had something between them.
const GAP_NS: u64 = 5_000;
/// More processors are not tried: server and generator have few as well.
const PROCESSORS_MAX: usize = 8;

/// All processors at once, as in a measurement, where server and generator are both busy.
pub(super) fn probe() -> Option<Finding> {
    let processors = machine::cpus();
    let threads: Vec<_> = processors
        .into_iter()
        .take(PROCESSORS_MAX)
        .map(|processor| thread::spawn(move || machine::pin(&[processor]).ok().map(|()| hold())))
        .collect();
    let held = threads.into_iter().filter_map(|thread| thread.join().ok().flatten());
    let gaps = held.max_by_key(|gaps| lateness(gaps, HELD, 0.999))?;
    let late = lateness(&gaps, HELD, 0.999);
    let lost: u64 = gaps.iter().sum();
    let subject = Subject {
        name: "stalls",
        limit: "sends at random times are late by at most 50 us at p99.9",
        why: "even a thread that never sleeps loses its processor at times: neither the generator's lateness nor \
              any server's tail can be smaller than this",
        mend: "stop other programs; keep interrupts off the measured processors (isolcpus, \
            irqbalance); in a virtual machine use dedicated processors, or measure for longer and \
            read the median",
    };
    let value = format!(
        "late by {} at p99.9: the worst processor was away {} times in {}, for {:.2} % of the time, {} at the longest",
        show_ns(late),
        gaps.len(),
        show_ns(ns(HELD)),
        as_f64(lost) / HELD.as_secs_f64() / 1e7,
        show_ns(gaps.iter().copied().max().unwrap_or(0)),
    );
    Some(subject.found(graded(as_f64(late), 50e3, f64::INFINITY), value))
}

/// Reads the clock without a pause. Returns how long it was away, each time that it was.
fn hold() -> Vec<u64> {
    let begin = Instant::now();
    let (mut gaps, mut last) = (Vec::new(), begin);
    while last - begin < HELD {
        let now = Instant::now();
        let gap = ns(now - last);
        if gap > GAP_NS {
            gaps.push(gap);
        }
        last = now;
    }
    gaps
}

/// How late is at most this share of those who want to do something at random moments of this time: who falls into
/// a gap has to wait for its end. In nanoseconds.
fn lateness(gaps: &[u64], time: Duration, share: f64) -> u64 {
    let late_ns = time.as_secs_f64() * 1e9 * (1.0 - share);
    let beyond =
        |bound: u64| -> f64 { gaps.iter().map(|gap| as_f64(gap.saturating_sub(bound))).sum() };
    // The sum falls with the bound, from all that was lost to nothing.
    let (mut low, mut high) = (0, gaps.iter().copied().max().unwrap_or(0));
    while low < high {
        let middle = u64::midpoint(low, high);
        if beyond(middle) > late_ns {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_what_is_left_of_the_gap_that_one_falls_into() {
        let second = Duration::from_secs(1);
        // One gap of 10 ms in a second: one of a hundred falls into it, half of them in its first half.
        let one = [10_000_000];
        assert_eq!(lateness(&one, second, 0.995), 5_000_000);
        assert_eq!(lateness(&one, second, 0.999), 9_000_000);
        assert_eq!(lateness(&one, second, 0.98), 0, "most fall into no gap");
        // Ten of 1 ms lose as much, and nobody has to wait as long.
        assert_eq!(lateness(&[1_000_000; 10], second, 0.995), 500_000);
        assert_eq!(lateness(&[1_000_000; 10], second, 0.999), 900_000);
        assert_eq!(lateness(&[], second, 0.999), 0);
    }

    #[test]
    fn a_thread_that_never_sleeps_is_held_for_as_long_as_asked() {
        let finding = probe().expect("there is a processor");
        assert!(finding.value.starts_with("late by "), "{}", finding.value);
    }
}
